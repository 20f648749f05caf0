//! `approvals`: what the agent asks for, and answering it.

use crate::args::approvals::{AcceptArgs, AnswerArgs, ApprovalsAction, ApprovalsArgs};
use crate::connect::{prompt, report};
use crate::enroll::read_stdin;
use crate::{CliError, Exit, screen};
use drawbridge_consent::visible_line;
use drawbridge_control::ControlClient;
use drawbridge_wire::control::{Answer, ApprovalState, ApprovalView, Choice, FieldKind};
use drawbridge_wire::{Decision, NetworkAction, NetworkRule};
use serde_json::{Map, Value};
use std::io::IsTerminal;
use std::path::Path;

/// The name under which these commands answer.
const CLIENT: &str = "drawbridge approvals";
/// Shorter beginnings of a digest say too little.
const SHORTEST_DIGEST: usize = 8;
/// Longest answers that are read from stdin, in bytes.
const LONGEST_REPLIES: u64 = 1024 * 1024;

pub(crate) async fn run(data_dir: &Path, args: ApprovalsArgs) -> Result<Exit, CliError> {
    match args.action {
        ApprovalsAction::List(args) => list(data_dir, args.json).await,
        ApprovalsAction::Show { id, json } => show(data_dir, &id, json).await,
        ApprovalsAction::Accept(args) => {
            let decision = accepting(&args).await?;
            answer(data_dir, args.answer, decision, !args.reply.is_empty()).await
        }
        ApprovalsAction::Decline(args) => {
            let decision = match args.deny_host {
                Some(host) => rule(NetworkAction::Deny, host),
                None => Decision::Decline,
            };
            answer(data_dir, args.answer, decision, false).await
        }
        ApprovalsAction::Cancel(args) => answer(data_dir, args, Decision::Cancel, false).await,
    }
}

async fn accepting(args: &AcceptArgs) -> Result<Decision, CliError> {
    if args.for_session {
        return Ok(Decision::AcceptForSession);
    }
    if args.with_amendment {
        return Ok(Decision::AcceptWithAmendment);
    }
    if let Some(host) = &args.allow_host {
        return Ok(rule(NetworkAction::Allow, host.clone()));
    }
    if args.reply_stdin {
        return Ok(Decision::Answers(replies_from_stdin().await?));
    }
    if args.reply.is_empty() {
        return Ok(Decision::Accept);
    }
    let mut answers = Map::new();
    for reply in &args.reply {
        let (question, text) = reply
            .split_once('=')
            .filter(|(question, _)| !question.is_empty())
            .ok_or_else(|| CliError::Usage(format!("--reply takes QUESTION=TEXT, not `{reply}`")))?;
        if answers.insert(question.to_owned(), Value::from(text)).is_some() {
            return Err(CliError::Usage(format!(
                "--reply answers the question `{question}` twice"
            )));
        }
    }
    Ok(Decision::Answers(answers))
}

fn rule(action: NetworkAction, host: String) -> Decision {
    Decision::ApplyNetworkRule(NetworkRule { action, host })
}

/// What is there may be secret, so no error repeats it.
async fn replies_from_stdin() -> Result<Map<String, Value>, CliError> {
    let text = read_stdin(LONGEST_REPLIES + 1).await?;
    let wrong = |what: &str| CliError::Usage(format!("--reply-stdin {what}"));
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LONGEST_REPLIES {
        return Err(wrong("takes at most 1 MiB"));
    }
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        wrong(&format!(
            "reads one JSON object, {{\"QUESTION\": \"TEXT\"}}; line {line}, column {column} is none"
        ))
    })
}

async fn list(data_dir: &Path, json: bool) -> Result<Exit, CliError> {
    let view = ControlClient::connect(data_dir, CLIENT, false)
        .await?
        .snapshot()
        .await?;
    if json {
        screen::json(&view.approvals)?;
    } else if view.approvals.is_empty() {
        screen::note_line("nothing waits for an answer");
    } else {
        view.approvals
            .iter()
            .try_for_each(|approval| screen::line(&report::approval(approval)))?;
    }
    Ok(Exit::Done)
}

async fn find(client: &mut ControlClient, id: &str) -> Result<ApprovalView, CliError> {
    let view = client.snapshot().await?;
    view.approvals
        .into_iter()
        .find(|approval| approval.id == id)
        .ok_or_else(|| CliError::NoApproval(id.to_owned()))
}

async fn show(data_dir: &Path, id: &str, json: bool) -> Result<Exit, CliError> {
    let view = find(&mut ControlClient::connect(data_dir, CLIENT, false).await?, id).await?;
    if json {
        screen::json(&view)?;
    } else {
        print_card(&view)?;
        screen::line(&format!("Stands: {}", report::state(&view.state)))?;
        if let Some(outcome) = view.outcome {
            screen::line(&format!("Then: {}", report::outcome(outcome)))?;
        }
        for choice in &view.choices {
            let word = match &choice.decision {
                Decision::ApplyNetworkRule(_) => prompt::typed(&choice.decision),
                other => other.word().to_owned(),
            };
            screen::line(&format!("Possible: {word}  {}", choice.label))?;
        }
        screen::line(&format!("Digest: {}", view.digest))?;
    }
    Ok(Exit::Done)
}

fn print_card(view: &ApprovalView) -> Result<(), CliError> {
    let card = prompt::whole(view);
    if std::io::stdout().is_terminal() {
        screen::out(&screen::wrap(&card, screen::width()))
    } else {
        screen::line(&card)
    }
}

/// `seen`: the answers came on the command line.
async fn answer(
    data_dir: &Path,
    args: AnswerArgs,
    mut decision: Decision,
    seen: bool,
) -> Result<Exit, CliError> {
    let mut client = ControlClient::connect(data_dir, CLIENT, false).await?;
    let view = find(&mut client, &args.id).await?;
    if let Some(digest) = &args.digest {
        check_digest(&view, digest)?;
    }
    if decision.weighs() {
        if args.json {
            screen::note_line(&prompt::whole(&view));
        } else {
            print_card(&view)?;
        }
    }
    if view.state != ApprovalState::Open {
        return Err(CliError::NotCounted(format!(
            "approval {} is {}",
            args.id,
            report::state(&view.state)
        )));
    }
    if decision == Decision::Accept && takes_replies(&view) && !needs_replies(&view) {
        decision = Decision::Answers(serde_json::Map::new());
    }
    if let Some(missing) = replies_missing(&view, &decision) {
        return Err(CliError::Usage(missing));
    }
    let secret = |id: &String| {
        let mut fields = view.form.iter().flatten();
        fields.any(|field| field.id == *id && field.kind == FieldKind::Secret)
    };
    if seen && matches!(&decision, Decision::Answers(answers) if answers.keys().any(secret)) {
        screen::note_line(
            "a secret on a command line can be read by other programs; give it with --reply-stdin next time",
        );
    }
    let id = view.id;
    let result = client
        .answer(Answer {
            id: id.clone(),
            digest: view.digest,
            decision,
        })
        .await?;
    if args.json {
        screen::json(&result)?;
    } else if result.won {
        screen::line(&format!("approval {id}: {}", report::state(&result.state)))?;
    }
    if result.won {
        Ok(Exit::Done)
    } else {
        Err(CliError::NotCounted(format!(
            "approval {id} was answered first: {}",
            report::state(&result.state)
        )))
    }
}

/// What to write instead, where a bare yes is no answer.
fn replies_missing(view: &ApprovalView, decision: &Decision) -> Option<String> {
    if *decision != Decision::Accept || !takes_replies(view) {
        return None;
    }
    let ids = view.form.iter().flatten().map(|field| visible_line(&field.id));
    let ids: Vec<String> = ids.collect();
    let of = if ids.is_empty() {
        "`drawbridge approvals show` has the questions".to_owned()
    } else {
        format!("the questions are {}", ids.join(", "))
    };
    Some(format!(
        "approval {} asks for replies: give each as --reply QUESTION=TEXT, or all with --reply-stdin; {of}",
        view.id
    ))
}

fn takes_replies(view: &ApprovalView) -> bool {
    let takes = |choice: &Choice| matches!(choice.decision, Decision::Answers(_));
    view.choices.iter().any(takes)
}

/// Whether a form cannot be sent empty. One that is not understood needs what nobody here knows.
fn needs_replies(view: &ApprovalView) -> bool {
    view.form
        .as_ref()
        .is_none_or(|fields| fields.iter().any(|field| field.required))
}

fn check_digest(view: &ApprovalView, digest: &str) -> Result<(), CliError> {
    if digest.len() < SHORTEST_DIGEST {
        return Err(CliError::Usage(format!(
            "--digest takes at least {SHORTEST_DIGEST} characters"
        )));
    }
    if view.digest.starts_with(&digest.to_lowercase()) {
        return Ok(());
    }
    Err(CliError::NotCounted(format!(
        "approval {} is not what had this digest; read it again",
        view.id
    )))
}

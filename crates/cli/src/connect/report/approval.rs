//! An approval in words: what is asked for, where it stands, what became of it.

use drawbridge_consent::visible_line;
use drawbridge_wire::control::{ApprovalState, ApprovalView, ItemOutcome};
use drawbridge_wire::{AnswerSource, Decision, NetworkAction};

/// An approval on one line.
pub(crate) fn approval(view: &ApprovalView) -> String {
    let then = view
        .outcome
        .map_or_else(String::new, |outcome| format!("; {}", self::outcome(outcome)));
    format!(
        "approval {}: {}{then} — {}",
        view.id,
        state(&view.state),
        view.headline
    )
}

/// What then happened to what was asked for.
pub(crate) fn outcome(outcome: ItemOutcome) -> String {
    match outcome {
        ItemOutcome::Running => "it is under way".to_owned(),
        ItemOutcome::Completed { exit_code: None } => "it was done".to_owned(),
        ItemOutcome::Completed {
            exit_code: Some(code),
        } => format!("it ran and ended with exit code {code}"),
        ItemOutcome::Failed { exit_code: None } => "it failed".to_owned(),
        ItemOutcome::Failed {
            exit_code: Some(code),
        } => format!("it failed with exit code {code}"),
        ItemOutcome::Declined => "it was not done".to_owned(),
        ItemOutcome::TurnInterrupted => {
            "the turn was interrupted before an end of it was told; a command that had begun may still run"
                .to_owned()
        }
        ItemOutcome::Unknown => "codex did not tell what became of it".to_owned(),
    }
}

/// Where an approval stands.
pub(crate) fn state(state: &ApprovalState) -> String {
    match state {
        ApprovalState::Open => "waits for an answer".to_owned(),
        ApprovalState::Sent { by, decision } => format!("{} {}, on its way", past(decision), source(by)),
        ApprovalState::Applied { by, decision } => format!("{} {}", past(decision), source(by)),
        ApprovalState::Superseded => {
            "settled elsewhere: another Codex client answered, or the turn ended".to_owned()
        }
        ApprovalState::Lost => "gone: the agent restarted".to_owned(),
        ApprovalState::Invalidated => "void: the agent changed what it asks for".to_owned(),
    }
}

fn past(decision: &Decision) -> &'static str {
    match decision {
        Decision::Accept => "accepted",
        Decision::AcceptForSession => "accepted for the rest of the thread",
        Decision::AcceptWithAmendment => "accepted with a lasting rule",
        Decision::ApplyNetworkRule(rule) if rule.action == NetworkAction::Allow => {
            "accepted with a lasting network rule"
        }
        Decision::ApplyNetworkRule(_) => "declined with a lasting network rule",
        Decision::Answers(_) => "answered",
        Decision::Grant(_) => "granted in part",
        Decision::Decline => "declined",
        Decision::Cancel => "cancelled",
    }
}

/// Who answered, or why nobody did.
fn source(by: &AnswerSource) -> String {
    match by {
        AnswerSource::Control { client } => format!("by {} at this computer", visible_line(client)),
        AnswerSource::LocalClient { connection } => {
            format!("by a Codex client at this computer (connection {connection})")
        }
        AnswerSource::Remote { bus, client } => {
            format!("by {} through {}", visible_line(client), visible_line(bus))
        }
        AnswerSource::Deadline => "because nobody answered in time".to_owned(),
        AnswerSource::Policy => "because nobody may answer this here".to_owned(),
        AnswerSource::Shutdown => "because the host is stopping".to_owned(),
    }
}

//! The person at the host: reads each card, answers, sees that the answer counted.

use crate::hop::{Failure, Hops};
use crate::host::Desk;
use drawbridge_wire::control::{ApprovalState, ApprovalView};
use std::cell::Cell;
use std::io::Write;
use std::time::{Duration, Instant};

/// How often the state is read.
const POLL: Duration = Duration::from_millis(150);
/// Longest until an expected approval appears.
pub(crate) const APPEARS: Duration = Duration::from_secs(60);
/// Longest until an answer has been applied.
const APPLIED: Duration = Duration::from_secs(15);
/// Longest a person may take; the host itself declines after five minutes.
const PERSON: Duration = Duration::from_secs(280);

/// One card and what was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) view: ApprovalView,
    pub(crate) accepted: bool,
}

/// Waits for the next open approval that is not among `seen`; `None` when the turn is `over` without one.
pub(crate) async fn next_open(
    desk: &Desk<'_>,
    seen: &[Answered],
    limit: Option<Duration>,
    over: &Cell<bool>,
) -> Result<Option<ApprovalView>, Failure> {
    let begin = Instant::now();
    loop {
        if over.get() {
            return Ok(None);
        }
        let state = desk.status().await?;
        let open = state.approvals.into_iter().find(|approval| {
            approval.state == ApprovalState::Open
                && !seen.iter().any(|answered| answered.view.id == approval.id)
        });
        if open.is_some() {
            return Ok(open);
        }
        if let Some(limit) = limit.filter(|limit| begin.elapsed() > *limit) {
            return Err(Failure::new(
                format!("no approval reached the host within {} s", limit.as_secs()),
                "see the tails of the logs",
            ));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Shows the card, takes the person's answer (`unattended`: that one), gives it to the host and waits until it counted.
pub(crate) async fn answer(
    desk: &Desk<'_>,
    hops: &Hops,
    view: ApprovalView,
    must_show: &[&str],
    unattended: Option<bool>,
    hint: &str,
) -> Result<Answered, Failure> {
    let card = desk.card(&view.id).await?;
    if let Some(missing) = must_show.iter().find(|words| !card.contains(**words)) {
        print_card(&card);
        return Err(Failure::new(
            format!("the card does not show `{missing}`"),
            "a person would answer blindly; report this",
        ));
    }
    hops.up(&format!("approval {}: {}", view.id, view.headline));
    print_card(&card);
    let accepted = match unattended {
        Some(accepted) => accepted,
        None => ask(hint).await?,
    };
    desk.answer(&view.id, accepted).await?;
    let begin = Instant::now();
    loop {
        let state = desk.status().await?;
        let now = state
            .approvals
            .into_iter()
            .find(|approval| approval.id == view.id)
            .map(|approval| approval.state);
        match now {
            Some(ApprovalState::Applied { decision, .. }) if decision.grants() == accepted => break,
            Some(ApprovalState::Open | ApprovalState::Sent { .. }) if begin.elapsed() < APPLIED => {}
            other => {
                let state = other.map_or_else(|| "forgotten".to_owned(), |state| format!("{state:?}"));
                return Err(Failure::new(
                    format!("approval {} was answered and is now {state}", view.id),
                    "the answer did not count; see the host's log",
                ));
            }
        }
        tokio::time::sleep(POLL).await;
    }
    hops.up(if accepted {
        "accepted, and applied by the agent"
    } else {
        "declined, and taken by the agent"
    });
    Ok(Answered { view, accepted })
}

fn print_card(card: &str) {
    for line in card.trim_end().lines() {
        println!("              | {line}");
    }
}

async fn ask(hint: &str) -> Result<bool, Failure> {
    let prompt = format!("              Let the agent do this? {hint}[y/n] ");
    let asked = tokio::task::spawn_blocking(move || {
        loop {
            print!("{prompt}");
            std::io::stdout().flush()?;
            let mut line = String::new();
            if std::io::stdin().read_line(&mut line)? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            }
            match line.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => {}
            }
        }
    });
    match tokio::time::timeout(PERSON, asked).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => Err(Failure::new(
            format!("no answer from the terminal ({error})"),
            "run it with --yes",
        )),
        Ok(Err(error)) => Err(Failure::new(
            format!("no answer from the terminal ({error})"),
            "run it with --yes",
        )),
        Err(_) => Err(Failure::new(
            "nobody answered for almost five minutes",
            "start it again, or run it with --yes",
        )),
    }
}

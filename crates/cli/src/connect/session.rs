//! One connection of `connect` to its host: follows the state, asks, and gives the lease back.

use super::terminal::{Terminal, forget_typed};
use super::{HOST_ENDS, prompt, report};
use crate::system::StopSignal;
use crate::{CliError, screen};
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_wire::control::{
    Answer, ApprovalState, ApprovalView, Change, Delta, HostView, LeaseView, Request,
};
use prompt::Reading;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How long a card stands before an answer is taken: what is typed in this time was meant for
/// something else.
const LOOK_FIRST: Duration = Duration::from_millis(500);
/// How soon a host says that it is stopping after the last lease was given back.
const SAYS_STOPPING: Duration = Duration::from_secs(2);

/// Who holds a lease, in words.
fn holder(lease: &LeaseView) -> String {
    let pid = lease.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    format!("{}{pid}", drawbridge_consent::visible_line(&lease.client))
}

/// How the connection ended.
pub(crate) enum End {
    /// The person quit. `last`: nobody else keeps the host up.
    Released {
        /// See above.
        last: bool,
    },
    /// The host stopped on purpose.
    HostStopped,
    /// The host is gone and did not say goodbye.
    HostGone(String),
}

/// The approval in front of the person.
struct Asked {
    id: String,
    digest: String,
    /// When an answer will be taken; `None` once the question stands.
    ready_at: Option<Instant>,
}

struct Session<'a> {
    client: ControlClient,
    view: HostView,
    terminal: &'a mut Terminal,
    lines: Option<&'a mut mpsc::Receiver<String>>,
    asked: Option<Asked>,
    /// The host said that it is stopping.
    stopping: bool,
}

pub(crate) async fn run(
    mut client: ControlClient,
    terminal: &mut Terminal,
    lines: Option<&mut mpsc::Receiver<String>>,
    stop: &mut StopSignal,
) -> Result<End, CliError> {
    let view = match client.snapshot().await {
        Ok(view) => view,
        Err(ControlError::Lost(why)) => return Ok(End::HostGone(why)),
        Err(error) => return Err(error.into()),
    };
    let host = &view.host;
    terminal.news(&format!(
        "host {} ({}), pid {}, data in {}",
        drawbridge_consent::visible_line(&host.name),
        host.id,
        host.pid,
        host.data_dir.display()
    ))?;
    if !view.policy.answer.local() {
        terminal.news("approvals are answered by remote clients only, not here")?;
    }
    let mut session = Session {
        client,
        view,
        terminal,
        lines,
        asked: None,
        stopping: false,
    };
    if !session.terminal.is_live() {
        session.terminal.news(&report::status_line(&session.view))?;
    }
    let config = session.view.config.iter().flat_map(report::config);
    for line in config.collect::<Vec<_>>() {
        session.terminal.news(&line)?;
    }
    session.tell_waiting()?;
    session.next_question();
    session.follow(stop).await
}

enum Event {
    Change(Result<Delta, ControlError>),
    Typed(Option<String>),
    Ready,
    Stop,
}

impl Session<'_> {
    async fn follow(&mut self, stop: &mut StopSignal) -> Result<End, CliError> {
        loop {
            self.terminal.status(&report::status_line(&self.view));
            let ready_at = self.asked.as_ref().and_then(|asked| asked.ready_at);
            let event = tokio::select! {
                change = self.client.next() => Event::Change(change),
                line = typed(&mut self.lines) => Event::Typed(line),
                () = sleep_until(ready_at.unwrap_or_else(Instant::now)), if ready_at.is_some() => Event::Ready,
                () = stop.received() => Event::Stop,
                error = self.terminal.failed() => return Err(error),
            };
            match event {
                Event::Change(Ok(delta)) => self.changed(&delta)?,
                Event::Change(Err(ControlError::Lost(why))) => {
                    self.terminal.answered(false);
                    return Ok(if self.stopping {
                        End::HostStopped
                    } else {
                        End::HostGone(why)
                    });
                }
                Event::Change(Err(error)) => return Err(error.into()),
                Event::Typed(Some(line)) => match self.read(&line).await {
                    Err(CliError::Control(ControlError::Lost(why))) => return Ok(End::HostGone(why)),
                    other => other?,
                },
                Event::Typed(None) => {
                    self.lines = None;
                    self.asked = None;
                    self.terminal.answered(false);
                    self.terminal
                        .news("nobody types here any more; answer with `drawbridge approvals`")?;
                }
                Event::Ready => self.put_question(),
                Event::Stop => return self.release().await,
            }
        }
    }

    fn changed(&mut self, delta: &Delta) -> Result<(), CliError> {
        let news = report::change(&self.view, &delta.change);
        drawbridge_control::apply(&mut self.view, delta.seq, &delta.change);
        if matches!(delta.change, Change::Stopping { .. }) {
            self.stopping = true;
        }
        // The question in front of the person may have gone, or be about something else now.
        let gone = self.asked.as_ref().is_some_and(|asked| {
            self.stopping || open(&self.view, &asked.id).is_none_or(|view| view.digest != asked.digest)
        });
        if gone {
            self.asked = None;
            self.terminal.answered(false);
        }
        // A person sees a new approval as a card, in its turn.
        let as_card = self.asks_here()
            && matches!(&delta.change, Change::Approval(view) if view.state == ApprovalState::Open);
        if let Some(news) =
            news.filter(|_| !as_card && (gone || self.asked.is_none() || self.worth_interrupting(delta)))
        {
            self.terminal.answered(false);
            self.terminal.news(&news)?;
            self.repeat_question();
        }
        self.next_question();
        Ok(())
    }

    /// Whether a change is told although a question stands: what a person must not miss.
    fn worth_interrupting(&self, delta: &Delta) -> bool {
        matches!(
            delta.change,
            Change::Approval(_) | Change::Stopping { .. } | Change::AppServer(_) | Change::Policy(_)
        )
    }

    fn asks_here(&self) -> bool {
        self.lines.is_some() && self.view.policy.answer.local()
    }

    /// Without a person in front, says which approvals wait and where they can be answered.
    fn tell_waiting(&mut self) -> Result<(), CliError> {
        if self.asks_here() {
            return Ok(());
        }
        let waiting: Vec<String> = self
            .view
            .approvals
            .iter()
            .filter(|view| view.state == ApprovalState::Open)
            .map(report::approval)
            .collect();
        waiting.iter().try_for_each(|line| self.terminal.news(line))
    }

    /// Shows the card of the oldest open approval, unless one is in front already.
    fn next_question(&mut self) {
        if self.asked.is_some() || self.stopping || !self.asks_here() {
            return;
        }
        let Some(view) = self
            .view
            .approvals
            .iter()
            .find(|view| view.state == ApprovalState::Open)
        else {
            return;
        };
        if !self.terminal.show(&prompt::card(view, screen::width(), now_ms())) {
            // Nobody is asked about what they cannot have seen; the next change tries again.
            return;
        }
        self.asked = Some(Asked {
            id: view.id.clone(),
            digest: view.digest.clone(),
            ready_at: Some(Instant::now() + LOOK_FIRST),
        });
    }

    /// Puts the question under the card that stands long enough.
    fn put_question(&mut self) {
        if let Some(lines) = &mut self.lines {
            forget_typed(lines);
        }
        if let Some(asked) = &mut self.asked {
            asked.ready_at = None;
        }
        self.repeat_question();
    }

    fn repeat_question(&mut self) {
        if let Some(asked) = &self.asked
            && asked.ready_at.is_none()
            && let Some(view) = open(&self.view, &asked.id)
        {
            self.terminal.ask(&prompt::question(view));
        }
    }

    async fn read(&mut self, line: &str) -> Result<(), CliError> {
        let Some(asked) = self.asked.take_if(|asked| asked.ready_at.is_none()) else {
            return Ok(());
        };
        let Some(view) = open(&self.view, &asked.id) else {
            return Ok(());
        };
        self.terminal.answered(true);
        let decision = match prompt::read(line, &view.choices) {
            Reading::Answer(decision) => decision,
            unanswered => {
                let hint = match unanswered {
                    Reading::Unclear(hint) => hint,
                    _ => "Nothing was chosen; Enter alone is no answer.".to_owned(),
                };
                self.terminal.news(&hint)?;
                self.asked = Some(asked);
                self.repeat_question();
                return Ok(());
            }
        };
        let id = asked.id.clone();
        let answer = Answer {
            id: asked.id,
            digest: asked.digest,
            decision,
        };
        match self.client.answer(answer).await {
            Ok(result) => {
                // The change that says the same comes too, and must not be told twice.
                if let Some(view) = self.view.approvals.iter_mut().find(|view| view.id == id) {
                    view.state = result.state.clone();
                }
                let first = if result.won {
                    ""
                } else {
                    "another answer was first: "
                };
                self.terminal
                    .news(&format!("approval {id}: {first}{}", report::state(&result.state)))?;
            }
            Err(error @ ControlError::Rejected { .. }) => {
                self.terminal
                    .news(&format!("approval {id}: the answer was not taken: {error}"))?;
                // Asking again at once would go round in circles when the host has no news about it.
                if let Some(view) = self.view.approvals.iter_mut().find(|view| view.id == id) {
                    view.state = ApprovalState::Superseded;
                }
            }
            Err(error) => return Err(error.into()),
        }
        self.next_question();
        Ok(())
    }

    /// Gives the lease back. Says who keeps the host up, or sees it end.
    async fn release(&mut self) -> Result<End, CliError> {
        self.terminal.answered(false);
        match self.client.request(&Request::ReleaseLease {}).await {
            // A host that is quick to end may close before it answers.
            Ok(_) | Err(ControlError::Lost(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // Only what it says from here on counts: who is gone since may still be in what was read before.
        let own = std::process::id();
        let mut others = Vec::new();
        let stops = tokio::time::timeout(SAYS_STOPPING, async {
            while !self.stopping && others.is_empty() {
                match self.client.next().await.map(|delta| delta.change) {
                    Ok(Change::Stopping { .. }) | Err(_) => self.stopping = true,
                    Ok(Change::Leases(leases)) if leases.iter().all(|lease| lease.pid != Some(own)) => {
                        others = leases.iter().map(holder).collect();
                    }
                    Ok(_) => {}
                }
            }
        })
        .await;
        if !others.is_empty() {
            self.terminal
                .news(&format!("the host stays up for {}", others.join(", ")))?;
            return Ok(End::Released { last: false });
        }
        if stops.is_err() {
            self.terminal
                .news("the host stays up; `drawbridge stop` ends it")?;
            return Ok(End::Released { last: false });
        }
        self.terminal.news("the host is stopping")?;
        let closes = async { while self.client.next().await.is_ok() {} };
        if tokio::time::timeout(HOST_ENDS, closes).await.is_err() {
            self.terminal
                .news("the host takes long to stop; `drawbridge status` shows whether it runs")?;
            return Ok(End::Released { last: false });
        }
        Ok(End::Released { last: true })
    }
}

fn open<'a>(view: &'a HostView, id: &str) -> Option<&'a ApprovalView> {
    view.approvals
        .iter()
        .find(|approval| approval.id == id && approval.state == ApprovalState::Open)
}

/// The next typed line; never, when nobody types.
async fn typed(lines: &mut Option<&mut mpsc::Receiver<String>>) -> Option<String> {
    match lines {
        Some(lines) => lines.recv().await,
        None => std::future::pending().await,
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

//! Approvals: the dialog that shows them and the notice that says one waits.

use super::{Controller, Reply, Tick, now_ms};
use crate::desktop::{Desktop, Notice, Window};
use crate::{Problem, Refused};
use drawbridge_consent::visible_line;
use drawbridge_wire::Decision;
use drawbridge_wire::control::{Answer, AnswerResult, ApprovalKind, ApprovalState, ApprovalView, Request};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// An answer as the dialog gives it.
pub(super) struct Given {
    pub(super) id: String,
    pub(super) digest: String,
    pub(super) nonce: String,
    pub(super) decision: Decision,
    pub(super) replies: Option<Map<String, Value>>,
}

impl<D: Desktop> Controller<D> {
    /// Shows what is new, follows what is on display, closes a dialog that has nothing to show.
    pub(super) fn look_at_approvals(&mut self) {
        let view = self.host.as_ref().map(|host| &*host.view);
        let open: BTreeSet<String> = view
            .filter(|host| host.policy.answer.local())
            .into_iter()
            .flat_map(|host| &host.approvals)
            .filter(|approval| approval.state == ApprovalState::Open)
            .map(|approval| approval.id.clone())
            .collect();
        let fresh = open.iter().find(|id| !self.known.contains(*id)).cloned();
        let count_changed = open != self.known;
        let before = std::mem::replace(&mut self.known, open);
        if let Some(id) = fresh {
            self.notify(&id);
            self.show(Window::Approval);
        }
        if self.known.is_empty() && !before.is_empty() {
            self.desktop.withdraw_notice();
        }
        let view = self.host.as_ref().map(|host| &*host.view);
        let changed = self.dialog.follow(view, now_ms(), nonce);
        if !self.dialog.is_open() || !(changed || count_changed) {
            return;
        }
        let card = self.dialog.card(view);
        self.desktop.tell_card(card.as_ref());
        if card.is_none() {
            self.nothing_to_answer();
        }
    }

    pub(super) fn nothing_to_answer(&mut self) {
        self.desktop.close(Window::Approval);
        self.window_closed(Window::Approval);
    }

    /// Tells again of what waits, when its dialog is gone though nobody closed it.
    pub(super) fn notify_again(&mut self) {
        if let Some(id) = self.known.last().cloned() {
            self.notify(&id);
        }
    }

    fn notify(&mut self, id: &str) {
        let Some(host) = self.view() else { return };
        let Some(approval) = host.approvals.iter().find(|approval| approval.id == *id) else {
            return;
        };
        let notice = Notice {
            title: match self.known.len() {
                0 | 1 => "An approval waits".to_owned(),
                count => format!("{count} approvals wait"),
            },
            body: which(approval),
        };
        self.desktop.notify(&notice);
    }

    /// Shows the dialog, when something waits.
    pub(super) fn open_approvals(&mut self) {
        if !self.known.is_empty() {
            self.show(Window::Approval);
        }
    }

    /// The dialog is about to draw: only from now on a card is on display.
    pub(super) fn current_card(&mut self) -> Result<Value, Problem> {
        self.dialog.opened();
        let view = self.host.as_ref().map(|host| &*host.view);
        self.dialog.follow(view, now_ms(), nonce);
        json(&self.dialog.card(view))
    }

    pub(super) fn step_card(&mut self, by: i32) -> Result<Value, Problem> {
        let view = self.host.as_ref().map(|host| &*host.view);
        self.dialog.step(view, by, now_ms(), nonce);
        json(&self.dialog.card(view))
    }

    /// Passes an answer on that the dialog's rules let through.
    pub(super) fn give_answer(&mut self, given: Given, reply: Reply) {
        let Some(host) = &self.host else {
            let _ = reply.send(Err(Problem::no_host()));
            return;
        };
        let Given {
            id,
            digest,
            nonce,
            decision,
            replies,
        } = given;
        let judged = self
            .dialog
            .answer(&id, &digest, &nonce, decision, replies, now_ms());
        let decision = match judged {
            Ok(decision) => decision,
            Err(refused) => {
                let _ = reply.send(Err(refused.into()));
                return;
            }
        };
        let requests = host.requests.clone();
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let answer = Answer {
                id: id.clone(),
                digest,
                decision,
            };
            let outcome = requests.ask_for::<AnswerResult>(Request::Answer(answer)).await;
            let outcome = outcome.map_err(Problem::from);
            handle.report(Tick::Answered(id, outcome, reply)).await;
        });
    }

    pub(super) fn answered(&mut self, id: &str, outcome: Result<AnswerResult, Problem>, reply: Reply) {
        if outcome.is_err() {
            self.dialog.not_taken(id, now_ms(), nonce());
            let view = self.host.as_ref().map(|host| &*host.view);
            let card = self.dialog.card(view);
            if card.is_some() {
                self.desktop.tell_card(card.as_ref());
            }
        }
        let _ = reply.send(outcome.and_then(|result| json(&result)));
    }
}

/// Which approval, for a place that others may see: a locked screen, a server that keeps what it showed. A
/// command, a diff or a question may hold anything, a token too, so none of their words are here.
fn which(approval: &ApprovalView) -> String {
    let what = match approval.kind {
        ApprovalKind::Command => "Run a command",
        ApprovalKind::FileChange => "Change files",
        ApprovalKind::Permissions => "Wider permissions",
        ApprovalKind::UserInput => "A question of the agent",
        ApprovalKind::Elicitation => "A question of an MCP server",
        ApprovalKind::Unknown => "A request of an unknown kind",
    };
    let folder = approval.cwd.as_deref().and_then(Path::file_name);
    let folder = folder.map(|name| format!(" in {}", visible_line(&name.to_string_lossy())));
    let from = (approval.origin != "local").then(|| format!(", for {}", visible_line(&approval.origin)));
    format!("{what}{}{}", folder.unwrap_or_default(), from.unwrap_or_default())
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Problem::new(refused.code(), refused.to_string())
    }
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| Problem::new("not_written", error.to_string()))
}

/// Nobody can guess it. Without randomness no answer counts: an empty nonce is that of no card.
fn nonce() -> String {
    let mut random = [0_u8; 16];
    match getrandom::fill(&mut random) {
        Ok(()) => hex::encode(random),
        Err(error) => {
            tracing::error!(%error, "the system gives no randomness; approvals cannot be answered here");
            String::new()
        }
    }
}

//! The approval dialog's rules, pure. One card is on display; an answer counts only for that card, with
//! its own nonce, once, and not before the person could have looked at it.

use crate::controller::CLIENT;
use crate::{ApprovalCard, Asks};
use drawbridge_consent::visible_line;
use drawbridge_wire::control::{ApprovalState, ApprovalView, HostView};
use drawbridge_wire::{AnswerSource, Decision};
use serde_json::{Map, Value};

/// How long a card stands before an answer is taken, in milliseconds: what is pressed in this time was
/// meant for something else.
pub const LOOK_FIRST: u64 = 500;
/// How long a card that was answered elsewhere still says so, in milliseconds.
const SAYS_ENDED: u64 = 3_000;

/// Why an answer was not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another card, or another state of it, is on display.
    #[error("this is not the card on display any more; look at the one that is")]
    NotOnDisplay,
    /// The nonce is not that of the card, or was used.
    #[error("this answer was made for another moment; look at the card and answer again")]
    WrongNonce,
    /// Too soon.
    #[error("the card came up only now; look at it and answer again")]
    TooSoon,
    /// The card does not offer that.
    #[error("the card does not offer this answer")]
    NotOffered,
    /// It is over.
    #[error("this approval was answered already")]
    Over,
}

impl Refused {
    /// Stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Refused::NotOnDisplay => "not_on_display",
            Refused::WrongNonce => "wrong_nonce",
            Refused::TooSoon => "too_soon",
            Refused::NotOffered => "not_offered",
            Refused::Over => "already_answered",
        }
    }
}

/// The dialog.
#[derive(Debug, Default)]
pub(crate) struct Dialog {
    open: bool,
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    /// As it is on display.
    view: ApprovalView,
    nonce: String,
    /// When it appeared or changed.
    since_ms: u64,
    spent: bool,
    /// When it ended, and whether that was by an answer given here.
    ended: Option<(u64, bool)>,
}

impl Dialog {
    /// The window is there and about to draw.
    pub(crate) fn opened(&mut self) {
        self.open = true;
    }

    /// The window is gone: nothing is on display, and no nonce counts.
    pub(crate) fn closed(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Follows the host. Returns whether what is on display is now another card or another state of it.
    pub(crate) fn follow(
        &mut self,
        host: Option<&HostView>,
        now_ms: u64,
        mut nonce: impl FnMut() -> String,
    ) -> bool {
        if !self.open {
            return false;
        }
        let waiting = waiting(host);
        let mut changed = false;
        if let Some(shown) = &mut self.shown {
            shown.not_after(now_ms);
            let now = host.and_then(|host| host.approvals.iter().find(|view| view.id == shown.view.id));
            changed = shown.become_(now, now_ms, &mut nonce);
            let leaves = match shown.ended {
                None => false,
                Some((_, true)) => true,
                Some((at, false)) => now_ms >= at.saturating_add(SAYS_ENDED),
            };
            if leaves {
                self.shown = None;
                changed = true;
            }
        }
        if self.shown.is_none()
            && let Some(first) = waiting.first()
        {
            self.shown = Some(Shown::new((*first).clone(), now_ms, nonce()));
            changed = true;
        }
        changed
    }

    /// Turns to another card that waits.
    pub(crate) fn step(
        &mut self,
        host: Option<&HostView>,
        by: i32,
        now_ms: u64,
        mut nonce: impl FnMut() -> String,
    ) {
        let waiting = waiting(host);
        if waiting.is_empty() || !self.open {
            return;
        }
        let at = self
            .shown
            .as_ref()
            .and_then(|shown| waiting.iter().position(|view| view.id == shown.view.id));
        let len = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
        let to = match at {
            Some(at) => (i64::try_from(at).unwrap_or(0) + i64::from(by)).rem_euclid(len),
            None => 0,
        };
        let Some(next) = usize::try_from(to).ok().and_then(|to| waiting.get(to)) else {
            return;
        };
        if self.shown.as_ref().is_none_or(|shown| shown.view.id != next.id) {
            self.shown = Some(Shown::new((*next).clone(), now_ms, nonce()));
        }
    }

    /// The card on display.
    pub(crate) fn card(&self, host: Option<&HostView>) -> Option<ApprovalCard> {
        let shown = self.shown.as_ref()?;
        let waiting = waiting(host);
        let at = waiting.iter().position(|view| view.id == shown.view.id);
        let thread = host.and_then(|host| {
            let id = shown.view.thread.as_ref()?;
            host.threads.iter().find(|thread| thread.id == *id)
        });
        let mut view = shown.view.clone();
        let parts = std::mem::take(&mut view.parts);
        let form = view.form.take();
        let origin = origin(&view.origin);
        Some(ApprovalCard {
            asks: Asks {
                bus: origin.0,
                client: origin.1,
                thread_title: thread
                    .and_then(|thread| thread.title.as_deref())
                    .map(visible_line),
                folder: thread
                    .and_then(|thread| thread.cwd.as_ref())
                    .map(|cwd| visible_line(&cwd.to_string_lossy())),
            },
            view,
            parts,
            form,
            position: at.map_or(0, |at| at + 1),
            count: waiting.len(),
            nonce: shown.nonce.clone(),
        })
    }

    /// Judges an answer, and uses its nonce up when it may go on.
    pub(crate) fn answer(
        &mut self,
        id: &str,
        digest: &str,
        nonce: &str,
        decision: Decision,
        replies: Option<Map<String, Value>>,
        now_ms: u64,
    ) -> Result<Decision, Refused> {
        let shown = self.shown.as_mut().ok_or(Refused::NotOnDisplay)?;
        if shown.view.id != id || shown.view.digest != digest {
            return Err(Refused::NotOnDisplay);
        }
        if shown.view.state != ApprovalState::Open {
            return Err(Refused::Over);
        }
        if shown.spent || shown.nonce.is_empty() || shown.nonce != nonce {
            return Err(Refused::WrongNonce);
        }
        shown.not_after(now_ms);
        if now_ms < shown.since_ms.saturating_add(LOOK_FIRST) {
            return Err(Refused::TooSoon);
        }
        // What is filled in comes beside it.
        let offered = |choice: &Decision| match (choice, &decision) {
            (Decision::Answers(_), Decision::Answers(_)) => true,
            (choice, decision) => choice == decision,
        };
        if !shown.view.choices.iter().any(|choice| offered(&choice.decision)) {
            return Err(Refused::NotOffered);
        }
        shown.spent = true;
        Ok(match (decision, replies) {
            (Decision::Answers(given), Some(replies)) if given.is_empty() => Decision::Answers(replies),
            (decision, _) => decision,
        })
    }

    /// The host did not take the answer. The person may try again, after another look.
    pub(crate) fn not_taken(&mut self, id: &str, now_ms: u64, nonce: String) {
        if let Some(shown) = self.shown.as_mut().filter(|shown| shown.view.id == id) {
            shown.arm(now_ms, nonce);
        }
    }

    /// When the card on display goes by itself.
    pub(crate) fn leaves_at(&self) -> Option<u64> {
        let (at, _) = self.shown.as_ref()?.ended?;
        Some(at.saturating_add(SAYS_ENDED))
    }
}

impl Shown {
    fn new(view: ApprovalView, now_ms: u64, nonce: String) -> Self {
        Self {
            view,
            nonce,
            since_ms: now_ms,
            spent: false,
            ended: None,
        }
    }

    fn arm(&mut self, now_ms: u64, nonce: String) {
        self.nonce = nonce;
        self.since_ms = now_ms;
        self.spent = false;
    }

    /// Where the clock was set back, what is timed begins anew: nobody waits until it is as late again.
    fn not_after(&mut self, now_ms: u64) {
        self.since_ms = self.since_ms.min(now_ms);
        if let Some((at, _)) = &mut self.ended {
            *at = (*at).min(now_ms);
        }
    }

    /// Takes over what the host says now. Returns whether anything is different.
    fn become_(
        &mut self,
        now: Option<&ApprovalView>,
        now_ms: u64,
        nonce: &mut impl FnMut() -> String,
    ) -> bool {
        let Some(now) = now else {
            if self.ended.is_some() {
                return false;
            }
            // The host is gone, or forgot it: nobody waits for an answer any more.
            self.view.state = ApprovalState::Lost;
            self.ended = Some((now_ms, false));
            return true;
        };
        if *now == self.view {
            return false;
        }
        let same_question = now.digest == self.view.digest
            && now.parts == self.view.parts
            && now.form == self.view.form
            && now.body == self.view.body
            && now.choices == self.view.choices;
        self.view = now.clone();
        if !same_question {
            self.arm(now_ms, nonce());
        }
        if self.view.state != ApprovalState::Open && self.ended.is_none() {
            self.ended = Some((now_ms, answered_here(&self.view.state)));
        }
        true
    }
}

fn answered_here(state: &ApprovalState) -> bool {
    match state {
        ApprovalState::Sent { by, .. } | ApprovalState::Applied { by, .. } => {
            matches!(by, AnswerSource::Control { client } if client == CLIENT)
        }
        _ => false,
    }
}

/// Approvals a person at this computer may answer, oldest first.
fn waiting(host: Option<&HostView>) -> Vec<&ApprovalView> {
    let Some(host) = host.filter(|host| host.policy.answer.local()) else {
        return Vec::new();
    };
    host.approvals
        .iter()
        .filter(|view| view.state == ApprovalState::Open)
        .collect()
}

/// `bus/client`, or `local`.
fn origin(origin: &str) -> (Option<String>, Option<String>) {
    match origin.split_once('/') {
        Some((bus, client)) => (Some(visible_line(bus)), Some(visible_line(client))),
        None if origin == "local" => (None, None),
        None => (None, Some(visible_line(origin))),
    }
}

#[cfg(test)]
mod tests;

//! The queue: who may still answer what, and which answer counted.

use super::answer::{choices, result_for};
use super::reply::{self, BadReply};
use super::{Approval, ApprovalId, digest, kind_of};
use drawbridge_wire::control::{ApprovalKind, ApprovalState, ItemOutcome};
use drawbridge_wire::{AnswerSource, Decision};
use serde_json::Value;
use std::collections::BTreeMap;

/// How long an ended approval stays visible, in milliseconds.
const KEEP_ENDED_MS: u64 = 5 * 60 * 1000;
/// Most approvals kept at once; beyond it the oldest ended ones go first.
const MOST_KEPT: usize = 1024;

/// A request as it came in on some connection.
#[derive(Debug, Clone, PartialEq)]
pub struct RaisedBy {
    /// Identity.
    pub id: ApprovalId,
    /// Method.
    pub method: String,
    /// Parameters.
    pub params: Value,
    /// The item it names, when known.
    pub item: Option<Value>,
    /// How long it may wait, in milliseconds.
    pub patience_ms: u64,
}

/// What became of a raised request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// A new card.
    New,
    /// The same request again: another subscriber, or a replay.
    Known,
    /// Another request under an identity that is in use: the card is void and must be declined.
    Invalidated,
}

/// What the host must send.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// Which request is answered.
    pub id: ApprovalId,
    /// The result; `None` = answer with a JSON-RPC error.
    pub result: Option<Value>,
    /// Thread and turn to interrupt as well. Not every request names its turn; it is the one that runs then.
    pub interrupt: Option<(String, Option<String>)>,
}

/// Why an answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// No such card.
    #[error("there is no such approval; `drawbridge approvals list` shows what is open")]
    Unknown,
    /// Another answer, or the end, came first.
    #[error("this approval was already answered or is over")]
    Over(Box<ApprovalState>),
    /// What was shown is not what is asked now.
    #[error("the request changed since it was shown; look at it again")]
    Changed,
    /// Not among the choices.
    #[error("this answer is not offered for this request; `drawbridge approvals show` names what is")]
    NotOffered,
    /// A reply does not fit its question.
    #[error(transparent)]
    BadReply(#[from] BadReply),
}

impl AnswerError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            AnswerError::Unknown => "unknown_approval",
            AnswerError::Over(_) => "already_answered",
            AnswerError::Changed => "changed",
            AnswerError::NotOffered => "not_offered",
            AnswerError::BadReply(_) => "bad_reply",
        }
    }
}

/// All approvals of a host.
#[derive(Debug, Default)]
pub struct Queue {
    pub(super) cards: BTreeMap<ApprovalId, Approval>,
}

impl Queue {
    /// Takes a request from any connection.
    pub fn raise(&mut self, raised: RaisedBy, now_ms: u64) -> Raised {
        let request_digest = digest(&raised.method, &raised.params, None);
        if let Some(card) = self.cards.get_mut(&raised.id) {
            if card.request_digest == request_digest {
                return Raised::Known;
            }
            if !card.is_over() {
                card.state = ApprovalState::Invalidated;
                card.ended_at_ms = Some(now_ms);
            }
            return Raised::Invalidated;
        }
        self.forget_old(now_ms);
        let card = Approval {
            kind: kind_of(&raised.method),
            shown_digest: digest(&raised.method, &raised.params, raised.item.as_ref()),
            request_digest,
            id: raised.id.clone(),
            method: raised.method,
            params: raised.params,
            item: raised.item,
            raised_at_ms: now_ms,
            deadline_ms: now_ms.saturating_add(raised.patience_ms),
            ended_at_ms: None,
            state: ApprovalState::Open,
            outcome: None,
        };
        self.cards.insert(raised.id, card);
        Raised::New
    }

    /// The item of a file change became known: the card shows it from now on. Returns the cards changed.
    pub fn item_known(&mut self, thread: &str, item_id: &str, item: &Value) -> Vec<ApprovalId> {
        let mut changed = Vec::new();
        for card in self.cards.values_mut() {
            let same = card.thread() == Some(thread) && card.item_id() == Some(item_id);
            if same && card.is_open() && card.item.as_ref() != Some(item) {
                card.item = Some(item.clone());
                card.shown_digest = digest(&card.method, &card.params, Some(item));
                changed.push(card.id.clone());
            }
        }
        changed
    }

    /// Takes an answer. `seen` is the digest of what the giver saw; `None` only for answers of policy.
    ///
    /// # Errors
    /// When the answer does not count; nothing has changed then.
    pub fn answer(
        &mut self,
        id: &ApprovalId,
        seen: Option<&str>,
        decision: Decision,
        by: AnswerSource,
    ) -> Result<Dispatch, AnswerError> {
        let card = self.cards.get_mut(id).ok_or(AnswerError::Unknown)?;
        if !card.is_open() {
            return Err(AnswerError::Over(Box::new(card.state.clone())));
        }
        if seen.is_some_and(|seen| seen != card.shown_digest) {
            return Err(AnswerError::Changed);
        }
        if !is_offered(card, &decision) {
            return Err(AnswerError::NotOffered);
        }
        let decision = match decision {
            Decision::Answers(replies) => Decision::Answers(reply::fit(card.kind, &card.params, &replies)?),
            other => other,
        };
        let (result, interrupt) = result_for(card.kind, &card.params, &decision);
        if result.is_none() && decision.grants() {
            return Err(AnswerError::NotOffered);
        }
        // Ours promise that the turn stops. A client of the app-server's own protocol means what that says: no
        // answer.
        let theirs = matches!(by, AnswerSource::LocalClient { .. } | AnswerSource::Remote { .. });
        let interrupt = interrupt && !(theirs && card.kind == ApprovalKind::Elicitation);
        let interrupt = card
            .thread()
            .filter(|_| interrupt)
            .map(|thread| (thread.to_owned(), card.turn().map(str::to_owned)));
        let decision = match decision {
            // Everybody sees the state, and what was typed may be a secret.
            Decision::Answers(_) => Decision::Answers(serde_json::Map::new()),
            other => other,
        };
        card.state = ApprovalState::Sent { by, decision };
        Ok(Dispatch {
            id: id.clone(),
            result,
            interrupt,
        })
    }

    /// An answer could not be sent: the question is open again, with this much time from now.
    pub fn unsent(&mut self, id: &ApprovalId, patience_ms: u64, now_ms: u64) -> bool {
        match self.cards.get_mut(id) {
            Some(card) if matches!(card.state, ApprovalState::Sent { .. }) => {
                card.state = ApprovalState::Open;
                card.deadline_ms = card.deadline_ms.max(now_ms.saturating_add(patience_ms));
                true
            }
            _ => false,
        }
    }

    /// Cards whose answer is on its way.
    pub fn sent(&self) -> impl Iterator<Item = ApprovalId> {
        let sent = |card: &&Approval| matches!(card.state, ApprovalState::Sent { .. });
        self.cards.values().filter(sent).map(|card| card.id.clone())
    }

    /// `serverRequest/resolved` arrived. Returns whether the card changed.
    pub fn resolved(&mut self, id: &ApprovalId, now_ms: u64) -> bool {
        let Some(card) = self.cards.get_mut(id) else {
            return false;
        };
        card.state = match &card.state {
            ApprovalState::Open => ApprovalState::Superseded,
            ApprovalState::Sent { by, decision } => ApprovalState::Applied {
                by: by.clone(),
                decision: decision.clone(),
            },
            _ => return false,
        };
        card.ended_at_ms = Some(now_ms);
        card.let_through();
        true
    }

    /// A turn ended `interrupted`. The app-server says so *before* it resolves what was pending, so an
    /// answer of ours that is still on its way did not count, unless it was the cancel itself.
    pub fn turn_interrupted(&mut self, thread: &str, turn: &str, now_ms: u64) -> Vec<ApprovalId> {
        self.end_where(now_ms, &ApprovalState::Superseded, |card| {
            let ours = matches!(
                &card.state,
                ApprovalState::Sent {
                    decision: Decision::Cancel,
                    ..
                }
            );
            card.thread() == Some(thread) && card.turn() == Some(turn) && !ours
        })
    }

    /// The app-server of this generation is gone, and its questions with it.
    pub fn generation_lost(&mut self, generation: u64, now_ms: u64) -> Vec<ApprovalId> {
        self.end_where(now_ms, &ApprovalState::Lost, |card| {
            card.id.generation == generation
        })
    }

    fn end_where(
        &mut self,
        now_ms: u64,
        state: &ApprovalState,
        which: impl Fn(&Approval) -> bool,
    ) -> Vec<ApprovalId> {
        let mut ended = Vec::new();
        for card in self.cards.values_mut().filter(|card| !card.is_over()) {
            if which(card) {
                card.state = state.clone();
                card.ended_at_ms = Some(now_ms);
                ended.push(card.id.clone());
            }
        }
        ended
    }

    /// Open cards whose deadline has passed.
    #[must_use]
    pub fn due(&self, now_ms: u64) -> Vec<ApprovalId> {
        self.cards
            .values()
            .filter(|c| c.is_open() && c.deadline_ms <= now_ms)
            .map(|c| c.id.clone())
            .collect()
    }

    /// Somebody may answer now who could not before: open cards get at least this long from when they
    /// were raised. Returns the cards changed.
    pub fn give_time(&mut self, patience_ms: u64) -> Vec<ApprovalId> {
        let mut changed = Vec::new();
        for card in self.cards.values_mut().filter(|card| card.is_open()) {
            let deadline = card.raised_at_ms.saturating_add(patience_ms);
            if deadline > card.deadline_ms {
                card.deadline_ms = deadline;
                changed.push(card.id.clone());
            }
        }
        changed
    }

    /// The next deadline of an open card.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.cards
            .values()
            .filter(|c| c.is_open())
            .map(|c| c.deadline_ms)
            .min()
    }

    /// One card.
    #[must_use]
    pub fn get(&self, id: &ApprovalId) -> Option<&Approval> {
        self.cards.get(id)
    }

    /// All cards that are kept, in order of identity.
    pub fn iter(&self) -> impl Iterator<Item = &Approval> {
        self.cards.values()
    }

    /// How many wait for somebody.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.cards.values().filter(|c| c.is_open()).count()
    }

    fn forget_old(&mut self, now_ms: u64) {
        self.cards.retain(|_, c| {
            c.outcome == Some(ItemOutcome::Running)
                || c.ended_at_ms
                    .is_none_or(|end| now_ms.saturating_sub(end) < KEEP_ENDED_MS)
        });
        while self.cards.len() >= MOST_KEPT {
            let Some(oldest) = self.cards.values().find(|c| c.is_over()).map(|c| c.id.clone()) else {
                break;
            };
            self.cards.remove(&oldest);
        }
    }
}

fn is_offered(card: &Approval, decision: &Decision) -> bool {
    // Whether it is within what was asked shows when the answer is built.
    if matches!(decision, Decision::Grant(_)) {
        return card.kind == ApprovalKind::Permissions;
    }
    let offered = choices(card.kind, &card.params, card.item.as_ref());
    if matches!(decision, Decision::Answers(_)) {
        return offered.iter().any(|one| matches!(one, Decision::Answers(_)));
    }
    offered.contains(decision)
        || (*decision == Decision::AcceptForSession && card.kind == ApprovalKind::Command)
}

#[cfg(test)]
mod tests;

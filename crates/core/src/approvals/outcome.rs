//! What became of the item behind an approval, as far as the app-server tells.

use super::{Approval, ApprovalId, Queue};
use drawbridge_wire::control::{ApprovalKind, ApprovalState, ItemOutcome};
use serde_json::Value;

/// The end an `item/completed` tells; `None` for an item whose status says nothing of an end.
#[must_use]
pub fn outcome_of(item: &Value) -> Option<ItemOutcome> {
    let exit_code = item.get("exitCode").and_then(Value::as_i64);
    match item.get("status").and_then(Value::as_str)? {
        "completed" => Some(ItemOutcome::Completed { exit_code }),
        "failed" => Some(ItemOutcome::Failed { exit_code }),
        "declined" => Some(ItemOutcome::Declined),
        _ => None,
    }
}

/// How a turn ended, in what matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnEnd {
    /// Somebody interrupted it.
    Interrupted,
    /// Any other way.
    Other,
}

impl Approval {
    /// The app-server took a yes: from now on the item is under way, until its end is told.
    pub(super) fn let_through(&mut self) {
        let has_end = matches!(self.kind, ApprovalKind::Command | ApprovalKind::FileChange);
        let yes = matches!(&self.state, ApprovalState::Applied { decision, .. } if decision.grants());
        if has_end && yes && self.outcome.is_none() {
            self.outcome = Some(ItemOutcome::Running);
        }
    }

    /// Whether the item may still have an end that was not told.
    fn is_unsettled(&self) -> bool {
        matches!(
            self.outcome,
            None | Some(ItemOutcome::Running | ItemOutcome::Unknown)
        )
    }

    fn becomes(&mut self, outcome: ItemOutcome) -> bool {
        let changed = self.outcome != Some(outcome);
        self.outcome = Some(outcome);
        changed
    }
}

impl Queue {
    /// `item/completed` of an item. Returns the cards changed.
    pub fn item_ended(&mut self, thread: &str, item_id: &str, outcome: ItemOutcome) -> Vec<ApprovalId> {
        self.change(|card| {
            card.thread() == Some(thread) && card.item_id() == Some(item_id) && card.becomes(outcome)
        })
    }

    /// `turn/completed`: what it left without an end gets none any more. Returns the cards changed.
    pub fn turn_ended(&mut self, thread: &str, turn: &str, end: TurnEnd) -> Vec<ApprovalId> {
        self.change(|card| {
            let same = card.thread() == Some(thread) && card.turn() == Some(turn);
            match (same && card.is_unsettled(), end) {
                (false, _) => false,
                (true, TurnEnd::Interrupted) => card.becomes(ItemOutcome::TurnInterrupted),
                (true, TurnEnd::Other) => card.ends_untold(),
            }
        })
    }

    /// Nothing runs in the thread any more, so no end will be told. Returns the cards changed.
    pub fn thread_idle(&mut self, thread: &str) -> Vec<ApprovalId> {
        self.change(|card| card.thread() == Some(thread) && card.ends_untold())
    }

    /// The app-server of this generation is gone, and nobody will tell. Returns the cards changed.
    pub fn outcomes_lost(&mut self, generation: u64) -> Vec<ApprovalId> {
        self.change(|card| card.id.generation == generation && card.ends_untold())
    }

    fn change(&mut self, mut what: impl FnMut(&mut Approval) -> bool) -> Vec<ApprovalId> {
        self.cards
            .values_mut()
            .filter_map(|card| what(card).then(|| card.id.clone()))
            .collect()
    }
}

impl Approval {
    /// Only for what was let through: of anything else nothing was to be expected.
    fn ends_untold(&mut self) -> bool {
        self.outcome == Some(ItemOutcome::Running) && self.becomes(ItemOutcome::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approvals::RaisedBy;
    use drawbridge_codex_wire::RequestId;
    use drawbridge_wire::{AnswerSource, Decision};
    use serde_json::json;

    fn id() -> ApprovalId {
        ApprovalId {
            generation: 1,
            request: RequestId::Number(0),
        }
    }

    fn raised() -> Queue {
        let mut queue = Queue::default();
        let asked = RaisedBy {
            id: id(),
            method: "item/commandExecution/requestApproval".into(),
            params: json!({"threadId":"t","turnId":"u","itemId":"i","command":"ls"}),
            item: None,
            patience_ms: 1000,
        };
        queue.raise(asked, 0);
        queue
    }

    fn answered(decision: Decision) -> Queue {
        let mut queue = raised();
        queue.answer(&id(), None, decision, AnswerSource::Policy).unwrap();
        queue.resolved(&id(), 1);
        queue
    }

    fn outcome(queue: &Queue) -> Option<ItemOutcome> {
        queue.get(&id()).unwrap().outcome
    }

    #[test]
    fn an_accepted_command_runs_and_then_ends_as_told() {
        let done = json!({"type":"commandExecution","status":"completed","exitCode":0});
        let failed = json!({"type":"commandExecution","status":"failed","exitCode":3});
        for (item, end) in [
            (done, ItemOutcome::Completed { exit_code: Some(0) }),
            (failed, ItemOutcome::Failed { exit_code: Some(3) }),
            (
                json!({"type":"fileChange","status":"completed"}),
                ItemOutcome::Completed { exit_code: None },
            ),
            (json!({"status":"declined"}), ItemOutcome::Declined),
        ] {
            let mut queue = answered(Decision::Accept);
            assert_eq!(outcome(&queue), Some(ItemOutcome::Running));
            assert_eq!(queue.item_ended("t", "other", end), []);
            assert_eq!(queue.item_ended("t", "i", outcome_of(&item).unwrap()), [id()]);
            // What comes after the item's own end changes nothing of it.
            assert_eq!(queue.turn_ended("t", "u", TurnEnd::Interrupted), []);
            assert_eq!(queue.thread_idle("t"), []);
            assert_eq!(outcome(&queue), Some(end));
        }
        assert_eq!(outcome_of(&json!({"status":"inProgress"})), None);
        assert_eq!(outcome_of(&json!({"type":"agentMessage"})), None);
    }

    #[test]
    fn an_answer_that_was_applied_to_an_interrupted_turn_says_both() {
        let mut queue = answered(Decision::Accept);
        assert_eq!(queue.turn_ended("t", "another", TurnEnd::Interrupted), []);
        assert_eq!(queue.turn_ended("t", "u", TurnEnd::Interrupted), [id()]);
        assert!(matches!(
            queue.get(&id()).unwrap().state,
            ApprovalState::Applied { .. }
        ));
        assert_eq!(outcome(&queue), Some(ItemOutcome::TurnInterrupted));
        // A background terminal that ends later tells its end after all.
        let late = ItemOutcome::Completed { exit_code: Some(0) };
        assert_eq!(queue.item_ended("t", "i", late), [id()]);
    }

    #[test]
    fn an_end_that_nobody_tells_is_unknown() {
        let mut queue = answered(Decision::Accept);
        assert_eq!(queue.thread_idle("t"), [id()]);
        assert_eq!(outcome(&queue), Some(ItemOutcome::Unknown));
        assert_eq!(queue.turn_ended("t", "u", TurnEnd::Interrupted), [id()]);
        assert_eq!(outcome(&queue), Some(ItemOutcome::TurnInterrupted));

        let mut queue = answered(Decision::Accept);
        assert_eq!(queue.outcomes_lost(2), []);
        assert_eq!(queue.outcomes_lost(1), [id()]);
        let mut queue = answered(Decision::Accept);
        assert_eq!(queue.turn_ended("t", "u", TurnEnd::Other), [id()]);
        assert_eq!(outcome(&queue), Some(ItemOutcome::Unknown));
    }

    #[test]
    fn a_no_lets_nothing_run() {
        let mut queue = answered(Decision::Decline);
        assert_eq!(outcome(&queue), None);
        assert_eq!(queue.thread_idle("t"), []);
        assert_eq!(queue.item_ended("t", "i", ItemOutcome::Declined), [id()]);
        assert_eq!(outcome(&queue), Some(ItemOutcome::Declined));
    }

    #[test]
    fn what_still_runs_is_not_forgotten() {
        let much_later = 24 * 60 * 60 * 1000;
        let mut queue = answered(Decision::Accept);
        let next = |n| RaisedBy {
            id: ApprovalId {
                generation: 1,
                request: RequestId::Number(n),
            },
            method: "item/commandExecution/requestApproval".into(),
            params: json!({"n": n}),
            item: None,
            patience_ms: 1000,
        };
        queue.raise(next(1), much_later);
        assert_eq!(outcome(&queue), Some(ItemOutcome::Running));
        queue.thread_idle("t");
        queue.raise(next(2), much_later);
        assert!(queue.get(&id()).is_none());
    }
}

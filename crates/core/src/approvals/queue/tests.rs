use super::*;
use crate::approvals::decision_from_client;
use drawbridge_codex_wire::RequestId;
use drawbridge_wire::{NetworkAction, NetworkRule};
use serde_json::json;

const COMMAND: &str = "item/commandExecution/requestApproval";
const FILES: &str = "item/fileChange/requestApproval";

fn id(generation: u64, request: i64) -> ApprovalId {
    ApprovalId {
        generation,
        request: RequestId::Number(request),
    }
}

fn raised(method: &str, params: Value) -> RaisedBy {
    RaisedBy {
        id: id(1, 0),
        method: method.into(),
        params,
        item: None,
        patience_ms: 1000,
    }
}

fn command() -> RaisedBy {
    raised(
        COMMAND,
        json!({"threadId":"t","turnId":"u","itemId":"i","command":"ls"}),
    )
}

fn user() -> AnswerSource {
    AnswerSource::Control {
        client: "test".into(),
    }
}

fn seen(queue: &Queue) -> String {
    queue.get(&id(1, 0)).unwrap().shown_digest.clone()
}

#[test]
fn one_card_for_all_subscribers_and_one_answer_wins() {
    let mut queue = Queue::default();
    assert_eq!(queue.raise(command(), 0), Raised::New);
    assert_eq!(queue.raise(command(), 1), Raised::Known);
    let digest = seen(&queue);
    let sent = queue
        .answer(&id(1, 0), Some(&digest), Decision::Accept, user())
        .unwrap();
    assert_eq!(sent.result, Some(json!({"decision":"accept"})));
    let second = queue.answer(&id(1, 0), Some(&digest), Decision::Decline, user());
    assert!(matches!(second, Err(AnswerError::Over(_))));
    assert!(queue.resolved(&id(1, 0), 5));
    assert!(matches!(
        queue.get(&id(1, 0)).unwrap().state,
        ApprovalState::Applied { .. }
    ));
}

#[test]
fn another_request_under_the_same_identity_voids_the_card() {
    let mut queue = Queue::default();
    queue.raise(command(), 0);
    let other = raised(
        COMMAND,
        json!({"threadId":"t","turnId":"u","itemId":"i","command":"rm -rf ."}),
    );
    assert_eq!(queue.raise(other, 1), Raised::Invalidated);
    let digest = seen(&queue);
    assert!(
        queue
            .answer(&id(1, 0), Some(&digest), Decision::Accept, user())
            .is_err()
    );
}

#[test]
fn an_answer_must_name_what_its_giver_saw() {
    let mut queue = Queue::default();
    queue.raise(
        raised(FILES, json!({"threadId":"t","turnId":"u","itemId":"i"})),
        0,
    );
    let before = seen(&queue);
    assert_eq!(
        queue.answer(&id(1, 0), Some(&before), Decision::Accept, user()),
        Err(AnswerError::NotOffered),
        "without its diff a file change can only be declined"
    );
    let item =
        json!({"type":"fileChange","id":"i","changes":[{"path":"/w/a","kind":{"type":"add"},"diff":"x"}]});
    assert_eq!(queue.item_known("t", "i", &item), vec![id(1, 0)]);
    assert_eq!(
        queue.answer(&id(1, 0), Some(&before), Decision::Accept, user()),
        Err(AnswerError::Changed)
    );
    let after = seen(&queue);
    assert!(
        queue
            .answer(&id(1, 0), Some(&after), Decision::Accept, user())
            .is_ok()
    );
}

#[test]
fn an_interrupt_that_came_first_wins_over_an_answer_on_its_way() {
    let mut queue = Queue::default();
    queue.raise(command(), 0);
    queue.answer(&id(1, 0), None, Decision::Accept, user()).unwrap();
    assert_eq!(queue.turn_interrupted("t", "u", 2), vec![id(1, 0)]);
    queue.resolved(&id(1, 0), 3);
    assert_eq!(queue.get(&id(1, 0)).unwrap().state, ApprovalState::Superseded);
}

#[test]
fn our_own_cancel_is_applied_though_the_turn_ends_interrupted() {
    let mut queue = Queue::default();
    queue.raise(command(), 0);
    queue.answer(&id(1, 0), None, Decision::Cancel, user()).unwrap();
    assert!(queue.turn_interrupted("t", "u", 2).is_empty());
    queue.resolved(&id(1, 0), 3);
    assert!(matches!(
        queue.get(&id(1, 0)).unwrap().state,
        ApprovalState::Applied { .. }
    ));
}

#[test]
fn an_answer_that_could_not_be_sent_leaves_the_question_open() {
    let mut queue = Queue::default();
    queue.raise(command(), 0);
    queue.answer(&id(1, 0), None, Decision::Accept, user()).unwrap();
    assert!(queue.unsent(&id(1, 0), 500, 1000));
    assert!(queue.get(&id(1, 0)).unwrap().is_open());
    assert_eq!(queue.next_deadline(), Some(1500));
    assert!(!queue.unsent(&id(1, 0), 500, 1000), "what is open was not sent");
}

#[test]
fn a_restart_loses_only_its_own_generation() {
    let mut queue = Queue::default();
    queue.raise(command(), 0);
    queue.raise(
        RaisedBy {
            id: id(2, 0),
            ..command()
        },
        0,
    );
    assert_eq!(queue.generation_lost(1, 1), vec![id(1, 0)]);
    assert!(queue.get(&id(2, 0)).unwrap().is_open());
}

#[test]
fn permissions_have_no_cancel_so_the_turn_is_interrupted_too() {
    let mut queue = Queue::default();
    let params = json!({"threadId":"t","turnId":"u","permissions":{"network":{"enabled":true}}});
    queue.raise(raised("item/permissions/requestApproval", params), 0);
    let sent = queue.answer(&id(1, 0), None, Decision::Cancel, user()).unwrap();
    assert_eq!(sent.result, Some(json!({"permissions":{},"scope":"turn"})));
    assert_eq!(sent.interrupt, Some(("t".into(), Some("u".into()))));
}

#[test]
fn an_unknown_request_can_only_be_refused_and_is_refused_with_an_error() {
    let mut queue = Queue::default();
    queue.raise(raised("item/new/thing", json!({"threadId":"t","turnId":"u"})), 0);
    assert_eq!(
        queue.answer(&id(1, 0), None, Decision::Accept, user()),
        Err(AnswerError::NotOffered)
    );
    assert_eq!(
        queue
            .answer(&id(1, 0), None, Decision::Decline, user())
            .unwrap()
            .result,
        None
    );
}

#[test]
fn deadlines_are_found_and_only_for_open_cards() {
    let mut queue = Queue::default();
    queue.raise(command(), 0);
    assert_eq!(queue.due(999), vec![]);
    assert_eq!(queue.due(1000), vec![id(1, 0)]);
    queue
        .answer(&id(1, 0), None, Decision::Decline, AnswerSource::Deadline)
        .unwrap();
    assert_eq!(queue.due(2000), vec![]);
    assert_eq!(queue.next_deadline(), None);
}

#[test]
fn digests_ignore_key_order_and_nothing_else() {
    let a: Value = serde_json::from_str(r#"{"a":1,"b":[{"x":1,"y":2}]}"#).unwrap();
    let b: Value = serde_json::from_str(r#"{"b":[{"y":2,"x":1}],"a":1}"#).unwrap();
    assert_eq!(digest("m", &a, None), digest("m", &b, None));
    assert_ne!(
        digest("m", &a, None),
        digest("m", &json!({"a":1,"b":[{"x":1,"y":3}]}), None)
    );
    assert_ne!(digest("m", &a, None), digest("m", &a, Some(&Value::Null)));
}

#[test]
fn ids_read_back_as_they_are_written() {
    for id in [
        id(1, 0),
        id(7, 42),
        ApprovalId {
            generation: 3,
            request: RequestId::Text("a-b".into()),
        },
    ] {
        assert_eq!(id.to_string().parse::<ApprovalId>().unwrap(), id);
    }
    assert!("x".parse::<ApprovalId>().is_err());
}

const QUESTION: &str = "item/tool/requestUserInput";
const ELICITATION: &str = "mcpServer/elicitation/request";

fn replies(replies: &Value) -> Decision {
    Decision::Answers(replies.as_object().unwrap().clone())
}

/// What one decision on one request sends.
fn sent(method: &str, params: &Value, decision: Decision) -> Result<Option<Value>, AnswerError> {
    let mut queue = Queue::default();
    queue.raise(raised(method, params.clone()), 0);
    let sent = queue.answer(&id(1, 0), None, decision, user())?;
    Ok(sent.result)
}

#[test]
fn a_network_rule_goes_out_as_it_was_offered_or_not_at_all() {
    let offer = |action: &str| {
        json!({"applyNetworkPolicyAmendment":
        {"network_policy_amendment": {"action": action, "host": "a.example"}}})
    };
    let params =
        json!({"command": "curl a.example", "availableDecisions": ["accept", offer("allow"), offer("deny")]});
    let rule = |action, host: &str| {
        let host = host.to_owned();
        Decision::ApplyNetworkRule(NetworkRule { action, host })
    };
    for (action, word) in [(NetworkAction::Allow, "allow"), (NetworkAction::Deny, "deny")] {
        let decision = rule(action, "a.example");
        let answer = json!({ "decision": offer(word) });
        // What a client of the app-server's own protocol says is read as the same.
        assert_eq!(
            decision_from_client(ApprovalKind::Command, &params, &answer),
            Some(decision.clone())
        );
        assert_eq!(sent(COMMAND, &params, decision), Ok(Some(answer)));
        assert_eq!(
            sent(COMMAND, &params, rule(action, "b.example")),
            Err(AnswerError::NotOffered)
        );
    }
}

#[test]
fn a_form_goes_out_filled_in_or_not_at_all() {
    let form = json!({"mode": "form", "requestedSchema": {"type": "object", "required": ["n"],
        "properties": {"n": {"type": "integer"}}}});
    assert_eq!(
        sent(ELICITATION, &form, replies(&json!({"n": "5"}))),
        Ok(Some(
            json!({"action": "accept", "content": {"n": 5}, "_meta": null})
        ))
    );
    assert_eq!(
        sent(ELICITATION, &form, Decision::Accept),
        Err(AnswerError::NotOffered)
    );
    for wrong in [json!({}), json!({"n": "five"}), json!({"n": 5, "m": 1})] {
        let error = sent(ELICITATION, &form, replies(&wrong)).unwrap_err();
        assert_eq!(error.code(), "bad_reply");
    }
    let error = sent(
        QUESTION,
        &json!({"questions": [{"id": "a"}]}),
        replies(&json!({})),
    );
    assert_eq!(error.unwrap_err().code(), "bad_reply");
}

#[test]
fn a_wrong_reply_leaves_the_question_open() {
    let mut queue = Queue::default();
    queue.raise(raised(QUESTION, json!({"questions": [{"id": "a"}]})), 0);
    queue
        .answer(&id(1, 0), None, replies(&json!({"b": "x"})), user())
        .unwrap_err();
    assert_eq!(queue.get(&id(1, 0)).unwrap().state, ApprovalState::Open);
    let sent = queue
        .answer(&id(1, 0), None, replies(&json!({"a": "x"})), user())
        .unwrap();
    assert_eq!(sent.result, Some(json!({"answers": {"a": {"answers": ["x"]}}})));
    let state = &queue.get(&id(1, 0)).unwrap().state;
    let word = Decision::Answers(serde_json::Map::new());
    assert!(
        matches!(state, ApprovalState::Sent { decision, .. } if *decision == word),
        "what was typed is nobody else's: {state:?}"
    );
}

#[test]
fn what_cannot_be_given_cannot_be_agreed_to() {
    let proof = json!({"mode": "openai/userVerification", "challenge": "c"});
    let visit = json!({"mode": "url", "url": "https://example.org", "elicitationId": "e"});
    assert_eq!(
        sent(ELICITATION, &proof, Decision::Accept),
        Err(AnswerError::NotOffered)
    );
    assert_eq!(
        sent(ELICITATION, &visit, replies(&json!({"a": "b"}))),
        Err(AnswerError::NotOffered)
    );
    assert_eq!(
        sent(ELICITATION, &visit, Decision::Accept),
        Ok(Some(json!({"action": "accept", "content": null, "_meta": null})))
    );
    let decline = json!({"action": "decline", "content": null, "_meta": null});
    assert_eq!(sent(ELICITATION, &proof, Decision::Decline), Ok(Some(decline)));
}

#[test]
fn our_cancel_of_a_servers_question_stops_the_turn_and_that_of_a_client_does_not() {
    let params = json!({"threadId": "t", "turnId": "u", "mode": "form"});
    let cancel = json!({"action": "cancel", "content": null, "_meta": null});
    let client = AnswerSource::LocalClient { connection: 1 };
    for (by, interrupt) in [(user(), Some(("t".into(), Some("u".into())))), (client, None)] {
        let mut queue = Queue::default();
        queue.raise(raised(ELICITATION, params.clone()), 0);
        let sent = queue.answer(&id(1, 0), None, Decision::Cancel, by).unwrap();
        assert_eq!((sent.result, sent.interrupt), (Some(cancel.clone()), interrupt));
    }
}

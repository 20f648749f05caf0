//! What the app-server says.

use super::*;
use drawbridge_codex_wire::RequestId;
use drawbridge_wire::Decision;
use drawbridge_wire::control::{Answer, AnswerResult, ApprovalState};

#[tokio::test(start_paused = true)]
async fn an_older_answer_takes_no_state_back_for_a_moment() {
    let mut house = House::new().await;
    let status = |word: &str| json!({ "threadId": "T", "status": { "type": word, "activeFlags": [] } });
    let tell = |method: &str, params: Value| {
        Event::Agent(AgentEvent::Notification {
            generation: 1,
            method: method.to_owned(),
            params,
        })
    };
    house.play(tell("thread/status/changed", status("active")));
    house.play(tell("thread/status/changed", status("idle")));
    house.changes();
    // Asked before the turn ended: then it ran.
    let result = json!({
        "thread": { "id": "T", "preview": "title", "status": { "type": "active", "activeFlags": [] } },
        "cwd": "/w", "approvalPolicy": "on-request", "sandbox": { "type": "readOnly" },
        "initialTurnsPage": { "data": [{ "id": "U", "status": "inProgress" }] },
    });
    house.play(Event::Agent(AgentEvent::Observed {
        generation: 1,
        thread: "T".to_owned(),
        changes: 0,
        told: 1,
        result: Some(result),
    }));
    let changes = house.changes();
    let [Change::Thread(thread)] = &changes[..] else {
        panic!("told once: {changes:?}")
    };
    assert_eq!((&*thread.status, &thread.turn), ("idle", &None));
    assert_eq!(
        (thread.title.as_deref(), thread.approval_policy.as_deref()),
        (Some("title"), Some("on-request")),
        "the rest of it counts"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_with_its_connection_is_waited_for_again() {
    let mut house = House::new().await;
    let asks = || {
        Event::Agent(AgentEvent::Request {
            generation: 1,
            id: RequestId::Number(0),
            method: "item/commandExecution/requestApproval".to_owned(),
            params: json!({ "threadId": "T", "turnId": "U", "itemId": "I", "command": "touch t2", "cwd": "/w" }),
        })
    };
    house.play(asks());
    house.say_yes().await;
    // The same question on the connection the answer went out on is older than the answer.
    house.play(asks());
    assert!(matches!(house.state().await, ApprovalState::Sent { .. }));
    let (ours, theirs) = tokio::io::duplex(1024 * 1024);
    let client = WebSocketStream::from_raw_socket(ours, protocol::Role::Client, None);
    let (observer, _incoming) = Peer::start(client.await);
    house.codex = WebSocketStream::from_raw_socket(theirs, protocol::Role::Server, None).await;
    house.play(Event::Agent(AgentEvent::Redialled {
        generation: 1,
        observer,
    }));
    assert!(
        matches!(house.state().await, ApprovalState::Sent { .. }),
        "it may have arrived"
    );
    house.play(asks());
    assert_eq!(house.state().await, ApprovalState::Open);
    house.say_yes().await;
    house.play(asks());
    assert!(
        matches!(house.state().await, ApprovalState::Sent { .. }),
        "that answer went out on this connection"
    );
    let frame = house.heard(None).await;
    assert_eq!(frame, json!({ "id": 0, "result": { "decision": "accept" } }));
}

/// A question of an MCP server need not name its turn, and one that began unseen has no name here.
#[tokio::test(start_paused = true)]
async fn declining_and_stopping_stops_a_turn_that_nobody_named() {
    let mut house = House::new().await;
    house.play(Event::Agent(AgentEvent::Request {
        generation: 1,
        id: RequestId::Number(0),
        method: "mcpServer/elicitation/request".to_owned(),
        params: json!({ "threadId": "T", "turnId": null, "serverName": "s", "message": "m", "mode": "form" }),
    }));
    let said = house.give(Decision::Cancel).await;
    assert!(said.won);
    assert_eq!(house.heard(None).await["result"]["action"], "cancel");
    let asked = house.heard(Some("thread/turns/list")).await;
    let turns = json!({ "data": [{ "id": "U", "status": "inProgress" }] });
    house.say(json!({ "id": asked["id"], "result": turns })).await;
    let stopped = house.heard(Some("turn/interrupt")).await;
    assert_eq!(stopped["params"], json!({ "threadId": "T", "turnId": "U" }));
}

impl House {
    /// Answers the only approval as it is.
    async fn give(&mut self, decision: Decision) -> AnswerResult {
        let card = self.view().await.approvals.remove(0);
        let answer = Answer {
            id: card.id,
            digest: card.digest,
            decision,
        };
        match self.request(Request::Answer(answer)).await {
            ControlReply::Answered(said) => said,
            other => panic!("{other:?}"),
        }
    }

    async fn say_yes(&mut self) {
        assert!(self.give(Decision::Accept).await.won);
    }

    /// The next question of this method that Codex gets, or the next answer.
    async fn heard(&mut self, method: Option<&str>) -> Value {
        loop {
            let frame = match tokio::time::timeout(LATE, self.codex.next()).await {
                Ok(Some(Ok(Message::Text(frame)))) => serde_json::from_str::<Value>(&frame).unwrap(),
                other => panic!("{method:?}: {other:?}"),
            };
            if frame.get("method").and_then(Value::as_str) == method {
                return frame;
            }
        }
    }

    /// Where the only approval stands.
    async fn state(&mut self) -> ApprovalState {
        self.view().await.approvals.remove(0).state
    }
}

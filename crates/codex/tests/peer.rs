//! The JSON-RPC peer against another side that does as the test says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it stands"
)]

use drawbridge_codex::{CallError, CloseReason, Incoming, Peer};
use drawbridge_codex_wire::{ErrorObject, RequestId};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::coding::CloseCode};

const SOON: Duration = Duration::from_secs(10);

/// The other side.
struct Other(WebSocketStream<DuplexStream>);

impl Other {
    async fn read(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(SOON, self.0.next()).await.expect("in time");
            if let Message::Text(text) = frame.expect("a frame").unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    async fn send_text(&mut self, text: &str) {
        tokio::time::timeout(SOON, self.0.send(Message::text(text)))
            .await
            .expect("in time")
            .unwrap();
    }
}

async fn pair() -> (Peer, mpsc::Receiver<Incoming>, Other) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (peer, incoming) = Peer::start(WebSocketStream::from_raw_socket(ours, Role::Client, None).await);
    (
        peer,
        incoming,
        Other(WebSocketStream::from_raw_socket(theirs, Role::Server, None).await),
    )
}

async fn next(incoming: &mut mpsc::Receiver<Incoming>) -> Incoming {
    tokio::time::timeout(SOON, incoming.recv())
        .await
        .expect("in time")
        .expect("something")
}

fn ask(peer: &Peer, method: &'static str) -> tokio::task::JoinHandle<Result<Value, CallError>> {
    let peer = peer.clone();
    tokio::spawn(async move { peer.request(method, json!({ "q": method }), SOON).await })
}

#[tokio::test]
async fn answers_find_who_asked_whatever_their_order() {
    let (peer, _incoming, mut other) = pair().await;
    let (a, b, c) = (ask(&peer, "a"), ask(&peer, "b"), ask(&peer, "c"));
    let mut asked = vec![other.read().await, other.read().await, other.read().await];
    asked.reverse();
    for request in asked {
        let id = request["id"].clone();
        assert_eq!(
            request,
            json!({ "id": id, "method": id_method(&request), "params": { "q": id_method(&request) } })
        );
        match request["method"].as_str().unwrap() {
            "a" => other.send(json!({ "id": id, "result": { "n": 1 } })).await,
            // A result may be null; it is a result all the same.
            "b" => other.send(json!({ "id": id, "result": null })).await,
            _ => {
                other
                    .send(json!({ "id": id, "error": { "code": -32600, "message": "no", "data": 7 } }))
                    .await;
            }
        }
    }
    assert_eq!(a.await.unwrap(), Ok(json!({ "n": 1 })));
    assert_eq!(b.await.unwrap(), Ok(Value::Null));
    let refused = ErrorObject {
        code: -32600,
        message: "no".into(),
        data: Some(json!(7)),
    };
    assert_eq!(c.await.unwrap(), Err(CallError::Rpc(refused)));
}

fn id_method(request: &Value) -> &str {
    request["method"].as_str().unwrap()
}

#[tokio::test]
async fn what_comes_in_is_handed_on_raw_and_answered_with_its_own_id() {
    let (peer, mut incoming, mut other) = pair().await;
    for garbage in [
        "",
        "[]",
        "7",
        "{\"id\":1",
        "{}",
        "{\"id\":null,\"result\":1}",
        "{\"id\":\"1\",\"result\":1}",
    ] {
        other.send_text(garbage).await;
    }
    let raw = "{\"method\":\"turn/started\", \"emittedAtMs\":1,\"params\":{\"x\":[1, 2]}}";
    other.send_text(raw).await;
    let notification = Incoming::Notification {
        method: "turn/started".into(),
        raw: raw.into(),
    };
    assert_eq!(next(&mut incoming).await, notification);
    for id in [json!(0), json!("0")] {
        other
            .send(json!({ "id": id, "method": "item/tool/call", "params": {} }))
            .await;
        let Incoming::Request { id: seen, method, .. } = next(&mut incoming).await else {
            panic!("no request")
        };
        assert_eq!(method, "item/tool/call");
        peer.respond(&seen, json!({ "ok": true })).await.unwrap();
        assert_eq!(other.read().await, json!({ "id": id, "result": { "ok": true } }));
    }
    let refusal = ErrorObject {
        code: 1,
        message: "not here".into(),
        data: None,
    };
    peer.respond_error(&RequestId::Number(9), &refusal).await.unwrap();
    assert_eq!(
        other.read().await,
        json!({ "id": 9, "error": { "code": 1, "message": "not here" } })
    );
    peer.respond(&RequestId::Number(9), Value::Null).await.unwrap();
    assert_eq!(other.read().await, json!({ "id": 9, "result": null }));
    peer.notify("initialized", Value::Null).await.unwrap();
    assert_eq!(other.read().await, json!({ "method": "initialized" }));
}

#[tokio::test]
async fn all_that_wait_fail_at_once_when_the_socket_closes() {
    for good_bye in [true, false] {
        let (peer, mut incoming, mut other) = pair().await;
        let waiting = [ask(&peer, "a"), ask(&peer, "b")];
        other.read().await;
        other.read().await;
        let expected = if good_bye {
            let frame = CloseFrame {
                code: CloseCode::Away,
                reason: "draining".into(),
            };
            other.0.send(Message::Close(Some(frame))).await.unwrap();
            CloseReason::Closed {
                code: Some(1001),
                text: "draining".into(),
            }
        } else {
            drop(other);
            CloseReason::Dropped
        };
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), Err(CallError::Closed));
        }
        assert_eq!(next(&mut incoming).await, Incoming::Closed { reason: expected });
        assert!(incoming.recv().await.is_none());
        assert_eq!(peer.request("c", Value::Null, SOON).await, Err(CallError::Closed));
        assert_eq!(peer.notify("d", Value::Null).await, Err(CallError::Closed));
        tokio::time::timeout(SOON, peer.closed()).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_passes_everything_nobody_takes_and_nothing_is_lost_or_reordered() {
    let (peer, mut incoming, mut other) = pair().await;
    let waiting = ask(&peer, "a");
    let request = other.read().await;
    for n in 0..5000 {
        other.send(json!({ "method": "n", "params": n })).await;
    }
    other.send(json!({ "id": request["id"], "result": "here" })).await;
    assert_eq!(waiting.await.unwrap(), Ok(json!("here")));
    for n in 0..5000 {
        let Incoming::Notification { raw, .. } = next(&mut incoming).await else {
            panic!("no notification")
        };
        assert_eq!(serde_json::from_str::<Value>(&raw).unwrap()["params"], n);
    }
}

#[tokio::test]
async fn who_takes_nothing_for_too_long_loses_the_connection_not_single_frames() {
    let (peer, mut incoming, mut other) = pair().await;
    let mut sent = 0;
    while tokio::time::timeout(SOON, other.0.feed(Message::text("{\"method\":\"n\"}")))
        .await
        .unwrap()
        .is_ok()
    {
        sent += 1;
        assert!(sent < 1_000_000, "nothing bounds the backlog");
    }
    tokio::time::timeout(SOON, peer.closed()).await.unwrap();
    let mut taken = 0;
    let reason = loop {
        match next(&mut incoming).await {
            Incoming::Closed { reason } => break reason,
            _ => taken += 1,
        }
    };
    assert_eq!((taken, reason), (256 + 32 * 1024, CloseReason::Lagged));
}

#[tokio::test]
async fn a_receiver_that_is_dropped_stops_nothing() {
    let (peer, incoming, mut other) = pair().await;
    drop(incoming);
    for _ in 0..40_000 {
        other.0.feed(Message::text("{\"method\":\"n\"}")).await.unwrap();
    }
    let waiting = ask(&peer, "a");
    other.0.flush().await.unwrap();
    let request = other.read().await;
    other.send(json!({ "id": request["id"], "result": 1 })).await;
    assert_eq!(waiting.await.unwrap(), Ok(json!(1)));
}

#[tokio::test]
async fn a_deadline_is_kept_and_a_late_answer_is_for_nobody() {
    let (peer, _incoming, mut other) = pair().await;
    let short = Duration::from_millis(20);
    let late = peer.request("slow", Value::Null, short).await;
    assert_eq!(
        late,
        Err(CallError::Timeout {
            method: "slow".into(),
            after: short
        })
    );
    let slow = other.read().await;
    let waiting = ask(&peer, "next");
    let next = other.read().await;
    assert_ne!(slow["id"], next["id"]);
    other.send(json!({ "id": slow["id"], "result": "old" })).await;
    other.send(json!({ "id": next["id"], "result": "new" })).await;
    assert_eq!(waiting.await.unwrap(), Ok(json!("new")));
}

#[tokio::test]
async fn overload_is_tried_again_other_errors_are_not() {
    let (peer, _incoming, mut other) = pair().await;
    let retrying = |method: &'static str, deadline| {
        let peer = peer.clone();
        tokio::spawn(async move { peer.request_retrying(method, Value::Null, deadline).await })
    };
    let overloaded = json!({ "code": -32001, "message": "Server overloaded; retry later." });

    let waiting = retrying("a", SOON);
    for answer in [
        json!({ "error": overloaded }),
        json!({ "error": overloaded }),
        json!({ "result": 3 }),
    ] {
        let mut frame = answer;
        frame["id"] = other.read().await["id"].clone();
        other.send(frame).await;
    }
    assert_eq!(waiting.await.unwrap(), Ok(json!(3)));

    let waiting = retrying("b", SOON);
    let id = other.read().await["id"].clone();
    other
        .send(json!({ "id": id, "error": { "code": -32600, "message": "no" } }))
        .await;
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), "codex_refused");

    let waiting = retrying("c", Duration::from_millis(200));
    let answering = tokio::spawn(async move {
        loop {
            let id = other.read().await["id"].clone();
            other.send(json!({ "id": id, "error": overloaded })).await;
        }
    });
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), "codex_overloaded");
    answering.abort();
}

#[tokio::test]
async fn closing_says_good_bye_after_what_was_already_sent() {
    for explicitly in [true, false] {
        let (peer, mut incoming, mut other) = pair().await;
        peer.notify("last", Value::Null).await.unwrap();
        if explicitly {
            peer.close();
            assert_eq!(peer.notify("after", Value::Null).await, Err(CallError::Closed));
        }
        drop(peer);
        assert_eq!(other.read().await, json!({ "method": "last" }));
        let frame = tokio::time::timeout(SOON, other.0.next()).await.unwrap();
        assert!(matches!(frame, Some(Ok(Message::Close(_)))), "{frame:?}");
        let _ = other.0.next().await;
        assert!(matches!(next(&mut incoming).await, Incoming::Closed { .. }));
    }
}

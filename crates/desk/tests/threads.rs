//! Open threads: the controller between a window and an app-server that the test plays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use common::agent::{AgentEnd, FakeAgent};
use common::{App, Did, client, place, view};
use drawbridge_desk::{Ask, Problem, ThreadChange, ThreadEvent};
use drawbridge_testkit::fake_host::{FakeHost, HostEnd};
use drawbridge_testkit::home::Scratch;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

struct Desk {
    dir: Scratch,
    app: App,
    agent: FakeAgent,
    _host: FakeHost,
    _end: HostEnd,
}

async fn desk() -> Desk {
    let dir = place();
    let host = FakeHost::at(dir.path());
    let agent = FakeAgent::at(dir.path());
    let app = App::start(dir.path());
    let mut state = view(dir.path());
    state.threads = vec![common::thread("T")];
    let end = client(&host, &state).await;
    Desk {
        dir,
        app,
        agent,
        _host: host,
        _end: end,
    }
}

fn message(id: &str, text: &str) -> Value {
    json!({"id": id, "type": "agentMessage", "text": text})
}

fn open() -> Ask {
    Ask::ThreadOpen { id: "T".into() }
}

impl Desk {
    fn asks(&self, ask: Ask) -> JoinHandle<Result<Value, Problem>> {
        let desk = self.app.desk.clone();
        tokio::spawn(async move { desk.ask("main", ask).await })
    }

    /// The thread `T` in the window, with one message and a turn that runs.
    async fn opened(&mut self) -> (AgentEnd, Value) {
        let opened = self.asks(open());
        let mut agent = self.agent.client().await;
        agent.give(&[message("old", "hi")], Some("u")).await;
        (agent, opened.await.unwrap().unwrap())
    }

    async fn event(&mut self) -> ThreadEvent {
        self.app
            .until(|did| match did {
                Did::Thread(event) => Some(event),
                _ => None,
            })
            .await
    }
}

fn json_of(event: &ThreadEvent) -> Value {
    serde_json::to_value(&event.changes).unwrap()
}

// proves S0.10
#[tokio::test]
async fn a_thread_opens_with_its_items_and_every_word_that_comes_is_told_once() {
    let mut desk = desk().await;
    let (mut agent, whole) = desk.opened().await;
    assert_eq!(
        whole,
        json!({
            "seq": 0, "items": [message("old", "hi")], "earlier": false,
            "turn": {"id": "u", "status": "inProgress"},
            "model": "gpt-5.5", "branch": "main", "tokens": null,
        })
    );
    agent
        .tell("item/started", json!({"item": message("m", "")}))
        .await;
    let mut sent = String::new();
    for n in 0..5000 {
        let piece = format!("word{n} ");
        agent.delta("m", &piece).await;
        sent.push_str(&piece);
    }
    agent
        .tell(
            "turn/completed",
            json!({"turn": {"id": "u", "status": "completed"}}),
        )
        .await;
    let (mut said, mut events, mut last) = (String::new(), 0, 0);
    'all: loop {
        let event = desk.event().await;
        assert_eq!((event.id.as_str(), event.seq), ("T", last + 1));
        last = event.seq;
        events += 1;
        for change in event.changes {
            match change {
                ThreadChange::Delta(delta) => said.push_str(&delta.text),
                ThreadChange::Turn(turn) if turn.status == "completed" => break 'all,
                _ => {}
            }
        }
    }
    assert_eq!(said, sent);
    assert!(events < 500, "5000 pieces in {events} events");
    // However quickly a piece follows another, a frame lies between two events.
    let begun = Instant::now();
    for n in 0..7 {
        agent.delta("m", &n.to_string()).await;
        desk.event().await;
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(6 * 16),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn long_threads_come_by_the_page_and_say_that_there_is_more() {
    let desk = desk().await;
    let opened = desk.asks(open());
    let mut agent = desk.agent.client().await;
    agent.expect("thread/resume", json!({"thread": {}})).await;
    let mut next = 2000;
    for page in 0..10 {
        let cursor = if page == 0 {
            Value::Null
        } else {
            json!(format!("c{page}"))
        };
        let data: Vec<Value> = (0..100)
            .map(|_| {
                next -= 1;
                json!({"item": message(&next.to_string(), "x")})
            })
            .collect();
        let more = json!({"data": data, "nextCursor": format!("c{}", page + 1)});
        let asked = agent.expect("thread/items/list", more).await;
        assert_eq!(
            (&asked["cursor"], &asked["sortDirection"]),
            (&cursor, &json!("desc"))
        );
    }
    let whole = opened.await.unwrap().unwrap();
    let items = whole["items"].as_array().unwrap();
    assert_eq!(items.len(), 1000);
    assert_eq!(
        (&items[0]["id"], &items[999]["id"]),
        (&json!("1000"), &json!("1999"))
    );
    assert_eq!(whole["earlier"], true);
}

#[tokio::test]
async fn a_thread_without_pages_is_read_whole() {
    let desk = desk().await;
    let opened = desk.asks(open());
    let mut agent = desk.agent.client().await;
    agent.expect("thread/resume", json!({"thread": {}})).await;
    agent.refuse("thread/items/list", "not for this kind").await;
    let turns = json!([{"items": [message("a", "1")]}, {"items": [message("b", "2"), {"id": 7}]}]);
    agent
        .expect("thread/read", json!({"thread": {"turns": turns}}))
        .await;
    let whole = opened.await.unwrap().unwrap();
    assert_eq!(whole["items"], json!([message("a", "1"), message("b", "2")]));
}

#[tokio::test]
async fn a_person_sends_steers_and_interrupts() {
    let mut desk = desk().await;
    let (mut agent, _) = desk.opened().await;
    let said = |text: &str| json!([{"type": "text", "text": text}]);
    let id = || "T".to_owned();
    let steered = desk.asks(Ask::ThreadSteer {
        id: id(),
        text: "left".into(),
    });
    let params = agent.expect("turn/steer", json!({"turnId": "u"})).await;
    assert_eq!(
        params,
        json!({"threadId": "T", "expectedTurnId": "u", "input": said("left")})
    );
    assert_eq!(steered.await.unwrap(), Ok(Value::Null));
    let interrupted = desk.asks(Ask::ThreadInterrupt { id: id() });
    let params = agent.expect("turn/interrupt", json!({})).await;
    assert_eq!(params, json!({"threadId": "T", "turnId": "u"}));
    assert_eq!(interrupted.await.unwrap(), Ok(Value::Null));
    agent
        .tell(
            "turn/completed",
            json!({"turn": {"id": "u", "status": "interrupted"}}),
        )
        .await;
    let ended = desk.event().await;
    assert_eq!(
        json_of(&ended),
        json!([{"turn": {"id": "u", "status": "interrupted"}}])
    );
    let sent = desk.asks(Ask::ThreadSend {
        id: id(),
        text: "go on".into(),
    });
    let (ask, params) = agent.request("turn/start").await;
    assert_eq!(params, json!({"threadId": "T", "input": said("go on")}));
    let error = json!({"code": -32600, "message": "wide\u{1b}[2J"});
    agent.send(json!({"id": ask, "error": error})).await;
    let refused = sent.await.unwrap().unwrap_err();
    assert_eq!(refused.code, "codex_refused");
    assert!(
        refused.message.contains("wide\u{2039}U+001B ESCAPE\u{203a}[2J"),
        "{refused}"
    );
    // What a person has to do otherwise is not asked of the agent.
    let empty = desk.asks(Ask::ThreadSend {
        id: id(),
        text: " \n".into(),
    });
    assert_eq!(empty.await.unwrap().unwrap_err().code, "empty");
    // Of a thread that is not open the agent is asked which turn runs.
    let other = || "other".to_owned();
    let nothing = desk.asks(Ask::ThreadSteer {
        id: other(),
        text: "x".into(),
    });
    let over = json!({"data": [{"id": "v", "status": "completed"}]});
    agent.expect("thread/turns/list", over).await;
    assert_eq!(nothing.await.unwrap().unwrap_err().code, "no_turn");
    let interrupted = desk.asks(Ask::ThreadInterrupt { id: other() });
    let runs = json!({"data": [{"id": "w", "status": "inProgress"}]});
    agent.expect("thread/turns/list", runs).await;
    let params = agent.expect("turn/interrupt", json!({})).await;
    assert_eq!(params, json!({"threadId": "other", "turnId": "w"}));
    interrupted.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_thread_misses_nothing_between_its_start_and_its_page() {
    let mut desk = desk().await;
    let work = desk.dir.folder("w").unwrap();
    let started = desk.asks(Ask::ThreadStart {
        text: "begin".into(),
        cwd: Some(work.clone()),
    });
    let mut agent = desk.agent.client().await;
    let params = agent.expect("thread/start", json!({"thread": {"id": "T"}})).await;
    assert_eq!(params, json!({"cwd": work}));
    let params = agent.expect("turn/start", json!({"turn": {"id": "u"}})).await;
    assert_eq!(params["input"][0]["text"], "begin");
    assert_eq!(started.await.unwrap(), Ok(json!({"id": "T"})));
    agent
        .tell(
            "turn/started",
            json!({"turn": {"id": "u", "status": "inProgress"}}),
        )
        .await;
    agent
        .tell("item/started", json!({"item": message("m", "")}))
        .await;
    agent.delta("m", "one ").await;
    let opened = desk.asks(open());
    // It is not written down yet.
    agent
        .refuse("thread/resume", "no rollout found for thread id T")
        .await;
    agent.delta("m", "two ").await;
    agent.give(&[message("asked", "begin")], None).await;
    let whole = opened.await.unwrap().unwrap();
    assert_eq!(
        whole["items"],
        json!([message("asked", "begin"), message("m", "one two ")])
    );
    assert_eq!(whole["turn"], json!({"id": "u", "status": "inProgress"}));
    agent.delta("m", "three").await;
    let event = desk.event().await;
    assert_eq!(
        json_of(&event),
        json!([{"delta": {"itemId": "m", "text": "three"}}])
    );
    let nowhere = Ask::ThreadStart {
        text: "x".into(),
        cwd: Some("relative".into()),
    };
    assert_eq!(desk.asks(nowhere).await.unwrap().unwrap_err().code, "bad_folder");
}

#[tokio::test]
async fn an_open_thread_comes_back_after_the_agent_was_restarted() {
    let mut desk = desk().await;
    let (mut agent, _) = desk.opened().await;
    agent.delta("m", "broken o").await;
    desk.event().await;
    agent.close("agent_restarted").await;
    let away = desk.event().await;
    assert_eq!(json_of(&away)[0]["away"]["code"], "agent_restarted");
    let mut agent = desk.agent.client().await;
    agent.give(&[message("old", "hi")], None).await;
    let back = desk.event().await;
    assert_eq!(json_of(&back)[0]["reset"]["items"], json!([message("old", "hi")]));
    agent.delta("n", "anew").await;
    assert_eq!(json_of(&desk.event().await)[0]["item"]["text"], "anew");
    // The host, too, may be gone for a while.
    drop(agent);
    std::fs::remove_file(desk.dir.path().join("run/app-server.sock")).unwrap();
    let away = desk.event().await;
    assert_eq!(json_of(&away)[0]["away"]["code"], "connection_lost");
    desk.agent = FakeAgent::at(desk.dir.path());
    let mut agent = desk.agent.client().await;
    agent.give(&[message("old", "hi")], None).await;
    assert_eq!(
        json_of(&desk.event().await)[0]["reset"]["items"],
        json!([message("old", "hi")])
    );
}

#[tokio::test]
async fn closing_lets_the_thread_go_and_a_window_that_is_gone_all_of_them() {
    let mut desk = desk().await;
    let (mut agent, _) = desk.opened().await;
    let closed = desk.asks(Ask::ThreadClose { id: "T".into() });
    let params = agent
        .expect("thread/unsubscribe", json!({"status": "unsubscribed"}))
        .await;
    assert_eq!(params, json!({"threadId": "T"}));
    assert_eq!(closed.await.unwrap(), Ok(Value::Null));
    let opened = desk.asks(open());
    agent.give(&[], None).await;
    assert_eq!(opened.await.unwrap().unwrap()["items"], json!([]));
    desk.app.desk.closed("main");
    agent.ended().await;
}

#[tokio::test]
async fn questions_of_the_agent_are_answered_by_nobody_here() {
    let mut desk = desk().await;
    let (mut agent, _) = desk.opened().await;
    for method in ["item/commandExecution/requestApproval", "item/unheardOf/request"] {
        let question = json!({"id": 0, "method": method, "params": {"threadId": "T"}});
        agent.send(question).await;
    }
    agent.delta("m", "x").await;
    desk.event().await;
    // The next frame is a request of ours and no answer: an error, too, would be one for everybody.
    let sent = desk.asks(Ask::ThreadSend {
        id: "T".into(),
        text: "hi".into(),
    });
    agent.expect("turn/start", json!({})).await;
    sent.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_the_agent_does_not_give_is_said() {
    let desk = desk().await;
    let opened = desk.asks(open());
    let mut agent = desk.agent.client().await;
    agent
        .refuse("thread/resume", "already has an active writer")
        .await;
    let refused = opened.await.unwrap().unwrap_err();
    assert!(refused.message.contains("active writer"), "{refused}");
    desk.app.desk.closed("main");
    agent.ended().await;
    std::fs::remove_file(desk.dir.path().join("run/app-server.sock")).unwrap();
    assert_eq!(desk.asks(open()).await.unwrap().unwrap_err().code, "no_host");
    let sent = desk.asks(Ask::ThreadSend {
        id: "T".into(),
        text: "hi".into(),
    });
    assert_eq!(sent.await.unwrap().unwrap_err().code, "no_host");
}

/// Its answer may be longer than the gate takes. Asking on would reset every other thread each time.
#[tokio::test]
async fn a_thread_that_ends_the_connection_each_time_is_asked_for_four_times() {
    let mut desk = desk().await;
    let opened = desk.asks(open());
    for _ in 0..4 {
        let mut agent = desk.agent.client().await;
        let resumed = json!({"thread": {}, "initialTurnsPage": {"data": []}});
        agent.expect("thread/resume", resumed).await;
        agent.close("lagged").await;
    }
    assert_eq!(opened.await.unwrap().unwrap_err().code, "thread_lost");
    // Who asks again is heard.
    let (_agent, again) = desk.opened().await;
    assert_eq!(again["items"], json!([message("old", "hi")]));
}

#[tokio::test]
async fn only_so_many_threads_are_open() {
    let desk = desk().await;
    let mut all: Vec<_> = Vec::new();
    for n in 0..16 {
        all.push(desk.asks(Ask::ThreadOpen { id: n.to_string() }));
    }
    let mut agent = desk.agent.client().await;
    for _ in 0..32 {
        let frame = agent.frame().await;
        agent.send(json!({"id": frame["id"], "result": {}})).await;
    }
    for one in all {
        one.await.unwrap().unwrap();
    }
    let refused = tokio::time::timeout(Duration::from_secs(20), desk.asks(open())).await;
    assert_eq!(refused.unwrap().unwrap().unwrap_err().code, "too_many_threads");
}

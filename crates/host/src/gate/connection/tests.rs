//! A connection between a client and an app-server that are both the test's, with a loop that says yes.

use super::*;
use crate::event::{Permit, Whereabouts};
use drawbridge_wire::{Role, WhoMayAnswer};
use std::sync::Mutex;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role as End;

type Socket = WebSocketStream<DuplexStream>;

const THREAD: &str = "01a1feae-64b9-7fc0-b18e-a2717c8218e9";

struct Bench {
    client: Socket,
    server: Socket,
    /// What the loop was told, shortened.
    told: Arc<Mutex<Vec<String>>>,
    _agent: watch::Sender<crate::event::AgentStatus>,
    _moves: watch::Sender<u64>,
    _root: tempfile::TempDir,
}

async fn pair() -> (Socket, Socket) {
    let (a, b) = tokio::io::duplex(1 << 20);
    (
        WebSocketStream::from_raw_socket(a, End::Server, None).await,
        WebSocketStream::from_raw_socket(b, End::Client, None).await,
    )
}

/// Says yes to everything, and where the thread is.
async fn say_yes(mut events: mpsc::Receiver<Event>, root: std::path::PathBuf, told: Arc<Mutex<Vec<String>>>) {
    let mut permits = 0;
    let mut outboxes = Vec::new();
    while let Some(event) = events.recv().await {
        let Event::Gate(_, event) = event else { continue };
        match event {
            GateEvent::Opened { outbox, .. } => outboxes.push(outbox),
            GateEvent::Where { reply, .. } => {
                reply.send(Whereabouts::At(vec![root.clone()])).unwrap();
            }
            GateEvent::Ask { reply, .. } => {
                permits += 1;
                let current = drawbridge_core::verdict::ceiling::Ceiling::of(Role::Operator)
                    .settle(None, None, None)
                    .ok();
                reply.send(Ok(Permit { id: permits, current })).unwrap();
            }
            GateEvent::Settle { permit, outcome } => {
                told.lock().unwrap().push(format!("settled {permit} {outcome:?}"));
            }
            GateEvent::Refusal { rule, .. } => told.lock().unwrap().push(format!("refused {rule}")),
            GateEvent::Closed { reason } => told.lock().unwrap().push(format!("closed {reason}")),
            _ => {}
        }
    }
}

async fn bench(caller: Caller) -> Bench {
    let root = tempfile::tempdir().unwrap();
    let canonical = root.path().canonicalize().unwrap();
    let (gate_client, client) = pair().await;
    let (server, gate_server) = pair().await;
    let (events, queue) = mpsc::channel(64);
    let told = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(say_yes(queue, canonical.clone(), told.clone()));
    let (agent_in, agent) = watch::channel(crate::event::AgentStatus {
        generation: 1,
        endpoint: None,
    });
    let (moves_in, moves) = watch::channel(0);
    let policy = Policy {
        edition: 0,
        answer: WhoMayAnswer::Local,
        role: Role::Operator,
        roots: vec![canonical.clone()],
        ceilings: drawbridge_config::all_pairs().to_vec(),
        cwd: canonical,
        skill_roots: Vec::new(),
        mcp: None,
    };
    let connection = Connection {
        id: 1,
        caller,
        pid: None,
        policy: Arc::new(policy),
        events,
        agent,
        moves,
        initialize_within: Duration::from_secs(10),
    };
    let ends = Ends {
        client: gate_client,
        upstream: gate_server,
        generation: 1,
    };
    tokio::spawn(connection.run(ends));
    let mut bench = Bench {
        client,
        server,
        told,
        _agent: agent_in,
        _moves: moves_in,
        _root: root,
    };
    bench
        .ask(
            json!(0),
            "initialize",
            json!({ "clientInfo": { "name": "t", "version": "1" } }),
        )
        .await;
    assert_eq!(bench.asked().await["method"], "initialize");
    bench.answer(json!({ "id": 0, "result": {} })).await;
    assert_eq!(bench.got().await["id"], 0);
    bench
}

fn remote() -> Caller {
    Caller::Remote {
        bus: "b".to_owned(),
        client: "c".to_owned(),
        tunnel: "t".to_owned(),
        role: Role::Operator,
    }
}

async fn read(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Close(frame))) => {
                return json!({ "closed": frame.map(|f| f.reason.to_string()) });
            }
            Some(Ok(_)) => {}
            other => panic!("the connection is gone: {other:?}"),
        }
    }
}

impl Bench {
    async fn ask(&mut self, id: Value, method: &str, params: Value) {
        let frame = json!({ "id": id, "method": method, "params": params });
        self.client.send(Message::text(frame.to_string())).await.unwrap();
    }
    async fn answer(&mut self, frame: Value) {
        self.server.send(Message::text(frame.to_string())).await.unwrap();
    }
    /// The next frame at the app-server.
    async fn asked(&mut self) -> Value {
        read(&mut self.server).await
    }
    /// The next frame at the client.
    async fn got(&mut self) -> Value {
        read(&mut self.client).await
    }
    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn places_of_requests_that_are_never_answered_come_back_with_a_named_error() {
    let mut bench = bench(remote()).await;
    for n in 1..=17 {
        bench.ask(json!(n), "model/list", json!({})).await;
    }
    for n in 1..=16 {
        assert_eq!(bench.asked().await["id"], n);
    }
    let started = Instant::now();
    for n in 1..=16 {
        let error = bench.got().await;
        assert_eq!(
            (&error["id"], &error["error"]["data"]["rule"]),
            (&json!(n), &json!("no_answer"))
        );
    }
    assert!(started.elapsed() >= ANSWER_WITHIN - Duration::from_secs(1));
    assert_eq!(bench.asked().await["id"], 17, "the seventeenth has a place now");
    // An id that may still be answered is no id for another request, and its answer is nobody's.
    bench.ask(json!(1), "thread/loaded/list", json!({})).await;
    assert_eq!(bench.got().await["error"]["data"]["rule"], "id_in_use");
    bench
        .answer(json!({ "id": 1, "result": { "data": "late" } }))
        .await;
    bench
        .answer(json!({ "id": 2, "error": { "code": 1, "message": "late" } }))
        .await;
    bench
        .answer(json!({ "id": 17, "result": { "data": "in time" } }))
        .await;
    assert_eq!(bench.got().await["result"]["data"], "in time");
    bench.ask(json!(1), "model/list", json!({})).await;
    assert_eq!(bench.asked().await["id"], 1, "then it is free again");
}

#[tokio::test(start_paused = true)]
async fn a_turn_on_a_thread_is_not_held_for_ever_and_what_comes_late_is_let_go() {
    let mut bench = bench(remote()).await;
    bench
        .ask(json!("r"), "thread/resume", json!({ "threadId": THREAD }))
        .await;
    assert_eq!(bench.asked().await["method"], "thread/resume");
    assert_eq!(bench.got().await["error"]["data"]["rule"], "no_answer");
    assert_eq!(bench.told(), ["settled 1 Unknown", "refused no_answer"]);
    let late = json!({ "id": "r", "result": { "thread": { "id": THREAD }, "cwd": "/" } });
    bench.answer(late).await;
    let undone = bench.asked().await;
    assert_eq!(undone["method"], "thread/unsubscribe");
    assert_eq!(undone["params"]["threadId"], THREAD);
}

#[tokio::test(start_paused = true)]
async fn a_local_request_waits_on_but_lets_others_have_their_turn() {
    let mut bench = bench(Caller::Local).await;
    bench
        .ask(json!(1), "turn/start", json!({ "threadId": THREAD, "input": [] }))
        .await;
    assert_eq!(bench.asked().await["method"], "turn/start");
    tokio::time::sleep(ANSWER_WITHIN + Duration::from_secs(1)).await;
    assert_eq!(bench.told(), ["settled 1 Unknown"]);
    bench
        .answer(json!({ "id": 1, "result": { "turn": { "id": "u" } } }))
        .await;
    assert_eq!(bench.got().await["result"]["turn"]["id"], "u");
}

#[tokio::test(start_paused = true)]
async fn a_remote_whose_requests_all_stay_unanswered_is_let_go() {
    let mut bench = bench(remote()).await;
    let mut closed = None;
    for n in 1..200 {
        bench.ask(json!(n), "model/list", json!({})).await;
        let got = bench.got().await;
        if let Some(reason) = got.get("closed") {
            closed = Some((n, reason.clone()));
            break;
        }
        assert_eq!(got["error"]["data"]["rule"], "no_answer");
    }
    assert_eq!(closed, Some((65, json!("agent_down"))));
}

/// More frames at once than are taken in a row: each of them reaches the client, in order.
#[tokio::test(start_paused = true)]
async fn a_flood_of_the_app_server_reaches_the_client_whole() {
    let mut bench = bench(Caller::Local).await;
    let many = 5 * BURST + 7;
    for n in 0..many {
        let params = json!({ "threadId": THREAD, "itemId": "i", "delta": n.to_string() });
        let frame = json!({ "method": "item/agentMessage/delta", "params": params });
        bench.server.feed(Message::text(frame.to_string())).await.unwrap();
    }
    bench.server.flush().await.unwrap();
    for n in 0..many {
        assert_eq!(bench.got().await["params"]["delta"], n.to_string(), "the {n}th");
    }
}

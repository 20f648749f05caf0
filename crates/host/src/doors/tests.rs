//! The doors with real sockets in front and a scripted app-server behind.

use super::*;
use crate::event::{AgentStatus, GateEvent};
use drawbridge_codex::Endpoint;
use drawbridge_testkit::fake_app_server::FakeAppServer;
use drawbridge_wire::WhoMayAnswer;
use futures_util::{SinkExt as _, StreamExt as _};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

const SOON: Duration = Duration::from_secs(20);
const BUS: &str = "bus.example:7300";

struct House {
    dir: tempfile::TempDir,
    events: mpsc::Receiver<Event>,
    outboxes: Vec<mpsc::Sender<crate::event::ToConnection>>,
    _status: watch::Sender<AgentStatus>,
    _server: FakeAppServer,
    serving: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn house(limits: Limits) -> House {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeAppServer::start().await.unwrap();
    let addr = server
        .url()
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let token = drawbridge_wire::Secret::new(server.token().unwrap_or_default());
    let (status, agent) = watch::channel(AgentStatus {
        generation: 1,
        endpoint: Some(Endpoint { addr, token }),
    });
    let policy = Policy {
        edition: 0,
        answer: WhoMayAnswer::Local,
        role: drawbridge_wire::Role::Operator,
        roots: vec![dir.path().canonicalize().unwrap()],
        ceilings: drawbridge_config::all_pairs().to_vec(),
        cwd: dir.path().to_owned(),
        skill_roots: Vec::new(),
        mcp: None,
    };
    let (sender, events) = mpsc::channel(1024);
    let connector = crate::link::ConnectorPid::default();
    // This very process plays the connector.
    connector.store(std::process::id(), Ordering::SeqCst);
    let known = KnownBuses {
        buses: vec![KnownBus {
            name: BUS.to_owned(),
            connector,
            room: Room::new(limits.one_bus),
            mcp: None,
        }],
    };
    let doors = Doors::new(
        watch::channel(Arc::new(policy)).1,
        sender,
        agent,
        watch::channel(Arc::new(known)).1,
        limits,
        watch::channel(0).1,
    );
    let serving = [Door::Control, Door::AppServer, Door::Tunnel]
        .map(|door| {
            let listener = Listener::bind(&dir.path().join(door.word())).unwrap();
            tokio::spawn(serve(listener, door, doors.clone()))
        })
        .into();
    House {
        dir,
        events,
        outboxes: Vec::new(),
        _status: status,
        _server: server,
        serving,
    }
}

impl House {
    fn socket(&self, door: Door) -> PathBuf {
        self.dir.path().join(door.word())
    }

    /// A connection that says nothing.
    async fn knock(&self, door: Door) -> UnixStream {
        UnixStream::connect(self.socket(door)).await.unwrap()
    }

    async fn upgrade(
        &self,
        door: Door,
        headers: &[(&'static str, &str)],
    ) -> Result<WebSocketStream<UnixStream>, Error> {
        let mut request = "ws://localhost/".into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let upgrade = client_async(request, self.knock(door).await);
        timeout(SOON, upgrade).await.unwrap().map(|(socket, _)| socket)
    }

    async fn tunnel(&self, client: &str) -> Result<WebSocketStream<UnixStream>, Error> {
        self.upgrade(Door::Tunnel, &tunnel_headers(client)).await
    }

    /// Who the next connection behind the gate is said to be.
    async fn opened(&mut self) -> Caller {
        loop {
            let event = timeout(SOON, self.events.recv()).await.unwrap().unwrap();
            if let Event::Gate(_, GateEvent::Opened { caller, outbox, .. }) = event {
                // Kept: a connection ends when the loop lets go of it.
                self.outboxes.push(outbox);
                return caller;
            }
        }
    }
}

fn tunnel_headers(client: &str) -> [(&'static str, &str); 4] {
    [
        ("x-drawbridge-bus", BUS),
        ("x-drawbridge-client", client),
        ("x-drawbridge-tunnel", "abcDEF_-01234567"),
        ("x-drawbridge-role", "operator"),
    ]
}

/// The status of a refused upgrade and the code in its body.
fn turned_away(upgrade: Result<WebSocketStream<UnixStream>, Error>) -> (u16, String) {
    match upgrade {
        Err(Error::Http(response)) => {
            let body: serde_json::Value =
                serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap_or_default();
            let code = body["error"]["code"].as_str().unwrap_or_default().to_owned();
            (response.status().as_u16(), code)
        }
        Err(other) => panic!("no answer to the upgrade: {other}"),
        Ok(_) => panic!("it was let in"),
    }
}

async fn close_reason(mut socket: WebSocketStream<UnixStream>) -> String {
    loop {
        match timeout(SOON, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => return frame.reason.to_string(),
            Some(Ok(_)) => {}
            other => panic!("closed without a reason: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_crowd_of_tunnels_leaves_the_other_doors_open() {
    let limits = Limits {
        control: 1,
        app_server: 1,
        tunnel: 3,
        one_bus: 3,
        ..Limits::default()
    };
    let house = house(limits).await;
    let crowd = [
        house.knock(Door::Tunnel).await,
        house.knock(Door::Tunnel).await,
        house.knock(Door::Tunnel).await,
    ];
    let mut one_more = house.knock(Door::Tunnel).await;
    let mut answer = String::new();
    timeout(SOON, one_more.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head}"
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], "too_many_connections");
    let control = house.upgrade(Door::Control, &[]).await.unwrap();
    let local = house.upgrade(Door::AppServer, &[]).await.unwrap();
    // A place is free again as soon as its holder goes.
    drop((crowd, control, local));
    let mut again = house.tunnel("alice").await;
    for _ in 0..50 {
        if again.is_ok() {
            break;
        }
        tokio::task::yield_now().await;
        again = house.tunnel("alice").await;
    }
    again.unwrap();
}

#[tokio::test]
async fn one_bus_has_only_its_share_of_the_tunnels() {
    let limits = Limits {
        one_bus: 2,
        ..Limits::default()
    };
    let house = house(limits).await;
    let first = house.tunnel("alice").await.unwrap();
    let _second = house.tunnel("alice").await.unwrap();
    let full = turned_away(house.tunnel("alice").await);
    assert_eq!(full, (503, "too_many_tunnels".to_owned()));
    drop(first);
    let mut again = house.tunnel("alice").await;
    for _ in 0..1000 {
        if again.is_ok() {
            break;
        }
        again = house.tunnel("alice").await;
    }
    again.unwrap();
}

#[tokio::test]
async fn who_does_not_initialize_in_time_loses_the_connection_with_the_reason() {
    let limits = Limits {
        initialize: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut house = house(limits).await;
    let control = house.upgrade(Door::Control, &[]).await.unwrap();
    assert_eq!(close_reason(control).await, "not_initialized");
    let mut tunnel = house.tunnel("alice").await.unwrap();
    house.opened().await;
    // Being busy is not being initialized.
    tunnel
        .send(Message::text(r#"{"id":1,"method":"thread/list"}"#))
        .await
        .unwrap();
    assert_eq!(close_reason(tunnel).await, "not_initialized");
    let mut local = house.upgrade(Door::AppServer, &[]).await.unwrap();
    house.opened().await;
    local
        .send(Message::text(r#"{"id":1,"method":"model/list"}"#))
        .await
        .unwrap();
    assert_eq!(close_reason(local).await, "not_initialized");
    let mut good = house.upgrade(Door::AppServer, &[]).await.unwrap();
    house.opened().await;
    good.send(Message::text(r#"{"id":1,"method":"initialize","params":{}}"#))
        .await
        .unwrap();
    let until = tokio::time::Instant::now() + Duration::from_millis(600);
    while let Ok(frame) = tokio::time::timeout_at(until, good.next()).await {
        assert!(
            matches!(frame, Some(Ok(Message::Text(_)))),
            "who did stays: {frame:?}"
        );
    }
}

#[tokio::test]
async fn a_client_has_the_name_that_its_bus_gave_it() {
    let mut house = house(Limits::default()).await;
    let _tunnel = house.tunnel("B%C3%BCro/2").await.unwrap();
    let Caller::Remote { client, bus, .. } = house.opened().await else {
        panic!("a tunnel is a remote");
    };
    assert_eq!((client.as_str(), bus.as_str()), ("B\u{fc}ro/2", BUS));
    for bad in ["%", "%4", "%zz", "%FF", "a%0Ab", ""] {
        let refused = turned_away(house.tunnel(bad).await);
        assert_eq!(refused, (400, "bad_tunnel".to_owned()), "{bad}");
    }
    let mut other = tunnel_headers("alice");
    other[0].1 = "elsewhere";
    let refused = turned_away(house.upgrade(Door::Tunnel, &other).await);
    assert_eq!(refused, (403, "unknown_bus".to_owned()));
}

#[tokio::test]
async fn half_an_upgrade_gets_nobody_in() {
    let mut house = house(Limits::default()).await;
    let mut half = house.knock(Door::AppServer).await;
    half.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let whole = house.upgrade(Door::AppServer, &[]).await.unwrap();
    assert_eq!(house.opened().await, Caller::Local, "others come in meanwhile");
    drop((half, whole));
}

//! The loop, with a Codex that says what a test wants when it wants it.
#![allow(clippy::unwrap_used, reason = "a test says what it needs by failing")]

mod agent;
mod skills;

use super::*;
use crate::config::{Confirmed, Layers, Reader};
use crate::event::{AgentEvent, ControlEvent, ControlReply};
use drawbridge_testkit::home::{Scratch, scratch_dir};
use drawbridge_wire::control::{HostView, Initialize, Request};
use drawbridge_wire::pipe::HostSetup;
use drawbridge_wire::{Role, WhoMayAnswer};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol};

/// Far longer than anything takes; where time is paused it passes at once.
const LATE: Duration = Duration::from_secs(600);

/// Number of the control client that is told everything.
const WATCHES: ConnectionId = 1;

struct House {
    hub: Hub,
    events: mpsc::Receiver<Event>,
    codex: WebSocketStream<tokio::io::DuplexStream>,
    told: mpsc::Receiver<Notification>,
    _scratch: Scratch,
}

/// A question to Codex.
#[derive(Debug)]
struct Asked {
    id: Value,
    method: String,
    params: Value,
}

impl House {
    /// With a Codex that runs and was asked nothing yet, and a client that watches.
    async fn new() -> Self {
        let scratch = scratch_dir("hub").unwrap();
        let work = scratch.folder("work").unwrap();
        let layout = Arc::new(Layout::claim(&scratch.path().join("data")).unwrap());
        let (sender, events) = mpsc::channel(crate::event::EVENT_QUEUE);
        let reader = Reader {
            layers: Layers::open(&HostSetup::default(), layout.root(), &[]),
            cwd: work.clone(),
            guarded: Vec::new(),
        };
        let policy = Arc::new(Policy {
            edition: 0,
            answer: WhoMayAnswer::Local,
            role: Role::Operator,
            roots: vec![work.clone()],
            ceilings: drawbridge_config::all_pairs().to_vec(),
            cwd: work.clone(),
            skill_roots: Vec::new(),
            mcp: None,
        });
        let hub = Hub::new(Parts {
            identity: Identity::load(&layout.identity_file(), None, Some("Desk")).unwrap(),
            policies: watch::Sender::new(policy.clone()),
            policy,
            config: Configuration::new(reader.read(), Confirmed::Nothing, vec![work.clone()], false, None),
            log_level: Box::new(|_| {}),
            audit: Audit::open(&layout.audit_file()).unwrap(),
            agent: AgentHandle::none(),
            bus: None,
            base: ConnectorBase {
                executable: "/".into(),
                env: Vec::new(),
                cwd: work.clone(),
                nonce: String::new(),
            },
            spawner: Arc::new(Spawner::start().unwrap()),
            vault_key: KeySource::Keyring,
            events: sender,
            moves: watch::Sender::new(0),
            known: watch::Sender::new(Arc::default()),
            tokens: watch::Sender::new(None),
            limits: Limits::default(),
            places: drawbridge_skills::Places {
                codex_home: scratch.path().join("codex"),
                ..drawbridge_skills::Places::default()
            },
            service: false,
            // Nobody watches folders: what is found in them a test says.
            visit: true,
            layout,
        });
        let (ours, theirs) = tokio::io::duplex(1024 * 1024);
        let client = WebSocketStream::from_raw_socket(ours, protocol::Role::Client, None);
        let (observer, mut incoming) = Peer::start(client.await);
        tokio::spawn(async move { while incoming.recv().await.is_some() {} });
        let (outbox, told) = mpsc::channel(1024);
        let mut house = Self {
            hub: hub.unwrap(),
            events,
            codex: WebSocketStream::from_raw_socket(theirs, protocol::Role::Server, None).await,
            told,
            _scratch: scratch,
        };
        house.play(Event::Control(
            WATCHES,
            ControlEvent::Opened { pid: None, outbox },
        ));
        let hello = Initialize {
            version: drawbridge_wire::control::VERSION,
            client: "test".to_owned(),
            lease: false,
            visit: true,
        };
        house.request(Request::Initialize(hello)).await;
        house.request(Request::Snapshot {}).await;
        house.play(Event::Agent(AgentEvent::Starting { generation: 1 }));
        house.play(Event::Agent(AgentEvent::Ready {
            generation: 1,
            observer,
            pid: 1,
            user_agent: String::new(),
            tokens: 0,
        }));
        house
    }

    /// As the loop does.
    fn play(&mut self, event: Event) {
        self.hub.handle(event);
        self.hub.follow_skills();
    }

    /// What Codex is asked next, with the loop going on until then; `None` when it is not asked within this.
    async fn asked_within(&mut self, within: Duration) -> Option<Asked> {
        let end = tokio::time::sleep(within);
        tokio::pin!(end);
        let mut closed = false;
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => {
                    let event = event.unwrap();
                    self.play(event);
                }
                frame = self.codex.next(), if !closed => {
                    let Some(Ok(Message::Text(frame))) = frame else {
                        closed = true;
                        continue;
                    };
                    let mut frame: Value = serde_json::from_str(&frame).unwrap();
                    return Some(Asked {
                        id: frame["id"].take(),
                        method: frame["method"].as_str().unwrap().to_owned(),
                        params: frame["params"].take(),
                    });
                }
                () = &mut end => return None,
            }
        }
    }

    async fn asked(&mut self, method: &str) -> Asked {
        let asked = self.asked_within(LATE).await.unwrap();
        assert_eq!(asked.method, method);
        asked
    }

    async fn answer(&mut self, asked: &Asked, result: Value) {
        self.say(json!({ "id": asked.id, "result": result })).await;
    }

    async fn refuse(&mut self, asked: &Asked) {
        let error = json!({ "code": -32600, "message": "not now" });
        self.say(json!({ "id": asked.id, "error": error })).await;
    }

    async fn say(&mut self, frame: Value) {
        self.codex.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// What the client that watches is told, with the loop going on until one is what is looked for.
    async fn changes_until(&mut self, last: impl Fn(&Change) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        loop {
            while let Ok(told) = self.told.try_recv() {
                let Notification::Delta(delta) = told;
                changes.push(delta.change);
                if changes.last().is_some_and(&last) {
                    return changes;
                }
            }
            let event = tokio::time::timeout(LATE, self.events.recv()).await;
            self.play(event.unwrap().unwrap());
        }
    }

    /// What it was told by now.
    fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Ok(told) = self.told.try_recv() {
            let Notification::Delta(delta) = told;
            changes.push(delta.change);
        }
        changes
    }

    /// Asks as the client that watches does; the answer may be still to come.
    fn ask(&mut self, request: Request) -> oneshot::Receiver<ControlReply> {
        let (reply, answer) = oneshot::channel();
        self.play(Event::Control(WATCHES, ControlEvent::Request { request, reply }));
        answer
    }

    async fn request(&mut self, request: Request) -> ControlReply {
        self.ask(request).await.unwrap()
    }

    async fn view(&mut self) -> HostView {
        match self.request(Request::Snapshot {}).await {
            ControlReply::Snapshot(view) => *view,
            other => panic!("{other:?}"),
        }
    }
}

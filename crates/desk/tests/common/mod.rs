//! A host played by the test behind a real control socket, and a desktop that records what it is told.

pub(crate) mod agent;

use drawbridge_control::spawn::Program;
use drawbridge_core::tray::{Action, Item, Tray};
use drawbridge_desk::{
    ApprovalCard, Ask, Controller, Desktop, DesktopView, Handle, Notice, Opener, Opening, Page, Problem,
    Settings, ThreadEvent, Window,
};
use drawbridge_testkit::home::{Scratch, scratch_dir};
use drawbridge_wire::buses::{BusSource, LinkView, VaultCondition, VaultView};
use drawbridge_wire::control::{
    AppServerState, AppServerView, ApprovalKind, ApprovalState, ApprovalView, Change, Choice, Delta,
    HostIdentity, HostView, LeaseView, Notification, PolicyView, Request, ThreadView,
};
use drawbridge_wire::pipe::{HostSetup, LinkState};
use drawbridge_wire::{Decision, Role, WhoMayAnswer};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Longest wait for anything in a test.
const SOON: Duration = Duration::from_secs(20);

/// What the controller did with its desktop.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Did {
    Show(Window),
    Go(Page),
    Close(Window),
    Paint(Tray),
    Tell(Box<DesktopView>),
    Card(Option<Box<ApprovalCard>>),
    Thread(ThreadEvent),
    AskQuit(usize),
    Notify(Notice),
    Withdraw,
    Open(Opening),
    Exit,
}

struct FakeDesktop {
    did: mpsc::UnboundedSender<Did>,
    login: Arc<AtomicBool>,
    takes_login: bool,
}

impl FakeDesktop {
    fn did(&self, did: Did) {
        let _ = self.did.send(did);
    }
}

impl Desktop for FakeDesktop {
    fn show(&mut self, window: Window) {
        self.did(Did::Show(window));
    }
    fn go(&mut self, page: Page) {
        self.did(Did::Go(page));
    }
    fn close(&mut self, window: Window) {
        self.did(Did::Close(window));
    }
    fn paint(&mut self, tray: &Tray) {
        self.did(Did::Paint(tray.clone()));
    }
    fn tell(&mut self, view: &DesktopView) {
        self.did(Did::Tell(Box::new(view.clone())));
    }
    fn tell_card(&mut self, card: Option<&ApprovalCard>) {
        self.did(Did::Card(card.cloned().map(Box::new)));
    }
    fn tell_thread(&mut self, event: &ThreadEvent) {
        self.did(Did::Thread(event.clone()));
    }
    fn ask_quit(&mut self, running: usize) {
        self.did(Did::AskQuit(running));
    }
    fn notify(&mut self, notice: &Notice) {
        self.did(Did::Notify(notice.clone()));
    }
    fn withdraw_notice(&mut self) {
        self.did(Did::Withdraw);
    }
    fn opener(&mut self, what: Opening) -> Opener {
        let did = self.did.clone();
        Box::new(move || {
            let _ = did.send(Did::Open(what));
            Ok(())
        })
    }
    fn set_start_at_login(&mut self, on: bool) -> Result<(), Problem> {
        if !self.takes_login {
            return Err(Problem::new("start_at_login", "the system did not take it"));
        }
        self.login.store(on, Ordering::Relaxed);
        Ok(())
    }
    fn starts_at_login(&self) -> bool {
        self.login.load(Ordering::Relaxed)
    }
    fn exit(&mut self) {
        self.did(Did::Exit);
    }
}

/// The app with a fake desktop, in front of whatever listens in its data directory.
pub(crate) struct App {
    pub(crate) desk: Handle,
    did: mpsc::UnboundedReceiver<Did>,
    running: JoinHandle<()>,
    /// The last tray that was painted.
    pub(crate) tray: Option<Tray>,
}

/// How long a tray may be missing in these tests.
pub(crate) const TRAY_PATIENCE: Duration = Duration::from_millis(300);

impl App {
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_with(dir, true, true)
    }

    pub(crate) fn start_with(dir: &Path, hidden: bool, takes_login: bool) -> Self {
        let settings = Settings {
            data_dir: dir.to_owned(),
            config_file: Some(dir.join("config.toml")),
            // Ends at once without a word: where no host listens, none comes up.
            program: Program {
                path: "/bin/false".into(),
                search_path: None,
            },
            setup: HostSetup::default(),
            version: "9.9.9".to_owned(),
            first_pause: Duration::from_millis(40),
            tray_patience: TRAY_PATIENCE,
            hidden,
        };
        Self::start_as(settings, takes_login)
    }

    pub(crate) fn start_as(settings: Settings, takes_login: bool) -> Self {
        let (send, did) = mpsc::unbounded_channel();
        let desktop = FakeDesktop {
            did: send,
            login: Arc::default(),
            takes_login,
        };
        let (controller, desk) = Controller::new(desktop, settings);
        let running = tokio::spawn(controller.run());
        desk.tray_host(true);
        Self {
            desk,
            did,
            running,
            tray: None,
        }
    }

    /// The next thing it does.
    pub(crate) async fn next(&mut self) -> Did {
        let did = timeout(SOON, self.did.recv())
            .await
            .expect("it does something")
            .expect("it runs");
        if let Did::Paint(tray) = &did {
            self.tray = Some(tray.clone());
        }
        did
    }

    /// Waits until it does what is asked for.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(Did) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    pub(crate) async fn until_tray(&mut self, wanted: impl Fn(&Tray) -> bool) -> Tray {
        self.until(|did| match did {
            Did::Paint(tray) if wanted(&tray) => Some(tray),
            _ => None,
        })
        .await
    }

    pub(crate) async fn until_card(&mut self) -> Option<ApprovalCard> {
        self.until(|did| match did {
            Did::Card(card) => Some(card.map(|card| *card)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn ask(&self, label: &str, ask: Ask) -> Result<Value, Problem> {
        timeout(SOON, self.desk.ask(label, ask)).await.expect("an answer")
    }

    /// What it did that nobody looked at yet.
    pub(crate) fn rest(&mut self) -> Vec<Did> {
        std::iter::from_fn(|| self.did.try_recv().ok()).collect()
    }

    pub(crate) async fn ended(self) {
        timeout(SOON, self.running).await.expect("it ends").unwrap();
    }
}

/// The action of the menu item with this text.
pub(crate) fn action(tray: &Tray, text: &str) -> Action {
    tray.menu
        .iter()
        .find_map(|item| match item {
            Item::Button { text: said, action }
            | Item::Check {
                text: said, action, ..
            } if said.starts_with(text) => Some(action.clone()),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no `{text}` in {tray:?}"))
}

pub(crate) fn headline(tray: &Tray) -> &str {
    match &tray.menu[0] {
        Item::Label(text) => text,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn place() -> Scratch {
    scratch_dir("desk").unwrap()
}

/// The control socket of a host.
pub(crate) struct FakeHost(UnixListener);

impl FakeHost {
    pub(crate) fn at(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("run")).unwrap();
        let socket = dir.join("run/control.sock");
        let _ = std::fs::remove_file(&socket);
        Self(UnixListener::bind(socket).unwrap())
    }

    /// The next client, introduced and with the state.
    pub(crate) async fn client(&self, view: &HostView) -> HostEnd {
        let (stream, _) = timeout(SOON, self.0.accept()).await.expect("a client").unwrap();
        let mut client = HostEnd {
            socket: tokio_tungstenite::accept_async(stream).await.unwrap(),
            seq: view.seq,
        };
        let (id, request) = client.request().await;
        assert!(
            matches!(&request, Request::Initialize(hello) if hello.lease),
            "it holds a lease: {request:?}"
        );
        client.reply(id, json!({})).await;
        let (id, request) = client.request().await;
        assert_eq!(request, Request::Snapshot {});
        client.reply(id, serde_json::to_value(view).unwrap()).await;
        client
    }
}

/// The host's end of one connection.
pub(crate) struct HostEnd {
    socket: WebSocketStream<UnixStream>,
    seq: u64,
}

impl HostEnd {
    pub(crate) async fn request(&mut self) -> (u64, Request) {
        loop {
            let message = timeout(SOON, self.socket.next()).await.expect("a request");
            if let Message::Text(text) = message.unwrap().unwrap() {
                let mut frame: Value = serde_json::from_str(&text).unwrap();
                let id = frame.as_object_mut().unwrap().remove("id").unwrap();
                return (id.as_u64().unwrap(), serde_json::from_value(frame).unwrap());
            }
        }
    }

    async fn send(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn reply(&mut self, id: u64, result: Value) {
        self.send(json!({"id": id, "result": result})).await;
    }

    pub(crate) async fn reject(&mut self, id: u64, code: &str) {
        let error = json!({"code": -32000, "message": format!("words for {code}"), "data": {"code": code}});
        self.send(json!({"id": id, "error": error})).await;
    }

    /// Answers the next request, which must be this one.
    pub(crate) async fn expect(&mut self, request: Request) {
        let (id, found) = self.request().await;
        assert_eq!(found, request);
        self.reply(id, json!({})).await;
    }

    pub(crate) async fn change(&mut self, change: Change) {
        self.seq += 1;
        let delta = Delta {
            seq: self.seq,
            change,
        };
        self.send(serde_json::to_value(Notification::Delta(delta)).unwrap())
            .await;
    }
}

/// A quiet host; its only lease is ours.
pub(crate) fn view(dir: &Path) -> HostView {
    HostView {
        seq: 7,
        host: HostIdentity {
            id: "desk-1".into(),
            name: "Desk".into(),
            pid: 4711,
            version: "0.1.0".into(),
            data_dir: dir.to_owned(),
        },
        app_server: AppServerView {
            generation: 1,
            state: AppServerState::Ready,
            pid: Some(2),
            user_agent: None,
        },
        links: Vec::new(),
        vault: VaultView {
            state: VaultCondition::None,
            key: "keyring".into(),
            place: "the keyring".into(),
            files: Vec::new(),
            notices: Vec::new(),
        },
        config: None,
        skills: drawbridge_wire::skills::SkillsView::default(),
        threads: Vec::new(),
        approvals: Vec::new(),
        leases: vec![lease(std::process::id())],
        connections: Vec::new(),
        policy: PolicyView {
            answer: WhoMayAnswer::Local,
            role: Role::Operator,
            roots: Vec::new(),
            ceilings: Vec::new(),
        },
    }
}

pub(crate) fn lease(pid: u32) -> LeaseView {
    LeaseView {
        client: "somebody".into(),
        pid: Some(pid),
    }
}

pub(crate) fn link(id: &str, wanted: bool) -> LinkView {
    LinkView {
        id: id.into(),
        name: id.into(),
        bus: format!("{id}.example"),
        ca_file: None,
        api: format!("https://{id}.example"),
        source: BusSource::Vault,
        wanted,
        link: if wanted {
            LinkState::Connected { round_trip_ms: None }
        } else {
            LinkState::Disconnected
        },
        since_ms: 0,
        pong_at_ms: None,
        disabled: None,
        mcp: None,
    }
}

pub(crate) fn thread(id: &str) -> ThreadView {
    ThreadView {
        id: id.into(),
        title: None,
        cwd: None,
        status: "active".into(),
        turn: Some("turn".into()),
        wide: false,
        approval_policy: None,
        sandbox: None,
        origin: "local".into(),
    }
}

pub(crate) fn approval(id: &str, state: ApprovalState) -> Change {
    Change::Approval(Box::new(asked(id, state)))
}

/// A command that waits, or what became of it.
pub(crate) fn asked(id: &str, state: ApprovalState) -> ApprovalView {
    ApprovalView {
        id: id.into(),
        kind: ApprovalKind::Command,
        thread: None,
        turn: None,
        origin: "local".into(),
        cwd: None,
        headline: format!("Run a command: touch {id}"),
        body: format!("touch {id}"),
        parts: Vec::new(),
        form: None,
        digest: format!("digest of {id}"),
        choices: [Decision::Accept, Decision::Decline]
            .map(|decision| Choice {
                label: decision.word().to_owned(),
                decision,
            })
            .into(),
        raised_at_ms: 1,
        deadline_ms: u64::MAX,
        state,
        outcome: None,
    }
}

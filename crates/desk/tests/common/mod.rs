//! The app in front of a host played by the test, with a desktop that records what it is told.

pub(crate) mod agent;

use drawbridge_control::spawn::Program;
use drawbridge_core::tray::{Action, Item, Tray};
use drawbridge_desk::{
    ApprovalCard, Ask, Controller, Desktop, DesktopView, Handle, Notice, Opener, Opening, Page, Problem,
    Settings, ThreadEvent, Window,
};
use drawbridge_testkit::fake_host::{FakeHost, HostEnd, quiet};
use drawbridge_testkit::home::{Scratch, scratch_dir};
use drawbridge_wire::Decision;
use drawbridge_wire::buses::{BusSource, LinkView};
use drawbridge_wire::control::{
    ApprovalKind, ApprovalState, ApprovalView, Change, Choice, HostView, LeaseView, ThreadView,
};
use drawbridge_wire::pipe::{HostSetup, LinkState};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// Longest wait for anything in a test.
const SOON: Duration = Duration::from_secs(20);

/// How often something is tried again of which nobody tells when it can be done.
const STEP: Duration = Duration::from_millis(10);

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
        let (controller, desk) = Controller::new(|_| desktop, settings);
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

    /// Gives an answer as soon as a person has had the time to look. What came of it is in the handle.
    pub(crate) fn answer(
        &self,
        answer: impl Fn() -> Ask + Send + 'static,
    ) -> JoinHandle<Result<Value, Problem>> {
        let desk = self.desk.clone();
        tokio::spawn(async move {
            let end = Instant::now() + SOON;
            loop {
                match desk.ask("approval", answer()).await {
                    // Nothing tells when that time is over.
                    Err(early) if early.code == "too_soon" && Instant::now() < end => sleep(STEP).await,
                    other => return other,
                }
            }
        })
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

/// The next client, introduced and with the state. The app holds a lease.
pub(crate) async fn client(host: &FakeHost, view: &HostView) -> HostEnd {
    let mut end = host.client().await;
    let hello = end.introduced().await;
    assert!(hello.lease, "it holds a lease: {hello:?}");
    end.snapshot(view).await;
    end
}

/// A quiet host; its only lease is ours.
pub(crate) fn view(dir: &Path) -> HostView {
    HostView {
        leases: vec![lease(std::process::id())],
        ..quiet(dir)
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

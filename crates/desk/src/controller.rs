//! The loop that owns all state.

mod approvals;
mod asks;
mod handle;
mod host;
mod processes;
mod quit;

pub use handle::Handle;

use crate::desktop::{Desktop, Page, Window};
use crate::dialog::Dialog;
use crate::pause::{self, Pause};
use crate::supervisor::{Attached, Patience};
use crate::threads::{Owner, Threads};
use crate::view::slim;
use crate::{Ask, DesktopView, Problem, ThreadEvent};
use drawbridge_control::spawn::Program;
use drawbridge_control::{Happening, Requests};
use drawbridge_core::tray::{Action, Sight, Supervisor, Tray, open_approvals};
use drawbridge_wire::control::{AnswerResult, HostView};
use drawbridge_wire::pipe::{HostSetup, LinkState};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// The name under which the app answers.
pub(crate) const CLIENT: &str = "Drawbridge desktop";
/// Windows are told how things are at most this often.
const FRAME: Duration = Duration::from_millis(50);
/// How often a tray is computed that counts seconds.
const SECOND: Duration = Duration::from_secs(1);
/// Inputs that wait.
const QUEUE: usize = 256;

/// What the app is started with.
#[derive(Debug)]
pub struct Settings {
    /// Of the host.
    pub data_dir: PathBuf,
    /// The configuration file, when there is a place for one.
    pub config_file: Option<PathBuf>,
    /// What is started where no host runs.
    pub program: Program,
    /// What it is started with.
    pub setup: HostSetup,
    /// Version of the app.
    pub version: String,
    /// The first pause before a host that ended is started again; each next one is twice as long.
    pub first_pause: Duration,
    /// How long a tray may be missing before a window takes its place: at login the panel may come later
    /// than the app, and a panel that is started again is gone for a moment.
    pub tray_patience: Duration,
    /// Whether to begin without a window.
    pub hidden: bool,
}

/// Everything that can happen to the app.
#[derive(Debug)]
pub(crate) enum Tick {
    /// An item of the tray's menu was clicked.
    Clicked(Action),
    /// A window wants something.
    Asked(Window, Ask, Reply),
    /// The app was started a second time, or clicked in the dock.
    SecondStart,
    /// A window is gone.
    Closed(Window),
    /// A window crashed.
    Lost(Window),
    /// The notification was clicked.
    NoticeClicked,
    /// There is a tray to live in, or there is none any more.
    TrayHost(bool),
    /// The app shall end without a question: the session ends.
    Terminate,
    /// Attaching to a host came to an end.
    BroughtUp(Box<Result<Attached, Problem>>),
    /// The host took an answer, or did not.
    Answered(String, Result<AnswerResult, Problem>, Reply),
}

pub(crate) type Reply = oneshot::Sender<Result<Value, Problem>>;

/// A host, as long as it is connected.
struct Connected {
    view: Box<HostView>,
    requests: Requests,
    happenings: mpsc::Receiver<Happening>,
    /// It said that it is stopping.
    stopping: bool,
}

/// What the main window was told before it had a page to hear it.
#[derive(Debug, Default)]
struct Missed {
    page: Option<Page>,
    quit: Option<usize>,
}

/// The loop.
pub struct Controller<D> {
    desktop: D,
    settings: Settings,
    ticks: mpsc::Receiver<Tick>,
    handle: Handle,
    supervisor: Supervisor,
    patience: Patience,
    /// When a host is tried again.
    retry_at: Option<Instant>,
    /// Whether one is being brought up.
    bringing_up: bool,
    host: Option<Connected>,
    /// The host's process, when it was started here.
    child: Option<Child>,
    pause: Option<Pause>,
    dialog: Dialog,
    /// Approvals that were open when last looked.
    known: BTreeSet<String>,
    windows: BTreeSet<Window>,
    missed: Missed,
    /// Whether there is a tray, once that is known.
    tray: Option<bool>,
    /// When a window takes the place of a tray that is missing.
    window_at: Option<Instant>,
    start_at_login: bool,
    /// When the app was started, Unix milliseconds.
    since_ms: u64,
    painted: Option<Tray>,
    /// When windows are told, when there is something to tell.
    tell_at: Option<Instant>,
    told_at: Option<Instant>,
    threads: Threads,
    /// Until it runs.
    threads_owner: Option<Owner>,
    thread_events: mpsc::Receiver<ThreadEvent>,
}

impl<D: Desktop> Controller<D> {
    /// A controller of the desktop that `desktop` makes, and the way to reach it.
    #[must_use]
    pub fn new(desktop: impl FnOnce(&Handle) -> D, settings: Settings) -> (Self, Handle) {
        let (send, ticks) = mpsc::channel(QUEUE);
        let handle = Handle::new(send);
        let desktop = desktop(&handle);
        let start_at_login = desktop.starts_at_login();
        let pause = pause::load(&pause::file(&settings.data_dir));
        let (threads, threads_owner, thread_events) = Threads::new(&settings.data_dir);
        let this = Self {
            desktop,
            ticks,
            handle: handle.clone(),
            supervisor: Supervisor::Starting,
            patience: Patience::new(settings.first_pause),
            retry_at: None,
            bringing_up: false,
            host: None,
            child: None,
            pause,
            dialog: Dialog::default(),
            known: BTreeSet::new(),
            windows: BTreeSet::new(),
            missed: Missed::default(),
            tray: None,
            window_at: None,
            start_at_login,
            since_ms: now_ms(),
            painted: None,
            tell_at: None,
            told_at: None,
            threads,
            threads_owner: Some(threads_owner),
            thread_events,
            settings,
        };
        (this, handle)
    }

    /// Where the host looks for programs, when that is not where this process does.
    pub fn look_for_programs_in(&mut self, search_path: Option<OsString>) {
        if search_path.is_some() {
            self.settings.program.search_path = search_path;
        }
    }

    /// Runs until the app quits.
    pub async fn run(mut self) {
        if !self.settings.hidden {
            self.show(Window::Main);
        }
        self.bring_up();
        if let Some(owner) = self.threads_owner.take() {
            tokio::spawn(owner.run());
        }
        loop {
            self.refresh();
            let due = self.due();
            let go_on = tokio::select! {
                tick = self.ticks.recv() => match tick {
                    Some(tick) => self.on_tick(tick).await,
                    None => false,
                },
                Some(event) = self.thread_events.recv() => {
                    self.desktop.tell_thread(&event);
                    true
                }
                happening = happening(&mut self.host) => {
                    self.on_happening(happening);
                    true
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.on_time();
                    true
                }
            };
            if !go_on {
                break;
            }
        }
        self.desktop.exit();
    }

    /// Returns whether to go on.
    async fn on_tick(&mut self, tick: Tick) -> bool {
        match tick {
            Tick::Clicked(action) => return self.on_click(action).await,
            Tick::Asked(window, ask, reply) => return self.on_ask(window, ask, reply).await,
            Tick::SecondStart => self.show(Window::Main),
            Tick::Closed(window) => self.window_closed(window),
            Tick::Lost(window) => {
                self.window_closed(window);
                if window == Window::Approval {
                    self.notify_again();
                }
            }
            Tick::NoticeClicked => self.open_approvals(),
            Tick::TrayHost(there) => self.tray_host(there),
            Tick::Terminate => {
                self.leave().await;
                return false;
            }
            Tick::BroughtUp(outcome) => self.brought_up(*outcome),
            Tick::Answered(id, outcome, reply) => self.answered(&id, outcome, reply),
        }
        true
    }

    /// A click on a menu that is no longer true does nothing.
    async fn on_click(&mut self, action: Action) -> bool {
        if !self.tray_value().offers(&action) {
            tracing::debug!(?action, "a click on a menu that is no longer true");
            // The menu may show a check mark the click made.
            self.painted = None;
            return true;
        }
        match action {
            Action::SetBus { id, on } => self.set_bus(&id, on, None),
            Action::StartHost => self.start_host(),
            Action::OpenApprovals => self.open_approvals(),
            Action::OpenThreads => {
                self.go(Page::Threads);
            }
            Action::OpenWindow => self.show(Window::Main),
            Action::Pause { minutes } => {
                if let Err(problem) = self.set_pause(minutes) {
                    tracing::warn!(%problem, "no pause");
                }
            }
            Action::SetStartAtLogin { on } => {
                if let Err(problem) = self.set_start_at_login(on) {
                    tracing::warn!(%problem, "start at login stays as it is");
                }
            }
            Action::Quit => {
                if self.quit(false).await == 0 {
                    return false;
                }
                self.ask_quit();
            }
        }
        // A click toggles a check mark before anything happened: the true state is painted again.
        self.painted = None;
        true
    }

    fn tray_host(&mut self, there: bool) {
        let before = self.tray.replace(there);
        if there {
            self.painted = None;
            self.window_at = None;
        } else if before != Some(false) {
            self.window_at = Some(Instant::now() + self.settings.tray_patience);
        }
        self.tell_soon();
    }

    fn show(&mut self, window: Window) {
        self.windows.insert(window);
        self.desktop.show(window);
    }

    /// Opens the main window at a page.
    fn go(&mut self, page: Page) {
        if !self.windows.contains(&Window::Main) {
            self.missed.page = Some(page);
        }
        self.show(Window::Main);
        self.desktop.go(page);
    }

    /// Says what the main window could not hear before its page was there.
    fn say_what_was_missed(&mut self) {
        let Missed { page, quit } = std::mem::take(&mut self.missed);
        if let Some(page) = page {
            self.desktop.go(page);
        }
        if let Some(running) = quit {
            self.desktop.ask_quit(running);
        }
    }

    fn window_closed(&mut self, window: Window) {
        self.windows.remove(&window);
        match window {
            Window::Approval => self.dialog.closed(),
            Window::Main => {
                self.missed = Missed::default();
                self.threads.close_all();
            }
        }
    }

    fn set_start_at_login(&mut self, on: bool) -> Result<(), Problem> {
        let done = self.desktop.set_start_at_login(on);
        self.start_at_login = self.desktop.starts_at_login();
        self.tell_soon();
        done
    }

    fn view(&self) -> Option<&HostView> {
        self.host.as_ref().map(|host| &*host.view)
    }

    fn tray_value(&self) -> Tray {
        let now = chrono::Local::now();
        Tray::of(&Sight {
            supervisor: &self.supervisor,
            host: self.view(),
            paused_until_ms: self.pause.as_ref().map(|pause| pause.until_ms),
            start_at_login: self.start_at_login,
            now_ms: now_ms(),
            utc_offset_s: now.offset().local_minus_utc(),
        })
    }

    pub(super) fn desktop_view(&self) -> DesktopView {
        DesktopView {
            supervisor: self.supervisor.clone(),
            host: self.view().map(slim),
            paused_until_ms: self
                .pause
                .as_ref()
                .map(|pause| pause.until_ms)
                .filter(|until| *until > now_ms()),
            start_at_login: self.start_at_login,
            tray: self.tray.unwrap_or(false),
            version: self.settings.version.clone(),
            approvals_open: self.view().map_or(0, open_approvals),
        }
    }

    /// Something that windows show has changed.
    fn tell_soon(&mut self) {
        if self.tell_at.is_none() {
            let now = Instant::now();
            self.tell_at = Some(self.told_at.map_or(now, |told| now.max(told + FRAME)));
        }
    }

    /// Paints what changed.
    fn refresh(&mut self) {
        self.look_at_approvals();
        let tray = self.tray_value();
        if self.painted.as_ref() != Some(&tray) {
            self.desktop.paint(&tray);
            self.painted = Some(tray);
        }
    }

    /// When something has to be done although nothing happens.
    fn due(&self) -> Option<Instant> {
        let at = |ms: u64| Instant::now() + Duration::from_millis(ms.saturating_sub(now_ms()));
        let counting = matches!(self.supervisor, Supervisor::Waiting { .. })
            || self.view().is_some_and(|host| {
                let waits = |state: &LinkState| matches!(state, LinkState::Waiting { .. });
                host.links.iter().any(|link| link.wanted && waits(&link.link))
            });
        let paused = self
            .pause
            .as_ref()
            .filter(|_| self.buses_are_known())
            .map(|pause| at(pause.until_ms));
        [
            self.tell_at,
            self.retry_at,
            self.window_at,
            paused,
            self.dialog.leaves_at().map(at),
            counting.then(|| Instant::now() + SECOND),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell_at = None;
            self.told_at = Some(now);
            if !self.windows.is_empty() {
                let view = self.desktop_view();
                self.desktop.tell(&view);
            }
        }
        if self.window_at.is_some_and(|at| at <= now) {
            self.window_at = None;
            if self.windows.is_empty() {
                // Without a tray a window is the only way to the app. It says so.
                self.show(Window::Main);
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.bring_up();
        }
        if self.buses_are_known()
            && self
                .pause
                .as_ref()
                .is_some_and(|pause| pause.until_ms <= now_ms())
        {
            self.end_pause();
        }
    }
}

/// What the host tells; never, while there is none.
async fn happening(host: &mut Option<Connected>) -> Option<Happening> {
    match host {
        Some(host) => host.happenings.recv().await,
        None => std::future::pending().await,
    }
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A handle whose controller does what a test says.
#[cfg(test)]
pub(crate) fn tests_handle(
    closed: impl Fn(Window, bool) + Send + 'static,
    asked: impl Fn(Window, Ask) -> Result<Value, Problem> + Send + 'static,
) -> Handle {
    let (send, mut ticks) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        while let Some(tick) = ticks.recv().await {
            match tick {
                Tick::Closed(window) => closed(window, false),
                Tick::Lost(window) => closed(window, true),
                Tick::Asked(window, ask, reply) => drop(reply.send(asked(window, ask))),
                _ => {}
            }
        }
    });
    Handle::new(send)
}

//! The app's end: starts the process of the windows when one is wanted and ends it when none is left.

use super::hears::{Hears, NotSent};
use super::message::{FromWindows, LONGEST_LINE, OnScreen, ToWindows};
use crate::{Handle, Problem, Window};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::codec::{FramedRead, LinesCodec};

/// Wishes of the app that wait.
const WISHES: usize = 1024;
/// How long a window may take to be made. Who takes longer stands still.
const SHOWN: Duration = Duration::from_secs(10);
/// Wishes of the windows that are worked on.
const ASKED: usize = 256;
/// How long a process without a window is kept for the next one: approvals come in rows.
const LINGER: Duration = Duration::from_secs(3);
/// A window that was asked for so shortly before its process was found gone is asked of the next one: the
/// wish and the end have crossed.
const CROSSED: Duration = Duration::from_secs(2);
/// How long it may take to end.
const ENDING: Duration = Duration::from_secs(2);

/// A process for windows that was started.
pub struct Ends {
    /// What it says.
    pub says: Box<dyn AsyncRead + Unpin + Send>,
    /// What it hears.
    pub hears: Box<dyn AsyncWrite + Unpin + Send>,
    /// The process.
    pub child: Option<Child>,
}

/// What the app wants of the windows. Never blocks.
#[derive(Debug, Clone)]
pub struct WindowsProcess(mpsc::Sender<Wish>);

#[derive(Debug)]
enum Wish {
    Show(Window),
    Close(Window),
    Event(Option<Window>, &'static str, Box<RawValue>),
    Stop(oneshot::Sender<()>),
}

impl WindowsProcess {
    /// The windows, and the task that keeps their process, which `start` starts. When it cannot be started or
    /// ends although a window is wanted, `failed` is told why, to tell the person.
    #[must_use]
    pub fn new(
        desk: Handle,
        start: impl FnMut() -> io::Result<Ends> + Send + 'static,
        failed: impl FnMut(&str) + Send + 'static,
    ) -> (Self, WindowsOwner) {
        let (send, wishes) = mpsc::channel(WISHES);
        let owner = WindowsOwner {
            desk,
            start: Box::new(start),
            failed: Box::new(failed),
            wishes,
            process: None,
            shows: 0,
            ending: JoinSet::new(),
        };
        (Self(send), owner)
    }

    /// Makes a window, or brings it to the front.
    pub fn show(&self, window: Window) {
        self.wish(Wish::Show(window));
    }

    /// Destroys a window.
    pub fn close(&self, window: Window) {
        self.wish(Wish::Close(window));
    }

    /// Tells a window, or all of them, when there are any.
    pub fn tell(&self, window: Option<Window>, event: &'static str, payload: &impl Serialize) {
        match to_raw_value(payload) {
            Ok(payload) => self.wish(Wish::Event(window, event, payload)),
            Err(error) => tracing::error!(%error, event, "a window cannot be told"),
        }
    }

    /// Ends the process, and comes back when it has ended.
    pub async fn stop(&self) {
        let (ended, wait) = oneshot::channel();
        if self.0.send(Wish::Stop(ended)).await.is_ok() {
            // The owner is bounded itself.
            let _ = wait.await;
        }
    }

    fn wish(&self, wish: Wish) {
        if let Err(error) = self.0.try_send(wish) {
            tracing::warn!(%error, "the windows are behind; something is not shown");
        }
    }
}

/// One process that runs.
struct Process {
    says: FramedRead<Box<dyn AsyncRead + Unpin + Send>, LinesCodec>,
    hears: Hears,
    child: Option<Child>,
    /// What it has, or makes.
    open: BTreeMap<Window, Opened>,
    /// When it ends, as it has none.
    ends_at: Option<Instant>,
    /// Answers on their way to it.
    answers: JoinSet<()>,
}

/// A window that it has, or makes.
struct Opened {
    /// The last wish for it.
    number: u64,
    /// When the first wish came that it has not answered.
    unanswered: Option<Instant>,
    /// When it was asked for, until it is painted.
    asked: Option<Instant>,
    /// When the last wish came, unless the process was begun for it.
    again: Option<Instant>,
}

/// Keeps the process of the windows.
pub struct WindowsOwner {
    desk: Handle,
    start: Box<dyn FnMut() -> io::Result<Ends> + Send>,
    failed: Box<dyn FnMut(&str) + Send>,
    wishes: mpsc::Receiver<Wish>,
    process: Option<Process>,
    /// Counts what was asked to be shown.
    shows: u64,
    /// Processes that were told to end.
    ending: JoinSet<()>,
}

/// What happens next.
enum Next {
    Wish(Option<Wish>),
    Said(FromWindows),
    /// The process says no more, and why.
    Gone(&'static str),
    Idle,
}

impl WindowsOwner {
    /// Runs until the app drops its [`WindowsProcess`].
    pub async fn run(mut self) {
        loop {
            match self.next().await {
                Next::Wish(Some(Wish::Stop(ended))) => {
                    self.stop().await;
                    // Nobody needs to wait for it.
                    let _ = ended.send(());
                    return;
                }
                Next::Wish(Some(wish)) => self.wish(wish),
                Next::Wish(None) => return,
                Next::Said(message) => self.said(message),
                Next::Gone(why) => self.gone(why),
                Next::Idle => {
                    if let Some(process) = self.process.take() {
                        self.end(process);
                    }
                }
            }
        }
    }

    async fn next(&mut self) -> Next {
        let Some(process) = &mut self.process else {
            return Next::Wish(self.wishes.recv().await);
        };
        while process.answers.try_join_next().is_some() {}
        while self.ending.try_join_next().is_some() {}
        let idle = until(process.ends_at);
        let waits = process.open.values().filter_map(|window| window.unanswered).min();
        let stuck = until(waits.map(|asked| asked + SHOWN));
        let ended = async {
            match &mut process.child {
                Some(child) => drop(child.wait().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            wish = self.wishes.recv() => Next::Wish(wish),
            line = process.says.next() => match line {
                Some(Ok(line)) => match serde_json::from_str(&line) {
                    Ok(message) => Next::Said(message),
                    Err(error) => {
                        tracing::error!(%error, "the windows said what is no message");
                        Next::Gone("it said what is no message")
                    }
                },
                Some(Err(error)) => {
                    tracing::error!(%error, "the windows cannot be read");
                    Next::Gone("it cannot be read")
                }
                None => Next::Gone("it ended"),
            },
            () = idle => Next::Idle,
            () = stuck => Next::Gone("it stands still"),
            // What it started may hold its pipes longer than it lives.
            () = ended => Next::Gone("it ended"),
        }
    }

    fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Show(window) => {
                let again = self.process.is_some();
                if !again && !self.begin(window) {
                    return;
                }
                if let Some(process) = &mut self.process {
                    self.shows += 1;
                    let (number, now) = (self.shows, Instant::now());
                    process.ends_at = None;
                    let opened = process.open.entry(window).or_insert(Opened {
                        number,
                        unanswered: None,
                        asked: Some(now),
                        again: None,
                    });
                    opened.number = number;
                    opened.unanswered.get_or_insert(now);
                    opened.again = again.then_some(now);
                    self.screen(OnScreen::Show { window, number });
                }
            }
            Wish::Close(window) => {
                if self.has(Some(window)) {
                    self.screen(OnScreen::Close(window));
                }
            }
            // Who is not there asks for everything when it comes, and is told then what it missed.
            Wish::Event(window, event, payload) => {
                if self.has(window) {
                    self.screen(OnScreen::Event {
                        window,
                        event: event.to_owned(),
                        payload,
                    });
                }
            }
            // Ends the loop, see there.
            Wish::Stop(_) => {}
        }
    }

    /// Whether there is this window, or any.
    fn has(&self, window: Option<Window>) -> bool {
        self.process.as_ref().is_some_and(|process| match window {
            Some(window) => process.open.contains_key(&window),
            None => !process.open.is_empty(),
        })
    }

    /// Starts the process.
    fn begin(&mut self, window: Window) -> bool {
        match (self.start)() {
            Ok(ends) => {
                self.process = Some(Process {
                    says: FramedRead::new(ends.says, LinesCodec::new_with_max_length(LONGEST_LINE)),
                    hears: Hears::to(ends.hears),
                    child: ends.child,
                    open: BTreeMap::new(),
                    ends_at: None,
                    answers: JoinSet::new(),
                });
                true
            }
            Err(error) => {
                tracing::error!(%error, "the process of the windows cannot be started");
                (self.failed)(&error.to_string());
                self.desk.lost(window.label());
                false
            }
        }
    }

    fn screen(&mut self, wish: OnScreen) {
        self.say(ToWindows::Screen(wish));
    }

    fn say(&mut self, message: ToWindows) {
        let Some(process) = &self.process else { return };
        match process.hears.say(message) {
            Ok(()) => {}
            Err(NotSent::Full) => self.gone("it stands still"),
            Err(NotSent::Gone) => self.gone("it ended"),
        }
    }

    fn said(&mut self, message: FromWindows) {
        let Some(process) = &mut self.process else { return };
        match message {
            FromWindows::Ask { id, label, ask } => {
                // What a window asked for that is gone by now is nobody's wish; but who asked counts it as
                // one that waits.
                if Window::of_label(&label).is_some_and(|window| !process.open.contains_key(&window)) {
                    let gone = Problem::new("window_closed", "the window that asked for this is closed");
                    self.say(ToWindows::Answer {
                        id,
                        answer: Err(gone),
                    });
                    return;
                }
                // Each has a deadline in the controller.
                if process.answers.len() >= ASKED {
                    let busy = Problem::new("busy", "too much was asked for at once; wait for what runs");
                    self.say(ToWindows::Answer {
                        id,
                        answer: Err(busy),
                    });
                    return;
                }
                let (desk, hears) = (self.desk.clone(), process.hears.clone());
                process.answers.spawn(async move {
                    let answer = desk.ask(&label, *ask).await.and_then(|answer| {
                        to_raw_value(&answer).map_err(|error| Problem::new("answer", error.to_string()))
                    });
                    hears.answer(ToWindows::Answer { id, answer }).await;
                });
            }
            FromWindows::Painted(window) => {
                if let Some(asked) = process
                    .open
                    .get_mut(&window)
                    .and_then(|opened| opened.asked.take())
                {
                    let took_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
                    tracing::info!(window = window.label(), took_ms, "painted");
                }
            }
            FromWindows::Shown { window, number } => {
                if let Some(opened) = process
                    .open
                    .get_mut(&window)
                    .filter(|opened| opened.number == number)
                {
                    opened.unanswered = None;
                }
            }
            FromWindows::Closed { window, number, lost } => {
                // The next of its name may have been asked for meanwhile.
                if process
                    .open
                    .get(&window)
                    .is_some_and(|opened| opened.number <= number)
                {
                    process.open.remove(&window);
                }
                if process.open.is_empty() {
                    process.ends_at = Some(Instant::now() + LINGER);
                }
                if lost {
                    (self.failed)("its page crashed");
                    self.desk.lost(window.label());
                } else {
                    self.desk.closed(window.label());
                }
            }
        }
    }

    /// Takes leave of a process that is of no use any more.
    fn gone(&mut self, why: &'static str) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let crossed = |opened: &Opened| opened.again.is_some_and(|asked| asked.elapsed() < CROSSED);
        let (again, open): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut process.open)
            .into_iter()
            .partition(|(_, opened)| crossed(opened));
        if !open.is_empty() {
            tracing::error!(why, "the process of the windows is gone");
            (self.failed)(why);
        }
        for window in open.into_keys() {
            self.desk.lost(window.label());
        }
        self.end(process);
        for window in again.into_keys() {
            // What it knew is gone with it.
            self.desk.closed(window.label());
            self.wish(Wish::Show(window));
        }
    }

    /// Ends a process: it goes by itself when nobody speaks to it any more, and is made to when it does not.
    fn end(&mut self, process: Process) {
        let Process { child, .. } = process;
        if let Some(mut child) = child {
            self.ending.spawn(async move {
                if tokio::time::timeout(ENDING, child.wait()).await.is_err() {
                    tracing::warn!("the process of the windows does not end by itself");
                    let _ = child.kill().await;
                }
            });
        }
    }

    /// Ends all that was started, and waits for it.
    async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            self.end(process);
        }
        while self.ending.join_next().await.is_some() {}
    }
}

/// Waits for a moment that may never come.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

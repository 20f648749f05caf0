#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use super::{Ends, Front, OnScreen, WindowsProcess};
use crate::controller::tests_handle;
use crate::{Ask, EnrollForm, Handle, Problem, Window};
use drawbridge_wire::Secret;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::mpsc;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

/// The app's end, with processes that are in the test's hand.
struct App {
    windows: WindowsProcess,
    /// The other end of each process that was started.
    started: mpsc::UnboundedReceiver<DuplexStream>,
    /// What the person was told.
    failed: Arc<Mutex<Vec<String>>>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

/// What the controller got.
#[derive(Debug, PartialEq)]
enum Seen {
    Closed(Window),
    Lost(Window),
    Asked(Window, String),
}

fn app(answer: impl Fn(&Ask) -> Result<Value, Problem> + Send + 'static) -> App {
    let (saw, seen) = mpsc::unbounded_channel();
    let asked = saw.clone();
    let desk = tests_handle(
        move |window, lost| {
            let _ = saw.send(if lost {
                Seen::Lost(window)
            } else {
                Seen::Closed(window)
            });
        },
        move |window, ask| {
            let _ = asked.send(Seen::Asked(window, format!("{ask:?}")));
            answer(&ask)
        },
    );
    with(desk, seen, |begun| {
        let (ours, theirs) = duplex(64 * 1024);
        let _ = begun.send(theirs);
        Ok(ours)
    })
}

fn with(
    desk: Handle,
    seen: mpsc::UnboundedReceiver<Seen>,
    mut start: impl FnMut(&mpsc::UnboundedSender<DuplexStream>) -> io::Result<DuplexStream> + Send + 'static,
) -> App {
    let (begun, started) = mpsc::unbounded_channel();
    let failed = Arc::<Mutex<Vec<String>>>::default();
    let told = failed.clone();
    let start = move || {
        let (says, hears) = split(start(&begun)?);
        Ok(Ends {
            says: Box::new(says),
            hears: Box::new(hears),
            child: None,
        })
    };
    let (windows, owner) =
        WindowsProcess::new(desk, start, move |why| told.lock().unwrap().push(why.to_owned()));
    tokio::spawn(owner.run());
    App {
        windows,
        started,
        failed,
        seen,
    }
}

impl App {
    /// The windows' end of the next process that is started.
    async fn process(&mut self) -> Process {
        let stream = timeout(SOON, self.started.recv()).await.unwrap().unwrap();
        let (reader, writer) = split(stream);
        let (show, shown) = mpsc::unbounded_channel();
        let (front, work) = Front::new(reader, writer, move |message| {
            let _ = show.send(message);
        });
        let ended = tokio::spawn(work);
        Process {
            front,
            shown,
            ended,
            numbers: HashMap::new(),
        }
    }

    /// The process that is started for this window, which it shows.
    async fn shows(&mut self, window: Window) -> Process {
        self.windows.show(window);
        let mut process = self.process().await;
        process.is_shown(window).await;
        process
    }

    async fn sees(&mut self) -> Seen {
        timeout(SOON, self.seen.recv()).await.unwrap().unwrap()
    }

    fn failed(&self) -> Vec<String> {
        self.failed.lock().unwrap().clone()
    }
}

struct Process {
    front: Front,
    shown: mpsc::UnboundedReceiver<OnScreen>,
    ended: tokio::task::JoinHandle<()>,
    /// Of the last wish for each window.
    numbers: HashMap<Window, u64>,
}

impl Process {
    /// Takes the wish for a window, which must be next, and answers it.
    async fn is_shown(&mut self, window: Window) {
        self.is_asked(window).await;
        self.front.shown(window.label(), self.numbers[&window]);
    }

    /// The same without an answer.
    async fn is_asked(&mut self, window: Window) {
        let message = timeout(SOON, self.shown.recv()).await.unwrap().unwrap();
        let OnScreen::Show {
            window: which,
            number,
        } = message
        else {
            panic!("{message:?}");
        };
        assert_eq!(which, window);
        self.numbers.insert(window, number);
    }

    /// A window is gone, of the last wish for it.
    fn closes(&self, window: Window) {
        self.front.closed(window.label(), self.numbers[&window], false);
    }

    async fn hears(&mut self) -> Value {
        let message = timeout(SOON, self.shown.recv()).await.unwrap().unwrap();
        serde_json::to_value(message).unwrap()
    }
}

fn nothing(_: &Ask) -> Result<Value, Problem> {
    Ok(Value::Null)
}

// proves S0.01
#[tokio::test(start_paused = true)]
async fn a_process_is_started_for_a_window_and_ends_when_none_is_left() {
    let mut app = app(nothing);
    // Nobody is there to be told, so nobody is started for it.
    app.windows.tell(None, "view", &json!({"early": true}));
    app.windows.close(Window::Main);
    let mut one = app.shows(Window::Main).await;
    app.windows.show(Window::Approval);
    one.is_shown(Window::Approval).await;
    app.windows.tell(Some(Window::Main), "go", &"threads");
    let go = json!({"event": {"window": "main", "event": "go", "payload": "threads"}});
    assert_eq!(one.hears().await, go);
    app.windows.tell(None, "view", &json!({"n": 1}));
    let view = json!({"event": {"window": null, "event": "view", "payload": {"n": 1}}});
    assert_eq!(one.hears().await, view);
    app.windows.close(Window::Approval);
    assert_eq!(one.hears().await, json!({"close": "approval"}));
    one.closes(Window::Approval);
    assert_eq!(app.sees().await, Seen::Closed(Window::Approval));
    // The other window keeps it.
    tokio::time::advance(Duration::from_secs(60)).await;
    app.windows.tell(Some(Window::Approval), "approval", &Value::Null);
    app.windows.tell(Some(Window::Main), "go", &"connections");
    assert_eq!(one.hears().await["event"]["payload"], "connections");
    one.closes(Window::Main);
    assert_eq!(app.sees().await, Seen::Closed(Window::Main));
    timeout(SOON, one.ended).await.unwrap().unwrap();
    assert_eq!(app.failed(), Vec::<String>::new(), "that is how it should be");

    let _two = app.shows(Window::Main).await;
}

/// A long thread that is told whole, and what happens in it at once after that.
#[tokio::test(start_paused = true)]
async fn windows_that_take_a_long_line_do_not_stand_still() {
    let mut app = app(nothing);
    let mut process = app.shows(Window::Main).await;
    let thread = "x".repeat(20 * 1024 * 1024);
    app.windows.tell(Some(Window::Main), "thread", &thread);
    app.windows.tell(Some(Window::Main), "thread", &"and on");
    assert_eq!(process.hears().await["event"]["payload"], *thread);
    assert_eq!(process.hears().await["event"]["payload"], "and on");
    assert_eq!(app.failed(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_process_without_a_window_is_kept_for_a_moment() {
    let mut app = app(nothing);
    let mut one = app.shows(Window::Approval).await;
    one.closes(Window::Approval);
    assert_eq!(app.sees().await, Seen::Closed(Window::Approval));
    app.windows.show(Window::Approval);
    one.is_shown(Window::Approval).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    app.windows.tell(None, "view", &1);
    assert_eq!(one.hears().await["event"]["payload"], 1, "it is still there");
    assert!(app.started.try_recv().is_err(), "one process");
}

#[tokio::test]
async fn what_a_window_asks_for_is_answered_by_the_controller_alone() {
    let mut app = app(|ask| match ask {
        Ask::Pause { minutes } => Ok(json!({"minutes": minutes})),
        Ask::Enroll(form) => {
            assert_eq!(form.token.as_ref().unwrap().reveal(), "canary");
            Ok(json!("enrolled"))
        }
        _ => Err(Problem::new("no", "nothing of the kind")),
    });
    app.windows.show(Window::Main);
    let one = app.process().await;
    let (front, other) = (&one.front, one.front.clone());
    let form = EnrollForm {
        api: "https://bus.example".to_owned(),
        token: Some(Secret::new("canary")),
        code: None,
        name: None,
        ca_file: None,
    };
    let (paused, enrolled, refused, stranger, wrong) = tokio::join!(
        front.ask("main", Ask::Pause { minutes: 7 }),
        other.ask("main", Ask::Enroll(Box::new(form))),
        front.ask("main", Ask::OpenConfig),
        front.ask("another", Ask::Snapshot),
        front.ask("main", Ask::CurrentCard),
    );
    assert_eq!(paused.unwrap(), json!({"minutes": 7}));
    assert_eq!(enrolled.unwrap(), json!("enrolled"));
    assert_eq!(refused.unwrap_err(), Problem::new("no", "nothing of the kind"));
    assert_eq!(stranger.unwrap_err().code, "not_allowed");
    assert_eq!(wrong.unwrap_err().code, "not_allowed");
    for _ in 0..3 {
        let Seen::Asked(Window::Main, said) = app.sees().await else {
            panic!("the window that asked is the main one");
        };
        assert!(!said.contains("canary"), "{said}");
    }
    assert!(app.seen.try_recv().is_err(), "the others got no further");
}

#[tokio::test]
async fn a_process_that_crashes_closes_its_windows_and_the_next_one_starts_anew() {
    let mut app = app(nothing);
    let one = app.shows(Window::Main).await;
    let asks = one.front.clone();
    one.ended.abort();
    drop(one.shown);
    assert_eq!(app.sees().await, Seen::Lost(Window::Main));
    assert_eq!(app.failed(), ["it ended"], "the person is told, once");
    assert_eq!(
        asks.ask("main", Ask::Snapshot).await.unwrap_err().code,
        "quitting"
    );
    let _two = app.shows(Window::Main).await;
}

#[tokio::test]
async fn a_window_that_is_asked_for_while_its_process_ends_comes_from_the_next() {
    let mut app = app(nothing);
    let mut one = app.shows(Window::Main).await;
    app.windows.show(Window::Approval);
    one.is_shown(Window::Approval).await;
    one.ended.abort();
    drop(one.shown);
    assert_eq!(app.sees().await, Seen::Lost(Window::Main));
    assert_eq!(
        app.sees().await,
        Seen::Closed(Window::Approval),
        "what the dialog knew is forgotten"
    );
    let mut two = app.process().await;
    two.is_shown(Window::Approval).await;
    // But not for ever: this one was begun for it.
    two.ended.abort();
    drop(two.shown);
    assert_eq!(app.sees().await, Seen::Lost(Window::Approval));
    assert!(app.started.try_recv().is_err(), "no third one");
}

#[tokio::test]
async fn a_process_that_cannot_be_started_is_told_to_the_person_and_asked_for_again() {
    let (saw, seen) = mpsc::unbounded_channel();
    let desk = tests_handle(
        move |window, lost| {
            let _ = saw.send(if lost {
                Seen::Lost(window)
            } else {
                Seen::Closed(window)
            });
        },
        |_, ask| nothing(&ask),
    );
    let mut first = true;
    let mut app = with(desk, seen, move |begun| {
        if std::mem::take(&mut first) {
            return Err(io::Error::other("no such file"));
        }
        let (ours, theirs) = duplex(1024);
        let _ = begun.send(theirs);
        Ok(ours)
    });
    app.windows.show(Window::Main);
    assert_eq!(app.sees().await, Seen::Lost(Window::Main));
    assert_eq!(app.failed(), ["no such file"]);
    let _one = app.shows(Window::Main).await;
}

#[tokio::test]
async fn nonsense_from_a_process_ends_it() {
    let mut app = app(nothing);
    app.windows.show(Window::Main);
    let mut stream = timeout(SOON, app.started.recv()).await.unwrap().unwrap();
    stream.write_all(b"\0\xff nonsense\n").await.unwrap();
    assert_eq!(app.sees().await, Seen::Lost(Window::Main));
    assert_eq!(app.failed().len(), 1, "{:?}", app.failed());
}

/// One that takes nothing must not make the app wait, nor let what it is told grow.
#[tokio::test]
async fn a_process_that_stands_still_is_ended() {
    let mut app = app(nothing);
    app.windows.show(Window::Main);
    let _stands_still = timeout(SOON, app.started.recv()).await.unwrap().unwrap();
    let large = "x".repeat(1024);
    let told = async {
        loop {
            app.windows.tell(None, "view", &large);
            tokio::task::yield_now().await;
            if let Ok(seen) = app.seen.try_recv() {
                return seen;
            }
        }
    };
    assert_eq!(timeout(SOON, told).await.unwrap(), Seen::Lost(Window::Main));
    assert_eq!(app.failed(), ["it stands still"]);
}

/// What an agent sent may be deep; who only passes it on must not choke on it.
#[tokio::test]
async fn depth_is_no_reason_to_lose_a_view() {
    let mut app = app(nothing);
    let mut one = app.shows(Window::Main).await;
    let mut deep = json!(1);
    for _ in 0..125 {
        deep = json!([deep]);
    }
    app.windows.tell(None, "view", &deep);
    let message = timeout(SOON, one.shown.recv()).await.unwrap().unwrap();
    let OnScreen::Event { payload, .. } = message else {
        panic!("{message:?}");
    };
    assert_eq!(payload.get(), deep.to_string());
}

/// A window that is said to be gone may be the one before the one that is wanted.
#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_window_is_not_taken_for_the_next_of_its_name() {
    let mut app = app(nothing);
    let mut one = app.shows(Window::Approval).await;
    let first = one.numbers[&Window::Approval];
    app.windows.close(Window::Approval);
    app.windows.show(Window::Approval);
    assert_eq!(one.hears().await, json!({"close": "approval"}));
    one.is_shown(Window::Approval).await;
    one.front.closed("approval", first, false);
    assert_eq!(app.sees().await, Seen::Closed(Window::Approval));
    // The second one is there, is told, and keeps the process.
    tokio::time::advance(Duration::from_secs(60)).await;
    app.windows.tell(Some(Window::Approval), "approval", &2);
    assert_eq!(one.hears().await["event"]["payload"], 2);
    one.closes(Window::Approval);
    assert_eq!(app.sees().await, Seen::Closed(Window::Approval));
    timeout(SOON, one.ended).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_window_that_does_not_come_is_given_up_and_told_of() {
    let mut app = app(nothing);
    app.windows.show(Window::Main);
    let mut one = app.process().await;
    one.is_asked(Window::Main).await;
    assert_eq!(app.sees().await, Seen::Lost(Window::Main));
    assert_eq!(app.failed(), ["it stands still"]);
    let _two = app.shows(Window::Main).await;
}

#[tokio::test]
async fn a_page_that_crashes_is_told_of() {
    let mut app = app(nothing);
    let one = app.shows(Window::Approval).await;
    one.front.closed("approval", one.numbers[&Window::Approval], true);
    assert_eq!(app.sees().await, Seen::Lost(Window::Approval));
    assert_eq!(app.failed(), ["its page crashed"]);
}

#[tokio::test]
async fn stopping_ends_the_process_without_a_word() {
    let mut app = app(nothing);
    let one = app.shows(Window::Main).await;
    timeout(SOON, app.windows.stop()).await.unwrap();
    timeout(SOON, one.ended).await.unwrap().unwrap();
    assert_eq!(app.failed(), Vec::<String>::new());
    assert!(app.seen.try_recv().is_err());
    app.windows.show(Window::Main);
    timeout(SOON, app.windows.stop()).await.unwrap();
    assert!(app.started.try_recv().is_err(), "nothing is started any more");
}

#[tokio::test]
async fn a_window_that_is_gone_asks_for_nothing() {
    let mut app = app(nothing);
    app.windows.show(Window::Main);
    app.windows.show(Window::Approval);
    let mut one = app.process().await;
    one.is_shown(Window::Main).await;
    one.is_shown(Window::Approval).await;
    one.closes(Window::Approval);
    let late = one.front.clone();
    let late = tokio::spawn(async move { late.ask("approval", Ask::Snapshot).await });
    assert_eq!(app.sees().await, Seen::Closed(Window::Approval));
    let answer = timeout(SOON, late).await.unwrap().unwrap();
    assert_eq!(answer.unwrap_err().code, "window_closed", "nobody waits for it");
    one.front.ask("main", Ask::Snapshot).await.unwrap();
    assert_eq!(app.sees().await, Seen::Asked(Window::Main, "Snapshot".to_owned()));
    assert!(
        app.seen.try_recv().is_err(),
        "only the one that is there was heard"
    );
}

//! What the app costs, held to its budgets: `cargo xtask bench desktop`.

#![allow(clippy::print_stdout, reason = "a person reads the figures")]

use crate::driver::SOON;
use crate::session::{Agent, Lines, Session};
use crate::tray::Tray;
use drawbridge_testkit::model::ScriptedModel;
use futures_util::StreamExt;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Starts, and windows, that are measured.
const STARTS: usize = 7;
const WINDOWS: usize = 7;
/// Of the long turn.
const DELTAS: usize = 20_000;
/// A tray has to be there after this.
const TRAY: Duration = Duration::from_millis(300);
/// A window has to be on the screen after this.
const WINDOW: Duration = Duration::from_millis(300);
/// And has to show what it is for after this: its processes start from nothing each time.
const PAINTED: Duration = Duration::from_millis(800);
/// Proportional sizes of app, host, connector and web view, in MB of 10^6 bytes.
const RESTING: f64 = 90.0;
const OPEN: f64 = 320.0;
const CLOSED: f64 = 120.0;
/// How long memory is looked at until it has fallen: what a window leaves goes within seconds.
const SETTLING: Duration = Duration::from_secs(20);
/// How long after a window came its memory is looked at.
const MADE: Duration = Duration::from_secs(2);

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn held(what: &str, figure: f64, unit: &str, budget: f64) -> bool {
    let ok = figure <= budget;
    let word = if ok { "ok" } else { "OVER" };
    println!("{what:<52} {figure:>8.1} {unit:<3} (budget {budget:.0})  {word}");
    ok
}

/// Waits until the app says that a window is painted, and how long that took.
async fn painted(lines: &mut Lines) -> Duration {
    loop {
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        if let Some((_, rest)) = line.split_once("took_ms").filter(|_| line.contains("painted")) {
            let digits: String = rest.chars().skip_while(|c| !c.is_ascii_digit()).collect();
            // Behind the figure there may be colours of the terminal.
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            return Duration::from_millis(digits[..end].parse().unwrap());
        }
    }
}

/// How many windows the window manager has put on the screen, at the next change.
async fn on_screen(lines: &mut tokio::io::Lines<tokio::io::BufReader<tokio::process::ChildStdout>>) -> usize {
    let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
    line.matches("0x").count()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[tokio::test]
#[ignore = "needs a desktop: cargo xtask bench desktop"]
async fn the_app_and_its_windows() {
    let model = ScriptedModel::start().await.unwrap();
    let mut session = Session::start(&model.base_url()).await;
    let dbus = session.dbus().await;
    let mut good = true;

    // The first start makes folders and the file of the record; it counts like the others.
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let mut registered = Tray::registrations(&dbus).await;
        let begin = Instant::now();
        let mut app = session.start_app(&["--hidden"]);
        registered.next().await;
        starts.push(begin.elapsed());
        let tray = Tray::of(&dbus).await;
        tray.click("Quit").await;
        app.wait().await.unwrap();
        session.until_nothing_runs().await;
    }
    good &= held(
        "process start to item in the tray, median of 7",
        milliseconds(median(starts)),
        "ms",
        milliseconds(TRAY),
    );

    let bus = session.bus().await;
    let code = bus.code(&session).await;
    session.cli(&["enroll", "--api", &bus.api, "--code", &code]).await;
    let (mut app, mut lines) = session.start_app_that_tells(&["--hidden"]);
    let tray = Tray::of(&dbus).await;
    session.until_hosts(&bus, "connected").await;
    let mut agent = Agent::connect(&session).await;
    let resting = session.settled_megabytes(RESTING, SETTLING).await;
    good &= held("app, host and connector, no window yet", resting, "MB", RESTING);
    println!("{}", session.by_process());

    let (mut opened, mut shown) = (Vec::new(), Vec::new());
    let (mut spy, mut screen) = session.follow_screen();
    let mut windows = on_screen(&mut screen).await;
    for _ in 0..WINDOWS {
        let begin = Instant::now();
        tray.click("Open Drawbridge").await;
        while on_screen(&mut screen).await <= windows {}
        opened.push(begin.elapsed());
        shown.push(painted(&mut lines).await);
        session.close_windows().await;
        session.until_windows(0).await;
        // Each from nothing; one that follows soon finds the process of the last.
        session.until_no_windows_process().await;
        windows = on_screen(&mut screen).await;
    }
    spy.kill().await.unwrap();
    good &= held(
        "window asked for to on the screen, median of 7",
        milliseconds(median(opened)),
        "ms",
        milliseconds(WINDOW),
    );
    good &= held(
        "window asked for to painted, median of 7",
        milliseconds(median(shown)),
        "ms",
        milliseconds(PAINTED),
    );
    tray.click("Open Drawbridge").await;
    session.until_windows(1).await;
    let work = session.work();
    agent.turn(&work, "ESC: printf a > a.txt\nSAY: done").await;
    session.until_windows(2).await;
    // What a window takes while it is made is not what it takes; nothing tells when that is over.
    tokio::time::sleep(MADE).await;
    good &= held("with window and dialog", session.megabytes(), "MB", OPEN);
    println!("{}", session.by_process());
    session.close_windows().await;
    session.until_windows(0).await;
    let closed = session.settled_megabytes(CLOSED, SETTLING).await;
    good &= held("both closed again", closed, "MB", CLOSED);
    println!("{}", session.by_process());

    tray.click("Quit").await;
    let _ = app.wait().await;
    session.until_nothing_runs().await;
    session.end_desktop().await;
    model.shutdown().await;
    assert!(good, "a budget is exceeded");
}

/// A window as we have WebKit draw it without a graphics card, and as it would by itself.
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask bench desktop"]
async fn a_window_with_and_without_a_played_card() {
    if std::fs::read_dir("/dev/dri").is_ok_and(|mut cards| cards.next().is_some()) {
        println!("a window with a played graphics card: left out, there is a real one");
        return;
    }
    let model = ScriptedModel::start().await.unwrap();
    let mut session = Session::start(&model.base_url()).await;
    let dbus = session.dbus().await;
    let mut sizes = Vec::new();
    for by_itself in [false, true] {
        let variables: &[(&str, &str)] = match by_itself {
            true => &[("WEBKIT_DISABLE_DMABUF_RENDERER", "0")],
            false => &[],
        };
        let (mut app, mut lines) = session.start_app_with(&["--hidden"], variables);
        let tray = Tray::of(&dbus).await;
        tray.click("Open Drawbridge").await;
        painted(&mut lines).await;
        // See above.
        tokio::time::sleep(MADE).await;
        sizes.push(session.megabytes());
        tray.click("Quit").await;
        let _ = app.wait().await;
        session.until_nothing_runs().await;
    }
    session.end_desktop().await;
    model.shutdown().await;
    println!(
        "all with one window, without a graphics card: {:.1} MB; as WebKit would by itself: {:.1} MB, {:.2} times as much",
        sizes[0],
        sizes[1],
        sizes[1] / sizes[0]
    );
    assert!(sizes[0] < sizes[1], "it takes more this way: {sizes:?}");
}

/// A thread with a turn of 20,000 deltas, in the window.
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask bench desktop"]
async fn a_long_turn() {
    let model = ScriptedModel::start().await.unwrap();
    let mut session = Session::start(&model.base_url()).await;
    let browser = session.app().await;
    let mut agent = Agent::connect(&session).await;
    let work = session.work();
    agent.turn(&work, "SAY: before").await;
    agent.until_completed().await;
    browser
        .until(
            "const skip = [...document.querySelectorAll('button')].find((one) => one.textContent.startsWith('Skip')); \
             if (skip) skip.click(); \
             const one = document.querySelector('a.thread'); if (one) one.click(); return one !== null",
        )
        .await;
    browser
        .until("return document.querySelector('.items .item') !== null")
        .await;
    browser.note_busy().await;
    let begin = Instant::now();
    agent.again(&format!("STREAM: {DELTAS} 0")).await;
    agent.until_completed().await;
    let sent: String = (0..DELTAS).map(|n| format!("tok{n} ")).collect();
    let last = format!("tok{} ", DELTAS - 1);
    // Only the end: reading all of it would be a long task of ours.
    let end = "document.querySelector('.item:last-child .said').lastElementChild.textContent";
    browser
        .until(&format!("return {end}.trim().endsWith('{}')", last.trim()))
        .await;
    let took = begin.elapsed();
    let (longest, when, over) = browser.busy().await;
    let shown = "return [...document.querySelectorAll('.said')].map((one) => one.textContent).join('')";
    let shown = browser.says(shown).await;
    let whole = shown.trim() == format!("before {sent}").trim();
    println!(
        "a turn of {DELTAS} deltas: {:.1} s, text {}, {over} tasks over 50 ms, the longest ended at {:.2} s",
        took.as_secs_f64(),
        if whole { "as sent" } else { "NOT as sent" },
        when / 1000.0
    );
    let good = held("longest task of the window's main thread", longest, "ms", 50.0);
    let dbus = session.dbus().await;
    Tray::of(&dbus).await.click("Quit").await;
    session.until_nothing_runs().await;
    session.end_desktop().await;
    model.shutdown().await;
    assert!(whole, "the window does not show what was sent");
    assert!(good, "a budget is exceeded");
}

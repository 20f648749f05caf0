//! Starting, starting twice, being killed, and quitting.

use crate::processes::Process;
use crate::session::{Agent, Session};
use crate::tray::Tray;
use drawbridge_testkit::model::ScriptedModel;
use std::time::Duration;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);

/// Started at login there is a tray and no window; a second start ends at once and opens the window of the
/// first. Quit in the menu leaves no process of any kind.
// proves S0.01, S0.05
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask desktop"]
async fn a_second_start_opens_the_window_and_quit_leaves_no_process() {
    let model = ScriptedModel::start().await.unwrap();
    let mut session = Session::start(&model.base_url()).await;
    let mut app = session.start_app(&["--hidden"]);
    let dbus = session.dbus().await;
    let tray = Tray::of(&dbus).await;
    Agent::connect(&session).await;
    session.until_windows(0).await;

    let mut second = session.start_app(&[]);
    let ended = timeout(SOON, second.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
    session.until_windows(1).await;
    assert_eq!(
        session.of_the_app().len(),
        1,
        "one app: {:#?}",
        session.processes()
    );

    // The app, its host, and Codex are among them.
    let running = session.processes();
    let host = running.iter().any(|one| one.is("host"));
    let codex = running.iter().any(Process::is_codex);
    assert!(host && codex, "{running:#?}");
    tray.click("Quit").await;
    let ended = timeout(SOON, app.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
    session.until_nothing_runs().await;
    session.end_desktop().await;
    model.shutdown().await;
}

/// Killed and started again at once, the app finds its host and the turn that runs in it. Quitting with a turn
/// asks first.
// proves S0.05, S0.10
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask desktop"]
async fn an_app_that_was_killed_finds_the_turn_running_and_quit_asks_about_it() {
    let model = ScriptedModel::start().await.unwrap();
    let mut session = Session::start(&model.base_url()).await;
    let mut app = session.start_app(&["--hidden"]);
    let dbus = session.dbus().await;
    Tray::of(&dbus).await;
    let work = session.work();
    let mut agent = Agent::connect(&session).await;
    agent.turn(&work, "ESC: printf late > late.txt\nSAY: done").await;
    // The dialog came by itself.
    session.until_windows(1).await;
    app.kill().await.unwrap();

    let browser = session.app().await;
    let main = browser.window().await;
    let dialog = browser.dialog(&main, "printf late > late.txt").await;
    let tray = Tray::of(&dbus).await;
    tray.until("1 thread running", |_| true).await;
    tray.click("Quit").await;
    browser.switch(&main).await;
    browser.until_text("One turn is running").await;
    browser.click_button("Go on").await;
    browser.switch(&dialog).await;
    browser.read_to_the_end().await;
    browser.click_button("Run once").await;
    agent.until_completed().await;
    assert_eq!(std::fs::read_to_string(work.join("late.txt")).unwrap(), "late");
    browser.only_window(&main).await;
    tray.click("Quit").await;
    session.until_nothing_runs().await;
    session.end_desktop().await;
    model.shutdown().await;
}

/// A window that crashes takes no tray along, and comes again when it is asked for. When the last is closed
/// nothing of the web view is left.
// proves S0.01
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask desktop"]
async fn windows_that_crash_leave_the_tray_and_come_again() {
    let model = ScriptedModel::start().await.unwrap();
    let mut session = Session::start(&model.base_url()).await;
    let mut app = session.start_app(&["--hidden"]);
    let dbus = session.dbus().await;
    let tray = Tray::of(&dbus).await;
    tray.click("Open Drawbridge").await;
    session.until_windows(1).await;
    let running = session.processes();
    let windows: Vec<_> = running.iter().filter(|one| one.shows_windows()).collect();
    assert_eq!(windows.len(), 1, "{running:#?}");
    windows[0].kill();
    session.until_windows(0).await;

    // The same when only what draws the page crashes.
    tray.click("Open Drawbridge").await;
    session.until_windows(1).await;
    session.until_page_is_drawn().await.kill();
    session.until_windows(0).await;

    tray.click("Open Drawbridge").await;
    session.until_windows(1).await;
    assert!(app.try_wait().unwrap().is_none(), "the app lives");
    session.close_windows().await;
    session.until_no_windows_process().await;
    let running = session.processes();
    assert!(
        !running.iter().any(|one| one.name.starts_with("WebKit")),
        "{running:#?}"
    );

    tray.click("Quit").await;
    timeout(SOON, app.wait()).await.unwrap().unwrap();
    session.until_nothing_runs().await;
    session.end_desktop().await;
    model.shutdown().await;
}

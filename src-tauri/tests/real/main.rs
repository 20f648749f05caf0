//! The app on a real desktop: X server, tray host, WebKitGTK through its driver, host and real codex.
//!
//! `cargo xtask desktop` builds what it needs and runs it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod driver;
mod session;

use drawbridge_testkit::model::ScriptedModel;
use session::{Agent, Session};
use std::time::Duration;

// proves S0.14
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask desktop"]
async fn an_approval_opens_the_dialog_which_shows_the_exact_command_and_accept_runs_it() {
    let model = ScriptedModel::start().await.unwrap();
    let session = Session::start(&model.base_url()).await;
    let browser = session.app().await;
    let main = browser.window().await;
    let work = session.work();
    let mut agent = Agent::connect(&session).await;
    let command = "printf 'yes  indeed' > made.txt";
    agent.turn(&work, &format!("ESC: {command}\nSAY: done")).await;

    let dialog = browser.other_window(&main).await;
    browser.switch(&dialog).await;
    browser.until_text(command).await;
    session.keep("approval.png", &browser.screenshot().await);
    assert!(!work.join("made.txt").exists(), "nothing ran before an answer");
    // The time in which nothing that is pressed counts.
    tokio::time::sleep(Duration::from_millis(700)).await;
    browser.read_to_the_end().await;
    browser.click_button("Run once").await;
    agent.until_completed().await;
    assert_eq!(
        std::fs::read_to_string(work.join("made.txt")).unwrap(),
        "yes  indeed"
    );
    browser.only_window(&main).await;

    agent
        .turn(&work, "ESC: printf no > declined.txt\nSAY: went on")
        .await;
    let dialog = browser.other_window(&main).await;
    browser.switch(&dialog).await;
    browser.until_text("printf no > declined.txt").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    browser.click_button("Decline").await;
    agent.until_completed().await;
    assert!(!work.join("declined.txt").exists());
    browser.only_window(&main).await;

    browser.switch(&main).await;
    session.keep("main.png", &browser.screenshot().await);
    session.end().await;
    model.shutdown().await;
}

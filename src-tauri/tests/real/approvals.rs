//! Approvals in the dialog.

use crate::session::{Agent, Session};
use drawbridge_testkit::model::ScriptedModel;

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

    browser.dialog(&main, command).await;
    session.keep("approval.png", &browser.screenshot().await);
    assert!(!work.join("made.txt").exists(), "nothing ran before an answer");
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
    browser.dialog(&main, "printf no > declined.txt").await;
    browser.click_button("Decline").await;
    agent.until_completed().await;
    assert!(!work.join("declined.txt").exists());
    browser.only_window(&main).await;

    browser.switch(&main).await;
    session.keep("main.png", &browser.screenshot().await);
    session.end().await;
    model.shutdown().await;
}

/// A change of files comes as a diff; an answer from a terminal ends the dialog, which says so.
// proves S0.11, S0.14
#[tokio::test]
#[ignore = "needs a desktop: cargo xtask desktop"]
async fn a_change_comes_as_a_diff_and_an_answer_from_a_terminal_closes_the_dialog() {
    let model = ScriptedModel::start().await.unwrap();
    let session = Session::start(&model.base_url()).await;
    let browser = session.app().await;
    let main = browser.window().await;
    let work = session.work();
    let mut agent = Agent::connect(&session).await;
    agent
        .turn(&work, "PATCH: new.txt|first line\\nsecond line\nSAY: done")
        .await;
    browser.dialog(&main, "new.txt").await;
    browser.until_text("second line").await;
    session.keep("diff.png", &browser.screenshot().await);
    assert!(
        !work.join("new.txt").exists(),
        "nothing is written before an answer"
    );
    browser.read_to_the_end().await;
    browser.click_button("Change these files").await;
    agent.until_completed().await;
    assert_eq!(
        std::fs::read_to_string(work.join("new.txt")).unwrap().trim_end(),
        "first line\nsecond line"
    );
    browser.only_window(&main).await;

    agent
        .turn(&work, "ESC: printf elsewhere > elsewhere.txt\nSAY: done")
        .await;
    browser.dialog(&main, "printf elsewhere > elsewhere.txt").await;
    let list = session.cli(&["approvals", "list", "--json"]).await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["state"]["state"] == "open" || one["state"] == "open")
        .unwrap_or_else(|| panic!("{list:#}"))["id"]
        .clone();
    session.cli(&["approvals", "accept", id.as_str().unwrap()]).await;
    agent.until_completed().await;
    assert!(work.join("elsewhere.txt").exists());
    browser.only_window(&main).await;

    session.end().await;
    model.shutdown().await;
}

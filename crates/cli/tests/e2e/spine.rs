//! The main job.

use crate::world::{SOON, World};
use drawbridge_wire::control::{ApprovalState, HostView};
use serde_json::json;

/// A remote client drives the real codex, and the person at the host answers exactly what was asked.
// proves S1.01, S1.02
#[tokio::test]
async fn a_command_runs_only_after_the_person_at_the_host_said_yes() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    remote.asks_to_write(&world.work, "all done").await;
    let card = world.open_approval().await;
    assert!(card.body.contains("printf yes > made.txt"), "{}", card.body);
    assert!(!world.work.join("made.txt").exists());
    let answered = world.cli(&["approvals", "accept", &card.id]).await;
    assert!(answered.status.success(), "{answered:?}");
    let done = remote.method("turn/completed").await;
    assert_eq!(done["params"]["turn"]["status"], "completed");
    assert_eq!(
        std::fs::read_to_string(world.work.join("made.txt")).unwrap(),
        "yes"
    );
    assert!(matches!(
        world.ended_approval(&card.id).await,
        ApprovalState::Applied { .. }
    ));
    assert!(
        !remote
            .seen
            .iter()
            .any(|f| f["method"] == "item/commandExecution/requestApproval"),
        "a remote that may not answer is not asked"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_declined_patch_changes_nothing_and_the_turn_goes_on() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    remote
        .turn(&thread, "PATCH: new.txt|from the agent\nSAY: went on")
        .await
        .unwrap();
    let card = world.open_approval().await;
    assert!(
        card.body.contains("from the agent"),
        "the card carries the whole diff: {}",
        card.body
    );
    let answered = world.cli(&["approvals", "decline", &card.id]).await;
    assert!(answered.status.success(), "{answered:?}");
    let done = tokio::time::timeout(SOON, remote.method("turn/completed"))
        .await
        .unwrap();
    assert_eq!(done["params"]["turn"]["status"], "completed");
    assert!(!world.work.join("new.txt").exists());
    world.stop().await;
}

/// The observer comes after a turn has begun, and nobody tells it which one runs.
#[tokio::test]
async fn a_turn_that_runs_already_is_named() {
    let world = World::start().await;
    let mut local = world.local().await;
    for history in ["paginated", "legacy"] {
        let params = json!({ "cwd": world.work, "historyMode": history });
        let started = local.call("thread/start", params).await.unwrap();
        assert_eq!(started["thread"]["historyMode"], history);
        let thread = &started["thread"]["id"];
        // Of the first turn and of a later one: in between the host lets go of the thread.
        for _ in 0..2 {
            let started = local.turn(thread.as_str().unwrap(), "HANG").await.unwrap();
            let turn = &started["turn"]["id"];
            let named = |view: &HostView| {
                let mut running = view.threads.iter().filter_map(|one| one.turn.as_deref());
                running.any(|one| turn == one)
            };
            world.until(named).await;
            let interrupt = json!({ "threadId": thread, "turnId": turn });
            local.call("turn/interrupt", interrupt).await.unwrap();
            local.method("turn/completed").await;
            let quiet = |view: &HostView| {
                let mut all = view.threads.iter();
                all.all(|one| one.turn.is_none() && one.status == "idle")
            };
            world.until(quiet).await;
        }
    }
    world.stop().await;
}

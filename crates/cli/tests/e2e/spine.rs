//! The main job.

use crate::world::{SOON, World};
use drawbridge_wire::control::ApprovalState;

/// A remote client drives the real codex, and the person at the host answers exactly what was asked.
// proves S1.01, S1.02
#[tokio::test]
async fn a_command_runs_only_after_the_person_at_the_host_said_yes() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    remote
        .turn(&thread, "ESC: printf yes > made.txt\nSAY: all done")
        .await
        .unwrap();
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

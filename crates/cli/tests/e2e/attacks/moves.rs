//! Attacks with folders that are not there yet, that become something else, and with threads that move.

use super::{input, rule, seen_text};
use crate::world::{Client, SOON, World};
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::{AsyncRead, AsyncWrite};

/// Every way to name a folder to work in.
fn ways(thread: &str, folder: &Path) -> Vec<(&'static str, Value)> {
    vec![
        ("thread/start", json!({ "cwd": folder })),
        ("thread/resume", json!({ "threadId": thread, "cwd": folder })),
        ("thread/fork", json!({ "threadId": thread, "cwd": folder })),
        (
            "turn/start",
            json!({ "threadId": thread, "input": input("SAY: there"), "cwd": folder }),
        ),
        ("thread/start", json!({ "runtimeWorkspaceRoots": [folder] })),
        (
            "turn/start",
            json!({ "threadId": thread, "input": input("SAY: there"), "runtimeWorkspaceRoots": [folder] }),
        ),
    ]
}

#[tokio::test]
async fn a_folder_that_is_not_there_cannot_be_claimed_for_later() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "read-only").await;
    std::fs::write(world.work.join("file"), "x").unwrap();
    for name in ["later", "later/still", "file", "file/x"] {
        for (method, params) in ways(&thread, &world.work.join(name)) {
            let answer = remote.call(method, params.clone()).await;
            assert_eq!(rule(&answer), "no_such_folder", "{method} {params}");
        }
    }
    let loaded = remote.call("thread/loaded/list", json!({})).await.unwrap();
    assert_eq!(loaded["data"], json!([thread]), "nothing was started");
    assert_eq!(world.model.requests().len(), 0);
    assert!(!world.work.join("later").exists(), "nor was anything made");
    std::fs::create_dir(world.work.join("later")).unwrap();
    let params = json!({ "cwd": world.work.join("later") });
    remote.call("thread/start", params).await.unwrap();
    world.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_thread_whose_folder_became_a_way_out_takes_no_turn() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let outside = world.scratch.folder("outside").unwrap();
    let sub = world.work.join("sub");
    std::fs::create_dir(&sub).unwrap();
    let thread = remote.thread(&sub, "on-request", "workspace-write").await;
    remote.turn(&thread, "SAY: before").await.unwrap();
    remote.method("turn/completed").await;
    let started = remote.turn(&thread, "HANG").await.unwrap();
    let turn = started["turn"]["id"].as_str().unwrap().to_owned();
    world.model.wait_for_requests(2, SOON).await.unwrap();
    let attacks = |folder: &Path| {
        vec![
            (
                "turn/steer",
                json!({ "threadId": thread, "input": input("SAY: out"), "expectedTurnId": turn }),
            ),
            (
                "turn/start",
                json!({ "threadId": thread, "input": input("RUN: printf x > out.txt") }),
            ),
            (
                "turn/start",
                json!({ "threadId": thread, "input": input("RUN: printf x > out.txt"), "cwd": folder }),
            ),
            ("thread/resume", json!({ "threadId": thread })),
            ("thread/fork", json!({ "threadId": thread })),
            (
                "review/start",
                json!({ "threadId": thread, "target": { "type": "uncommittedChanges" } }),
            ),
        ]
    };
    std::fs::remove_dir_all(&sub).unwrap();
    for (method, params) in attacks(&world.work) {
        let answer = remote.call(method, params.clone()).await;
        assert_eq!(rule(&answer), "no_such_folder", "{method} {params}");
    }
    std::os::unix::fs::symlink(&outside, &sub).unwrap();
    for (method, params) in attacks(&world.work) {
        let answer = remote.call(method, params.clone()).await;
        assert_eq!(rule(&answer), "not_found", "{method} {params}");
    }
    assert_eq!(
        world.model.requests().len(),
        2,
        "no word of them reached the model"
    );
    // That it is gone is known now, and must not cost the remote the end of its turn below.
    assert!(!there(&mut remote, &thread).await);
    std::fs::remove_file(&sub).unwrap();
    std::fs::create_dir(&sub).unwrap();
    remote
        .call("turn/interrupt", json!({ "threadId": thread, "turnId": turn }))
        .await
        .unwrap();
    remote.method("turn/completed").await;
    remote.turn(&thread, "SAY: after").await.unwrap();
    remote.method("turn/completed").await;
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    world.stop().await;
}

/// A turn of the user's that goes to `folder` and stays there.
async fn go<S: AsyncRead + AsyncWrite + Unpin>(
    local: &mut Client<S>,
    thread: &str,
    folder: &Path,
    words: &str,
) {
    let script = input(&format!("SAY: {words}"));
    local
        .call(
            "turn/start",
            json!({ "threadId": thread, "input": script, "cwd": folder }),
        )
        .await
        .unwrap();
    local.method("turn/completed").await;
}

/// Whether a thread is there for a client, by every way to look; they must agree.
async fn there<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, thread: &str) -> bool {
    let read = client.call("thread/read", json!({ "threadId": thread })).await;
    if let Err(error) = &read {
        assert_eq!(error["data"]["rule"], "not_found", "{error}");
    }
    let loaded = client.call("thread/loaded/list", json!({})).await.unwrap();
    let listed = client.call("thread/list", json!({})).await.unwrap();
    let loaded = loaded.to_string().contains(thread);
    let listed = listed.to_string().contains(thread);
    assert_eq!((loaded, listed), (read.is_ok(), read.is_ok()), "{thread}");
    read.is_ok()
}

/// Returns when everything sent to the client before has been read: its own turn came after.
async fn marked<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, folder: &Path) {
    let own = client.thread(folder, "on-request", "read-only").await;
    client.turn(&own, "SAY: mark").await.unwrap();
    client
        .until(|f| f["method"] == "turn/completed" && f["params"]["threadId"] == own.as_str())
        .await;
}

#[tokio::test]
async fn a_thread_that_the_user_moves_out_of_the_roots_is_gone_for_a_remote() {
    let world = World::start().await;
    let elsewhere = world.scratch.folder("elsewhere").unwrap();
    let mut local = world.local().await;
    let mut remote = world.remote().await;
    let thread = local.thread(&world.work, "on-request", "read-only").await;
    go(&mut local, &thread, &world.work, "shown words").await;
    remote
        .call("thread/resume", json!({ "threadId": thread }))
        .await
        .unwrap();
    assert!(there(&mut remote, &thread).await);
    go(&mut local, &thread, &world.work, "shared words").await;
    remote.method("turn/completed").await;
    assert!(
        seen_text(&remote).contains("shared words"),
        "the remote is subscribed"
    );
    go(&mut local, &thread, &elsewhere, "hidden words").await;
    assert!(!there(&mut remote, &thread).await);
    let turn = remote.turn(&thread, "SAY: attack").await;
    assert_eq!(rule(&turn), "not_found");
    go(&mut local, &thread, &elsewhere, "hidden words").await;
    marked(&mut remote, &world.work).await;
    assert!(!seen_text(&remote).contains("hidden"), "{}", seen_text(&remote));
    go(&mut local, &thread, &world.work, "back words").await;
    assert!(there(&mut remote, &thread).await);
    marked(&mut remote, &world.work).await;
    assert!(
        seen_text(&remote).contains("back words"),
        "what is back is seen again"
    );
    // The same by settings alone, without a turn.
    let settings = json!({ "threadId": thread, "cwd": elsewhere });
    local.call("thread/settings/update", settings).await.unwrap();
    assert!(!there(&mut remote, &thread).await);
    world.stop().await;
}

#[tokio::test]
async fn a_thread_that_the_user_moves_into_the_roots_comes_into_view() {
    let world = World::start().await;
    let elsewhere = world.scratch.folder("elsewhere").unwrap();
    let mut local = world.local().await;
    let mut remote = world.remote().await;
    let thread = local.thread(&elsewhere, "on-request", "read-only").await;
    go(&mut local, &thread, &elsewhere, "hidden words").await;
    assert!(!there(&mut remote, &thread).await);
    go(&mut local, &thread, &world.work, "shown words").await;
    assert!(there(&mut remote, &thread).await);
    remote
        .call("thread/resume", json!({ "threadId": thread }))
        .await
        .unwrap();
    world.stop().await;
}

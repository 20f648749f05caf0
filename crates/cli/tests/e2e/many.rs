//! Much of one thing: connections, and pieces of a message.

use crate::sharing::{begun, resume};
use crate::world::World;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::json;
use std::collections::HashSet;

// proves S5.06, S5.07, S5.11, S5.12
#[tokio::test]
async fn a_hundred_connections_with_the_same_ids_each_get_their_own_answers() {
    const CLIENTS: usize = 100;
    // codex starts threads one after the other. Who asks with all others waits for all others, so how long
    // one answer takes would grow with their number and the load of the computer; nothing here is about that.
    const AT_ONCE: usize = 10;
    let world = World::start().await;
    let made = stream::iter((0..CLIENTS).map(|n| {
        let world = &world;
        async move {
            let folder = world.work.join(format!("sub-{n}"));
            std::fs::create_dir(&folder).unwrap();
            let folder = folder.canonicalize().unwrap();
            // Every client counts from 0 on: all hundred use the same ids.
            let mut client = world.remote().await;
            let started = client
                .call("thread/start", json!({ "cwd": folder }))
                .await
                .unwrap();
            assert_eq!(started["cwd"], json!(folder));
            assert_eq!(started["thread"]["cwd"], json!(folder));
            let thread = started["thread"]["id"].as_str().unwrap().to_owned();
            let name = format!("name {n}");
            let named = client
                .call("thread/name/set", json!({ "threadId": thread, "name": name }))
                .await;
            named.unwrap();
            let read = client
                .call("thread/read", json!({ "threadId": thread }))
                .await
                .unwrap();
            assert_eq!(read["thread"]["id"], json!(thread));
            assert_eq!(read["thread"]["cwd"], json!(folder));
            assert_eq!(read["thread"]["name"], json!(name));
            (client, thread)
        }
    }));
    // All hundred stay connected, and use the same ids as those that come after.
    let made: Vec<_> = made.buffer_unordered(AT_ONCE).collect().await;
    let threads: HashSet<_> = made.iter().map(|(_, thread)| thread.clone()).collect();
    assert_eq!(
        threads.len(),
        CLIENTS,
        "no two clients were told of the same thread"
    );
    join_all(made.into_iter().map(|(mut client, thread)| async move {
        // All others have had all their answers; one that went astray is before this one.
        let read = client
            .call("thread/read", json!({ "threadId": thread }))
            .await
            .unwrap();
        assert_eq!(read["thread"]["id"], json!(thread));
        let astray: Vec<_> = client.seen.iter().filter(|f| f.get("id").is_some()).collect();
        assert!(
            astray.is_empty(),
            "one answer for each request, nothing else: {astray:?}"
        );
    }))
    .await;
    world.stop().await;
}

/// As fast as the model can speak, to two clients: what each was told piece by piece is what was said.
#[tokio::test]
async fn a_long_message_reaches_both_clients_in_all_its_pieces() {
    const PIECES: usize = 6000;
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = begun(&mut remote, &world).await;
    let mut local = world.local().await;
    resume(&mut local, &thread).await.unwrap();
    remote
        .turn(&thread, &format!("STREAM: {PIECES} 0"))
        .await
        .unwrap();
    tokio::join!(remote.method("turn/completed"), local.method("turn/completed"));
    let said: Vec<String> = (0..PIECES).map(|n| format!("tok{n} ")).collect();
    for (who, seen) in [("remote", &remote.seen), ("local", &local.seen)] {
        let pieces = seen
            .iter()
            .filter(|frame| frame["method"] == "item/agentMessage/delta")
            .filter_map(|frame| frame["params"]["delta"].as_str());
        // Not by equality of all of it, which nobody could read.
        let told: Vec<&str> = pieces.skip_while(|piece| *piece != "tok0 ").collect();
        let other = said.iter().zip(&told).find(|(said, told)| said != *told);
        assert_eq!((other, told.len()), (None, PIECES), "{who}");
    }
    world.stop().await;
}

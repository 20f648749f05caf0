//! Somebody behind a bus who comes again and again.

use crate::world::World;
use serde_json::{Value, json};

/// More than a bus has lines for at once.
const TIMES: usize = 230;

fn lines(world: &World, kind: &str) -> Vec<Value> {
    let record = world.record();
    let lines = record
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["kind"] == kind).collect()
}

#[tokio::test]
async fn who_comes_again_and_again_does_not_fill_the_record() {
    let world = World::start().await;
    for _ in 0..TIMES {
        drop(world.remote().await);
    }
    // One more asks for what it may not have, and is still told so.
    let mut last = world.remote().await;
    let refused = last.call("fs/readFile", json!({ "path": "/etc/passwd" })).await;
    assert!(refused.is_err(), "{refused:?}");
    let opened = lines(&world, "connection_opened");
    let tunnels = opened.iter().filter(|line| line["door"] == "tunnel").count();
    assert!((150..TIMES).contains(&tunnels), "{tunnels} lines");
    let unnamed = lines(&world, "connection_closed")
        .iter()
        .filter(|closed| {
            !opened
                .iter()
                .any(|line| line["connection"] == closed["connection"])
        })
        .count();
    assert_eq!(
        unnamed, 0,
        "who has no line for its coming has none for its going"
    );
    drop(last);
    // What has no line of its own is told as a number, at the latest when the host ends.
    let stopped = world.cli(&["stop"]).await;
    assert!(stopped.status.success(), "{stopped:?}");
    let left_out: u64 = lines(&world, "left_out")
        .iter()
        .filter(|line| line["what"] == "connection_opened")
        .map(|line| line["count"].as_u64().unwrap())
        .sum();
    assert!(
        left_out > 0 && left_out <= (TIMES + 1) as u64,
        "{left_out} left out"
    );
}

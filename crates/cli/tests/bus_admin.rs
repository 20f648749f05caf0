//! `bus pair`, `bus hosts` and `bus revoke`, asked of a real bus.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Ended, SOON, drawbridge, ended, shown_to_others};
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

const ADMIN: &str = "canary-admin-token";

/// A bus that takes hosts by codes only, and its address.
async fn bus(dir: &Path) -> (Child, String) {
    let mut child = drawbridge(dir)
        .args(["bus", "--listen", "127.0.0.1:0", "--state"])
        .arg(dir.join("bus.json"))
        .env("DRAWBRIDGE_BUS_ADMIN_TOKEN", ADMIN)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(SOON, lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let address = line.strip_prefix("listening on ").unwrap().to_owned();
    assert!(!shown_to_others(child.id().unwrap()).contains(ADMIN));
    (child, address)
}

async fn ask(dir: &Path, bus: &str, token: Option<&str>, args: &[&str]) -> Ended {
    let mut command = drawbridge(dir);
    command.arg("bus").args(args).args(["--bus", bus]);
    if let Some(token) = token {
        command.env("DRAWBRIDGE_BUS_ADMIN_TOKEN", token);
    }
    let ended = ended(command.spawn().unwrap()).await;
    assert!(!ended.stdout.contains(ADMIN) && !ended.stderr.contains(ADMIN));
    ended
}

#[tokio::test]
async fn codes_are_given_out_and_hosts_are_listed_by_who_has_the_admin_token() {
    let dir = tempfile::tempdir().unwrap();
    let (_child, bus) = bus(dir.path()).await;
    let pair = ask(dir.path(), &bus, Some(ADMIN), &["pair", "--valid", "90"]).await;
    assert_eq!(pair.code, Some(0), "{}", pair.stderr);
    let code = pair
        .stdout
        .lines()
        .next()
        .unwrap()
        .strip_prefix("Code: ")
        .unwrap();
    assert!(drawbridge_wire::enroll::normal_code(code).is_some(), "{code}");
    assert!(
        pair.stdout
            .contains(&format!("drawbridge enroll --api {bus} --code {code}"))
    );

    let json = ask(dir.path(), &bus, Some(ADMIN), &["pair", "--json"]).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_ne!(json["code"], json!(code));

    let hosts = ask(dir.path(), &bus, Some(ADMIN), &["hosts", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&hosts.stdout).unwrap(), json!([]));

    let wrong = ask(dir.path(), &bus, Some("another"), &["pair"]).await;
    assert_eq!(wrong.code, Some(4), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("[unauthorized]"), "{}", wrong.stderr);
    let none = ask(dir.path(), &bus, None, &["pair"]).await;
    assert_eq!(none.code, Some(2));
    assert!(
        none.stderr.contains("DRAWBRIDGE_BUS_ADMIN_TOKEN"),
        "{}",
        none.stderr
    );
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (_child, bus) = bus(dir.path()).await;
    let unknown = ask(dir.path(), &bus, Some(ADMIN), &["revoke", "desk"]).await;
    assert_eq!(unknown.code, Some(4));
    assert!(unknown.stderr.contains("[unknown_host]"), "{}", unknown.stderr);
    let bad = ask(dir.path(), &bus, Some(ADMIN), &["revoke", "../pair"]).await;
    assert!(bad.stderr.contains("[host_id]"), "{}", bad.stderr);
    let long = ask(dir.path(), &bus, Some(ADMIN), &["pair", "--valid", "90000"]).await;
    assert!(long.stderr.contains("[code_too_long]"), "{}", long.stderr);
}

#[tokio::test]
async fn a_bus_that_could_take_no_host_is_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let child = drawbridge(dir.path()).arg("bus").spawn().unwrap();
    let refused = ended(child).await;
    assert_eq!(refused.code, Some(2));
    for name in ["CODEX_BUS_CONNECT_TOKEN", "DRAWBRIDGE_BUS_ADMIN_TOKEN"] {
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
    }
}

//! `enrollments` and `forget` in front of a played host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

mod common;

use common::{Ended, drawbridge, ended, view};
use drawbridge_testkit::fake_host::FakeHost;
use drawbridge_wire::buses::{BusSource, DisabledView, VaultCondition, VaultFileView, WhichBus};
use drawbridge_wire::control::{HostView, LinkView, Request};
use drawbridge_wire::pipe::LinkState;
use serde_json::json;
use std::path::Path;

fn link(id: &str, name: &str, disabled: bool) -> LinkView {
    LinkView {
        id: id.to_owned(),
        name: name.to_owned(),
        bus: format!("{id}.example"),
        api: format!("https://{id}.example"),
        source: BusSource::Vault,
        wanted: !disabled,
        link: LinkState::Disconnected,
        since_ms: 0,
        pong_at_ms: None,
        disabled: disabled.then(|| DisabledView {
            reason: "revoked".to_owned(),
            at_ms: None,
        }),
        mcp: None,
        ca_file: None,
    }
}

fn enrolled(data_dir: &Path) -> HostView {
    let mut view = view(data_dir, None);
    view.links = vec![
        link("one", "Work", false),
        link("two", "Home", false),
        link("three", "Home", false),
        link("old", "Old", true),
    ];
    view.vault.state = VaultCondition::Open;
    for name in ["broken", "confirmed"] {
        view.vault.files.push(VaultFileView {
            name: name.to_owned(),
            code: "file_damaged".to_owned(),
            message: "words".to_owned(),
        });
    }
    view
}

/// Runs it; what it asks of the host besides introducing itself and going.
async fn asks(args: &[&str], change: impl FnOnce(&mut HostView)) -> (Vec<Request>, Ended) {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut state = enrolled(dir.path());
    change(&mut state);
    let child = drawbridge(dir.path()).args(args).spawn().unwrap();
    let mut client = host.ready_client(&state).await;
    let mut asked = Vec::new();
    loop {
        let (id, request) = client.request().await;
        client.reply(id, json!({})).await;
        if request == (Request::ReleaseLease {}) {
            return (asked, ended(child).await);
        }
        asked.push(request);
    }
}

fn bus(id: &str) -> WhichBus {
    WhichBus {
        bus: Some(id.to_owned()),
    }
}

/// proves S1.23
#[tokio::test]
async fn an_enrollment_is_named_by_its_id_or_by_a_name_of_its_own() {
    let forget = |id: &str| Request::Forget { bus: id.to_owned() };
    for (args, expected) in [
        (
            ["enrollments", "on", "one"].as_slice(),
            Request::Connect(bus("one")),
        ),
        (&["enrollments", "on", "Work"], Request::Connect(bus("one"))),
        (
            &["enrollments", "off", "one.example"],
            Request::Disconnect(bus("one")),
        ),
        (&["enrollments", "off", "old"], Request::Disconnect(bus("old"))),
        (&["forget", "Work"], forget("one")),
        (&["forget", "two"], forget("two")),
        (&["forget", "broken"], forget("broken")),
    ] {
        let (asked, ended) = asks(args, |_| {}).await;
        assert_eq!(
            (asked, ended.code),
            (vec![expected], Some(0)),
            "{args:?} {}",
            ended.stderr
        );
    }
}

/// proves S1.23
#[tokio::test]
async fn a_name_that_is_not_clear_changes_nothing_and_says_what_to_type() {
    for (args, words) in [
        (["forget", "Home"].as_slice(), ["two, three", "[ambiguous_name]"]),
        (&["forget", "Wrok"], ["did you mean `Work`?", "[unknown_bus]"]),
        (
            &["enrollments", "off", "tow"],
            ["did you mean `two`?", "[unknown_bus]"],
        ),
        (
            &["forget", "confirmed"],
            ["`drawbridge enrollments` lists them", "[unknown_bus]"],
        ),
        (
            &["enrollments", "on", "Old"],
            [
                "`drawbridge enroll --api https://old.example --code CODE`",
                "[enrollment_disabled]",
            ],
        ),
    ] {
        let (asked, ended) = asks(args, |_| {}).await;
        assert_eq!(
            (asked, ended.code),
            (vec![], Some(1)),
            "{args:?} {}",
            ended.stderr
        );
        for word in words {
            assert!(ended.stderr.contains(word), "{args:?}: {}", ended.stderr);
        }
    }
    // Nobody knows the names while the vault is closed.
    let (asked, ended) = asks(&["enrollments", "on", "Shop"], |view| {
        view.vault.state = VaultCondition::Failed {
            code: "keyring_locked".to_owned(),
            message: "unlock it".to_owned(),
        };
    })
    .await;
    assert_eq!((asked, ended.code), (vec![], Some(1)));
    assert!(
        ended.stderr.contains("unlock it [keyring_locked]"),
        "{}",
        ended.stderr
    );
}

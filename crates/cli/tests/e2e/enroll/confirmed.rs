//! What a person confirmed of the configuration, with its key in a real keyring.

use crate::site::{Bus, Codex, Key, Site};
use drawbridge_wire::buses::{ConfigView, ConfirmedState};
use drawbridge_wire::control::HostView;
use drawbridge_wire::{Role, WhoMayAnswer};

fn config(view: &HostView) -> &ConfigView {
    view.config.as_ref().expect("a host of `connect` reads the file")
}

fn waiting(view: &HostView) -> Vec<&str> {
    config(view)
        .waiting
        .iter()
        .map(|wider| wider.key.as_str())
        .collect()
}

/// What the file narrows at first is kept without a question, what it widens is not; an accept keeps all of
/// it; and whatever then goes from the file waits.
// proves S5.42, S5.47
#[tokio::test]
async fn what_was_confirmed_outlives_the_host_and_the_lines_of_the_file() {
    let site = Site::new(Key::Keyring, Codex::Fake).await;
    let bus = Bus::start(&site, "kept").await;
    site.configure("[security]\nrole = \"viewer\"\nanswer = \"both\"\n");
    site.enroll(&bus, None, &[]).await;
    let connect = site.connect(&[], &[]).await;
    let view = site
        .until(|view| config(view).confirmed == ConfirmedState::Kept)
        .await;
    assert_eq!(waiting(&view), ["security.answer"]);
    assert_eq!(
        (view.policy.role, view.policy.answer),
        (Role::Viewer, WhoMayAnswer::Local)
    );
    let first = "\"setting\":\"confirmed security.role\",\"value\":\"\\\"viewer\\\"\",\"by\":\"first start\"";
    assert!(site.record().contains(first), "{}", site.record());

    let said = site.cli(&["config", "accept", "--yes"]).await.well();
    assert!(said.contains("\n  security.role: viewer\n"), "{said}");
    let view = site.view().await.unwrap();
    assert_eq!(
        (waiting(&view).len(), view.policy.answer),
        (0, WhoMayAnswer::Both)
    );
    site.stop(connect).await;

    let connect = site.connect(&[], &[]).await;
    let view = site.until(|view| view.policy.answer == WhoMayAnswer::Both).await;
    assert_eq!((view.policy.role, waiting(&view).len()), (Role::Viewer, 0));

    // Without the file the defaults are wanted: those that are wider than what was confirmed wait.
    std::fs::remove_file(site.scratch.path().join("config.toml")).unwrap();
    let view = site.until(|view| view.policy.answer == WhoMayAnswer::Local).await;
    assert_eq!(
        (view.policy.role, waiting(&view)),
        (Role::Viewer, vec!["security.role"])
    );
    site.stop(connect).await;

    // It is the same for a host that was not there, and an accept starts one for itself.
    let said = site.cli(&["config", "accept", "--yes"]).await.well();
    assert!(
        said.contains("security.role: in force is viewer; operator waits until you confirm it"),
        "{said}"
    );
    let connect = site.connect(&[], &[]).await;
    let view = site.until(|view| view.policy.role == Role::Operator).await;
    assert_eq!(
        (waiting(&view).len(), &view.policy.roots[..]),
        (0, std::slice::from_ref(&site.work))
    );
    // To and fro within what was confirmed asks nobody.
    site.configure("[security]\nrole = \"viewer\"\n");
    site.until(|view| view.policy.role == Role::Viewer).await;
    site.configure("");
    site.until(|view| view.policy.role == Role::Operator).await;

    // What is in force can be made the limit.
    site.configure("[security]\nrole = \"viewer\"\n");
    site.until(|view| view.policy.role == Role::Viewer).await;
    let said = site.cli(&["config", "accept"]).await.well();
    assert!(
        said.starts_with("nothing waits for a confirmation\n") && said.contains("--yes makes this the limit"),
        "{said}"
    );
    site.configure("");
    site.until(|view| view.policy.role == Role::Operator).await;
    site.configure("[security]\nrole = \"viewer\"\n");
    site.until(|view| view.policy.role == Role::Viewer).await;
    site.cli(&["config", "accept", "--yes"]).await.well();
    let again = site.cli(&["config", "accept"]).await.well();
    assert!(again.starts_with("there is nothing to confirm"), "{again}");
    site.configure("");
    let view = site.until(|view| !waiting(view).is_empty()).await;
    assert_eq!(
        (view.policy.role, waiting(&view)),
        (Role::Viewer, vec!["security.role"])
    );
    site.stop(connect).await;
}

//! What a bus keeps of its hosts beyond its own life.

use crate::setting::{Link, MCP, TestBus, key, options};
use drawbridge_bus::{BusLimits, BusOptions};
use drawbridge_wire::link::ByeReason;

#[tokio::test]
async fn keys_stay_pinned_when_the_bus_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = BusOptions {
        state_file: Some(folder.path().join("bus.json")),
        ..options()
    };
    let bus = TestBus::start_with(options.clone(), BusLimits::default()).await;
    Link::join(&bus, "desk", &key(1)).await;
    bus.stop().await;

    let bus = TestBus::start_with(options, BusLimits::default()).await;
    let hosts = bus.hosts(MCP).await;
    assert_eq!(
        (hosts[0]["name"].as_str(), hosts[0]["online"].as_bool()),
        (Some("Name of desk"), Some(false))
    );
    assert_eq!(
        Link::join_in_vain(&bus, "desk", &key(2)).await,
        ByeReason::Revoked
    );
    Link::join(&bus, "desk", &key(1)).await;
}

#[tokio::test]
async fn a_host_whose_key_cannot_be_kept_is_not_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let options = BusOptions {
        state_file: Some(folder.path().join("bus.json")),
        ..options()
    };
    let bus = TestBus::start_with(options, BusLimits::default()).await;
    folder.close().unwrap();
    assert_eq!(
        Link::join_in_vain(&bus, "desk", &key(1)).await,
        ByeReason::Draining
    );
    assert_eq!(bus.hosts(MCP).await, serde_json::json!([]));
}

//! Every change, on a state that has something to change.

use super::*;
use drawbridge_testkit::fake_host::quiet;
use drawbridge_wire::control::{
    AppServerState, AppServerView, ConnectionView, LeaseView, PolicyView, ThreadView,
};
use drawbridge_wire::{Role, WhoMayAnswer};
use serde_json::json;
use std::path::Path;

fn thread(id: &str, status: &str) -> ThreadView {
    ThreadView {
        id: id.into(),
        title: None,
        cwd: None,
        status: status.into(),
        turn: None,
        wide: false,
        approval_policy: None,
        sandbox: None,
        origin: "local".into(),
    }
}

fn app_server(generation: u64) -> AppServerView {
    AppServerView {
        generation,
        state: AppServerState::Ready,
        pid: None,
        user_agent: None,
    }
}

fn policy(answer: WhoMayAnswer) -> PolicyView {
    PolicyView {
        answer,
        role: Role::Operator,
        roots: Vec::new(),
        ceilings: Vec::new(),
    }
}

fn change<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn link(id: &str, wanted: bool) -> Change {
    change(json!({"link": {
        "id": id, "name": id, "bus": "b", "api": "https://b", "source": "vault", "wanted": wanted,
        "link": {"state": "disconnected"}, "since_ms": 1, "pong_at_ms": null, "disabled": null, "mcp": null,
    }}))
}

fn vault(state: &str) -> Change {
    change(json!({"vault": {
        "state": {"state": state}, "key": "keyring", "place": "p", "files": [], "notices": [],
    }}))
}

fn approval(id: &str, state: &str) -> Change {
    change(json!({"approval": {
        "id": id, "kind": "command", "thread": null, "turn": null, "origin": "local", "cwd": null,
        "headline": "h", "body": "b", "parts": [], "form": null, "digest": "d", "choices": [],
        "raised_at_ms": 1, "deadline_ms": 2, "state": {"state": state}, "outcome": null,
    }}))
}

fn view() -> HostView {
    let Change::Vault(vault) = vault("none") else {
        unreachable!("that is what it makes")
    };
    HostView {
        seq: 1,
        app_server: app_server(1),
        vault,
        threads: vec![thread("a", "idle"), thread("b", "idle")],
        policy: policy(WhoMayAnswer::Local),
        ..quiet(Path::new("/d"))
    }
}

#[test]
fn every_change_takes_the_place_of_its_part_and_of_nothing_else() {
    let mut seen = view();
    let mut seq = seen.seq;
    let mut apply_one = |seen: &mut HostView, change: Change| {
        seq += 1;
        apply(seen, seq, &change);
        assert_eq!(seen.seq, seq);
    };
    let mut wanted = view();
    // New ones come last; a changed one stays in its place.
    for id in ["one", "two"] {
        apply_one(&mut seen, link(id, false));
        apply_one(&mut seen, approval(id, "open"));
    }
    apply_one(&mut seen, link("one", true));
    apply_one(&mut seen, approval("one", "lost"));
    let links: Vec<(&str, bool)> = seen.links.iter().map(|link| (&*link.id, link.wanted)).collect();
    assert_eq!(links, [("one", true), ("two", false)]);
    let states: Vec<String> = seen
        .approvals
        .iter()
        .map(|one| format!("{:?}", one.state))
        .collect();
    assert_eq!(states, ["Lost", "Open"]);
    apply_one(&mut seen, Change::LinkGone { id: "two".into() });
    assert_eq!(seen.links.len(), 1);
    apply_one(&mut seen, Change::LinkGone { id: "two".into() });
    seen.links.clear();
    seen.approvals.clear();

    apply_one(&mut seen, Change::AppServer(app_server(2)));
    apply_one(&mut seen, vault("open"));
    apply_one(&mut seen, Change::Policy(policy(WhoMayAnswer::Both)));
    apply_one(&mut seen, Change::Thread(thread("b", "active")));
    apply_one(&mut seen, Change::Thread(thread("c", "idle")));
    apply_one(&mut seen, Change::ThreadClosed { id: "a".into() });
    let lease = LeaseView {
        client: "x".into(),
        pid: Some(1),
    };
    apply_one(&mut seen, Change::Leases(vec![lease.clone()]));
    let connection = ConnectionView {
        id: 1,
        door: "local".into(),
        bus: None,
        client: "c".into(),
        role: None,
    };
    apply_one(&mut seen, Change::Connections(vec![connection.clone()]));
    apply_one(&mut seen, Change::Stopping { reason: "r".into() });
    wanted.seq = seq;
    wanted.app_server = app_server(2);
    let Change::Vault(open) = vault("open") else {
        unreachable!("that is what it makes")
    };
    wanted.vault = open;
    wanted.policy = policy(WhoMayAnswer::Both);
    wanted.threads = vec![thread("b", "active"), thread("c", "idle")];
    wanted.leases = vec![lease];
    wanted.connections = vec![connection];
    assert_eq!(seen, wanted);
}

/// An app runs for weeks, and a card can hold a diff of thousands of lines.
#[test]
fn approvals_that_are_over_are_forgotten_and_those_that_wait_are_not() {
    let mut seen = view();
    apply(&mut seen, 2, &approval("waits", "open"));
    for n in 0..10 * MOST_OVER {
        apply(&mut seen, 3, &approval(&n.to_string(), "open"));
        apply(&mut seen, 4, &approval(&n.to_string(), "lost"));
    }
    let ids: Vec<&str> = seen.approvals.iter().map(|one| &*one.id).collect();
    assert_eq!(ids.len(), 1 + MOST_OVER);
    assert_eq!(
        (ids[0], ids[1]),
        ("waits", &*(9 * MOST_OVER).to_string()),
        "the oldest go"
    );
}

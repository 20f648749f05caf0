use super::*;
use crate::approvals::{decision_from_client, result_for};
use drawbridge_wire::Decision;
use drawbridge_wire::control::ApprovalKind;

fn path(path: &str, access: &str) -> Value {
    json!({ "path": { "type": "path", "path": path }, "access": access })
}

fn special(kind: &str, access: &str) -> Value {
    json!({ "path": { "type": "special", "value": { "kind": kind } }, "access": access })
}

/// As the app-server asks: entries, and the older lists beside them.
fn asked() -> Value {
    json!({
        "network": { "enabled": true },
        "fileSystem": {
            "read": ["/r"],
            "write": ["/w", "/v"],
            "entries": [path("/r", "read"), path("/w", "write"), path("/v", "write"), special("tmpdir", "write")],
        },
    })
}

fn decision(asked: &Value, result: &Value) -> Option<Decision> {
    decision_from_client(
        ApprovalKind::Permissions,
        &json!({ "permissions": asked }),
        result,
    )
}

/// What is sent for a client's answer.
fn sent(asked: &Value, result: &Value) -> Option<Value> {
    let decision = decision(asked, result)?;
    let (answer, interrupt) = result_for(
        ApprovalKind::Permissions,
        &json!({ "permissions": asked }),
        &decision,
    );
    assert!(!interrupt);
    answer
}

fn files(files: &Value) -> Value {
    json!({ "permissions": { "fileSystem": files } })
}

#[test]
fn a_part_is_granted_as_it_was_asked() {
    let table = [
        (
            json!({ "permissions": { "network": { "enabled": true } } }),
            json!({ "permissions": { "network": { "enabled": true } }, "scope": "turn" }),
        ),
        (
            json!({ "permissions": { "network": { "enabled": true }, "fileSystem": null }, "scope": "session",
                    "strictAutoReview": false }),
            json!({ "permissions": { "network": { "enabled": true } }, "scope": "session" }),
        ),
        (
            json!({ "permissions": { "network": { "enabled": true } }, "strictAutoReview": true }),
            json!({ "permissions": { "network": { "enabled": true } }, "scope": "turn", "strictAutoReview": true }),
        ),
        // The older lists alone, the entries alone, and both with the same content.
        (
            files(&json!({ "write": ["/w"] })),
            json!({ "permissions": { "fileSystem": { "entries": [path("/w", "write")] } }, "scope": "turn" }),
        ),
        (
            files(&json!({ "read": null, "write": ["/w"], "entries": [path("/w", "write")] })),
            json!({ "permissions": { "fileSystem": { "entries": [path("/w", "write")] } }, "scope": "turn" }),
        ),
        (
            files(&json!({ "entries": [special("tmpdir", "write")] })),
            json!({ "permissions": { "fileSystem": { "entries": [special("tmpdir", "write")] } }, "scope": "turn" }),
        ),
        // Reading is a part of writing.
        (
            files(&json!({ "entries": [path("/v", "read")] })),
            json!({ "permissions": { "fileSystem": { "entries": [path("/v", "read")] } }, "scope": "turn" }),
        ),
    ];
    for (result, expected) in table {
        assert!(
            matches!(decision(&asked(), &result), Some(Decision::Grant(_))),
            "{result}"
        );
        assert_eq!(sent(&asked(), &result), Some(expected), "{result}");
    }
}

#[test]
fn the_whole_is_an_acceptance_and_nothing_is_a_refusal() {
    let whole = |scope: &str| json!({ "permissions": asked(), "scope": scope });
    assert_eq!(decision(&asked(), &whole("turn")), Some(Decision::Accept));
    assert_eq!(
        decision(&asked(), &whole("session")),
        Some(Decision::AcceptForSession)
    );
    // Also when it holds what this version cannot read.
    let odd = json!({ "fileSystem": { "new": 1 } });
    let result = json!({ "permissions": odd });
    assert_eq!(decision(&odd, &result), Some(Decision::Accept));
    for nothing in [
        json!({}),
        json!({ "network": null, "fileSystem": null }),
        json!({ "network": { "enabled": false }, "fileSystem": { "entries": [], "read": [] } }),
    ] {
        let result = json!({ "permissions": nothing });
        assert_eq!(decision(&asked(), &result), Some(Decision::Decline), "{result}");
    }
    // The whole under a condition keeps the condition.
    let reviewed = json!({ "permissions": asked(), "strictAutoReview": true });
    assert_eq!(sent(&asked(), &reviewed).unwrap()["strictAutoReview"], true);
}

#[test]
fn nothing_beyond_what_was_asked_is_granted() {
    let only_files = json!({ "fileSystem": asked()["fileSystem"] });
    let table = [
        (
            only_files,
            json!({ "permissions": { "network": { "enabled": true } } }),
        ),
        (asked(), files(&json!({ "write": ["/"] }))),
        (asked(), files(&json!({ "write": ["/w/inside"] }))),
        (asked(), files(&json!({ "write": ["/w/../etc"] }))),
        (asked(), files(&json!({ "write": ["/r"] }))),
        (asked(), files(&json!({ "entries": [path("/r", "write")] }))),
        (asked(), files(&json!({ "entries": [special("root", "read")] }))),
        (asked(), files(&json!({ "entries": [path("/w", "all")] }))),
        (
            asked(),
            files(&json!({ "entries": [{ "path": "/w", "access": "write" }] })),
        ),
        (
            asked(),
            files(
                &json!({ "entries": [{ "path": { "type": "path", "path": "/w", "x": 1 }, "access": "write" }] }),
            ),
        ),
        (
            asked(),
            files(
                &json!({ "entries": [{ "path": { "type": "path", "path": "/w" }, "access": "write", "x": 1 }] }),
            ),
        ),
        // Two lists that differ: one of them would be believed.
        (
            asked(),
            files(&json!({ "entries": [path("/w", "write")], "write": ["/w", "/v"] })),
        ),
        (
            asked(),
            files(&json!({ "entries": [path("/w", "write"), path("/v", "write")], "write": ["/w"] })),
        ),
        (asked(), files(&json!({ "write": ["/w"], "globScanMaxDepth": 3 }))),
        (asked(), files(&json!({ "write": ["/w"], "more": true }))),
        (asked(), files(&json!({ "write": "/w" }))),
        (
            asked(),
            json!({ "permissions": { "network": { "enabled": true, "x": 1 } } }),
        ),
        (asked(), json!({ "permissions": { "network": true } })),
        (
            asked(),
            json!({ "permissions": { "network": { "enabled": true }, "macos": {} } }),
        ),
        (
            asked(),
            json!({ "permissions": { "network": { "enabled": true } }, "scope": "always" }),
        ),
        (
            asked(),
            json!({ "permissions": { "network": { "enabled": true } }, "scope": null }),
        ),
        (
            asked(),
            json!({ "permissions": { "network": { "enabled": true } }, "also": 1 }),
        ),
        (
            asked(),
            json!({ "permissions": { "network": { "enabled": true } }, "scope": "session", "strictAutoReview": true }),
        ),
        (asked(), json!({ "permissions": asked(), "also": 1 })),
        (asked(), json!({ "permissions": [] })),
        (asked(), json!({})),
        (asked(), json!("yes")),
    ];
    for (asked, result) in table {
        assert_eq!(decision(&asked, &result), None, "{result}");
    }
}

#[test]
fn an_exception_cannot_be_left_out() {
    let glob = json!({ "path": { "type": "glob_pattern", "pattern": "/w/**/.env" }, "access": "deny" });
    let asked = json!({ "fileSystem": {
        "entries": [path("/w", "write"), path("/v", "write"), glob], "globScanMaxDepth": 4,
    } });
    assert_eq!(
        sent(&asked, &files(&json!({ "entries": [path("/w", "write")] }))),
        None
    );
    assert_eq!(sent(&asked, &files(&json!({ "write": ["/w"] }))), None);
    let kept = sent(&asked, &files(&json!({ "entries": [glob, path("/w", "write")] }))).unwrap();
    let entries = kept["permissions"]["fileSystem"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries.contains(&glob) && entries.contains(&path("/w", "write")));
    assert_eq!(kept["permissions"]["fileSystem"]["globScanMaxDepth"], 4);
    // Granting the exception as a place is no part of it either.
    let mut open = glob.clone();
    open["access"] = json!("read");
    assert_eq!(sent(&asked, &files(&json!({ "entries": [open] }))), None);
}

#[test]
fn a_grant_that_comes_as_a_decision_is_checked_again() {
    let params = json!({ "permissions": asked() });
    let grant = |permissions: Value| {
        Decision::Grant(Grant {
            permissions: permissions.as_object().unwrap().clone(),
            session: false,
            strict_auto_review: false,
        })
    };
    let build = |decision| result_for(ApprovalKind::Permissions, &params, &decision).0;
    assert!(build(grant(json!({ "network": { "enabled": true } }))).is_some());
    for beyond in [
        json!({ "fileSystem": { "write": ["/etc"] } }),
        json!({}),
        json!({ "x": 1 }),
    ] {
        assert_eq!(build(grant(beyond.clone())), None, "{beyond}");
    }
}

//! How far a remote may set policy and sandbox, and which threads count as wide.

use crate::object;
use drawbridge_core::verdict::ceiling::{
    Ceiling, Pair, Policy, Sandbox, apply, check_turn, clamp_start, effective, effective_is_wide, may_widen,
};
use drawbridge_core::verdict::refusals;
use drawbridge_wire::Role;
use serde_json::{Map, Value, json};

const ON_REQUEST_WRITE: Pair = Pair {
    policy: Policy::OnRequest,
    sandbox: Sandbox::WorkspaceWrite,
};
const ON_REQUEST_READ: Pair = Pair {
    policy: Policy::OnRequest,
    sandbox: Sandbox::ReadOnly,
};
const UNTRUSTED_WRITE: Pair = Pair {
    policy: Policy::Untrusted,
    sandbox: Sandbox::WorkspaceWrite,
};
const UNTRUSTED_READ: Pair = Pair {
    policy: Policy::Untrusted,
    sandbox: Sandbox::ReadOnly,
};

#[test]
fn a_start_gets_the_default_or_what_is_narrower() {
    let table = [
        (None, None, Ok(ON_REQUEST_WRITE)),
        (Some(Value::Null), Some(Value::Null), Ok(ON_REQUEST_WRITE)),
        (None, Some(json!("read-only")), Ok(ON_REQUEST_READ)),
        (Some(json!("untrusted")), None, Ok(UNTRUSTED_WRITE)),
        (
            Some(json!("untrusted")),
            Some(json!("read-only")),
            Ok(UNTRUSTED_READ),
        ),
        (Some(json!("never")), None, Err(refusals::CEILING)),
        (
            Some(json!("never")),
            Some(json!("read-only")),
            Err(refusals::CEILING),
        ),
        (Some(json!("on-failure")), None, Err(refusals::CEILING)),
        (Some(json!({ "granular": {} })), None, Err(refusals::CEILING)),
        (None, Some(json!("danger-full-access")), Err(refusals::CEILING)),
        (None, Some(json!({ "type": "readOnly" })), Err(refusals::CEILING)),
        (
            Some(json!("untrusted")),
            Some(json!("danger-full-access")),
            Err(refusals::CEILING),
        ),
    ];
    for (policy, sandbox, expected) in table {
        let got = clamp_start(Role::Operator, policy.as_ref(), sandbox.as_ref());
        let got = got
            .map(|(policy, sandbox)| Pair { policy, sandbox })
            .map_err(|refusal| refusal.rule);
        assert_eq!(got, expected, "{policy:?} {sandbox:?}");
    }
    assert_eq!(
        clamp_start(Role::Viewer, None, None).map_err(|refusal| refusal.rule),
        Err(refusals::ROLE)
    );
}

#[test]
fn a_resume_keeps_a_narrower_thread_as_it_is() {
    let ceiling = Ceiling::of(Role::Operator);
    assert_eq!(
        ceiling.settle(Some(UNTRUSTED_READ), None, None),
        Ok(UNTRUSTED_READ)
    );
    let workspace = json!("workspace-write");
    assert_eq!(
        ceiling.settle(Some(UNTRUSTED_READ), None, Some(&workspace)),
        Ok(UNTRUSTED_WRITE)
    );
    // Wide, or not known: the default is set, and the response shows whether it took.
    assert_eq!(ceiling.settle(None, None, None), Ok(ON_REQUEST_WRITE));
}

#[test]
fn a_narrowed_ceiling_admits_only_what_was_kept() {
    let narrow = Ceiling::of(Role::Operator).narrowed(&[UNTRUSTED_READ, ON_REQUEST_READ]);
    assert_eq!(narrow.settle(None, None, None), Ok(ON_REQUEST_READ));
    let workspace = json!("workspace-write");
    let refused = narrow.settle(None, None, Some(&workspace)).unwrap_err();
    assert_eq!(refused.rule, refusals::CEILING);
    assert!(
        refused.message.contains("on-request + read-only"),
        "{}",
        refused.message
    );
    assert_eq!(
        narrow
            .check_turn(Some(ON_REQUEST_WRITE), None, None)
            .unwrap_err()
            .rule,
        refusals::WIDE
    );
    let none = narrow.narrowed(&[ON_REQUEST_WRITE]);
    let refused = none.settle(None, None, None).unwrap_err();
    assert_eq!(refused.rule, refusals::CEILING);
    assert!(
        refused.message.contains("security.ceilings"),
        "{}",
        refused.message
    );
    let turn = none.check_turn(Some(UNTRUSTED_READ), None, None);
    assert_eq!(turn.unwrap_err().rule, refusals::WIDE);
    let viewer = Ceiling::of(Role::Viewer).narrowed(&[UNTRUSTED_READ]);
    assert_eq!(
        viewer.settle(None, None, None).unwrap_err().rule,
        refusals::ROLE,
        "a viewer gets nothing by it"
    );
}

#[test]
fn what_was_not_asked_for_is_the_widest_that_goes_with_what_was() {
    let (untrusted, workspace) = (json!("untrusted"), json!("workspace-write"));
    let ceiling = Ceiling::of(Role::Operator).narrowed(&[ON_REQUEST_READ, UNTRUSTED_WRITE, UNTRUSTED_READ]);
    assert_eq!(ceiling.settle(None, None, None), Ok(ON_REQUEST_READ));
    assert_eq!(ceiling.settle(None, None, Some(&workspace)), Ok(UNTRUSTED_WRITE));
    assert_eq!(ceiling.settle(None, Some(&untrusted), None), Ok(UNTRUSTED_READ));
    // Nothing of a thread that is known changes in passing.
    let refused = ceiling.settle(Some(ON_REQUEST_READ), None, Some(&workspace));
    assert_eq!(refused.unwrap_err().rule, refusals::CEILING);
}

#[test]
fn a_turn_stays_inside_and_is_refused_on_a_wide_thread() {
    let turn = |current, policy: Option<Value>, sandbox: Option<Value>| {
        check_turn(Role::Operator, current, policy.as_ref(), sandbox.as_ref()).map_err(|refusal| refusal.rule)
    };
    let write = json!({ "type": "workspaceWrite", "writableRoots": [], "networkAccess": false });
    assert_eq!(turn(Some(ON_REQUEST_READ), None, None), Ok(ON_REQUEST_READ));
    assert_eq!(
        turn(Some(ON_REQUEST_READ), None, Some(write.clone())),
        Ok(ON_REQUEST_WRITE)
    );
    assert_eq!(
        turn(Some(ON_REQUEST_READ), Some(json!("untrusted")), None),
        Ok(UNTRUSTED_READ)
    );
    assert_eq!(
        turn(Some(ON_REQUEST_READ), Some(json!("never")), None),
        Err(refusals::CEILING)
    );
    let danger = json!({ "type": "dangerFullAccess" });
    assert_eq!(
        turn(Some(ON_REQUEST_READ), None, Some(danger)),
        Err(refusals::CEILING)
    );
    // Wide or unknown: not even with overrides that would narrow it.
    assert_eq!(turn(None, None, None), Err(refusals::WIDE));
    assert_eq!(
        turn(
            None,
            Some(json!("untrusted")),
            Some(json!({ "type": "readOnly" }))
        ),
        Err(refusals::WIDE)
    );
    assert_eq!(
        check_turn(Role::Viewer, Some(UNTRUSTED_READ), None, None).map_err(|refusal| refusal.rule),
        Err(refusals::WIDE)
    );
}

#[test]
fn sandbox_policies_are_narrow_only_when_all_of_them_is_known() {
    let table = [
        (json!({ "type": "readOnly" }), Some(Sandbox::ReadOnly)),
        (
            json!({ "type": "readOnly", "networkAccess": false }),
            Some(Sandbox::ReadOnly),
        ),
        (json!({ "type": "readOnly", "networkAccess": true }), None),
        (json!({ "type": "readOnly", "networkAccess": "enabled" }), None),
        (json!({ "type": "readOnly", "writableRoots": [] }), None),
        (json!({ "type": "workspaceWrite" }), Some(Sandbox::WorkspaceWrite)),
        (
            json!({
                "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
                "excludeTmpdirEnvVar": false, "excludeSlashTmp": true,
            }),
            Some(Sandbox::WorkspaceWrite),
        ),
        (
            json!({ "type": "workspaceWrite", "writableRoots": ["/srv"] }),
            None,
        ),
        (json!({ "type": "workspaceWrite", "networkAccess": true }), None),
        (json!({ "type": "workspaceWrite", "new": 1 }), None),
        (json!({ "type": "dangerFullAccess" }), None),
        (
            json!({ "type": "externalSandbox", "networkAccess": "restricted" }),
            None,
        ),
        (json!({ "type": "somethingNew" }), None),
        (json!({}), None),
        (json!("read-only"), None),
        (Value::Null, None),
    ];
    for (value, expected) in table {
        assert_eq!(Sandbox::read_policy(&value), expected, "{value}");
        let wide = effective_is_wide(&json!("on-request"), &value, &json!("user"));
        assert_eq!(wide, expected.is_none(), "{value}");
    }
    for sandbox in [Sandbox::ReadOnly, Sandbox::WorkspaceWrite] {
        assert_eq!(Sandbox::read_policy(&sandbox.policy()), Some(sandbox));
        assert_eq!(Sandbox::read_mode(&json!(sandbox.mode())), Some(sandbox));
    }
    let narrow = json!({ "type": "readOnly" });
    for policy in [
        json!("never"),
        json!("on-failure"),
        json!({ "granular": {} }),
        Value::Null,
    ] {
        assert!(effective_is_wide(&policy, &narrow, &json!("user")), "{policy}");
    }
    for reviewer in [json!("auto_review"), json!("guardian_subagent"), Value::Null] {
        assert!(
            effective_is_wide(&json!("untrusted"), &narrow, &reviewer),
            "{reviewer}"
        );
    }
}

/// The response to a `thread/start` as the app-server gives it (0.169.0, shortened).
fn response() -> Map<String, Value> {
    let environment = json!({
        "environmentId": "local", "cwd": "/srv/project", "runtimeWorkspaceRoots": ["/srv/project"],
    });
    object(json!({
        "thread": { "id": "t", "cwd": "/srv/project", "environments": [environment] },
        "cwd": "/srv/project",
        "runtimeWorkspaceRoots": ["/srv/project"],
        "approvalPolicy": "on-request",
        "approvalsReviewer": "user",
        "sandbox": {
            "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
        },
        "activePermissionProfile": null,
    }))
}

#[test]
fn effective_settings_are_narrow_only_when_nothing_says_otherwise() {
    assert_eq!(effective(&response()), Some(ON_REQUEST_WRITE));
    let elsewhere = json!(["/srv/project", "/srv/other"]);
    let wide = [
        ("approvalPolicy", json!("never")),
        ("approvalsReviewer", json!("auto_review")),
        ("sandbox", json!({ "type": "dangerFullAccess" })),
        ("activePermissionProfile", json!({ "id": "mine" })),
        ("activePermissionProfile", json!({ "id": ":danger-full-access" })),
        (
            "activePermissionProfile",
            json!({ "id": ":workspace", "extends": "mine" }),
        ),
        ("activePermissionProfile", json!("?")),
        ("runtimeWorkspaceRoots", elsewhere.clone()),
        ("runtimeWorkspaceRoots", json!("/srv/project")),
        (
            "environments",
            json!([{ "environmentId": "far", "cwd": "/srv/project" }]),
        ),
        (
            "environments",
            json!([{ "environmentId": "local", "cwd": "/srv/other" }]),
        ),
        (
            "environments",
            json!([{ "environmentId": "local", "cwd": "/srv/project", "runtimeWorkspaceRoots": elsewhere }]),
        ),
        ("environments", json!({})),
    ];
    for (name, value) in wide {
        let mut settings = response();
        settings.insert(name.to_owned(), value.clone());
        assert_eq!(effective(&settings), None, "{name}: {value}");
    }
    for name in ["approvalPolicy", "approvalsReviewer", "sandbox", "cwd"] {
        let mut settings = response();
        settings.remove(name);
        assert_eq!(effective(&settings), None, "without {name}");
    }
    let mut settings = response();
    settings.insert(
        "activePermissionProfile".to_owned(),
        json!({ "id": ":workspace", "extends": null }),
    );
    assert_eq!(effective(&settings), Some(ON_REQUEST_WRITE));

    // `thread/settings/updated` spells the sandbox differently and has its environments beside it.
    let updated = json!({
        "cwd": "/srv/project", "approvalPolicy": "untrusted", "approvalsReviewer": "user",
        "sandboxPolicy": { "type": "readOnly", "networkAccess": false }, "activePermissionProfile": null,
        "environments": [{ "environmentId": "local", "cwd": "/srv/project", "runtimeWorkspaceRoots": null }],
    });
    assert_eq!(effective(&object(updated)), Some(UNTRUSTED_READ));
    assert_eq!(effective(&Map::new()), None);
}

#[test]
fn all_that_could_widen_a_start_is_said() {
    let mut params = object(json!({ "approvalsReviewer": null, "config": { "model_verbosity": "low" } }));
    apply(ON_REQUEST_WRITE, &mut params);
    let expected = json!({
        "approvalPolicy": "on-request",
        "sandbox": "workspace-write",
        "approvalsReviewer": "user",
        "config": {
            "model_verbosity": "low",
            "sandbox_workspace_write.network_access": false,
            "sandbox_workspace_write.writable_roots": [],
        },
    });
    assert_eq!(Value::Object(params), expected);
    for config in [None, Some(Value::Null), Some(json!("?"))] {
        let mut params: Map<String, Value> = config
            .into_iter()
            .map(|config| ("config".to_owned(), config))
            .collect();
        apply(UNTRUSTED_READ, &mut params);
        assert_eq!(params["config"]["sandbox_workspace_write.network_access"], false);
        assert_eq!(params["sandbox"], "read-only");
    }
}

#[test]
fn a_local_request_that_may_widen_is_seen_before_it_goes_on() {
    let own = Some("/srv/project");
    for narrow in [
        json!({}),
        json!({ "input": [], "model": "m", "approvalPolicy": null, "sandboxPolicy": null, "config": {} }),
        json!({ "approvalPolicy": "on-request", "approvalsReviewer": "user", "sandbox": "workspace-write" }),
        json!({ "runtimeWorkspaceRoots": ["/srv/project"] }),
        json!({ "runtimeWorkspaceRoots": ["/srv/other"], "cwd": "/srv/other" }),
        json!({ "permissions": ":workspace" }),
        json!({ "environments": [] }),
    ] {
        assert!(!may_widen(&object(narrow.clone()), own), "{narrow}");
    }
    for wide in [
        json!({ "approvalPolicy": "never" }),
        json!({ "approvalPolicy": { "granular": {} } }),
        json!({ "sandbox": "danger-full-access" }),
        json!({ "sandboxPolicy": { "type": "dangerFullAccess" } }),
        json!({ "sandboxPolicy": { "type": "workspaceWrite", "networkAccess": true } }),
        json!({ "approvalsReviewer": "auto_review" }),
        json!({ "permissions": ":danger-full-access" }),
        json!({ "permissions": "mine" }),
        json!({ "runtimeWorkspaceRoots": ["/srv/project", "/srv/other"] }),
        json!({ "environments": [{}] }),
        json!({ "config": { "a": 1 } }),
    ] {
        assert!(may_widen(&object(wide.clone()), own), "{wide}");
    }
    assert!(may_widen(
        &object(json!({ "runtimeWorkspaceRoots": ["/srv/project"] })),
        None
    ));
}

//! Which parameters pass, and which paths the host is asked about.

use crate::{check, object, outcome};
use drawbridge_core::verdict::{self, Refusal, paths, refusals};
use drawbridge_wire::Role;
use serde_json::{Map, Value, json};

#[test]
fn parameters_that_widen_are_refused() {
    let turn = |name: &str, value: Value| {
        let mut params = object(json!({ "threadId": "t", "input": [] }));
        params.insert(name.to_owned(), value);
        ("turn/start", Value::Object(params))
    };
    let start = |name: &str, value: Value| ("thread/start", json!({ name: value }));
    let resume = |name: &str, value: Value| ("thread/resume", json!({ "threadId": "t", name: value }));
    let granular =
        json!({ "granular": { "mcp_elicitations": true, "rules": true, "sandbox_approval": true } });
    let table = [
        (start("approvalPolicy", json!("never")), refusals::CEILING),
        (start("approvalPolicy", granular.clone()), refusals::CEILING),
        (turn("approvalPolicy", granular), refusals::CEILING),
        (turn("approvalPolicy", json!("never")), refusals::CEILING),
        (start("sandbox", json!("danger-full-access")), refusals::CEILING),
        (start("sandbox", json!({ "type": "readOnly" })), refusals::CEILING),
        (
            turn("sandboxPolicy", json!({ "type": "dangerFullAccess" })),
            refusals::CEILING,
        ),
        (
            turn("sandboxPolicy", json!({ "type": "externalSandbox" })),
            refusals::CEILING,
        ),
        (
            turn(
                "sandboxPolicy",
                json!({ "type": "readOnly", "networkAccess": true }),
            ),
            refusals::CEILING,
        ),
        (
            turn(
                "sandboxPolicy",
                json!({ "type": "workspaceWrite", "writableRoots": ["/"] }),
            ),
            refusals::CEILING,
        ),
        (turn("sandboxPolicy", json!("read-only")), refusals::CEILING),
        (
            start("approvalsReviewer", json!("auto_review")),
            refusals::CEILING,
        ),
        (
            turn("approvalsReviewer", json!("guardian_subagent")),
            refusals::CEILING,
        ),
        (start("ephemeral", json!(true)), refusals::PARAMETER_KIND),
        (
            start("permissions", json!(":danger-full-access")),
            refusals::PARAMETER_KIND,
        ),
        (turn("permissions", json!(":workspace")), refusals::PARAMETER_KIND),
        (start("environments", json!([])), refusals::PARAMETER_KIND),
        (turn("environments", json!([])), refusals::PARAMETER_KIND),
        (turn("additionalContext", json!({})), refusals::PARAMETER_KIND),
        (turn("toolOutput", json!({})), refusals::PARAMETER_KIND),
        (resume("history", json!([])), refusals::PARAMETER_KIND),
        (resume("path", json!("/etc/passwd")), refusals::PARAMETER_KIND),
        (start("config", json!({ "mcp_servers": {} })), refusals::PARAMETER),
        (
            start("config", json!({ "features.hooks": false })),
            refusals::PARAMETER,
        ),
        (
            start("config", json!({ "default_permissions": ":read-only" })),
            refusals::PARAMETER,
        ),
        (
            start(
                "config",
                json!({ "sandbox_workspace_write.network_access": true }),
            ),
            refusals::PARAMETER,
        ),
        (
            start("config", json!({ "features.apps": true })),
            refusals::PARAMETER_KIND,
        ),
        (
            start("config", json!({ "web_search": "live" })),
            refusals::PARAMETER_KIND,
        ),
        (start("config", json!([])), refusals::PARAMETER_KIND),
        (start("somethingNew", Value::Null), refusals::PARAMETER),
        (start("cwd", json!("")), refusals::PARAMETER_KIND),
        (start("cwd", json!("/srv\u{0}/project")), refusals::PARAMETER_KIND),
        (start("cwd", json!(["/srv"])), refusals::PARAMETER_KIND),
        (("thread/read", json!({})), refusals::MISSING_PARAMETER),
        (
            ("thread/read", json!({ "threadId": null })),
            refusals::MISSING_PARAMETER,
        ),
        (
            ("thread/read", json!({ "threadId": ["t"] })),
            refusals::PARAMETER_KIND,
        ),
        (
            ("fuzzyFileSearch", json!({ "query": "x", "roots": [] })),
            refusals::PARAMETER_KIND,
        ),
    ];
    for ((method, params), rule) in table {
        assert_eq!(
            outcome(method, Role::Operator, params.clone()),
            rule,
            "{method} {params}"
        );
    }
}

#[test]
fn input_items_are_of_known_kinds_and_places() {
    let table = [
        (
            json!({ "type": "text", "text": "hello", "text_elements": [] }),
            "ok",
        ),
        (
            json!({ "type": "image", "url": "data:image/png;base64,AA==", "detail": null }),
            "ok",
        ),
        (
            json!({ "type": "image", "url": "HTTPS://example.org/a.png" }),
            "ok",
        ),
        (json!({ "type": "localImage", "path": "a.png" }), "ok"),
        (
            json!({ "type": "skill", "name": "s", "path": "/srv/project/.codex/skills/s" }),
            "ok",
        ),
        (
            json!({ "type": "mention", "name": "m", "path": "/srv/project/m" }),
            "ok",
        ),
        (
            json!({ "type": "image", "url": "file:///etc/passwd" }),
            refusals::PARAMETER_KIND,
        ),
        (
            json!({ "type": "image", "url": "http://169.254.169.254/" }),
            refusals::PARAMETER_KIND,
        ),
        (json!({ "type": "image", "url": "ä" }), refusals::PARAMETER_KIND),
        (json!({ "type": "image", "fileId": "f" }), refusals::PARAMETER),
        (json!({ "type": "image" }), refusals::PARAMETER_KIND),
        (
            json!({ "type": "localImage", "path": "" }),
            refusals::PARAMETER_KIND,
        ),
        (
            json!({ "type": "localImage", "path": null }),
            refusals::PARAMETER_KIND,
        ),
        (
            json!({ "type": "audio", "url": "https://example.org/a" }),
            refusals::PARAMETER_KIND,
        ),
        (
            json!({ "type": "localAudio", "path": "/srv/a" }),
            refusals::PARAMETER_KIND,
        ),
        (
            json!({ "type": "text", "text": "x", "path": "/etc/passwd" }),
            refusals::PARAMETER,
        ),
        (json!({ "type": ["text"], "text": "x" }), refusals::PARAMETER_KIND),
        (json!("text"), refusals::PARAMETER_KIND),
        (json!(null), refusals::PARAMETER_KIND),
    ];
    for (item, expected) in table {
        let params = json!({ "threadId": "t", "input": [{ "type": "text", "text": "first" }, item] });
        let got = check("turn/start", Role::Operator, params);
        match got {
            Ok(_) => assert_eq!(expected, "ok", "{item}"),
            Err(refusal) => {
                assert_eq!(refusal.rule, expected, "{item}");
                let place = refusal.parameter.expect("the place of the fault");
                assert!(place.starts_with("input[1]"), "{item}: {place}");
            }
        }
    }
}

#[test]
fn what_is_reviewed_cannot_be_an_option_of_a_command_line() {
    let target = |value: Value| json!({ "threadId": "t", "target": value });
    for (value, expected) in [
        (json!({ "type": "uncommittedChanges" }), "ok"),
        (json!({ "type": "baseBranch", "branch": "main" }), "ok"),
        (
            json!({ "type": "baseBranch", "branch": "--output=x" }),
            refusals::PARAMETER_KIND,
        ),
        (json!({ "type": "commit", "sha": "-x" }), refusals::PARAMETER_KIND),
        (json!({ "type": "custom", "instructions": "- look" }), "ok"),
        (json!({ "type": "other" }), refusals::PARAMETER_KIND),
    ] {
        assert_eq!(
            outcome("review/start", Role::Operator, target(value.clone())),
            expected,
            "{value}"
        );
    }
}

#[test]
fn every_path_is_put_through_the_host_and_nothing_else_goes_on() {
    let mut params = object(json!({
        "threadId": "t",
        "cwd": "./a",
        "runtimeWorkspaceRoots": ["./a"],
        "permissions": null,
        "input": [
            { "type": "text", "text": "/not/a/path" },
            { "type": "localImage", "path": "i" },
            { "type": "skill", "name": "s", "path": "s" },
            { "type": "mention", "name": "m", "path": "m" },
        ],
    }));
    let rule = verdict::check("turn/start", Role::Operator, &params).unwrap();
    let mut seen = Vec::new();
    paths::rewrite(rule, &mut params, |place, purpose, path| {
        seen.push((place.to_owned(), purpose));
        Ok::<_, Refusal>(format!("/canonical/{path}"))
    })
    .unwrap();
    use paths::PathUse::{Folder, Image, Mention, Skill, WorkspaceRoot};
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("cwd", Folder),
        ("input[1].path", Image),
        ("input[2].path", Skill),
        ("input[3].path", Mention),
        ("runtimeWorkspaceRoots[0]", WorkspaceRoot),
    ];
    assert_eq!(seen, expected.map(|(place, purpose)| (place.to_owned(), purpose)));
    assert_eq!(params["cwd"], "/canonical/./a");
    assert_eq!(params["input"][0]["text"], "/not/a/path");
    assert_eq!(params["input"][3]["path"], "/canonical/m");
    assert!(!params.contains_key("permissions"));
    assert_eq!(rule.thread(&params), Some("t"));

    let stopped = paths::rewrite(rule, &mut params, |place, _, _| {
        Err::<String, _>(place.to_owned())
    });
    assert_eq!(stopped, Err("input[1].path".to_owned()));

    let start = verdict::check("thread/start", Role::Operator, &Map::new()).unwrap();
    let mut params = object(json!({ "dynamicTools": [{}], "ephemeral": false, "model": null }));
    start.strip(&mut params);
    assert_eq!(Value::Object(params), json!({ "model": null }));
}

#[test]
fn a_workspace_root_is_the_threads_own_folder_or_refused() {
    let fork = verdict::check("thread/fork", Role::Operator, &object(json!({ "threadId": "t" }))).unwrap();
    let with = |params: Value, cwd| paths::own_folder_only(fork, &object(params), cwd).map_err(|r| r.rule);
    assert_eq!(
        with(json!({ "runtimeWorkspaceRoots": ["/a"] }), Some("/a")),
        Ok(())
    );
    assert_eq!(
        with(
            json!({ "runtimeWorkspaceRoots": ["/a"], "cwd": "/a" }),
            Some("/b")
        ),
        Ok(())
    );
    assert_eq!(
        with(json!({ "runtimeWorkspaceRoots": ["/a", "/b"] }), Some("/a")),
        Err(refusals::CEILING)
    );
    assert_eq!(
        with(
            json!({ "runtimeWorkspaceRoots": ["/a"], "cwd": "/b" }),
            Some("/a")
        ),
        Err(refusals::CEILING)
    );
    assert_eq!(
        with(json!({ "runtimeWorkspaceRoots": ["/a"] }), None),
        Err(refusals::CEILING)
    );
    assert_eq!(with(json!({ "runtimeWorkspaceRoots": null }), None), Ok(()));
}

//! The verdict table against the list of methods it was decided on, against what the official terminal
//! client sends, and against what a hostile one might.

use drawbridge_core::verdict::{
    self, Handling, Kind, Refusal, Rule, Scope, Verdict, paths, redact, refusals,
};
use drawbridge_wire::Role;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const METHODS: &str = include_str!("fixtures/client_methods.txt");
const TERMINAL_CLIENT: &str = include_str!("fixtures/terminal_client_requests.jsonl");

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        other => panic!("no object: {other}"),
    }
}

fn check(method: &str, role: Role, params: Value) -> Result<&'static Rule, Refusal> {
    verdict::check(method, role, &object(params))
}

/// The name of the rule that refuses, or `ok`.
fn outcome(method: &str, role: Role, params: Value) -> &'static str {
    check(method, role, params).map_or_else(|refusal| refusal.rule, |_| "ok")
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow(rule) => format!("allow {}", rule.min_role),
        Verdict::Refuse(rule) => format!("refuse {rule}"),
    }
}

#[test]
fn every_method_has_the_verdict_that_was_decided() {
    let decided: BTreeMap<&str, String> = METHODS
        .lines()
        .map(|line| line.split_once('\t').expect("a method and its verdict"))
        .map(|(method, verdict)| (method, verdict.to_owned()))
        .collect();
    let table: BTreeMap<&str, String> = verdict::all().map(|(method, v)| (method, words(v))).collect();
    assert_eq!(decided, table);
    assert_eq!(table.len(), 184);
    assert_eq!(
        verdict::all().count(),
        table.len(),
        "a method stands twice in the table"
    );
    for (method, _) in verdict::all() {
        if let Some(Verdict::Allow(rule)) = verdict::verdict(method) {
            assert_eq!(rule.method, method);
            assert!(!rule.why.is_empty());
        }
    }
}

// proves: every method without a verdict is refused
#[test]
fn what_is_not_in_the_table_is_refused() {
    for method in [
        "",
        "fs/writefile",
        "thread/start ",
        "thread//start",
        "rpc.discover",
        "initialized",
        "\u{0}",
    ] {
        assert_eq!(verdict::verdict(method), None, "{method:?}");
        assert_eq!(
            outcome(method, Role::Operator, Value::Null),
            refusals::UNKNOWN_METHOD,
            "{method:?}"
        );
    }
}

#[test]
fn what_goes_round_the_gate_is_refused_whatever_its_parameters() {
    let table = [
        ("command/exec", refusals::EXEC),
        ("command/exec/write", refusals::EXEC),
        ("thread/shellCommand", refusals::EXEC),
        ("process/spawn", refusals::EXEC),
        ("environment/add", refusals::EXEC),
        ("fs/readFile", refusals::FILES),
        ("fs/writeFile", refusals::FILES),
        ("fs/watch", refusals::FILES),
        ("config/value/write", refusals::CONFIG),
        ("config/batchWrite", refusals::CONFIG),
        ("skills/extraRoots/set", refusals::CONFIG),
        ("account/login/start", refusals::ACCOUNT),
        ("account/logout", refusals::ACCOUNT),
        ("thread/settings/update", refusals::SETTINGS),
        ("turn/settings/update", refusals::SETTINGS),
        ("thread/queue/add", refusals::LATER_TURNS),
        ("thread/queue/list", refusals::LATER_TURNS),
        ("thread/goal/set", refusals::LATER_TURNS),
        ("thread/inject_items", refusals::HISTORY),
        ("thread/revert", refusals::HISTORY),
        ("thread/delete", refusals::HISTORY),
        ("mcpServer/tool/call", refusals::TOOLS),
        ("plugin/install", refusals::PLUGINS),
        ("remoteControl/enable", refusals::REMOTE_CONTROL),
        ("feedback/upload", refusals::FEEDBACK),
        ("thread/approveGuardianDeniedAction", refusals::APPROVALS),
    ];
    for (method, rule) in table {
        for params in [Value::Null, json!({ "threadId": "t" })] {
            assert_eq!(outcome(method, Role::Operator, params), rule, "{method}");
        }
    }
    for (method, verdict) in verdict::all() {
        if let Verdict::Refuse(rule) = verdict {
            assert!(refusals::METHOD_RULES.contains(rule), "{method}: {rule}");
            assert_ne!(
                refusals::explain(rule),
                refusals::explain(""),
                "{rule} does not say what to do"
            );
        }
    }
}

#[test]
fn a_viewer_reads_and_changes_nothing() {
    let thread = json!({ "threadId": "t" });
    for method in [
        "thread/read",
        "thread/turns/list",
        "thread/items/list",
        "thread/resume",
        "thread/unsubscribe",
    ] {
        assert_eq!(outcome(method, Role::Viewer, thread.clone()), "ok", "{method}");
    }
    for method in ["thread/list", "thread/loaded/list", "model/list", "account/read"] {
        assert_eq!(outcome(method, Role::Viewer, Value::Null), "ok", "{method}");
    }
    for method in [
        "thread/start",
        "thread/fork",
        "thread/archive",
        "thread/name/set",
        "turn/start",
        "turn/steer",
        "turn/interrupt",
        "review/start",
    ] {
        assert_eq!(
            outcome(method, Role::Viewer, thread.clone()),
            refusals::ROLE,
            "{method}"
        );
    }
    // A resume without overrides, with those of the terminal client (all `null`), and with each override.
    let plain = json!({ "threadId": "t", "excludeTurns": true, "sandbox": null, "approvalPolicy": null });
    assert_eq!(outcome("thread/resume", Role::Viewer, plain), "ok");
    for (name, value) in [
        ("approvalPolicy", json!("on-request")),
        ("sandbox", json!("read-only")),
        ("approvalsReviewer", json!("user")),
        ("cwd", json!("/srv/project")),
        ("runtimeWorkspaceRoots", json!(["/srv/project"])),
        ("config", json!({})),
        ("model", json!("m")),
        ("modelProvider", json!("p")),
        ("developerInstructions", json!("x")),
        ("baseInstructions", json!("x")),
        ("personality", json!("friendly")),
        ("serviceTier", json!("priority")),
    ] {
        let params = json!({ "threadId": "t", name: value });
        assert_eq!(
            outcome("thread/resume", Role::Viewer, params.clone()),
            refusals::ROLE,
            "{name}"
        );
        assert_eq!(outcome("thread/resume", Role::Operator, params), "ok", "{name}");
    }
}

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

// proves: the official terminal client starts, lists, resumes and runs turns through the gate
#[test]
fn the_terminal_client_is_refused_only_what_it_can_do_without() {
    let mut refused = BTreeSet::new();
    let mut passed = BTreeSet::new();
    for line in TERMINAL_CLIENT.lines() {
        let frame: Value = serde_json::from_str(line).expect("a frame");
        let method = frame["method"].as_str().expect("a method");
        let mut params = object(frame["params"].clone());
        match verdict::check(method, Role::Operator, &params) {
            Err(refusal) => {
                refused.insert((method.to_owned(), refusal.parameter.unwrap_or_default()));
            }
            Ok(rule) => {
                paths::rewrite(rule, &mut params, |_, _, path| Ok::<_, Refusal>(path.to_owned())).unwrap();
                paths::own_folder_only(rule, &params, Some("/srv/project")).unwrap();
                assert!(!params.contains_key("dynamicTools"), "{line}");
                passed.insert(method.to_owned());
            }
        }
    }
    let expected = [
        // It stores the chosen model, makes a title in a hidden thread, and has a menu for permissions; it
        // goes on without any of them.
        ("config/batchWrite", ""),
        ("thread/settings/update", ""),
        ("thread/start", "ephemeral"),
        ("turn/start", "permissions"),
    ];
    let expected: BTreeSet<_> = expected
        .iter()
        .map(|(m, p)| ((*m).to_owned(), (*p).to_owned()))
        .collect();
    assert_eq!(refused, expected);
    for method in [
        "initialize",
        "thread/start",
        "thread/resume",
        "thread/fork",
        "thread/list",
        "turn/start",
    ] {
        assert!(passed.contains(method), "{method}");
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

#[test]
fn responses_lose_what_a_remote_must_not_see() {
    let cut = |method: &str, mut result: Value| {
        let rule = check(method, Role::Operator, Value::Null).unwrap();
        redact::apply(rule, &mut result);
        result
    };
    let canary = "CANARY";
    let config = cut(
        "config/read",
        json!({
            "config": {
                "model": "m",
                "sandbox_mode": "read-only",
                "mcp_servers": { "x": { "http_headers": { "Authorization": canary } } },
                "model_providers": { "p": { "experimental_bearer_token": canary } },
                "shell_environment_policy": { "set": { "A": canary } },
                "new_field_of_tomorrow": canary,
            },
            "origins": { "model": { "name": canary } },
            "layers": [{ "config": { "a": canary } }],
            "more": canary,
        }),
    );
    let expected =
        json!({ "config": { "model": "m", "sandbox_mode": "read-only" }, "origins": {}, "layers": [] });
    assert_eq!(config, expected);

    let account = json!({ "type": "chatgpt", "email": canary, "planType": "pro", "workspaceName": canary });
    assert_eq!(
        cut(
            "account/read",
            json!({ "account": account, "userId": canary, "requiresOpenaiAuth": true })
        ),
        json!({
            "account": { "type": "chatgpt", "email": null, "planType": "pro" },
            "requiresOpenaiAuth": true,
        })
    );
    let none = json!({ "account": null, "requiresOpenaiAuth": false });
    assert_eq!(cut("account/read", none.clone()), none);
    // A shape we do not know is not known to be harmless.
    assert_eq!(cut("config/read", json!([canary])), Value::Null);
    assert_eq!(
        cut("config/read", json!({ "config": [canary] })),
        json!({ "config": null })
    );
    assert_eq!(
        cut("config/read", json!({ "layers": { "a": canary } })),
        json!({ "layers": [] })
    );
    assert_eq!(
        cut("hooks/list", json!({ "data": [{ "command": canary }] })),
        json!({ "data": [] })
    );
    let untouched = json!({ "data": [{ "id": "m" }] });
    assert_eq!(cut("model/list", untouched.clone()), untouched);
}

#[test]
fn a_refusal_names_its_rule_and_shows_no_control_characters() {
    let method = format!("\u{1b}[2J{}", "x".repeat(10_000));
    let refusal = check(&method, Role::Operator, Value::Null).unwrap_err();
    let error = refusal.to_error();
    assert!(error.message.contains("unknown_method"), "{}", error.message);
    assert!(!error.message.contains('\u{1b}'));
    assert!(error.message.len() < 1000);
    assert_eq!(error.data, Some(json!({ "rule": "unknown_method" })));

    let name = "a\u{202e}\n";
    let refusal = check("thread/start", Role::Operator, json!({ name: 1 })).unwrap_err();
    assert_eq!(refusal.code(), "parameter");
    let parameter = refusal.parameter.clone().unwrap();
    assert!(
        !parameter.contains('\n') && !refusal.message.contains('\n'),
        "{parameter}"
    );
    assert_eq!(
        refusal.to_error().data,
        Some(json!({ "rule": "parameter", "parameter": parameter }))
    );
}

#[test]
fn what_works_on_a_thread_is_ordered_and_inside_it() {
    for (method, verdict) in verdict::all() {
        let Verdict::Allow(rule) = verdict else { continue };
        if rule.handling.works_on_thread() {
            assert!(rule.handling.ordered(), "{method}");
        }
        let names: BTreeSet<_> = rule.params.iter().map(|param| param.name).collect();
        assert_eq!(names.len(), rule.params.len(), "{method} names a parameter twice");
        match rule.scope {
            Scope::Thread { param } => {
                let of_scope = rule
                    .params
                    .iter()
                    .find(|rule| rule.name == param)
                    .expect("scope's parameter");
                assert!(
                    of_scope.required,
                    "{method}: without `{param}` the call is about no thread"
                );
            }
            Scope::Cwd { params } => {
                assert!(params.iter().all(|param| names.contains(param)), "{method}");
            }
            Scope::None => {
                assert!(
                    !names.contains("threadId"),
                    "{method} names a thread and is not held to it"
                );
            }
        }
        for param in rule.params {
            let is_path = matches!(param.kind, Kind::Path | Kind::Paths | Kind::SomePaths);
            let looks_so = ["cwd", "cwds", "roots", "path"].contains(&param.name);
            assert_eq!(
                looks_so && param.kind != Kind::Unset,
                is_path,
                "{method}.{}",
                param.name
            );
        }
    }
    let ordered: Vec<_> = verdict::all()
        .filter(|(_, v)| matches!(v, Verdict::Allow(rule) if rule.handling.ordered()))
        .map(|(method, _)| method)
        .collect();
    assert_eq!(
        ordered,
        [
            "thread/start",
            "thread/resume",
            "thread/fork",
            "turn/start",
            "turn/steer",
            "review/start",
            "thread/compact/start",
        ]
    );
    let lists = |method: &str| match verdict::verdict(method) {
        Some(Verdict::Allow(rule)) => rule.handling,
        _ => panic!("{method} is refused"),
    };
    assert_eq!(lists("thread/list"), Handling::ThreadList { thread: None });
    assert_eq!(
        lists("thread/search"),
        Handling::ThreadList {
            thread: Some("thread")
        }
    );
    assert_eq!(lists("thread/loaded/list"), Handling::LoadedList);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "text",
            "skill",
            "image",
            "localImage",
            "never",
            "readOnly",
            "data:",
            "-"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let names = prop_oneof![
            prop::sample::select(vec![
                "type", "path", "url", "name", "text", "mode", "settings", "branch"
            ])
            .prop_map(str::to_owned),
            ".{0,8}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// A value that this kind allows.
fn fit(kind: Kind) -> Value {
    match kind {
        Kind::Any | Kind::Dropped => json!([1]),
        Kind::Unset | Kind::Off => json!(false),
        Kind::Bool => json!(true),
        Kind::Text | Kind::Path | Kind::Paths | Kind::ThreadId => json!("x"),
        Kind::Int => json!(1),
        Kind::Word(words) => json!(words[0]),
        Kind::Words(words) => json!(words),
        Kind::Texts | Kind::SomePaths | Kind::OwnFolder => json!(["x"]),
        Kind::Input => json!([{ "type": "text", "text": "x" }]),
        Kind::Config => json!({ "web_search": "disabled" }),
        Kind::CeilingPolicy => json!("untrusted"),
        Kind::CeilingSandbox => json!("read-only"),
        Kind::CeilingSandboxPolicy => json!({ "type": "readOnly" }),
        Kind::CeilingReviewer => json!("user"),
        Kind::CollaborationMode => json!({ "mode": "plan", "settings": { "model": "x" } }),
        Kind::Object(members) => members
            .iter()
            .map(|member| (member.name, fit(member.kind)))
            .collect(),
        Kind::ReviewTarget => json!({ "type": "uncommittedChanges" }),
    }
}

#[test]
fn what_fits_passes() {
    for (method, v) in verdict::all() {
        let Verdict::Allow(rule) = v else { continue };
        let params = rule
            .params
            .iter()
            .map(|param| (param.name, fit(param.kind)))
            .collect();
        assert_eq!(outcome(method, Role::Operator, params), "ok", "{method}");
    }
}

proptest! {
    #[test]
    fn no_json_makes_the_check_panic_or_slip(
        at in 0..184_usize,
        replaced in prop::collection::vec((0..32_usize, any_json()), 0..3),
        extra in prop::option::weighted(0.1, (".{0,12}", any_json())),
        operator in any::<bool>(),
    ) {
        let role = if operator { Role::Operator } else { Role::Viewer };
        let (method, v) = verdict::all().nth(at).unwrap();
        let mut params = Map::new();
        if let Verdict::Allow(rule) = v {
            let fitting = rule.params.iter().filter(|param| param.required || param.min_role <= role);
            params.extend(fitting.map(|param| (param.name.to_owned(), fit(param.kind))));
            for (at, value) in replaced {
                if let Some(param) = rule.params.get(at) {
                    params.insert(param.name.to_owned(), value);
                }
            }
        }
        params.extend(extra);
        match verdict::check(method, role, &params) {
            Err(refusal) => {
                let error = refusal.to_error();
                prop_assert!(error.message.len() < 4000);
                prop_assert!(!error.message.chars().any(char::is_control));
            }
            Ok(rule) => {
                prop_assert!(role >= rule.min_role);
                paths::rewrite(rule, &mut params, |_, _, path| Ok::<_, Refusal>(path.to_owned())).unwrap();
                for (name, value) in &params {
                    let known = rule.params.iter().find(|param| param.name == name);
                    let known = known.expect("only named parameters go on");
                    prop_assert!(!matches!(known.kind, Kind::Unset | Kind::Dropped));
                    prop_assert!(value.is_null() || role >= known.min_role);
                }
            }
        }
    }

    #[test]
    fn no_json_makes_the_cuts_panic(mut result in any_json()) {
        for (_, v) in verdict::all() {
            if let Verdict::Allow(rule) = v {
                redact::apply(rule, &mut result);
            }
        }
    }
}

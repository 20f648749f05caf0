//! Which method is allowed, to whom, and where it belongs.

use crate::{object, outcome};
use drawbridge_core::verdict::{self, Handling, Kind, Refusal, Scope, Verdict, paths, refusals};
use drawbridge_wire::Role;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const METHODS: &str = include_str!("../fixtures/client_methods.txt");
const TERMINAL_CLIENT: &str = include_str!("../fixtures/terminal_client_requests.jsonl");

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

//! Who may invoke what: the capability files, and the check behind them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use crate::base;
use drawbridge_control::spawn::Program;
use drawbridge_core::tray::Tray;
use drawbridge_desk::{
    ApprovalCard, Controller, Desktop, DesktopView, Notice, Opener, Opening, Page, Problem, Settings,
    ThreadEvent, Window,
};
use drawbridge_testkit::home::{Scratch, scratch_dir};
use drawbridge_wire::pipe::HostSetup;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets};
use tauri::webview::InvokeRequest;
use tauri::{App, Context, Manager, WebviewWindow, WebviewWindowBuilder};

/// A desktop on which nothing is to be seen.
struct Nothing;

impl Desktop for Nothing {
    fn show(&mut self, _: Window) {}
    fn go(&mut self, _: Page) {}
    fn close(&mut self, _: Window) {}
    fn paint(&mut self, _: &Tray) {}
    fn tell(&mut self, _: &DesktopView) {}
    fn tell_card(&mut self, _: Option<&ApprovalCard>) {}
    fn tell_thread(&mut self, _: &ThreadEvent) {}
    fn ask_quit(&mut self, _: usize) {}
    fn notify(&mut self, _: &Notice) {}
    fn withdraw_notice(&mut self) {}
    fn opener(&mut self, _: Opening) -> Opener {
        Box::new(|| Ok(()))
    }
    fn set_start_at_login(&mut self, _: bool) -> Result<(), Problem> {
        Ok(())
    }
    fn starts_at_login(&self) -> bool {
        false
    }
    fn exit(&mut self) {}
}

/// The app's commands in front of a controller that finds no host.
struct Desk {
    _scratch: Scratch,
    app: App<MockRuntime>,
}

impl Desk {
    fn new(context: Context<MockRuntime>) -> Self {
        let scratch = scratch_dir("rights").unwrap();
        let settings = Settings {
            data_dir: scratch.path().to_owned(),
            config_file: Some(scratch.path().join("config.toml")),
            program: Program {
                path: "/bin/false".into(),
                search_path: None,
            },
            setup: HostSetup::default(),
            version: "9.9.9".to_owned(),
            first_pause: Duration::from_secs(3600),
            tray_patience: Duration::from_secs(3600),
            hidden: true,
        };
        let (controller, desk) = Controller::new(|_| Nothing, settings);
        let app = base(mock_builder()).build(context).unwrap();
        app.manage(crate::desk::Desk::Here(desk));
        tauri::async_runtime::spawn(controller.run());
        Self {
            _scratch: scratch,
            app,
        }
    }

    fn window(&self, label: &str) -> WebviewWindow<MockRuntime> {
        self.app.get_webview_window(label).unwrap_or_else(|| {
            WebviewWindowBuilder::new(&self.app, label, tauri::WebviewUrl::default())
                .build()
                .unwrap()
        })
    }

    fn invoke(&self, label: &str, command: &str, body: Value) -> Result<Value, Value> {
        let request = InvokeRequest {
            cmd: command.to_owned(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(body),
            headers: tauri::http::HeaderMap::new(),
            invoke_key: INVOKE_KEY.to_owned(),
        };
        get_ipc_response(&self.window(label), request).map(|answer| answer.deserialize().unwrap())
    }
}

fn source(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The quoted words of a text that stand after one of these.
fn words(text: &str, before: &str) -> BTreeSet<String> {
    let after = text.split(before).skip(1);
    after
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// Every command, from the one list that makes permissions of them.
fn commands() -> BTreeSet<String> {
    let build = source("src-tauri/build.rs");
    let list = build.split("COMMANDS: &[&str] = &[").nth(1).unwrap();
    words(list.split(']').next().unwrap(), "    \"")
}

/// What a capability file grants of ours.
fn granted(label: &str) -> BTreeSet<String> {
    let file: Value = serde_json::from_str(&source(&format!("src-tauri/capabilities/{label}.json"))).unwrap();
    assert_eq!(file["windows"], json!([label]), "one file for one window");
    assert!(file.get("remote").is_none(), "nothing from elsewhere has rights");
    let permissions = file["permissions"].as_array().unwrap();
    permissions
        .iter()
        .map(|permission| permission.as_str().unwrap())
        .filter_map(|permission| {
            let command = permission.strip_prefix("allow-");
            let listens = ["core:event:allow-listen", "core:event:allow-unlisten"];
            assert!(
                command.is_some() || listens.contains(&permission),
                "{label} has {permission}"
            );
            command.map(|command| command.replace('-', "_"))
        })
        .collect()
}

fn only_approval(command: &str) -> bool {
    command.starts_with("approval_")
}

/// Tauri itself refuses in words; what our code refuses has a code.
fn refused_by_tauri(answer: &Result<Value, Value>) -> bool {
    let words = answer.as_ref().err().and_then(Value::as_str);
    words.is_some_and(|words| words.contains("not allowed"))
}

// proves S0.14
#[test]
fn capability_files_grant_what_the_windows_use_and_nothing_else() {
    let all = commands();
    let (main, approval) = (granted("main"), granted("approval"));
    let both: BTreeSet<String> = main.union(&approval).cloned().collect();
    assert_eq!(both, all, "every command is some window's");
    assert!(!main.iter().any(|command| only_approval(command)), "{main:?}");
    let answers: BTreeSet<String> = all.iter().filter(|one| only_approval(one)).cloned().collect();
    assert!(!answers.is_empty());
    let shared: BTreeSet<String> = approval.difference(&answers).cloned().collect();
    assert!(approval.is_superset(&answers), "{approval:?}");
    // The dialog's page follows the state like the other, and can do nothing else that is not an answer.
    assert!(
        shared.is_subset(&["snapshot", "painted"].map(str::to_owned).into()),
        "{shared:?}"
    );
    // What the pages call is what there is.
    let called = words(&source("ui/src/lib/ipc.ts"), ">(\"");
    let called: BTreeSet<String> = called
        .into_iter()
        .filter(|word| !["view", "thread", "approval", "go", "quit_asked"].contains(&word.as_str()))
        .collect();
    assert_eq!(called, all);
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src-tauri/capabilities"));
    assert_eq!(files.unwrap().count(), 2, "one file for each window");
}

// proves S0.14
#[test]
fn each_window_reaches_its_own_commands_only() {
    let desk = Desk::new(tauri::generate_context!());
    for label in ["main", "approval", "another"] {
        let granted = if label == "another" {
            BTreeSet::new()
        } else {
            granted(label)
        };
        for command in commands() {
            // Without arguments most go no further than that, which is far enough here.
            let answer = desk.invoke(label, &command, json!({}));
            let refused = refused_by_tauri(&answer);
            assert_eq!(
                refused,
                !granted.contains(&command),
                "{label} {command}: {answer:?}"
            );
            let missing = format!("Command {command} not found");
            assert_ne!(answer, Err(Value::from(missing)), "it is a command");
        }
    }
}

// proves S0.14
#[test]
fn the_check_behind_the_files_refuses_the_same() {
    // No capability is in force here.
    let desk = Desk::new(mock_context(noop_assets()));
    let answer = json!({"id": "1-0", "digest": "d", "nonce": "n", "decision": "accept"});
    for (command, body) in [
        ("approval_current", json!({})),
        ("approval_step", json!({"by": 1})),
        ("approval_answer", answer.clone()),
    ] {
        for label in ["main", "another", "approval2", "Approval"] {
            let refused = desk.invoke(label, command, body.clone()).unwrap_err();
            assert_eq!(refused["code"], "not_allowed", "{label} {command}");
        }
        let there = desk.invoke("approval", command, body);
        assert_ne!(
            there.as_ref().map_err(|error| error["code"].clone()),
            Err(json!("not_allowed"))
        );
    }
    for (command, body) in [
        ("set_bus", json!({"id": "b", "on": true})),
        ("enroll", json!({"api": "https://bus.example"})),
        ("forget", json!({"id": "b"})),
        ("set_enrollment", json!({"id": "b"})),
        ("check_mcp", json!({})),
        ("open_approvals", json!({})),
        ("pause", json!({"minutes": 1})),
        ("set_start_at_login", json!({"on": true})),
        ("logs", json!({"child": "app-server"})),
        ("processes", json!({})),
        ("restart", json!({"id": "app-server", "interrupt": false})),
        ("audit_tail", json!({"count": 1})),
        ("config_show", json!({})),
        ("config_set", json!({"key": "host.name", "value": "x"})),
        ("config_accept", json!({"digest": "d"})),
        ("open_config", json!({})),
        ("vault_open", json!({})),
        ("skill_set", json!({"id": "/s/SKILL.md", "on": false})),
        ("skills_rescan", json!({})),
        ("skill_open", json!({"id": "/s/SKILL.md", "folder": false})),
        ("quit", json!({"really": true})),
        ("thread_open", json!({"id": "T"})),
        ("thread_close", json!({"id": "T"})),
        ("thread_send", json!({"id": "T", "text": "x"})),
        ("thread_steer", json!({"id": "T", "text": "x"})),
        ("thread_interrupt", json!({"id": "T"})),
        ("thread_start", json!({"text": "x"})),
    ] {
        for label in ["approval", "another"] {
            let refused = desk.invoke(label, command, body.clone()).unwrap_err();
            assert_eq!(refused["code"], "not_allowed", "{label} {command}");
        }
    }
    assert_eq!(
        desk.invoke("approval", "snapshot", json!({})).unwrap()["version"],
        "9.9.9"
    );
    assert_eq!(
        desk.invoke("another", "snapshot", json!({})).unwrap_err()["code"],
        "not_allowed"
    );
}

//! The configuration file of a host that runs: what it narrows at once, what waits for a person, and what
//! is wrong with it.

use crate::site::{Codex, Key, Site, ended};
use crate::world::{Plan, World};
use drawbridge_wire::buses::{ConfigInForce, ConfigView, ConfirmedState};
use drawbridge_wire::control::{AppServerState, HostView};
use drawbridge_wire::{Role, WhoMayAnswer};
use serde_json::{Value, json};

fn config(view: &HostView) -> &ConfigView {
    view.config.as_ref().expect("a host of `connect` reads the file")
}

fn rule(answer: Result<Value, Value>) -> String {
    let error = answer.expect_err("the host refuses it");
    error["data"]["rule"].as_str().unwrap_or("none").to_owned()
}

async fn said(world: &World, args: &[&str]) -> (Option<i32>, String, String) {
    let output = world.cli(args).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_reload_that_narrows_the_role_ends_remote_connections_and_refuses_the_next_turn() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    let thread = remote.thread(&world.work, "on-request", "workspace-write").await;
    let mut local = world.local().await;
    world.configure("[security]\nrole = \"viewer\"\n");
    assert_eq!(remote.closed().await, "policy_changed");
    let view = world.until(|view| view.policy.role == Role::Viewer).await;
    assert_eq!(config(&view).in_force, ConfigInForce::File);
    let mut remote = world.remote().await;
    assert_eq!(rule(remote.turn(&thread, "SAY: hello").await), "role");
    assert_eq!(
        rule(remote.call("thread/start", json!({ "cwd": world.work })).await),
        "role"
    );
    // The user's own connection stands.
    local.call("thread/loaded/list", json!({})).await.unwrap();
    let record = world.record();
    assert!(
        record.contains(r#""setting":"role","value":"viewer","by":"file""#),
        "{record}"
    );
    assert!(
        !world.data.join("vault").exists(),
        "none is made to remember that"
    );
    // Back to what was the default: nothing that a person would have to confirm.
    world.configure("");
    world.until(|view| view.policy.role == Role::Operator).await;
    let mut again = world.remote().await;
    again.turn(&thread, "SAY: hello").await.unwrap();
    world.stop().await;
}

// proves S5.47
#[tokio::test]
async fn wider_roots_wait_until_they_are_accepted_and_then_outlive_a_restart() {
    let key = drawbridge_testkit::home::scratch_dir("key").unwrap();
    let key_file = key.path().join("key").to_str().unwrap().to_owned();
    let mut world = World::start_with(Plan {
        connect: vec!["--key-file".to_owned(), key_file],
        ..Plan::default()
    })
    .await;
    let other = world.scratch.folder("other").unwrap();
    let other = other.canonicalize().unwrap();
    let start = json!({ "cwd": other });
    let mut remote = world.remote().await;
    assert_eq!(
        rule(remote.call("thread/start", start.clone()).await),
        "outside_roots"
    );

    world.configure(&format!(
        "[security]\nroots = [\"WORK\", {other:?}]\nanswer = \"both\"\n"
    ));
    let view = world.until(|view| config(view).waiting.len() == 2).await;
    let keys: Vec<_> = config(&view).waiting.iter().map(|wider| &wider.key).collect();
    assert_eq!(keys, ["security.answer", "security.roots"]);
    assert_eq!(view.policy.answer, WhoMayAnswer::Local);
    assert_eq!(
        rule(remote.call("thread/start", start.clone()).await),
        "outside_roots"
    );
    let mut fresh = world.remote().await;
    assert_eq!(
        rule(fresh.call("thread/start", start.clone()).await),
        "outside_roots"
    );
    let (_, status, _) = said(&world, &["status"]).await;
    assert!(
        status.contains("`drawbridge config accept` puts in force what waits"),
        "{status}"
    );

    // Without a person and without --yes it only shows.
    let (code, shown, error) = said(&world, &["config", "accept"]).await;
    assert_eq!(code, Some(2), "{error}");
    assert!(
        shown.contains("security.answer: in force is local; both waits until you confirm it"),
        "{shown}"
    );
    assert!(shown.contains(other.to_str().unwrap()), "{shown}");
    assert!(shown.contains("WARNING"), "{shown}");
    assert!(shown.contains("\n  security.role: operator\n"), "{shown}");
    assert_eq!(config(&world.view().await.unwrap()).waiting.len(), 2);

    let (code, shown, error) = said(&world, &["config", "accept", "--yes"]).await;
    assert_eq!(code, Some(0), "{shown}{error}");
    let view = world.view().await.unwrap();
    assert_eq!(config(&view).confirmed, ConfirmedState::Kept);
    assert_eq!(
        (config(&view).waiting.len(), view.policy.answer),
        (0, WhoMayAnswer::Both)
    );
    let mut fresh = world.remote().await;
    fresh.call("thread/start", start.clone()).await.unwrap();
    let (code, shown, _) = said(&world, &["config", "accept", "--yes"]).await;
    assert_eq!(
        (code, shown.as_str()),
        (
            Some(0),
            "there is nothing to confirm: what is in force is what was confirmed\n"
        )
    );

    world.restart().await;
    // Until the vault is open a start is as narrow as it can be.
    let view = world.until(|view| config(view).waiting.is_empty()).await;
    assert_eq!(view.policy.answer, WhoMayAnswer::Both);
    let mut fresh = world.remote().await;
    fresh.call("thread/start", start).await.unwrap();
    // Further than what was confirmed it does not go, also not by a start.
    world.configure(&format!(
        "[security]\nroots = [\"WORK\", {other:?}, \"/usr/share\"]\n"
    ));
    world.restart().await;
    let view = world.until(|view| config(view).waiting.len() == 1).await;
    assert_eq!(config(&view).waiting[0].key, "security.roots");
    assert_eq!(view.policy.roots, [world.work.canonicalize().unwrap(), other]);
    let record = world.record();
    assert!(
        record.contains(r#""setting":"confirmed security.roots""#),
        "{record}"
    );
    world.stop().await;
}

/// What was shown is what is confirmed: another digest is refused, and nothing is confirmed.
#[tokio::test]
async fn only_what_the_person_saw_is_accepted() {
    let world = World::start().await;
    world.configure("[security]\nanswer = \"both\"\n");
    let seen = world.until(|view| config(view).digest.is_some()).await;
    world.configure("[security]\nanswer = \"remote\"\n");
    world
        .until(|view| config(view).digest != config(&seen).digest)
        .await;
    let mut control = drawbridge_control::ControlClient::connect(&world.data, "test", false)
        .await
        .unwrap();
    let digest = config(&seen).digest.clone().unwrap();
    let request = drawbridge_wire::control::Request::AcceptConfig { digest };
    let refused = control.request(&request).await.unwrap_err();
    assert_eq!(refused.code(), "changed");
    assert_eq!(world.view().await.unwrap().policy.answer, WhoMayAnswer::Local);
    world.stop().await;
}

// proves S5.45, S5.46, S5.47
#[tokio::test]
async fn a_broken_file_leaves_the_last_good_one_in_force_and_its_place_is_shown() {
    let world = World::start_with(Plan {
        config: Some(b"[security]\nrole = \"viewer\"\n"),
        ..Plan::default()
    })
    .await;
    assert_eq!(world.view().await.unwrap().policy.role, Role::Viewer);
    world.configure("[security]\nrole = \"oprator\"\n");
    let view = world
        .until(|view| config(view).in_force == ConfigInForce::LastGood)
        .await;
    assert_eq!(view.policy.role, Role::Viewer);
    assert_eq!(config(&view).problems[0].start, Some((2, 8)));
    let (_, status, _) = said(&world, &["status"]).await;
    let file = config(&view).file.display();
    let place = format!("{file}:2:8: security.role: `oprator` is no role; did you mean \"operator\"?");
    assert!(status.contains(&place), "{status}");
    assert!(
        status.contains("2 | role = \"oprator\"\n  |        ^^^^^^^^^"),
        "{status}"
    );
    world.configure("[security]\nrole = \"operator\"\n");
    let view = world
        .until(|view| config(view).in_force == ConfigInForce::File)
        .await;
    assert_eq!(
        (view.policy.role, config(&view).problems.len()),
        (Role::Operator, 0)
    );
    world.stop().await;
}

// proves S5.47
#[tokio::test]
async fn bytes_that_are_no_text_do_not_stop_a_start() {
    let world = World::start_with(Plan {
        config: Some(b"\0\0[security]\0role\xff"),
        ..Plan::default()
    })
    .await;
    let view = world.view().await.unwrap();
    assert_eq!(config(&view).in_force, ConfigInForce::NarrowedDefaults);
    assert_eq!(config(&view).problems[0].severity, "error");
    assert_eq!(view.policy.role, Role::Operator);
    let mut remote = world.remote().await;
    remote.thread(&world.work, "on-request", "read-only").await;
    world.stop().await;
}

#[tokio::test]
async fn narrower_ceilings_are_what_a_remote_gets_and_all_it_gets() {
    let world = World::start_with(Plan {
        config: Some(b"[security]\nceilings = [\"on-request + read-only\", \"untrusted + read-only\"]\n"),
        ..Plan::default()
    })
    .await;
    assert_eq!(
        world.view().await.unwrap().policy.ceilings,
        ["on-request + read-only", "untrusted + read-only"]
    );
    let mut local = world.local().await;
    let wider = local.thread(&world.work, "on-request", "workspace-write").await;
    local.turn(&wider, "SAY: mine").await.unwrap();
    local.method("turn/completed").await;
    let mut remote = world.remote().await;
    let started = remote
        .call("thread/start", json!({ "cwd": world.work }))
        .await
        .unwrap();
    assert_eq!(started["approvalPolicy"], "on-request");
    assert_eq!(started["sandbox"]["type"], "readOnly");
    let thread = started["thread"]["id"].as_str().unwrap();
    remote.turn(thread, "SAY: inside").await.unwrap();
    remote.method("turn/completed").await;
    let asked = json!({ "cwd": world.work, "sandbox": "workspace-write" });
    assert_eq!(rule(remote.call("thread/start", asked).await), "ceiling");
    let write = json!({ "type": "workspaceWrite", "networkAccess": false, "writableRoots": [] });
    let input = json!([{ "type": "text", "text": "SAY: outside" }]);
    let turn = json!({ "threadId": thread, "input": input, "sandboxPolicy": write });
    assert_eq!(rule(remote.call("turn/start", turn).await), "ceiling");
    // A thread of the user's that is wider than these stays what it is, and his.
    assert_eq!(rule(remote.turn(&wider, "SAY: mine").await), "wide_thread");
    let resume = json!({ "threadId": wider });
    assert_eq!(
        rule(remote.call("thread/resume", resume.clone()).await),
        "wide_thread"
    );
    let same = local.call("thread/resume", resume).await.unwrap();
    assert_eq!(same["sandbox"]["type"], "workspaceWrite");

    world.configure("[security]\nceilings = [\"untrusted + read-only\"]\n[approvals]\nanswer_within = 20\n");
    assert_eq!(remote.closed().await, "policy_changed");
    let mut remote = world.remote().await;
    let asked = json!({ "cwd": world.work, "approvalPolicy": "on-request" });
    assert_eq!(rule(remote.call("thread/start", asked).await), "ceiling");
    let started = remote
        .call("thread/start", json!({ "cwd": world.work }))
        .await
        .unwrap();
    assert_eq!(started["approvalPolicy"], "untrusted");
    assert_eq!(rule(remote.turn(thread, "SAY: no").await), "wide_thread");
    // The deadline of the file is that of the next card.
    let asking = local.thread(&world.work, "on-request", "read-only").await;
    local.turn(&asking, "ESC: true\nSAY: done").await.unwrap();
    let card = world.open_approval().await;
    assert_eq!(card.deadline_ms - card.raised_at_ms, 20_000);
    world.stop().await;
}

// proves S5.45
#[tokio::test]
async fn a_mistake_in_codexs_own_file_is_shown_with_its_line_before_codex_is_started() {
    let world = World::start().await;
    let file = world.home.path().join("config.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let line = good.lines().count() + 3;
    let broken = format!("{good}\n\n[sandbox_workspace_write]\nnetwork_access = \"yes\"\n");
    std::fs::write(&file, broken).unwrap();
    let line = line + 1;
    let pid = world.view().await.unwrap().app_server.pid.unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    world
        .until(|view| {
            matches!(&view.app_server.state,
                AppServerState::Waiting { code, .. } if code == "codex_config_invalid")
        })
        .await;
    let (_, status, _) = said(&world, &["status"]).await;
    let place = format!(
        "{}:{line}:18: sandbox_workspace_write.network_access: this must be true or false, not text\n",
        file.display()
    );
    assert!(status.contains(&place), "{place}\n{status}");
    assert!(status.contains("| network_access = \"yes\"\n"), "{status}");
    assert!(status.contains("|                  ^^^^^\n"), "{status}");
    std::fs::write(&file, good).unwrap();
    world
        .until(|view| view.app_server.state == AppServerState::Ready)
        .await;
    world.stop().await;
}

/// A row whose value waits says so, with what is in force; who sets it is told at once.
#[tokio::test]
async fn what_waits_is_marked_where_it_is_shown_and_where_it_is_set() {
    let world = World::start().await;
    let (code, _, told) = said(&world, &["config", "set", "security.answer", "both"]).await;
    assert_eq!(
        (code, told.as_str()),
        (
            Some(0),
            "security.answer waits: in force is local until `drawbridge config accept` confirms it\n"
        )
    );
    let (_, shown, _) = said(&world, &["config", "show"]).await;
    let row = shown
        .lines()
        .find(|line| line.starts_with("security.answer"))
        .unwrap();
    assert!(row.starts_with("security.answer = \"both\"  # "), "{row}");
    assert!(
        row.ends_with("; in force is local; waits: drawbridge config accept"),
        "{row}"
    );
    let (_, shown, _) = said(&world, &["config", "show", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let rows = shown["keys"].as_array().unwrap();
    let waits: Vec<_> = rows.iter().filter(|row| !row["waits"].is_null()).collect();
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert_eq!(
        waits[0]["waits"],
        json!({ "in_force": "local", "wanted": "both", "command": "drawbridge config accept" })
    );
    assert_eq!(
        (&waits[0]["key"], &shown["host_runs"]),
        (&json!("security.answer"), &json!(true))
    );
    let (_, _, told) = said(&world, &["config", "set", "security.role", "viewer"]).await;
    assert_eq!(told, "", "what narrows counts at once");
    assert_eq!(world.view().await.unwrap().policy.role, Role::Viewer);
    world.stop().await;
}

/// What no remote client gets of a list is said at once, with its place; the rest counts or waits.
// proves S5.45, S5.47
#[tokio::test]
async fn folders_that_no_remote_gets_are_told_of_where_they_are_set() {
    let key = drawbridge_testkit::home::scratch_dir("key").unwrap();
    let key_file = key.path().join("key").to_str().unwrap().to_owned();
    let world = World::start_with(Plan {
        connect: vec!["--key-file".to_owned(), key_file],
        ..Plan::default()
    })
    .await;
    let work = world.work.canonicalize().unwrap();
    let roots = format!("[\"/\", {work:?}]");
    let (code, _, told) = said(&world, &["config", "set", "security.roots", &roots]).await;
    assert_eq!(code, Some(0));
    let bad = "2:9: warning: security.roots: `/` is or contains";
    assert!(told.contains(bad) && told.contains("^^^"), "{told}");
    assert!(!told.contains("config show"), "{told}");
    let view = world.until(|view| !config(view).problems.is_empty()).await;
    assert_eq!(view.policy.roots, [work]);
    let problems = &config(&view).problems;
    assert_eq!((problems.len(), problems[0].start), (1, Some((2, 9))));
    let (code, _, told) = said(&world, &["config", "accept", "--yes"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(bad) && told.contains("^^^"), "{told}");
    world.stop().await;
}

/// A folder or a program of the file that is not there is told of with its place, and costs its own line.
// proves S5.45, S5.47
#[tokio::test]
async fn paths_of_the_file_that_lead_nowhere_do_not_stop_a_start() {
    let site = Site::new(Key::File, Codex::Fake).await;
    let folder = site.scratch.folder("bin").unwrap();
    std::os::unix::fs::symlink(drawbridge_testkit::home::fake_codex(), folder.join("codex")).unwrap();
    site.configure(
        "[host]\ncwd = \"/gone/work\"\n[codex]\nbin = \"/gone/codex\"\nhome = \"/gone/home\"\n[security]\nrole = \
         \"viewer\"\n",
    );
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let env = [
        ("PATH", path.as_str()),
        ("CODEX_HOME", ""),
        ("FORGE_CODEX_CONNECTOR_CODEX_BIN", ""),
        ("FORGE_CODEX_CONNECTOR_TOKEN", "canary"),
    ];
    let connect = site.connect(&["--api", "http://127.0.0.1:9"], &env).await;
    let view = site
        .until(|view| view.app_server.state == AppServerState::Ready)
        .await;
    assert_eq!(view.policy.role, Role::Viewer, "the rest of the file counts");
    assert_eq!(view.policy.roots, [site.work.canonicalize().unwrap()]);
    let places: Vec<_> = config(&view)
        .problems
        .iter()
        .map(|problem| (problem.code.as_str(), problem.start))
        .collect();
    assert_eq!(
        places,
        [
            ("missing_path", Some((2, 7))),
            ("missing_path", Some((4, 7))),
            ("missing_path", Some((5, 8)))
        ]
    );
    let status = site.cli(&["status"]).await.well();
    assert!(
        status.contains(":4:7: warning: codex.bin: `/gone/codex` does not exist; codex counts instead\n"),
        "{status}"
    );
    assert!(
        status.contains("4 | bin = \"/gone/codex\"\n  |       ^^^^^^^^^^^^^"),
        "{status}"
    );
    site.stop(connect).await;

    // A flag is a person's word for this start, and is not replaced.
    let mut command = site.command(&["connect", "--api", "http://127.0.0.1:9", "--cwd", "/gone/work"]);
    command.envs(env);
    ended(command.spawn().unwrap(), "").await.failed(1, "host_start");
    let mut command = site.command(&[
        "connect",
        "--api",
        "http://127.0.0.1:9",
        "--codex-bin",
        "/gone/codex",
    ]);
    command.envs(env);
    ended(command.spawn().unwrap(), "").await.failed(1, "host_start");
}

//! The command `report`, as a person runs it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

mod common;

use common::{approval, view};
use drawbridge_testkit::fake_host::FakeHost;
use drawbridge_testkit::home::{CodexHome, Scratch, real_codex, scratch_dir};
use drawbridge_testkit::model::ScriptedModel;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

const CANARIES: [&str; 6] = [
    "canary-in-a-variable",
    "canary-in-a-flag",
    "canary-in-config",
    "canary-in-a-log",
    "canary-in-the-record",
    "canary-in-a-url",
];
const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

struct Run {
    scratch: Scratch,
    data: PathBuf,
}

impl Run {
    fn new() -> Self {
        let scratch = scratch_dir("report").unwrap();
        let data = scratch.folder("ada/d").unwrap();
        let logs = scratch.folder("ada/d/logs").unwrap();
        let write = |path: PathBuf, text: String| std::fs::write(path, text).unwrap();
        write(
            logs.join("app-server.log"),
            format!(
                "2026-01-02T03:04:05Z ERROR codex_core::exec: SECRET-PLAN Authorization: Bearer {}\n",
                CANARIES[3]
            ),
        );
        write(
            logs.join("host.log"),
            format!(
                "  WARN token={} key {HEX} in {}/x\n",
                CANARIES[3],
                scratch.path().join("ada").display()
            ),
        );
        write(
            data.join("audit.jsonl"),
            format!(
                "{{\"at_ms\":1,\"kind\":\"host_stopped\",\"reason\":\"token: {}\"}}\n",
                CANARIES[4]
            ),
        );
        write(
            scratch.path().join("my.toml"),
            format!(
                "[bus]\napi = \"https://u:{}@h.example/?k={}\"\n# password = \"{}\"\n",
                CANARIES[5], CANARIES[5], CANARIES[2]
            ),
        );
        Self { scratch, data }
    }

    fn file(&self) -> PathBuf {
        self.scratch.path().join("bundle.json")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = common::drawbridge(&self.data);
        command
            .env("HOME", self.scratch.path().join("ada"))
            .env("USER", "ada")
            .env("DRAWBRIDGE_CONFIG", self.scratch.path().join("my.toml"))
            .env("SOME_API_KEY", CANARIES[0])
            .env("FORGE_CODEX_CONNECTOR_TOKEN", CANARIES[1])
            .env("FORGE_CODEX_CONNECTOR_API", "http://127.0.0.1:9")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .arg("report")
            .arg("-o")
            .arg(self.file())
            .args(args);
        command
    }

    async fn report(&self, args: &[&str]) -> common::Ended {
        common::ended(self.command(args).spawn().unwrap()).await
    }
}

fn read(path: &Path) -> (String, Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let json = serde_json::from_str(&text).unwrap();
    (text, json)
}

#[tokio::test]
async fn no_token_name_or_home_is_in_the_report_and_it_says_what_is() {
    let run = Run::new();
    let ended = run.report(&[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (text, json) = read(&run.file());
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} in {text}");
        assert!(!ended.stdout.contains(canary) && !ended.stderr.contains(canary));
    }
    assert!(!text.contains(HEX), "{text}");
    assert!(!text.contains("SECRET-PLAN"), "{text}");
    assert!(
        !text.contains(run.scratch.path().join("ada").to_str().unwrap()),
        "{text}"
    );
    assert!(
        text.contains("[home]/d") && text.contains("https://[redacted]@h.example/?[redacted]"),
        "{text}"
    );

    assert_eq!(json["doctor"]["version"], 1);
    assert_eq!(json["status"]["code"], "no_host");
    assert_eq!(json["versions"]["drawbridge"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["audit"][0]["kind"], "host_stopped");
    let log = json["logs"]["app-server.log"][0].as_str().unwrap();
    assert!(
        log.starts_with("2026-01-02T03:04:05Z ERROR codex_core::exec: [left out]"),
        "{log}"
    );

    let mode = std::fs::metadata(run.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let listed = ended
        .stdout
        .find("logs/host.log: the last 1 lines")
        .expect(&ended.stdout);
    assert!(
        listed < ended.stdout.find("written to ").unwrap(),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn a_file_that_is_there_is_not_overwritten() {
    let run = Run::new();
    std::fs::write(run.file(), "mine").unwrap();
    let ended = run.report(&[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("is not overwritten"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(run.file()).unwrap(), "mine");
}

#[tokio::test]
async fn what_the_agent_wanted_is_in_it_on_demand_only() {
    for (args, expected) in [(&[][..], false), (&["--with-commands"][..], true)] {
        let run = Run::new();
        let host = FakeHost::at(&run.data);
        let mut state = view(&run.data, None);
        state.approvals = vec![approval("SECRET-PLAN")];
        let child = run.command(args).spawn().unwrap();
        // Doctor and report each ask.
        let _doctor = host.ready_client(&state).await;
        let _report = host.ready_client(&state).await;
        let ended = common::ended(child).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let (text, json) = read(&run.file());
        assert_eq!(json["status"]["approvals"][0]["kind"], "command");
        let in_status = json["status"]["approvals"][0]["body"].as_str().unwrap();
        assert_eq!(in_status.contains("SECRET-PLAN"), expected, "{text}");
        assert_eq!(
            json["logs"].to_string().contains("SECRET-PLAN"),
            expected,
            "{text}"
        );
    }
}

/// Waits for what a host says of itself.
async fn until(data: &Path, found: impl Fn(&Value) -> bool) {
    let deadline = tokio::time::Instant::now() + common::SOON;
    while tokio::time::Instant::now() < deadline {
        let mut status = common::drawbridge(data);
        let asked = common::ended(status.args(["status", "--json"]).spawn().unwrap()).await;
        if serde_json::from_str(&asked.stdout).is_ok_and(|view| found(&view)) {
            return;
        }
    }
    panic!("the host did not come to the state asked for");
}

#[tokio::test]
async fn the_report_of_a_real_run_holds_its_state_and_no_token() {
    const TOKENS: [&str; 3] = ["canary-connect-51", "canary-mcp-52", "canary-client-53"];
    let scratch = scratch_dir("real").unwrap();
    let model = ScriptedModel::start().await.unwrap();
    let codex = CodexHome::create(scratch.path(), &model.base_url()).unwrap();
    let data = scratch.path().join("d");
    let work = scratch.folder("w").unwrap();
    let mut bus = common::drawbridge(&data);
    bus.args(["bus", "--listen", "127.0.0.1:0"])
        .env("CODEX_BUS_CONNECT_TOKEN", TOKENS[0])
        .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", TOKENS[2])
        .stderr(Stdio::null());
    let mut bus = bus.spawn().unwrap();
    let mut lines = BufReader::new(bus.stdout.take().unwrap()).lines();
    let line = timeout(common::SOON, lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let api = line.strip_prefix("listening on ").expect(&line).to_owned();
    let mut connect = common::drawbridge(&data);
    connect
        .args(["connect", "--api", &api, "--cwd"])
        .arg(&work)
        .env("CODEX_HOME", codex.path())
        .env("TMPDIR", scratch.folder("t").unwrap())
        .env("FORGE_CODEX_CONNECTOR_CODEX_BIN", real_codex())
        .env("FORGE_CODEX_CONNECTOR_TOKEN", TOKENS[0])
        .env("FORGE_CODEX_CONNECTOR_MCP_TOKEN", TOKENS[1])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut connect = connect.spawn().unwrap();
    until(&data, |view| {
        view["app_server"]["state"]["state"] == "ready" && view["links"][0]["link"]["state"] == "connected"
    })
    .await;
    let mut send = common::drawbridge(&data);
    send.args(["remote", "send", "--bus", &api, "SAY: PRIVATE-WORDS"])
        .env("DRAWBRIDGE_BUS_CLIENT_TOKEN", TOKENS[2]);
    let sent = common::ended(send.spawn().unwrap()).await;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);

    let file = scratch.path().join("bundle.json");
    let mut report = common::drawbridge(&data);
    report
        .env("CODEX_HOME", codex.path())
        .env("FORGE_CODEX_CONNECTOR_CODEX_BIN", real_codex())
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .args(["report", "-o"])
        .arg(&file);
    let ended = common::ended(report.spawn().unwrap()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (text, json) = read(&file);
    for token in TOKENS {
        assert!(!text.contains(token), "{token} in {text}");
    }
    assert!(!text.contains("PRIVATE-WORDS"), "{text}");
    assert_eq!(json["status"]["app_server"]["state"]["state"], "ready");
    let of = |id: &str| {
        let checks = json["doctor"]["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|check| check["id"] == id)
            .map(|check| check["level"].clone())
    };
    for well in [
        "host",
        "app_server",
        "handshake",
        "sandbox",
        "bus",
        "bus_token",
        "sockets",
        "other_codex",
    ] {
        assert_eq!(of(well), Some("ok".into()), "{well}: {}", json["doctor"]);
    }
    assert!(
        json["audit"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["kind"] == "app_server_started")
    );

    let stop = common::ended(common::drawbridge(&data).arg("stop").spawn().unwrap()).await;
    assert_eq!(stop.code, Some(0), "{}", stop.stderr);
    timeout(common::SOON, connect.wait()).await.unwrap().unwrap();
    bus.kill().await.unwrap();
    model.shutdown().await;
}

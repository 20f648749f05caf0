//! No process that stays shows a token.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::{SOON, drawbridge, ended, shown_to_others, view};
use drawbridge_testkit::fake_host::FakeHost;
use drawbridge_wire::control::{Change, Request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::time::timeout;

/// Every variable that holds a token, and one that only looks like it.
const VARIABLES: [&str; 9] = [
    "FORGE_CODEX_CONNECTOR_TOKEN",
    "FORGE_CODEX_CONNECTOR_MCP_TOKEN",
    "FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN",
    "CODEX_APP_CONNECTOR_TOKEN",
    "CODEX_APP_CONNECTOR_MCP_TOKEN",
    "CODEX_BUS_CONNECT_TOKEN",
    "CODEX_BUS_HTTP_TOKEN",
    "DRAWBRIDGE_BUS_CLIENT_TOKEN",
    "DRAWBRIDGE_SOME_TOKENS",
];

/// The pipes a process holds besides its standard streams.
fn pipes(pid: u32) -> Vec<String> {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().parse::<u32>().unwrap() > 2)
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|link| link.display().to_string())
        .filter(|link| link.starts_with("pipe:"))
        .collect()
}

// proves S1.22, S1.24, S1.42, S1.45, S1.47
#[tokio::test]
async fn connect_stays_without_tokens_in_arguments_and_variables() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut command = drawbridge(dir.path());
    command.args([
        "connect",
        "--token",
        "canary-1",
        "--name",
        "kept-name",
        "--mcp-token=canary-2",
    ]);
    for (n, name) in VARIABLES.iter().enumerate() {
        command.env(name, format!("canary-variable-{n}"));
    }
    command.env("FORGE_CODEX_CONNECTOR_API", "https://kept.example");
    let child = command.spawn().unwrap();
    let pid = child.id().unwrap();

    let mut client = host.client().await;
    assert_eq!(
        client.pid,
        Some(pid),
        "the process must replace itself, not start another"
    );
    let shown = shown_to_others(pid);
    assert!(!shown.contains("canary"), "{shown}");
    assert!(VARIABLES.iter().all(|name| !shown.contains(name)), "{shown}");
    for kept in [
        "--name\nkept-name",
        "FORGE_CODEX_CONNECTOR_API=https://kept.example",
        "connect\n",
    ] {
        assert!(shown.contains(kept), "{kept} is missing in {shown}");
    }
    // The pipe that carried the secrets is closed: no child can inherit it.
    let inherited = pipes(std::process::id());
    let own: Vec<String> = pipes(pid)
        .into_iter()
        .filter(|pipe| !inherited.contains(pipe))
        .collect();
    assert_eq!(own, Vec::<String>::new());

    client.introduced().await;
    client.snapshot(&view(dir.path(), Some(pid))).await;
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGINT).unwrap();
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    client.reply(id, json!({})).await;
    client
        .change(Change::Stopping {
            reason: "last lease".to_owned(),
        })
        .await;
    drop(client);
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!(ended.stdout + &ended.stderr).contains("canary"));
}

#[tokio::test]
async fn a_hidden_flag_of_somebody_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = drawbridge(dir.path());
    command.args(["--secrets-fd", "0", "status"]);
    let ended = ended(command.spawn().unwrap()).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("[secrets_pipe]"), "{}", ended.stderr);
}

// proves S1.48
#[tokio::test]
async fn a_bus_stays_without_tokens_and_says_where_it_listens() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let mut command = drawbridge(dir.path());
    command.args(["bus", "--listen", "127.0.0.1:0"]);
    for (n, name) in VARIABLES.iter().enumerate() {
        command.env(name, format!("canary-{n}"));
    }
    let mut child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    timeout(SOON, stdout.read_line(&mut line)).await.unwrap().unwrap();
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .unwrap()
        .to_owned();
    assert!(tokio::net::TcpStream::connect(&address).await.is_ok());
    let shown = shown_to_others(pid);
    assert!(!shown.contains("canary"), "{shown}");
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGTERM).unwrap();
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("canary"));
}

#[tokio::test]
async fn a_bus_without_a_token_for_hosts_says_what_to_set() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = drawbridge(dir.path());
    command.args(["bus", "--listen", "127.0.0.1:0"]);
    let ended = ended(command.spawn().unwrap()).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("CODEX_BUS_CONNECT_TOKEN"),
        "{}",
        ended.stderr
    );
}

// A token given in any way gets as far as starting a host, which refuses a data directory where an agent
// may write; without one, nothing is started.
// proves S1.22, S1.42, S1.47
#[tokio::test]
async fn a_token_arrives_through_the_pipe_and_a_host_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let none = ended(drawbridge(dir.path()).arg("connect").spawn().unwrap()).await;
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    assert!(
        none.stderr.contains("FORGE_CODEX_CONNECTOR_TOKEN"),
        "{}",
        none.stderr
    );
    assert!(!dir.path().join("logs").exists());

    let with_flag = || {
        let mut command = drawbridge(dir.path());
        command.args(["connect", "--token", "canary-1"]);
        command
    };
    let with_variable = |name: &str| {
        let mut command = drawbridge(dir.path());
        command.arg("connect").env(name, "canary-1");
        command
    };
    for mut command in [
        with_flag(),
        with_variable("FORGE_CODEX_CONNECTOR_TOKEN"),
        with_variable("CODEX_APP_CONNECTOR_TOKEN"),
    ] {
        let failed = ended(command.spawn().unwrap()).await;
        assert_eq!(failed.code, Some(1), "{}", failed.stderr);
        for words in [
            "the host could not start (data_dir_writable)",
            "choose another --data-dir",
            "[host_start]",
        ] {
            assert!(failed.stderr.contains(words), "{}", failed.stderr);
        }
        let log = std::fs::read_to_string(dir.path().join("logs/host.log")).unwrap();
        assert!(!(failed.stdout + &failed.stderr + &log).contains("canary"));
    }
}

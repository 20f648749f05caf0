//! Short commands where no host runs: they start one that needs no codex and dials nobody, and it ends.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

mod common;

use drawbridge_control::ControlClient;
use drawbridge_testkit::fake_host::FakeHost;
use drawbridge_testkit::home::{Scratch, scratch_dir};
use drawbridge_vault::{BusId, Confirmed, Enrollment, KeySource, McpServer, Vault};
use drawbridge_wire::control::{PolicyView, Request};
use drawbridge_wire::pipe::{HostSetup, VaultKey};
use drawbridge_wire::{Role, Secret};
use serde_json::Value;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Nothing that was found here takes longer than this, the start of a host included.
const BOUND: Duration = Duration::from_secs(12);

/// A computer without codex that is enrolled at a bus.
struct Desk {
    scratch: Scratch,
    bus: TcpListener,
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        let scratch = scratch_dir("visit").unwrap();
        let bus = TcpListener::bind("127.0.0.1:0").unwrap();
        bus.set_nonblocking(true).unwrap();
        let desk = Self { scratch, bus };
        std::fs::create_dir_all(desk.data()).unwrap();
        let api = format!("http://{}", desk.bus.local_addr().unwrap());
        let mut vault = desk.open_vault();
        for (id, on) in [("one", true), ("two", false)] {
            vault
                .put(Enrollment {
                    id: BusId::new(id).unwrap(),
                    name: format!("bus {id}"),
                    api_origin: api.clone(),
                    host_id: None,
                    token: Secret::new("token"),
                    on,
                    disabled: None,
                    mcp: Some(McpServer {
                        name: "agents".to_owned(),
                        url: format!("{api}/mcp"),
                        token: None,
                    }),
                    bus: None,
                    ca_file: None,
                    made_at: 1,
                })
                .unwrap();
        }
        desk
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("d")
    }

    fn key(&self) -> PathBuf {
        self.scratch.path().join("key")
    }

    fn open_vault(&self) -> Vault {
        Vault::open(&self.data().join("vault"), &KeySource::KeyFile(self.key())).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = common::drawbridge(&self.data());
        command
            .env("HOME", self.scratch.path())
            .env("CODEX_HOME", self.scratch.path().join("no such folder"))
            .env("DRAWBRIDGE_CONFIG", self.scratch.path().join("my.toml"))
            .env(
                "FORGE_CODEX_CONNECTOR_CODEX_BIN",
                self.scratch.path().join("no/codex"),
            )
            .arg("--key-file")
            .arg(self.key())
            .args(args);
        command
    }

    /// A host for short commands, and somebody who stays, so that it does not end with the first of them.
    async fn host(&self) -> (Child, ControlClient) {
        let (host, stays) = self.started().await;
        // What a test does to the files comes after they were read.
        assert_eq!(self.run(&["vault", "status"]).await.code, Some(0));
        (host, stays)
    }

    /// The same with a vault that need not be good.
    async fn started(&self) -> (Child, ControlClient) {
        let mut host = self.command(&["host", "--setup-stdin"]);
        let mut host = host.stdin(Stdio::piped()).spawn().unwrap();
        let setup = HostSetup {
            vault_key: VaultKey::File(self.key()),
            config: Some(self.scratch.path().join("my.toml")),
            visit: true,
            ..Default::default()
        };
        let line = format!("{}\n", serde_json::to_string(&setup).unwrap());
        let mut stdin = host.stdin.take().unwrap();
        stdin.write_all(line.as_bytes()).await.unwrap();
        let mut ready = String::new();
        let mut stdout = BufReader::new(host.stdout.take().unwrap());
        let said = stdout.read_line(&mut ready);
        timeout(common::SOON, said).await.unwrap().unwrap();
        let stays = ControlClient::visit(&self.data(), "stays").await.unwrap();
        (host, stays)
    }

    /// Ends the host that somebody stayed at.
    async fn stop(&self, mut host: Child, stays: ControlClient) {
        drop(stays);
        assert_eq!(self.run(&["stop"]).await.code, Some(0));
        timeout(common::SOON, host.wait()).await.unwrap().unwrap();
    }

    async fn run(&self, args: &[&str]) -> Ended {
        let began = Instant::now();
        let output = self.command(args).output().await.unwrap();
        assert!(began.elapsed() < BOUND, "{args:?} took {:?}", began.elapsed());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    async fn well(&self, args: &[&str]) -> String {
        let ended = self.run(args).await;
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        // Its host is gone, not only asked to go.
        assert!(!self.data().join("run/control.sock").exists(), "{args:?}");
        drop(self.open_vault());
        ended.stdout
    }

    /// What a host that runs lets remote clients do.
    async fn policy(&self) -> PolicyView {
        let mut client = ControlClient::visit(&self.data(), "looks").await.unwrap();
        client.snapshot().await.unwrap().policy
    }

    fn nobody_came(&self) {
        assert_eq!(
            self.bus.accept().unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "somebody dialled"
        );
    }
}

/// proves S1.24, S5.43
#[tokio::test]
async fn a_short_command_needs_no_codex_and_dials_nobody() {
    let desk = Desk::new();
    let listed = desk.well(&["enrollments"]).await;
    assert!(
        listed.contains("one  on   bus bus one") && listed.contains("not connected"),
        "{listed}"
    );
    let status = desk.well(&["vault", "status"]).await;
    assert!(status.contains("file one: good"), "{status}");
    // What is changed is saved before the host has gone.
    desk.well(&["enrollments", "off", "one"]).await;
    desk.well(&["enrollments", "on", "bus two"]).await;
    desk.well(&["enrollments", "set", "two", "--name", "shop"]).await;
    let kept: Vec<(String, bool)> = {
        let vault = desk.open_vault();
        vault.list().map(|kept| (kept.name.clone(), kept.on)).collect()
    };
    assert_eq!(kept, [("bus one".to_owned(), false), ("shop".to_owned(), true)]);
    desk.well(&["vault", "rotate"]).await;
    desk.well(&["forget", "shop"]).await;
    let json: Value = serde_json::from_str(&desk.well(&["enrollments", "--json"]).await).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 1, "{json:#}");
    assert_eq!(json[0]["name"], "bus one");
    desk.nobody_came();
    // No app-server was tried either.
    assert!(!desk.data().join("logs/app-server.log").exists());
}

/// proves S5.40
#[tokio::test]
async fn the_status_of_a_damaged_vault_names_the_file_and_is_no_success() {
    let desk = Desk::new();
    for name in ["two.age", "two.age.bak"] {
        std::fs::write(desk.data().join("vault").join(name), "no age file").unwrap();
    }
    let ended = desk.run(&["vault", "status"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for line in ["file one: good", "file two: file_damaged", "[file_damaged]"] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
}

/// A host that was started for a short command is nothing to attach to for long: it is waited for.
#[tokio::test]
async fn connect_waits_for_the_host_of_a_short_command_to_end() {
    let desk = Desk::new();
    let host = FakeHost::at(&desk.data());
    let mut child = desk.command(&["connect"]).spawn().unwrap();
    let mut client = host.client().await;
    let (id, request) = client.request().await;
    assert!(
        matches!(&request, Request::Initialize(hello) if !hello.visit),
        "{request:?}"
    );
    client.reject(id, "host_visiting").await;
    drop((client, host));
    std::fs::remove_file(desk.data().join("run/control.sock")).unwrap();
    let status = tokio::time::timeout(common::SOON, child.wait())
        .await
        .unwrap()
        .unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // It went on to start a host of its own, which needs codex.
    assert!(said.contains("codex_not_found"), "{said}");
    assert_eq!(status.code(), Some(1));
}

/// proves S5.40
#[tokio::test]
async fn a_file_that_is_damaged_while_a_host_runs_is_not_said_to_be_good() {
    let desk = Desk::new();
    let (host, stays) = desk.host().await;
    let status = || desk.run(&["vault", "status"]);
    let before = status().await;
    assert_eq!(before.code, Some(0), "{}", before.stdout);
    for name in ["two.age", "two.age.bak"] {
        std::fs::write(desk.data().join("vault").join(name), "no age file").unwrap();
    }
    for _ in 0..2 {
        let after = status().await;
        assert_eq!(after.code, Some(1), "{}", after.stdout);
        assert!(
            after.stdout.contains("file two: file_damaged"),
            "{}",
            after.stdout
        );
        assert!(after.stdout.contains("file one: good"), "{}", after.stdout);
    }
    let doctor = desk.run(&["doctor", "--json"]).await;
    let examined: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let checks = examined["checks"].as_array().unwrap();
    let vault = checks.iter().find(|check| check["id"] == "vault").unwrap();
    assert_eq!(vault["level"], "fail", "{vault:#}");
    // A host of this kind is not one that stops, and what is off is switched on by its name.
    let lines = |id: &str| -> String {
        let of_id = checks.iter().filter(|check| check["id"] == id);
        of_id.map(Value::to_string).collect()
    };
    let app_server = lines("app_server");
    assert!(app_server.contains("short command"), "{app_server}");
    assert!(!app_server.contains("stopping"), "{app_server}");
    let tokens = lines("bus_token");
    assert!(tokens.contains("`drawbridge enrollments on two`"), "{tokens}");
    assert!(!tokens.contains("enrollments on one"), "{tokens}");
    desk.stop(host, stays).await;
}

/// What could not be saved is not said to be done, and asking again saves it.
// proves S1.23
#[tokio::test]
async fn a_bus_is_switched_only_when_that_is_saved() {
    let desk = Desk::new();
    let (host, stays) = desk.host().await;
    for (id, wish, kept) in [("one", "off", false), ("two", "on", true)] {
        // Nothing can be put in the place of a folder.
        let file = desk.data().join("vault").join(format!("{id}.age"));
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        std::fs::write(file.join("x"), "").unwrap();
        let refused = desk.run(&["enrollments", wish, id]).await;
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        let told = format!("`{id}` is {wish} only until this host ends, because that was not saved");
        assert!(
            refused.stderr.contains(&told) && refused.stderr.contains("[vault_io]"),
            "{}",
            refused.stderr
        );
        // The vault has put its good copy there meanwhile.
        let again = desk.run(&["enrollments", wish, id]).await;
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        let listed = desk.run(&["enrollments", "--json"]).await.stdout;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let link = listed.as_array().unwrap().iter().find(|link| link["id"] == id);
        assert_eq!(link.unwrap()["wanted"], kept);
    }
    desk.stop(host, stays).await;
    let vault = desk.open_vault();
    let kept: Vec<bool> = vault.list().map(|kept| kept.on).collect();
    assert_eq!(kept, [false, true]);
}

/// Confirmed settings that a host misses: the vault's status, which is answered, names the remedy; nothing is
/// allowed until it was applied, and all is well afterwards.
async fn missed_until_confirmed_anew(desk: &Desk) -> String {
    let lost = desk.run(&["vault", "status"]).await;
    assert_eq!(lost.code, Some(1), "{}", lost.stdout);
    assert!(
        lost.stdout.contains("`drawbridge config accept`"),
        "{}",
        lost.stdout
    );
    // What nobody knows to be confirmed allows nothing.
    let narrow = desk.policy().await;
    assert_eq!(narrow.role, Role::Viewer);
    assert!(narrow.ceilings.is_empty(), "{narrow:?}");

    let accepted = desk.run(&["config", "accept", "--yes"]).await;
    assert_eq!(accepted.code, Some(0), "{}{}", accepted.stdout, accepted.stderr);
    let good = desk.run(&["vault", "status"]).await;
    assert_eq!(good.code, Some(0), "{}", good.stdout);
    assert_eq!(desk.policy().await.role, Role::Operator);
    lost.stdout
}

/// Settings that are gone or damaged are confirmed anew, also at a host that runs.
// proves S5.40, S5.47
#[tokio::test]
async fn confirmed_settings_that_are_lost_while_a_host_runs_are_confirmed_anew() {
    let desk = Desk::new();
    let settings = [("security.role".to_owned(), "operator".into())].into();
    let confirmed = Confirmed { settings, at: 1 };
    desk.open_vault().confirm(confirmed).unwrap();
    let (host, stays) = desk.host().await;
    let files = ["confirmed.age", "confirmed.age.bak"].map(|name| desk.data().join("vault").join(name));
    let damages: [fn(&PathBuf); 2] = [
        |file| std::fs::remove_file(file).unwrap(),
        |file| std::fs::write(file, "no age file").unwrap(),
    ];
    for damage in damages {
        files.iter().for_each(damage);
        let lost = missed_until_confirmed_anew(&desk).await;
        assert!(!lost.contains("enroll"), "{lost}");
    }
    desk.stop(host, stays).await;
}

/// Settings that are removed while no host runs, with the line that narrowed, are not back at the defaults.
// proves S5.40, S5.47
#[tokio::test]
async fn confirmed_settings_that_are_removed_while_no_host_runs_are_missed_by_the_next() {
    let desk = Desk::new();
    let file = desk.scratch.path().join("my.toml");
    std::fs::write(&file, "[security]\nrole = \"viewer\"\n").unwrap();
    desk.well(&["config", "accept", "--yes"]).await;
    assert_eq!(
        desk.open_vault().confirmed().unwrap().unwrap().settings["security.role"],
        "viewer"
    );
    for name in ["confirmed.age", "confirmed.age.bak"] {
        std::fs::remove_file(desk.data().join("vault").join(name)).unwrap();
    }
    std::fs::write(&file, "").unwrap();

    let doctor = desk.run(&["doctor"]).await.stdout;
    assert!(doctor.contains("settings had been confirmed"), "{doctor}");

    let (host, stays) = desk.started().await;
    let lost = missed_until_confirmed_anew(&desk).await;
    assert!(lost.contains("settings had been confirmed"), "{lost}");
    desk.stop(host, stays).await;
}

/// proves S5.40
#[tokio::test]
async fn how_much_is_lost_with_a_restored_file_is_said_as_a_time() {
    let desk = Desk::new();
    std::fs::write(desk.data().join("vault/two.age"), "no age file").unwrap();
    let status = desk.run(&["vault", "status"]).await;
    let told = status.stdout.lines().find(|line| line.contains("are lost"));
    let told = told.unwrap_or_else(|| panic!("{}", status.stdout));
    let (_, after) = told.split_once("changes after ").unwrap();
    let (time, _) = after.split_once(" are lost").unwrap();
    let time = httpdate::parse_http_date(&time.replace("UTC", "GMT")).unwrap();
    let ago = std::time::SystemTime::now().duration_since(time).unwrap();
    assert!(ago < common::SOON, "{told}");
}

/// A host for short commands says who has it, and ends soon after a command that broke off.
#[tokio::test]
async fn a_command_that_broke_off_is_waited_for_only_a_moment() {
    let desk = Desk::new();
    let (mut host, stays) = desk.host().await;
    let connected = ControlClient::connect(&desk.data(), "drawbridge connect", true).await;
    let refused = connected.unwrap_err();
    assert!(refused.is_visited(), "{refused}");
    let holder = format!("`stays` (process {})", std::process::id());
    assert!(refused.to_string().contains(&holder), "{refused}");
    drop(stays);
    // `run` is bounded, and this needs a host of its own.
    let connect = desk.run(&["connect"]).await;
    assert!(connect.stderr.contains("codex_not_found"), "{}", connect.stderr);
    timeout(Duration::from_secs(1), host.wait())
        .await
        .unwrap()
        .unwrap();
}

/// Whoever comes while the host of another command ends gets one all the same.
#[tokio::test]
async fn many_short_commands_at_once_all_end_well() {
    let desk = Desk::new();
    let several = (0..6).map(|person| {
        let desk = &desk;
        async move {
            for round in 0..4 {
                let args = [&["enrollments"][..], &["vault", "status"]][(person + round) % 2];
                let child = desk.command(args).spawn().unwrap();
                let ended = common::ended(child).await;
                assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
            }
        }
    });
    futures_util::future::join_all(several).await;
}

/// A host that ends before the first answer is none, in whichever way it goes.
#[tokio::test]
async fn a_host_that_is_just_ending_is_no_reason_to_fail() {
    for step in 0..4 {
        let desk = Desk::new();
        let host = FakeHost::at(&desk.data());
        let child = desk.command(&["enrollments"]).spawn().unwrap();
        let mut client = host.client().await;
        let (id, _) = client.request().await;
        match step {
            0 => {}
            1 => client.reject(id, "stopping").await,
            _ => {
                client.reply(id, serde_json::json!({})).await;
                let (id, request) = client.request().await;
                assert_eq!(request, Request::Snapshot {});
                if step == 2 {
                    client.reject(id, "stopping").await;
                }
            }
        }
        std::fs::remove_file(desk.data().join("run/control.sock")).unwrap();
        drop((client, host));
        let ended = common::ended(child).await;
        assert_eq!(ended.code, Some(0), "{step}: {}", ended.stderr);
        assert!(ended.stdout.contains("bus one"), "{}", ended.stdout);
    }
}

/// Two addresses of one bus, from before that was found out at enrolling, are not on together.
// proves S1.23
#[tokio::test]
async fn one_bus_is_switched_on_under_one_address() {
    let desk = Desk::new();
    {
        let mut vault = desk.open_vault();
        for (id, api) in [("one", "http://127.0.0.1:1"), ("two", "http://localhost:1")] {
            let mut kept = vault.get(&BusId::new(id).unwrap()).unwrap().clone();
            kept.api_origin = api.to_owned();
            kept.bus = Some("itself".to_owned());
            vault.put(kept).unwrap();
        }
    }
    let refused = desk.run(&["enrollments", "on", "two"]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("`drawbridge enrollments off one`")
            && refused.stderr.contains("[already_on]"),
        "{}",
        refused.stderr
    );
    desk.well(&["enrollments", "on", "one"]).await;
    desk.well(&["enrollments", "off", "one"]).await;
    desk.well(&["enrollments", "on", "two"]).await;
    let vault = desk.open_vault();
    let on: Vec<bool> = vault.list().map(|kept| kept.on).collect();
    assert_eq!(on, [false, true]);
}

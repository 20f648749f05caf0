//! The command `doctor`, as a person runs it, on this computer.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

use drawbridge_testkit::home::{CodexHome, Scratch, real_codex, scratch_dir};
use drawbridge_testkit::model::ScriptedModel;
use drawbridge_testkit::secret_service::Session;
use drawbridge_vault::{BusId, Enrollment, KeySource, Vault};
use drawbridge_wire::Secret;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// The overall bound, with what a loaded computer may add.
const BOUND: Duration = Duration::from_secs(25);

struct Patient {
    scratch: Scratch,
    codex: PathBuf,
    codex_home: PathBuf,
    data: PathBuf,
    variables: Vec<(&'static str, std::ffi::OsString)>,
}

impl Patient {
    /// With a codex that is not there, so that only the rest is looked at.
    fn new() -> Self {
        let scratch = scratch_dir("doctor").unwrap();
        let data = scratch.path().join("d");
        let codex_home = scratch.folder("ch").unwrap();
        Self {
            codex: scratch.path().join("no/codex"),
            codex_home,
            data,
            scratch,
            variables: Vec::new(),
        }
    }

    /// Runs it and gives exit code and checks.
    fn doctor(&self, args: &[&str]) -> (Option<i32>, Value) {
        let began = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.scratch.path())
            .env("DRAWBRIDGE_DATA_DIR", &self.data)
            .env("DRAWBRIDGE_CONFIG", self.scratch.path().join("my.toml"))
            .env("CODEX_HOME", &self.codex_home)
            .env("FORGE_CODEX_CONNECTOR_CODEX_BIN", &self.codex)
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .envs(self.variables.iter().cloned())
            .args(["doctor", "--json"])
            .args(args)
            .output()
            .unwrap();
        assert!(began.elapsed() < BOUND, "it took {:?}", began.elapsed());
        let text = String::from_utf8_lossy(&output.stdout);
        let json = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
        });
        (output.status.code(), json)
    }
}

fn check<'a>(examined: &'a Value, id: &str) -> &'a Value {
    let checks = examined["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {examined:#}"))
}

fn level(examined: &Value, id: &str) -> String {
    check(examined, id)["level"].as_str().unwrap().to_owned()
}

fn says(examined: &Value, id: &str, word: &str) -> bool {
    let check = check(examined, id);
    format!("{} {}", check["what"], check["remedy"]).contains(word)
}

#[test]
fn without_codex_the_rest_is_looked_at_all_the_same() {
    let patient = Patient::new();
    let (code, examined) = patient.doctor(&[]);
    assert_eq!(code, Some(1));
    assert_eq!(level(&examined, "codex"), "fail");
    assert!(
        says(&examined, "codex", "npm install -g @openai/codex"),
        "{examined:#}"
    );
    assert_eq!(level(&examined, "handshake"), "warn");
    for well in [
        "codex_home",
        "codex_config",
        "config_file",
        "data_dir",
        "leftovers",
        "host",
        "vault",
        "bus",
    ] {
        assert_eq!(level(&examined, well), "ok", "{well}: {examined:#}");
    }
    // No session bus: nothing is kept yet, so it only warns.
    assert_eq!(level(&examined, "keyring"), "warn");
    assert!(!patient.data.exists(), "it made a data directory");
    assert_eq!(examined["fail"], 1, "{examined:#}");
}

#[test]
fn folders_that_cannot_be_used_are_named_with_their_remedy() {
    let mut patient = Patient::new();
    let file = patient.scratch.path().join("file");
    std::fs::write(&file, "").unwrap();
    patient.codex_home = file.clone();
    std::fs::create_dir(&patient.data).unwrap();
    std::fs::set_permissions(&patient.data, PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::write(patient.data.join("audit.jsonl"), "").unwrap();
    std::fs::set_permissions(patient.data.join("audit.jsonl"), PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(
        patient.scratch.path().join("my.toml"),
        "[security]\nrole = \"vewer\"\n",
    )
    .unwrap();
    let (code, examined) = patient.doctor(&[]);
    assert_eq!(code, Some(1));
    assert_eq!(level(&examined, "codex_home"), "fail");
    assert!(says(&examined, "codex_home", file.to_str().unwrap()));
    assert_eq!(level(&examined, "data_dir"), "fail");
    assert!(says(&examined, "data_dir", "mode 0777") && says(&examined, "data_dir", "chmod 700"));
    assert_eq!(level(&examined, "sockets"), "fail");
    assert!(says(&examined, "sockets", "audit.jsonl"));
    assert_eq!(level(&examined, "config_file"), "fail");
    assert!(says(&examined, "config_file", "my.toml:2:8"));
}

#[test]
fn a_host_key_that_stops_every_start_is_named() {
    let patient = Patient::new();
    let (_, examined) = patient.doctor(&[]);
    assert_eq!(level(&examined, "identity"), "ok", "{examined:#}");
    let file = patient.data.join("host-identity.json");
    std::fs::create_dir(&patient.data).unwrap();
    std::fs::write(&file, "\0garbage").unwrap();
    let (code, examined) = patient.doctor(&[]);
    assert_eq!(code, Some(1));
    assert_eq!(level(&examined, "identity"), "fail", "{examined:#}");
    assert!(
        says(&examined, "identity", file.to_str().unwrap()),
        "{examined:#}"
    );
    let remedy = check(&examined, "identity")["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("move it away"), "{remedy}");
    assert_eq!(std::fs::read(&file).unwrap(), b"\0garbage");
}

#[test]
fn folders_that_no_remote_gets_are_named() {
    let patient = Patient::new();
    let file = patient.scratch.path().join("my.toml");
    std::fs::write(file, "[security]\nroots = [\"/\", \"/nope\"]\n").unwrap();
    let (_, examined) = patient.doctor(&[]);
    assert_eq!(level(&examined, "config_file"), "warn", "{examined:#}");
    for word in ["my.toml:2:9", "`/` is or contains", "`/nope` does not exist"] {
        assert!(says(&examined, "config_file", word), "{word}: {examined:#}");
    }
}

/// Answers every request with these headers, until the test ends; takes the one token.
fn server(headers: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            let (mut connects, mut taken) = (false, false);
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                connects |= line.starts_with("GET /connect");
                taken |= line
                    .to_ascii_lowercase()
                    .starts_with("authorization: bearer canary-good");
                line.clear();
            }
            let status = match (connects, taken) {
                (true, true) => "426 Upgrade Required",
                (true, false) => "401 Unauthorized",
                (false, _) => "200 OK",
            };
            let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n");
            // Who asked may be gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    at
}

#[test]
fn a_bus_that_is_down_or_whose_clock_is_off_is_named() {
    let patient = Patient::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_, examined) = patient.doctor(&["--api", &format!("http://{free}")]);
    assert_eq!(level(&examined, "bus"), "fail");
    assert_eq!(check(&examined, "bus")["about"], free.to_string());
    assert!(says(&examined, "bus", "refuses connections"));

    let hour = Duration::from_secs(3600);
    for (date, expected) in [
        (SystemTime::now(), "ok"),
        (SystemTime::now() - Duration::from_secs(90), "warn"),
        (SystemTime::now() + hour, "fail"),
    ] {
        let at = server(format!("date: {}\r\n", httpdate::fmt_http_date(date)));
        let (_, examined) = patient.doctor(&["--api", &at]);
        assert_eq!(level(&examined, "bus"), "ok", "{examined:#}");
        assert_eq!(level(&examined, "bus_clock"), expected, "{examined:#}");
    }
}

#[test]
fn a_token_that_is_not_taken_is_named_and_not_shown() {
    let mut patient = Patient::new();
    patient
        .variables
        .push(("FORGE_CODEX_CONNECTOR_TOKEN", "CANARY-wrong".into()));
    let at = server(String::new());
    let (_, examined) = patient.doctor(&["--api", &at]);
    assert_eq!(level(&examined, "bus_token"), "fail", "{examined:#}");
    assert!(!examined.to_string().contains("CANARY"));
}

#[test]
fn a_bus_that_is_only_named_has_a_line_about_its_token_too() {
    let mut patient = Patient::new();
    let at = server(String::new());
    let (_, examined) = patient.doctor(&["--api", &at]);
    assert_eq!(level(&examined, "bus_token"), "warn", "{examined:#}");
    assert!(says(&examined, "bus_token", "no token given"), "{examined:#}");
    let (_, examined) = patient.doctor(&["--api", &at, "--token", "CANARY-good"]);
    assert_eq!(level(&examined, "bus_token"), "ok", "{examined:#}");
    patient
        .variables
        .push(("CODEX_APP_CONNECTOR_TOKEN", "CANARY-good".into()));
    let (_, examined) = patient.doctor(&["--api", &at]);
    assert_eq!(level(&examined, "bus_token"), "ok", "{examined:#}");
    assert!(!examined.to_string().contains("CANARY"));
}

fn enrollment(id: &str, api: &str, token: &str, on: bool) -> Enrollment {
    Enrollment {
        id: BusId::new(id).unwrap(),
        name: format!("bus {id}"),
        api_origin: api.to_owned(),
        host_id: None,
        token: Secret::new(token),
        on,
        disabled: None,
        mcp: None,
        bus: None,
        ca_file: None,
        made_at: 1,
    }
}

/// Everything below a folder, with its bytes.
fn below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn enrolled_buses_are_looked_at_although_no_host_runs() {
    let patient = Patient::new();
    let at = server(format!(
        "date: {}\r\n",
        httpdate::fmt_http_date(SystemTime::now())
    ));
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let key = patient.scratch.path().join("key");
    std::fs::create_dir(&patient.data).unwrap();
    std::fs::set_permissions(&patient.data, PermissionsExt::from_mode(0o700)).unwrap();
    let folder = patient.data.join("vault");
    let mut vault = Vault::open(&folder, &KeySource::KeyFile(key.clone())).unwrap();
    for kept in [
        enrollment("good", &at, "CANARY-good", true),
        enrollment("bad", &at, "CANARY-bad", true),
        enrollment("off", &at, "CANARY-bad", false),
        enrollment("down", &format!("http://{down}"), "CANARY-good", true),
    ] {
        vault.put(kept).unwrap();
    }
    drop(vault);
    let before = below(&patient.data);
    let with_key = ["--key-file", key.to_str().unwrap()];
    let rows = |examined: &Value| -> Vec<(String, String, String)> {
        let word = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
        let checks = examined["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["id"].as_str().unwrap().starts_with("bus"))
            .map(|check| (word(check, "about"), word(check, "id"), word(check, "level")))
            .collect()
    };
    let row = |about: &str, id: &str, level: &str| (about.to_owned(), id.to_owned(), level.to_owned());

    let (code, examined) = patient.doctor(&with_key);
    let mut found = rows(&examined);
    found.sort();
    assert_eq!(
        found,
        [
            row("bus bad", "bus", "ok"),
            row("bus bad", "bus_clock", "ok"),
            row("bus bad", "bus_token", "fail"),
            row("bus down", "bus", "fail"),
            row("bus down", "bus_token", "warn"),
            row("bus good", "bus", "ok"),
            row("bus good", "bus_clock", "ok"),
            row("bus good", "bus_token", "ok"),
            row("bus off", "bus", "ok"),
            row("bus off", "bus_clock", "ok"),
        ],
        "{examined:#}"
    );
    assert_eq!(level(&examined, "vault"), "ok", "{examined:#}");
    assert_eq!(code, Some(1));
    assert!(!examined.to_string().contains("CANARY"));
    assert_eq!(below(&patient.data), before, "doctor changed something");

    // Without the key they are known, and what to do is said.
    let (_, examined) = patient.doctor(&[]);
    let mut found = rows(&examined);
    found.sort();
    let ids = ["bad", "down", "good", "off"];
    assert_eq!(found, ids.map(|id| row(id, "bus", "warn")), "{examined:#}");
    assert!(says(&examined, "bus", "enrolled, not looked at"), "{examined:#}");
    assert_eq!(level(&examined, "vault"), "warn", "{examined:#}");
    let missing = patient.scratch.path().join("other key");
    let (_, examined) = patient.doctor(&["--key-file", missing.to_str().unwrap()]);
    assert!(
        says(&examined, "bus", "if you started it with --key-file"),
        "{examined:#}"
    );
    assert_eq!(below(&patient.data), before, "doctor changed something");

    // A damaged file is not ok, and the bus of a file that is lost is not forgotten.
    std::fs::write(folder.join("bad.age"), "no age file").unwrap();
    let (_, examined) = patient.doctor(&with_key);
    assert_eq!(level(&examined, "vault"), "warn", "{examined:#}");
    std::fs::write(folder.join("bad.age.bak"), "no age file").unwrap();
    let (_, examined) = patient.doctor(&with_key);
    assert_eq!(level(&examined, "vault"), "fail", "{examined:#}");
    assert!(says(&examined, "vault", "[file_damaged]"), "{examined:#}");
    assert!(
        rows(&examined).contains(&row("bad", "bus", "warn")),
        "{examined:#}"
    );
}

#[test]
fn a_locked_keyring_warns_and_nobody_is_asked() {
    let scratch = scratch_dir("dk").unwrap();
    let session = Session::start(scratch.path()).unwrap();
    let mut patient = Patient::new();
    patient.variables = session.environment();
    session.start_keyring(Some("correct horse")).unwrap();
    let (_, examined) = patient.doctor(&[]);
    assert_eq!(level(&examined, "keyring"), "ok", "{examined:#}");

    // Nobody answers prompts: who unlocked would wait.
    session.silent_prompter().unwrap();
    session.lock().unwrap();
    let (_, examined) = patient.doctor(&[]);
    assert_eq!(level(&examined, "keyring"), "warn", "{examined:#}");
    assert!(says(&examined, "keyring", "locked") && says(&examined, "keyring", "drawbridge vault open"));

    session.stop_keyring().unwrap();
    session.silent_keyring().unwrap();
    let (_, examined) = patient.doctor(&[]);
    assert_eq!(level(&examined, "keyring"), "warn", "{examined:#}");
    assert!(says(&examined, "keyring", "did not answer"), "{examined:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_codex_is_looked_at_and_leaves_nothing() {
    let model = ScriptedModel::start().await.unwrap();
    let mut patient = Patient::new();
    let home = CodexHome::create(patient.scratch.path(), &model.base_url()).unwrap();
    patient.codex_home = home.path().to_owned();
    patient.codex = real_codex();
    let mark = format!("CODEX_HOME={}", home.path().display());
    let (code, examined) = tokio::task::block_in_place(|| patient.doctor(&[]));
    for well in [
        "codex",
        "codex_home",
        "codex_config",
        "handshake",
        "login",
        "sandbox",
        "other_codex",
    ] {
        assert_eq!(level(&examined, well), "ok", "{well}: {examined:#}");
    }
    assert_eq!(
        (code, &examined["fail"]),
        (Some(0), &Value::from(0)),
        "{examined:#}"
    );
    assert!(says(&examined, "codex", "codex-cli"));
    assert_eq!(processes_with(&mark), Vec::<String>::new());

    // Somebody holds a thread, as far as can be seen from outside.
    let locks = home.path().join("thread-writer-locks");
    std::fs::create_dir_all(&locks).unwrap();
    let held = std::fs::File::create(locks.join("thread.lock")).unwrap();
    let (code, examined) = tokio::task::block_in_place(|| patient.doctor(&[]));
    assert_eq!(level(&examined, "other_codex"), "warn", "{examined:#}");
    assert!(says(
        &examined,
        "other_codex",
        &format!("(pid {})", std::process::id())
    ));
    assert_eq!(code, Some(0), "a warning is no failure");
    drop(held);
}

fn processes_with(variable: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == variable.as_bytes())
        })
        .map(|process| std::fs::read_to_string(process.path().join("comm")).unwrap_or_default())
        .collect()
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_codex_that_cannot_sandbox_or_answer_is_told_with_its_own_words() {
    let mut patient = Patient::new();
    patient.codex = patient.scratch.path().join("codex");
    let text = "#!/bin/sh\ncase \"$1\" in --version) echo codex-cli 9;; sandbox) echo 'bwrap: No permissions to create \
                new namespace' >&2; exit 1;; *) echo 'no app-server today' >&2; exit 3;; esac\n";
    script(&patient.codex, text);
    let (_, examined) = patient.doctor(&[]);
    assert!(says(&examined, "codex", "codex-cli 9"));
    assert_eq!(level(&examined, "sandbox"), "fail");
    assert!(
        says(&examined, "sandbox", "new namespace") && says(&examined, "sandbox", "apt install bubblewrap")
    );
    assert_eq!(level(&examined, "handshake"), "fail");
    assert!(
        says(&examined, "handshake", "no app-server today"),
        "{examined:#}"
    );
}

/// Two that begin at one moment take something from each other, and the second runs nothing in its sandbox.
#[test]
fn a_codex_that_another_one_was_in_the_way_of_is_asked_again() {
    let mut patient = Patient::new();
    patient.codex = patient.scratch.path().join("codex");
    let (once, always) = (patient.scratch.path().join("once"), "/nonexistent/mark");
    for (mark, wanted) in [(once.to_str().unwrap(), "ok"), (always, "fail")] {
        let text = format!(
            "#!/bin/sh\ncase \"$1\" in --version) echo codex-cli 9;; sandbox) [ -e {mark} ] && exit 0; touch {mark} \
             2>/dev/null; echo 'WARNING: proceeding, even though we could not create PATH aliases: operation would \
             block' >&2; exit 1;; *) exit 3;; esac\n"
        );
        script(&patient.codex, &text);
        let (_, examined) = patient.doctor(&[]);
        assert_eq!(level(&examined, "sandbox"), wanted, "{examined:#}");
    }
}

#[test]
fn what_a_killed_host_left_is_listed_and_lives_on() {
    let patient = Patient::new();
    std::fs::create_dir(&patient.data).unwrap();
    let line = "{\"nonce\":\"0f0f0f0f0f0f0f0f\",\"owner\":1,\"owner_start\":1}\n";
    std::fs::write(patient.data.join("children.jsonl"), line).unwrap();
    let mut left = Command::new("sleep")
        .arg("100")
        .env("DRAWBRIDGE_CHILD", "0f0f0f0f0f0f0f0f:agent")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (_, examined) = patient.doctor(&[]);
    let alive = left.try_wait().unwrap().is_none();
    left.kill().unwrap();
    left.wait().unwrap();
    assert_eq!(level(&examined, "leftovers"), "warn", "{examined:#}");
    assert!(says(
        &examined,
        "leftovers",
        &format!("sleep (pid {})", left.id())
    ));
    assert!(alive, "it was ended");
}

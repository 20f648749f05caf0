//! Whom `doctor` shows an enrollment's token to.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

use drawbridge_testkit::home::{Scratch, scratch_dir};
use drawbridge_testkit::tls;
use drawbridge_vault::{BusId, Enrollment, KeySource, Vault};
use drawbridge_wire::Secret;
use rustls::{ServerConnection, Stream};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// An authority, and a server with a certificate of it that remembers what it is told.
struct Server {
    api: String,
    ca: PathBuf,
    heard: Arc<Mutex<String>>,
}

impl Server {
    fn start(folder: &Path, name: &str) -> Self {
        let tls::Private { authority, server } = tls::Private::new(name, "127.0.0.1");
        let ca = folder.join(format!("{name}.pem"));
        std::fs::write(&ca, authority).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = format!("https://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(String::new()));
        let ear = heard.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let Ok(mut socket) = socket else { return };
                let mut tls = ServerConnection::new(server.clone()).unwrap();
                let mut stream = Stream::new(&mut tls, &mut socket);
                let (mut said, mut some) = (String::new(), [0; 4096]);
                while !said.contains("\r\n\r\n") {
                    let Ok(read @ 1..) = stream.read(&mut some) else {
                        break;
                    };
                    said.push_str(&String::from_utf8_lossy(&some[..read]));
                }
                let status = if said.starts_with("GET /connect") {
                    "426 Upgrade Required"
                } else {
                    "200 OK"
                };
                ear.lock().unwrap().push_str(&said);
                // Who asked may be gone.
                let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
                let _ = stream.flush();
            }
        });
        Self { api, ca, heard }
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

/// A computer that is enrolled at a bus.
struct Desk {
    scratch: Scratch,
}

impl Desk {
    fn enrolled(api: &str, ca_file: Option<&Path>) -> Self {
        let desk = Self {
            scratch: scratch_dir("trust").unwrap(),
        };
        std::fs::create_dir(desk.at("d")).unwrap();
        let mut vault = Vault::open(&desk.at("d/vault"), &KeySource::KeyFile(desk.at("key"))).unwrap();
        vault
            .put(Enrollment {
                id: BusId::new("one").unwrap(),
                name: "bus one".to_owned(),
                api_origin: api.to_owned(),
                host_id: None,
                token: Secret::new("CANARY-kept"),
                on: true,
                disabled: None,
                mcp: None,
                bus: None,
                ca_file: ca_file.map(Path::to_owned),
                made_at: 1,
            })
            .unwrap();
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The lines about the bus.
    fn doctor(&self, args: &[&str]) -> Vec<(String, String)> {
        let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.scratch.path())
            .env("DRAWBRIDGE_DATA_DIR", self.at("d"))
            .env("DRAWBRIDGE_CONFIG", self.at("my.toml"))
            .env("CODEX_HOME", self.at("no such folder"))
            .env("FORGE_CODEX_CONNECTOR_CODEX_BIN", self.at("no/codex"))
            .arg("--key-file")
            .arg(self.at("key"))
            .args(["doctor", "--json"])
            .args(args)
            .output()
            .unwrap();
        let examined: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let word = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
        let checks = examined["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["about"] == "bus one")
            .map(|check| (word(check, "id"), word(check, "level")))
            .collect()
    }
}

fn row(id: &str, level: &str) -> (String, String) {
    (id.to_owned(), level.to_owned())
}

/// proves S0.07
#[test]
fn a_token_of_the_vault_goes_to_nobody_the_configuration_file_vouches_for() {
    let pki = tempfile::tempdir().unwrap();
    let impostor = Server::start(pki.path(), "impostor");
    let bus = Server::start(pki.path(), "bus");
    // One that is enrolled with an authority of its own, one with those of the system.
    for own in [Some(bus.ca.as_path()), None] {
        let desk = Desk::enrolled(&impostor.api, own);
        let file = format!("[bus]\nca_file = {:?}\n", impostor.ca);
        std::fs::write(desk.at("my.toml"), file).unwrap();
        let lines = desk.doctor(&[]);
        assert!(lines.contains(&row("bus", "fail")), "{lines:?}");
        assert!(lines.contains(&row("bus_token", "warn")), "{lines:?}");
        // Nor does one that is named for another bus.
        let lines = desk.doctor(&["--ca", impostor.ca.to_str().unwrap()]);
        assert!(lines.contains(&row("bus", "fail")), "{lines:?}");
        assert_eq!(impostor.heard(), "");
    }
    // The authority that is kept with the enrollment counts, whatever the file says.
    let desk = Desk::enrolled(&bus.api, Some(&bus.ca));
    let file = format!("[bus]\nca_file = {:?}\n", impostor.ca);
    std::fs::write(desk.at("my.toml"), file).unwrap();
    let lines = desk.doctor(&[]);
    assert!(lines.contains(&row("bus", "ok")), "{lines:?}");
    assert!(lines.contains(&row("bus_token", "ok")), "{lines:?}");
    assert!(bus.heard().contains("CANARY-kept"));
    assert_eq!(impostor.heard(), "");
}

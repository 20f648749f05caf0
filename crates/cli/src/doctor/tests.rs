//! From facts to lines, by tables.

use super::codex::{self, BadEnd, Failure, Handshake, Holder, Login, Others, Sandbox, Version};
use super::enrolled::{self, Closed, Seen};
use super::finding::{Check, Examined, Finding, Level};
use super::folders::{self, CodexHome, ConfigFile, DataDir, Insides, Room};
use super::{host, vault};
use drawbridge_codex::{CodexBinary, HomeError, LocateError};
use drawbridge_vault::{FileFault, FileLook, Glance, KeyError, LikelyKey, VaultError};
use drawbridge_wire::buses::{VaultCondition, VaultFileView, VaultView};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn at() -> PathBuf {
    PathBuf::from("/home/u/data")
}

/// Every line that is not well says what to do, and the words that a person needs are in it.
fn check(table: Vec<(Finding, Level, &str)>) {
    for (finding, level, word) in table {
        let remedy = finding.remedy.clone().unwrap_or_default();
        assert_eq!(finding.level, level, "{finding:?}");
        assert_eq!(remedy.is_empty(), level == Level::Ok, "{finding:?}");
        assert!(format!("{} {remedy}", finding.what).contains(word), "{finding:?}");
    }
}

fn bad_end(line: &str) -> BadEnd {
    BadEnd {
        status: None,
        lines: vec![line.to_owned()],
    }
}

#[test]
fn facts_about_codex_become_lines() {
    let binary = || {
        Ok(CodexBinary {
            program: "/opt/codex".into(),
            via_launcher: false,
        })
    };
    let said = Version::Said("codex-cli 1".into());
    let missing = Err(LocateError::NotOnPath { name: "codex".into() });
    let holders = vec![Holder {
        pid: 7,
        name: "codex".into(),
        threads: 2,
    }];
    check(vec![
        (
            codex::of_program(&binary(), &said),
            Level::Ok,
            "/opt/codex (codex-cli 1)",
        ),
        (codex::of_program(&missing, &said), Level::Fail, "npm install"),
        (
            codex::of_program(&binary(), &Version::Failed(bad_end("x").into())),
            Level::Fail,
            "--codex-bin",
        ),
        (codex::of_handshake(&Handshake::NotTried), Level::Warn, "first"),
        (
            codex::of_handshake(&Handshake::Failed(bad_end("Error: y").into())),
            Level::Fail,
            "Error: y",
        ),
        (
            codex::of_handshake(&Handshake::OnDefaults("line 3".into())),
            Level::Fail,
            "config.toml",
        ),
        (
            codex::of_handshake(&Handshake::Answered {
                user_agent: "a/1".into(),
                within: Duration::from_millis(12),
            }),
            Level::Ok,
            "a/1 within 12 ms",
        ),
        (codex::of_login(&Login::NotNeeded), Level::Ok, "needs none"),
        (codex::of_login(&Login::Is("apiKey".into())), Level::Ok, "apiKey"),
        (codex::of_login(&Login::None), Level::Fail, "codex login"),
        (codex::of_login(&Login::NotAsked), Level::Warn, "first"),
        (
            codex::of_login(&Login::NotAnswered(Failure::NoAnswer(Duration::from_secs(4)))),
            Level::Warn,
            "no answer within 4 s",
        ),
        (codex::of_sandbox(&Sandbox::Holds), Level::Ok, "not write"),
        (codex::of_sandbox(&Sandbox::Open), Level::Fail, "could write"),
        (codex::of_sandbox(&Sandbox::NotTried), Level::Warn, "first"),
        (
            codex::of_sandbox(&Sandbox::Unknown(bad_end("usage"))),
            Level::Warn,
            "usage",
        ),
        (
            codex::of_others(
                &at(),
                &Others {
                    seen: true,
                    ..Others::default()
                },
            ),
            Level::Ok,
            "no other",
        ),
        (
            codex::of_others(&at(), &Others::default()),
            Level::Ok,
            "cannot be seen",
        ),
        (
            codex::of_others(
                &at(),
                &Others {
                    seen: true,
                    holders,
                    daemon: None,
                },
            ),
            Level::Warn,
            "codex (pid 7) holds 2 thread",
        ),
        (
            codex::of_others(
                &at(),
                &Others {
                    daemon: Some("/s".into()),
                    ..Others::default()
                },
            ),
            Level::Warn,
            "daemon stop",
        ),
    ]);
    #[cfg(target_os = "linux")]
    check(vec![(
        codex::of_sandbox(&Sandbox::Failed(bad_end("bwrap: no namespace").into())),
        Level::Fail,
        "apt install bubblewrap",
    )]);
}

#[test]
fn facts_about_folders_become_lines() {
    let there = |mode, ours, temporary| DataDir::There {
        mode: Some(mode),
        ours,
        temporary,
    };
    let room = |free| vec![Room { path: at(), free }];
    let long = PathBuf::from(format!("/{}", "d".repeat(100)));
    let insides = Insides {
        sockets: 1,
        files: 0,
        open: vec![
            (at().join("run"), 0o755, true),
            (at().join("audit.jsonl"), 0o644, false),
        ],
        ..Insides::default()
    };
    let of_dir = |found: &DataDir| folders::of_data_dir(&at(), found);
    check(vec![
        (of_dir(&DataDir::Missing), Level::Ok, "makes it"),
        (of_dir(&DataDir::NotAFolder), Level::Fail, "--data-dir"),
        (
            of_dir(&DataDir::Unreadable(std::io::ErrorKind::PermissionDenied.into())),
            Level::Fail,
            "denied",
        ),
        (of_dir(&there(0o700, true, None)), Level::Ok, "0700"),
        (
            of_dir(&there(0o777, true, None)),
            Level::Fail,
            "chmod 700 '/home/u/data'",
        ),
        (of_dir(&there(0o710, true, None)), Level::Fail, "0710"),
        (of_dir(&there(0o700, false, None)), Level::Fail, "another user"),
        (
            of_dir(&there(0o700, true, Some("/tmp".into()))),
            Level::Fail,
            "below /tmp",
        ),
        (
            folders::of_data_dir(&long, &DataDir::Missing),
            Level::Fail,
            "too long",
        ),
        (folders::of_insides(&Insides::default()), Level::Ok, "none yet"),
        (
            folders::of_insides(&insides),
            Level::Fail,
            "chmod 600 '/home/u/data/audit.jsonl'",
        ),
        (folders::of_rooms(&room(Ok(u64::MAX))), Level::Ok, "MiB"),
        (folders::of_rooms(&room(Ok(500 << 20))), Level::Warn, "500 MiB"),
        (folders::of_rooms(&room(Ok(99 << 20))), Level::Fail, "99 MiB"),
        (folders::of_rooms(&room(Err(nix::Error::EIO))), Level::Warn, "EIO"),
        (
            folders::of_codex_home(&CodexHome::Good(at())),
            Level::Ok,
            "/home/u/data",
        ),
        (
            folders::of_codex_home(&CodexHome::WillBeMade(at())),
            Level::Ok,
            "makes it",
        ),
        (
            folders::of_codex_home(&CodexHome::NotWritable(at())),
            Level::Fail,
            "CODEX_HOME",
        ),
        (
            folders::of_codex_home(&CodexHome::Bad(HomeError::NotADirectory(at()))),
            Level::Fail,
            "CODEX_HOME",
        ),
        (
            folders::of_config_file(Some(&at()), &ConfigFile::None),
            Level::Ok,
            "defaults",
        ),
        (
            folders::of_config_file(None, &ConfigFile::Nowhere),
            Level::Ok,
            "defaults",
        ),
        (
            folders::of_config_file(Some(&at()), &ConfigFile::Read(Vec::new())),
            Level::Ok,
            "right",
        ),
    ]);
    let wrong = drawbridge_config::parse_bytes(b"[security]\nrole = \"vewer\"\n", "c.toml").1;
    let shown = folders::of_config_file(Some(Path::new("c.toml")), &ConfigFile::Read(wrong));
    check(vec![(shown, Level::Fail, "c.toml:2:8")]);
}

#[test]
fn facts_about_the_vault_become_lines() {
    let keyring = |glance| vault::of_place(&vault::Place::Keyring(Ok(glance)), true);
    let absent = || {
        vault::Place::Keyring(Err(KeyError::KeyringAbsent {
            detail: "no bus".into(),
        }))
    };
    let file = |found| vault::Place::File { path: at(), found };
    check(vec![
        (keyring(Glance::Unlocked), Level::Ok, "unlocked"),
        (keyring(Glance::NotSeen), Level::Ok, "keyring"),
        (keyring(Glance::Locked), Level::Warn, "vault open"),
        (keyring(Glance::NeverUnlocked), Level::Warn, "--key-file"),
        (keyring(Glance::Volatile), Level::Warn, "--key-file"),
        (vault::of_place(&absent(), false), Level::Warn, "no bus"),
        (vault::of_place(&absent(), true), Level::Fail, "--key-file"),
        (vault::of_place(&file(None), false), Level::Ok, "makes it"),
        (vault::of_place(&file(None), true), Level::Fail, "put it back"),
        (
            vault::of_place(&file(Some((Some(0o600), true))), true),
            Level::Ok,
            "0600",
        ),
        (
            vault::of_place(&file(Some((Some(0o640), true))), true),
            Level::Fail,
            "chmod 600",
        ),
        (
            vault::of_place(&file(Some((Some(0o400), false))), true),
            Level::Warn,
            "chown",
        ),
    ]);
    let file = |fault: Option<FileFault>, good_copy| FileLook {
        name: "b".to_owned(),
        fault,
        good_copy,
    };
    let read = |files| {
        enrolled::of_vault(&Seen::Read {
            files,
            enrollments: Vec::new(),
        })
    };
    let damaged = || Some(FileFault::Damaged { what: "cut" });
    let closed = |why: Closed| Seen::Closed {
        files: vec!["b".to_owned(), "confirmed".to_owned()],
        why,
    };
    let locked = || closed(VaultError::from(KeyError::KeyringLocked).into());
    let lost = closed(Closed::Vault(VaultError::KeyLost {
        dir: at(),
        files: 2,
        place: "the keyring".to_owned(),
        likely: LikelyKey::NotNamed,
    }));
    check(vec![
        (enrolled::of_vault(&Seen::Nothing), Level::Ok, "none yet"),
        (read(vec![file(None, true)]), Level::Ok, "all of them good"),
        (
            read(vec![file(damaged(), true)]),
            Level::Warn,
            "its copy can [file_damaged]",
        ),
        (
            read(vec![file(damaged(), false)]),
            Level::Fail,
            "put the file back",
        ),
        (
            read(vec![
                file(damaged(), true),
                file(Some(FileFault::WrongKey), false),
            ]),
            Level::Fail,
            "[wrong_key]",
        ),
        (enrolled::of_vault(&locked()), Level::Warn, "b, confirmed"),
        (
            enrolled::of_vault(&lost),
            Level::Fail,
            "if you started it with --key-file",
        ),
        (
            enrolled::of_vault(&closed(Closed::Late)),
            Level::Warn,
            "look again",
        ),
    ]);
    // The confirmed settings have a way out of their own, without a host and with one.
    let lost = |name: &str| {
        let of_look = FileLook {
            name: name.to_owned(),
            ..file(damaged(), false)
        };
        let of_host = vault::of_host(&open_with(name, "file_damaged"));
        [read(vec![of_look]), of_host].map(|finding| (finding.level, finding.remedy.unwrap_or_default()))
    };
    for (level, remedy) in lost("confirmed") {
        assert_eq!(level, Level::Fail);
        assert!(remedy.contains("`drawbridge config accept`"), "{remedy}");
        assert!(!remedy.contains("enroll"), "{remedy}");
    }
    for (_, remedy) in lost("b") {
        assert!(remedy.contains("enroll again"), "{remedy}");
        assert!(!remedy.contains("config accept"), "{remedy}");
    }
    let restored = vault::of_host(&open_with("b", "restored"));
    check(vec![(restored, Level::Warn, "good copy")]);
    // The buses of a closed vault are known by the names of their files.
    let unseen = enrolled::not_looked_at(&locked());
    assert_eq!(unseen.len(), 1);
    assert_eq!(unseen[0].about.as_deref(), Some("b"));
    check(vec![
        (
            unseen[0].clone(),
            Level::Warn,
            "enrolled, not looked at: the keyring is locked",
        ),
        (unseen[0].clone(), Level::Warn, "unlock it"),
    ]);
}

/// A host's vault with one file.
fn open_with(name: &str, code: &str) -> VaultView {
    VaultView {
        state: VaultCondition::Open,
        key: "keyring".to_owned(),
        place: "the keyring".to_owned(),
        files: vec![VaultFileView {
            name: name.to_owned(),
            code: code.to_owned(),
            message: "words".to_owned(),
        }],
        notices: Vec::new(),
    }
}

#[test]
fn leftovers_are_named_and_not_ended() {
    let process = drawbridge_process::proc::process(std::process::id()).unwrap();
    check(vec![
        (host::of_leftovers(&Ok(Vec::new())), Level::Ok, "no process"),
        (host::of_leftovers(&Ok(vec![process])), Level::Warn, "pid "),
    ]);
}

/// proves S5.45
#[test]
fn problems_of_a_file_look_as_in_config_check() {
    let text = "[security]\n\t  role = \"ve\u{1b}[2Jwer\" # ‹\n";
    let wrong = drawbridge_config::parse_bytes(text.as_bytes(), "c.toml").1;
    let as_checked = wrong[0].to_string();
    assert!(as_checked.contains("‹U+001B ESCAPE›"), "{as_checked}");
    let examined = Examined::of(vec![folders::of_config_file(
        Some(Path::new("c.toml")),
        &ConfigFile::Read(wrong),
    )]);
    let shown = examined.text();
    for line in as_checked.lines() {
        assert!(shown.contains(&format!("{line}\n")), "{line}\n{shown}");
    }
    assert_eq!(
        shown.matches("U+001B").count(),
        as_checked.matches("U+001B").count()
    );
}

#[test]
fn what_waits_for_a_person_is_told_with_its_keys() {
    use drawbridge_wire::buses::{ConfigInForce, ConfigView, ConfirmedState, WideningView};
    let view = |waiting: &[&str], confirmed, digest: Option<&str>| ConfigView {
        file: at(),
        in_force: ConfigInForce::File,
        problems: Vec::new(),
        confirmed,
        waiting: waiting
            .iter()
            .map(|key| WideningView {
                key: (*key).to_owned(),
                from: "local".to_owned(),
                to: "both".to_owned(),
            })
            .collect(),
        digest: digest.map(str::to_owned),
        at_next_start: Vec::new(),
    };
    let kept = ConfirmedState::Kept;
    let waits = host::of_waiting(&view(&["security.answer", "security.role"], kept, Some("d")));
    check(vec![
        (
            host::of_waiting(&view(&[], kept, None)),
            Level::Ok,
            "nothing waits",
        ),
        (
            waits.clone(),
            Level::Warn,
            "security.answer: in force is local; both waits",
        ),
        (waits.clone(), Level::Warn, "security.role"),
        (waits, Level::Warn, "`drawbridge config accept`"),
        (
            host::of_waiting(&view(&[], ConfirmedState::Unreadable, Some("d"))),
            Level::Warn,
            "`drawbridge config accept`",
        ),
    ]);
}

#[test]
fn the_text_shows_each_with_its_remedy_and_nothing_moves_the_cursor() {
    let examined = Examined::of(vec![
        Finding::ok(Check::Codex, "/opt/codex"),
        Finding::fail(Check::Bus, "down\u{1b}[2J\nsecond", "start it").about("b:1"),
    ]);
    assert_eq!((examined.ok, examined.warn, examined.fail), (1, 0, 1));
    let text = examined.text();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.starts_with("ok    codex         /opt/codex\nFAIL  bus           b:1: down"));
    assert!(
        text.contains("\n                    second\n                  > start it\n1 well"),
        "{text}"
    );
    let json = serde_json::to_value(&examined).unwrap();
    assert_eq!(json["checks"][1]["id"], "bus");
    assert_eq!(json["checks"][1]["level"], "fail");
    for finding in &examined.checks {
        assert_eq!(serde_json::to_value(finding.id).unwrap(), finding.id.word());
    }
}

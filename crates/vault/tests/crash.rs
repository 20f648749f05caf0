//! Ended with SIGKILL at every step of every write, the vault opens with the old or the new content.
//!
//! proves S0.07, S0.08, S5.43
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{assert_no_plaintext, enrollment};
use drawbridge_vault::{BusId, Condition, Confirmed, KeySource, Notice, Vault, watch_steps};
use drawbridge_wire::Secret;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

const WORK: &str = "VAULT_CRASH_WORK";
const FOLDER: &str = "VAULT_CRASH_FOLDER";
const STEP: &str = "VAULT_CRASH_STEP";
/// No operation has nearly as many steps.
const MOST_STEPS: usize = 500;

struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }
    fn vault(&self) -> PathBuf {
        self.folder.join("vault")
    }
    fn source(&self) -> KeySource {
        KeySource::KeyFile(self.folder.join("key"))
    }
    fn open(&self) -> Vault {
        Vault::open(&self.vault(), &self.source()).unwrap_or_else(|error| panic!("{}: {error}", error.code()))
    }
    fn reset(&self) -> Vault {
        Vault::reset(&self.vault(), &self.source()).unwrap()
    }
}

/// What the ended process was doing, and what it found.
struct Work {
    name: &'static str,
    /// Makes what is there before.
    prepare: fn(&Place),
    run: fn(&Place),
    /// Names that may be found, by id, in the vault that is opened afterwards.
    allowed: &'static [(&'static str, &'static [Option<&'static str>])],
}

const BOTH: &[(&str, &[Option<&str>])] = &[("one", &[Some("old")]), ("two", &[Some("old")])];

const WORKS: &[Work] = &[
    Work {
        name: "create",
        prepare: |_| {},
        run: |place| drop(place.open()),
        allowed: &[],
    },
    Work {
        name: "first",
        prepare: |place| drop(place.open()),
        run: |place| place.open().put(enrollment("one", "new")).unwrap(),
        allowed: &[("one", &[None, Some("new")])],
    },
    Work {
        name: "change",
        prepare: two_old,
        run: |place| place.open().put(enrollment("one", "new")).unwrap(),
        allowed: &[("one", &[Some("old"), Some("new")]), ("two", &[Some("old")])],
    },
    Work {
        name: "change-twice",
        prepare: two_old,
        run: |place| {
            let mut vault = place.open();
            vault.put(enrollment("one", "middle")).unwrap();
            vault.put(enrollment("one", "new")).unwrap();
        },
        allowed: &[
            ("one", &[Some("old"), Some("middle"), Some("new")]),
            ("two", &[Some("old")]),
        ],
    },
    Work {
        name: "remove",
        prepare: two_old,
        run: |place| place.open().remove(&BusId::new("one").unwrap()).unwrap(),
        allowed: &[("one", &[Some("old"), None]), ("two", &[Some("old")])],
    },
    Work {
        name: "confirm",
        prepare: two_old,
        run: |place| {
            place
                .open()
                .confirm(Confirmed {
                    settings: BTreeMap::from([("answer".into(), "remote".into())]),
                    at: 2,
                })
                .unwrap();
        },
        allowed: BOTH,
    },
    Work {
        name: "rotate",
        prepare: two_old,
        run: |place| place.open().rotate().unwrap(),
        allowed: BOTH,
    },
    Work {
        name: "restore",
        prepare: |place| {
            two_old(place);
            let main = place.vault().join("one.age");
            let mut bytes = std::fs::read(&main).unwrap();
            bytes.truncate(100);
            std::fs::write(main, bytes).unwrap();
        },
        run: |place| drop(place.open()),
        allowed: BOTH,
    },
    Work {
        name: "import",
        prepare: |place| {
            two_old(place);
            let key = std::fs::read_to_string(place.folder.join("key")).unwrap();
            let mut other = Vault::open(
                &place.folder.join("other"),
                &KeySource::KeyFile(place.folder.join("other-key")),
            )
            .unwrap();
            for id in ["one", "three"] {
                other.put(enrollment(id, "new")).unwrap();
            }
            let recipient = key.trim().parse::<age::x25519::Identity>().unwrap().to_public();
            std::fs::write(
                place.folder.join("export"),
                other.export(&recipient.to_string()).unwrap(),
            )
            .unwrap();
        },
        run: |place| {
            let key = Secret::new(&std::fs::read_to_string(place.folder.join("key")).unwrap());
            let export = std::fs::read(place.folder.join("export")).unwrap();
            let report = place.open().import(&export, &key, true).unwrap();
            assert_eq!((report.added.len(), report.replaced.len()), (1, 1));
        },
        allowed: &[
            ("one", &[Some("old"), Some("new")]),
            ("two", &[Some("old")]),
            ("three", &[None, Some("new")]),
        ],
    },
    Work {
        name: "reset",
        prepare: two_old,
        run: |place| drop(place.reset()),
        // Checked by itself: what is not in the vault is aside.
        allowed: &[("one", &[Some("old"), None]), ("two", &[Some("old"), None])],
    },
];

fn two_old(place: &Place) {
    let mut vault = place.open();
    for id in ["one", "two"] {
        vault.put(enrollment(id, "old")).unwrap();
    }
}

/// Does one work and ends the process at one step of it.
#[test]
#[ignore = "the process that is ended"]
fn ends_itself() {
    let name = std::env::var(WORK).unwrap();
    let place = Place::new(Path::new(&std::env::var_os(FOLDER).unwrap()));
    let at: usize = std::env::var(STEP).unwrap().parse().unwrap();
    let steps = AtomicUsize::new(0);
    watch_steps(move |_| {
        if steps.fetch_add(1, Ordering::SeqCst) == at {
            let own = nix::unistd::Pid::this();
            nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGKILL).unwrap();
        }
    });
    let work = WORKS.iter().find(|work| work.name == name).unwrap();
    (work.run)(&place);
}

#[test]
fn killed_at_every_step_it_opens_with_the_old_or_the_new() {
    let program = std::env::current_exe().unwrap();
    let runs = std::thread::scope(|scope| {
        let all: Vec<_> = WORKS
            .iter()
            .map(|work| scope.spawn(|| kill_at_every_step(&program, work)))
            .collect();
        all.into_iter().map(|runs| runs.join().unwrap()).sum::<usize>()
    });
    assert!(runs >= 200, "only {runs} runs");
}

/// How often it was run.
fn kill_at_every_step(program: &Path, work: &Work) -> usize {
    let scratch = tempfile::tempdir().unwrap();
    let before = scratch.path().join("before");
    std::fs::create_dir(&before).unwrap();
    (work.prepare)(&Place::new(&before));
    for step in 0..MOST_STEPS {
        let folder = scratch.path().join(step.to_string());
        copy_folder(&before, &folder);
        let output = Command::new(program)
            .args([
                "ends_itself",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(WORK, work.name)
            .env(FOLDER, &folder)
            .env(STEP, step.to_string())
            .output()
            .unwrap();
        let at = format!("{} ended at step {step}", work.name);
        let whole = output.status.success();
        assert!(
            whole || output.status.signal() == Some(9),
            "{at}: {:?}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        assert_no_plaintext(&folder);
        check(work, &Place::new(&folder), &at, whole);
        std::fs::remove_dir_all(&folder).unwrap();
        if whole {
            assert!(step > 3, "{}: only {step} steps", work.name);
            return step + 1;
        }
    }
    panic!("{} never ends", work.name);
}

fn check(work: &Work, place: &Place, at: &str, whole: bool) {
    let vault = place.open();
    let state = vault.state();
    for file in &state.files {
        let good = matches!(file.condition, Condition::Good);
        let restored = work.name == "restore" && matches!(file.condition, Condition::Restored { .. });
        assert!(good || restored, "{at}: {state:?}");
    }
    for (id, allowed) in work.allowed {
        let found = vault.get(&BusId::new(id).unwrap()).ok();
        let name = found.map(|found| found.name.as_str());
        assert!(allowed.contains(&name), "{at}: {id} is {name:?}");
        if let (Some(found), Some(name)) = (found, name) {
            assert!(
                found.token == enrollment(id, name).token,
                "{at}: {id} has another token"
            );
        }
        if whole && work.name != "reset" {
            assert_eq!(name, *allowed.last().unwrap(), "{at}: {id}");
        }
    }
    assert_eq!(
        vault.list().count(),
        work.allowed
            .iter()
            .filter(|(id, _)| vault.get(&BusId::new(id).unwrap()).is_ok())
            .count(),
        "{at}"
    );
    match vault.confirmed().unwrap() {
        None => assert!(!(whole && work.name == "confirm"), "{at}"),
        Some(confirmed) => {
            assert_eq!(work.name, "confirm");
            assert_eq!(confirmed.settings.get("answer"), Some(&"remote".into()), "{at}");
        }
    }
    assert!(
        !state.notices.contains(&Notice::RotationUnfinished),
        "{at}: {state:?}"
    );
    drop(vault);

    let key = std::fs::read_to_string(place.folder.join("key")).unwrap();
    assert_eq!(
        key.matches("AGE-SECRET-KEY-1").count(),
        1,
        "{at}: an old key is left"
    );
    for (path, _) in common::files_below(&place.folder) {
        let name = path.to_string_lossy().into_owned();
        assert!(!name.ends_with(".tmp"), "{at}: {name} is left");
    }
    if work.name == "reset" {
        nothing_is_lost(place, at);
    }
    // It works on.
    let mut vault = place.open();
    assert!(vault.state().notices.is_empty(), "{at}: {:?}", vault.state());
    vault.put(enrollment("later", "later")).unwrap();
    drop(vault);
    let vault = place.open();
    assert_eq!(
        vault.get(&BusId::new("later").unwrap()).unwrap().name,
        "later",
        "{at}"
    );
    // Settings that were saved before the end are missed when they are removed.
    let confirmed = vault.confirmed().unwrap().is_some();
    drop(vault);
    for name in ["confirmed.age", "confirmed.age.bak"] {
        let removed = std::fs::remove_file(place.vault().join(name));
        assert_eq!(removed.is_ok(), confirmed, "{at}: {name}");
    }
    assert_eq!(place.open().confirmed().is_err(), confirmed, "{at}");
}

/// After a reset everything is either in the vault or aside.
fn nothing_is_lost(place: &Place, at: &str) {
    let aside = place.vault().join("lost-1");
    for id in ["one", "two"] {
        let id = BusId::new(id).unwrap();
        let here = place.open().get(&id).is_ok();
        let there = aside.is_dir() && Vault::open(&aside, &place.source()).unwrap().get(&id).is_ok();
        assert!(here || there, "{at}: {id} is gone");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            // Keeps the mode.
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

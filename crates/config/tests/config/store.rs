//! Whatever happens to the file, something good is in force and the state says what.

use drawbridge_config::{InForce, Loaded, Name, Store, has_errors};
use drawbridge_wire::{Role, WhoMayAnswer};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

struct Place {
    _dir: tempfile::TempDir,
    file: PathBuf,
    data: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config/config.toml");
        let data = dir.path().join("data");
        std::fs::create_dir(dir.path().join("config")).unwrap();
        Self {
            _dir: dir,
            file,
            data,
        }
    }

    fn write(&self, bytes: impl AsRef<[u8]>) {
        std::fs::write(&self.file, bytes).unwrap();
    }

    fn open(&self) -> Store {
        Store::open(&self.file, &self.data, 1)
    }
}

const VIEWER: &str = "[security]\nrole = \"viewer\"\n";

fn role(store: &Store) -> Option<Role> {
    store.state().in_force.values().role()
}

/// What is done, and doing it.
type Way = (&'static str, fn(&Place));

/// Ways to break a file, each told to make a file that was good a bad one.
fn ways_to_break() -> Vec<Way> {
    vec![
        ("syntax", |place| place.write("[security\nrole = \"operator\"\n")),
        ("a wrong word", |place| {
            place.write("[security]\nrole = \"root\"\n");
        }),
        ("NUL bytes", |place| place.write([0u8; 4096])),
        ("no UTF-8", |place| place.write([0xff, 0xc3, 0x28, 0x80])),
        ("a folder", |place| {
            std::fs::remove_file(&place.file).unwrap();
            std::fs::create_dir(&place.file).unwrap();
        }),
        ("a pipe nobody writes to", |place| {
            std::fs::remove_file(&place.file).unwrap();
            let made = std::process::Command::new("mkfifo")
                .arg(&place.file)
                .status()
                .unwrap();
            assert!(made.success());
        }),
        ("a dangling link", |place| {
            std::fs::remove_file(&place.file).unwrap();
            std::os::unix::fs::symlink("nowhere.toml", &place.file).unwrap();
        }),
        ("a link to itself", |place| {
            std::fs::remove_file(&place.file).unwrap();
            std::os::unix::fs::symlink("config.toml", &place.file).unwrap();
        }),
        ("100 MB", |place| {
            let file = std::fs::File::create(&place.file).unwrap();
            file.set_len(100 * 1024 * 1024).unwrap();
        }),
        ("endless", |place| {
            std::fs::remove_file(&place.file).unwrap();
            std::os::unix::fs::symlink("/dev/zero", &place.file).unwrap();
        }),
    ]
}

#[test]
// proves S5.47
fn a_file_that_breaks_while_we_run_leaves_the_good_one_in_force() {
    for (how, break_it) in ways_to_break() {
        let place = Place::new();
        place.write(VIEWER);
        let mut store = place.open();
        assert_eq!(store.state().from, InForce::File);
        break_it(&place);
        assert_eq!(store.load(2), Loaded::Changed, "{how}");
        let state = store.state();
        assert_eq!(state.from, InForce::LastGood, "{how}");
        assert_eq!(role(&store), Some(Role::Viewer), "{how}");
        assert!(has_errors(&state.problems), "{how}");
        assert_eq!(state.changed_at, 2);
        assert!(
            state.problems[0]
                .to_string()
                .starts_with(&place.file.display().to_string())
        );
    }
}

#[test]
// proves S5.47
fn a_start_with_a_broken_file_takes_the_last_good_one_and_no_wider_default() {
    for (how, break_it) in ways_to_break() {
        let place = Place::new();
        place.write(VIEWER);
        drop(place.open());
        break_it(&place);
        let store = place.open();
        assert_eq!(store.state().from, InForce::LastGood, "{how}");
        assert_eq!(role(&store), Some(Role::Viewer), "{how}");
        assert!(has_errors(&store.state().problems), "{how}");
    }
}

#[test]
// proves S5.47
fn a_first_start_with_a_broken_file_stands_on_the_defaults() {
    for (how, break_it) in ways_to_break() {
        let place = Place::new();
        place.write("");
        break_it(&place);
        let store = place.open();
        assert_eq!(store.state().from, InForce::NarrowedDefaults, "{how}");
        assert!(store.state().in_force.values().is_empty(), "{how}");
    }
}

#[test]
fn a_broken_file_still_narrows_the_defaults_but_never_widens_them() {
    let place = Place::new();
    place.write("[security]\nrole = \"viewer\"\nanswer = \"both\"\n\n[host]\nname = 5\n");
    let store = place.open();
    assert_eq!(store.state().from, InForce::NarrowedDefaults);
    assert_eq!(role(&store), Some(Role::Viewer));
    assert_eq!(
        store.state().in_force.values().answer(),
        None,
        "the default is narrower"
    );
}

#[test]
fn a_file_put_right_counts_again() {
    let place = Place::new();
    place.write("[security]\nanswer = \"everybody\"\n");
    let mut store = place.open();
    assert!(has_errors(&store.state().problems));
    place.write("[security]\nanswer = \"both\"\n");
    assert_eq!(store.load(5), Loaded::Changed);
    assert_eq!(store.state().from, InForce::File);
    assert_eq!(store.state().problems, []);
    assert_eq!(store.state().in_force.values().answer(), Some(WhoMayAnswer::Both));
    assert_eq!(store.load(6), Loaded::Same);
    assert_eq!(store.state().changed_at, 5, "nothing changed since");
}

#[test]
fn no_file_is_the_defaults_also_after_there_was_one() {
    let place = Place::new();
    place.write(VIEWER);
    let mut store = place.open();
    std::fs::remove_file(&place.file).unwrap();
    assert_eq!(store.load(2), Loaded::Changed);
    assert_eq!(store.state().from, InForce::Defaults);
    assert_eq!(store.state().problems, []);
    // A file that a person removed does not come back through the copy.
    place.write("broken");
    let store = place.open();
    assert_eq!(store.state().in_force.values().get(Name::Role), None);
}

#[test]
fn a_damaged_copy_and_a_data_folder_that_takes_none_stop_nothing() {
    let place = Place::new();
    place.write(VIEWER);
    drop(place.open());
    let copy = place.data.join("config.last-good.toml");
    assert_eq!(
        std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    std::fs::write(&copy, [0xff; 64]).unwrap();
    place.write("role");
    assert_eq!(place.open().state().from, InForce::NarrowedDefaults);

    // The data folder's place is taken by a file.
    let place = Place::new();
    std::fs::write(&place.data, "").unwrap();
    place.write(VIEWER);
    assert_eq!(role(&place.open()), Some(Role::Viewer));
}

/// Who only looks makes no last good configuration: no host ever had it in force.
#[test]
fn a_look_keeps_nothing() {
    let place = Place::new();
    place.write(VIEWER);
    assert_eq!(
        Store::look(&place.file, &place.data, 1).state().from,
        InForce::File
    );
    assert!(!place.data.exists());
    place.write("role");
    let look = || Store::look(&place.file, &place.data, 1).state().from;
    assert_eq!(look(), InForce::NarrowedDefaults);
    place.write(VIEWER);
    drop(place.open());
    place.write("role");
    assert_eq!(look(), InForce::LastGood);
}

#[test]
fn a_file_that_comes_and_is_wrong_leaves_what_counted_without_it() {
    let place = Place::new();
    let mut store = place.open();
    assert_eq!(store.state().from, InForce::Defaults);
    place.write("role");
    store.load(2);
    assert_eq!(store.state().from, InForce::LastGood);
    assert_eq!(
        place.open().state().from,
        InForce::LastGood,
        "also after a restart"
    );
}

//! Confirmed settings that are removed from the folder are missed as long as anything is enrolled.
//!
//! proves S5.47
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{Place, assert_no_plaintext, enrollment, id};
use drawbridge_vault::{Condition, Confirmed, Vault};
use drawbridge_wire::Secret;

impl Place {
    fn remove(&self, stem: &str) {
        for name in [format!("{stem}.age"), format!("{stem}.age.bak")] {
            std::fs::remove_file(self.dir().join(name)).unwrap();
        }
    }
    /// Puts an enrollment in that says nothing of what was confirmed, as a crash can leave it.
    fn put_silent(&self, id: &str) {
        let other = Place::new();
        std::fs::create_dir_all(other.dir()).unwrap();
        std::fs::copy(self.0.path().join("key"), other.0.path().join("key")).unwrap();
        other.open().put(enrollment(id, "kept")).unwrap();
        for name in [format!("{id}.age"), format!("{id}.age.bak")] {
            std::fs::copy(other.dir().join(&name), self.dir().join(&name)).unwrap();
        }
    }
    /// The next who opens it is told that something was confirmed, and how to get on.
    fn is_missed(&self) {
        let mut vault = self.open();
        for _ in 0..2 {
            let error = vault.confirmed().unwrap_err();
            assert_eq!(error.code(), "file_damaged");
            for part in ["gone", "had been confirmed", "`drawbridge config accept`"] {
                assert!(error.to_string().contains(part), "{error}");
            }
            // It is not confirmed anew by the way.
            assert!(vault.confirm(viewer()).is_err());
            assert!(vault.list().all(|kept| kept.name == "kept"));
            let unreadable = |condition: &Condition| matches!(condition, Condition::Unreadable { .. });
            for file in vault.state().files {
                assert_eq!(unreadable(&file.condition), file.name == "confirmed", "{file:?}");
            }
            vault.reread().unwrap();
        }
        drop(vault);
        let look = Vault::look(&self.dir(), &self.source()).unwrap();
        for file in look.files {
            let code = file.fault.map(|fault| fault.code());
            assert_eq!(code, (file.name == "confirmed").then_some("file_damaged"));
        }
        assert_no_plaintext(&self.dir());
    }
}

fn viewer() -> Confirmed {
    Confirmed {
        settings: [("security.role".to_owned(), "viewer".into())].into(),
        at: 1,
    }
}

/// One enrollment of before the confirmation is enough, or one of after it, also with another key.
#[test]
fn confirmed_settings_that_are_removed_are_missed_until_others_are_confirmed() {
    for only in ["before", "after"] {
        let place = Place::new();
        let mut vault = place.open();
        vault.put(enrollment("before", "kept")).unwrap();
        vault.confirm(viewer()).unwrap();
        vault.put(enrollment("after", "kept")).unwrap();
        vault.rotate().unwrap();
        for other in ["before", "after"] {
            if other != only {
                vault.remove(&id(other)).unwrap();
            }
        }
        drop(vault);
        place.remove("confirmed");
        place.is_missed();
        // Changing or adding one makes nobody forget it.
        let mut vault = place.open();
        vault.put(enrollment(only, "kept")).unwrap();
        vault.put(enrollment("later", "kept")).unwrap();
        vault.remove(&id(only)).unwrap();
        drop(vault);
        place.is_missed();

        // A crash between the two steps of an accept leaves it missed.
        place.open().forget_confirmed().unwrap();
        place.is_missed();
        let mut vault = place.open();
        vault.forget_confirmed().unwrap();
        vault.confirm(viewer()).unwrap();
        assert_eq!(vault.confirmed().unwrap(), Some(&viewer()));
        drop(vault);
        assert_eq!(place.open().confirmed().unwrap(), Some(&viewer()));
        // What was confirmed anew is protected as what was first.
        place.remove("confirmed");
        place.is_missed();
    }
}

#[test]
fn what_is_removed_while_the_vault_is_open_is_missed_when_it_is_read_again() {
    let place = Place::new();
    let mut vault = place.open();
    vault.put(enrollment("one", "kept")).unwrap();
    vault.confirm(viewer()).unwrap();
    place.remove("confirmed");
    vault.reread().unwrap();
    let error = vault.confirmed().unwrap_err();
    assert!(error.to_string().contains("had been confirmed"), "{error}");
    vault.forget_confirmed().unwrap();
    vault.confirm(viewer()).unwrap();
    vault.reread().unwrap();
    assert_eq!(vault.confirmed().unwrap(), Some(&viewer()));
}

/// A crash after the settings were saved and before the enrollments say so.
#[test]
fn an_enrollment_that_does_not_say_so_yet_does_after_the_next_start() {
    let place = Place::new();
    place.open().confirm(viewer()).unwrap();
    place.put_silent("one");
    // A copy that takes the file's place stays worth telling, though it is saved again.
    std::fs::write(place.dir().join("one.age"), "no age file").unwrap();
    let restored = place.open().state().files;
    let restored = restored.iter().find(|file| file.name == "one").unwrap();
    assert!(
        matches!(restored.condition, Condition::Restored { .. }),
        "{restored:?}"
    );
    place.remove("confirmed");
    place.is_missed();
}

#[test]
fn nothing_is_missed_where_nothing_was_confirmed_or_nothing_is_enrolled() {
    let place = Place::new();
    place.open().put(enrollment("one", "kept")).unwrap();
    assert_eq!(place.open().confirmed().unwrap(), None);
    let look = Vault::look(&place.dir(), &place.source()).unwrap();
    assert_eq!(look.files.len(), 1);

    let mut vault = place.open();
    vault.confirm(viewer()).unwrap();
    vault.remove(&id("one")).unwrap();
    drop(vault);
    place.remove("confirmed");
    assert_eq!(place.open().confirmed().unwrap(), None);
}

/// Another computer confirms for itself.
#[test]
fn an_export_does_not_say_what_was_confirmed() {
    let (from, to) = (Place::new(), Place::new());
    let mut vault = from.open();
    vault.put(enrollment("one", "kept")).unwrap();
    vault.confirm(viewer()).unwrap();
    drop(to.open());
    let key = Secret::new(&to.key());
    let export = vault.export(&to.recipient()).unwrap();
    to.open().import(&export, &key, false).unwrap();
    let mut vault = to.open();
    assert_eq!((vault.list().count(), vault.confirmed().unwrap()), (1, None));
    // What comes in where settings are confirmed is beside them like any other.
    vault.confirm(viewer()).unwrap();
    vault.import(&export, &key, true).unwrap();
    drop(vault);
    to.remove("confirmed");
    to.is_missed();
}

/// That the settings are saved and not all enrollments say so is told as just that.
#[cfg(unix)]
#[test]
fn an_enrollment_that_cannot_be_saved_again_is_told_and_the_settings_stay() {
    let place = Place::new();
    let mut vault = place.open();
    vault.put(enrollment("one", "kept")).unwrap();
    place.block("one.age");
    let error = vault.confirm(viewer()).unwrap_err();
    assert_eq!(error.code(), "confirmed_unguarded");
    assert!(error.to_string().contains("confirmed and saved"), "{error}");
    assert_eq!(vault.confirmed().unwrap(), Some(&viewer()));
    drop(vault);
    assert_eq!(place.open().confirmed().unwrap(), Some(&viewer()));
}

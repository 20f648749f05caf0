//! A change of the file is noticed, however it is made.

use drawbridge_config::{Store, Watch, set};
use drawbridge_wire::Role;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

fn watch(file: &Path) -> (Watch, Receiver<()>) {
    let (send, receive) = sync_channel(16);
    let watch = Watch::start(file, move || {
        let _ = send.try_send(());
    });
    (watch.unwrap(), receive)
}

/// Waits until the file was noticed to say this.
fn until(store: &mut Store, changes: &Receiver<()>, role: Option<Role>) {
    while store.state().in_force.values().role() != role {
        changes
            .recv_timeout(DEADLINE)
            .expect("a change that nobody noticed");
        store.load(2);
    }
}

#[test]
fn a_file_written_replaced_removed_and_linked_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("drawbridge/config.toml");
    // Neither the file nor its folder is there yet.
    let (watch, changes) = watch(&file);
    let mut store = Store::open(&file, &dir.path().join("data"), 1);
    std::fs::write(&file, "[security]\nrole = \"viewer\"\n").unwrap();
    until(&mut store, &changes, Some(Role::Viewer));
    set(&file, "security.role", "operator").unwrap();
    until(&mut store, &changes, Some(Role::Operator));
    std::fs::remove_file(&file).unwrap();
    until(&mut store, &changes, None);
    drop(watch);
    // Once the watch is dropped its thread ends, and with it the last sender.
    while changes.recv_timeout(DEADLINE).is_ok() {}
    assert!(matches!(
        changes.try_recv(),
        Err(std::sync::mpsc::TryRecvError::Disconnected)
    ));
}

#[test]
fn a_change_behind_a_link_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    let real = dir.path().join("elsewhere/real.toml");
    std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
    std::fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, &file).unwrap();
    let (_watch, changes) = watch(&file);
    let mut store = Store::open(&file, &dir.path().join("data"), 1);
    std::fs::write(&real, "[security]\nrole = \"viewer\"\n").unwrap();
    until(&mut store, &changes, Some(Role::Viewer));
}

#[test]
fn where_no_folder_can_be_the_reason_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("taken"), "").unwrap();
    let error = Watch::start(&dir.path().join("taken/config.toml"), || {}).unwrap_err();
    assert_eq!(error.code(), "config_folder");
}

//! The toggle in the tray, with a real bus and a real connector behind it.

use crate::common::{App, action, headline};
use crate::life::{runs, until_gone};
use crate::world::World;
use drawbridge_core::tray::{Icon, Tray};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The connector among the descendants of a process.
fn connector_of(host: u32) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| runs(*pid)).find(|pid| {
        let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // Its guard runs the same program with other words before.
        arguments.split('\0').nth(1) == Some("connector") && descends(*pid, host)
    })
}

fn descends(pid: u32, from: u32) -> bool {
    let mut at = pid;
    for _ in 0..8 {
        let status = std::fs::read_to_string(format!("/proc/{at}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        match parent.and_then(|pid| pid.trim().parse().ok()) {
            Some(parent) if parent == from => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

fn connected(tray: &Tray) -> bool {
    tray.icon == Icon::Connected
}

// proves S0.06, S0.13
#[tokio::test]
async fn the_toggle_starts_and_ends_the_connector_and_one_that_dies_comes_back() {
    let world = World::start().await;
    let host = world.view().await.unwrap().host.pid;
    let mut app = App::start(&world.data);
    let tray = app.until_tray(connected).await;
    let first = connector_of(host).expect("a connector");
    kill(Pid::from_raw(i32::try_from(first).unwrap()), Signal::SIGKILL).unwrap();
    app.until_tray(|tray| !connected(tray)).await;
    app.until_tray(connected).await;
    let second = connector_of(host).expect("another connector");
    assert_ne!(first, second);

    let bus = world.view().await.unwrap().links[0].name.clone();
    app.desk.clicked(action(&tray, &bus));
    app.until_tray(|tray| headline(tray) == "Disconnected").await;
    until_gone(second).await;
    assert_eq!(connector_of(host), None);
    let tray = app.tray.clone().unwrap();
    app.desk.clicked(action(&tray, &bus));
    app.until_tray(connected).await;
    assert!(connector_of(host).is_some());
    crate::threads::end(app, world).await;
}

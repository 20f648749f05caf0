//! What runs is shown with its memory, and is started anew when a person asks.

use crate::world::{SOON, World};
use drawbridge_wire::control::{AppServerState, ApprovalState};
use drawbridge_wire::pipe::LinkState;
use drawbridge_wire::processes::{ProcessState, ProcessView, ProcessesView};
use tokio::time::Instant;

async fn listed(world: &World) -> Vec<ProcessView> {
    let told = world.cli(&["processes", "--json"]).await;
    let view: ProcessesView =
        serde_json::from_slice(&told.stdout).unwrap_or_else(|wrong| panic!("{wrong}: {told:?}"));
    view.processes
}

/// Asks until the process with this beginning of an id fits.
async fn until(world: &World, id: &str, fits: impl Fn(&ProcessView) -> bool) -> ProcessView {
    let deadline = Instant::now() + SOON;
    loop {
        let all = listed(world).await;
        let found = all.iter().find(|process| process.id.starts_with(id));
        match found.filter(|process| fits(process)) {
            Some(process) => return process.clone(),
            None => assert!(Instant::now() < deadline, "{id}: {all:#?}"),
        }
    }
}

fn runs(process: &ProcessView) -> bool {
    process.state == ProcessState::Running
}

/// At least a program's own pages.
const SOME: u64 = 1 << 20;

// proves S0.05, S0.06
#[tokio::test]
async fn what_runs_is_shown_with_its_memory_and_what_it_started() {
    let world = World::start().await;
    world
        .until(|view| matches!(view.links[0].link, LinkState::Connected { .. }))
        .await;
    let all = listed(&world).await;
    let ids: Vec<&str> = all.iter().map(|process| process.id.as_str()).collect();
    assert_eq!(ids.len(), 3, "{all:#?}");
    assert_eq!(ids[..2], ["host", "app-server"]);
    assert!(ids[2].starts_with("connector:"), "{ids:?}");
    let view = world.view().await.unwrap();
    assert_eq!(all[0].pid, Some(view.host.pid));
    assert_eq!(all[1].pid, view.app_server.pid);
    for process in &all {
        assert!(runs(process) && process.starts == 1, "{process:?}");
        assert!(process.memory.is_some_and(|bytes| bytes > SOME), "{process:?}");
        assert!(
            process.since_ms.is_some() && process.last_end.is_none(),
            "{process:?}"
        );
    }
    assert_eq!(
        (all[0].below, all[2].below),
        (0, 0),
        "each counts its own: {all:#?}"
    );

    let mut local = world.local().await;
    let thread = local.thread(&world.work, "never", "danger-full-access").await;
    local.turn(&thread, "RUN: sleep 300\nSAY: end").await.unwrap();
    let with = until(&world, "app-server", |process| process.below > all[1].below).await;
    assert!(with.below_memory > 0, "{with:?}");
    world.stop().await;
}

#[tokio::test]
async fn an_app_server_is_started_anew_when_asked_and_turns_keep_it() {
    let world = World::start().await;
    let mut local = world.local().await;
    let thread = local.thread(&world.work, "never", "danger-full-access").await;
    let before = until(&world, "app-server", runs).await;
    local.turn(&thread, "RUN: sleep 300\nSAY: end").await.unwrap();
    world
        .until(|view| view.threads.iter().any(|thread| thread.status == "active"))
        .await;

    let refused = world.cli(&["processes", "restart", "app-server"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("[turns_running]"),
        "{said}"
    );
    let same = until(&world, "app-server", runs).await;
    assert_eq!((same.pid, same.starts), (before.pid, 1), "nothing happened");

    let asked = Instant::now();
    let done = world
        .cli(&["processes", "restart", "app-server", "--interrupt"])
        .await;
    assert!(done.status.success(), "{done:?}");
    let after = until(&world, "app-server", |process| {
        runs(process) && process.pid != before.pid && process.starts == 2
    })
    .await;
    assert!(asked.elapsed() < SOON);
    let end = after.last_end.unwrap();
    assert!(end.message.contains("asked"), "{end:?}");
    let ready = world
        .until(|view| view.app_server.state == AppServerState::Ready)
        .await;
    assert_eq!(ready.app_server.generation, 2);
    let record = world.record();
    let asked = record
        .lines()
        .find(|line| line.contains("restart_asked"))
        .unwrap();
    for said in [
        "\"process\":\"app-server\"",
        "\"client\":\"drawbridge processes\"",
        "\"interrupt\":true",
    ] {
        assert!(asked.contains(said), "{asked}");
    }
    let ended = record
        .lines()
        .find(|line| line.contains("app_server_ended"))
        .unwrap();
    assert!(ended.contains("\"expected\":true"), "{ended}");
    assert!(
        !std::path::Path::new(&format!("/proc/{}", before.pid.unwrap())).exists(),
        "the one before is gone"
    );
    world.stop().await;
}

/// Whoever waits for an answer has a turn that would end.
#[tokio::test]
async fn what_waits_for_an_answer_keeps_the_app_server_and_is_cancelled_in_the_name_of_who_asked() {
    let world = World::start().await;
    let mut remote = world.remote().await;
    remote.asks_to_write(&world.work, "end").await;
    let card = world.open_approval().await;
    let refused = world.cli(&["processes", "restart", "app-server"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("[turns_running]") && said.contains("1 running turn "),
        "{said}"
    );
    let view = world.view().await.unwrap();
    assert!(
        view.approvals
            .iter()
            .any(|one| one.id == card.id && one.state == ApprovalState::Open)
    );

    let done = world
        .cli(&["processes", "restart", "app-server", "--interrupt"])
        .await;
    assert!(done.status.success(), "{done:?}");
    until(&world, "app-server", |process| {
        runs(process) && process.starts == 2
    })
    .await;
    let record = world.record();
    let answered = record
        .lines()
        .find(|line| line.contains("approval_answered"))
        .unwrap();
    assert!(answered.contains("drawbridge processes"), "{answered}");
    assert!(!world.work.join("made.txt").exists());
    world.stop().await;
}

#[tokio::test]
async fn a_connector_is_started_anew_when_asked_and_when_it_is_killed() {
    let world = World::start().await;
    let first = until(&world, "connector:", runs).await;
    let connected =
        |view: &drawbridge_wire::control::HostView| matches!(view.links[0].link, LinkState::Connected { .. });
    world.until(connected).await;
    let done = world.cli(&["processes", "restart", &first.id]).await;
    assert!(done.status.success(), "{done:?}");
    let second = until(&world, "connector:", |process| {
        runs(process) && process.starts == 2
    })
    .await;
    assert_ne!(second.pid, first.pid);
    assert!(
        second
            .last_end
            .unwrap()
            .message
            .contains("drawbridge processes asked")
    );
    world.until(connected).await;

    let pid = nix::unistd::Pid::from_raw(i32::try_from(second.pid.unwrap()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let third = until(&world, "connector:", |process| {
        runs(process) && process.starts == 3
    })
    .await;
    assert!(
        third.last_end.unwrap().message.contains("ended by itself"),
        "the window says why"
    );
    world.until(connected).await;

    let nonsense = world.cli(&["processes", "restart", "host"]).await;
    let said = String::from_utf8_lossy(&nonsense.stderr).into_owned();
    assert!(said.contains("[bad_request]"), "{said}");
    let gone = world.cli(&["processes", "restart", "connector:nobody"]).await;
    assert!(
        String::from_utf8_lossy(&gone.stderr).contains("[unknown_bus]"),
        "{gone:?}"
    );
    world.stop().await;
}

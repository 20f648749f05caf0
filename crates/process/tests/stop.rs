//! Ending real processes and all they started.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails where it stands"
)]

mod common;

use common::{SHORT, SOON, agent, alone, line, living, pids, shell, start};
use drawbridge_process::{Marker, MarkerRole, Spawner, StopStep, become_subreaper, stop, sweep};
use std::time::Duration;

#[tokio::test]
async fn a_polite_signal_is_enough_for_who_obeys() {
    let _alone = alone().await;
    let child = start(
        "trap 'exit 7' TERM; echo ready >&2; while :; do sleep 0.02; done",
        &agent(),
    )
    .await;
    assert_eq!(line(&mut child.log().follow()).await, "ready");
    let report = stop(&child, SHORT).await;
    assert_eq!(
        (report.step, report.status.unwrap().code()),
        (StopStep::Polite, Some(7))
    );
    assert_eq!(report.left, Vec::<u32>::new());
    assert_eq!(stop(&child, SHORT).await.step, StopStep::AlreadyGone);
}

#[tokio::test]
async fn the_second_signal_comes_after_the_first() {
    let _alone = alone().await;
    let script = "trap 'n=$((n+1)); echo term >&2; [ $n -lt 2 ] || exit 3' TERM; echo ready >&2
        while :; do sleep 0.02; done";
    let child = start(script, &agent()).await;
    assert_eq!(line(&mut child.log().follow()).await, "ready");
    let report = stop(&child, SHORT).await;
    assert_eq!(
        (report.step, report.status.unwrap().code()),
        (StopStep::SecondPolite, Some(3))
    );
}

#[tokio::test]
async fn who_ignores_signals_is_ended_by_force_with_its_group() {
    let _alone = alone().await;
    let script = "trap '' TERM; sh -c 'echo pid $$ >&2; exec sleep 60' & echo pid $$ >&2
        exec sleep 60";
    let child = start(script, &agent()).await;
    let all = pids(&child, 2).await;
    let report = stop(&child, SHORT).await;
    assert_eq!(report.step, StopStep::Forced);
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&report.status.unwrap()),
        Some(9)
    );
    assert_eq!((living(&all), report.left), (vec![], vec![]));
}

/// What detaches in every way a shell knows, and then lives on; each says its pid.
const DETACHED: &str = "
    say='echo pid $$ >&2; trap \"\" HUP TERM; exec sleep 60'
    setsid -f sh -c \"$say\"
    (sh -c \"$say\" &)
    (setsid sh -c \"$say\" &)
    env -i PATH=$PATH setsid -f sh -c \"$say\"
    env -i PATH=$PATH sh -c \"(sh -c '$say' &)\"
    sh -c \"$say\" &
";

#[tokio::test]
async fn what_detached_is_ended_with_a_child_that_goes_politely() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    let script = format!("{DETACHED} trap 'exit 0' TERM; while :; do sleep 0.02; done");
    let child = start(&script, &agent()).await;
    let all = pids(&child, 6).await;
    assert_eq!(living(&all).len(), 6);
    let report = stop(&child, SHORT).await;
    assert_eq!(report.step, StopStep::Polite);
    assert_eq!((living(&all), report.left), (vec![], vec![]));
    assert!(
        report.ended.iter().filter(|e| e.forced).count() >= 6,
        "{:?}",
        report.ended
    );
    // Collected, not just ended: nothing of theirs is left in the table.
    assert!(
        all.iter()
            .all(|(pid, start)| drawbridge_process::proc::start_time(*pid) != Some(*start))
    );
}

#[tokio::test]
async fn what_detached_is_ended_after_a_child_that_had_ended_by_itself() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    let child = start(&format!("{DETACHED} exit 5"), &agent()).await;
    let all = pids(&child, 6).await;
    let mut exited = child.exited();
    let status = *tokio::time::timeout(SOON, exited.wait_for(Option::is_some))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.unwrap().code(), Some(5));
    let report = stop(&child, SHORT).await;
    assert_eq!(report.step, StopStep::AlreadyGone);
    assert_eq!((living(&all), report.left), (vec![], vec![]));
}

#[tokio::test]
async fn a_child_beside_it_and_its_orphans_are_left_alone() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    let marker = agent();
    let other = start(&format!("{DETACHED} exec sleep 60"), &marker).await;
    let theirs = pids(&other, 6).await;
    let short_lived = start("exec sleep 60", &marker).await;
    stop(&short_lived, SHORT).await;
    assert_eq!(living(&theirs).len(), 6);
    assert!(other.exited().borrow().is_none());
    stop(&other, SHORT).await;
    assert_eq!(living(&theirs), Vec::<u32>::new());
}

#[tokio::test]
async fn a_connector_outlives_the_agent_beside_it() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    let agent = agent();
    let connector = Marker {
        role: MarkerRole::Connector,
        ..agent.clone()
    };
    let first = start(&format!("{DETACHED} exec sleep 60"), &agent).await;
    let theirs = pids(&first, 6).await;
    // Younger than the agent, a child of ours, and in another group than ours: all that an orphan is.
    let second = start(
        "sh -c 'echo pid $$ >&2; exec sleep 60' & exec sleep 60",
        &connector,
    )
    .await;
    let below = pids(&second, 1).await;
    stop(&first, SHORT).await;
    assert_eq!(living(&theirs), Vec::<u32>::new());
    assert_eq!(living(&below).len(), 1);
    assert!(second.exited().borrow().is_none());
    stop(&second, SHORT).await;
    assert_eq!(living(&below), Vec::<u32>::new());
}

#[tokio::test]
async fn a_sweep_ends_what_carries_the_nonce_and_what_is_below_it_only() {
    let _alone = alone().await;
    become_subreaper().unwrap();
    let (marker, stranger) = (agent(), agent());
    // A marked process that detached, and below it one without any environment.
    let script = r#"say='echo pid $$ >&2; trap "" TERM; exec sleep 60'
        setsid -f sh -c 'env -i /bin/sh -c "$0" & eval "$0"' "$say""#;
    let child = start(script, &marker).await;
    let swept = pids(&child, 2).await;
    let beside = start(
        "(sh -c 'echo pid $$ >&2; exec sleep 60' &); exec sleep 60",
        &stranger,
    )
    .await;
    let kept = pids(&beside, 1).await;
    let report = sweep(&marker.nonce, Duration::from_millis(200), SOON).await;
    assert_eq!((living(&swept), report.left), (vec![], vec![]));
    assert!(
        swept
            .iter()
            .all(|(pid, _)| report.ended.iter().any(|e| e.pid == *pid && e.forced))
    );
    assert_eq!(living(&kept).len(), 1);
    assert!(beside.exited().borrow().is_none());
    stop(&beside, SHORT).await;
    assert_eq!(living(&kept), Vec::<u32>::new());
}

#[tokio::test]
async fn a_group_is_ended_even_when_its_leader_is_gone() {
    let _alone = alone().await;
    let child = Spawner::start()
        .unwrap()
        .spawn(shell("sh -c 'echo pid $$ >&2; exec sleep 60' & exit 0", &agent()))
        .await
        .unwrap();
    let all = pids(&child, 1).await;
    tokio::time::timeout(SOON, child.exited().wait_for(Option::is_some))
        .await
        .unwrap()
        .unwrap();
    child.kill_group();
    common::eventually("the group is gone", || living(&all).is_empty()).await;
}

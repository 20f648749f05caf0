//! What runs, as the window asks for it, over a real control socket. Proves S0.05 and S0.06 in part.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use common::{App, client, headline, place, view};
use drawbridge_desk::Ask;
use drawbridge_testkit::fake_host::FakeHost;
use drawbridge_wire::control::Request;
use drawbridge_wire::processes::{ProcessState, ProcessView, ProcessesView, Restart};
use serde_json::json;

fn host() -> ProcessView {
    ProcessView {
        id: "host".to_owned(),
        state: ProcessState::Running,
        pid: Some(1),
        starts: 1,
        since_ms: Some(1),
        last_end: None,
        memory: Some(7),
        below: 0,
        below_memory: 0,
    }
}

#[tokio::test]
async fn the_app_comes_first_with_its_own_memory_and_is_all_there_is_without_a_host() {
    let dir = place();
    let fake = FakeHost::at(dir.path());
    let mut app = App::start(dir.path());
    let mut end = client(&fake, &view(dir.path())).await;
    app.until_tray(|tray| headline(tray) != "Starting").await;

    let desk = app.desk.clone();
    let asked = tokio::spawn(async move { desk.ask("main", Ask::Processes).await });
    let (id, request) = end.request().await;
    assert_eq!(request, Request::Processes {});
    end.reply(
        id,
        json!(ProcessesView {
            processes: vec![host()]
        }),
    )
    .await;
    let told: ProcessesView = serde_json::from_value(asked.await.unwrap().unwrap()).unwrap();
    let [own, other] = told.processes.as_slice() else {
        panic!("{told:#?}")
    };
    assert_eq!((own.id.as_str(), own.pid), ("app", Some(std::process::id())));
    assert!(
        own.memory.is_some_and(|bytes| bytes > 1 << 20) && own.since_ms.is_some(),
        "{own:?}"
    );
    assert_eq!(other, &host());

    let desk = app.desk.clone();
    let asked = tokio::spawn(async move { desk.ask("main", Ask::Processes).await });
    let (id, _) = end.request().await;
    end.reply(id, json!({"something": "else"})).await;
    assert_eq!(asked.await.unwrap().unwrap_err().code, "not_understood");

    drop(end);
    drop(fake);
    app.until_tray(|tray| headline(tray).starts_with("The host is gone"))
        .await;
    let alone = app.ask("main", Ask::Processes).await.unwrap();
    let alone: ProcessesView = serde_json::from_value(alone).unwrap();
    assert_eq!(alone.processes.len(), 1, "{alone:#?}");
}

#[tokio::test]
async fn a_restart_goes_to_the_host_with_what_it_may_interrupt_and_its_refusal_comes_back() {
    let dir = place();
    let fake = FakeHost::at(dir.path());
    let mut app = App::start(dir.path());
    let mut end = client(&fake, &view(dir.path())).await;
    app.until_tray(|tray| headline(tray) != "Starting").await;
    let restart = |interrupt| Restart {
        id: "app-server".to_owned(),
        interrupt,
    };
    for window in ["approval", "other"] {
        for ask in [Ask::Processes, Ask::Restart(restart(true))] {
            assert_eq!(app.ask(window, ask).await.unwrap_err().code, "not_allowed");
        }
    }
    for (interrupt, refused) in [(false, Some("turns_running")), (true, None)] {
        let desk = app.desk.clone();
        let asked = tokio::spawn(async move { desk.ask("main", Ask::Restart(restart(interrupt))).await });
        let (id, request) = end.request().await;
        assert_eq!(request, Request::Restart(restart(interrupt)));
        match refused {
            Some(code) => end.reject(id, code).await,
            None => end.reply(id, json!({})).await,
        }
        let done = asked.await.unwrap();
        assert_eq!(done.err().map(|problem| problem.code), refused.map(str::to_owned));
    }
}

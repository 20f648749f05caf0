//! The controller with a fake desktop, over a real control socket. Proves S0.11, S0.13 and S0.14 in
//! part.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use common::{App, Did, TRAY_PATIENCE, action, approval, client, headline, lease, link, place, thread, view};
use drawbridge_core::tray::{Action, Icon};
use drawbridge_desk::{Ask, Page, Window};
use drawbridge_testkit::fake_host::{FakeHost, HostEnd};
use drawbridge_wire::buses::{VaultCondition, WhichBus};
use drawbridge_wire::control::{Answer, ApprovalState, Change, HostView, Request};
use drawbridge_wire::{AnswerSource, Decision};
use serde_json::{Value, json};

fn bus(id: &str) -> WhichBus {
    WhichBus {
        bus: Some(id.to_owned()),
    }
}

/// The app in front of a host with this state.
async fn begin(dir: &std::path::Path, view: &HostView) -> (App, FakeHost, HostEnd) {
    let host = FakeHost::at(dir);
    let mut app = App::start(dir);
    let end = client(&host, view).await;
    app.until_tray(|tray| headline(tray) != "Starting").await;
    (app, host, end)
}

#[tokio::test]
async fn a_toggle_asks_the_host_and_shows_what_it_says() {
    let dir = place();
    let mut state = view(dir.path());
    state.links = vec![link("studio", false), link("home", true)];
    let (mut app, _host, mut end) = begin(dir.path(), &state).await;
    let tray = app.tray.clone().unwrap();
    app.desk.clicked(action(&tray, "studio"));
    end.answer(Request::Connect(bus("studio")), json!({})).await;
    end.change(Change::Link(Box::new(link("studio", true)))).await;
    let tray = app
        .until_tray(|tray| headline(tray) == "Connected to 2 buses")
        .await;
    app.desk.clicked(action(&tray, "home"));
    end.answer(Request::Disconnect(bus("home")), json!({})).await;
}

#[tokio::test]
async fn a_click_on_a_menu_that_is_no_longer_true_does_nothing() {
    let dir = place();
    let mut state = view(dir.path());
    state.links = vec![link("studio", true)];
    let (mut app, _host, mut end) = begin(dir.path(), &state).await;
    let stale = action(&app.tray.clone().unwrap(), "studio");
    end.change(Change::Link(Box::new(link("studio", false)))).await;
    let tray = app.until_tray(|tray| headline(tray) == "Disconnected").await;
    app.desk.clicked(stale);
    app.desk.clicked(Action::OpenApprovals);
    app.desk.clicked(Action::SetBus {
        id: "gone".into(),
        on: true,
    });
    // The next true click is the first thing the host hears of.
    app.desk.clicked(action(&tray, "studio"));
    end.answer(Request::Connect(bus("studio")), json!({})).await;
    assert!(!app.rest().iter().any(|did| matches!(did, Did::Show(_))));
}

#[tokio::test]
async fn a_second_start_and_the_menu_open_the_window_and_it_may_be_gone_between() {
    let dir = place();
    let mut state = view(dir.path());
    state.threads = vec![thread("T")];
    let (mut app, _host, _end) = begin(dir.path(), &state).await;
    assert!(
        !app.rest().iter().any(|did| matches!(did, Did::Show(_))),
        "it began hidden"
    );
    app.desk.second_start();
    app.until(|did| (did == Did::Show(Window::Main)).then_some(()))
        .await;
    app.desk.closed("main");
    app.desk.clicked(action(&app.tray.clone().unwrap(), "1 thread"));
    app.until(|did| (did == Did::Show(Window::Main)).then_some(()))
        .await;
    assert_eq!(app.next().await, Did::Go(Page::Threads));
}

#[tokio::test]
async fn without_a_tray_the_window_opens_and_says_so() {
    let dir = place();
    let (mut app, _host, _end) = begin(dir.path(), &view(dir.path())).await;
    app.desk.tray_host(false);
    app.until(|did| (did == Did::Show(Window::Main)).then_some(()))
        .await;
    let told = app.ask("main", Ask::Snapshot).await.unwrap();
    assert_eq!(told["tray"], json!(false));
    assert_eq!(told["version"], json!("9.9.9"));
    assert_eq!(told["supervisor"], json!({"state": "up", "pid": 4711}));
}

/// At login the panel may come after the app.
#[tokio::test]
async fn a_tray_that_comes_late_needs_no_window() {
    let dir = place();
    let (mut app, _host, _end) = begin(dir.path(), &view(dir.path())).await;
    app.desk.tray_host(false);
    app.desk.tray_host(true);
    let shown = app.until(|did| (did == Did::Show(Window::Main)).then_some(()));
    assert!(tokio::time::timeout(TRAY_PATIENCE * 2, shown).await.is_err());
}

#[tokio::test]
async fn quit_with_running_turns_asks_and_then_gives_the_lease_back() {
    let dir = place();
    let mut state = view(dir.path());
    state.threads = vec![thread("T")];
    let (mut app, _host, mut end) = begin(dir.path(), &state).await;
    app.desk.clicked(Action::Quit);
    app.until(|did| (did == Did::AskQuit(1)).then_some(())).await;
    let asked = app.ask("main", Ask::Quit { really: false }).await.unwrap();
    assert_eq!(asked, json!({"running": 1}));
    let asked = app.ask("main", Ask::Quit { really: true }).await.unwrap();
    assert_eq!(asked, json!({"running": 1}));
    end.answer(Request::ReleaseLease {}, json!({})).await;
    end.change(Change::Stopping {
        reason: "nobody uses it".into(),
    })
    .await;
    drop(end);
    app.until(|did| (did == Did::Exit).then_some(())).await;
    app.ended().await;
}

/// The window that the question opens hears nothing before its page is there.
// proves S0.01
#[tokio::test]
async fn a_window_that_opens_for_a_question_is_asked_once_its_page_is_there() {
    let dir = place();
    let mut state = view(dir.path());
    state.threads = vec![thread("T")];
    let (mut app, _host, _end) = begin(dir.path(), &state).await;
    // Closed, as at rest.
    app.desk.closed("main");
    app.desk.clicked(Action::Quit);
    app.until(|did| (did == Did::AskQuit(1)).then_some(())).await;
    app.ask("main", Ask::Snapshot).await.unwrap();
    app.until(|did| (did == Did::AskQuit(1)).then_some(())).await;
    // Once: a page that looks again is not asked again.
    app.ask("main", Ask::Snapshot).await.unwrap();
    app.desk.closed("main");
    app.desk.clicked(Action::OpenThreads);
    app.ask("main", Ask::Snapshot).await.unwrap();
    let mut pages = 0;
    while pages < 2 {
        let page = app.until(|did| match did {
            Did::Go(page) => Some(page),
            Did::AskQuit(_) => panic!("asked without a reason"),
            _ => None,
        });
        assert_eq!(page.await, Page::Threads);
        pages += 1;
    }
}

#[tokio::test]
async fn turns_that_go_on_without_us_are_no_reason_to_ask() {
    let dir = place();
    let mut state = view(dir.path());
    state.threads = vec![thread("T")];
    state.leases.push(lease(1));
    let (mut app, _host, mut end) = begin(dir.path(), &state).await;
    app.desk.clicked(Action::Quit);
    end.answer(Request::ReleaseLease {}, json!({})).await;
    // The host stays, and nobody waits for it.
    app.until(|did| (did == Did::Exit).then_some(())).await;
    app.ended().await;
    drop(end);
}

#[tokio::test]
async fn a_host_that_dies_is_named_and_found_again() {
    let dir = place();
    let mut state = view(dir.path());
    state.links = vec![link("studio", true)];
    let (mut app, host, end) = begin(dir.path(), &state).await;
    drop(end);
    drop(host);
    let tray = app.until_tray(|tray| tray.icon == Icon::Problem).await;
    assert!(
        headline(&tray).starts_with("The host is gone, next try in"),
        "{tray:?}"
    );
    let told = app
        .ask(
            "main",
            Ask::SetBus {
                id: "studio".into(),
                on: true,
            },
        )
        .await;
    assert_eq!(told.unwrap_err().code, "no_host");
    // Nobody listens, and what is started says nothing: it goes on to the next try.
    app.until_tray(|tray| headline(tray).contains("it ended before it stood"))
        .await;
    let host = FakeHost::at(dir.path());
    let _end = client(&host, &state).await;
    app.until_tray(|tray| tray.icon == Icon::Connected).await;
}

#[tokio::test]
async fn a_host_that_never_stands_is_given_up_until_somebody_asks() {
    let dir = place();
    let mut app = App::start(dir.path());
    let tray = app
        .until_tray(|tray| headline(tray).starts_with("The host does not run"))
        .await;
    let host = FakeHost::at(dir.path());
    app.desk.clicked(action(&tray, "Start the host now"));
    let _end = client(&host, &view(dir.path())).await;
    app.until_tray(|tray| headline(tray) == "This computer only, no bus")
        .await;
}

#[tokio::test]
async fn a_host_that_was_stopped_on_purpose_is_not_started_behind_anyones_back() {
    let dir = place();
    let (mut app, host, mut end) = begin(dir.path(), &view(dir.path())).await;
    end.change(Change::Stopping {
        reason: "asked by the command".into(),
    })
    .await;
    drop(end);
    drop(host);
    let tray = app.until_tray(|tray| tray.icon == Icon::Problem).await;
    assert_eq!(
        headline(&tray),
        "The host does not run: it was stopped; start it again from here"
    );
}

#[tokio::test]
async fn a_pause_disconnects_what_was_connected_and_connects_it_again_even_after_a_restart() {
    let dir = place();
    let mut state = view(dir.path());
    state.links = vec![link("studio", true), link("home", false)];
    let (mut app, host, mut end) = begin(dir.path(), &state).await;
    app.desk.clicked(Action::Pause { minutes: 60 });
    end.answer(Request::Disconnect(bus("studio")), json!({})).await;
    end.change(Change::Link(Box::new(link("studio", false)))).await;
    app.until_tray(|tray| headline(tray).starts_with("Paused until"))
        .await;
    // The app is started anew while it is paused.
    app.desk.terminate();
    end.answer(Request::ReleaseLease {}, json!({})).await;
    drop(end);
    app.ended().await;
    state.links = vec![link("studio", false), link("home", false)];
    let mut app = App::start(dir.path());
    let mut end = client(&host, &state).await;
    app.until_tray(|tray| headline(tray).starts_with("Paused until"))
        .await;
    app.desk.clicked(Action::Pause { minutes: 0 });
    end.answer(Request::Connect(bus("studio")), json!({})).await;
    app.until_tray(|tray| headline(tray) == "Disconnected").await;
}

#[tokio::test]
async fn a_pause_that_is_over_by_the_time_of_a_start_ends_then() {
    let dir = place();
    std::fs::create_dir_all(dir.path().join("desktop")).unwrap();
    std::fs::write(
        dir.path().join("desktop/pause.json"),
        r#"{"until_ms":1,"buses":["studio","forgotten"]}"#,
    )
    .unwrap();
    let mut state = view(dir.path());
    state.links = vec![link("studio", false)];
    let host = FakeHost::at(dir.path());
    let mut app = App::start(dir.path());
    let mut end = client(&host, &state).await;
    end.answer(Request::Connect(bus("studio")), json!({})).await;
    app.until_tray(|tray| headline(tray) == "Disconnected").await;
    assert!(!dir.path().join("desktop/pause.json").exists());
}

/// A keyring may wait for a person, and until then nobody knows of the enrolled buses.
#[tokio::test]
async fn a_pause_that_is_over_ends_only_when_the_buses_are_known() {
    for shut in [
        VaultCondition::Opening,
        VaultCondition::Failed {
            code: "keyring_locked".into(),
            message: "unlock it".into(),
        },
    ] {
        let dir = place();
        std::fs::create_dir_all(dir.path().join("desktop")).unwrap();
        let kept = dir.path().join("desktop/pause.json");
        std::fs::write(&kept, r#"{"until_ms":1,"buses":["studio"]}"#).unwrap();
        let mut state = view(dir.path());
        state.vault.state = shut;
        let host = FakeHost::at(dir.path());
        let mut app = App::start(dir.path());
        let mut end = client(&host, &state).await;
        app.until_tray(|tray| headline(tray) != "Starting").await;
        // Whoever ends it by hand loses nothing either.
        app.ask("main", Ask::Pause { minutes: 0 }).await.unwrap();
        assert!(kept.exists());
        end.change(Change::Link(Box::new(link("studio", false)))).await;
        state.vault.state = VaultCondition::Open;
        end.change(Change::Vault(state.vault)).await;
        end.answer(Request::Connect(bus("studio")), json!({})).await;
        app.until_tray(|tray| headline(tray) == "Disconnected").await;
        assert!(!kept.exists());
    }
}

#[tokio::test]
async fn start_at_login_shows_what_the_system_took() {
    let dir = place();
    let (mut app, _host, _end) = begin(dir.path(), &view(dir.path())).await;
    app.desk
        .clicked(action(&app.tray.clone().unwrap(), "Start at login"));
    app.until_tray(|tray| tray.offers(&Action::SetStartAtLogin { on: false }))
        .await;

    let other = place();
    let _host = FakeHost::at(other.path());
    let app = App::start_with(other.path(), true, false);
    let refused = app.ask("main", Ask::SetStartAtLogin { on: true }).await;
    assert_eq!(refused.unwrap_err().code, "start_at_login");
    assert_eq!(
        app.ask("main", Ask::Snapshot).await.unwrap()["start_at_login"],
        json!(false)
    );
}

async fn card(app: &App) -> Value {
    app.ask("approval", Ask::CurrentCard).await.unwrap()
}

fn answer(card: &Value, decision: Decision) -> Ask {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Ask::Answer {
        id: text(&card["view"]["id"]),
        digest: text(&card["view"]["digest"]),
        nonce: text(&card["nonce"]),
        decision,
        replies: None,
    }
}

#[tokio::test]
async fn an_approval_opens_the_dialog_and_is_answered_there_only() {
    let dir = place();
    let (mut app, _host, mut end) = begin(dir.path(), &view(dir.path())).await;
    end.change(approval("1-0", ApprovalState::Open)).await;
    let notice = app
        .until(|did| match did {
            Did::Notify(notice) => Some(notice),
            _ => None,
        })
        .await;
    assert_eq!(notice.title, "An approval waits");
    assert_eq!(notice.body, "Run a command");
    assert_eq!(app.next().await, Did::Show(Window::Approval));
    let tray = app.until_tray(|tray| tray.icon == Icon::Waiting).await;
    assert!(tray.offers(&Action::OpenApprovals));

    // Nothing is on display before the window drew it.
    let blind = json!({"view": {"id": "1-0", "digest": "digest of 1-0"}, "nonce": ""});
    let refused = app.ask("approval", answer(&blind, Decision::Accept)).await;
    assert_eq!(refused.unwrap_err().code, "not_on_display");
    let shown = card(&app).await;
    assert_eq!((&shown["position"], &shown["count"]), (&json!(1), &json!(1)));
    for label in ["main", "other"] {
        let refused = app.ask(label, answer(&shown, Decision::Accept)).await;
        assert_eq!(refused.unwrap_err().code, "not_allowed");
        assert_eq!(
            app.ask(label, Ask::CurrentCard).await.unwrap_err().code,
            "not_allowed"
        );
    }
    let refused = app.ask("approval", answer(&shown, Decision::Accept)).await;
    assert_eq!(refused.unwrap_err().code, "too_soon");
    let refused = app.ask("approval", Ask::Quit { really: true }).await;
    assert_eq!(refused.unwrap_err().code, "not_allowed");

    let answered = app.answer(move || answer(&shown, Decision::Accept));
    let (id, request) = end.request().await;
    assert_eq!(
        request,
        Request::Answer(Answer {
            id: "1-0".into(),
            digest: "digest of 1-0".into(),
            decision: Decision::Accept
        })
    );
    let applied = ApprovalState::Applied {
        by: AnswerSource::Control {
            client: "Drawbridge desktop".into(),
        },
        decision: Decision::Accept,
    };
    end.reply(id, json!({"won": true, "state": applied})).await;
    assert_eq!(answered.await.unwrap().unwrap()["won"], json!(true));
    end.change(approval("1-0", applied)).await;
    assert_eq!(app.until_card().await, None);
    app.until(|did| (did == Did::Close(Window::Approval)).then_some(()))
        .await;
}

#[tokio::test]
async fn an_answer_the_host_refuses_can_be_given_again() {
    let dir = place();
    let (mut app, _host, mut end) = begin(dir.path(), &view(dir.path())).await;
    end.change(approval("1-0", ApprovalState::Open)).await;
    app.until(|did| (did == Did::Show(Window::Approval)).then_some(()))
        .await;
    let shown = card(&app).await;
    let nonce = shown["nonce"].clone();
    let answered = app.answer(move || answer(&shown, Decision::Decline));
    let (id, _) = end.request().await;
    end.reject(id, "changed").await;
    assert_eq!(answered.await.unwrap().unwrap_err().code, "changed");
    let again = app.until_card().await.unwrap();
    assert_ne!(json!(again.nonce), nonce);
}

#[tokio::test]
async fn a_dialog_that_was_closed_comes_back_for_something_new_only() {
    let dir = place();
    let (mut app, _host, mut end) = begin(dir.path(), &view(dir.path())).await;
    end.change(approval("1-0", ApprovalState::Open)).await;
    app.until(|did| (did == Did::Show(Window::Approval)).then_some(()))
        .await;
    card(&app).await;
    app.desk.closed("approval");
    end.change(Change::Thread(thread("T"))).await;
    let tray = app.until_tray(|tray| tray.offers(&Action::OpenThreads)).await;
    assert!(!app.rest().iter().any(|did| matches!(did, Did::Show(_))));
    app.desk.clicked(action(&tray, "1 approval waiting"));
    app.until(|did| (did == Did::Show(Window::Approval)).then_some(()))
        .await;
    app.desk.closed("approval");
    end.change(approval("1-1", ApprovalState::Open)).await;
    app.until(|did| (did == Did::Show(Window::Approval)).then_some(()))
        .await;
}

#[tokio::test]
async fn a_host_that_dies_loses_the_card_and_says_so() {
    let dir = place();
    let (mut app, host, mut end) = begin(dir.path(), &view(dir.path())).await;
    end.change(approval("1-0", ApprovalState::Open)).await;
    app.until(|did| (did == Did::Show(Window::Approval)).then_some(()))
        .await;
    let shown = card(&app).await;
    drop(end);
    drop(host);
    app.until(|did| (did == Did::Withdraw).then_some(())).await;
    let lost = app.until_card().await.unwrap();
    assert_eq!(lost.view.state, ApprovalState::Lost);
    let refused = app.ask("approval", answer(&shown, Decision::Accept)).await;
    assert_eq!(refused.unwrap_err().code, "no_host");
}

//! The approval dialog at the controller: who ended a card, what goes on the wire, what is notified.
//! Proves S0.11 and S0.14 in part.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use common::{App, Did, asked, client, place, view};
use drawbridge_core::tray::Icon;
use drawbridge_desk::{Ask, Notice, Opening, Window};
use drawbridge_testkit::fake_host::{FakeHost, HostEnd};
use drawbridge_testkit::home::Scratch;
use drawbridge_wire::buses::WhichBus;
use drawbridge_wire::control::{
    Answer, AppServerState, AppServerView, ApprovalKind, ApprovalState, ApprovalView, Change, Choice, Request,
};
use drawbridge_wire::{AnswerSource, Decision};
use serde_json::{Map, Value, json};

struct Desk {
    app: App,
    end: HostEnd,
    _host: FakeHost,
    dir: Scratch,
}

async fn desk() -> Desk {
    let dir = place();
    let host = FakeHost::at(dir.path());
    let mut app = App::start(dir.path());
    let end = client(&host, &view(dir.path())).await;
    app.until_tray(|tray| common::headline(tray) != "Starting").await;
    Desk {
        app,
        end,
        _host: host,
        dir,
    }
}

impl Desk {
    async fn change(&mut self, view: ApprovalView) {
        self.end.change(Change::Approval(Box::new(view))).await;
    }

    async fn notice(&mut self) -> Notice {
        self.app
            .until(|did| match did {
                Did::Notify(notice) => Some(notice),
                _ => None,
            })
            .await
    }

    async fn did(&mut self, wanted: Did) {
        self.app.until(|did| (did == wanted).then_some(())).await;
    }

    /// The dialog drew this approval.
    async fn shows(&mut self, view: ApprovalView) -> Value {
        self.change(view).await;
        self.did(Did::Show(Window::Approval)).await;
        self.app.ask("approval", Ask::CurrentCard).await.unwrap()
    }
}

fn by_phone() -> AnswerSource {
    AnswerSource::Remote {
        bus: "studio".into(),
        client: "phone".into(),
    }
}

#[tokio::test]
async fn answered_elsewhere_the_dialog_says_by_whom_and_closes() {
    let mut desk = desk().await;
    desk.shows(asked("1-0", ApprovalState::Open)).await;
    let applied = ApprovalState::Applied {
        by: by_phone(),
        decision: Decision::Accept,
    };
    desk.change(asked("1-0", applied.clone())).await;
    desk.did(Did::Withdraw).await;
    let told = desk.app.until_card().await.unwrap();
    assert_eq!((told.view.state, told.count), (applied, 0));
    // That stands for a moment before the window goes.
    assert_eq!(desk.app.until_card().await, None);
    desk.did(Did::Close(Window::Approval)).await;
    let now = desk.app.ask("approval", Ask::CurrentCard).await.unwrap();
    assert_eq!(now, Value::Null, "nothing is on display");
}

#[tokio::test]
async fn after_a_restart_of_the_agent_the_card_says_that_it_expired_and_goes() {
    let mut desk = desk().await;
    let card = desk.shows(asked("1-0", ApprovalState::Open)).await;
    let restarted = AppServerView {
        generation: 2,
        state: AppServerState::Ready,
        pid: Some(3),
        user_agent: None,
    };
    desk.end.change(Change::AppServer(restarted)).await;
    desk.change(asked("1-0", ApprovalState::Lost)).await;
    let told = desk.app.until_card().await.unwrap();
    assert_eq!(told.view.state, ApprovalState::Lost);
    let late = Ask::Answer {
        id: "1-0".into(),
        digest: "digest of 1-0".into(),
        nonce: card["nonce"].as_str().unwrap().into(),
        decision: Decision::Accept,
        replies: None,
    };
    let refused = desk.app.ask("approval", late).await.unwrap_err();
    assert_eq!(refused.code, "already_answered");
    assert_eq!(desk.app.until_card().await, None);
    desk.did(Did::Close(Window::Approval)).await;
}

#[tokio::test]
async fn what_a_person_fills_in_goes_to_the_host_as_answers() {
    for kind in [ApprovalKind::UserInput, ApprovalKind::Elicitation] {
        let mut desk = desk().await;
        let mut question = asked("1-0", ApprovalState::Open);
        question.kind = kind;
        question.choices = vec![Choice {
            label: "Answer".into(),
            decision: Decision::Answers(Map::new()),
        }];
        let card = desk.shows(question).await;
        let replies = json!({"which": "both", "count": 2, "sure": true, "several": ["a", "b"]});
        let replies = replies.as_object().unwrap().clone();
        let filled_in = replies.clone();
        let answered = desk.app.answer(move || Ask::Answer {
            id: "1-0".into(),
            digest: "digest of 1-0".into(),
            nonce: card["nonce"].as_str().unwrap().into(),
            decision: Decision::Answers(Map::new()),
            replies: Some(filled_in.clone()),
        });
        let (id, request) = desk.end.request().await;
        let expected = Answer {
            id: "1-0".into(),
            digest: "digest of 1-0".into(),
            decision: Decision::Answers(replies),
        };
        assert_eq!(request, Request::Answer(expected));
        let sent = ApprovalState::Superseded;
        desk.end.reply(id, json!({"won": false, "state": sent})).await;
        assert_eq!(answered.await.unwrap().unwrap()["won"], json!(false));
    }
}

// proves S0.14
#[tokio::test]
async fn a_notice_says_which_approval_waits_without_its_words_and_a_click_opens_the_dialog() {
    let mut desk = desk().await;
    let mut first = asked("1-0", ApprovalState::Open);
    first.headline = "Run a command: curl -H 'Authorization: Bearer canary-5f1c'".into();
    first.body = first.headline.clone();
    first.cwd = Some("/home/u/src/shop\u{202e}".into());
    first.origin = "studio/editor".into();
    desk.change(first).await;
    let notice = desk.notice().await;
    assert_eq!(notice.title, "An approval waits");
    assert_eq!(
        notice.body,
        "Run a command in shop\u{2039}U+202E RIGHT-TO-LEFT OVERRIDE\u{203a}, for studio/editor"
    );
    desk.did(Did::Show(Window::Approval)).await;
    desk.app.desk.closed("approval");

    let mut second = asked("1-1", ApprovalState::Open);
    second.kind = ApprovalKind::UserInput;
    desk.change(second).await;
    let notice = desk.notice().await;
    assert_eq!(
        (notice.title.as_str(), notice.body.as_str()),
        ("2 approvals wait", "A question of the agent")
    );
    desk.did(Did::Show(Window::Approval)).await;
    desk.app.desk.closed("approval");

    // The window is gone; the notice brings it back.
    desk.app.desk.notice_clicked();
    desk.did(Did::Show(Window::Approval)).await;
    for id in ["1-0", "1-1"] {
        desk.change(asked(id, ApprovalState::Superseded)).await;
    }
    desk.did(Did::Withdraw).await;
    desk.app.until_tray(|tray| tray.icon != Icon::Waiting).await;
    // A click on a notice that came too late does nothing.
    desk.app.desk.closed("approval");
    desk.app.desk.notice_clicked();
    desk.app.ask("main", Ask::Snapshot).await.unwrap();
    assert!(!desk.app.rest().iter().any(|did| matches!(did, Did::Show(_))));
}

#[tokio::test]
async fn what_the_window_asks_of_the_host_goes_there_as_it_is() {
    let mut desk = desk().await;
    let digest = || "of what was shown".to_owned();
    for (ask, request) in [
        (Ask::OpenVault, Request::OpenVault {}),
        (
            Ask::ConfigAccept { digest: digest() },
            Request::AcceptConfig { digest: digest() },
        ),
        (
            Ask::Logs {
                child: "app-server".into(),
            },
            Request::Logs {
                child: "app-server".into(),
            },
        ),
        (
            Ask::Forget { id: "b".into() },
            Request::Forget { bus: "b".into() },
        ),
        (
            Ask::CheckMcp { id: None },
            Request::CheckMcp(WhichBus { bus: None }),
        ),
    ] {
        let handle = desk.app.desk.clone();
        let asked = tokio::spawn(async move { handle.ask("main", ask).await });
        let (id, found) = desk.end.request().await;
        assert_eq!(found, request);
        desk.end.reply(id, json!(["an answer"])).await;
        assert_eq!(asked.await.unwrap(), Ok(json!(["an answer"])));
    }
    // Another state than the person saw.
    let handle = desk.app.desk.clone();
    let ask = Ask::ConfigAccept { digest: digest() };
    let asked = tokio::spawn(async move { handle.ask("main", ask).await });
    let (id, _) = desk.end.request().await;
    desk.end.reject(id, "changed").await;
    assert_eq!(asked.await.unwrap().unwrap_err().code, "changed");
}

#[tokio::test]
async fn the_configuration_is_shown_set_and_opened_and_the_record_read() {
    let mut desk = desk().await;
    let set = |key: &str, value: &str| Ask::ConfigSet {
        key: key.into(),
        value: value.into(),
    };
    desk.app.ask("main", set("host.name", "\"Desk\"")).await.unwrap();
    let rows = desk.app.ask("main", Ask::ConfigShow).await.unwrap();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == "host.name");
    assert!(
        row.unwrap()["value"].as_str().unwrap().contains("Desk"),
        "{row:?}"
    );
    let refused = desk.app.ask("main", set("no.such", "1")).await.unwrap_err();
    assert_eq!(refused.code, "config_no_such_key");
    desk.app.ask("main", Ask::OpenConfig).await.unwrap();
    let file = desk.dir.path().join("config.toml");
    desk.did(Did::Open(Opening::Text(file))).await;
    std::fs::write(desk.dir.path().join("audit.jsonl"), "{\"n\":1}\n{\"n\":2}\n").unwrap();
    let tail = desk.app.ask("main", Ask::AuditTail { count: 1 }).await.unwrap();
    assert_eq!(tail, json!([{"n": 2}]));
}

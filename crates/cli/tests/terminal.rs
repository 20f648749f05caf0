//! `connect` on a terminal: the person reads the card and answers there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::{SOON, approval, drawbridge, view};
use drawbridge_testkit::fake_host::FakeHost;
use drawbridge_wire::buses::Permission;
use drawbridge_wire::control::{AnswerResult, ApprovalState, Change, HostView, ItemOutcome, Request};
use drawbridge_wire::{AnswerSource, Decision};
use nix::pty::{OpenptyResult, openpty};
use serde_json::json;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A terminal with `connect` on it.
struct Person {
    keyboard: File,
    screen: mpsc::UnboundedReceiver<Vec<u8>>,
    seen: String,
    child: Child,
}

impl Person {
    fn at(data_dir: &Path) -> Self {
        let mut command = drawbridge(data_dir);
        command.arg("connect");
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let child = command
            .stdin(end(&slave))
            .stdout(end(&slave))
            .stderr(end(&slave))
            .spawn()
            .unwrap();
        drop(command);
        drop(slave);
        let keyboard = File::from(master);
        let mut eyes = keyboard.try_clone().unwrap();
        let (send, screen) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = eyes.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keyboard,
            screen,
            seen: String::new(),
            child,
        }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the words appear, and gives everything up to them that was not looked at yet.
    async fn sees(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(words) {
                let rest = self.seen.split_off(at + words.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let more = timeout(SOON, self.screen.recv())
                .await
                .unwrap_or_else(|_| panic!("{words:?} not in {:?}", self.seen));
            self.seen
                .push_str(&String::from_utf8(more.expect("the terminal is open")).unwrap());
        }
    }
}

fn waiting(data_dir: &Path, pid: Option<u32>, ids: &[&str]) -> HostView {
    HostView {
        approvals: ids.iter().map(|id| approval(id)).collect(),
        ..view(data_dir, pid)
    }
}

const QUESTION: &str = "with a number or its word, then Enter: ";

#[tokio::test]
async fn a_person_reads_the_card_and_answers_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut person = Person::at(dir.path());
    let mut client = host
        .ready_client(&waiting(dir.path(), person.child.id(), &["1-0", "1-1"]))
        .await;

    // Typed before the question stands: not meant for it.
    person.types("accept\r");
    let card = person.sees(&format!("Answer 1-0 {QUESTION}")).await;
    for line in [
        "Run a command: touch 1-0\r\n",
        "  │ touch 1-0\r\n",
        "  1  accept  Run it once\r\n",
        "  3  cancel  Say no and end the turn\r\n",
    ] {
        assert!(card.contains(line), "{card}");
    }
    // Neither Enter alone nor a slip answers.
    person.types("\r");
    person.sees("Enter alone is no answer").await;
    person.sees(QUESTION).await;
    person.types("acept\r");
    person
        .sees("That is not an answer. Possible: 1 or accept, 2 or decline, 3 or cancel.")
        .await;
    person.sees(QUESTION).await;
    person.types("accept\r");

    let (id, request) = client.request().await;
    let Request::Answer(answer) = request else {
        panic!("{request:?}")
    };
    assert_eq!(
        (answer.id.as_str(), answer.digest.as_str(), &answer.decision),
        ("1-0", "d1gest0f1-0", &Decision::Accept)
    );
    let by = AnswerSource::Control {
        client: "drawbridge connect".to_owned(),
    };
    let state = ApprovalState::Sent {
        by,
        decision: Decision::Accept,
    };
    client
        .reply(
            id,
            serde_json::to_value(AnswerResult { state, won: true }).unwrap(),
        )
        .await;
    person.sees("approval 1-0: accepted by drawbridge connect").await;

    // The next one has its own card, and a number answers too.
    person.sees(&format!("Answer 1-1 {QUESTION}")).await;
    person.types("2\r");
    let (id, request) = client.request().await;
    let Request::Answer(answer) = request else {
        panic!("{request:?}")
    };
    assert_eq!(
        (answer.id.as_str(), &answer.decision),
        ("1-1", &Decision::Decline)
    );
    client.reject(id, "already_answered").await;
    person
        .sees("the answer was not taken: words for already_answered")
        .await;
}

#[tokio::test]
async fn an_approval_answered_elsewhere_says_by_whom_and_frees_the_question() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut person = Person::at(dir.path());
    let mut client = host
        .ready_client(&waiting(dir.path(), person.child.id(), &["1-0"]))
        .await;
    person.sees(&format!("Answer 1-0 {QUESTION}")).await;
    person.types("acc");

    let mut answered = approval("1-0");
    let by = AnswerSource::Remote {
        bus: "bus.example".to_owned(),
        client: "client-1".to_owned(),
    };
    answered.state = ApprovalState::Applied {
        by,
        decision: Decision::Decline,
    };
    client.change(Change::Approval(Box::new(answered.clone()))).await;
    person
        .sees("approval 1-0: declined by client-1 through bus.example")
        .await;
    // What then became of it is told where the answer was.
    answered.outcome = Some(ItemOutcome::TurnInterrupted);
    client.change(Change::Approval(Box::new(answered))).await;
    person
        .sees("declined by client-1 through bus.example; the turn was interrupted")
        .await;
    // What was begun for the first must not answer the second.
    client.change(Change::Approval(Box::new(approval("1-1")))).await;
    person.sees(&format!("Answer 1-1 {QUESTION}")).await;
    person.types("cancel\r");
    let (_, request) = client.request().await;
    let Request::Answer(answer) = request else {
        panic!("{request:?}")
    };
    assert_eq!((answer.id.as_str(), &answer.decision), ("1-1", &Decision::Cancel));
}

#[tokio::test]
async fn a_card_whose_content_changed_is_shown_again_before_it_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut person = Person::at(dir.path());
    let mut client = host
        .ready_client(&waiting(dir.path(), person.child.id(), &["1-0"]))
        .await;
    person.sees(&format!("Answer 1-0 {QUESTION}")).await;
    let mut other = approval("1-0");
    other.digest = "0therd1gest".to_owned();
    other.body = "Command\n  │ rm -rf /w".to_owned();
    client.change(Change::Approval(Box::new(other))).await;
    person.sees("  │ rm -rf /w").await;
    person.sees(QUESTION).await;
    person.types("1\r");
    let (_, request) = client.request().await;
    let Request::Answer(answer) = request else {
        panic!("{request:?}")
    };
    assert_eq!(answer.digest, "0therd1gest");
}

#[tokio::test]
async fn the_status_line_follows_the_state_and_ctrl_c_gives_the_lease_back() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut person = Person::at(dir.path());
    let pid = person.child.id();
    let mut client = host.ready_client(&view(dir.path(), pid)).await;
    person.sees("Desk · codex ready · 0 turns running").await;
    let mut starting = view(dir.path(), pid).app_server;
    starting.state = drawbridge_wire::control::AppServerState::Starting;
    client.change(Change::AppServer(starting)).await;
    person.sees("Desk · codex starting · 0 turns running").await;
    let pid = nix::unistd::Pid::from_raw(pid.unwrap().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    client.reply(id, json!({})).await;
    client
        .change(Change::Stopping {
            reason: "nobody uses it".to_owned(),
        })
        .await;
    drop(client);
    person.sees("the host is stopping").await;
    assert_eq!(
        timeout(SOON, person.child.wait()).await.unwrap().unwrap().code(),
        Some(0)
    );
}

/// The terminal's own echo is off while the token is typed, and nothing else shows it.
// proves S0.07
#[tokio::test]
async fn a_token_that_is_typed_is_not_shown() {
    const TYPED: &str = "canary-typed-7d31";
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let plain = drawbridge(dir.path());
    // The prompt is for the terminal that controls the process.
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "--wait"])
        .arg(plain.as_std().get_program())
        .args(["enroll", "--api", "http://127.0.0.1:9"])
        .env_clear()
        .envs(
            plain
                .as_std()
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .kill_on_drop(true);
    let mut person = Person::of(command);
    person
        .sees("Enrollment token or code for http://127.0.0.1:9: ")
        .await;
    person.types(&format!("{TYPED}\r"));
    let mut client = host.ready_client(&view(dir.path(), None)).await;
    let (id, request) = client.request().await;
    let Request::Enroll(enroll) = request else {
        panic!("{request:?}")
    };
    let Permission::Token(token) = enroll.by else {
        panic!("no token")
    };
    assert_eq!(token.reveal(), TYPED);
    client.reject(id, "unauthorized").await;
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    client.reply(id, json!({})).await;
    let shown = person.sees("[unauthorized]").await;
    assert!(!shown.contains("canary") && !shown.contains("7d31"), "{shown}");
    let ended = timeout(SOON, person.child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1));
    let terminal = nix::sys::termios::tcgetattr(&person.keyboard).unwrap();
    let echo = nix::sys::termios::LocalFlags::ECHO;
    assert!(terminal.local_flags.contains(echo), "as it was before");
}

/// While somebody thinks about an answer, nobody else has to wait for it.
// proves S5.47
#[tokio::test]
async fn config_accept_holds_no_host_while_it_asks() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut state = view(dir.path(), None);
    let config = json!({
        "file": "/c.toml", "in_force": "file", "problems": [], "confirmed": "defaults",
        "waiting": [], "digest": null, "at_next_start": [],
    });
    state.config = Some(serde_json::from_value(config).unwrap());
    let mut command = drawbridge(dir.path());
    command.args(["config", "accept"]);
    let mut person = Person::of(command);
    let mut client = host.ready_client(&state).await;
    let (id, request) = client.request().await;
    assert_eq!(request, Request::OfferConfig {});
    let waiting = json!([{"key": "security.role", "from": "viewer", "to": "operator"}]);
    let offer = json!({"waiting": waiting, "records": [], "digest": "seen"});
    client.reply(id, offer).await;
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    client.reply(id, json!({})).await;
    person.sees("Confirm all of this? [y/N] ").await;

    person.types("y\r");
    let mut client = host.ready_client(&state).await;
    let (id, request) = client.request().await;
    // It is what was seen, or it does not count.
    assert_eq!(
        request,
        Request::AcceptConfig {
            digest: "seen".to_owned()
        }
    );
    client.reply(id, json!({})).await;
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    client.reply(id, json!({})).await;
    person.sees("confirmed; it is in force").await;
    assert!(
        timeout(SOON, person.child.wait())
            .await
            .unwrap()
            .unwrap()
            .success()
    );
}

//! The commands that talk to a running host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::{approval, drawbridge, ended, view};
use drawbridge_testkit::fake_host::{FakeHost, HostEnd};
use drawbridge_wire::control::{
    Answer, AnswerResult, ApprovalState, Change, Choice, FieldKind, FormField, HostView, ItemOutcome,
    LeaseView, Request,
};
use drawbridge_wire::{AnswerSource, Decision, NetworkAction, NetworkRule};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

fn start(data_dir: &Path, arguments: &[&str]) -> Child {
    drawbridge(data_dir).args(arguments).spawn().unwrap()
}

fn with_approvals(data_dir: &Path, ids: &[&str]) -> HostView {
    HostView {
        approvals: ids.iter().map(|id| approval(id)).collect(),
        ..view(data_dir, None)
    }
}

/// The answer that is given, with the id of its request.
async fn answer(client: &mut HostEnd) -> (u64, Answer) {
    let (id, request) = client.request().await;
    let Request::Answer(answer) = request else {
        panic!("{request:?}")
    };
    (id, answer)
}

/// Tells that this decision counts and is on its way.
async fn sent(client: &mut HostEnd, id: u64, decision: Decision) {
    let by = AnswerSource::Control {
        client: "drawbridge approvals".to_owned(),
    };
    let result = AnswerResult {
        state: ApprovalState::Sent { by, decision },
        won: true,
    };
    client.reply(id, serde_json::to_value(result).unwrap()).await;
}

#[tokio::test]
async fn without_a_host_every_command_says_so_and_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["status", "--json"][..],
        &["threads"],
        &["approvals", "list"],
        &["approvals", "show", "1-0"],
        &["approvals", "accept", "1-0"],
        &["skills", "watch"],
        &["skills", "enable", "greet"],
        &["stop"],
        &["logs"],
    ] {
        let ended = ended(start(dir.path(), arguments)).await;
        assert_eq!(ended.code, Some(3), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("start one with `drawbridge connect`"),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "");
    }
}

#[tokio::test]
async fn status_prints_the_state_as_it_came() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let state = with_approvals(dir.path(), &["1-0"]);
    let child = start(dir.path(), &["status", "--json"]);
    let _client = host.ready_client(&state).await;
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(serde_json::from_str::<HostView>(&ended.stdout).unwrap(), state);
}

#[tokio::test]
async fn an_answer_carries_the_digest_of_the_card_that_was_printed() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let rule = |action| {
        let host = "a.example".to_owned();
        Decision::ApplyNetworkRule(NetworkRule { action, host })
    };
    for (arguments, decision, shows_card) in [
        (&["approvals", "accept", "1-1"][..], Decision::Accept, true),
        (
            &["approvals", "accept", "1-1", "--for-session"][..],
            Decision::AcceptForSession,
            true,
        ),
        (
            &["approvals", "accept", "1-1", "--reply", "color=blue"][..],
            Decision::Answers(json!({"color": "blue"}).as_object().unwrap().clone()),
            true,
        ),
        (
            &["approvals", "accept", "1-1", "--allow-host", "a.example"][..],
            rule(NetworkAction::Allow),
            true,
        ),
        (
            &["approvals", "decline", "1-1", "--deny-host", "a.example"][..],
            rule(NetworkAction::Deny),
            true,
        ),
        (
            &["approvals", "decline", "1-1", "--digest", "d1gest0f"][..],
            Decision::Decline,
            false,
        ),
        (&["approvals", "cancel", "1-1"][..], Decision::Cancel, false),
    ] {
        let child = start(dir.path(), arguments);
        let mut client = host
            .ready_client(&with_approvals(dir.path(), &["1-0", "1-1"]))
            .await;
        let (id, answer) = answer(&mut client).await;
        assert_eq!(
            (answer.id.as_str(), answer.digest.as_str()),
            ("1-1", "d1gest0f1-1")
        );
        assert_eq!(answer.decision, decision);
        sent(&mut client, id, decision).await;
        let ended = ended(child).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(
            ended.stdout.contains("  │ touch 1-1\n"),
            shows_card,
            "{}",
            ended.stdout
        );
    }
}

/// On the command line it would be for all to read; and whoever puts it there is told.
#[tokio::test]
async fn a_secret_answer_comes_from_stdin() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut state = with_approvals(dir.path(), &["1-0"]);
    state.approvals[0].form = Some(vec![FormField {
        id: "pass".to_owned(),
        label: "Password?".to_owned(),
        about: None,
        kind: FieldKind::Secret,
        options: Vec::new(),
        other: false,
        required: true,
        value: None,
    }]);
    for (arguments, typed, warned) in [
        (&["--reply-stdin"][..], "{\"pass\": \"two\\nlines\"}", false),
        (&["--reply", "pass=two\nlines"], "", true),
    ] {
        let mut command = drawbridge(dir.path());
        command.args(["approvals", "accept", "1-0"]).args(arguments);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).await.unwrap();
        drop(stdin);
        let mut client = host.ready_client(&state).await;
        let (id, answer) = answer(&mut client).await;
        let decision = Decision::Answers(json!({"pass": "two\nlines"}).as_object().unwrap().clone());
        assert_eq!(answer.decision, decision);
        let decision = Decision::Answers(serde_json::Map::new());
        sent(&mut client, id, decision).await;
        let ended = ended(child).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(!ended.stdout.contains("lines"), "{}", ended.stdout);
        assert_eq!(
            ended.stderr.contains("can be read by other programs"),
            warned,
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn answers_from_stdin_that_are_none_are_refused_without_being_repeated() {
    let dir = tempfile::tempdir().unwrap();
    for typed in ["s3cret", "[\"s3cret\"]", "{\"pass\": s3cret}", ""] {
        let mut command = drawbridge(dir.path());
        command.args(["approvals", "accept", "1-0", "--reply-stdin"]);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).await.unwrap();
        drop(stdin);
        let ended = ended(child).await;
        assert_eq!(ended.code, Some(2), "{typed}: {}", ended.stderr);
        assert!(ended.stderr.contains("reads one JSON object"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

/// A form without a field that must be filled in is sent empty; one with such a field is asked for.
#[tokio::test]
async fn a_bare_yes_to_a_form_sends_it_empty_where_that_is_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    for required in [false, true] {
        let child = start(dir.path(), &["approvals", "accept", "1-0"]);
        let mut state = with_approvals(dir.path(), &["1-0"]);
        let card = &mut state.approvals[0];
        card.choices = vec![Choice {
            label: "Answer".to_owned(),
            decision: Decision::Answers(serde_json::Map::new()),
        }];
        card.form = Some(vec![FormField {
            id: "age".to_owned(),
            label: "Age".to_owned(),
            about: None,
            kind: FieldKind::Text,
            options: Vec::new(),
            other: false,
            required,
            value: None,
        }]);
        let mut client = host.ready_client(&state).await;
        if required {
            let ended = ended(child).await;
            assert_ne!(ended.code, Some(0));
            assert!(ended.stderr.contains("the questions are age"), "{}", ended.stderr);
            continue;
        }
        let (id, answer) = answer(&mut client).await;
        assert_eq!(answer.decision, Decision::Answers(serde_json::Map::new()));
        sent(&mut client, id, answer.decision).await;
        assert_eq!(ended(child).await.code, Some(0));
    }
}

#[tokio::test]
async fn what_became_of_an_approval_is_shown_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut state = with_approvals(dir.path(), &["1-0"]);
    state.approvals[0].state = ApprovalState::Applied {
        by: AnswerSource::Control {
            client: "Desktop".to_owned(),
        },
        decision: Decision::Accept,
    };
    for (outcome, words) in [
        (ItemOutcome::Running, "it is under way"),
        (
            ItemOutcome::Completed { exit_code: Some(0) },
            "it ran and ended with exit code 0",
        ),
        (
            ItemOutcome::Failed { exit_code: Some(7) },
            "it failed with exit code 7",
        ),
        (ItemOutcome::TurnInterrupted, "the turn was interrupted"),
    ] {
        state.approvals[0].outcome = Some(outcome);
        for arguments in [&["approvals", "list"][..], &["approvals", "show", "1-0"]] {
            let child = start(dir.path(), arguments);
            let _client = host.ready_client(&state).await;
            let shown = ended(child).await.stdout;
            assert!(shown.contains("accepted by Desktop at this computer"), "{shown}");
            assert!(shown.contains(words), "{shown}");
        }
    }
    let child = start(dir.path(), &["approvals", "list", "--json"]);
    let _client = host.ready_client(&state).await;
    let shown = ended(child).await.stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown[0]["outcome"], json!({ "outcome": "turn_interrupted" }));
}

#[tokio::test]
async fn an_answer_that_does_not_count_is_told_with_its_own_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());

    // Another answer was first.
    let child = start(dir.path(), &["approvals", "accept", "1-0"]);
    let mut client = host.ready_client(&with_approvals(dir.path(), &["1-0"])).await;
    let (id, _) = client.request().await;
    let by = AnswerSource::Remote {
        bus: "bus.example".to_owned(),
        client: "client-1".to_owned(),
    };
    let result = AnswerResult {
        state: ApprovalState::Applied {
            by,
            decision: Decision::Decline,
        },
        won: false,
    };
    client.reply(id, serde_json::to_value(result).unwrap()).await;
    let late = ended(child).await;
    assert_eq!(late.code, Some(5));
    assert!(
        late.stderr.contains("declined by client-1 through bus.example"),
        "{}",
        late.stderr
    );

    // The request changed under it.
    let child = start(dir.path(), &["approvals", "accept", "1-0"]);
    let mut client = host.ready_client(&with_approvals(dir.path(), &["1-0"])).await;
    let (id, _) = client.request().await;
    client.reject(id, "changed").await;
    let changed = ended(child).await;
    assert_eq!(changed.code, Some(5));
    assert!(
        changed.stderr.contains("words for changed [changed]"),
        "{}",
        changed.stderr
    );

    // It is not what was read before, not there, or over: nothing is sent.
    let mut over = with_approvals(dir.path(), &["1-0"]);
    over.approvals[0].state = ApprovalState::Superseded;
    for (state, arguments) in [
        (
            with_approvals(dir.path(), &["1-0"]),
            &["approvals", "accept", "1-0", "--digest", "d1gest0f1-9"][..],
        ),
        (
            with_approvals(dir.path(), &["1-0"]),
            &["approvals", "accept", "1-7"][..],
        ),
        (over, &["approvals", "accept", "1-0"][..]),
    ] {
        let child = start(dir.path(), arguments);
        let _client = host.ready_client(&state).await;
        assert_eq!(ended(child).await.code, Some(5), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_host_that_refuses_this_process_is_told_from_one_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let child = start(dir.path(), &["approvals", "accept", "1-0"]);
    let mut client = host.client().await;
    let (id, _) = client.request().await;
    client.reject(id, "not_allowed").await;
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("words for not_allowed [not_allowed]"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn stop_waits_until_the_host_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut child = start(dir.path(), &["stop"]);
    let mut client = host.ready_client(&view(dir.path(), None)).await;
    let (id, request) = client.request().await;
    assert_eq!(request, Request::Stop {});
    client.reply(id, json!({})).await;
    client
        .change(Change::Stopping {
            reason: "asked".to_owned(),
        })
        .await;
    assert!(child.try_wait().unwrap().is_none(), "the connection still stands");
    drop(client);
    assert_eq!(ended(child).await.code, Some(0));
}

#[tokio::test]
async fn logs_cannot_command_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let child = start(dir.path(), &["logs", "connector"]);
    let mut client = host.client().await;
    let (id, _) = client.request().await;
    client.reply(id, json!({})).await;
    let (id, request) = client.request().await;
    assert_eq!(
        request,
        Request::Logs {
            child: "connector".to_owned()
        }
    );
    client.reply(id, json!({"lines": ["one", "\u{1b}[2Jtwo"]})).await;
    assert_eq!(ended(child).await.stdout, "one\n‹U+001B ESCAPE›[2Jtwo\n");
}

#[tokio::test]
async fn connect_without_a_terminal_tells_and_never_answers() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let child = start(dir.path(), &["connect", "--answer", "both"]);
    let pid = child.id().unwrap();
    let mut state = view(dir.path(), Some(pid));
    state.leases.push(LeaseView {
        client: "Desktop".to_owned(),
        pid: Some(4242),
    });
    let mut client = host.ready_client(&state).await;
    client.change(Change::Approval(Box::new(approval("1-0")))).await;
    let mut declined = approval("1-0");
    declined.state = ApprovalState::Applied {
        by: AnswerSource::Deadline,
        decision: Decision::Decline,
    };
    client.change(Change::Approval(Box::new(declined))).await;
    client.change(Change::ThreadClosed { id: "T".to_owned() }).await;
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGTERM).unwrap();
    // Nothing but the lease is ever sent.
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    state.leases.retain(|lease| lease.pid != Some(pid));
    client.change(Change::Leases(state.leases)).await;
    client.reply(id, json!({})).await;
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("WARNING: --answer both"),
        "{}",
        ended.stderr
    );
    let last = ended.stdout.lines().last().unwrap();
    assert_eq!(last, "the host stays up for Desktop (pid 4242)");
    assert!(
        ended.stdout.contains("a host runs here already"),
        "{}",
        ended.stdout
    );
}

/// A pipe takes some 64 KiB and then nothing until somebody reads it.
#[tokio::test]
async fn connect_hears_a_signal_although_nobody_reads_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut child = start(dir.path(), &["connect"]);
    let pid = child.id().unwrap();
    let mut state = view(dir.path(), Some(pid));
    state.leases.push(LeaseView {
        client: "Desktop".to_owned(),
        pid: Some(4242),
    });
    let mut client = host.ready_client(&state).await;
    for n in 0..3000 {
        let id = format!("{n}-{}", "x".repeat(100));
        client.change(Change::ThreadClosed { id }).await;
    }
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGTERM).unwrap();
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    state.leases.retain(|lease| lease.pid != Some(pid));
    client.change(Change::Leases(state.leases)).await;
    client.reply(id, json!({})).await;
    let status = tokio::time::timeout(common::SOON, child.wait()).await;
    assert_eq!(status.expect("it ends").unwrap().code(), Some(0));
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .await
        .unwrap();
    assert!(said.len() >= 60_000, "the pipe was full: {}", said.len());
}

#[tokio::test]
async fn connect_ends_when_the_reader_of_its_output_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let mut child = start(dir.path(), &["connect"]);
    let mut client = host.ready_client(&view(dir.path(), child.id())).await;
    drop(child.stdout.take());
    client.change(Change::ThreadClosed { id: "T".to_owned() }).await;
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
}

/// Who gave its lease back a moment before does not keep the host up, whatever was read until then.
#[tokio::test]
async fn connect_sees_its_host_end_when_somebody_else_has_just_left() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let child = start(dir.path(), &["connect"]);
    let pid = child.id().unwrap();
    let mut state = view(dir.path(), Some(pid));
    let own = state.leases.clone();
    state.leases.push(LeaseView {
        client: "drawbridge config accept".to_owned(),
        pid: Some(4242),
    });
    let mut client = host.ready_client(&state).await;
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGTERM).unwrap();
    let (id, request) = client.request().await;
    assert_eq!(request, Request::ReleaseLease {});
    client.change(Change::Leases(own)).await;
    client.change(Change::Leases(Vec::new())).await;
    client.reply(id, json!({})).await;
    let stopping = Change::Stopping {
        reason: "nobody uses it".to_owned(),
    };
    client.change(stopping).await;
    drop(client);
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let last = ended.stdout.lines().last().unwrap();
    assert_eq!(last, "the host is stopping");
}

#[tokio::test]
async fn connect_ends_when_the_host_is_stopped_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let child = start(dir.path(), &["connect"]);
    let mut client = host.ready_client(&view(dir.path(), child.id())).await;
    client.change(Change::Approval(Box::new(approval("1-0")))).await;
    client
        .change(Change::Stopping {
            reason: "stopped by drawbridge stop".to_owned(),
        })
        .await;
    drop(client);
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in [
        "approval 1-0: waits for an answer — Run a command: touch 1-0\n",
        "the host is stopping: stopped by drawbridge stop\n",
    ] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_process_that_the_host_turns_away_hears_why() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("run")).unwrap();
    let door = tokio::net::UnixListener::bind(dir.path().join("run/control.sock")).unwrap();
    let child = start(dir.path(), &["approvals", "accept", "1-0"]);
    let (mut stream, _) = tokio::time::timeout(common::SOON, door.accept())
        .await
        .unwrap()
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(
            tokio::time::timeout(common::SOON, stream.read_buf(&mut head))
                .await
                .unwrap()
                .unwrap(),
            0
        );
    }
    let body = r#"{"error":{"code":"own_child","message":"the agent cannot answer for you"}}"#;
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    let ended = ended(child).await;
    assert_eq!(ended.code, Some(4));
    assert!(
        ended
            .stderr
            .contains("the host refused this process: the agent cannot answer for you [own_child] [refused]"),
        "{}",
        ended.stderr
    );
}

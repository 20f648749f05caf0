use super::{Ended, Output, Turn};
use crate::args::{Sandbox, SendArgs};
use serde_json::{Value, json};

fn send(text: &str) -> SendArgs {
    SendArgs {
        bus: "https://bus.example".to_owned(),
        host: None,
        thread: None,
        cwd: None,
        sandbox: None,
        approval_policy: None,
        ca: None,
        token_file: None,
        timeout: None,
        text: text.to_owned(),
    }
}

fn take(turn: &mut Turn, frame: &Value) -> Vec<Output> {
    turn.take(&frame.to_string()).unwrap()
}

/// A turn whose prompt was taken as turn `U` of thread `T`.
fn running() -> Turn {
    let mut turn = Turn::new(&send("hi"));
    take(&mut turn, &json!({"id": 1, "result": {}}));
    take(&mut turn, &json!({"id": 2, "result": {"thread": {"id": "T"}}}));
    assert_eq!(
        take(&mut turn, &json!({"id": 3, "result": {"turn": {"id": "U"}}})),
        [Output::Running]
    );
    turn
}

fn note(text: &str) -> Output {
    Output::Note(text.to_owned())
}

#[test]
fn a_prompt_starts_a_thread_with_what_was_given() {
    let args = SendArgs {
        cwd: Some("/w".to_owned()),
        sandbox: Some(Sandbox::ReadOnly),
        approval_policy: Some("on-request".to_owned()),
        ..send("hi")
    };
    let mut turn = Turn::new(&args);
    assert_eq!(turn.hello()["params"]["capabilities"]["experimentalApi"], true);
    assert_eq!(
        take(&mut turn, &json!({"id": 1, "result": {}})),
        [
            Output::Send(json!({"method": "initialized"})),
            Output::Send(json!({"id": 2, "method": "thread/start", "params": {
                "cwd": "/w", "sandbox": "read-only", "approvalPolicy": "on-request"}})),
        ]
    );
    assert_eq!(
        take(&mut turn, &json!({"id": 2, "result": {"thread": {"id": "T"}}})),
        [
            note("thread T"),
            Output::Send(json!({"id": 3, "method": "turn/start", "params": {
                "threadId": "T", "input": [{"type": "text", "text": "hi"}]}})),
        ]
    );
    assert_eq!(turn.interrupt(), None);
}

#[test]
fn a_prompt_goes_on_in_a_thread() {
    let mut turn = Turn::new(&SendArgs {
        thread: Some("T".to_owned()),
        ..send("hi")
    });
    let outputs = take(&mut turn, &json!({"id": 1, "result": {}}));
    assert_eq!(
        outputs[1],
        Output::Send(
            json!({"id": 2, "method": "thread/resume", "params": {"threadId": "T", "excludeTurns": true}})
        )
    );
}

#[test]
fn text_is_streamed_and_items_are_told_in_short_lines() {
    let mut turn = running();
    let at = |method: &str, more: Value| {
        let mut params = json!({"threadId": "T", "turnId": "U"});
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"method": method, "params": params})
    };
    for (frame, outputs) in [
        (
            at(
                "item/agentMessage/delta",
                json!({"itemId": "m", "delta": "he\u{1b}"}),
            ),
            vec![Output::Text("he\u{1b}".to_owned())],
        ),
        (
            at(
                "item/completed",
                json!({"item": {"type": "agentMessage", "id": "m", "text": "he"}}),
            ),
            vec![Output::Text("\n".to_owned())],
        ),
        (
            at(
                "item/completed",
                json!({"item": {"type": "agentMessage", "id": "n", "text": "whole"}}),
            ),
            vec![Output::Text("whole\n".to_owned())],
        ),
        (
            at(
                "item/started",
                json!({"item": {"type": "commandExecution", "command": "ls\n\u{1b}[2J"}}),
            ),
            vec![note("$ ls‹U+000A LINE FEED›‹U+001B ESCAPE›[2J")],
        ),
        (
            at("item/commandExecution/outputDelta", json!({"delta": "a\nb"})),
            vec![note("  │ a")],
        ),
        (
            at("item/commandExecution/outputDelta", json!({"delta": "c"})),
            vec![],
        ),
        (
            at(
                "item/completed",
                json!({"item": {"type": "commandExecution", "status": "failed", "exitCode": 2}}),
            ),
            vec![note("  │ bc"), note("  failed, exit 2")],
        ),
        (
            at(
                "item/started",
                json!({"item": {"type": "fileChange", "changes": [{"path": "/w/a"}, {"path": "/w/b"}]}}),
            ),
            vec![note("changes /w/a, /w/b")],
        ),
        (
            at(
                "item/completed",
                json!({"item": {"type": "fileChange", "status": "declined"}}),
            ),
            vec![note("  declined")],
        ),
        (
            at(
                "thread/status/changed",
                json!({"status": {"type": "active", "activeFlags": ["waitingOnApproval"]}}),
            ),
            vec![note("waits for an approval at the host")],
        ),
        (
            at(
                "error",
                json!({"error": {"message": "Reconnecting... 1/2"}, "willRetry": true}),
            ),
            vec![note("error: Reconnecting... 1/2")],
        ),
    ] {
        assert_eq!(take(&mut turn, &frame), outputs, "{frame}");
    }
}

#[test]
fn only_the_end_of_the_own_turn_ends_it() {
    for (status, outputs) in [
        ("completed", vec![Output::Ended(Ended::Completed)]),
        (
            "interrupted",
            vec![note("the turn was interrupted"), Output::Ended(Ended::Failed)],
        ),
        (
            "failed",
            vec![note("the turn failed: no quota"), Output::Ended(Ended::Failed)],
        ),
    ] {
        let mut turn = running();
        let end = |thread: &str, id: &str| {
            json!({"method": "turn/completed", "params": {"threadId": thread,
                "turn": {"id": id, "status": status, "error": {"message": "no quota"}}}})
        };
        assert_eq!(take(&mut turn, &end("T2", "U")), []);
        assert_eq!(take(&mut turn, &end("T", "U2")), []);
        assert_eq!(take(&mut turn, &end("T", "U")), outputs);
    }
}

#[test]
fn a_turn_that_ends_before_its_answer_is_not_missed() {
    let mut turn = Turn::new(&send("hi"));
    take(&mut turn, &json!({"id": 1, "result": {}}));
    take(&mut turn, &json!({"id": 2, "result": {"thread": {"id": "T"}}}));
    let end = json!({"method": "turn/completed", "params": {"threadId": "T", "turn": {"id": "U", "status": "completed"}}});
    assert_eq!(take(&mut turn, &end), []);
    assert_eq!(
        take(&mut turn, &json!({"id": 3, "result": {"turn": {"id": "U"}}})),
        [Output::Running, Output::Ended(Ended::Completed)]
    );
}

#[test]
fn questions_of_the_agent_are_left_to_others() {
    let mut turn = running();
    let question = json!({"id": 0, "method": "item/commandExecution/requestApproval", "params": {"threadId": "T", "turnId": "U"}});
    assert_eq!(take(&mut turn, &question), []);
}

#[test]
fn refusals_name_what_was_refused() {
    let mut turn = running();
    let error = turn
        .take(&json!({"id": 3, "error": {"code": -32600, "message": "wide"}}).to_string())
        .unwrap_err();
    assert_eq!(error.to_string(), "the host refused the prompt: wide");
    assert_eq!(error.code(), "host_refused");
    assert_eq!(
        take(&mut turn, &json!({"id": 4, "error": {"code": 1, "message": "x"}})),
        [note("the host refused the interruption: x")]
    );
    assert_eq!(turn.take("nope").unwrap_err().code(), "not_understood");
}

//! The scripted model and the codex home against the real codex: if these fail, no other test that uses
//! them means anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its setup fails"
)]

mod app_server;

use app_server::Bench;
use std::time::Duration;

const COMMAND: &str = "item/commandExecution/requestApproval";
const PATCH: &str = "item/fileChange/requestApproval";

#[tokio::test]
async fn words_stream_back() {
    let mut bench = Bench::start("on-request", "read-only").await;
    let turn = bench.turn("SAY: hello from the script", "cancel").await;
    assert_eq!(
        (turn.status.as_str(), turn.text().as_str()),
        ("completed", "hello from the script ")
    );
    let turn = bench.turn("STREAM: 500", "cancel").await;
    assert_eq!(turn.status, "completed");
    assert!(turn.text().starts_with("tok0 tok1 ") && turn.text().ends_with("tok499 "));
    assert_eq!(bench.model.requests().len(), 2);
    bench.end().await;
}

#[tokio::test]
async fn an_accepted_command_runs_and_a_declined_one_does_not() {
    let mut bench = Bench::start("on-request", "read-only").await;
    let turn = bench
        .turn("ESC: printf made > accepted.txt\nSAY: after", "accept")
        .await;
    assert_eq!((turn.status.as_str(), turn.asked()), ("completed", vec![COMMAND]));
    assert_eq!(
        std::fs::read_to_string(bench.work.join("accepted.txt")).unwrap(),
        "made"
    );
    assert_eq!(turn.text(), "after ");

    let turn = bench
        .turn("ESC: printf made > declined.txt\nSAY: after", "decline")
        .await;
    assert_eq!((turn.status.as_str(), turn.asked()), ("completed", vec![COMMAND]));
    assert_eq!(turn.item("commandExecution")["status"], "declined");
    assert!(!bench.work.join("declined.txt").exists());
    bench.end().await;
}

#[tokio::test]
async fn accepted_patches_add_change_and_delete_and_a_declined_one_does_nothing() {
    let mut bench = Bench::start("on-request", "read-only").await;
    let file = bench.work.join("patched.txt");
    let turn = bench.turn("PATCH: patched.txt|one\\ntwo", "decline").await;
    assert_eq!((turn.status.as_str(), turn.asked()), ("completed", vec![PATCH]));
    assert!(!file.exists());

    let turn = bench.turn("PATCH: patched.txt|one\\ntwo", "accept").await;
    assert_eq!((turn.status.as_str(), turn.asked()), ("completed", vec![PATCH]));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\n");
    assert_eq!(turn.item("fileChange")["changes"][0]["diff"], "one\ntwo\n");

    bench.turn("UPDATE: patched.txt|two|three", "accept").await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\nthree\n");
    bench.turn("DELETE: patched.txt", "accept").await;
    assert!(!file.exists());
    bench.end().await;
}

#[tokio::test]
async fn commands_hand_their_output_to_the_model() {
    let mut bench = Bench::start("untrusted", "danger-full-access").await;
    let turn = bench
        .turn(
            "RUN: echo $((6*7))\nTWO: echo left-$((1+1)) ;; echo right-$((1+2))\nRUNSLOW: echo slow-$((2+2))",
            "accept",
        )
        .await;
    assert_eq!((turn.status.as_str(), turn.asked().len()), ("completed", 4));
    let last = bench.model.recorded().pop().unwrap();
    let outputs = last.tool_outputs();
    assert_eq!(outputs.len(), 4);
    for (output, words) in outputs.iter().zip(["42", "left-2", "right-3", "slow-4"]) {
        assert!(output.contains(words), "{words}: {output}");
    }
    bench.end().await;
}

#[tokio::test]
async fn failures_of_the_model_end_the_turn_and_the_next_one_works() {
    let mut bench = Bench::start("on-request", "read-only").await;
    for prompt in [
        "FAIL",
        "FAIL 429",
        "FAILSSE rate_limit_exceeded",
        "DROP",
        "STREAM: broken script",
    ] {
        assert_eq!(bench.turn(prompt, "cancel").await.status, "failed", "{prompt}");
    }
    assert_eq!(bench.turn("SLEEP: 0.01 awake", "cancel").await.text(), "awake");
    bench.end().await;
}

#[tokio::test]
async fn tools_are_called_by_any_name() {
    let mut bench = Bench::start("on-request", "read-only").await;
    let turn = bench.turn("CALL: no_such_tool {\"a\":1}\nCALLNS: mcp__none no_such_tool\nCUSTOM: no_such_tool text\nSAY: end", "cancel").await;
    assert_eq!(
        (turn.status.as_str(), turn.text().as_str()),
        ("completed", "end ")
    );
    assert_eq!(bench.model.recorded().pop().unwrap().tool_outputs().len(), 3);
    bench.end().await;
}

#[tokio::test]
async fn a_hanging_answer_waits_to_be_interrupted() {
    let mut bench = Bench::start("on-request", "read-only").await;
    let turn = bench.begin("HANG").await;
    bench
        .model
        .wait_for_requests(1, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(bench.interrupt(&turn).await, "interrupted");
    bench.end().await;
}

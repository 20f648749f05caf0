//! The scripted model, seen by a plain HTTP client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its setup fails"
)]

use drawbridge_testkit::model::ScriptedModel;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(10);
/// How a chunked body says that it is whole.
const WHOLE: &str = "\r\n0\r\n\r\n";

/// Sends one prompt; the answer is read by the caller.
async fn ask(model: &ScriptedModel, prompt: &str) -> TcpStream {
    let base = model.base_url();
    let address = base
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix("/v1"))
        .unwrap();
    let body = json!({"input": [{"type": "message", "role": "user", "content": prompt}]}).to_string();
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: {address}\r\nx-seen: yes\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too; what came before it is kept.
    let _end = timeout(DEADLINE, stream.read_to_end(&mut bytes))
        .await
        .expect("the server closes");
    String::from_utf8(bytes).unwrap()
}

/// Until `words` have come.
async fn read_until(stream: &mut TcpStream, words: &str) {
    let mut text = String::new();
    while !text.contains(words) {
        let mut piece = [0; 4096];
        let count = timeout(DEADLINE, stream.read(&mut piece))
            .await
            .expect("more comes")
            .unwrap();
        assert_ne!(count, 0, "closed before `{words}`: {text}");
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
}

#[tokio::test]
async fn an_answer_is_whole_and_the_request_recorded() {
    let model = ScriptedModel::start().await.unwrap();
    let answer = read_all(&mut ask(&model, "SAY: good day").await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(r#""delta":"day ""#) && answer.contains("response.completed"),
        "{answer}"
    );
    assert!(answer.ends_with(WHOLE), "{answer}");
    let bodies = model.wait_for_requests(1, DEADLINE).await.unwrap();
    assert_eq!(bodies[0]["input"][0]["content"], "SAY: good day");
    assert_eq!(model.recorded()[0].headers["x-seen"], "yes");
}

#[tokio::test]
async fn a_scripted_failure_and_a_broken_script_are_http_errors() {
    let model = ScriptedModel::start().await.unwrap();
    let failed = read_all(&mut ask(&model, "FAIL 429").await).await;
    assert!(failed.starts_with("HTTP/1.1 429"), "{failed}");
    let broken = read_all(&mut ask(&model, "STREAM: many").await).await;
    assert!(
        broken.starts_with("HTTP/1.1 400") && broken.contains("STREAM"),
        "{broken}"
    );
}

#[tokio::test]
async fn a_dropped_answer_breaks_after_its_beginning() {
    let model = ScriptedModel::start().await.unwrap();
    let answer = read_all(&mut ask(&model, "DROP").await).await;
    assert!(answer.contains("lost2"), "{answer}");
    assert!(
        !answer.contains("response.completed") && !answer.ends_with(WHOLE),
        "{answer}"
    );
}

#[tokio::test]
async fn a_hanging_answer_ends_with_the_server() {
    let model = ScriptedModel::start().await.unwrap();
    let address = model.base_url();
    let mut hanging = ask(&model, "HANG").await;
    read_until(&mut hanging, "response.created").await;
    model.shutdown().await;
    let rest = read_all(&mut hanging).await;
    assert!(!rest.contains("response.completed"), "{rest}");
    let address = address.trim_start_matches("http://").trim_end_matches("/v1");
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn dropping_the_server_ends_what_streams() {
    let model = ScriptedModel::start().await.unwrap();
    let mut streaming = ask(&model, "STREAM: 100000 20").await;
    read_until(&mut streaming, "tok1 ").await;
    drop(model);
    let rest = read_all(&mut streaming).await;
    assert!(!rest.contains("response.completed"), "{rest}");
}

#[tokio::test]
async fn waiting_for_requests_has_an_end() {
    let model = ScriptedModel::start().await.unwrap();
    let error = model
        .wait_for_requests(1, Duration::from_millis(1))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert!(error.to_string().contains("0 came"), "{error}");
}

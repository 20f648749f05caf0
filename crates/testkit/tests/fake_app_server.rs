//! The fake app-server, seen by a WebSocket client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its setup fails"
)]

use drawbridge_testkit::Error;
use drawbridge_testkit::fake_app_server::{FakeAppServer, Received, Reply, Start, Token};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const DEADLINE: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: &str, header: Option<(&'static str, &str)>) -> Result<Socket, tungstenite::Error> {
    let mut request = url.into_client_request()?;
    if let Some((name, value)) = header {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    Ok(connect_async(request).await?.0)
}

async fn send(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

async fn next(socket: &mut Socket) -> Option<Result<Message, tungstenite::Error>> {
    timeout(DEADLINE, socket.next()).await.expect("something comes")
}

async fn next_json(socket: &mut Socket) -> Value {
    let message = next(socket).await.expect("open").unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn greet(socket: &mut Socket) -> Value {
    let params = json!({"clientInfo": {"name": "t", "version": "0"}});
    send(
        socket,
        json!({"id": "hi", "method": "initialize", "params": params}),
    )
    .await;
    next_json(socket).await
}

fn refused(result: Result<Socket, tungstenite::Error>) -> u16 {
    match result {
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn it_greets_replies_and_records() {
    let mut server = FakeAppServer::start().await.unwrap();
    server.on("echo", |frame| {
        Reply::result(frame["params"].clone())
            .then("not json")
            .then_all("{}")
    });
    let mut socket = connect(&server.url(), None).await.unwrap();
    send(&mut socket, json!({"id": 1, "method": "echo"})).await;
    assert_eq!(
        next_json(&mut socket).await["error"]["message"],
        "Not initialized"
    );
    assert_eq!(greet(&mut socket).await["id"], "hi");
    assert_eq!(
        greet(&mut socket).await["error"]["message"],
        "Already initialized"
    );

    send(
        &mut socket,
        json!({"id": 2, "method": "echo", "params": {"a": [1]}}),
    )
    .await;
    assert_eq!(
        next_json(&mut socket).await,
        json!({"id": 2, "result": {"a": [1]}})
    );
    assert_eq!(
        next(&mut socket).await.unwrap().unwrap(),
        Message::text("not json")
    );
    assert_eq!(next_json(&mut socket).await, json!({}));

    let mut client = server.accept(DEADLINE).await.unwrap();
    assert_eq!(
        client.call("initialize", DEADLINE).await.unwrap()["params"]["clientInfo"]["name"],
        "t"
    );
    socket.send(Message::binary(vec![1])).await.unwrap();
    send(&mut socket, json!({"id": 7, "result": {"decision": "accept"}})).await;
    client.call("echo", DEADLINE).await.unwrap();
    assert_eq!(
        client.frame(DEADLINE).await.unwrap(),
        Received::Binary(vec![1].into())
    );
    let answer = client.response(&json!(7), DEADLINE).await.unwrap();
    assert_eq!(answer["result"]["decision"], "accept");
}

#[tokio::test]
async fn any_text_reaches_one_client_or_all() {
    let mut server = FakeAppServer::start().await.unwrap();
    let mut first = connect(&server.url(), None).await.unwrap();
    assert_eq!(server.accept(DEADLINE).await.unwrap().number(), 0);
    let mut second = connect(&server.url(), None).await.unwrap();
    let accepted = server.accept(DEADLINE).await.unwrap();
    assert_eq!(accepted.number(), 1);
    server.send(0, "[broken").await.unwrap();
    accepted.send("only the second").await.unwrap();
    assert_eq!(server.send_to_all("both").await, 2);
    for (socket, own) in [(&mut first, "[broken"), (&mut second, "only the second")] {
        assert_eq!(next(socket).await.unwrap().unwrap(), Message::text(own));
        assert_eq!(next(socket).await.unwrap().unwrap(), Message::text("both"));
    }
    assert!(matches!(
        server.send(2, "x").await,
        Err(Error::NoConnection { number: 2 })
    ));
}

#[tokio::test]
async fn connections_end_as_told() {
    let mut server = FakeAppServer::start().await.unwrap();
    server.on("bye", |_| Reply::result(json!(null)).then_hang_up());

    let mut rude = connect(&server.url(), None).await.unwrap();
    let mut client = server.accept(DEADLINE).await.unwrap();
    client.send("last words").await.unwrap();
    client.drop_connection().await.unwrap();
    assert_eq!(
        next(&mut rude).await.unwrap().unwrap(),
        Message::text("last words")
    );
    assert!(
        matches!(next(&mut rude).await, Some(Err(_)) | None),
        "no close frame"
    );
    client.closed(DEADLINE).await.unwrap();

    let mut polite = connect(&server.url(), None).await.unwrap();
    server.accept(DEADLINE).await.unwrap().close().await.unwrap();
    assert!(matches!(next(&mut polite).await, Some(Ok(Message::Close(_)))));

    let mut scripted = connect(&server.url(), None).await.unwrap();
    greet(&mut scripted).await;
    send(&mut scripted, json!({"id": 1, "method": "bye"})).await;
    assert_eq!(next_json(&mut scripted).await["id"], 1);
    assert!(
        matches!(next(&mut scripted).await, Some(Err(_)) | None),
        "no close frame"
    );

    let mut last = connect(&server.url(), None).await.unwrap();
    server.shutdown().await;
    assert!(
        matches!(next(&mut last).await, Some(Err(_)) | None),
        "no close frame"
    );
}

#[tokio::test]
async fn tokens_and_origins_are_checked_as_by_the_real_one() {
    let plain = Start {
        token: Token::Plain("right".into()),
        ..Start::default()
    };
    let mut server = FakeAppServer::start_with(plain).await.unwrap();
    let url = server.url();
    assert_eq!(server.token(), Some("right"));
    assert_eq!(refused(connect(&url, None).await), 401);
    assert_eq!(
        refused(connect(&url, Some(("authorization", "Bearer wrong"))).await),
        401
    );
    assert_eq!(refused(connect(&url, Some(("origin", "null"))).await), 403);
    let socket = connect(&url, Some(("authorization", "Bearer right")))
        .await
        .unwrap();
    let client = server.accept(DEADLINE).await.unwrap();
    assert_eq!(client.authorization(), Some("Bearer right"));
    assert_eq!(server.connected(), 1);
    drop(socket);
}

#[tokio::test]
async fn readiness_is_what_it_was_started_with() {
    for (never_ready, status) in [(false, "HTTP/1.1 200"), (true, "HTTP/1.1 503")] {
        let server = FakeAppServer::start_with(Start {
            never_ready,
            ..Start::default()
        })
        .await
        .unwrap();
        let address = server.url().replace("ws://", "");
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.starts_with(status), "{answer}");
    }
}

#[tokio::test]
async fn basic_threads_run_a_turn() {
    let mut server = FakeAppServer::start().await.unwrap();
    server.with_basic_threads();
    server.forget_clients();
    let mut socket = connect(&server.url(), None).await.unwrap();
    greet(&mut socket).await;
    send(
        &mut socket,
        json!({"id": 1, "method": "thread/start", "params": {"cwd": "/w"}}),
    )
    .await;
    let opened = next_json(&mut socket).await;
    let id = opened["result"]["thread"]["id"].as_str().unwrap().to_owned();
    assert_eq!(opened["result"]["approvalPolicy"], "on-request");
    assert_eq!(next_json(&mut socket).await["method"], "thread/started");
    let input = json!([{"type": "text", "text": "say it"}]);
    send(
        &mut socket,
        json!({"id": 2, "method": "turn/start", "params": {"threadId": id, "input": input}}),
    )
    .await;
    let mut frames = Vec::new();
    while frames
        .last()
        .is_none_or(|frame: &Value| frame["method"] != "turn/completed")
    {
        frames.push(next_json(&mut socket).await);
    }
    assert!(
        frames.iter().any(|frame| frame["params"]["delta"] == "say it"),
        "{frames:?}"
    );
    send(&mut socket, json!({"id": 3, "method": "fs/readFile"})).await;
    assert_eq!(next_json(&mut socket).await["error"]["code"], -32600);
}

#[tokio::test]
async fn waits_have_an_end() {
    let mut server = FakeAppServer::start().await.unwrap();
    let short = Duration::from_millis(1);
    assert_eq!(server.accept(short).await.unwrap_err().code(), "timeout");
    let _socket = connect(&server.url(), None).await.unwrap();
    let mut client = server.accept(DEADLINE).await.unwrap();
    let error = client.call("thread/list", short).await.unwrap_err();
    assert!(
        error.code() == "timeout" && error.to_string().contains("thread/list"),
        "{error}"
    );
}

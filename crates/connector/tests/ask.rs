//! A connector that finds one thing out, against servers that answer what they are told to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use drawbridge_wire::Secret;
use drawbridge_wire::enroll::EnrollRequest;
use drawbridge_wire::pipe::{Ask, AskAnswer, FromConnector, ToConnector};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const TOKEN: &str = "canary-token";

async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .expect("in time")
}

/// Answers requests in order and returns what was asked.
struct Server {
    port: u16,
    heard: JoinHandle<Vec<String>>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = tokio::spawn(async move {
            let mut heard = Vec::new();
            for answer in answers {
                let (mut io, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !whole(&request) {
                    assert_ne!(io.read_buf(&mut request).await.unwrap(), 0);
                }
                heard.push(String::from_utf8(request).unwrap());
                io.write_all(answer.as_bytes()).await.unwrap();
                // An event stream stays open, so the socket does too.
                if answer.contains("event-stream") {
                    std::mem::forget(io);
                }
            }
            heard
        });
        Self { port, heard }
    }

    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse::<usize>().unwrap());
    body.len() >= length
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nmcp-session-id: s1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn answer(what: Ask) -> AskAnswer {
    let ask = ToConnector::Ask {
        at: "the-bus".to_owned(),
        ca_file: None,
        what,
    };
    let (mut host, stdin) = tokio::io::duplex(64 * 1024);
    let (stdout, mut out) = tokio::io::duplex(64 * 1024);
    let line = serde_json::to_string(&ask).unwrap() + "\n";
    host.write_all(line.as_bytes()).await.unwrap();
    let running = tokio::spawn(drawbridge_connector::run(stdin, stdout));
    let mut said = String::new();
    soon(out.read_to_string(&mut said)).await.unwrap();
    soon(running).await.unwrap().unwrap();
    assert!(!said.contains(TOKEN), "{said}");
    let FromConnector::Answer { answer } = serde_json::from_str(said.trim_end()).unwrap() else {
        panic!("no answer: {said}")
    };
    answer
}

fn code(answer: AskAnswer) -> String {
    match answer {
        AskAnswer::Good => "good".to_owned(),
        AskAnswer::Bus { id } => format!("bus {}", id.unwrap_or_default()),
        AskAnswer::Traded { token } => format!("traded {}", token.reveal()),
        AskAnswer::Bad { code, message } => {
            assert!(
                message.len() > 20 && !message.chars().any(char::is_control),
                "{message}"
            );
            code
        }
    }
}

#[tokio::test]
async fn a_token_is_tried_without_opening_a_link() {
    for (status, found) in [
        ("426 Upgrade Required", "good"),
        ("401 Unauthorized", "unauthorized"),
        ("403 Forbidden", "forbidden"),
        ("404 Not Found", "no_connect_route"),
        ("200 OK", "protocol"),
        ("302 Found", "http_302"),
        ("503 Service Unavailable", "http_503"),
    ] {
        let server = Server::start(vec![http(status, "text/plain", "")]).await;
        let ask = Ask::Token {
            connect_url: server.url("ws", "/connect"),
            token: Secret::new(TOKEN),
        };
        assert_eq!(code(answer(ask).await), found, "{status}");
        let heard = server.heard.await.unwrap().remove(0);
        assert!(heard.starts_with("GET /connect HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains(&format!("authorization: Bearer {TOKEN}\r\n")));
        assert!(!heard.to_lowercase().contains("upgrade"), "{heard}");
    }
}

/// Which bus answers is asked without a token, and heard from any answer; what is no id is none.
#[tokio::test]
async fn a_bus_is_asked_which_it_is_without_a_token() {
    for (header, found) in [("abc_DEF-1", "bus abc_DEF-1"), ("a b", "bus "), ("", "bus ")] {
        let refused = http("401 Unauthorized", "text/plain", "");
        let told = refused.replacen("\r\n", &format!("\r\nx-drawbridge-bus: {header}\r\n"), 1);
        let server = Server::start(vec![told]).await;
        let connect_url = server.url("ws", "/connect");
        assert_eq!(code(answer(Ask::Bus { connect_url }).await), found);
        let heard = server.heard.await.unwrap().remove(0);
        assert!(heard.starts_with("GET /connect HTTP/1.1\r\n"), "{heard}");
        assert!(!heard.to_lowercase().contains("authorization"), "{heard}");
    }
    let long = "x".repeat(65);
    let told = http("426 Upgrade Required", "text/plain", "").replacen(
        "\r\n",
        &format!("\r\nx-drawbridge-bus: {long}\r\n"),
        1,
    );
    let server = Server::start(vec![told]).await;
    let connect_url = server.url("ws", "/connect");
    assert_eq!(code(answer(Ask::Bus { connect_url }).await), "bus ");
}

#[tokio::test]
async fn nothing_is_sent_where_others_could_read_it() {
    for what in [
        Ask::Token {
            connect_url: "ws://bus.example/connect".to_owned(),
            token: Secret::new(TOKEN),
        },
        Ask::Mcp {
            url: "http://bus.example/mcp".to_owned(),
            token: Some(Secret::new(TOKEN)),
        },
    ] {
        assert_eq!(code(answer(what).await), "insecure_url");
    }
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let ask = Ask::Token {
        connect_url: format!("ws://127.0.0.1:{closed}/connect"),
        token: Secret::new(TOKEN),
    };
    assert_eq!(code(answer(ask).await), "refused");
}

fn request() -> EnrollRequest {
    EnrollRequest {
        code: Secret::new("AAAAA-AAAAA"),
        host_id: "desk".to_owned(),
        host_name: "Desk".to_owned(),
        public_key: "key".to_owned(),
        signature: "signature".to_owned(),
    }
}

#[tokio::test]
async fn a_code_is_traded_or_it_is_said_why_not() {
    let error = r#"{"error":{"code":"bad_code","message":"this code\u001b[2J does not count"}}"#;
    for (status, body, found) in [
        (
            "200 OK",
            r#"{"token":"new-token","host_id":"desk"}"#,
            "traded new-token",
        ),
        ("200 OK", r#"{"token":"new-token","host_id":"mill"}"#, "protocol"),
        ("200 OK", r#"{"token":"","host_id":"desk"}"#, "protocol"),
        ("200 OK", "<html>", "protocol"),
        ("403 Forbidden", error, "bad_code"),
        (
            "403 Forbidden",
            r#"{"error":{"code":"Bad Code!","message":""}}"#,
            "bad_answer",
        ),
        ("404 Not Found", "", "no_pairing"),
    ] {
        let server = Server::start(vec![http(status, "application/json", body)]).await;
        let ask = Ask::Trade {
            enroll_url: server.url("http", "/team/api/enroll"),
            request: request(),
        };
        assert_eq!(code(answer(ask).await), found, "{status} {body}");
        let heard = server.heard.await.unwrap().remove(0);
        assert!(heard.starts_with("POST /team/api/enroll HTTP/1.1\r\n"), "{heard}");
        assert!(heard.ends_with(&serde_json::to_string(&request()).unwrap()));
    }
}

#[tokio::test]
async fn an_mcp_server_is_told_from_what_is_none() {
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}"#;
    let stream = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\nevent: message\ndata: {result}\n\n\r\n",
        result.len() + 23
    );
    let ok = http("200 OK", "application/json", result);
    let token = || Some(Secret::new(TOKEN));
    for (first, token, found) in [
        (ok.clone(), token(), "good"),
        (ok, None, "good"),
        (stream, token(), "good"),
        (http("401 Unauthorized", "text/plain", ""), None, "mcp_no_token"),
        (
            http("401 Unauthorized", "text/plain", ""),
            token(),
            "mcp_unauthorized",
        ),
        (
            http("403 Forbidden", "text/plain", ""),
            token(),
            "mcp_unauthorized",
        ),
        (http("404 Not Found", "text/plain", ""), token(), "not_mcp"),
        (http("200 OK", "text/html", "<html>"), token(), "not_mcp"),
        (
            http(
                "200 OK",
                "application/json",
                r#"{"jsonrpc":"2.0","id":1,"error":{}}"#,
            ),
            token(),
            "not_mcp",
        ),
        (http("502 Bad Gateway", "text/plain", ""), token(), "http_502"),
        (
            http(
                "503 Service Unavailable",
                "application/json",
                r#"{"error":{"code":"door_closed","message":"no token is set for it"}}"#,
            ),
            None,
            "door_closed",
        ),
    ] {
        let more = http("204 No Content", "text/plain", "");
        let ends = first.contains("mcp-session-id") && found == "good";
        let server = Server::start(if ends { vec![first, more] } else { vec![first] }).await;
        let what = Ask::Mcp {
            url: server.url("http", "/mcp"),
            token,
        };
        assert_eq!(code(answer(what).await), found);
        let heard = soon(server.heard).await.unwrap();
        assert!(heard[0].contains("\"method\":\"initialize\""));
        if ends {
            assert!(heard[1].starts_with("DELETE /mcp ") && heard[1].contains("mcp-session-id: s1\r\n"));
        }
    }
}

#[tokio::test]
async fn a_connector_that_asks_ends_with_its_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ask = ToConnector::Ask {
        at: "the-bus".to_owned(),
        ca_file: None,
        what: Ask::Token {
            connect_url: format!("ws://{}/connect", listener.local_addr().unwrap()),
            token: Secret::new(TOKEN),
        },
    };
    let line = serde_json::to_string(&ask).unwrap() + "\n";
    let (mut host, stdin) = tokio::io::duplex(64 * 1024);
    host.write_all(line.as_bytes()).await.unwrap();
    let running = tokio::spawn(drawbridge_connector::run(stdin, tokio::io::sink()));
    let (_silent, _) = soon(listener.accept()).await.unwrap();
    drop(host);
    soon(running).await.unwrap().unwrap();
}

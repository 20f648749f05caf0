//! The client and the channel, in front of a host that the test plays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use drawbridge_control::{Channel, ControlClient, ControlError, Happening};
use drawbridge_testkit::fake_host::{FakeHost, HostEnd, quiet};
use drawbridge_wire::control::{Change, HostView, Request};
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const SOON: Duration = Duration::from_secs(20);

async fn connect(dir: &Path) -> Result<ControlClient, ControlError> {
    timeout(SOON, ControlClient::connect(dir, "a test", false))
        .await
        .unwrap()
}

/// The state as number `seq`.
fn view(seq: u64) -> HostView {
    HostView {
        seq,
        ..quiet(Path::new("/d"))
    }
}

/// The next client, introduced.
async fn introduced(host: &FakeHost) -> HostEnd {
    let mut end = host.client().await;
    assert_eq!(end.introduced().await.client, "a test");
    end
}

/// The next client, introduced, with the state.
async fn follower(host: &FakeHost, seq: u64) -> HostEnd {
    let mut end = introduced(host).await;
    end.snapshot(&view(seq)).await;
    end
}

/// Refuses the next client in HTTP.
async fn refuse(host: &FakeHost, body: &str) {
    let mut stream = host.stream().await;
    let mut head = [0_u8; 4096];
    let _ = stream.read(&mut head).await.unwrap();
    let length = body.len();
    let answer =
        format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// That a thread is gone, as change number `seq`.
async fn tell(end: &mut HostEnd, seq: u64) {
    let gone = Change::ThreadClosed { id: seq.to_string() };
    end.change_numbered(seq, gone).await;
}

/// A client that is introduced, and the host's end of it.
async fn pair(dir: &Path) -> (ControlClient, HostEnd) {
    let host = FakeHost::at(dir);
    let (client, end) = tokio::join!(connect(dir), introduced(&host));
    (client.unwrap(), end)
}

/// A channel that follows a host whose state is number 1.
async fn following(dir: &Path) -> (Channel, HostEnd) {
    let host = FakeHost::at(dir);
    let follow = async { Channel::follow(connect(dir).await.unwrap()).await.unwrap() };
    tokio::join!(follow, follower(&host, 1))
}

async fn happens(channel: &mut Channel) -> Happening {
    timeout(SOON, channel.happenings.recv()).await.unwrap().unwrap()
}

async fn ends(channel: &mut Channel) -> ControlError {
    loop {
        if let Happening::Ended(error) = happens(channel).await {
            return error;
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(connect(dir.path()).await.unwrap_err().code(), "no_host");
    drop(FakeHost::at(dir.path()));
    // The socket of a host that was killed.
    assert_eq!(connect(dir.path()).await.unwrap_err().code(), "no_host");
}

#[tokio::test]
async fn a_host_that_refuses_is_quoted_without_its_control_characters() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let body = r#"{"error":{"code":"started_by_agent","message":"not you\u001b[2J"}}"#;
    let (refused, ()) = tokio::join!(connect(dir.path()), refuse(&host, body));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the host refused this process: not you\u{2039}U+001B ESCAPE\u{203a}[2J [started_by_agent]"
    );
    let (refused, ()) = tokio::join!(connect(dir.path()), refuse(&host, "<html>"));
    assert!(refused.unwrap_err().to_string().contains("HTTP 403"));
}

#[tokio::test]
async fn changes_that_come_before_an_answer_are_kept_and_a_snapshot_contains_the_older_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (mut client, mut end) = pair(dir.path()).await;
    let host = async {
        let (id, _) = end.request().await;
        for seq in [4, 5, 6, 7] {
            tell(&mut end, seq).await;
        }
        // An answer that nobody waits for.
        end.send(json!({"id": 999, "result": "late"})).await;
        end.send(json!({"id": id, "result": view(5)})).await;
        tell(&mut end, 8).await;
        end
    };
    let (snapshot, end) = tokio::join!(client.snapshot(), host);
    assert_eq!(snapshot.unwrap().seq, 5);
    for seq in [6, 7, 8] {
        let delta = timeout(SOON, client.next()).await.unwrap().unwrap();
        assert_eq!(delta.seq, seq);
    }
    end.close("lagged").await;
    let lost = timeout(SOON, client.next()).await.unwrap().unwrap_err();
    assert!(lost.to_string().contains("lagged"), "{lost}");
    assert_eq!(lost.code(), "connection_lost");
}

#[tokio::test]
async fn a_missing_change_ends_the_connection_and_a_new_one_begins_with_the_whole_state() {
    let dir = tempfile::tempdir().unwrap();
    let host = FakeHost::at(dir.path());
    let follow = || async { Channel::follow(connect(dir.path()).await.unwrap()).await.unwrap() };
    let (mut channel, mut end) = tokio::join!(follow(), follower(&host, 1));
    tell(&mut end, 2).await;
    assert!(matches!(happens(&mut channel).await, Happening::Change(delta) if delta.seq == 2));
    tell(&mut end, 4).await;
    assert_eq!(ends(&mut channel).await.code(), "not_understood");
    assert_eq!(
        channel.requests.ask(Request::Stop {}).await.unwrap_err().code(),
        "connection_lost"
    );
    // A host that closes because this side lags.
    let (mut channel, end) = tokio::join!(follow(), follower(&host, 4));
    assert_eq!(channel.view.seq, 4);
    end.close("lagged").await;
    assert!(ends(&mut channel).await.to_string().contains("lagged"));
    let (channel, _end) = tokio::join!(follow(), follower(&host, 9));
    assert_eq!(channel.view.seq, 9);
}

#[tokio::test]
async fn a_connection_that_ends_fails_what_is_under_way_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut channel, mut end) = following(dir.path()).await;
    let requests = channel.requests.clone();
    let asked = tokio::spawn(async move { requests.ask(Request::OpenVault {}).await });
    end.request().await;
    drop(end);
    let lost = timeout(SOON, asked).await.unwrap().unwrap().unwrap_err();
    assert_eq!(lost.code(), "connection_lost");
    ends(&mut channel).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_answers_is_given_up_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let (channel, mut end) = following(dir.path()).await;
    let requests = channel.requests.clone();
    let asked = tokio::spawn(async move { requests.ask(Request::Stop {}).await });
    end.request().await;
    let begun = tokio::time::Instant::now();
    let silent = asked.await.unwrap().unwrap_err();
    assert_eq!(silent.code(), "host_silent");
    let patience = Request::Stop {}.patience();
    assert!(
        begun.elapsed() <= patience + Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    // One that is only slow is not lost.
    let requests = channel.requests.clone();
    let asked = tokio::spawn(async move { requests.ask(Request::Snapshot {}).await });
    end.answer(Request::Snapshot {}, json!("late")).await;
    assert_eq!(asked.await.unwrap().unwrap(), json!("late"));
}

#[tokio::test]
async fn whatever_a_host_sends_ends_in_an_error_with_a_name() {
    for message in [
        Message::binary(vec![0, 159, 146, 150]),
        Message::text(""),
        Message::text("nonsense"),
        Message::text("[]"),
        Message::text("{\"method\":\"delta\",\"params\":{\"seq\":2}}"),
        Message::text("{\"id\":1,\"method\":\"delta\"}"),
        Message::text(format!("{{\"id\":{}}}", "9".repeat(400))),
        Message::text("[".repeat(100_000)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut channel, mut end) = following(dir.path()).await;
        end.message(message.clone()).await;
        assert_eq!(ends(&mut channel).await.code(), "not_understood", "{message:?}");
    }
    // Bytes that are no frame at all.
    let dir = tempfile::tempdir().unwrap();
    let (mut channel, end) = following(dir.path()).await;
    end.bytes(&[0xff; 64]).await;
    assert_eq!(ends(&mut channel).await.code(), "connection_lost");
}

/// What the host sends, in some order.
#[derive(Debug, Clone, Copy)]
enum Sent {
    /// The answer to one of the requests that wait.
    Answer(prop::sample::Index),
    Change,
    /// To a request that nobody made.
    Foreign(u64),
    Ping,
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Sent::Answer),
        Just(Sent::Change),
        (1000_u64..).prop_map(Sent::Foreign),
        Just(Sent::Ping),
    ]
}

async fn every_answer_finds_its_request(order: Vec<Sent>) {
    const REQUESTS: u64 = 12;
    let dir = tempfile::tempdir().unwrap();
    let (mut channel, mut end) = following(dir.path()).await;
    let asked: Vec<_> = (0..REQUESTS)
        .map(|n| {
            let requests = channel.requests.clone();
            let child = n.to_string();
            tokio::spawn(async move { requests.ask(Request::Logs { child }).await })
        })
        .collect();
    let mut open: Vec<(u64, String)> = Vec::new();
    for _ in 0..REQUESTS {
        let (id, request) = end.request().await;
        let Request::Logs { child } = request else {
            panic!("{request:?}");
        };
        open.push((id, child));
    }
    let mut seq = 1;
    for one in order {
        match one {
            Sent::Answer(which) if !open.is_empty() => {
                let (id, child) = open.remove(which.index(open.len()));
                end.send(json!({"id": id, "result": child})).await;
            }
            Sent::Answer(_) | Sent::Ping => end.message(Message::Ping(vec![1].into())).await,
            Sent::Change => {
                seq += 1;
                tell(&mut end, seq).await;
            }
            Sent::Foreign(id) => end.send(json!({"id": id, "result": "not asked for"})).await,
        }
    }
    for (id, child) in open {
        end.send(json!({"id": id, "result": child})).await;
    }
    for (n, one) in asked.into_iter().enumerate() {
        let answer = timeout(SOON, one).await.unwrap().unwrap().unwrap();
        assert_eq!(answer, json!(n.to_string()), "each has its own");
    }
    for wanted in 2..=seq {
        match happens(&mut channel).await {
            Happening::Change(delta) => assert_eq!(delta.seq, wanted, "in order, each once"),
            Happening::Ended(error) => panic!("{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn answers_in_any_order_between_changes_find_their_requests(order in prop::collection::vec(sent(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(every_answer_finds_its_request(order));
    }
}

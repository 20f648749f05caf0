//! What goes through a tunnel, and how it ends.

use crate::setting::{
    Link, Socket, TestBus, closed, dial_tunnel, hear, key, options, pair, reason, say, within,
};
use drawbridge_bus::BusLimits;
use drawbridge_wire::link::{ByeReason, FromBus, FromHost, MAX_REMOTE_MESSAGE, TunnelEnd};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const MIB: usize = 1024 * 1024;

/// Text of a length whose parts differ, with characters of several bytes at every offset.
fn long_text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    let mut number = 0;
    while text.len() + 32 < bytes {
        text.push_str(&format!("{number}·ж€😀 "));
        number += 1;
    }
    text.push_str(&"x".repeat(bytes - text.len()));
    text
}

// proves S5.09
#[tokio::test]
async fn messages_pass_both_ways_whole_and_in_order() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;

    for text in ["", "{\"id\":1}", "Grüße 😀"] {
        say(&mut client, text).await;
        assert_eq!(hear(&mut host).await, text);
        say(&mut host, text).await;
        assert_eq!(hear(&mut client).await, text);
    }

    // As large as a client may send. It comes in frames any WebSocket library takes.
    let text = long_text(MAX_REMOTE_MESSAGE);
    let (_, heard) = tokio::join!(say(&mut client, &text), hear(&mut host));
    assert!(heard == text);

    // Larger than the frame a WebSocket library takes by default (16 MiB): an answer to a resume is.
    let text = long_text(40 * MIB);
    let (_, heard) = tokio::join!(say(&mut host, &text), hear(&mut client));
    assert!(heard == text);

    let sent: Vec<String> = (0..2000).map(|number| format!("{{\"id\":{number}}}")).collect();
    let sending = async {
        for text in &sent {
            within(host.feed(Message::text(text.as_str()))).await.unwrap();
        }
        within(host.flush()).await.unwrap();
    };
    let receiving = async {
        for text in &sent {
            assert_eq!(&hear(&mut client).await, text);
        }
    };
    tokio::join!(sending, receiving);
}

/// Answers every request with its id and the name the connection gave in its first message.
async fn answer_as_named(mut host: Socket) {
    let name = hear(&mut host).await;
    while let Some(Ok(message)) = host.next().await {
        if let Message::Text(text) = message {
            let request: Value = serde_json::from_str(&text).unwrap();
            say(
                &mut host,
                &json!({ "id": request["id"], "result": name }).to_string(),
            )
            .await;
        }
    }
}

/// Dials every tunnel the bus asks for.
async fn serve_all(mut link: Link, bus: Arc<TestBus>, host: &'static str) {
    let mut tunnels = JoinSet::new();
    while let Some(message) = link.receive().await {
        if let FromBus::Open { tunnel, .. } = message {
            let bus = bus.clone();
            tunnels.spawn(async move { answer_as_named(dial_tunnel(&bus, &tunnel, host).await).await });
        }
    }
}

// proves S5.07, S5.11, S5.12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_clients_with_the_same_request_ids_get_their_own_answers() {
    let bus = Arc::new(TestBus::start().await);
    let link = Link::join(&bus, "desk", &key(1)).await;
    let host = tokio::spawn(serve_all(link, bus.clone(), "desk"));
    let mut clients = JoinSet::new();
    for number in 0..100 {
        let bus = bus.clone();
        clients.spawn(async move {
            let mut client = bus.client("desk").await;
            let name = format!("client {number}");
            say(&mut client, &name).await;
            for id in 0..20 {
                say(&mut client, &json!({ "id": id, "method": "x" }).to_string()).await;
            }
            for id in 0..20 {
                let answer: Value = serde_json::from_str(&hear(&mut client).await).unwrap();
                assert_eq!(answer, json!({ "id": id, "result": name }));
            }
        });
    }
    let mut done = 0;
    while let Some(client) = within(clients.join_next()).await {
        client.unwrap();
        done += 1;
    }
    assert_eq!(done, 100);
    host.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_stalls_only_itself_and_loses_nothing() {
    const FLOOD: usize = 96;
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let (mut slow, mut flooding) = pair(&bus, &mut link, "desk").await;
    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;

    let written = Arc::new(AtomicUsize::new(0));
    let counter = written.clone();
    let flood = tokio::spawn(async move {
        for number in 0..FLOOD {
            let text = format!("{number} {}", "x".repeat(MIB));
            flooding.send(Message::text(text)).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
        }
        flooding
    });
    // Until the flood has stood still for many round trips of the other client.
    within(async {
        let mut still = 0;
        let mut last = 0;
        while still < 300 {
            say(&mut client, "ping").await;
            assert_eq!(hear(&mut host).await, "ping");
            say(&mut host, "pong").await;
            assert_eq!(hear(&mut client).await, "pong");
            let now = written.load(Ordering::Relaxed);
            still = if now == last && now > 0 { still + 1 } else { 0 };
            last = now;
        }
    })
    .await;
    assert!(
        written.load(Ordering::Relaxed) < FLOOD,
        "the bus took everything nobody reads"
    );
    for number in 0..FLOOD {
        let text = hear(&mut slow).await;
        assert_eq!(text.split_once(' ').unwrap().0, number.to_string());
    }
    within(flood).await.unwrap();
}

#[tokio::test]
async fn a_close_is_passed_on_with_its_code_and_a_reason_of_ours() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;

    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;
    say(&mut host, "last words").await;
    let frame = CloseFrame {
        code: CloseCode::Again,
        reason: reason(TunnelEnd::Lagged).into(),
    };
    within(host.close(Some(frame))).await.unwrap();
    assert_eq!(hear(&mut client).await, "last words");
    assert_eq!(closed(&mut client).await, (1013, reason(TunnelEnd::Lagged)));

    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;
    say(&mut client, "last words").await;
    // A client cannot make the host believe that something else ended the tunnel.
    let frame = CloseFrame {
        code: CloseCode::Library(4001),
        reason: reason(TunnelEnd::HostStopping).into(),
    };
    within(client.close(Some(frame))).await.unwrap();
    assert_eq!(hear(&mut host).await, "last words");
    assert_eq!(closed(&mut host).await, (4001, reason(TunnelEnd::ClientGone)));

    let (client, mut host) = pair(&bus, &mut link, "desk").await;
    drop(client);
    assert_eq!(closed(&mut host).await, (1001, reason(TunnelEnd::ClientGone)));

    let (mut client, host) = pair(&bus, &mut link, "desk").await;
    drop(host);
    assert_eq!(closed(&mut client).await, (1001, reason(TunnelEnd::LinkLost)));
}

#[tokio::test]
async fn what_is_no_text_or_too_large_closes_the_tunnel_as_refused() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let refused = |code: u16| (code, reason(TunnelEnd::Refused));

    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;
    within(client.send(Message::binary(vec![1, 2, 3]))).await.unwrap();
    assert_eq!(closed(&mut host).await, refused(1003));
    assert_eq!(closed(&mut client).await, refused(1003));

    let (client, mut host) = pair(&bus, &mut link, "desk").await;
    // Far larger: the bus closes while most of it is still on its way, and the client learns why all the same.
    let text = "x".repeat(3 * MAX_REMOTE_MESSAGE);
    let (_, client_end, host_end) = {
        let (mut writer, mut reader) = client.split();
        tokio::join!(
            async { writer.send(Message::text(text)).await.is_ok() },
            async {
                loop {
                    match within(reader.next()).await {
                        Some(Ok(Message::Close(Some(frame)))) => {
                            break (u16::from(frame.code), frame.reason.as_str().to_owned());
                        }
                        Some(Ok(_)) => {}
                        other => panic!("no close frame but {other:?}"),
                    }
                }
            },
            closed(&mut host)
        )
    };
    assert_eq!((client_end, host_end), (refused(1009), refused(1009)));

    // Other tunnels of the host go on.
    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;
    say(&mut client, "still here").await;
    assert_eq!(hear(&mut host).await, "still here");
}

#[tokio::test]
async fn a_broken_link_closes_its_tunnels_as_link_lost() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let mut other = Link::join(&bus, "mill", &key(2)).await;
    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;
    let (mut unhurt, mut its_host) = pair(&bus, &mut other, "mill").await;

    drop(link);
    assert_eq!(closed(&mut client).await, (1001, reason(TunnelEnd::LinkLost)));
    assert_eq!(closed(&mut host).await, (1001, reason(TunnelEnd::LinkLost)));
    say(&mut unhurt, "still here").await;
    assert_eq!(hear(&mut its_host).await, "still here");
}

#[tokio::test]
async fn a_host_that_leaves_may_say_why_its_tunnels_end() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let (mut told, mut telling) = pair(&bus, &mut link, "desk").await;
    let (mut untold, _silent) = pair(&bus, &mut link, "desk").await;

    link.send(&FromHost::Bye {
        reason: ByeReason::Disconnected,
    })
    .await;
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: reason(TunnelEnd::HostStopping).into(),
    };
    within(telling.close(Some(frame))).await.unwrap();
    assert_eq!(closed(&mut told).await, (1001, reason(TunnelEnd::HostStopping)));
    assert_eq!(link.receive().await, None);
    drop(link);
    assert_eq!(closed(&mut untold).await, (1001, reason(TunnelEnd::LinkLost)));
}

#[tokio::test]
async fn a_bus_that_ends_says_so_and_closes_everything() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;
    let stopping = tokio::spawn(bus.stop());
    assert_eq!(link.bye().await, ByeReason::Draining);
    assert_eq!(closed(&mut client).await, (1001, reason(TunnelEnd::LinkLost)));
    assert_eq!(closed(&mut host).await, (1001, reason(TunnelEnd::LinkLost)));
    drop((link, client, host));
    // Everything closes in good order: `run` does not wait for its deadlines.
    let begin = std::time::Instant::now();
    within(stopping).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_reaches_the_client_also_when_the_host_goes_at_once_amid_its_requests() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    for _ in 0..20 {
        let (client, mut host) = pair(&bus, &mut link, "desk").await;
        let (mut writer, mut reader) = client.split();
        let request = "x".repeat(100_000);
        let flood =
            tokio::spawn(async move { while writer.send(Message::text(request.as_str())).await.is_ok() {} });
        hear(&mut host).await;
        let frame = CloseFrame {
            code: CloseCode::Restart,
            reason: reason(TunnelEnd::AgentRestarted).into(),
        };
        within(host.send(Message::Close(Some(frame)))).await.unwrap();
        drop(host);
        let end = loop {
            match within(reader.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => break frame,
                Some(Ok(_)) => {}
                other => panic!("no close frame but {other:?}"),
            }
        };
        assert_eq!(
            (u16::from(end.code), end.reason.as_str()),
            (1012, "agent_restarted")
        );
        drop(reader);
        flood.abort();
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_gone_and_a_quiet_one_is_not() {
    let limits = BusLimits {
        ping: Duration::from_millis(20),
        client_silence: Duration::from_millis(300),
        ..BusLimits::default()
    };
    let bus = TestBus::start_with(options(), limits).await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let mut next = async || loop {
        match link.receive().await {
            Some(FromBus::Open { tunnel, .. }) => break tunnel,
            Some(FromBus::Ping { seq }) => link.send(&FromHost::Pong { seq }).await,
            other => panic!("no open but {other:?}"),
        }
    };
    let (mut quiet, mut its_host) = tokio::join!(bus.client("desk"), async {
        dial_tunnel(&bus, &next().await, "desk").await
    });
    // Not polled, it answers nothing.
    let (_gone, mut left) = tokio::join!(bus.client("desk"), async {
        dial_tunnel(&bus, &next().await, "desk").await
    });

    let mut reading = tokio::spawn(async move { hear(&mut quiet).await });
    assert_eq!(closed(&mut left).await, (1001, reason(TunnelEnd::ClientGone)));
    let longer = tokio::time::timeout(Duration::from_millis(600), &mut reading).await;
    assert!(longer.is_err(), "the quiet client lost its tunnel");
    say(&mut its_host, "still here").await;
    assert_eq!(within(reading).await.unwrap(), "still here");
}

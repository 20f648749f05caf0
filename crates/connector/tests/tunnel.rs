//! Tunnels: what passes, what ends them, and that each stands for itself.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{
    Arrival, FakeBus, FakeHost, HOST_ID, PATIENCE, TOKEN, Ws, closed, hear, open, soon, tell, text,
};
use drawbridge_connector::MAX_TUNNELS;
use drawbridge_wire::Role;
use drawbridge_wire::link::{ByeReason, FromBus, FromHost, MAX_REMOTE_MESSAGE, TunnelEnd};
use drawbridge_wire::pipe::{FromConnector, LinkState, ToConnector};
use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};

const TUNNEL: &str = "tunnel-0123456789abcdef";

struct Stage {
    bus: FakeBus,
    host: FakeHost,
    link: Ws,
}

async fn stage() -> Stage {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    let link = bus.register(&mut host).await;
    Stage { bus, host, link }
}

impl Stage {
    /// Both ends of a tunnel that stands: the bus's and the host's.
    async fn tunnel(&mut self, tunnel: &str) -> (Arrival, Arrival) {
        tell(&mut self.link, &open(tunnel)).await;
        let at_host = self.host.at_door().await;
        let at_bus = self.bus.arrival().await;
        let opened = FromConnector::TunnelOpened {
            tunnel: tunnel.to_owned(),
            client: "alice".to_owned(),
            role: Role::Operator,
        };
        assert_eq!(self.host.line().await, opened);
        (at_bus, at_host)
    }

    async fn ended_as(&mut self, tunnel: &str, reason: TunnelEnd) {
        let closed = FromConnector::TunnelClosed {
            tunnel: tunnel.to_owned(),
            reason,
        };
        assert_eq!(self.host.line().await, closed);
    }
}

fn frame(code: CloseCode, reason: &str) -> CloseFrame {
    CloseFrame {
        code,
        reason: reason.to_owned().into(),
    }
}

async fn say(ws: &mut Ws, words: &str) {
    soon(ws.send(Message::text(words))).await.unwrap();
}

#[tokio::test]
async fn a_tunnel_says_whose_it_is_and_carries_both_ways() {
    let mut stage = stage().await;
    let (mut bus, mut host) = stage.tunnel(TUNNEL).await;
    assert_eq!(bus.path, format!("/connect/{TUNNEL}"));
    assert_eq!(bus.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(bus.header("x-drawbridge-host"), HOST_ID);
    assert_eq!(host.path, "/tunnel");
    assert_eq!(host.header("x-drawbridge-bus"), "bus.example:7300");
    assert_eq!(host.header("x-drawbridge-client"), "alice");
    assert_eq!(host.header("x-drawbridge-tunnel"), TUNNEL);
    assert_eq!(host.header("x-drawbridge-role"), "operator");
    assert_eq!(
        host.header("authorization"),
        "",
        "the bus's token is none of the gate's business"
    );
    for round in 0..50 {
        say(&mut bus.ws, &format!("request {round}")).await;
        assert_eq!(text(&mut host.ws).await, format!("request {round}"));
        say(&mut host.ws, &format!("answer {round} \u{1f309}")).await;
        assert_eq!(text(&mut bus.ws).await, format!("answer {round} \u{1f309}"));
    }
}

#[tokio::test]
async fn a_viewer_stays_a_viewer_and_names_survive() {
    let mut stage = stage().await;
    let message = FromBus::Open {
        tunnel: TUNNEL.to_owned(),
        client: "J\u{fc}rgen\r\nx-drawbridge-role: operator".to_owned(),
        role: Role::Viewer,
        scopes: Vec::new(),
    };
    tell(&mut stage.link, &message).await;
    let host = stage.host.at_door().await;
    assert_eq!(host.header("x-drawbridge-role"), "viewer");
    assert_eq!(host.headers.get_all("x-drawbridge-role").iter().count(), 1);
    assert_eq!(
        host.header("x-drawbridge-client"),
        "J%C3%BCrgen%0D%0Ax-drawbridge-role:%20operator"
    );
}

#[tokio::test]
async fn close_frames_pass_with_their_words() {
    let mut stage = stage().await;
    let table = [
        ("client_gone", TunnelEnd::ClientGone, TunnelEnd::ClientGone),
        ("lagged", TunnelEnd::Lagged, TunnelEnd::Lagged),
        (
            "agent_restarted",
            TunnelEnd::AgentRestarted,
            TunnelEnd::AgentRestarted,
        ),
        (
            "words of somebody else",
            TunnelEnd::ClientGone,
            TunnelEnd::AgentDown,
        ),
    ];
    for (nth, (word, of_bus, of_host)) in table.into_iter().enumerate() {
        let closing = frame(CloseCode::Library(4000), word);
        let id = format!("{TUNNEL}-bus-{nth}");
        let (mut bus, mut host) = stage.tunnel(&id).await;
        say(&mut bus.ws, "last words").await;
        soon(bus.ws.close(Some(closing.clone()))).await.unwrap();
        assert_eq!(text(&mut host.ws).await, "last words");
        assert_eq!(closed(&mut host.ws).await, Some(closing.clone()));
        stage.ended_as(&id, of_bus).await;

        let id = format!("{TUNNEL}-host-{nth}");
        let (mut bus, mut host) = stage.tunnel(&id).await;
        say(&mut host.ws, "last words").await;
        soon(host.ws.close(Some(closing.clone()))).await.unwrap();
        assert_eq!(text(&mut bus.ws).await, "last words");
        assert_eq!(closed(&mut bus.ws).await, Some(closing.clone()));
        stage.ended_as(&id, of_host).await;
        // Both sides hang up, so nothing lingers.
        soon(async { while bus.ws.next().await.is_some() {} }).await;
        soon(async { while host.ws.next().await.is_some() {} }).await;
    }
}

#[tokio::test]
async fn a_side_that_vanishes_is_named_to_the_other() {
    let mut stage = stage().await;
    let (bus, mut host) = stage.tunnel(TUNNEL).await;
    drop(bus);
    assert_eq!(
        closed(&mut host.ws).await,
        Some(frame(CloseCode::Away, "link_lost"))
    );
    stage.ended_as(TUNNEL, TunnelEnd::LinkLost).await;

    let other = format!("{TUNNEL}-2");
    let (mut bus, host) = stage.tunnel(&other).await;
    drop(host);
    assert_eq!(
        closed(&mut bus.ws).await,
        Some(frame(CloseCode::Error, "agent_down"))
    );
    stage.ended_as(&other, TunnelEnd::AgentDown).await;
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_said_at_once() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::with(&bus.url, None, false).await;
    let mut link = bus.register(&mut host).await;
    tell(&mut link, &open(TUNNEL)).await;
    let refused = FromHost::Refused {
        tunnel: TUNNEL.to_owned(),
        reason: TunnelEnd::AgentDown,
    };
    assert_eq!(hear(&mut link).await, refused);
    host.send(&ToConnector::Stop {
        reason: ByeReason::Disconnected,
    })
    .await;
    // It neither dialled the bus nor claimed that there was a tunnel.
    assert_eq!(
        host.ended().await,
        [FromConnector::Link {
            state: LinkState::Disconnected
        }]
    );
    bus.nobody_within(std::time::Duration::ZERO).await;
}

#[tokio::test]
async fn a_tunnel_that_the_bus_forgot_is_given_back() {
    let mut stage = stage().await;
    stage.bus.refusals.add("/connect/", 404);
    tell(&mut stage.link, &open(TUNNEL)).await;
    let refused = FromHost::Refused {
        tunnel: TUNNEL.to_owned(),
        reason: TunnelEnd::DialTimeout,
    };
    assert_eq!(hear(&mut stage.link).await, refused);
    // The link does not mind, and neither does the next tunnel.
    stage.tunnel("tunnel-fedcba9876543210").await;
}

#[tokio::test]
async fn a_lost_link_closes_its_tunnels() {
    let mut stage = stage().await;
    let ids = [format!("{TUNNEL}-a"), format!("{TUNNEL}-b")];
    let mut ends = Vec::new();
    for id in &ids {
        ends.push(stage.tunnel(id).await);
    }
    let Stage {
        mut bus,
        mut host,
        link,
    } = stage;
    drop(link);
    for (at_bus, at_host) in &mut ends {
        assert_eq!(
            closed(&mut at_bus.ws).await,
            Some(frame(CloseCode::Away, "link_lost"))
        );
        assert_eq!(
            closed(&mut at_host.ws).await,
            Some(frame(CloseCode::Away, "link_lost"))
        );
    }
    let mut ended = Vec::new();
    while ended.len() < ids.len() {
        if let FromConnector::TunnelClosed { tunnel, reason } = host.line().await {
            assert_eq!(reason, TunnelEnd::LinkLost);
            ended.push(tunnel);
        }
    }
    ended.sort();
    assert_eq!(ended, ids);
    // The next link serves tunnels again.
    let link = bus.register(&mut host).await;
    Stage { bus, host, link }.tunnel(&format!("{TUNNEL}-c")).await;
}

#[tokio::test]
async fn a_host_that_stops_says_so_in_its_tunnels() {
    let mut stage = stage().await;
    let (mut bus, mut host) = stage.tunnel(TUNNEL).await;
    stage
        .host
        .send(&ToConnector::Stop {
            reason: ByeReason::Disconnected,
        })
        .await;
    assert_eq!(
        closed(&mut bus.ws).await,
        Some(frame(CloseCode::Away, "host_stopping"))
    );
    assert_eq!(
        closed(&mut host.ws).await,
        Some(frame(CloseCode::Away, "host_stopping"))
    );
    stage.ended_as(TUNNEL, TunnelEnd::HostStopping).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_stalls_only_itself_and_loses_nothing() {
    let mut stage = stage().await;
    let (mut slow_bus, mut slow_host) = stage.tunnel(&format!("{TUNNEL}-slow")).await;
    let (mut quick_bus, mut quick_host) = stage.tunnel(&format!("{TUNNEL}-quick")).await;
    // The slow client does not read; the host writes until everything between them is full.
    let filler = "x".repeat(64 * 1024);
    let mut written = 0_usize;
    loop {
        let feed = slow_host.ws.send(Message::text(format!("{written} {filler}")));
        match timeout(std::time::Duration::from_millis(500), feed).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => break,
        }
        written += 1;
        assert!(written < 4_000, "the connector buffers without bound");
    }
    // Its own other direction, the other tunnel and the link go on.
    say(&mut slow_bus.ws, "cancel").await;
    assert_eq!(text(&mut slow_host.ws).await, "cancel");
    for round in 0..200 {
        say(&mut quick_host.ws, &format!("{round}")).await;
        assert_eq!(text(&mut quick_bus.ws).await, format!("{round}"));
    }
    tell(&mut stage.link, &FromBus::Ping { seq: 5 }).await;
    assert_eq!(hear(&mut stage.link).await, FromHost::Pong { seq: 5 });
    // When it reads again it gets all, in order.
    let drain = tokio::spawn(async move {
        for expected in 0..written {
            let message = text(&mut slow_bus.ws).await;
            assert!(
                message.starts_with(&format!("{expected} ")),
                "out of order at {expected}"
            );
        }
    });
    timeout(PATIENCE, slow_host.ws.flush()).await.unwrap().unwrap();
    drain.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_answers_pass_and_large_requests_do_not() {
    let mut stage = stage().await;
    let (mut bus, mut host) = stage.tunnel(TUNNEL).await;
    // Above the library's limit of 16 MiB for one frame.
    let answer = "a".repeat(23 * 1024 * 1024);
    let (sent, got) = tokio::join!(host.ws.send(Message::text(answer.clone())), bus.ws.next());
    sent.unwrap();
    assert!(got.unwrap().unwrap().into_text().unwrap() == answer.as_str());

    let request = "r".repeat(MAX_REMOTE_MESSAGE);
    let (sent, got) = tokio::join!(bus.ws.send(Message::text(request.clone())), host.ws.next());
    sent.unwrap();
    assert!(got.unwrap().unwrap().into_text().unwrap() == request.as_str());

    // The rest of it is never read, so the write may fail; what counts is what the host sees.
    let too_large = Message::text(format!("{request}r"));
    let (_, frame_at_host) = tokio::join!(timeout(PATIENCE, bus.ws.send(too_large)), closed(&mut host.ws));
    assert_eq!(frame_at_host, Some(frame(CloseCode::Size, "refused")));
    stage.ended_as(TUNNEL, TunnelEnd::Refused).await;
}

#[tokio::test]
async fn only_text_passes() {
    let mut stage = stage().await;
    let (mut bus, mut host) = stage.tunnel(TUNNEL).await;
    soon(bus.ws.send(Message::Ping(Bytes::from_static(b"there?"))))
        .await
        .unwrap();
    assert_eq!(
        soon(bus.ws.next()).await.unwrap().unwrap(),
        Message::Pong(Bytes::from_static(b"there?"))
    );
    soon(bus.ws.send(Message::binary(vec![1, 2, 3]))).await.unwrap();
    assert_eq!(
        closed(&mut bus.ws).await,
        Some(frame(CloseCode::Unsupported, "refused"))
    );
    assert_eq!(
        closed(&mut host.ws).await,
        Some(frame(CloseCode::Unsupported, "refused"))
    );
    stage.ended_as(TUNNEL, TunnelEnd::Refused).await;
}

#[tokio::test]
async fn a_tunnel_id_is_used_once() {
    let mut stage = stage().await;
    let _ends = stage.tunnel(TUNNEL).await;
    tell(&mut stage.link, &open(TUNNEL)).await;
    assert_eq!(
        hear(&mut stage.link).await,
        FromHost::Bye {
            reason: ByeReason::Protocol
        }
    );
}

#[tokio::test]
async fn there_are_at_most_so_many_tunnels() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::bare();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("tunnel.sock");
    // A host that takes connections and never answers: its tunnels stay where they are, dialling.
    let door = UnixListener::bind(&socket).unwrap();
    host.send(&common::setup(&bus.url, None, &socket)).await;
    let mut link = bus.register(&mut host).await;
    let mut held = Vec::new();
    for nth in 0..MAX_TUNNELS {
        tell(&mut link, &open(&format!("{TUNNEL}-{nth}"))).await;
        held.push(soon(door.accept()).await.unwrap());
    }
    let one_more = format!("{TUNNEL}-one-more");
    tell(&mut link, &open(&one_more)).await;
    assert_eq!(
        hear(&mut link).await,
        FromHost::Refused {
            tunnel: one_more,
            reason: TunnelEnd::Refused
        }
    );
    assert_eq!(held.len(), MAX_TUNNELS);
}

//! Who is let in as a host, and how a link ends.

use crate::setting::{
    BOUND, CLIENT, CONNECT, Link, MCP, TestBus, closed, hear, hello, key, options, pair, reason, say, within,
};
use drawbridge_bus::{BusLimits, BusOptions};
use drawbridge_wire::link::{ByeReason, FromBus, FromHost, MAX_LINK_MESSAGE, SUBPROTOCOL, TunnelEnd};
use futures_util::SinkExt;
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_second_host_does_not_get_the_id_of_the_first_with_the_shared_token() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let (mut client, mut host) = pair(&bus, &mut link, "desk").await;

    assert_eq!(
        Link::join_in_vain(&bus, "desk", &key(2)).await,
        ByeReason::Revoked
    );

    // The first notices nothing.
    link.settle().await;
    say(&mut client, "still here").await;
    assert_eq!(hear(&mut host).await, "still here");
    // Also when the first has left, the id stays its own.
    drop(link);
    assert_eq!(closed(&mut client).await.1, reason(TunnelEnd::LinkLost));
    assert_eq!(
        Link::join_in_vain(&bus, "desk", &key(2)).await,
        ByeReason::Revoked
    );
    Link::join(&bus, "desk", &key(1)).await;
}

#[tokio::test]
async fn the_same_host_again_replaces_its_older_link() {
    let bus = TestBus::start().await;
    let mut older = Link::join(&bus, "desk", &key(1)).await;
    let (mut client, _host) = pair(&bus, &mut older, "desk").await;
    let mut newer = Link::join(&bus, "desk", &key(1)).await;
    assert_eq!(older.bye().await, ByeReason::Replaced);
    assert_eq!(closed(&mut client).await, (1001, reason(TunnelEnd::LinkLost)));
    // The end of the older one does not take the newer one away.
    drop(older);
    let (mut client, mut host) = pair(&bus, &mut newer, "desk").await;
    say(&mut client, "new").await;
    assert_eq!(hear(&mut host).await, "new");
}

#[tokio::test]
async fn a_hello_must_answer_this_challenge_of_this_bus() {
    let bus = TestBus::start().await;
    // Signed for another bus: one that passes our challenge on gains nothing.
    let (mut link, nonce) = Link::dial(&bus).await;
    link.send(&hello(&key(1), &nonce, "http://127.0.0.1:1", "desk"))
        .await;
    assert_eq!(link.bye().await, ByeReason::Revoked);
    // Signed for an earlier challenge.
    let (mut link, _) = Link::dial(&bus).await;
    link.send(&hello(&key(1), &nonce, &bus.origin(), "desk")).await;
    assert_eq!(link.bye().await, ByeReason::Revoked);
    // Neither pinned anything.
    Link::join(&bus, "desk", &key(2)).await;
}

#[tokio::test]
async fn a_host_signs_the_origin_it_dialled() {
    let options = BusOptions {
        public_origin: Some("https://Bus.example.com".to_owned()),
        ..options()
    };
    let bus = TestBus::start_with(options, BusLimits::default()).await;
    let port = bus.address.port();
    for (host, origin) in [
        ("bus.example.com".to_owned(), "https://bus.example.com".to_owned()),
        (format!("localhost:{port}"), format!("http://localhost:{port}")),
        (bus.address.to_string(), bus.origin()),
    ] {
        let (mut link, nonce) = Link::dial_as(&bus, &host, CONNECT).await;
        link.send(&hello(&key(1), &nonce, &origin, "desk")).await;
        assert_eq!(
            link.receive().await,
            Some(FromBus::Welcome {
                host_id: "desk".to_owned()
            }),
            "{host}"
        );
    }
    let (mut link, nonce) = Link::dial_as(&bus, "bus.example.com", CONNECT).await;
    link.send(&hello(&key(1), &nonce, &bus.origin(), "desk")).await;
    assert_eq!(link.bye().await, ByeReason::Revoked);
}

#[tokio::test]
async fn what_breaks_the_protocol_gets_its_word() {
    let bus = TestBus::start().await;
    let (mut link, nonce) = Link::dial(&bus).await;
    let mut old = hello(&key(1), &nonce, &bus.origin(), "desk");
    if let FromHost::Hello { versions, .. } = &mut old {
        *versions = vec!["drawbridge.v0".to_owned()];
    }
    link.send(&old).await;
    assert_eq!(link.bye().await, ByeReason::Unsupported);

    assert_eq!(
        Link::join_in_vain(&bus, "De sk", &key(1)).await,
        ByeReason::Protocol
    );

    for message in [
        Message::text("{"),
        Message::text(r#"{"type":"hello"}"#),
        Message::text(r#"{"type":"ping","seq":1,"more":2}"#),
        Message::binary(vec![1]),
    ] {
        let (mut link, _) = Link::dial(&bus).await;
        within(link.0.send(message.clone())).await.unwrap();
        assert_eq!(link.bye().await, ByeReason::Protocol);
        let mut link = Link::join(&bus, "desk", &key(1)).await;
        if message.len() < 20 {
            within(link.0.send(message)).await.unwrap();
            assert_eq!(link.bye().await, ByeReason::Protocol);
        }
    }
    // A second hello, and a pong nobody asked for.
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    link.send(&hello(&key(1), &nonce, &bus.origin(), "desk")).await;
    assert_eq!(link.bye().await, ByeReason::Protocol);
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    link.send(&FromHost::Pong { seq: 5 }).await;
    assert_eq!(link.bye().await, ByeReason::Protocol);
    // More than a link may carry.
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let _ = within(link.0.send(Message::text("x".repeat(MAX_LINK_MESSAGE + 1)))).await;
    assert_eq!(link.receive().await, None);
}

#[tokio::test]
async fn a_host_that_never_says_hello_is_sent_away() {
    let limits = BusLimits {
        hello: Duration::from_millis(100),
        ..BusLimits::default()
    };
    let bus = TestBus::start_with(options(), limits).await;
    let (mut link, _) = Link::dial(&bus).await;
    assert_eq!(link.bye().await, ByeReason::Protocol);
}

#[tokio::test]
async fn the_age_of_the_last_pong_decides_whether_a_link_stands() {
    let limits = BusLimits {
        ping: Duration::from_millis(20),
        pong: Duration::from_millis(400),
        ..BusLimits::default()
    };
    let bus = TestBus::start_with(options(), limits).await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    // Answering, it outlives the deadline.
    let begin = std::time::Instant::now();
    while begin.elapsed() < Duration::from_millis(900) {
        let Some(FromBus::Ping { seq }) = link.receive().await else {
            panic!("no ping")
        };
        link.send(&FromHost::Pong { seq }).await;
    }
    let hosts = bus.hosts(MCP).await;
    assert_eq!(hosts[0]["online"], true);
    assert!(hosts[0]["last_pong_age_ms"].as_u64().unwrap() < 400, "{hosts}");
    // Answering no more, it ends.
    while let Some(message) = link.receive().await {
        assert!(matches!(message, FromBus::Ping { .. }), "{message:?}");
    }
    assert_eq!(bus.hosts(MCP).await[0]["online"], false);
    assert_eq!(
        bus.refused("/hosts/desk/app-server", Some(CLIENT)).await,
        (503, "host_offline".to_owned())
    );
}

#[tokio::test]
async fn a_hosts_status_is_what_it_said_last() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let host = &bus.hosts(MCP).await[0];
    assert_eq!(
        (&host["online"], &host["app_server_ready"]),
        (&json!(true), &json!(false))
    );
    link.send(&FromHost::Status {
        app_server_ready: true,
        active_threads: 3,
        open_approvals: 1,
    })
    .await;
    link.settle().await;
    let mut host = bus.hosts(MCP).await[0].clone();
    assert!(
        host["connected_since_ms"]
            .as_u64()
            .is_some_and(|since| since > 1_600_000_000_000),
        "{host}"
    );
    assert!(
        host["last_pong_age_ms"].as_u64().is_some_and(|age| age < 20_000),
        "{host}"
    );
    host["connected_since_ms"] = json!(null);
    host["last_pong_age_ms"] = json!(null);
    let mut known = json!({
        "id": "desk", "name": "Name of desk", "online": true, "app_server_ready": true,
        "active_threads": 3, "open_approvals": 1, "connected_since_ms": null, "last_pong_age_ms": null,
    });
    assert_eq!(host, known);
    // Offline, it is still known, and what it said no longer counts.
    link.send(&FromHost::Bye {
        reason: ByeReason::Disconnected,
    })
    .await;
    assert_eq!(link.receive().await, None);
    known["online"] = json!(false);
    known["app_server_ready"] = json!(false);
    known["active_threads"] = json!(0);
    known["open_approvals"] = json!(0);
    assert_eq!(bus.hosts(MCP).await, json!([known]));
}

#[tokio::test]
async fn who_may_see_a_host_sees_the_names_of_its_skills_and_nobody_else_does() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let list = "/api/hosts/desk/skills";
    let nothing = json!({ "skills": [], "left_out": 0 });
    assert_eq!(bus.ask(list, Some(MCP), &[]).await.body, nothing);
    let told = json!({
        "skills": [{ "name": "greet", "scope": "user", "hash": "00", "enabled": null }],
        "left_out": 2,
    });
    link.send(&FromHost::Skills(serde_json::from_value(told.clone()).unwrap()))
        .await;
    link.settle().await;
    assert_eq!(bus.ask(list, Some(MCP), &[]).await.body, told);
    assert_eq!(bus.ask(list, Some(CLIENT), &[]).await.body, told);
    for (path, token, status, code) in [
        (list, None, 401, "unauthorized"),
        (list, Some(CONNECT), 403, "wrong_scope"),
        ("/api/hosts/mill/skills", Some(BOUND), 404, "unknown_host"),
        ("/api/hosts/mill/skills", Some(MCP), 404, "unknown_host"),
    ] {
        let answer = bus.ask(path, token, &[]).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    link.send(&FromHost::Bye {
        reason: ByeReason::Disconnected,
    })
    .await;
    assert_eq!(link.receive().await, None);
    let answer = bus.ask(list, Some(MCP), &[]).await;
    assert_eq!(answer.code(), "host_offline");
}

#[tokio::test]
async fn so_many_hosts_and_no_more() {
    let limits = BusLimits {
        hosts: 1,
        known_hosts: 2,
        ..BusLimits::default()
    };
    let bus = TestBus::start_with(options(), limits).await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let subprotocol = [("sec-websocket-protocol", SUBPROTOCOL)];
    let answer = bus.ask("/connect", Some(CONNECT), &subprotocol).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "too_many_hosts"));
    let leave = |mut link: Link| async move {
        link.send(&FromHost::Bye {
            reason: ByeReason::Disconnected,
        })
        .await;
        assert_eq!(link.receive().await, None);
    };
    link.settle().await;
    leave(link).await;
    until_free(&bus).await;
    leave(Link::join(&bus, "mill", &key(2)).await).await;
    until_free(&bus).await;
    // A holder of the token cannot fill the memory with ids; who is known still comes in.
    assert_eq!(
        Link::join_in_vain(&bus, "barn", &key(3)).await,
        ByeReason::Draining
    );
    until_free(&bus).await;
    Link::join(&bus, "desk", &key(1)).await;
}

/// The place of a link is free a moment after the link has closed.
async fn until_free(bus: &TestBus) {
    let subprotocol = [("sec-websocket-protocol", SUBPROTOCOL)];
    within(async {
        while bus.ask("/connect", Some(CONNECT), &subprotocol).await.status == 503 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

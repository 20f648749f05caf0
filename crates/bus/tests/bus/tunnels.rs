//! How a tunnel comes about, and how not.

use crate::setting::{
    CLIENT, CONNECT, Link, TestBus, closed, dial_tunnel, hear, key, options, pair, reason, say, within,
};
use drawbridge_bus::BusLimits;
use drawbridge_wire::Role;
use drawbridge_wire::link::{FromBus, FromHost, TUNNEL_HOST_HEADER, TunnelEnd};
use std::sync::Arc;
use std::time::Duration;

fn unknown() -> (u16, String) {
    (404, "unknown_tunnel".to_owned())
}

async fn dial_in_vain(bus: &TestBus, tunnel: &str, host: &str) -> (u16, String) {
    let answer = bus
        .ask(
            &format!("/connect/{tunnel}"),
            Some(CONNECT),
            &[(TUNNEL_HOST_HEADER, host)],
        )
        .await;
    (answer.status, answer.code())
}

#[tokio::test]
async fn a_host_learns_of_a_client_what_its_token_says() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let bus = Arc::new(bus);
    let asking = tokio::spawn({
        let bus = bus.clone();
        async move { bus.client("desk").await }
    });
    let Some(FromBus::Open {
        tunnel,
        client,
        role,
        scopes,
    }) = link.receive().await
    else {
        panic!("no open")
    };
    assert_eq!((client.as_str(), role), ("client-1", Role::Operator));
    assert_eq!(scopes, ["app-server"]);
    // 32 random bytes.
    assert_eq!(tunnel.len(), 43);
    // The client is answered when the tunnel stands, not before.
    assert!(!asking.is_finished());
    let mut host = dial_tunnel(&bus, &tunnel, "desk").await;
    let mut client = within(asking).await.unwrap();
    say(&mut client, "hello").await;
    assert_eq!(hear(&mut host).await, "hello");
}

#[tokio::test]
async fn a_tunnel_is_dialled_once_by_the_host_it_was_opened_for() {
    let bus = Arc::new(TestBus::start().await);
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let _other = Link::join(&bus, "mill", &key(2)).await;
    let asking = tokio::spawn({
        let bus = bus.clone();
        async move { bus.client("desk").await }
    });
    let tunnel = link.opened().await;

    // The shared bearer is not enough: neither another host, nor none, nor another tunnel, nor no token.
    assert_eq!(dial_in_vain(&bus, &tunnel, "mill").await, unknown());
    assert_eq!(
        bus.refused(&format!("/connect/{tunnel}"), Some(CONNECT)).await,
        unknown()
    );
    assert_eq!(dial_in_vain(&bus, "guessed", "desk").await, unknown());
    assert_eq!(
        bus.refused(&format!("/connect/{tunnel}"), None).await,
        (401, "unauthorized".to_owned())
    );
    assert_eq!(
        bus.refused(&format!("/connect/{tunnel}"), Some(CLIENT)).await,
        (403, "wrong_scope".to_owned())
    );

    // None of that used it up; its host does, once.
    let mut host = dial_tunnel(&bus, &tunnel, "desk").await;
    assert_eq!(dial_in_vain(&bus, &tunnel, "desk").await, unknown());
    let mut client = within(asking).await.unwrap();
    say(&mut host, "one tunnel").await;
    assert_eq!(hear(&mut client).await, "one tunnel");
}

#[tokio::test]
async fn a_host_that_does_not_dial_in_time_is_a_timeout_and_too_late_is_unknown() {
    let limits = BusLimits {
        dial: Duration::from_millis(200),
        ..BusLimits::default()
    };
    let bus = TestBus::start_with(options(), limits).await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    assert_eq!(
        bus.refused("/hosts/desk/app-server", Some(CLIENT)).await,
        (504, "dial_timeout".to_owned())
    );
    let tunnel = link.opened().await;
    assert_eq!(dial_in_vain(&bus, &tunnel, "desk").await, unknown());
}

#[tokio::test]
async fn a_host_that_refuses_a_tunnel_is_answered_at_once() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let mut other = Link::join(&bus, "mill", &key(2)).await;
    for (end, status) in [
        (TunnelEnd::AgentDown, 503),
        (TunnelEnd::HostStopping, 503),
        (TunnelEnd::Refused, 403),
        (TunnelEnd::DialTimeout, 504),
    ] {
        let (answer, ()) = tokio::join!(bus.refused("/hosts/desk/app-server", Some(CLIENT)), async {
            let tunnel = link.opened().await;
            // Another host has no say in it.
            other
                .send(&FromHost::Refused {
                    tunnel: tunnel.clone(),
                    reason: TunnelEnd::LinkLost,
                })
                .await;
            other.settle().await;
            link.send(&FromHost::Refused { tunnel, reason: end }).await;
        });
        assert_eq!(answer, (status, reason(end)));
    }
}

#[tokio::test]
async fn a_link_that_breaks_while_a_client_waits_is_said_at_once() {
    let bus = TestBus::start().await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let (answer, ()) = tokio::join!(bus.refused("/hosts/desk/app-server", Some(CLIENT)), async {
        link.opened().await;
        drop(link);
    });
    assert_eq!(answer, (502, reason(TunnelEnd::LinkLost)));
}

#[tokio::test]
async fn a_client_that_went_away_leaves_no_wait_behind() {
    let limits = BusLimits {
        tunnels_per_host: 1,
        dial: Duration::from_secs(60),
        ..BusLimits::default()
    };
    let bus = Arc::new(TestBus::start_with(options(), limits).await);
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let asking = tokio::spawn({
        let bus = bus.clone();
        async move { bus.client("desk").await }
    });
    let tunnel = link.opened().await;
    asking.abort();
    assert!(within(asking).await.unwrap_err().is_cancelled());
    // Its place is free again, long before the dial deadline.
    let host = tokio::spawn(refuse_all(link));
    until_there_is_a_place(&bus).await;
    host.abort();
    assert_eq!(dial_in_vain(&bus, &tunnel, "desk").await, unknown());
}

#[tokio::test]
async fn a_host_has_so_many_tunnels_and_no_more() {
    let limits = BusLimits {
        tunnels_per_host: 2,
        ..BusLimits::default()
    };
    let bus = TestBus::start_with(options(), limits).await;
    let mut link = Link::join(&bus, "desk", &key(1)).await;
    let (first, mut its_host) = pair(&bus, &mut link, "desk").await;
    let _second = pair(&bus, &mut link, "desk").await;
    let full = (503, "too_many_tunnels".to_owned());
    assert_eq!(bus.refused("/hosts/desk/app-server", Some(CLIENT)).await, full);
    drop(first);
    assert_eq!(closed(&mut its_host).await, (1001, reason(TunnelEnd::ClientGone)));
    drop(its_host);
    // The place is free when both ends are closed.
    let host = tokio::spawn(refuse_all(link));
    until_there_is_a_place(&bus).await;
    host.abort();
}

/// A host that answers every client at once.
async fn refuse_all(mut link: Link) {
    while let Some(message) = link.receive().await {
        if let FromBus::Open { tunnel, .. } = message {
            link.send(&FromHost::Refused {
                tunnel,
                reason: TunnelEnd::AgentDown,
            })
            .await;
        }
    }
}

async fn until_there_is_a_place(bus: &TestBus) {
    within(async {
        loop {
            match bus
                .refused("/hosts/desk/app-server", Some(CLIENT))
                .await
                .1
                .as_str()
            {
                "too_many_tunnels" => tokio::task::yield_now().await,
                "agent_down" => break,
                other => panic!("{other}"),
            }
        }
    })
    .await;
}

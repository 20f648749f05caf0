//! The link: registration, status, failures that are retried and failures that are not.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{FakeBus, FakeHost, HOST_ID, NONCE, TOKEN, closed, greet, hear, open, soon, tell};
use drawbridge_connector::BACKOFF_BASE;
use drawbridge_wire::link::{ByeReason, FromBus, FromHost, SUBPROTOCOL};
use drawbridge_wire::pipe::{FromConnector, LinkState, ToConnector};
use drawbridge_wire::skills::{SkillName, SkillNames};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_host_registers_and_hears_how_the_link_is() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    assert_eq!(host.state().await, LinkState::Connecting { attempt: 1 });
    let mut arrival = bus.arrival().await;
    assert_eq!(arrival.path, "/connect");
    assert_eq!(arrival.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(arrival.header("sec-websocket-protocol"), SUBPROTOCOL);
    let hello = greet(&mut arrival.ws, &mut host).await;
    let expected = FromHost::Hello {
        versions: vec![SUBPROTOCOL.to_owned()],
        software: env!("CARGO_PKG_VERSION").to_owned(),
        host_id: HOST_ID.to_owned(),
        host_name: "My computer".to_owned(),
        public_key: "public-key".to_owned(),
        signature: "signature-of-the-host".to_owned(),
    };
    assert_eq!(hello, expected);
    assert_eq!(host.state().await, LinkState::Connected { round_trip_ms: None });
    tell(&mut arrival.ws, &FromBus::Ping { seq: 77 }).await;
    assert_eq!(hear(&mut arrival.ws).await, FromHost::Pong { seq: 77 });

    host.send(&ToConnector::Stop {
        reason: ByeReason::Disconnected,
    })
    .await;
    assert_eq!(
        hear(&mut arrival.ws).await,
        FromHost::Bye {
            reason: ByeReason::Disconnected
        }
    );
    closed(&mut arrival.ws).await;
    assert_eq!(
        host.ended().await,
        [FromConnector::Link {
            state: LinkState::Disconnected
        }]
    );
}

#[tokio::test]
async fn the_status_is_passed_on_when_it_changes_and_after_each_welcome() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    // Before there is a link; only the latest counts.
    host.status(1).await;
    host.status(2).await;
    let status = |active_threads| FromHost::Status {
        app_server_ready: true,
        active_threads,
        open_approvals: 0,
    };
    let mut link = bus.register(&mut host).await;
    assert_eq!(hear(&mut link).await, status(2));
    host.status(2).await;
    host.status(3).await;
    assert_eq!(hear(&mut link).await, status(3));
    drop(link);
    let mut link = bus.register(&mut host).await;
    assert_eq!(hear(&mut link).await, status(3));
}

#[tokio::test]
async fn the_names_of_skills_are_passed_on_when_they_change_and_after_each_welcome() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    let names = |name: &str| SkillNames {
        skills: vec![SkillName {
            name: name.to_owned(),
            scope: "user".to_owned(),
            hash: "00".to_owned(),
            enabled: Some(true),
        }],
        left_out: 0,
    };
    host.send(&ToConnector::Skills(names("a"))).await;
    let mut link = bus.register(&mut host).await;
    assert_eq!(hear(&mut link).await, FromHost::Skills(names("a")));
    host.send(&ToConnector::Skills(names("b"))).await;
    assert_eq!(hear(&mut link).await, FromHost::Skills(names("b")));
    drop(link);
    let mut link = bus.register(&mut host).await;
    assert_eq!(hear(&mut link).await, FromHost::Skills(names("b")));
}

#[tokio::test]
async fn a_link_that_falls_comes_back() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    drop(bus.register(&mut host).await);
    let LinkState::Waiting {
        retry_in_ms,
        code,
        message,
    } = host.trouble().await
    else {
        panic!("no wait")
    };
    assert_eq!(code, "link_lost");
    assert!(message.contains("bus.example:7300"), "{message}");
    assert!(u128::from(retry_in_ms) <= BACKOFF_BASE.as_millis());
    // The link did not stand long enough to count as a success.
    assert_eq!(host.state().await, LinkState::Connecting { attempt: 2 });
    let mut link = bus.register(&mut host).await;
    tell(
        &mut link,
        &FromBus::Bye {
            reason: ByeReason::Draining,
        },
    )
    .await;
    let LinkState::Waiting { code, .. } = host.trouble().await else {
        panic!("no wait")
    };
    assert_eq!(code, "draining");
    bus.register(&mut host).await;
}

#[tokio::test]
async fn what_may_pass_is_waited_for() {
    let mut bus = FakeBus::start().await;
    for status in [502, 302, 429, 400] {
        bus.refusals.add("/connect", status);
    }
    let mut host = FakeHost::start(&bus.url).await;
    for expected in ["http_502", "http_302", "http_429", "http_400"] {
        let LinkState::Waiting { code, .. } = host.trouble().await else {
            panic!("no wait")
        };
        assert_eq!(code, expected);
    }
    bus.register(&mut host).await;
}

#[tokio::test]
async fn nobody_there_yet_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut host = FakeHost::start(&format!("ws://{address}/connect")).await;
    let LinkState::Waiting { code, .. } = host.trouble().await else {
        panic!("no wait")
    };
    assert_eq!(code, "refused");
    let mut bus = FakeBus::with(TcpListener::bind(address).await.unwrap(), None, true);
    bus.register(&mut host).await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    // Needs no network: a name under .invalid resolves nowhere. It must be TLS, or it is refused before.
    let certificate = rcgen::generate_simple_self_signed(vec!["nowhere.invalid".to_owned()]).unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate.cert.pem()).unwrap();
    let mut host = FakeHost::with("wss://nowhere.invalid/connect", Some(ca), true).await;
    let LinkState::Waiting { code, message, .. } = host.trouble().await else {
        panic!("no wait")
    };
    assert_eq!(code, "dns", "{message}");
    assert!(message.contains("nowhere.invalid"), "{message}");
}

/// What is final is said once, with a remedy, and never tried again.
async fn is_final(mut bus: FakeBus, mut host: FakeHost, expected: &str, words: &str) {
    let LinkState::Failed { code, message } = host.trouble().await else {
        panic!("{expected} is retried")
    };
    assert_eq!(code, expected);
    assert!(message.contains(words), "{message}");
    bus.nobody_within(BACKOFF_BASE + Duration::from_millis(200)).await;
    host.send(&ToConnector::Stop {
        reason: ByeReason::Disconnected,
    })
    .await;
    assert_eq!(
        host.ended().await,
        [FromConnector::Link {
            state: LinkState::Disconnected
        }]
    );
}

// proves S1.08
#[tokio::test]
async fn a_control_plane_without_connect_is_named_and_not_retried() {
    let bus = FakeBus::start().await;
    bus.refusals.add("/connect", 404);
    let host = FakeHost::start(&bus.url).await;
    let words = "the control plane at bus.example:7300 has no /connect enabled";
    is_final(bus, host, "no_connect_route", words).await;
}

#[tokio::test]
async fn a_refused_token_is_not_retried() {
    for (status, code) in [(401, "unauthorized"), (403, "forbidden")] {
        let bus = FakeBus::start().await;
        bus.refusals.add("/connect", status);
        let host = FakeHost::start(&bus.url).await;
        is_final(bus, host, code, "connect again").await;
    }
}

#[tokio::test]
async fn a_final_bye_is_not_retried() {
    let byes = [
        (ByeReason::Revoked, "revoked"),
        (ByeReason::Replaced, "replaced"),
        (ByeReason::Unsupported, "unsupported"),
        (ByeReason::Disconnected, "disconnected"),
    ];
    let cases = byes.map(|(reason, code)| {
        tokio::spawn(async move {
            let mut bus = FakeBus::start().await;
            let mut host = FakeHost::start(&bus.url).await;
            let mut link = bus.register(&mut host).await;
            tell(&mut link, &FromBus::Bye { reason }).await;
            is_final(bus, host, code, "bus.example:7300 ended the link").await;
        })
    });
    for case in cases {
        case.await.unwrap();
    }
}

#[tokio::test]
async fn a_bye_instead_of_a_welcome_counts() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    let mut link = bus.arrival().await.ws;
    tell(
        &mut link,
        &FromBus::Challenge {
            nonce: NONCE.to_owned(),
        },
    )
    .await;
    host.sign().await;
    hear(&mut link).await;
    tell(
        &mut link,
        &FromBus::Bye {
            reason: ByeReason::Revoked,
        },
    )
    .await;
    is_final(bus, host, "revoked", "--code CODE").await;
}

#[tokio::test]
async fn a_server_of_another_protocol_is_not_retried() {
    let mut bus = FakeBus::with(TcpListener::bind("127.0.0.1:0").await.unwrap(), None, false);
    let host = FakeHost::start(&bus.url).await;
    bus.arrival().await;
    is_final(bus, host, "unsupported", "does not speak drawbridge.v1").await;

    let bus = FakeBus::start().await;
    bus.refusals.add("/connect", 426);
    let host = FakeHost::start(&bus.url).await;
    is_final(bus, host, "unsupported", "does not speak drawbridge.v1").await;
}

#[tokio::test]
async fn tokens_do_not_cross_a_network_unencrypted() {
    let bus = FakeBus::start().await;
    let host = FakeHost::start("ws://192.0.2.1/connect").await;
    is_final(bus, host, "insecure_url", "192.0.2.1").await;
}

#[tokio::test]
async fn a_bus_that_breaks_the_protocol_is_told_and_tried_again() {
    let broken = [
        Message::text("{}"),
        Message::text("{\"type\":\"ping\",\"seq\":1,\"more\":2}"),
        Message::text("x".repeat(70_000)),
        Message::binary(vec![1]),
        Message::text(
            serde_json::to_string(&FromBus::Welcome {
                host_id: HOST_ID.to_owned(),
            })
            .unwrap(),
        ),
        Message::text(serde_json::to_string(&open("../../api/hosts-and-more")).unwrap()),
    ];
    let mut bus = FakeBus::start().await;
    for message in broken {
        // A host of its own each time, so that no backoff adds up.
        let mut host = FakeHost::start(&bus.url).await;
        let mut link = bus.register(&mut host).await;
        soon(link.send(message.clone())).await.unwrap();
        assert_eq!(
            hear(&mut link).await,
            FromHost::Bye {
                reason: ByeReason::Protocol
            },
            "{message:?}"
        );
        closed(&mut link).await;
        let LinkState::Waiting { code, .. } = host.trouble().await else {
            panic!("no wait")
        };
        assert_eq!(code, "protocol");
    }
}

#[tokio::test]
async fn a_nonce_that_is_none_is_not_signed() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    let mut link = bus.arrival().await.ws;
    tell(
        &mut link,
        &FromBus::Challenge {
            nonce: "short".to_owned(),
        },
    )
    .await;
    // Had it asked for a signature, that line would come first.
    assert_eq!(host.state().await, LinkState::Connecting { attempt: 1 });
    let LinkState::Waiting { code, .. } = host.state().await else {
        panic!("no wait")
    };
    assert_eq!(code, "protocol");
}

#[tokio::test]
async fn a_host_that_died_ends_everything_at_once() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    let mut link = bus.register(&mut host).await;
    host.die();
    assert_eq!(host.ended().await, []);
    // No farewell: nobody is there who could have wanted one.
    while let Some(message) = soon(link.next()).await {
        let Ok(message) = message else { break };
        assert!(!message.to_string().contains("bye"), "{message}");
    }
}

#[tokio::test]
async fn a_host_that_says_stop_and_closes_its_pipe_gets_its_farewell() {
    let mut bus = FakeBus::start().await;
    let mut host = FakeHost::start(&bus.url).await;
    let mut link = bus.register(&mut host).await;
    host.send(&ToConnector::Stop {
        reason: ByeReason::Draining,
    })
    .await;
    host.die();
    assert_eq!(
        hear(&mut link).await,
        FromHost::Bye {
            reason: ByeReason::Draining
        }
    );
    closed(&mut link).await;
    host.ended().await;
}

#[tokio::test]
async fn stop_is_heard_while_waiting_and_while_dialling() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut host = FakeHost::start(&format!("ws://{}/connect", silent.local_addr().unwrap())).await;
    assert_eq!(host.state().await, LinkState::Connecting { attempt: 1 });
    let _held = soon(silent.accept()).await.unwrap();
    host.send(&ToConnector::Stop {
        reason: ByeReason::Disconnected,
    })
    .await;
    assert_eq!(
        host.ended().await,
        [FromConnector::Link {
            state: LinkState::Disconnected
        }]
    );

    let bus = FakeBus::start().await;
    for _ in 0..64 {
        bus.refusals.add("/connect", 503);
    }
    let mut host = FakeHost::start(&bus.url).await;
    for _ in 0..3 {
        host.trouble().await;
    }
    host.send(&ToConnector::Stop {
        reason: ByeReason::Disconnected,
    })
    .await;
    assert_eq!(
        host.ended().await.last(),
        Some(&FromConnector::Link {
            state: LinkState::Disconnected
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_setup_that_does_not_come_is_not_waited_for() {
    let mut host = FakeHost::bare();
    let error = soon(&mut host.connector).await.unwrap().unwrap_err();
    assert_eq!(error.code(), "no_setup");
}

#[tokio::test]
async fn the_first_line_must_be_the_setup() {
    let stop = serde_json::to_string(&ToConnector::Stop {
        reason: ByeReason::Disconnected,
    })
    .unwrap();
    for (line, code) in [
        (format!("{stop}\n"), "no_setup"),
        ("nonsense\n".to_owned(), "bad_line"),
        ("x".repeat(65_537), "line_too_long"),
    ] {
        let mut host = FakeHost::bare();
        host.send_raw(&line).await;
        let error = soon(&mut host.connector).await.unwrap().unwrap_err();
        assert_eq!(error.code(), code);
    }
}

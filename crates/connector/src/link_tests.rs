//! The link's clock, on a paused one and over a pipe in memory: no socket, no waiting.

use super::*;
use crate::dial::Dialer;
use crate::keeper::{Outbox, boxes};
use drawbridge_wire::Secret;
use std::sync::Arc;
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::protocol::Role as End;

type Bus = WebSocketStream<DuplexStream>;

struct Stage {
    link: Link<DuplexStream>,
    bus: Bus,
    inbox: Inbox,
    outbox: Outbox,
    lines: Lines,
    said: mpsc::Receiver<FromConnector>,
}

async fn stage() -> Stage {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let socket = WebSocketStream::from_raw_socket(ours, End::Client, None).await;
    let bus = WebSocketStream::from_raw_socket(theirs, End::Server, None).await;
    let (outbox, inbox) = boxes();
    let (lines, said) = mpsc::channel(64);
    Stage {
        link: Link::new(socket, "bus.example"),
        bus,
        inbox,
        outbox,
        lines,
        said,
    }
}

fn identity() -> Identity {
    Identity {
        host_id: "host-1".to_owned(),
        host_name: "name".to_owned(),
        public_key: "key".to_owned(),
    }
}

impl Stage {
    /// Serves the link until it ends; what the bus does meanwhile is `bus`.
    async fn serve(&mut self, bus: impl AsyncFnOnce(&mut Bus)) -> Result<(), LinkError> {
        let url = url::Url::parse("ws://127.0.0.1:1/connect").unwrap();
        let dialer = Dialer::new(url, Secret::new("t"), None, "bus.example")
            .await
            .unwrap();
        let (answers, mut answered) = mpsc::channel(4);
        let (ending, told) = watch::channel(None);
        let ways = Ways {
            dialer: Arc::new(dialer),
            bus: "bus.example".into(),
            host_id: "host-1".into(),
            tunnel_socket: Arc::default(),
            lines: self.lines.clone(),
            answers,
            ending: told,
        };
        let mut tunnels = Tunnels::default();
        let served = self
            .link
            .serve(&mut self.inbox, ways, &mut answered, &mut tunnels, &ending);
        let (served, ()) = tokio::join!(served, bus(&mut self.bus));
        served
    }
}

async fn ping(bus: &mut Bus) -> Option<u64> {
    while let Some(Ok(message)) = bus.next().await {
        if let Message::Text(text) = message
            && let Ok(FromHost::Ping { seq }) = serde_json::from_str(&text)
        {
            return Some(seq);
        }
    }
    None
}

async fn tell(bus: &mut Bus, message: &FromBus) {
    bus.send(Message::text(serde_json::to_string(message).unwrap()))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn pings_go_out_every_twenty_seconds_and_pongs_tell_the_round_trip() {
    let mut stage = stage().await;
    let served = stage
        .serve(async |bus| {
            let start = Instant::now();
            for nth in 0..10 {
                let seq = ping(bus).await.unwrap();
                assert_eq!(start.elapsed().as_secs(), nth * PING_INTERVAL_SECS);
                tokio::time::advance(Duration::from_millis(40 + nth)).await;
                tell(bus, &FromBus::Pong { seq }).await;
            }
            tell(
                bus,
                &FromBus::Bye {
                    reason: ByeReason::Draining,
                },
            )
            .await;
            while ping(bus).await.is_some() {}
        })
        .await;
    assert!(matches!(
        served,
        Err(LinkError::Bye {
            reason: ByeReason::Draining,
            ..
        })
    ));
    let mut trips = Vec::new();
    while let Ok(FromConnector::Link {
        state: LinkState::Connected { round_trip_ms },
    }) = stage.said.try_recv()
    {
        trips.push(round_trip_ms.unwrap());
    }
    assert_eq!(trips, (40..50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_link_without_pongs_is_dead_after_fifty_seconds() {
    let mut stage = stage().await;
    let start = Instant::now();
    let served = stage
        .serve(async |bus| {
            let seq = ping(bus).await.unwrap();
            tell(bus, &FromBus::Pong { seq }).await;
            // Neither repeated pongs nor those to no ping count, nor do the bus's own pings.
            while ping(bus).await.is_some() {
                tell(bus, &FromBus::Pong { seq }).await;
                tell(bus, &FromBus::Pong { seq: 1_000 }).await;
                tell(bus, &FromBus::Ping { seq: 1 }).await;
            }
        })
        .await;
    let error = served.unwrap_err();
    assert_eq!((error.code().as_ref(), error.retry()), ("link_lost", true));
    let farewell = start
        .elapsed()
        .saturating_sub(Duration::from_secs(PONG_DEADLINE_SECS));
    assert!(
        start.elapsed().as_secs() >= PONG_DEADLINE_SECS && farewell <= FAREWELL_WITHIN,
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_does_not_greet_times_out() {
    for challenge in [false, true] {
        let mut stage = stage().await;
        if challenge {
            tell(
                &mut stage.bus,
                &FromBus::Challenge {
                    nonce: "A".repeat(43),
                },
            )
            .await;
            stage
                .outbox
                .signatures
                .try_send(("A".repeat(43), "s".to_owned()))
                .unwrap();
        }
        let start = Instant::now();
        let error = stage
            .link
            .greet(&identity(), &mut stage.inbox, &stage.lines)
            .await
            .unwrap_err();
        assert_eq!((error.code().as_ref(), error.retry()), ("timeout", true));
        assert_eq!(start.elapsed(), ANSWER_WITHIN);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_sign_times_out() {
    let mut stage = stage().await;
    tell(
        &mut stage.bus,
        &FromBus::Challenge {
            nonce: "A".repeat(43),
        },
    )
    .await;
    // A late answer to an earlier challenge is no answer.
    stage
        .outbox
        .signatures
        .try_send(("B".repeat(43), "s".to_owned()))
        .unwrap();
    let start = Instant::now();
    let error = stage
        .link
        .greet(&identity(), &mut stage.inbox, &stage.lines)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert!(error.to_string().contains("asked to sign"), "{error}");
    assert_eq!(start.elapsed(), ANSWER_WITHIN);
    assert_eq!(
        stage.said.try_recv().unwrap(),
        FromConnector::Sign {
            nonce: "A".repeat(43)
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_reads_nothing_does_not_keep_a_stop_waiting_for_long() {
    let mut stage = stage().await;
    stage.outbox.stop.send_replace(Some(ByeReason::Disconnected));
    let start = Instant::now();
    // The bus neither reads nor closes.
    stage.serve(async |_| {}).await.unwrap();
    assert!(start.elapsed() <= FAREWELL_WITHIN, "{:?}", start.elapsed());
    stage.outbox.status.send_replace(None);
}

#[test]
fn nonces_are_thirty_two_bytes_in_base64url() {
    assert!(is_nonce(&"aZ0-_".repeat(9)[..43]));
    for bad in [
        "",
        &"A".repeat(42),
        &"A".repeat(44),
        &format!("{}+", "A".repeat(42)),
        &format!("{}\n", "A".repeat(42)),
    ] {
        assert!(!is_nonce(bad), "{bad:?}");
    }
}

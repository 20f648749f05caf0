//! Slow and stopped readers, on a paused clock and over pipes in memory.

use super::*;
use crate::stream::Metered;
use tokio::io::DuplexStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

type Far = WebSocketStream<DuplexStream>;

/// One of the two sockets, and its far end.
async fn socket() -> (Socket, Far) {
    let (near, far) = tokio::io::duplex(4 * 1024);
    let near = WebSocketStream::from_raw_socket(Metered::new(near), Role::Client, None).await;
    (
        near,
        WebSocketStream::from_raw_socket(far, Role::Server, None).await,
    )
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_takes_nothing_has_lagged_out() {
    let ((bus, _client), (host, mut agent)) = (socket().await, socket().await);
    let mut splice = Splice::start(bus, host);
    let (_ending, mut told) = watch::channel(None);
    let start = Instant::now();
    let flood = async { while agent.send(Message::text("x".repeat(1_000))).await.is_ok() {} };
    let (end, frame) = tokio::select! {
        ended = splice.ended(&mut told) => ended,
        () = flood => panic!("nobody held the flood up"),
    };
    assert_eq!(end, TunnelEnd::Lagged);
    let stalled = start.elapsed();
    assert!(
        (REMOTE_TAKES_WITHIN..=REMOTE_TAKES_WITHIN * 2).contains(&stalled),
        "{stalled:?}"
    );
    // The one who can still hear it is told, and nobody waits long for the other.
    let ((), told) = tokio::join!(splice.close(frame), async {
        loop {
            match agent.next().await {
                Some(Ok(Message::Close(frame))) => break frame,
                Some(Ok(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    });
    assert_eq!(told.unwrap().reason.as_str(), "lagged");
    assert!(start.elapsed() <= stalled + LINGER);
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_is_no_stall_while_it_moves() {
    let ((bus, client), (host, mut agent)) = (socket().await, socket().await);
    let mut splice = Splice::start(bus, host);
    let (_ending, mut told) = watch::channel(None);
    let start = Instant::now();
    let message = "x".repeat(64 * 1024);
    // Takes what the pipe holds, then rests for most of the time that is allowed.
    let slow = async {
        let mut pipe = client.into_inner();
        let mut taken = 0;
        let mut buffer = vec![0; 4 * 1024];
        while taken < message.len() {
            tokio::time::sleep(REMOTE_TAKES_WITHIN * 3 / 4).await;
            taken += tokio::io::AsyncReadExt::read(&mut pipe, &mut buffer)
                .await
                .unwrap();
        }
    };
    agent.send(Message::text(message.clone())).await.unwrap();
    tokio::select! {
        ended = splice.ended(&mut told) => panic!("{ended:?} after {:?}", start.elapsed()),
        () = slow => {}
    }
    assert!(start.elapsed() > REMOTE_TAKES_WITHIN * 10);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_vanishes_without_a_word_is_lost() {
    let ((bus, _client), (host, _agent)) = (socket().await, socket().await);
    let mut splice = Splice::start(bus, host);
    let (ending, mut told) = watch::channel(None);
    drop(ending);
    assert_eq!(splice.ended(&mut told).await.0, TunnelEnd::LinkLost);
}

//! The token is in no log line, whatever the level. Alone in its file: the log is the process's.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod common;

use common::{FakeBus, FakeHost, TOKEN, open, say_and_hear, tell};
use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_token_is_in_no_log_line() {
    let kept = Kept::default();
    let writer = kept.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    // The fake bus runs on this thread too; its library logs what it receives only from level trace on and
    // without headers, so whatever holds the token here was written by the connector's side.
    let mut bus = FakeBus::start().await;
    bus.refusals.add("/connect", 503);
    let mut host = FakeHost::start(&bus.url).await;
    let mut link = bus.register(&mut host).await;
    tell(&mut link, &open("tunnel-0123456789abcdef")).await;
    let mut at_host = host.at_door().await;
    let mut at_bus = bus.arrival().await;
    say_and_hear(&mut at_bus.ws, &mut at_host.ws).await;
    drop(link);
    host.trouble().await;

    let log = String::from_utf8_lossy(&kept.0.lock().unwrap()).into_owned();
    assert!(
        log.contains("code=http_503") && log.contains("TRACE tungstenite"),
        "the log was not captured"
    );
    for line in log.lines() {
        assert!(!line.contains(TOKEN), "{line}");
    }
}

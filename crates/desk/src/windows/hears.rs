//! The way to the process of the windows: never waits, and holds a bounded number of messages and bytes.

use super::message::{OnScreen, ToWindows};
use futures_util::SinkExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::Instant;
use tokio_util::codec::{FramedWrite, LinesCodec};

/// Lines that wait to be taken by the windows, some seconds' worth. Who takes none for so long stands still.
const LINES: usize = 256;
/// The same in bytes. One line more is always taken: a single view may be larger than this.
const BYTES: usize = 16 * 1024 * 1024;
/// How long they may take for one line when so many bytes wait: a long thread is one.
const STILL: Duration = Duration::from_secs(5);
/// Bytes that never wait, however soon they came.
const MOST_BYTES: usize = 4 * BYTES;

/// Why a message is not on its way.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotSent {
    /// Too much waits already.
    Full,
    /// Nobody reads any more.
    Gone,
}

/// What the process hears.
#[derive(Debug, Clone)]
pub(super) struct Hears {
    lines: mpsc::Sender<ToWindows>,
    waiting: Arc<Mutex<Waiting>>,
}

/// What was not taken yet.
#[derive(Debug)]
struct Waiting {
    bytes: usize,
    /// Since when nothing of it was.
    since: Instant,
}

impl Waiting {
    fn comes(&mut self, bytes: usize) {
        if self.bytes == 0 {
            self.since = Instant::now();
        }
        self.bytes += bytes;
    }

    fn is_taken(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.since = Instant::now();
    }

    fn is_too_much(&self) -> bool {
        self.bytes > MOST_BYTES || (self.bytes > BYTES && self.since.elapsed() >= STILL)
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hears {
    /// Writes to the process until one of the two is gone.
    pub(super) fn to(pipe: impl AsyncWrite + Unpin + Send + 'static) -> Self {
        let (send, lines) = mpsc::channel(LINES);
        let waiting = Arc::new(Mutex::new(Waiting {
            bytes: 0,
            since: Instant::now(),
        }));
        tokio::spawn(write(pipe, lines, Arc::clone(&waiting)));
        Self { lines: send, waiting }
    }

    /// Never waits.
    pub(super) fn say(&self, message: ToWindows) -> Result<(), NotSent> {
        {
            let mut waiting = lock(&self.waiting);
            if waiting.is_too_much() {
                return Err(NotSent::Full);
            }
            waiting.comes(size(&message));
        }
        self.lines.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => NotSent::Full,
            TrySendError::Closed(_) => NotSent::Gone,
        })
    }

    /// Waits for room. The windows may be gone.
    pub(super) async fn answer(&self, message: ToWindows) {
        lock(&self.waiting).comes(size(&message));
        let _ = self.lines.send(message).await;
    }
}

/// What a message holds, nearly.
fn size(message: &ToWindows) -> usize {
    match message {
        ToWindows::Screen(OnScreen::Event { payload, .. })
        | ToWindows::Answer {
            answer: Ok(payload), ..
        } => payload.get().len(),
        ToWindows::Screen(OnScreen::Show { .. } | OnScreen::Close(_)) | ToWindows::Answer { .. } => 0,
    }
}

async fn write(
    pipe: impl AsyncWrite + Unpin,
    mut messages: mpsc::Receiver<ToWindows>,
    waiting: Arc<Mutex<Waiting>>,
) {
    let mut lines = FramedWrite::new(pipe, LinesCodec::new());
    while let Some(message) = messages.recv().await {
        match serde_json::to_string(&message) {
            Ok(line) => {
                // That it ended is seen where it is read.
                if lines.send(line).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::error!(%error, "a window cannot be told"),
        }
        lock(&waiting).is_taken(size(&message));
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Hears, MOST_BYTES, NotSent, STILL};
    use crate::windows::message::{OnScreen, ToWindows};
    use serde_json::value::to_raw_value;
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, BufReader, duplex};

    fn event(bytes: usize) -> ToWindows {
        ToWindows::Screen(OnScreen::Event {
            window: None,
            event: "view".to_owned(),
            payload: to_raw_value(&"x".repeat(bytes)).unwrap(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_bounded_in_bytes_and_counts_no_more_once_it_is_taken() {
        let (ours, theirs) = duplex(1024);
        let hears = Hears::to(ours);
        // One that is larger than all that may wait is taken, and for a moment also what comes after it.
        hears.say(event(BYTES + 1)).unwrap();
        tokio::time::advance(STILL - Duration::from_millis(1)).await;
        hears.say(event(1)).unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(hears.say(event(1)), Err(NotSent::Full));
        let mut lines = BufReader::new(theirs).lines();
        assert!(lines.next_line().await.unwrap().unwrap().len() > BYTES);
        lines.next_line().await.unwrap().unwrap();
        // The next one that is read has been waited for after the first was let go of.
        hears.answer(event(1)).await;
        lines.next_line().await.unwrap().unwrap();
        tokio::time::advance(STILL).await;
        hears.say(event(1)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_at_once_is_bounded_in_bytes_as_well() {
        let (ours, _theirs) = duplex(1024);
        let hears = Hears::to(ours);
        let taken = (0..16).take_while(|_| hears.say(event(BYTES)).is_ok()).count();
        assert_eq!(taken, MOST_BYTES / BYTES);
    }
}

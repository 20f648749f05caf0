//! The way to the process of the windows: never waits, and holds a bounded number of messages and bytes.

use super::message::{OnScreen, ToWindows};
use futures_util::SinkExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::codec::{FramedWrite, LinesCodec};

/// Lines that wait to be taken by the windows, some seconds' worth. Who takes none for so long stands still.
const LINES: usize = 256;
/// The same in bytes. One line more is always taken: a single view may be larger than this.
const BYTES: usize = 16 * 1024 * 1024;

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
    /// Bytes that were not taken yet.
    waiting: Arc<AtomicUsize>,
}

impl Hears {
    /// Writes to the process until one of the two is gone.
    pub(super) fn to(pipe: impl AsyncWrite + Unpin + Send + 'static) -> Self {
        let (send, lines) = mpsc::channel(LINES);
        let waiting = Arc::new(AtomicUsize::new(0));
        tokio::spawn(write(pipe, lines, Arc::clone(&waiting)));
        Self { lines: send, waiting }
    }

    /// Never waits.
    pub(super) fn say(&self, message: ToWindows) -> Result<(), NotSent> {
        let bytes = size(&message);
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) > BYTES {
            return Err(NotSent::Full);
        }
        self.lines.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => NotSent::Full,
            TrySendError::Closed(_) => NotSent::Gone,
        })
    }

    /// Waits for room. The windows may be gone.
    pub(super) async fn answer(&self, message: ToWindows) {
        self.waiting.fetch_add(size(&message), Ordering::Relaxed);
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
    waiting: Arc<AtomicUsize>,
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
        waiting.fetch_sub(size(&message), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Hears, NotSent};
    use crate::windows::message::{OnScreen, ToWindows};
    use serde_json::value::to_raw_value;
    use tokio::io::{AsyncBufReadExt, BufReader, duplex};

    fn event(bytes: usize) -> ToWindows {
        ToWindows::Screen(OnScreen::Event {
            window: None,
            event: "view".to_owned(),
            payload: to_raw_value(&"x".repeat(bytes)).unwrap(),
        })
    }

    #[tokio::test]
    async fn what_nobody_takes_is_bounded_in_bytes_and_counts_no_more_once_it_is_taken() {
        let (ours, theirs) = duplex(1024);
        let hears = Hears::to(ours);
        // One that is larger than all that may wait is taken.
        hears.say(event(BYTES + 1)).unwrap();
        assert_eq!(hears.say(event(1)), Err(NotSent::Full));
        let mut lines = BufReader::new(theirs).lines();
        assert!(lines.next_line().await.unwrap().unwrap().len() > BYTES);
        // The next one that is read has been waited for after the first was let go of.
        hears.answer(event(1)).await;
        lines.next_line().await.unwrap().unwrap();
        hears.say(event(1)).unwrap();
    }
}

//! The windows' end.

use super::message::{FromWindows, LONGEST_LINE, OnScreen, ToWindows};
use crate::{Ask, Problem, Window};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec};

/// Messages that wait to be written.
const QUEUE: usize = 256;
/// Wishes that wait for an answer: fewer than fit into the queue, so that there is always room to say that a
/// window is gone.
const ASKED: usize = 192;
/// A little more than the app allows itself.
const PATIENCE: Duration = Duration::from_secs(130);

type Answer = Result<Box<RawValue>, Problem>;
type Asked = HashMap<u64, oneshot::Sender<Answer>>;
type Waiting = Arc<Mutex<Asked>>;

/// Reaches the app from the process of its windows.
#[derive(Debug, Clone)]
pub struct Front {
    out: mpsc::Sender<FromWindows>,
    waiting: Waiting,
    next: Arc<AtomicU64>,
}

impl Front {
    /// The way to the app, and the task that keeps it. The task gives each thing that the app wants shown to
    /// `show` and ends when the app is gone.
    pub fn new<R, W>(
        reader: R,
        writer: W,
        show: impl FnMut(OnScreen) + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (out, lines) = mpsc::channel(QUEUE);
        let front = Self {
            out,
            waiting: Waiting::default(),
            next: Arc::default(),
        };
        let waiting = front.waiting.clone();
        (front, async move {
            tokio::select! {
                () = read(reader, &waiting, show) => {}
                () = write(writer, lines) => {}
            }
            lock(&waiting).clear();
        })
    }

    /// Asks for something on behalf of the window of this name.
    ///
    /// # Errors
    /// As [`crate::Handle::ask`]; also when the app is gone.
    pub async fn ask(&self, label: &str, ask: Ask) -> Result<Value, Problem> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.len() >= ASKED {
                return Err(Problem::new(
                    "busy",
                    "too much was asked for at once; wait for what runs",
                ));
            }
            waiting.insert(id, reply);
        }
        let wish = FromWindows::Ask {
            id,
            label: label.to_owned(),
            ask: Box::new(ask),
        };
        let answered = async {
            self.out.send(wish).await.map_err(|_| Problem::gone())?;
            answer.await.map_err(|_| Problem::gone())?
        };
        let answered: Result<Answer, _> = tokio::time::timeout(PATIENCE, answered).await;
        lock(&self.waiting).remove(&id);
        let answer = answered
            .map_err(|_| Problem::new("timeout", "it takes too long; see whether the app still runs"))??;
        serde_json::from_str(answer.get())
            .map_err(|error| Problem::new("answer", format!("the answer cannot be shown: {error}")))
    }

    /// A window shows what it is for.
    pub fn painted(&self, label: &str) {
        self.tell(label, FromWindows::Painted);
    }

    /// A window was made for this wish, or is in front.
    pub fn shown(&self, label: &str, number: u64) {
        self.tell(label, |window| FromWindows::Shown { window, number });
    }

    /// A window is gone that was last shown for this wish; `lost` when nobody wanted that.
    pub fn closed(&self, label: &str, number: u64, lost: bool) {
        self.tell(label, |window| FromWindows::Closed { window, number, lost });
    }

    fn tell(&self, label: &str, message: impl Fn(Window) -> FromWindows) {
        if let Some(window) = Window::of_label(label)
            && let Err(error) = self.out.try_send(message(window))
        {
            tracing::warn!(%error, label, "the app could not be told");
        }
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, Asked> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(reader: impl AsyncRead + Unpin, waiting: &Waiting, mut show: impl FnMut(OnScreen)) {
    let mut lines = FramedRead::new(reader, LinesCodec::new_with_max_length(LONGEST_LINE));
    while let Some(Ok(line)) = lines.next().await {
        match serde_json::from_str(&line) {
            Ok(ToWindows::Answer { id, answer }) => {
                if let Some(reply) = lock(waiting).remove(&id) {
                    // The page that asked may be gone.
                    let _ = reply.send(answer);
                }
            }
            Ok(ToWindows::Screen(wish)) => show(wish),
            Err(error) => tracing::warn!(%error, "the app said what this version does not know"),
        }
    }
}

async fn write(writer: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<FromWindows>) {
    let mut lines = FramedWrite::new(writer, LinesCodec::new());
    while let Some(message) = messages.recv().await {
        let line = match serde_json::to_string(&message) {
            Ok(line) => line,
            Err(error) => {
                tracing::error!(%error, "a wish cannot be written");
                continue;
            }
        };
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

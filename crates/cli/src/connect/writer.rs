//! Output that holds nobody up. A pipe that nobody reads takes no more once it is full, and a stopped
//! terminal takes nothing at all; whoever keeps a host up must hear a signal all the same.

use crate::{CliError, screen};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// Pieces that wait for a slow reader. What comes when all of them are taken is left out, and counted.
const WAITING: usize = 1024;
/// With more of them waiting, what the next piece would replace anyway is not written.
const BEHIND: usize = 16;
/// How long the last of them may take when the command ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where a piece goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// What was asked for.
    Out,
    /// What a person sees. When nobody does there is nobody to tell, so its errors count for nothing.
    Err,
}

/// Writes on a thread of its own, in order.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` while it ends.
    pieces: Option<SyncSender<(Stream, String)>>,
    /// Closes when everything is written.
    written: Receiver<()>,
    failed: Option<oneshot::Receiver<io::Error>>,
    left_out: usize,
    /// Pieces not written yet.
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    /// To stdout and stderr.
    pub(crate) fn start() -> Self {
        Self::to(WAITING, |stream, text| match stream {
            Stream::Out => screen::try_out(text),
            Stream::Err => {
                screen::note(text);
                Ok(())
            }
        })
    }

    fn to(waiting: usize, write: impl Fn(Stream, &str) -> io::Result<()> + Send + 'static) -> Self {
        let (send, pieces) = sync_channel::<(Stream, String)>(waiting);
        let (end, written) = channel::<()>();
        let (fail, failed) = oneshot::channel();
        let waits = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&waits);
        std::thread::spawn(move || {
            let _end = end;
            while let Ok((stream, text)) = pieces.recv() {
                if let Err(error) = write(stream, &text) {
                    // Whoever hears of it finds that nothing is taken any more.
                    drop(pieces);
                    let _ = fail.send(error);
                    return;
                }
                taken.fetch_sub(1, Ordering::Relaxed);
            }
        });
        Self {
            pieces: Some(send),
            written,
            failed: Some(failed),
            left_out: 0,
            waiting: waits,
        }
    }

    /// Whether the reader is far behind.
    pub(crate) fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > BEHIND
    }

    /// Has a piece written, or counts it when there is no room: then the answer is `false`.
    ///
    /// # Errors
    ///
    /// [`CliError::Output`] when a piece before it could not be written.
    pub(crate) fn put(&mut self, stream: Stream, text: String) -> Result<bool, CliError> {
        if self.left_out > 0 {
            let lines = if self.left_out == 1 {
                "line was"
            } else {
                "lines were"
            };
            let told = format!("{} {lines} left out here, as nobody read them\n", self.left_out);
            if !self.send(stream, told)? {
                self.left_out += 1;
                return Ok(false);
            }
            self.left_out = 0;
        }
        let room = self.send(stream, text)?;
        if !room {
            self.left_out = 1;
        }
        Ok(room)
    }

    /// Whether it found room.
    fn send(&mut self, stream: Stream, text: String) -> Result<bool, CliError> {
        // Before it is there, so that it is never taken before it counts.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        match self.pieces.as_ref().map(|pieces| pieces.try_send((stream, text))) {
            Some(Ok(())) => Ok(true),
            Some(Err(TrySendError::Full(_))) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                Ok(false)
            }
            Some(Err(TrySendError::Disconnected(_))) | None => Err(CliError::Output(
                self.failed
                    .take()
                    .and_then(|mut failed| failed.try_recv().ok())
                    .unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()),
            )),
        }
    }

    /// Waits until something could not be written; for ever when all can.
    pub(crate) async fn failed(&mut self) -> CliError {
        if let Some(failed) = &mut self.failed {
            let error = failed.await;
            self.failed = None;
            if let Ok(error) = error {
                return CliError::Output(error);
            }
        }
        std::future::pending().await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.pieces = None;
        // Nothing is ever sent on it: it closes, or the time is over.
        let _ = self.written.recv_timeout(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests {
    use super::{Stream, Writer};
    use crate::CliError;
    use std::io;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    #[test]
    fn what_was_put_is_written_in_order_before_it_ends() {
        let (send, got) = channel();
        let mut writer = Writer::to(8, move |stream, text| {
            let _ = send.send((stream, text.to_owned()));
            Ok(())
        });
        writer.put(Stream::Out, "a\n".to_owned()).unwrap();
        writer.put(Stream::Err, "b\n".to_owned()).unwrap();
        drop(writer);
        let all: Vec<_> = got.iter().collect();
        assert_eq!(
            all,
            [(Stream::Out, "a\n".to_owned()), (Stream::Err, "b\n".to_owned())]
        );
    }

    #[test]
    fn a_reader_that_stands_still_holds_nobody_up_and_is_told_what_it_missed() {
        let (open, gate) = channel::<()>();
        let (begun, begins) = channel::<()>();
        let (send, got) = channel();
        let mut writer = Writer::to(2, move |_, text| {
            let _ = begun.send(());
            let _ = gate.recv();
            let _ = send.send(text.to_owned());
            Ok(())
        });
        writer.put(Stream::Out, "0".to_owned()).unwrap();
        begins.recv().unwrap();
        for n in 1..6 {
            assert_eq!(writer.put(Stream::Out, n.to_string()).unwrap(), n < 3);
        }
        open.send(()).unwrap();
        open.send(()).unwrap();
        begins.recv().unwrap();
        begins.recv().unwrap();
        writer.put(Stream::Out, "6".to_owned()).unwrap();
        drop(open);
        drop(writer);
        let all: Vec<String> = got.iter().collect();
        assert_eq!(
            all,
            [
                "0",
                "1",
                "2",
                "3 lines were left out here, as nobody read them\n",
                "6"
            ]
        );
    }

    #[test]
    fn it_says_when_its_reader_is_far_behind() {
        let (open, gate) = channel::<()>();
        let mut writer = Writer::to(64, move |_, _| {
            let _ = gate.recv();
            Ok(())
        });
        assert!(!writer.is_behind());
        for _ in 0..40 {
            writer.put(Stream::Out, "x".to_owned()).unwrap();
        }
        assert!(writer.is_behind());
        drop(open);
    }

    #[test]
    fn its_end_waits_a_second_for_a_reader_and_no_longer() {
        let (open, gate) = channel::<()>();
        let mut writer = Writer::to(2, move |_, _| {
            let _ = gate.recv();
            Ok(())
        });
        writer.put(Stream::Out, "0".to_owned()).unwrap();
        let begin = Instant::now();
        drop(writer);
        assert!(begin.elapsed() < Duration::from_secs(10));
        drop(open);
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_told() {
        let mut writer = Writer::to(2, |_, _| Err(io::ErrorKind::BrokenPipe.into()));
        writer.put(Stream::Out, "0".to_owned()).unwrap();
        let broken = |error: &CliError| matches!(error, CliError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe);
        assert!(broken(&writer.failed().await));
        assert!(broken(&writer.put(Stream::Out, "1".to_owned()).unwrap_err()));
    }
}

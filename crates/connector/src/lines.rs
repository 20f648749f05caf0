//! The pipe to the host: one JSON object a line, bounded in both directions.

use crate::ConnectorError;
use bytes::BufMut;
use drawbridge_wire::pipe::{FromConnector, ToConnector};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use zeroize::{Zeroize, Zeroizing};

/// Longest line on stdin, in bytes.
pub const MAX_LINE: usize = 64 * 1024;
/// How many lines may wait for a host that does not read.
pub(crate) const MAX_WAITING_LINES: usize = 256;
/// How long the host may leave the pipe full.
const HOST_READS_WITHIN: Duration = Duration::from_secs(30);
/// Lines that wait are written together up to about this size.
const BATCH: usize = 16 * 1024;

/// Where lines for the host go.
pub(crate) type Lines = mpsc::Sender<FromConnector>;

/// Reads lines. Dropping a pending [`LineReader::next`] loses nothing.
pub(crate) struct LineReader<R> {
    from: R,
    // Allocated once in full, so that no growth leaves a copy of the token behind.
    held: Zeroizing<Vec<u8>>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            held: Zeroizing::new(Vec::with_capacity(MAX_LINE + 1)),
        }
    }

    /// The next message; `None` when the host is gone.
    pub(crate) async fn next(&mut self) -> Result<Option<ToConnector>, ConnectorError> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let message = serde_json::from_slice(&self.held[..end]);
                self.forget(end + 1);
                // The parser's words may quote the line, and the line may hold the token.
                return message.map(Some).map_err(|_| ConnectorError::BadLine);
            }
            let room = (MAX_LINE + 1).saturating_sub(self.held.len());
            if room == 0 {
                return Err(ConnectorError::LineTooLong);
            }
            let mut space = (&mut *self.held).limit(room);
            if self
                .from
                .read_buf(&mut space)
                .await
                .map_err(ConnectorError::Pipe)?
                == 0
            {
                return Ok(None);
            }
        }
    }

    fn forget(&mut self, count: usize) {
        let rest = self.held.len() - count;
        self.held.copy_within(count.., 0);
        self.held[rest..].zeroize();
        self.held.truncate(rest);
    }
}

/// Writes lines until all senders are gone.
pub(crate) async fn write_lines<W: AsyncWrite + Unpin>(
    mut lines: mpsc::Receiver<FromConnector>,
    mut to: W,
) -> Result<(), ConnectorError> {
    let mut batch = Vec::new();
    while let Some(line) = lines.recv().await {
        batch.clear();
        append(&mut batch, &line)?;
        while batch.len() < BATCH
            && let Ok(line) = lines.try_recv()
        {
            append(&mut batch, &line)?;
        }
        let write = async {
            to.write_all(&batch).await?;
            to.flush().await
        };
        timeout(HOST_READS_WITHIN, write)
            .await
            .map_err(|_| ConnectorError::HostStalled)?
            .map_err(ConnectorError::Pipe)?;
    }
    Ok(())
}

fn append(batch: &mut Vec<u8>, line: &FromConnector) -> Result<(), ConnectorError> {
    serde_json::to_writer(&mut *batch, line).map_err(|error| ConnectorError::Pipe(error.into()))?;
    batch.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_arrive_whole_however_they_are_cut() {
        let (mut host, ours) = tokio::io::duplex(64);
        let mut reader = LineReader::new(ours);
        let line = br#"{"type":"signature","nonce":"n","signature":"s"}"#;
        let write = async {
            for piece in line.chunks(7) {
                host.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            host.write_all(b"\n").await.unwrap();
            host.write_all(line).await.unwrap();
            host.write_all(b"\n{\"type\":\"st").await.unwrap();
            drop(host);
        };
        let read = async {
            for _ in 0..2 {
                let message = reader.next().await.unwrap();
                assert!(
                    matches!(message, Some(ToConnector::Signature { .. })),
                    "{message:?}"
                );
            }
            // Half a line is what a host that died left behind.
            assert!(reader.next().await.unwrap().is_none());
        };
        tokio::join!(write, read);
    }

    #[tokio::test]
    async fn a_line_has_a_longest_length() {
        let fits = format!(
            "{{\"type\":\"signature\",\"nonce\":\"\",\"signature\":\"{}\"}}",
            "s".repeat(MAX_LINE - 46)
        );
        assert_eq!(fits.len(), MAX_LINE);
        let mut reader = LineReader::new(std::io::Cursor::new(format!("{fits}\n").into_bytes()));
        assert!(reader.next().await.unwrap().is_some());
        let mut reader = LineReader::new(tokio::io::repeat(b'x'));
        assert_eq!(reader.next().await.unwrap_err().code(), "line_too_long");
    }

    #[tokio::test]
    async fn a_line_that_is_not_understood_is_not_repeated() {
        for line in [
            "{\"type\":\"canary\"}\n",
            "canary\n",
            "{\"type\":\"stop\",\"reason\":\"canary\"}\n",
            "\n",
        ] {
            let mut reader = LineReader::new(line.as_bytes());
            let error = reader.next().await.unwrap_err();
            assert_eq!(error.code(), "bad_line");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_read_ends_the_connector() {
        let (ours, _host) = tokio::io::duplex(8);
        let (lines, queue) = mpsc::channel(4);
        lines
            .send(FromConnector::Sign {
                nonce: "n".repeat(64),
            })
            .await
            .unwrap();
        assert_eq!(write_lines(queue, ours).await.unwrap_err().code(), "host_stalled");
    }
}

//! From a child's standard error to its log.

use crate::log::RING_LINE_BYTES;
use crate::log_file::LogFile;
use crate::{LogRing, ansi};
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;

/// Reads until the end, whoever holds the other side, so that the child never blocks on a full pipe.
pub(crate) async fn pump(mut stderr: ChildStderr, log: LogRing, mut file: Option<LogFile>) {
    let mut chunk = vec![0_u8; 8 * 1024];
    let mut line = Vec::new();
    loop {
        match stderr.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(n) => {
                for byte in &chunk[..n] {
                    if *byte != b'\n' {
                        line.push(*byte);
                    }
                    if *byte == b'\n' || line.len() >= RING_LINE_BYTES {
                        keep(&mut line, &log, &mut file);
                    }
                }
            }
        }
    }
    if !line.is_empty() {
        keep(&mut line, &log, &mut file);
    }
    log.close();
}

fn keep(line: &mut Vec<u8>, log: &LogRing, file: &mut Option<LogFile>) {
    let text = ansi::strip(&String::from_utf8_lossy(line));
    line.clear();
    if let Some(open) = file
        && let Err(error) = open.append(&text)
    {
        // The ring goes on; a full disk must not end the child.
        tracing::warn!(%error, "log file given up");
        *file = None;
    }
    log.push(text);
}

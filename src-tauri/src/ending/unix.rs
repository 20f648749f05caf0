//! Unix: signals.

use drawbridge_desk::Handle;
use tokio::signal::unix::{SignalKind, signal};

/// The session ends, or somebody asks politely.
pub(crate) async fn until_told_to_end(desk: Handle) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    desk.terminate();
}

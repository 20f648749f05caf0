//! Windows: console events, which come when this was started from a console. A session that ends closes the app's
//! windows and its processes; the host has events of its own.

use drawbridge_desk::Handle;
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};

/// Somebody asks politely.
pub(crate) async fn until_told_to_end(desk: Handle) {
    let (Ok(mut interrupt), Ok(mut broken), Ok(mut closed)) = (ctrl_c(), ctrl_break(), ctrl_close()) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = broken.recv() => {}
        _ = closed.recv() => {}
    }
    desk.terminate();
}

//! The host's door on Unix: a socket in a directory that only the user can enter.

use crate::stream::Metered;
use std::path::Path;

/// Connects to `tunnel.sock`.
pub(crate) async fn connect(path: &Path) -> std::io::Result<Metered> {
    tokio::net::UnixStream::connect(path).await.map(Metered::new)
}

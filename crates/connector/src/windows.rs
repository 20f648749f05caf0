//! The host's door on Windows: a named pipe with an owner-only ACL, which this version cannot reach yet.

use crate::stream::Metered;
use std::path::Path;

/// Always `Unsupported`, which the bus sees as `agent_down`.
pub(crate) async fn connect(_path: &Path) -> std::io::Result<Metered> {
    std::future::ready(Err(std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        "tunnels need a Unix socket; run the host on Linux or macOS",
    )))
    .await
}

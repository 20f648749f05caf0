//! The host's door.

use crate::stream::Metered;
use drawbridge_local::door;
use std::io;
use std::path::Path;

/// Connects to `tunnel.sock`, which must be this user's.
pub(crate) async fn connect(path: &Path) -> io::Result<Metered> {
    let stream = door::connect(path).await?;
    match door::foreign_owner(&stream)? {
        None => Ok(Metered::new(stream)),
        Some(owner) => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("the host's door belongs to another user ({owner})"),
        )),
    }
}

//! Finding codex, starting its app-server, and a JSON-RPC peer.

mod defaults;
mod deltas;
mod disturbed;
mod endpoint;
mod home;
mod launch;
mod locate;
mod peer;

pub use defaults::on_defaults;
pub use deltas::DELTA_NOTIFICATIONS;
pub use disturbed::was_disturbed;
pub use endpoint::{DialError, Endpoint, Socket};
pub use home::{HomeError, codex_home};
pub use launch::{AppServer, Launch, LaunchError, READY_DEADLINE, launch};
pub use locate::{CodexBinary, LocateError, locate};
pub use peer::{CallError, CloseReason, Incoming, Peer, Text};

//! The codex app-server's messages: a small envelope first, the payload second. Unknown methods and
//! fields survive untouched, because the app-server may be newer than we are.

mod envelope;
pub mod strict;
pub mod typed;
mod typed_approvals;
mod typed_client;
mod typed_server;

pub use envelope::{Envelope, ErrorObject, RequestId, Shape};

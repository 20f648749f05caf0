//! The bus link and its tunnels.
//!
//! [`run`] is the whole connector process: it takes its setup from stdin, keeps one link to one bus,
//! and splices every tunnel that the bus asks for to a fresh connection to the host's `tunnel.sock`.
//! It carries frames and decides nothing: who may do what is the gate's business, on the other side of
//! that socket.

mod ask;
mod backoff;
mod client;
mod dial;
mod door;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod keeper;
mod lines;
mod link;
mod splice;
mod stream;
mod tls;
mod tunnel;
mod upgrade;
mod urls;

pub use backoff::{BACKOFF_BASE, BACKOFF_CAP, Backoff, STABLE_AFTER};
pub use client::{ClientError, client_url, dial_client, place};
pub use dial::CONNECT_WITHIN;
pub use error::ConnectorError;
pub use http::{Answer, ask_http};
pub use keeper::run;
pub use lines::MAX_LINE;
pub use stream::{Metered, Socket};
pub use tunnel::MAX_TUNNELS;
pub use urls::{api_url, connect_url, is_loopback, mcp_url, origin, web_url};

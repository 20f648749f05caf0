//! The gate: one filter per client connection, between a client's socket and an app-server connection
//! of its own. Request ids are never rewritten; initialize state and subscriptions stay apart by nature.

mod admit;
mod client;
mod connection;
mod errors;
mod frame;
mod local;
mod overdue;
mod places;
mod recent;
mod remote;
mod server;

pub(crate) use connection::{Connection, Ends};

/// How ids of requests that the gate itself makes on a client's connection begin.
pub(crate) const OWN_IDS: &str = "drawbridge-";

/// Most requests of one remote that may wait for their responses; the rest stay unread.
pub(crate) const MOST_IN_FLIGHT: usize = 16;

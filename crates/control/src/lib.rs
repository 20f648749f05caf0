//! A client's side of `control.sock`, as the command and the desktop app share it: requests with
//! deadlines ([`ControlClient`]), many at a time ([`Channel`]), the host's state kept in step
//! ([`apply`]), bringing up a host where none runs ([`spawn`]), and the way to its app-server
//! ([`dial_app_server`]).

mod channel;
mod client;
mod mirror;
pub mod spawn;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;

pub use channel::{Channel, Happening, Requests};
pub use client::{ControlClient, ControlError, dial_app_server, socket_path};
pub use mirror::apply;

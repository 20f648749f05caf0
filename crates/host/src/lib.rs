//! The host: the only owner of state. It supervises the app-server and the connector, serves the three
//! sockets, and is the gate every frame from outside passes.

mod agent;
mod ask;
mod caller;
mod claim;
mod config;
mod control;
mod doors;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod hub;
mod identity;
mod inject;
mod layout;
mod link;
mod observer;
mod policy;
mod room;
mod run;
mod settings;
mod skills;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;

pub use config::{security_here, why_not};
pub use error::HostError;
pub use identity::identity_trouble;
pub use run::{HostOptions, run};
pub use skills::look_at_skills;

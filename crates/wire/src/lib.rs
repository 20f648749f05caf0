//! Drawbridge's own protocols: the control socket, the bus link, enrollment and the connector's
//! pipe.
//!
//! Types only, no behaviour. Every message is strict (`deny_unknown_fields`) and versioned; what is
//! spoken by other people's software (the app-server's protocol) lives in `drawbridge-codex-wire`.

pub mod buses;
pub mod card;
pub mod control;
pub mod enroll;
pub mod link;
pub mod pipe;
pub mod processes;
pub mod schema;
pub mod secret;
pub mod skills;
mod strict;
mod vocabulary;

pub use secret::Secret;
pub use vocabulary::{AnswerSource, Decision, Grant, NetworkAction, NetworkRule, Role, WhoMayAnswer};

//! A scripted model: an HTTP server on loopback that speaks as much of the streaming Responses API as
//! codex needs, and does what the prompt says.
//!
//! The steps are lines of the last user message that carries any; see [`Step`] for the words. Each
//! request plays one step. Which one is found by counting the tool outputs that follow that message, so
//! the server keeps no state and several threads can use it at once.

mod events;
mod plan;
mod script;
mod server;
mod step;
mod stream;

pub use script::parse_script;
pub use server::{ModelRequest, ScriptedModel};
pub use step::Step;

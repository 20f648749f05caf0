//! Test doubles for everything Drawbridge talks to, so that its tests and its demo run without a network
//! and without a login.
//!
//! * [`model::ScriptedModel`] stands in for the model behind the **real** codex. What it answers is
//!   written in the prompt: `RUN: ls`, `ESC: touch x`, `SAY: bye` (see [`model::Step`]).
//! * [`home::CodexHome`] is a `CODEX_HOME` that points to it; [`home::scratch_dir`] makes folders where
//!   codex's sandbox works; [`home::real_codex`] finds the pinned program.
//! * [`fake_app_server::FakeAppServer`] stands in for the app-server itself, for the frames the real one
//!   cannot be made to send.
//! * [`asking_server::AskingServer`] is an MCP server whose tool asks the person at the other end.
//! * The program `fake-codex` ([`home::fake_codex`]) stands in for the codex program, for the ways of
//!   starting and ending that the real one does not show on demand (see [`fake_codex`]).
//! * [`fake_host::quiet`] is the state of a host in which nothing happens; `fake_host::FakeHost` (Unix) plays one
//!   at its control socket.
//! * `tls::Private` (feature `tls`) is an authority of one's own with a server that has its certificate.
//! * `secret_service::Session` (Linux) is a private D-Bus session, with a real GNOME Keyring in it where a
//!   test starts one.
//!
//! ```no_run
//! # async fn example() -> Result<(), drawbridge_testkit::Error> {
//! use drawbridge_testkit::{home, model::ScriptedModel};
//!
//! let model = ScriptedModel::start().await?;
//! let scratch = home::scratch_dir("turn")?;
//! let codex_home = home::CodexHome::create(scratch.path(), &model.base_url())?;
//! // start codex with CODEX_HOME = codex_home.path(), send the prompt "RUN: ls\nSAY: seen", then:
//! model.wait_for_requests(2, std::time::Duration::from_secs(10)).await?;
//! # Ok(()) }
//! ```

pub mod asking_server;
mod error;
pub mod fake_app_server;
pub mod fake_codex;
pub mod fake_host;
pub mod home;
mod loopback;
pub mod model;
#[cfg(target_os = "linux")]
pub mod secret_service;
#[cfg(feature = "tls")]
pub mod tls;

pub use error::Error;

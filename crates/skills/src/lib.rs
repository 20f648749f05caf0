//! Skills of Codex: which folders they lie in ([`places`]), what stands in them ([`scan`]), what is wrong
//! with it ([`check`]), and noticing when it changes ([`watch`]).
//!
//! Everything read here was written by somebody else: files are read up to a limit, front matter is parsed
//! within limits of depth and size, links that leave a folder are shown and not followed, and every text
//! that is handed on has its hidden characters made visible.

pub mod changes;
pub mod check;
pub mod coalesce;
pub mod front_matter;
pub mod model;
pub mod places;
pub mod scan;
pub mod watch;
mod yaml;

#[cfg_attr(not(unix), path = "elsewhere.rs")]
mod unix;

pub use changes::{Change, ChangeKind};
pub use coalesce::Coalesce;
pub use model::{Instructions, Problem, Root, RootKind, RootState, ScannedRoot, Scope, Severity, Skill};
pub use places::Places;
pub use watch::{Because, Found, Watcher, Watching};

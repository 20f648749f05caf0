//! The configuration file of a host.
//!
//! * [`KEYS`] is the one table of keys: reading, showing, setting, the JSON Schema and the commented
//!   example all come from it.
//! * [`parse`] reads the file and says everything that is wrong with it, each [`Problem`] with its place.
//! * [`resolve`] lays flags over variables over the file over the defaults and keeps which one won.
//! * [`Store`] keeps the last good configuration in force, whatever happens to the file.
//! * [`narrow`] keeps the security settings inside what a person last confirmed.
//! * [`set`], [`unset`], [`edit`] change the file; [`Watch`] notices when somebody else does.
//!
//! There is no secret in this file, and a key that looks like one is refused.

mod codex;
mod debounce;
mod edit;
mod editor;
mod excerpt;
mod file;
mod finding;
mod given;
mod key;
mod kind;
mod layers;
mod pairs;
mod parse;
mod problem;
mod reach;
mod schema;
mod secrets;
mod security;
mod store;
mod suggest;
mod syntax;
mod text;
mod values;
mod watch;
mod words;

pub use codex::check_codex_config;
pub use debounce::Debounce;
pub use edit::{set, set_in_text, unset, unset_in_text};
pub use editor::{Edited, Next, edit, editor_command};
pub use excerpt::Excerpt;
pub use file::{FileError, LARGEST_FILE, config_path, read_bounded, write_checked};
pub use key::{KEYS, Key, Name};
pub use kind::Kind;
pub use layers::{Origin, Resolved, Settings, Shown, resolve, show};
pub use pairs::{all_pairs, pair_of_words, words_of_pair};
pub use parse::{Config, parse, parse_bytes};
pub use problem::{Position, Problem, Severity, Source, TextRange, has_errors};
pub use reach::resolve_usable;
pub use schema::{example, json_schema};
pub use security::{Narrowed, Security, Widening, common_roots, narrow, security_of, words};
pub use store::{ConfigState, InForce, Loaded, Store};
pub use values::{UserPath, Value, Values};
pub use watch::{Watch, WatchError};

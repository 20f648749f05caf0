//! The append-only record of decisions, refusals and connections.
//!
//! One JSON object per line, in the order in which things happened. There is no field for a token, and
//! nothing here takes parameters of a request; text that came from outside is cut to a bounded length, so
//! nobody can fill the disk or smuggle a document into the record by choosing a long name.

mod entry;
mod file;

pub use entry::{Door, Entry, MAX_FOREIGN_CHARS, MAX_REASON_CHARS, Record};
pub use file::{Audit, AuditError, newest};

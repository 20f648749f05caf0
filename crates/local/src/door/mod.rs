//! Doors between processes of one user.
//!
//! A door has the path of a file on every system; where doors are no files ([`Listener::bind`] on Windows),
//! its name is made of that path. Who came in is known by the system's word, see [`foreign_owner`] and
//! `drawbridge_process::peer`.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

pub use system::{LONGEST_PATH, Listener, Stream, connect, foreign_owner, is_too_long, try_write};

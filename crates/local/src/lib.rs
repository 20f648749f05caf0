//! What is only this user's on this computer: doors between processes ([`door`]) and files ([`files`]).
//!
//! On Unix a door is a socket in a folder that nobody else can enter, and a file has a mode. On Windows a door
//! is a named pipe whose access list names the user and nobody else, and a file has the access list of its
//! folder, which in the user's own profile lets in nobody but the user, the system and administrators.

pub mod door;
pub mod files;
#[cfg(windows)]
mod windows_user;

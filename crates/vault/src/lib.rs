//! Secrets on disk: what lets a host use a bus, in age files, with their key somewhere else.
//!
//! * One age file for each enrolled bus ([`Enrollment`]) and one for the security settings that a person
//!   confirmed ([`Confirmed`]). Their contents are versioned JSON, which exists only inside the encryption.
//! * The key (an X25519 identity, 256 random bits) is kept by a [`KeyStore`]: the system's keyring, or, where
//!   the caller says so explicitly ([`KeySource`]), a key file or a systemd credential. One never stands in
//!   for another silently.
//! * [`Vault`] is the blocking core; [`VaultHandle`] runs it on a thread of its own for an event loop. Every
//!   call to the keyring has a deadline, and one that hangs does not pile up threads.
//! * "Saved" is said only after what was written has been read back, the key as well as the files.
//!
//! Whatever stands in the way has a stable code and a remedy: see [`KeyError`], [`FileFault`], [`VaultError`].

mod content;
mod disk;
mod entry;
mod error;
mod handle;
mod id;
mod key;
mod keys;
mod state;
mod steps;
mod vault;

pub use content::{Content, decode};
pub use entry::{Confirmed, Disabled, Enrollment, McpServer};
pub use error::{Absence, FileFault, KeyError, KeyFileFault, VaultError};
pub use error::{FileKind, LikelyKey};
pub use handle::VaultHandle;
pub use id::BusId;
pub use key::{Glance, KeySource, KeyStore, LoadedKey, Watched, glance};
pub use state::{Condition, FileState, KeyPlace, Notice, VaultState};
pub use vault::{FileLook, ImportReport, Look, Vault, decode_sealed};

#[cfg(feature = "fault-points")]
pub use steps::watch_steps;

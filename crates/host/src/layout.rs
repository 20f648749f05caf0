//! Where a host keeps its things: lock, sockets, records.

use crate::HostError;
use drawbridge_local::{door, files};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Name of the file with the host's own key.
const IDENTITY: &str = "host-identity.json";

/// Where that is.
pub(crate) fn identity_in(data_dir: &Path) -> PathBuf {
    data_dir.join(IDENTITY)
}

/// The data directory, held by a kernel lock that disappears with the process.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    _lock: File,
}

impl Layout {
    /// Makes and locks the data directory.
    ///
    /// # Errors
    /// When another host holds it, it cannot be made, or it lies where a sandboxed agent may write.
    pub(crate) fn claim(data_dir: &Path) -> Result<Self, HostError> {
        files::make_folder(data_dir).map_err(HostError::files(data_dir))?;
        let root = data_dir.canonicalize().map_err(HostError::files(data_dir))?;
        refuse_temporary(&root)?;
        let run = root.join("run");
        let logs = root.join("logs");
        for dir in [&run, &logs] {
            files::make_closed_folder(dir).map_err(HostError::files(dir))?;
        }
        let lock_path = root.join("host.lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = files::private(&mut options)
            .open(&lock_path)
            .map_err(HostError::files(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(HostError::AlreadyRunning(root)),
            Err(TryLockError::Error(source)) => {
                return Err(HostError::Files {
                    path: lock_path,
                    source,
                });
            }
        }
        let layout = Self { root, _lock: lock };
        for socket in [
            layout.control_socket(),
            layout.app_server_socket(),
            layout.tunnel_socket(),
        ] {
            if door::is_too_long(&socket) {
                return Err(HostError::SocketPath(socket));
            }
        }
        Ok(layout)
    }

    /// The directory itself.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
    /// For the CLI and the desktop app.
    #[must_use]
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.root.join("run/control.sock")
    }
    /// For the user's own app-server clients.
    #[must_use]
    pub(crate) fn app_server_socket(&self) -> PathBuf {
        self.root.join("run/app-server.sock")
    }
    /// For the connector.
    #[must_use]
    pub(crate) fn tunnel_socket(&self) -> PathBuf {
        self.root.join("run/tunnel.sock")
    }
    /// The record.
    #[must_use]
    pub(crate) fn audit_file(&self) -> PathBuf {
        self.root.join("audit.jsonl")
    }
    /// A child's stderr.
    #[must_use]
    pub(crate) fn log_file(&self, child: &str) -> PathBuf {
        self.root.join("logs").join(format!("{child}.log"))
    }
    /// Children of this and earlier hosts.
    #[must_use]
    pub(crate) fn ledger_file(&self) -> PathBuf {
        self.root.join("children.jsonl")
    }
    /// Folder of the vault. Made by the first enrollment.
    #[must_use]
    pub(crate) fn vault_dir(&self) -> PathBuf {
        self.root.join("vault")
    }
    /// Id and key of the host.
    #[must_use]
    pub(crate) fn identity_file(&self) -> PathBuf {
        identity_in(&self.root)
    }
}

/// Codex's `workspace-write` sandbox lets commands write to `/tmp` and `$TMPDIR` (observed, 0.169.0).
fn refuse_temporary(root: &Path) -> Result<(), HostError> {
    let tmpdir = std::env::temp_dir();
    for temporary in [PathBuf::from("/tmp"), tmpdir] {
        let temporary = temporary.canonicalize().unwrap_or(temporary);
        if root.starts_with(&temporary) {
            return Err(HostError::DataDirWritable(root.to_owned()));
        }
    }
    Ok(())
}

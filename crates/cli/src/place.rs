//! Where a host keeps its things, and where the key of its vault is.

use crate::CliError;
use crate::args::Arguments;
use drawbridge_wire::pipe::VaultKey;
use std::path::PathBuf;

/// Set by systemd for a service with credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A host's place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The data directory, absolute, so that it means the same to a host with another working directory.
    pub data_dir: PathBuf,
    /// Where the key of the vault is, as the person said.
    pub vault_key: VaultKey,
    /// The configuration file, if the system has a place for it.
    pub config: Option<PathBuf>,
}

impl Place {
    pub(crate) fn of(arguments: &Arguments) -> Result<Self, CliError> {
        let data_dir = arguments
            .data_dir
            .clone()
            .or_else(|| dirs::data_local_dir().map(|dir| dir.join("drawbridge")))
            .ok_or(CliError::NoDataDir)?;
        let vault_key = match (&arguments.key_file, &arguments.key_credential) {
            (Some(file), _) => VaultKey::File(absolute(file.clone())?),
            (None, Some(name)) => VaultKey::Credential {
                directory: std::env::var_os(CREDENTIALS).map(PathBuf::from).ok_or_else(|| {
                    CliError::Usage(format!(
                        "--key-credential works in a systemd service with LoadCredential={name}:FILE; {CREDENTIALS} is not set"
                    ))
                })?,
                name: name.clone(),
            },
            (None, None) => VaultKey::Keyring,
        };
        Ok(Self {
            data_dir: absolute(data_dir)?,
            vault_key,
            config: crate::config::path(arguments.config.as_deref()).ok(),
        })
    }

    /// Whether the vault keeps anything. Only the host can read what.
    pub(crate) fn is_enrolled(&self) -> bool {
        let kept = std::fs::read_dir(self.data_dir.join("vault"))
            .into_iter()
            .flatten()
            .flatten();
        kept.map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "age"))
            .any(|path| path.file_stem().is_some_and(|stem| stem != "confirmed"))
    }
}

/// A path that means the same to a process with another working directory.
pub(crate) fn absolute(path: PathBuf) -> Result<PathBuf, CliError> {
    std::path::absolute(&path).map_err(|source| CliError::File { path, source })
}

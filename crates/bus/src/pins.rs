//! The keys of hosts, pinned at first use, what was made of them since, and the file they are kept in.

use crate::BusError;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use drawbridge_wire::link::valid_host_id;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One host the bus has met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    /// Ed25519 public key, base64url without padding.
    pub(crate) public_key: String,
    /// Display name at its last connection.
    pub(crate) name: String,
    /// SHA-256 of the token it got for a code, hex. The token itself is nowhere at the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// Whether it was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) revoked: bool,
}

impl Pin {
    /// A host that came with the token all hosts share.
    pub(crate) fn new(public_key: String, name: String) -> Self {
        Self {
            public_key,
            name,
            token: None,
            revoked: false,
        }
    }
}

/// What this program writes. 1 had neither `token` nor `revoked`; it is read as well.
const VERSION: u32 = 2;

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    hosts: BTreeMap<String, Pin>,
}

/// All hosts the bus has met.
pub(crate) type Pins = BTreeMap<String, Pin>;

/// Where pins are kept. Holds a lock: two buses with one file would undo each other's pins.
#[derive(Debug)]
pub(crate) struct PinFile {
    path: PathBuf,
    _lock: File,
}

impl PinFile {
    /// Takes the file and reads what is in it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Pins), BusError> {
        let unwritable = |source| BusError::StateUnwritable {
            path: path.to_owned(),
            source,
        };
        let lock = private()
            .create(true)
            .truncate(false)
            .open(beside(path, ".lock"))
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(BusError::StateInUse {
                    path: path.to_owned(),
                });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(unwritable(source)),
        }
        let pins = read(path)?;
        Ok((
            Self {
                path: path.to_owned(),
                _lock: lock,
            },
            pins,
        ))
    }

    /// Writes all pins beside the file and puts them in its place, so that a crash leaves the old or the
    /// new ones, never half of them.
    pub(crate) fn save(&self, pins: &Pins) -> std::io::Result<()> {
        let next = beside(&self.path, ".new");
        let content = Content {
            version: VERSION,
            hosts: pins.clone(),
        };
        let mut file = private().create(true).truncate(true).open(&next)?;
        serde_json::to_writer_pretty(&mut file, &content)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&next, &self.path)
    }
}

fn read(path: &Path) -> Result<Pins, BusError> {
    let unreadable = |reason: String| BusError::StateUnreadable {
        path: path.to_owned(),
        reason,
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Pins::new()),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let content: Content = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
    if !(1..=VERSION).contains(&content.version) {
        return Err(unreadable(format!(
            "its version is {}, this program knows 1 to {VERSION}",
            content.version
        )));
    }
    for (id, pin) in &content.hosts {
        let key = BASE64_URL_SAFE_NO_PAD.decode(&pin.public_key);
        let digest = pin.token.as_ref().map(hex::decode);
        let digest = digest.is_none_or(|digest| digest.is_ok_and(|digest| digest.len() == 32));
        if !valid_host_id(id) || !key.is_ok_and(|key| key.len() == 32) || !digest {
            return Err(unreadable(format!("`{id}` is no host id with a key")));
        }
    }
    Ok(content.hosts)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    drawbridge_local::files::private(options.write(true));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins() -> Pins {
        let key = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
        Pins::from([(
            "desk".to_owned(),
            Pin {
                token: Some("ab".repeat(32)),
                ..Pin::new(key, "Desk".to_owned())
            },
        )])
    }

    #[test]
    fn pins_come_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus.json");
        let (file, empty) = PinFile::open(&path).unwrap();
        assert_eq!(empty, Pins::new());
        file.save(&pins()).unwrap();
        file.save(&pins()).unwrap();
        drop(file);
        assert_eq!(PinFile::open(&path).unwrap().1, pins());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_file_of_the_first_version_is_read_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus.json");
        let key = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
        let old = format!(r#"{{"version":1,"hosts":{{"desk":{{"public_key":"{key}","name":"Desk"}}}}}}"#);
        std::fs::write(&path, old).unwrap();
        let (file, pins) = PinFile::open(&path).unwrap();
        assert_eq!(pins["desk"], Pin::new(key, "Desk".to_owned()));
        file.save(&pins).unwrap();
        drop(file);
        assert_eq!(PinFile::open(&path).unwrap().1, pins);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_started_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus.json");
        for text in [
            "",
            "{",
            r#"{"version":3,"hosts":{}}"#,
            r#"{"version":0,"hosts":{}}"#,
            r#"{"version":1,"hosts":{"A b":{"public_key":"","name":""}}}"#,
            r#"{"version":1,"hosts":{"desk":{"public_key":"!","name":"Desk"}}}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                PinFile::open(&path).unwrap_err().code(),
                "state_unreadable",
                "{text}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_file_has_one_bus() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus.json");
        let first = PinFile::open(&path).unwrap();
        assert_eq!(PinFile::open(&path).unwrap_err().code(), "state_in_use");
        drop(first);
        assert!(PinFile::open(&path).is_ok());
        assert_eq!(
            PinFile::open(&folder.path().join("none/bus.json"))
                .unwrap_err()
                .code(),
            "state_unwritable"
        );
    }
}

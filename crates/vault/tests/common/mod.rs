//! What the tests of the vault share.
#![allow(dead_code, unreachable_pub, reason = "not every test uses everything")]

use drawbridge_vault::{BusId, Enrollment, KeySource, McpServer, Vault};
use drawbridge_wire::Secret;
use std::path::{Path, PathBuf};

/// Stands in for the enrollment token.
pub const CANARY: &str = "canary-enrollment-8d41f0c2e7";
/// Stands in for the MCP token.
pub const MCP_CANARY: &str = "canary-mcp-55aa90b1c3";

/// A place for a vault and the file with its key.
pub struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    pub fn dir(&self) -> PathBuf {
        self.0.path().join("vault")
    }
    pub fn source(&self) -> KeySource {
        KeySource::KeyFile(self.0.path().join("key"))
    }
    pub fn open(&self) -> Vault {
        Vault::open(&self.dir(), &self.source()).unwrap()
    }
    /// Puts a folder in the place of a file of the vault: that can neither be replaced by a file nor read.
    pub fn block(&self, file: &str) {
        let path = self.dir().join(file);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
    }
    pub fn key(&self) -> String {
        std::fs::read_to_string(self.0.path().join("key")).unwrap()
    }
    pub fn recipient(&self) -> String {
        let identity: age::x25519::Identity = self.key().trim().parse().unwrap();
        identity.to_public().to_string()
    }
}

pub fn id(id: &str) -> BusId {
    BusId::new(id).unwrap()
}

/// An enrollment with canaries for tokens.
pub fn enrollment(id: &str, note: &str) -> Enrollment {
    Enrollment {
        id: BusId::new(id).unwrap(),
        name: note.to_owned(),
        api_origin: "https://bus.example.org".into(),
        host_id: None,
        token: Secret::new(&format!("{CANARY}-{id}-{note}")),
        on: true,
        disabled: None,
        mcp: Some(McpServer {
            name: "codex-agents".into(),
            url: "https://bus.example.org/mcp".into(),
            token: Some(Secret::new(&format!("{MCP_CANARY}-{id}-{note}"))),
        }),
        bus: None,
        ca_file: None,
        made_at: 1_700_000_000,
    }
}

/// Every file below a folder with its bytes.
pub fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = std::fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            files.extend(files_below(&path));
        } else if kind.is_file() {
            files.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

/// Fails when a file shows a canary, also as hex or base64 would show its first letters.
pub fn assert_no_plaintext(folder: &Path) {
    for (path, bytes) in files_below(folder) {
        for canary in [CANARY, MCP_CANARY, "codex-agents", "bus.example.org"] {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} stands in {}", path.display());
        }
    }
}

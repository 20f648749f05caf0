//! What the vault keeps.

use crate::BusId;
use drawbridge_wire::Secret;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A bus that this host is enrolled at.
///
/// It cannot be serialised: only the vault writes it, inside the encryption.
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// Names it here and its file.
    pub id: BusId,
    /// What a person calls it.
    pub name: String,
    /// Base address of the bus.
    pub api_origin: String,
    /// The id that this host has there, where it is not the host's own.
    pub host_id: Option<String>,
    /// Proves to the bus that this host is enrolled.
    pub token: Secret,
    /// Whether the person wants to be connected.
    pub on: bool,
    /// Why it must not be used any more, e.g. because the bus revoked it.
    pub disabled: Option<Disabled>,
    /// The MCP server that threads get from this bus.
    pub mcp: Option<McpServer>,
    /// The bus's own name for itself, by which it is known under another address. Not every bus says one.
    pub bus: Option<String>,
    /// Further certificate authorities to trust for this bus.
    pub ca_file: Option<PathBuf>,
    /// When it was made, in seconds since 1970.
    pub made_at: u64,
}

/// Why an enrollment is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// The word of who disabled it, e.g. `revoked`.
    pub reason: String,
    /// When, in seconds since 1970.
    pub at: Option<u64>,
}

/// The MCP server of a bus.
#[derive(Debug, Clone)]
pub struct McpServer {
    /// Name that threads know it by.
    pub name: String,
    /// Its address.
    pub url: String,
    /// What the app-server shows to it.
    pub token: Option<Secret>,
}

/// Security settings as a person last confirmed them. What the names mean is the host's business.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Confirmed {
    /// Setting and its confirmed value.
    pub settings: BTreeMap<String, Value>,
    /// When, in seconds since 1970.
    pub at: u64,
}

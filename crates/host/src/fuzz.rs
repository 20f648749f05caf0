//! Doors for the fuzz targets, which must not be in the way of what this crate offers.

use crate::doors;
use crate::event::Caller;
use crate::policy::Policy;
use drawbridge_wire::{Role, WhoMayAnswer};
use std::path::{Path, PathBuf};
use tokio_tungstenite::tungstenite::handshake::server::Request;

/// Who a tunnel's upgrade says it is, at a host that is enrolled at `bus.example` and grants `granted`:
/// bus, client, tunnel and role.
#[must_use]
pub fn tunnel_request(request: &Request, granted: Role) -> Option<(String, String, String, Role)> {
    doors::no_origin(request).ok()?;
    match doors::remote(request, Some("bus.example"), granted).ok()? {
        Caller::Remote {
            bus,
            client,
            tunnel,
            role,
        } => Some((bus, client, tunnel, role)),
        Caller::Local => None,
    }
}

/// The path that goes on for one that a remote named, at a host that shares `root`.
#[must_use]
pub fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let policy = Policy {
        edition: 0,
        answer: WhoMayAnswer::Local,
        role: Role::Operator,
        roots: vec![root.to_owned()],
        ceilings: drawbridge_config::all_pairs().to_vec(),
        cwd: root.to_owned(),
        skill_roots: Vec::new(),
        mcp: None,
    };
    policy.inside(Path::new(path))
}

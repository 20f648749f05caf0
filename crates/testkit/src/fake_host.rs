//! A host played by a test: its state, and its control socket frame by frame.
//!
//! Where it cannot go on, it fails the test that plays it.

#[cfg(unix)]
mod socket;

use drawbridge_wire::buses::{VaultCondition, VaultView};
use drawbridge_wire::control::{AppServerState, AppServerView, HostIdentity, HostView, PolicyView};
use drawbridge_wire::skills::SkillsView;
use drawbridge_wire::{Role, WhoMayAnswer};
use std::path::Path;

#[cfg(unix)]
pub use socket::{FakeHost, HostEnd};

/// The state of a host in which nothing happens: codex is ready, and there is neither bus nor thread nor client.
#[must_use]
pub fn quiet(data_dir: &Path) -> HostView {
    HostView {
        seq: 7,
        host: HostIdentity {
            id: "desk-1".to_owned(),
            name: "Desk".to_owned(),
            pid: 4711,
            version: "0.1.0".to_owned(),
            data_dir: data_dir.to_owned(),
        },
        app_server: AppServerView {
            generation: 1,
            state: AppServerState::Ready,
            pid: Some(2),
            user_agent: None,
        },
        links: Vec::new(),
        vault: VaultView {
            state: VaultCondition::None,
            key: "keyring".to_owned(),
            place: "the system's keyring".to_owned(),
            files: Vec::new(),
            notices: Vec::new(),
        },
        config: None,
        skills: SkillsView::default(),
        threads: Vec::new(),
        approvals: Vec::new(),
        leases: Vec::new(),
        connections: Vec::new(),
        policy: PolicyView {
            answer: WhoMayAnswer::Local,
            role: Role::Operator,
            roots: Vec::new(),
            ceilings: Vec::new(),
        },
    }
}

//! What windows are told.

use drawbridge_core::tray::Supervisor;
use drawbridge_wire::control::{ApprovalView, FormField, HostView, Part};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything the main window draws from.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DesktopView {
    /// The host's process.
    pub supervisor: Supervisor,
    /// Its state, while it is connected. Approvals come without their parts.
    pub host: Option<HostView>,
    /// Until when the buses are left alone, Unix milliseconds.
    pub paused_until_ms: Option<u64>,
    /// Whether the app starts with the session.
    pub start_at_login: bool,
    /// Whether there is a tray to live in.
    pub tray: bool,
    /// Version of the app.
    pub version: String,
    /// Approvals that wait for a person at this computer.
    pub approvals_open: usize,
}

/// The approval on display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApprovalCard {
    /// It, without its parts.
    pub view: ApprovalView,
    /// What is asked, to be laid out.
    pub parts: Vec<Part>,
    /// Fields of a question; none for other kinds, and for a question in a form that has no fields.
    pub form: Option<Vec<FormField>>,
    /// Which of those that wait, from 1.
    pub position: usize,
    /// How many wait.
    pub count: usize,
    /// To be given back with the answer. Counts once, for this card, after a moment.
    pub nonce: String,
    /// Who asks.
    pub asks: Asks,
}

/// Who asks. All of it is safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Asks {
    /// The bus it came through; none for this computer.
    pub bus: Option<String>,
    /// The client that started the thread.
    pub client: Option<String>,
    /// Title of the thread.
    pub thread_title: Option<String>,
    /// Folder of the thread.
    pub folder: Option<String>,
}

/// Answer to the wish to quit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuitAnswer {
    /// Turns that would be interrupted. Above 0 nothing happened, unless it was to be done anyway.
    pub running: usize,
}

/// One key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigRow {
    /// As the file writes it.
    pub key: String,
    /// Its value as TOML; none when nobody gave one.
    pub value: Option<String>,
    /// What happens without a value.
    pub otherwise: Option<String>,
    /// Who gave it: `default`, a file and line, a variable.
    pub origin: String,
}

/// The state for windows: parts of approvals travel with the one card that shows them.
pub(crate) fn slim(host: &HostView) -> HostView {
    let mut slim = host.clone();
    for approval in &mut slim.approvals {
        approval.parts = Vec::new();
        approval.form = None;
    }
    slim
}

//! Where wishes of windows go.

use drawbridge_desk::{Ask, Front, Handle, Problem};
use serde_json::Value;

/// The controller, in this process or in the one that this one shows windows for.
#[derive(Debug, Clone)]
#[allow(
    dead_code,
    reason = "an app shows its windows itself, or leaves it to another process"
)]
pub(crate) enum Desk {
    /// In this process.
    Here(Handle),
    /// In the app.
    There(Front),
}

impl Desk {
    /// See [`Handle::ask`].
    pub(crate) async fn ask(&self, label: &str, ask: Ask) -> Result<Value, Problem> {
        match self {
            Desk::Here(desk) => desk.ask(label, ask).await,
            Desk::There(front) => front.ask(label, ask).await,
        }
    }

    /// A window was made for this wish, or is in front.
    pub(crate) fn shown(&self, label: &str, number: u64) {
        if let Desk::There(front) = self {
            front.shown(label, number);
        }
    }

    /// A window is gone that was last shown for this wish; `lost` when nobody wanted that.
    pub(crate) fn closed(&self, label: &str, number: u64, lost: bool) {
        match self {
            Desk::Here(desk) if lost => desk.lost(label),
            Desk::Here(desk) => desk.closed(label),
            Desk::There(front) => front.closed(label, number, lost),
        }
    }

    /// A window shows what it is for.
    pub(crate) fn painted(&self, label: &str) {
        match self {
            Desk::Here(_) => tracing::info!(window = label, "painted"),
            Desk::There(front) => front.painted(label),
        }
    }
}

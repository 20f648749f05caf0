//! The tray as a value: icon, tooltip and menu, computed from state. Whoever paints it compares it with
//! the last one and passes the [`Action`] of a clicked item back.

mod icon;
mod menu;
#[cfg(test)]
mod tests;
mod words;

use drawbridge_wire::control::{HostView, ThreadView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest text of an item that quotes what came from elsewhere, in characters. The window has the whole.
const LONGEST: usize = 120;

/// Everything the tray depends on.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The host's process.
    pub supervisor: &'a Supervisor,
    /// Its state, while it is connected.
    pub host: Option<&'a HostView>,
    /// Until when the buses are left alone, Unix milliseconds.
    pub paused_until_ms: Option<u64>,
    /// Whether the desktop app starts with the session.
    pub start_at_login: bool,
    /// Now, Unix milliseconds.
    pub now_ms: u64,
    /// What the clock of this place is ahead of UTC, in seconds.
    pub utc_offset_s: i32,
}

/// How it is with the host's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schemars(rename = "SupervisorView")]
pub enum Supervisor {
    /// Being looked for, or started.
    Starting,
    /// Connected to it.
    Up {
        /// Its process id.
        pid: u32,
    },
    /// It ended unasked, or could not be reached, and is tried again.
    Waiting {
        /// Unix milliseconds of the next try.
        retry_at_ms: u64,
        /// Milliseconds until then, when this was made.
        retry_in_ms: u64,
        /// Stable name of what is wrong.
        code: String,
        /// What happened and what to do.
        message: String,
    },
    /// It is not tried again by itself.
    Failed {
        /// Stable name of what is wrong.
        code: String,
        /// What happened and what to do.
        message: String,
    },
    /// It was stopped on purpose, or the app is quitting.
    Stopping,
}

/// Which picture. Each has a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Icon {
    /// The deck is raised.
    Disconnected,
    /// The deck is half way.
    Connecting,
    /// The deck is lowered.
    Connected,
    /// A dot: someone waits for the person.
    Waiting,
    /// A bar: something is wrong.
    Problem,
}

/// What a click on an item asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Connect a bus, or disconnect from it.
    SetBus {
        /// Which.
        id: String,
        /// Whether it is to be connected.
        on: bool,
    },
    /// Start the host again.
    StartHost,
    /// Show the approval dialog.
    OpenApprovals,
    /// Show the threads in the window.
    OpenThreads,
    /// Show the window.
    OpenWindow,
    /// Leave all buses alone for so many minutes; 0 ends that.
    Pause {
        /// How long.
        minutes: u32,
    },
    /// Start with the session, or do not.
    SetStartAtLogin {
        /// Whether.
        on: bool,
    },
    /// End the app.
    Quit,
}

/// A line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Says something and does nothing.
    Label(String),
    /// Does something.
    Button {
        /// What it says.
        text: String,
        /// What it does.
        action: Action,
    },
    /// Is on or off.
    Check {
        /// What it says.
        text: String,
        /// Whether it is on.
        on: bool,
        /// What a click does.
        action: Action,
    },
    /// A line between groups.
    Separator,
}

/// The whole tray.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tray {
    /// Its picture.
    pub icon: Icon,
    /// The same in words.
    pub tooltip: String,
    /// Its menu.
    pub menu: Vec<Item>,
}

impl Tray {
    /// The tray for a state.
    #[must_use]
    pub fn of(sight: &Sight<'_>) -> Self {
        let headline = words::headline(sight);
        let icon = icon::of(sight);
        let waiting = words::approvals(sight);
        let tooltip = match &waiting {
            Some(waiting) => format!("{headline}. {waiting}"),
            None => headline.clone(),
        };
        Self {
            icon,
            tooltip: format!("Drawbridge: {tooltip}"),
            menu: menu::of(sight, headline, waiting),
        }
    }

    /// Whether the menu offers this now. A click on a menu that is no longer true asks for what is not.
    #[must_use]
    pub fn offers(&self, action: &Action) -> bool {
        self.menu.iter().any(|item| match item {
            Item::Button { action: offered, .. } | Item::Check { action: offered, .. } => offered == action,
            Item::Label(_) | Item::Separator => false,
        })
    }
}

/// Approvals that wait for a person at this computer.
#[must_use]
pub fn open_approvals(host: &HostView) -> usize {
    use drawbridge_wire::control::ApprovalState;
    if !host.policy.answer.local() {
        return 0;
    }
    let open = |approval: &&drawbridge_wire::control::ApprovalView| approval.state == ApprovalState::Open;
    host.approvals.iter().filter(open).count()
}

/// Threads with a running turn. A turn that began before the host followed its thread has no name there.
#[must_use]
pub fn running_threads(host: &HostView) -> usize {
    const RUNNING: [&str; 3] = ["active", "waiting_on_approval", "waiting_on_user_input"];
    let runs = |thread: &&ThreadView| thread.turn.is_some() || RUNNING.contains(&thread.status.as_str());
    host.threads.iter().filter(runs).count()
}

//! What runs, as a person sees it: the host, the app-server and the connectors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer to `processes/list`. Not part of the snapshot, because memory changes all the time: who wants to
/// see it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessesView {
    /// The host first, then the app-server, then one connector for each bus.
    pub processes: Vec<ProcessView>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessView {
    /// `host`, `app-server`, or `connector:<id of its bus>`: what `logs` and `processes/restart` take.
    pub id: String,
    /// Whether it runs.
    pub state: ProcessState,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// How often it was started since the host was; 1 when it never had to be again. 0 before the first time.
    pub starts: u64,
    /// When it was started, Unix milliseconds; none while it does not run.
    pub since_ms: Option<u64>,
    /// How its last life ended; none when it has not ended since the host was started.
    pub last_end: Option<ProcessEnd>,
    /// Its memory in bytes, with its part of what it shares with others, where the system tells.
    pub memory: Option<u64>,
    /// Processes that it started and that still run, such as the agent's commands and MCP servers.
    pub below: u32,
    /// Their memory in bytes together.
    pub below_memory: u64,
}

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// It is being started and has not answered yet.
    Starting,
    /// It runs.
    Running,
    /// It ended unasked and is started again soon.
    Waiting,
    /// Nobody wants it now.
    Off,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessEnd {
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// What is known of why.
    pub message: String,
}

/// Parameters of `processes/restart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// [`ProcessView::id`]: `app-server`, or `connector:<id>`. The host itself is not restarted like this.
    pub id: String,
    /// Whether turns that run may end with the app-server. Without it they keep it running, and the request
    /// is refused as `turns_running`.
    pub interrupt: bool,
}

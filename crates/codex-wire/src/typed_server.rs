//! Threads, turns and items as the app-server shows them, and its notifications about them.

use crate::RequestId;
use crate::typed::{FromServer, Rest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a thread stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadStatus {
    /// `notLoaded`, `idle`, `systemError`, `active`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `waitingOnApproval`, `waitingOnUserInput`; only when active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_flags: Option<Vec<String>>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl ThreadStatus {
    /// Whether a turn runs.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.kind == "active"
    }

    /// Whether a person is asked something.
    #[must_use]
    pub fn waits_for_a_person(&self) -> bool {
        let flags = self.active_flags.as_deref().unwrap_or_default();
        flags
            .iter()
            .any(|flag| flag == "waitingOnApproval" || flag == "waitingOnUserInput")
    }
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// Its id.
    pub id: String,
    /// Its working directory.
    pub cwd: String,
    /// Its name, when someone gave it one.
    #[serde(default)]
    pub name: Option<String>,
    /// Its first words.
    #[serde(default)]
    pub preview: String,
    /// Whether it leaves nothing on the disk.
    #[serde(default)]
    pub ephemeral: bool,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ThreadStatus>,
    /// Its turns; empty where they were not asked for.
    #[serde(default)]
    pub turns: Vec<Turn>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Answer to `thread/start`, `thread/resume` and `thread/fork`: the thread and what it may do now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedThread {
    /// The thread.
    pub thread: Thread,
    /// The working directory of its turns.
    pub cwd: String,
    /// When a person is asked.
    pub approval_policy: Value,
    /// What goes without asking.
    pub sandbox: Value,
    /// Who is asked.
    pub approvals_reviewer: String,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Its id.
    pub id: String,
    /// `completed`, `interrupted`, `failed`, `inProgress`.
    pub status: String,
    /// Its items, as far as they were asked for.
    #[serde(default)]
    pub items: Vec<Item>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<TurnError>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What went wrong in a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnError {
    /// In words.
    pub message: String,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Something in a turn: words, a command, a change of files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// `userMessage`, `agentMessage`, `commandExecution`, `fileChange`, `mcpToolCall` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What a `fileChange` changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<FileChange>>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileChange {
    /// Absolute.
    pub path: String,
    /// `{"type": "add" | "delete" | "update", "move_path"?}`.
    pub kind: Value,
    /// A hunk for an update, else the content.
    pub diff: String,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `thread/started`, to all connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadStarted {
    /// The thread.
    pub thread: Thread,
}

impl FromServer for ThreadStarted {
    const METHOD: &'static str = "thread/started";
}

/// `thread/status/changed`, to all connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadStatusChanged {
    /// Which.
    pub thread_id: String,
    /// Where it stands.
    pub status: ThreadStatus,
}

impl FromServer for ThreadStatusChanged {
    const METHOD: &'static str = "thread/status/changed";
}

/// `thread/closed`: unloaded; to all connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadClosed {
    /// Which.
    pub thread_id: String,
}

impl FromServer for ThreadClosed {
    const METHOD: &'static str = "thread/closed";
}

/// `thread/settings/updated`: what the thread may do has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadSettingsUpdated {
    /// Which.
    pub thread_id: String,
    /// All settings, with `approvalPolicy`, `sandboxPolicy`, `approvalsReviewer`, `cwd`.
    pub thread_settings: Rest,
}

impl FromServer for ThreadSettingsUpdated {
    const METHOD: &'static str = "thread/settings/updated";
}

/// `turn/started`, to subscribers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnStarted {
    /// In which thread.
    pub thread_id: String,
    /// The turn.
    pub turn: Turn,
}

impl FromServer for TurnStarted {
    const METHOD: &'static str = "turn/started";
}

/// `turn/completed`, to subscribers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnCompleted {
    /// In which thread.
    pub thread_id: String,
    /// The turn.
    pub turn: Turn,
}

impl FromServer for TurnCompleted {
    const METHOD: &'static str = "turn/completed";
}

/// `item/started`, to subscribers. For a change of files the only place of the diff before the approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemStarted {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// The item.
    pub item: Item,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FromServer for ItemStarted {
    const METHOD: &'static str = "item/started";
}

/// `item/completed`, to subscribers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemCompleted {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// The item.
    pub item: Item,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FromServer for ItemCompleted {
    const METHOD: &'static str = "item/completed";
}

/// `item/agentMessage/delta`, to subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentMessageDelta {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// Of which item.
    pub item_id: String,
    /// The next words.
    pub delta: String,
}

impl FromServer for AgentMessageDelta {
    const METHOD: &'static str = "item/agentMessage/delta";
}

/// `serverRequest/resolved`, to subscribers: someone answered, or the question is void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerRequestResolved {
    /// In which thread.
    pub thread_id: String,
    /// Which request.
    pub request_id: RequestId,
}

impl FromServer for ServerRequestResolved {
    const METHOD: &'static str = "serverRequest/resolved";
}

/// `error`, to subscribers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnFailing {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// What.
    pub error: TurnError,
    /// Whether the app-server tries again by itself.
    pub will_retry: bool,
}

impl FromServer for TurnFailing {
    const METHOD: &'static str = "error";
}

//! What a client asks, and what a successful answer to it holds.

use crate::typed::{Request, Rest};
use crate::typed_server::{OpenedThread, Thread, Turn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who a client says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// Short name. The first client's becomes that of the whole process.
    pub name: String,
    /// Display name.
    #[serde(default)]
    pub title: Option<String>,
    /// Version.
    pub version: String,
}

/// What a client can do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Experimental methods and members are allowed.
    #[serde(default)]
    pub experimental_api: bool,
    /// Exact names of notifications this connection does not want.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out_notification_methods: Option<Vec<String>>,
    /// Whether it takes `attestation/generate`.
    #[serde(default)]
    pub request_attestation: bool,
    /// What else it declares.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `initialize`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeParams {
    /// Who.
    pub client_info: ClientInfo,
    /// What.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
}

impl Request for InitializeParams {
    const METHOD: &'static str = "initialize";
    type Response = InitializeResponse;
}

/// Answer to `initialize`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeResponse {
    /// Has the version.
    pub user_agent: String,
    /// State directory.
    pub codex_home: String,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `thread/start`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadStartParams {
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<Value>,
    /// Who is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals_reviewer: Option<String>,
    /// Sandbox mode (a word).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
    /// Configuration of this thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Rest>,
    /// What else is asked for.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Request for ThreadStartParams {
    const METHOD: &'static str = "thread/start";
    type Response = OpenedThread;
}

/// `thread/resume`: loads the thread if need be and subscribes this connection to it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadResumeParams {
    /// Which.
    pub thread_id: String,
    /// Leaves the turns out of the answer, which can be megabytes otherwise.
    #[serde(default)]
    pub exclude_turns: bool,
    /// Configuration; ignored when the thread is loaded already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Rest>,
    /// What else is asked for.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Request for ThreadResumeParams {
    const METHOD: &'static str = "thread/resume";
    type Response = OpenedThread;
}

/// `thread/read`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadReadParams {
    /// Which.
    pub thread_id: String,
    /// With its turns.
    #[serde(default)]
    pub include_turns: bool,
}

impl Request for ThreadReadParams {
    const METHOD: &'static str = "thread/read";
    type Response = ThreadReadResponse;
}

/// Answer to `thread/read`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadReadResponse {
    /// The thread.
    pub thread: Thread,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `thread/list`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadListParams {
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Other filters.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Request for ThreadListParams {
    const METHOD: &'static str = "thread/list";
    type Response = ThreadListResponse;
}

/// Answer to `thread/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadListResponse {
    /// The page.
    pub data: Vec<Thread>,
    /// Where the next one begins.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `thread/loaded/list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadedListParams {
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Request for LoadedListParams {
    const METHOD: &'static str = "thread/loaded/list";
    type Response = LoadedListResponse;
}

/// Answer to `thread/loaded/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadedListResponse {
    /// Ids.
    pub data: Vec<String>,
    /// Where the next page begins.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `thread/unsubscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadUnsubscribeParams {
    /// Which.
    pub thread_id: String,
}

impl Request for ThreadUnsubscribeParams {
    const METHOD: &'static str = "thread/unsubscribe";
    type Response = Value;
}

/// `thread/backgroundTerminals/clean`: ends all commands of the thread that still run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanTerminalsParams {
    /// Which thread's.
    pub thread_id: String,
}

impl Request for CleanTerminalsParams {
    const METHOD: &'static str = "thread/backgroundTerminals/clean";
    type Response = Value;
}

/// `thread/backgroundTerminals/list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTerminalsParams {
    /// Which thread's.
    pub thread_id: String,
}

impl Request for ListTerminalsParams {
    const METHOD: &'static str = "thread/backgroundTerminals/list";
    type Response = ListTerminalsResponse;
}

/// Answer to `thread/backgroundTerminals/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListTerminalsResponse {
    /// The commands.
    pub data: Vec<Value>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One thing a turn is given. What we make ourselves is text; the rest passes through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserInput {
    /// `text`, `image`, `localImage`, `skill`, `mention` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Words of a `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl UserInput {
    /// Words.
    #[must_use]
    pub fn text(words: impl Into<String>) -> Self {
        Self {
            kind: "text".to_owned(),
            text: Some(words.into()),
            rest: Rest::new(),
        }
    }
}

/// `turn/start`. On a thread with an active turn it steers that one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnStartParams {
    /// In which thread.
    pub thread_id: String,
    /// What the person says.
    pub input: Vec<UserInput>,
    /// When a person is asked, from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<Value>,
    /// The sandbox (an object) from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_policy: Option<Value>,
    /// What else is asked for.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Request for TurnStartParams {
    const METHOD: &'static str = "turn/start";
    type Response = TurnStartResponse;
}

/// Answer to `turn/start`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnStartResponse {
    /// The turn that runs.
    pub turn: Turn,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `turn/steer`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnSteerParams {
    /// In which thread.
    pub thread_id: String,
    /// More words.
    pub input: Vec<UserInput>,
    /// The turn they are for; another one is an error.
    pub expected_turn_id: String,
    /// What else is asked for.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Request for TurnSteerParams {
    const METHOD: &'static str = "turn/steer";
    type Response = Value;
}

/// `turn/interrupt`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnInterruptParams {
    /// In which thread.
    pub thread_id: String,
    /// Which turn.
    pub turn_id: String,
}

impl Request for TurnInterruptParams {
    const METHOD: &'static str = "turn/interrupt";
    type Response = Value;
}

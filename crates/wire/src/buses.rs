//! Enrolled buses, the vault and the configuration, as control clients see and change them.

use crate::pipe::LinkState;
use crate::{Secret, secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Parameters of `enrollments/add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// Base URL of the bus.
    pub api: String,
    /// What lets this host in.
    pub by: Permission,
    /// What the bus is called here; default its host and port.
    #[serde(default)]
    pub name: Option<String>,
    /// PEM file with trust anchors besides those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The MCP server its threads get; default the bus's own, without a token.
    #[serde(default)]
    pub mcp: McpSetting,
}

/// What lets a host in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Permission {
    /// An enrollment token; tried at the bus before it is kept.
    Token(#[serde(serialize_with = "secret::expose")] Secret),
    /// A code of `drawbridge bus pair`; traded for a token.
    Code(#[serde(serialize_with = "secret::expose")] Secret),
}

/// What is said of an MCP server; what is left out stays, or is the default for a new one.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct McpSetting {
    /// Name in threads; default `codex-agents`.
    pub name: Option<String>,
    /// Address; default `/mcp` of the bus.
    pub url: Option<String>,
    /// Bearer token; an empty one takes the token away.
    #[serde(serialize_with = "secret::expose_option")]
    pub token: Option<Secret>,
}

/// Parameters of `enrollments/set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetEnrollment {
    /// [`LinkView::id`].
    pub bus: String,
    /// New name here.
    #[serde(default)]
    pub name: Option<String>,
    /// Changes of its MCP server.
    #[serde(default)]
    pub mcp: McpSetting,
}

/// Parameters of requests about one bus, or about all.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WhichBus {
    /// [`LinkView::id`]; none means all.
    pub bus: Option<String>,
}

/// A bus this host is enrolled at, or was told of by flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkView {
    /// Names it in requests.
    pub id: String,
    /// Name of the bus for a person.
    pub name: String,
    /// Its host and port, as tunnels and approvals name it.
    pub bus: String,
    /// Base URL.
    pub api: String,
    /// How this host came by it.
    pub source: BusSource,
    /// Whether the user wants it connected.
    pub wanted: bool,
    /// Actual state.
    pub link: LinkState,
    /// When this state began, Unix milliseconds.
    pub since_ms: u64,
    /// When the bus was last heard to be well, Unix milliseconds.
    pub pong_at_ms: Option<u64>,
    /// Why it is not used any more, until it is enrolled again.
    pub disabled: Option<DisabledView>,
    /// The MCP server that threads through it get.
    pub mcp: Option<McpView>,
    /// PEM file with trust anchors besides those of the system.
    pub ca_file: Option<PathBuf>,
}

/// How a host came by a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BusSource {
    /// It is enrolled; the vault keeps it.
    Vault,
    /// Flags or variables of `connect`; kept nowhere.
    Flags,
}

/// Why an enrollment is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisabledView {
    /// `revoked` and others of its kind.
    pub reason: String,
    /// When, Unix milliseconds, if known.
    pub at_ms: Option<u64>,
}

/// An MCP server that threads get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpView {
    /// Name in threads.
    pub name: String,
    /// Address.
    pub url: String,
    /// Whether a token is set. The token is shown to nobody.
    pub has_token: bool,
    /// Whether it answers.
    pub check: McpCheck,
    /// The app-server does not have its token yet: that comes when the agent restarts.
    pub after_restart: bool,
}

/// Whether an MCP server answers with its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum McpCheck {
    /// Nobody looked.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Unchecked,
    /// Being looked at.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Checking,
    /// It answers.
    Good {
        /// When, Unix milliseconds.
        at_ms: u64,
    },
    /// It does not.
    Bad {
        /// `mcp_no_token`, `mcp_unauthorized`, `not_mcp`, or why it cannot be reached.
        code: String,
        /// What happened and what to do.
        message: String,
    },
}

/// The vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultView {
    /// How it is.
    pub state: VaultCondition,
    /// Where its key is kept: `keyring`, `key_file`, `systemd_credential`.
    pub key: String,
    /// The same in words.
    pub place: String,
    /// Its files.
    pub files: Vec<VaultFileView>,
    /// What else is worth telling: a code and a sentence each.
    pub notices: Vec<NoticeView>,
}

/// How the vault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum VaultCondition {
    /// There is none; the first enrollment makes it.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    None,
    /// The key is asked for; a prompt may wait on the screen.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Opening,
    /// Open.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Open,
    /// It could not be opened.
    Failed {
        /// Stable code, e.g. `keyring_locked`, `key_lost`.
        code: String,
        /// What happened and what to do.
        message: String,
    },
}

/// A file of the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultFileView {
    /// Id of the bus, or `confirmed`.
    pub name: String,
    /// `good`, or the code of what is wrong with it.
    pub code: String,
    /// What that means; empty when it is good.
    pub message: String,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeView {
    /// Stable code.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// The configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigView {
    /// Where it is, or would be.
    pub file: PathBuf,
    /// What is in force.
    pub in_force: ConfigInForce,
    /// What is wrong with the file as it is now, and with what it names.
    pub problems: Vec<ProblemView>,
    /// What the file must not go beyond.
    pub confirmed: ConfirmedState,
    /// Security settings that the file makes wider than what a person last confirmed.
    pub waiting: Vec<WideningView>,
    /// [`ConfigOffer::digest`] when something waits.
    pub digest: Option<String>,
    /// Keys whose value has changed since the host began and counts from its next start on.
    pub at_next_start: Vec<String>,
}

/// What a person last confirmed, as far as the host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmedState {
    /// Nobody confirmed anything: the defaults count.
    Defaults,
    /// What the vault keeps.
    Kept,
    /// Something is kept and cannot be read: only what was given at this start counts.
    Unreadable,
}

/// Which configuration is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigInForce {
    /// There is no file.
    Defaults,
    /// The file as it is now.
    File,
    /// The last one without an error; the file has some.
    LastGood,
    /// The file has errors and there is no last good one: the defaults, and of the file what narrows them.
    NarrowedDefaults,
}

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProblemView {
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// The file.
    pub file: Option<PathBuf>,
    /// Where it begins: line and column, from 1.
    pub start: Option<(u32, u32)>,
    /// Where it ends, exclusive.
    pub end: Option<(u32, u32)>,
    /// `FILE:LINE:COL: message`, the line and a caret under the place.
    pub text: String,
}

/// A security setting that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WideningView {
    /// Key of the file.
    pub key: String,
    /// What is in force.
    pub from: String,
    /// What the file wants.
    pub to: String,
}

/// Answer to `config/offer`: what `config/accept` would confirm now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigOffer {
    /// As [`ConfigView::waiting`]: this comes into force.
    pub waiting: Vec<WideningView>,
    /// Everything that is then kept as confirmed, also what is in force already. Without what a flag gave
    /// for this start.
    pub records: Vec<SettingView>,
    /// Stands for all of this in `config/accept`; `None` when the same is kept already.
    pub digest: Option<String>,
}

/// A security setting with its value in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingView {
    /// Key of the file.
    pub key: String,
    /// Its value.
    pub value: String,
}

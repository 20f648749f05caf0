//! `control.sock`: JSON-RPC 2.0-shaped messages (no `jsonrpc` member needed), one a text frame.
//!
//! A client sends `initialize` first. `snapshot` answers the whole [`HostView`] with its `seq`; from
//! then on every change arrives as a `delta` notification whose `seq` is one more than the last.

pub use crate::buses::LinkView;
use crate::buses::{ConfigView, Enroll, SetEnrollment, VaultView, WhichBus};
pub use crate::card::{DiffLineKind, DiffLineView, FieldKind, FormField, FormOption, Part};
use crate::skills::{SetSkill, SkillsDelta, SkillsView};
use crate::{AnswerSource, Decision, Role, WhoMayAnswer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Version of this protocol; a client with another one is refused with `unsupported_version`.
pub const VERSION: u32 = 1;
/// Largest frame either side accepts, in bytes.
pub const MAX_FRAME: usize = 64 * 1024 * 1024;

/// A request of a control client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", content = "params", deny_unknown_fields)]
pub enum Request {
    /// First request of every connection.
    #[serde(rename = "initialize")]
    Initialize(Initialize),
    /// The whole state; subscribes this connection to deltas.
    #[serde(rename = "snapshot")]
    Snapshot {},
    /// Answers an approval.
    #[serde(rename = "approvals/answer")]
    Answer(Answer),
    /// Connects the host to a bus, or to all that are not disabled.
    #[serde(rename = "connect")]
    Connect(WhichBus),
    /// Disconnects from a bus, or from all; running turns go on.
    #[serde(rename = "disconnect")]
    Disconnect(WhichBus),
    /// Enrolls this host at a bus: tries the token or trades the code, keeps it in the vault, connects.
    /// Answered with a [`LinkView`]; takes as long as the bus and the keyring do, at most a minute.
    #[serde(rename = "enrollments/add")]
    Enroll(Box<Enroll>),
    /// Changes what is kept of an enrollment besides its token. Answered with a [`LinkView`].
    #[serde(rename = "enrollments/set")]
    SetEnrollment(Box<SetEnrollment>),
    /// Disconnects from a bus and lets go of its tokens.
    #[serde(rename = "enrollments/forget")]
    Forget {
        /// [`LinkView::id`].
        bus: String,
    },
    /// Looks again whether the MCP server of a bus, or of all, answers.
    #[serde(rename = "mcp/check")]
    CheckMcp(WhichBus),
    /// Opens the vault again, after its keyring was unlocked, say.
    #[serde(rename = "vault/open")]
    OpenVault {},
    /// Reads every file of an open vault anew. Answered with a [`VaultView`].
    #[serde(rename = "vault/check")]
    CheckVault {},
    /// Makes a new key and encrypts everything anew.
    #[serde(rename = "vault/rotate")]
    RotateVault {},
    /// Gives everything in the vault, encrypted to another age recipient. Answered with [`Exported`].
    #[serde(rename = "vault/export")]
    ExportVault {
        /// `age1...`
        recipient: String,
    },
    /// Takes in what was exported. Answered with [`Imported`].
    #[serde(rename = "vault/import")]
    ImportVault(Box<Import>),
    /// Puts files aside whose key is lost and begins anew.
    #[serde(rename = "vault/reset")]
    ResetVault {},
    /// Asks what `config/accept` would confirm now; answered with a [`crate::buses::ConfigOffer`].
    #[serde(rename = "config/offer")]
    OfferConfig {},
    /// Confirms what [`crate::buses::ConfigOffer`] names, saves that in the vault and applies what waits.
    #[serde(rename = "config/accept")]
    AcceptConfig {
        /// [`crate::buses::ConfigOffer::digest`] of what the person saw; another one is refused as `changed`.
        digest: String,
    },
    /// Has Codex use a skill or not, from now on. Answered when Codex's configuration says so.
    #[serde(rename = "skills/set")]
    SetSkill(SetSkill),
    /// Looks at all skills again, now.
    #[serde(rename = "skills/rescan")]
    RescanSkills {},
    /// Gives this connection's lease back on purpose. Without another lease the host ends at once.
    #[serde(rename = "lease/release")]
    ReleaseLease {},
    /// Ends the host, whoever else holds a lease.
    #[serde(rename = "stop")]
    Stop {},
    /// What runs, with its memory. Answered with a [`crate::processes::ProcessesView`].
    #[serde(rename = "processes/list")]
    Processes {},
    /// Ends the app-server or a connector and starts it again at once; one that waits for its next start
    /// is started now.
    #[serde(rename = "processes/restart")]
    Restart(crate::processes::Restart),
    /// The last lines of a child's stderr.
    #[serde(rename = "logs")]
    Logs {
        /// `app-server`, `connector` for that of the first bus, or `connector:<id>`.
        child: String,
    },
}

impl Request {
    /// How long the answer may take. What asks a bus or a keyring, which may wait for a person, takes
    /// longer than the rest.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match self {
            Request::Connect(_)
            | Request::Disconnect(_)
            | Request::Enroll(_)
            | Request::SetEnrollment(_)
            | Request::Forget { .. }
            | Request::OpenVault {}
            | Request::CheckVault {}
            | Request::RotateVault {}
            | Request::ExportVault { .. }
            | Request::ImportVault(_)
            | Request::ResetVault {}
            | Request::AcceptConfig { .. } => SLOW,
            _ => QUICK,
        }
    }
}

/// See [`Request::patience`].
const QUICK: Duration = Duration::from_secs(10);
/// See [`Request::patience`].
const SLOW: Duration = Duration::from_secs(100);

/// Parameters of `initialize`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Initialize {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the client, for the record and for "answered by".
    pub client: String,
    /// Whether the host must stay up while this connection stands.
    pub lease: bool,
    /// Whether a host that was started for a short command only is enough, see `HostSetup`. Who does not
    /// say so gets no lease at such a host (`host_visiting`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub visit: bool,
}

/// Parameters of `vault/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The exported file, standard base64.
    pub file: String,
    /// The age identity it was encrypted to.
    #[serde(serialize_with = "crate::secret::expose")]
    pub identity: crate::Secret,
    /// Whether enrollments that are there already are replaced.
    pub replace: bool,
}

/// Answer to `vault/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Enrollments that are new here.
    pub added: Vec<String>,
    /// Enrollments that were there and have the imported content now.
    pub replaced: Vec<String>,
    /// Enrollments that were there already and stayed as they were.
    pub kept: Vec<String>,
}

/// Answer to `vault/export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// The file, standard base64.
    pub file: String,
}

/// Parameters of `approvals/answer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// [`ApprovalView::id`].
    pub id: String,
    /// [`ApprovalView::digest`] of what the person saw; another one is refused as `changed`.
    pub digest: String,
    /// What was decided.
    pub decision: Decision,
}

/// The whole state a client sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostView {
    /// Number of the last change contained in it.
    pub seq: u64,
    /// Who runs here.
    pub host: HostIdentity,
    /// The app-server.
    pub app_server: AppServerView,
    /// Buses and the links to them: of flags first, then enrolled ones, oldest first.
    pub links: Vec<LinkView>,
    /// The vault.
    pub vault: VaultView,
    /// The configuration file, when the host reads one.
    pub config: Option<ConfigView>,
    /// Skills.
    pub skills: SkillsView,
    /// Live threads.
    pub threads: Vec<ThreadView>,
    /// Open approvals and those that ended in the last minutes, oldest first.
    pub approvals: Vec<ApprovalView>,
    /// Who keeps the host up.
    pub leases: Vec<LeaseView>,
    /// Clients in tunnels and on the local socket.
    pub connections: Vec<ConnectionView>,
    /// Policy in force.
    pub policy: PolicyView,
}

/// Who runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostIdentity {
    /// Stable id at buses.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Process id.
    pub pid: u32,
    /// Version of the software.
    pub version: String,
    /// Data directory.
    pub data_dir: PathBuf,
}

/// State of the app-server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppServerView {
    /// Counts starts, from 1; approvals belong to one generation.
    pub generation: u64,
    /// Now.
    pub state: AppServerState,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// User agent it answered with, which has its version.
    pub user_agent: Option<String>,
}

/// Life of the app-server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum AppServerState {
    /// Spawned, handshake not yet answered.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Starting,
    /// Handshake answered.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Ready,
    /// Ended unasked; is started again.
    Waiting {
        /// Milliseconds until the next start.
        retry_in_ms: u64,
        /// Stable name of what is wrong, e.g. `codex_config_invalid`, `app_server_ended`.
        code: String,
        /// What happened and what to do.
        message: String,
    },
    /// The host is stopping it.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Stopping,
    /// Stopped.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Stopped,
}

/// A thread the host knows to be live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreadView {
    /// Thread id.
    pub id: String,
    /// Name or first words.
    pub title: Option<String>,
    /// Working directory.
    pub cwd: Option<PathBuf>,
    /// `idle`, `active`, `waiting_on_approval`, `waiting_on_user_input`, `system_error`.
    pub status: String,
    /// Active turn.
    pub turn: Option<String>,
    /// Whether its settings exceed every remote ceiling (remote turns are refused).
    pub wide: bool,
    /// Approval policy and sandbox as far as known, e.g. `on-request`, `read-only`.
    pub approval_policy: Option<String>,
    /// See above.
    pub sandbox: Option<String>,
    /// Who started it: `local`, or bus/client.
    pub origin: String,
}

/// An approval as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalView {
    /// `<generation>-<request id>`, e.g. `1-0`.
    pub id: String,
    /// What is asked.
    pub kind: ApprovalKind,
    /// Thread.
    pub thread: Option<String>,
    /// Turn.
    pub turn: Option<String>,
    /// Who asks: `local`, or bus/client that started the thread.
    pub origin: String,
    /// Working directory the request names.
    pub cwd: Option<PathBuf>,
    /// One line: what it is about.
    pub headline: String,
    /// The whole request as text with hidden characters made visible.
    pub body: String,
    /// The same as the body, in the same order, for whoever lays it out.
    pub parts: Vec<Part>,
    /// Fields of a question, in order; `None` for other kinds and for a form that is not understood whole.
    pub form: Option<Vec<FormField>>,
    /// SHA-256 over method, params and the item shown, hex.
    pub digest: String,
    /// What can be answered, in this order.
    pub choices: Vec<Choice>,
    /// When it was raised, Unix milliseconds.
    pub raised_at_ms: u64,
    /// When it is declined by itself, Unix milliseconds.
    pub deadline_ms: u64,
    /// Where it stands.
    pub state: ApprovalState,
    /// What then happened to what was asked for; `None` while nothing is known to have happened.
    pub outcome: Option<ItemOutcome>,
}

/// What kind of thing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// Run a command.
    Command,
    /// Change files.
    FileChange,
    /// Wider permissions.
    Permissions,
    /// A question to the user.
    UserInput,
    /// A question of an MCP server, also "may this tool run".
    Elicitation,
    /// A request this version does not know; shown raw.
    Unknown,
}

/// One possible answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// To be sent in [`Answer`].
    pub decision: Decision,
    /// A verb with its consequence.
    pub label: String,
}

/// Where an approval stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum ApprovalState {
    /// Waits.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Open,
    /// Our answer is on its way.
    Sent {
        /// By whom.
        by: AnswerSource,
        /// What.
        decision: Decision,
    },
    /// The app-server took our answer.
    Applied {
        /// By whom.
        by: AnswerSource,
        /// What.
        decision: Decision,
    },
    /// Resolved by another Codex client, or the turn was interrupted first.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Superseded,
    /// The agent restarted; the question is gone.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Lost,
    /// The same request came with another content; the card is void.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Invalidated,
}

impl ApprovalState {
    /// Whether it can change no more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Open | Self::Sent { .. })
    }
}

/// What happened to the item an approval was about. An answer that was applied says only that the
/// app-server took it; this says what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum ItemOutcome {
    /// It was let through, and its end was not told yet.
    Running,
    /// It was carried out.
    Completed {
        /// Exit code of a command.
        exit_code: Option<i64>,
    },
    /// It was tried and failed.
    Failed {
        /// Exit code of a command.
        exit_code: Option<i64>,
    },
    /// It was not carried out.
    Declined,
    /// The turn was interrupted before an end of the item was told. A command that ran by then may
    /// still run.
    TurnInterrupted,
    /// The turn or the app-server ended without telling what became of it.
    Unknown,
}

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseView {
    /// Name the holder gave.
    pub client: String,
    /// Its process id.
    pub pid: Option<u32>,
}

/// One client connection behind the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionView {
    /// Number, from 1, never reused in a host's life.
    pub id: u64,
    /// `local` or `remote`.
    pub door: String,
    /// Bus, for a remote.
    pub bus: Option<String>,
    /// Name: of the token for remotes, of `clientInfo` for locals.
    pub client: String,
    /// Effective role, for a remote.
    pub role: Option<Role>,
}

/// Policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyView {
    /// Who may answer approvals.
    pub answer: WhoMayAnswer,
    /// Highest role of a remote.
    pub role: Role,
    /// Folders a remote sees.
    pub roots: Vec<PathBuf>,
    /// What a remote may set for a thread: approval policy and sandbox, as `on-request + read-only`.
    pub ceilings: Vec<String>,
}

/// A notification to control clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", content = "params", deny_unknown_fields)]
pub enum Notification {
    /// One change.
    #[serde(rename = "delta")]
    Delta(Delta),
}

/// One numbered change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// One more than the last.
    pub seq: u64,
    /// What changed.
    pub change: Change,
}

/// What changed. Each but [`Change::SkillsPart`] carries the whole new value of its part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// The app-server.
    AppServer(AppServerView),
    /// A link is new or changed.
    Link(Box<LinkView>),
    /// A bus is gone.
    LinkGone {
        /// [`LinkView::id`].
        id: String,
    },
    /// The vault.
    Vault(VaultView),
    /// The configuration file.
    Config(Box<ConfigView>),
    /// The policy.
    Policy(PolicyView),
    /// Skills.
    Skills(Box<SkillsView>),
    /// Of skills only what is another.
    SkillsPart(Box<SkillsDelta>),
    /// A thread appeared or changed.
    Thread(ThreadView),
    /// A thread is no longer live.
    ThreadClosed {
        /// Which.
        id: String,
    },
    /// An approval appeared or changed.
    Approval(Box<ApprovalView>),
    /// Leases changed.
    Leases(Vec<LeaseView>),
    /// Connections changed.
    Connections(Vec<ConnectionView>),
    /// The host is stopping; last delta.
    Stopping {
        /// Why.
        reason: String,
    },
}

/// Answer to `approvals/answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerResult {
    /// State after this answer. When another won, its `by` says who.
    pub state: ApprovalState,
    /// Whether this answer is the one that counts.
    pub won: bool,
}

/// An error answer: `error.data.code` is stable, `message` says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorData {
    /// `not_initialized`, `unsupported_version`, `bad_request`, `unknown_approval`, `changed`,
    /// `already_answered`, `not_offered`, `bad_reply`, `not_allowed`, `nothing_waits`, `unknown_skill`,
    /// `turns_running`, `stopping`.
    pub code: String,
}

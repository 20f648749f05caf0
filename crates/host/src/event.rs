//! What reaches the event loop, and what it answers with.

use drawbridge_codex::Peer;
use drawbridge_codex_wire::RequestId;
use drawbridge_core::threads::Settings;
use drawbridge_core::verdict::ceiling::Pair;
use drawbridge_vault::{BusId, Enrollment, VaultError, VaultHandle};
use drawbridge_wire::Role;
use drawbridge_wire::buses::VaultView;
use drawbridge_wire::control::{AnswerResult, Exported, HostView, Imported, LinkView, Notification, Request};
use drawbridge_wire::pipe::{AskAnswer, FromConnector};
use drawbridge_wire::processes::ProcessesView;
use serde_json::Value;
use std::path::PathBuf;
use tokio::sync::{mpsc, oneshot, watch};

/// Number of a connection: from 1, never reused in a host's life.
pub(crate) type ConnectionId = u64;

/// How many events may wait for the loop. Senders wait for room; nothing is dropped.
pub(crate) const EVENT_QUEUE: usize = 1024;

/// An input of the loop.
pub(crate) enum Event {
    Agent(AgentEvent),
    Gate(ConnectionId, GateEvent),
    Control(ConnectionId, ControlEvent),
    /// Of the connector of this bus; with the number of the link, since one that was replaced may still say
    /// something.
    Link(String, u64, LinkEvent),
    Vault(VaultEvent),
    Skills(SkillsEvent),
    /// The configuration file was read again.
    Config(Box<crate::config::Reading>),
    /// An MCP server was looked at.
    McpChecked {
        bus: String,
        /// Which look, so that an old answer does not count for a new address or token.
        look: u64,
        answer: AskAnswer,
    },
    /// A connection was turned away at a door.
    TurnedAway {
        door: drawbridge_audit::Door,
        pid: Option<u32>,
        why: &'static str,
    },
    /// SIGTERM, SIGINT, or the end of what the host was started for.
    Stop(&'static str),
}

/// From the task that keeps the app-server running.
pub(crate) enum AgentEvent {
    Starting {
        generation: u64,
    },
    Ready {
        generation: u64,
        observer: Peer,
        pid: u32,
        user_agent: String,
        /// [`crate::agent::Tokens::stamp`] of what it was started with.
        tokens: u64,
    },
    /// The observer's connection broke and stands again.
    Redialled {
        generation: u64,
        observer: Peer,
    },
    /// A frame the observer received.
    Notification {
        generation: u64,
        method: String,
        params: Value,
    },
    /// A request the observer received.
    Request {
        generation: u64,
        id: RequestId,
        method: String,
        params: Value,
    },
    /// It ended, and is started again after this time.
    Ended {
        generation: u64,
        retry_in_ms: u64,
        code: &'static str,
        message: String,
        /// Somebody wanted it to.
        expected: bool,
    },
    /// The observer's `thread/resume` of a thread ended.
    Observed {
        generation: u64,
        thread: String,
        /// [`drawbridge_core::threads::Thread::changes`] when it was asked.
        changes: u64,
        /// [`drawbridge_core::threads::Thread::told`] when it was asked.
        told: u64,
        result: Option<Value>,
    },
    /// The item of a file change was read by a full resume.
    Item {
        generation: u64,
        thread: String,
        item_id: String,
        item: Option<Value>,
    },
    /// An idle thread has no background terminal: the observer let go.
    Released {
        generation: u64,
        thread: String,
    },
    /// Sending an answer failed.
    AnswerFailed {
        generation: u64,
        id: RequestId,
    },
}

/// What all connections watch of the app-server.
#[derive(Debug, Clone, Default)]
pub(crate) struct AgentStatus {
    /// Counts starts, from 1.
    pub generation: u64,
    /// Where it listens, while it is ready.
    pub endpoint: Option<drawbridge_codex::Endpoint>,
}

pub(crate) type AgentWatch = watch::Receiver<AgentStatus>;

/// Who is at the other end of a gate connection. The door gives it, never the caller's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    Local,
    Remote {
        bus: String,
        client: String,
        tunnel: String,
        role: Role,
    },
}

impl Caller {
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Caller::Remote { .. })
    }
}

/// From a connection behind the gate.
pub(crate) enum GateEvent {
    Opened {
        caller: Caller,
        /// [`crate::policy::Policy::edition`] of the policy it keeps.
        edition: u64,
        pid: Option<u32>,
        outbox: mpsc::Sender<ToConnection>,
    },
    /// The client said its name.
    Named(String),
    Closed {
        reason: String,
    },
    /// May this pass now? Answered when it is this request's turn on its thread.
    Ask {
        op: ThreadOp,
        reply: oneshot::Sender<Result<Permit, Refused>>,
    },
    /// The response to a permitted request is in (or never comes).
    Settle {
        permit: u64,
        outcome: Outcome,
    },
    /// Where is this thread?
    Where {
        thread: String,
        /// Whether the app-server is asked about a thread that is not loaded, too.
        unloaded: bool,
        reply: oneshot::Sender<Whereabouts>,
    },
    /// Is it loaded in the app-server?
    Loaded {
        thread: String,
        reply: oneshot::Sender<bool>,
    },
    /// The app-server asked something on this connection.
    Request {
        generation: u64,
        id: RequestId,
        method: String,
        params: Value,
        raw: String,
    },
    /// The client answered something that was written to it and is open.
    Answer {
        generation: u64,
        id: RequestId,
        result: Value,
    },
    /// Seen on this connection; the observer may not be subscribed.
    Resolved {
        generation: u64,
        id: RequestId,
    },
    Item {
        generation: u64,
        thread: String,
        item_id: String,
        item: Value,
    },
    TurnEnded {
        generation: u64,
        thread: String,
        turn: String,
        status: String,
    },
    /// For the record: refused by the filter.
    Refusal {
        method: String,
        rule: String,
    },
    /// For the record: an answer to nothing that is open.
    DroppedAnswer {
        id: String,
        reason: &'static str,
    },
}

/// From the loop to a connection.
#[derive(Debug)]
pub(crate) enum ToConnection {
    /// Write this server request to the client; from now on it may answer it.
    Deliver {
        id: RequestId,
        method: String,
        raw: String,
    },
    /// Ends the connection.
    Close(drawbridge_wire::link::TunnelEnd),
}

/// A request that can change what a thread is allowed, or that runs a turn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ThreadOp {
    pub kind: OpKind,
    /// `None` for a start.
    pub thread: Option<String>,
    pub remote: bool,
    /// Settings the request carries.
    pub overrides: Settings,
    /// It carries something whose effect is not known (permission profile, config, reviewer ...).
    pub unknown_effect: bool,
    /// What it does to the thread's working directory.
    pub moves: Moves,
}

/// What a request does to the working directory of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moves {
    Not,
    To(PathBuf),
    /// Somewhere; only the app-server will know.
    Somewhere,
}

/// Where a thread is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In this folder, as the app-server spells it; while it moves, in both.
    At(Vec<PathBuf>),
    /// On its way to a folder that is not known yet.
    Moving,
    /// Nobody knows such a thread, or nobody could be asked.
    NotKnown,
}

/// Counts what may have moved a thread. The loop raises it before such a request goes on and again when
/// its answer is in, so that whoever looks at it after a frame knows of every move that frame tells of.
pub(crate) type MoveCount = watch::Receiver<u64>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpKind {
    Start,
    Resume,
    Fork,
    Turn,
    Steer,
    Settings,
}

/// Leave to pass; held until settled.
#[derive(Debug)]
pub(crate) struct Permit {
    pub id: u64,
    /// Policy and sandbox the thread has now; `None` when wide or not known.
    pub current: Option<Pair>,
}

/// A refusal with its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub rule: &'static str,
    pub message: String,
}

/// What a permitted request led to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// Result of a start, resume or fork.
    Thread(Value),
    /// Result of anything else.
    Done,
    /// The app-server refused it.
    Failed,
    /// No response came: what happened is not known.
    Unknown,
}

/// From a control connection.
pub(crate) enum ControlEvent {
    Opened {
        pid: Option<u32>,
        outbox: mpsc::Sender<Notification>,
    },
    Request {
        request: Request,
        reply: Reply,
    },
    Closed,
}

/// Answer to a control request.
#[derive(Debug)]
pub(crate) enum ControlReply {
    Initialized(Box<HostView>),
    Snapshot(Box<HostView>),
    Answered(AnswerResult),
    Logs(Vec<String>),
    Processes(ProcessesView),
    Link(Box<LinkView>),
    Vault(Box<VaultView>),
    Exported(Exported),
    Imported(Imported),
    Offer(drawbridge_wire::buses::ConfigOffer),
    Done,
    Error { code: String, message: String },
}

/// Where an answer to a control client goes.
pub(crate) type Reply = oneshot::Sender<ControlReply>;

/// From tasks that use the vault, which may take as long as the keyring does.
pub(crate) enum VaultEvent {
    /// It was opened, or not.
    Opened {
        result: Result<OpenVault, VaultError>,
        reply: Option<Reply>,
    },
    /// An enrollment was saved: a new one, or a changed one.
    Saved {
        enrollment: Box<Enrollment>,
        /// Connect anew, because what the connector uses is another.
        anew: bool,
        reply: Option<Reply>,
    },
    /// An enrollment is not under way any more. What came of it is inside, when there is something to do.
    EnrollEnded(Option<Box<VaultEvent>>),
    Forgotten {
        id: BusId,
        reply: Reply,
    },
    /// Security settings were confirmed and are saved.
    Confirmed {
        kept: crate::config::Kept,
        reply: Reply,
    },
    /// What the file narrows was kept as confirmed, because nobody had confirmed anything of it.
    Narrowed {
        added: crate::config::Kept,
    },
    /// Its files were read anew.
    Checked {
        /// What was known to be confirmed before, and what is found to be.
        before: crate::config::Confirmed,
        confirmed: crate::config::Confirmed,
        reply: Reply,
    },
    /// Something else changed in it.
    Changed,
}

/// A vault and what is in it.
pub(crate) struct OpenVault {
    pub handle: VaultHandle,
    pub enrollments: Vec<Enrollment>,
    /// Security settings that a person confirmed.
    pub confirmed: crate::config::Confirmed,
    /// Those among them that are not what is used now.
    pub replaced: Vec<BusId>,
}

/// What there is to say of skills.
pub(crate) enum SkillsEvent {
    /// The folders were looked at.
    Found(Box<drawbridge_skills::Found>),
    /// Codex said which skills it has, and which of them it uses.
    Listed {
        generation: u64,
        /// What it was asked.
        asked: crate::skills::Ask,
        result: Result<crate::skills::Listed, crate::skills::CodexError>,
    },
    /// Codex takes its time; what was found by this look is shown without its word.
    Overdue { look: u64 },
    /// Codex did not answer this question, and may by now.
    Again { question: u64 },
    /// This one has waited long enough, see [`crate::skills::Waiting`].
    Late { waiting: u64 },
    /// Codex keeps whether a skill is used.
    Written {
        path: PathBuf,
        /// The same without links.
        real: PathBuf,
        enabled: bool,
        /// See [`crate::skills::Skills::switch_begins`].
        number: u64,
        result: Result<(), crate::skills::CodexError>,
        reply: Reply,
    },
}

/// From the task that keeps a connector running.
pub(crate) enum LinkEvent {
    Started { pid: u32 },
    Said(FromConnector),
    Ended { message: String },
}

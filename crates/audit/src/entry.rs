//! What can be recorded.

use serde::{Serialize, Serializer};

/// Longest name that came from outside (a method, a client, an id), in characters.
pub const MAX_FOREIGN_CHARS: usize = 128;
/// Longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 512;

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub entry: &'a Entry,
}

/// Which of the host's sockets somebody came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// `control.sock`.
    Control,
    /// `app-server.sock`.
    AppServer,
    /// `tunnel.sock`.
    Tunnel,
}

impl Door {
    /// As the record writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Door::Control => "control",
            Door::AppServer => "app_server",
            Door::Tunnel => "tunnel",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The host is up.
    HostStarted {
        /// Its process.
        pid: u32,
        /// Version of the software.
        #[serde(serialize_with = "short_name")]
        version: String,
    },
    /// The host ends.
    HostStopped {
        /// Why.
        #[serde(serialize_with = "short_reason")]
        reason: String,
    },
    /// A person had the app-server or a connector started again.
    RestartAsked {
        /// `app-server` or `connector:<id>`.
        process: String,
        /// Who asked, as it called itself.
        #[serde(serialize_with = "short_name")]
        client: String,
        /// Whether turns that ran were interrupted for it.
        interrupt: bool,
    },
    /// Somebody was let in.
    ConnectionOpened {
        /// Number of the connection in this run of the host.
        connection: u64,
        /// Through which socket.
        door: Door,
        /// The bus it came over, if it did.
        #[serde(serialize_with = "short_optional", skip_serializing_if = "Option::is_none")]
        bus: Option<String>,
        /// The client as the bus or itself names it.
        #[serde(serialize_with = "short_optional", skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        /// What it may do: `viewer`, `operator`, `local` ...
        #[serde(serialize_with = "short_name")]
        role: String,
        /// Process at the other end.
        #[serde(skip_serializing_if = "Option::is_none")]
        peer_pid: Option<u32>,
    },
    /// A connection ended.
    ConnectionClosed {
        /// Its number.
        connection: u64,
        /// Why.
        #[serde(serialize_with = "short_reason")]
        reason: String,
    },
    /// Somebody was not let in.
    ConnectionRefused {
        /// At which socket.
        door: Door,
        /// The bus it came over, if it did.
        #[serde(serialize_with = "short_optional", skip_serializing_if = "Option::is_none")]
        bus: Option<String>,
        /// The client as the bus or itself names it.
        #[serde(serialize_with = "short_optional", skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        /// Process at the other end.
        #[serde(skip_serializing_if = "Option::is_none")]
        peer_pid: Option<u32>,
        /// Why.
        #[serde(serialize_with = "short_reason")]
        reason: String,
    },
    /// The gate let a request not pass.
    RequestRefused {
        /// Whose.
        connection: u64,
        /// Its method, cut.
        #[serde(serialize_with = "short_name")]
        method: String,
        /// The rule that says so.
        #[serde(serialize_with = "short_name")]
        rule: String,
    },
    /// More of the same from one connection, which has used up its lines for a while.
    RefusalsLeftOut {
        /// Whose.
        connection: u64,
        /// The rule that refused them.
        #[serde(serialize_with = "short_name")]
        rule: String,
        /// How many have no line of their own.
        count: u64,
    },
    /// More of the same from all remotes of a bus, or at a socket, which have used up their lines together.
    LeftOut {
        /// Of which bus, or at which socket (`control`, `app_server`, `tunnel`).
        #[serde(serialize_with = "short_name")]
        whose: String,
        /// What: `connection_opened`, why somebody was turned away, or the rule that refused a request.
        #[serde(serialize_with = "short_name")]
        what: String,
        /// How many have no line of their own.
        count: u64,
    },
    /// The agent asks.
    ApprovalRaised {
        /// Of the approval.
        #[serde(serialize_with = "short_name")]
        approval: String,
        /// Of the thread.
        #[serde(serialize_with = "short_name")]
        thread: String,
        /// What kind of request.
        #[serde(serialize_with = "short_name")]
        method: String,
        /// SHA-256 of what is asked, as hex.
        #[serde(serialize_with = "short_name")]
        digest: String,
    },
    /// Somebody answered.
    ApprovalAnswered {
        /// Of the approval.
        #[serde(serialize_with = "short_name")]
        approval: String,
        /// Who: `control:<client>`, `local_client:<connection>`, `remote:<bus>/<client>`, `policy`, `deadline`,
        /// `shutdown`.
        #[serde(serialize_with = "short_name")]
        by: String,
        /// What: `accept`, `decline`, `cancel` ..., and of a network rule whether it allows.
        #[serde(serialize_with = "short_name")]
        decision: String,
    },
    /// An approval is over.
    ApprovalEnded {
        /// Of the approval.
        #[serde(serialize_with = "short_name")]
        approval: String,
        /// How: `applied`, `superseded`, `lost` ...
        #[serde(serialize_with = "short_name")]
        state: String,
    },
    /// An answer that counts for nothing was not passed on.
    DroppedAnswer {
        /// From whom.
        connection: u64,
        /// The id it answers, cut.
        #[serde(serialize_with = "short_name")]
        request: String,
        /// Why it does not count.
        #[serde(serialize_with = "short_reason")]
        reason: String,
    },
    /// The user changed a rule.
    PolicySet {
        /// Which.
        #[serde(serialize_with = "short_name")]
        setting: String,
        /// To what.
        #[serde(serialize_with = "short_name")]
        value: String,
        /// Who: `local` ...
        #[serde(serialize_with = "short_name")]
        by: String,
    },
    /// A thread is allowed more than a remote's ceiling from now on.
    ThreadWidened {
        /// Of the thread.
        #[serde(serialize_with = "short_name")]
        thread: String,
        /// What made it so.
        #[serde(serialize_with = "short_reason")]
        reason: String,
    },
    /// An app-server answers.
    AppServerStarted {
        /// Counts the app-servers of this run of the host.
        generation: u64,
        /// Its process.
        pid: u32,
        /// What it calls itself.
        #[serde(serialize_with = "short_name")]
        user_agent: String,
    },
    /// An app-server ended.
    AppServerEnded {
        /// Which one.
        generation: u64,
        /// Whether we wanted it to.
        expected: bool,
        /// How.
        #[serde(serialize_with = "short_reason")]
        reason: String,
    },
    /// Processes left behind were ended.
    Swept {
        /// How many are gone.
        ended: u32,
        /// Pids that are still there.
        left: Vec<u32>,
    },
}

fn cut(text: &str, chars: usize) -> &str {
    text.char_indices()
        .nth(chars)
        .map_or(text, |(end, _)| &text[..end])
}

fn short_name<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(cut(text, MAX_FOREIGN_CHARS))
}

fn short_reason<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(cut(text, MAX_REASON_CHARS))
}

// The shape is the one the derive macro calls with.
#[allow(clippy::ref_option, reason = "serde passes a reference to the field")]
fn short_optional<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => short_name(text, serializer),
        None => serializer.serialize_none(),
    }
}

//! What host and connector say to each other over the connector's stdin and stdout: one JSON object a
//! line. The pipe is inherited, so no other process can speak on it; frames of clients never do.

use crate::link::{ByeReason, TunnelEnd};
use crate::{Role, Secret, secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a connector is started for that asks one thing, says what it found out and ends.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Does the bus take this enrollment token? Opens no link, so that none is replaced.
    Token {
        /// `ws://` or `wss://` URL of `/connect`.
        connect_url: String,
        /// Enrollment token.
        #[serde(serialize_with = "secret::expose")]
        token: Secret,
    },
    /// Which bus is that? Sends no token.
    Bus {
        /// `ws://` or `wss://` URL of `/connect`.
        connect_url: String,
    },
    /// Trade a code for a token.
    Trade {
        /// `http://` or `https://` URL of `/api/enroll`.
        enroll_url: String,
        /// Complete and signed by the host.
        request: crate::enroll::EnrollRequest,
    },
    /// Does an MCP server answer there, with this token?
    Mcp {
        /// `http://` or `https://` URL.
        url: String,
        /// Bearer token, if there is one.
        #[serde(serialize_with = "secret::expose_option")]
        token: Option<Secret>,
    },
}

/// Host to connector.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToConnector {
    /// First line: everything the connector needs.
    Setup {
        /// Name of the bus in messages (its host and port).
        bus: String,
        /// `ws://` or `wss://` URL of `/connect`.
        connect_url: String,
        /// Enrollment token.
        #[serde(serialize_with = "secret::expose")]
        token: Secret,
        /// PEM file with additional trust anchors, if the user named one.
        ca_file: Option<std::path::PathBuf>,
        /// Path of `tunnel.sock`.
        tunnel_socket: std::path::PathBuf,
        /// Id of the host.
        host_id: String,
        /// Display name of the host.
        host_name: String,
        /// Ed25519 public key of the host, base64url without padding.
        public_key: String,
    },
    /// First line of a connector that is to keep no link.
    Ask {
        /// Name of the other side in messages.
        at: String,
        /// PEM file with additional trust anchors, if the user named one.
        ca_file: Option<std::path::PathBuf>,
        /// What to find out.
        what: Ask,
    },
    /// Answer to [`FromConnector::Sign`].
    Signature {
        /// Of the request.
        nonce: String,
        /// base64url without padding.
        signature: String,
    },
    /// To be passed on as the link's `status`.
    Status {
        /// Whether the app-server answers.
        app_server_ready: bool,
        /// Threads with a running turn.
        active_threads: u32,
        /// Approvals that wait.
        open_approvals: u32,
    },
    /// To be passed on as the link's `skills`.
    Skills(crate::skills::SkillNames),
    /// Say `bye` and end.
    Stop {
        /// Why.
        reason: ByeReason,
    },
}

/// Connector to host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromConnector {
    /// The bus's challenge. The host signs it with its own idea of origin and id.
    Sign {
        /// As received.
        nonce: String,
    },
    /// The link's state changed.
    Link {
        /// Now.
        state: LinkState,
    },
    /// Answer to [`ToConnector::Ask`]; the connector then ends.
    Answer {
        /// What was found out.
        answer: AskAnswer,
    },
    /// A tunnel was opened by the bus and stands.
    TunnelOpened {
        /// Tunnel id.
        tunnel: String,
        /// Client as the bus names it.
        client: String,
        /// Role the bus grants.
        role: Role,
    },
    /// A tunnel ended.
    TunnelClosed {
        /// Tunnel id.
        tunnel: String,
        /// Why.
        reason: TunnelEnd,
    },
}

/// What a connector found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum AskAnswer {
    /// The token is taken, or the MCP server answers.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Good,
    /// The code was traded.
    Traded {
        /// Token of this host.
        #[serde(serialize_with = "secret::expose")]
        token: Secret,
    },
    /// Something answers there.
    Bus {
        /// What it says of which bus it is, if it does.
        id: Option<String>,
    },
    /// It is not so.
    Bad {
        /// Stable code: `dns`, `refused`, `tls`, `timeout`, `unauthorized`, `no_connect_route`, `bad_code`,
        /// `id_taken`, `mcp_no_token`, `mcp_unauthorized`, `not_mcp` and others of their kind.
        code: String,
        /// What happened and what to do. May quote the other side.
        message: String,
    },
}

/// State of the link to one bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum LinkState {
    /// Not wanted.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Disconnected,
    /// Dialling or shaking hands.
    Connecting {
        /// How many attempts since the last success, from 1.
        attempt: u32,
    },
    /// Registered at the bus.
    Connected {
        /// Round trip of the last ping, in milliseconds, once known.
        round_trip_ms: Option<u64>,
    },
    /// Waits before the next attempt.
    Waiting {
        /// Milliseconds until then.
        retry_in_ms: u64,
        /// Stable code, e.g. `dns`, `refused`, `tls`, `timeout`, `http_502`, `link_lost`.
        code: String,
        /// What happened and what to do.
        message: String,
    },
    /// Given up: retrying cannot help.
    Failed {
        /// Stable code, e.g. `unauthorized`, `revoked`, `replaced`, `unsupported`, `no_connect_route`.
        code: String,
        /// What happened and what to do.
        message: String,
    },
}

/// What a host is started with, as one JSON line on its stdin (`drawbridge host --setup-stdin`), so that
/// no token is ever in an argument or a variable of a process that stays.
///
/// Apart from the configuration file's path these are the values that flags and variables gave; the host
/// lays the file below them.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostSetup {
    /// The configuration file; without one nothing is read and nothing is watched.
    pub config: Option<std::path::PathBuf>,
    /// The bus, if the host is to connect to one that is not enrolled.
    pub bus: Option<BusSetup>,
    /// Display name; default the computer's name.
    pub host_name: Option<String>,
    /// Stable id; default made once and kept in the data directory.
    pub host_id: Option<String>,
    /// Working directory of the app-server; default the current one.
    pub cwd: Option<std::path::PathBuf>,
    /// Codex executable, a path or a name on `PATH`.
    pub codex_bin: Option<std::path::PathBuf>,
    /// Bind address of the app-server; default `127.0.0.1`.
    pub app_server_host: Option<std::net::IpAddr>,
    /// Bind port of the app-server; default a free one.
    pub app_server_port: Option<u16>,
    /// Highest role of a remote; default operator.
    pub role: Option<Role>,
    /// Folders a remote sees; default `cwd`.
    pub roots: Vec<std::path::PathBuf>,
    /// Who may answer approvals; default local.
    pub answer: Option<crate::WhoMayAnswer>,
    /// Stays up without leases.
    pub service: bool,
    /// Where the key of the vault is; default the keyring.
    pub vault_key: VaultKey,
    /// Only for short commands that look after vault, enrollments and configuration: no app-server is
    /// started, no bus is dialled, and who wants a whole host is asked to wait until it has ended.
    pub visit: bool,
}

/// Where the key of the vault is. One never stands in for another.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VaultKey {
    /// The system's keyring.
    #[default]
    Keyring,
    /// A file the user named.
    File(std::path::PathBuf),
    /// A credential that systemd passes.
    Credential {
        /// `$CREDENTIALS_DIRECTORY`.
        directory: std::path::PathBuf,
        /// Its name.
        name: String,
    },
}

/// One bus to connect to.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusSetup {
    /// Base URL, `http(s)://HOST[:PORT]`. `/connect` and `/mcp` are derived from it. Default: what the
    /// configuration file says, else the public bus.
    #[serde(default)]
    pub api: Option<String>,
    /// Enrollment token.
    #[serde(serialize_with = "secret::expose")]
    pub token: Secret,
    /// PEM file with additional trust anchors.
    #[serde(default)]
    pub ca_file: Option<std::path::PathBuf>,
    /// MCP URL; default `<api>/mcp`.
    #[serde(default)]
    pub mcp_url: Option<String>,
    /// MCP token.
    #[serde(default, serialize_with = "secret::expose_option")]
    pub mcp_token: Option<Secret>,
    /// Name of the injected MCP server; default `codex-agents`.
    #[serde(default)]
    pub mcp_name: Option<String>,
}

/// The one line a host writes to stdout when it stands or cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "host", rename_all = "snake_case", deny_unknown_fields)]
pub enum HostReady {
    /// The control socket accepts connections. The app-server may still be starting.
    Ready {
        /// Path of `control.sock`.
        control_socket: std::path::PathBuf,
        /// Process id.
        pid: u32,
    },
    /// It could not start.
    Failed {
        /// Stable code, e.g. `already_running`, `codex_not_found`, `codex_home`, `bad_root`.
        code: String,
        /// What to do.
        message: String,
    },
}

//! The arguments. Variables are read by hand in [`crate::args::setup`], because each has a legacy alias
//! and tokens must not be read from the environment of a process that stays.

use clap::{Args, Parser, Subcommand, ValueEnum};
use drawbridge_wire::{Role, WhoMayAnswer};
use std::net::SocketAddr;
use std::path::PathBuf;

pub mod approvals;
pub mod processes;
pub mod setup;
pub mod skills;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it did not work, or the turn failed or was interrupted
  2  the arguments or variables are not usable
  3  no host runs on the data directory
  4  a connection was refused or ended before the work was done
  5  the answer to an approval did not count";

const CONNECT_VARIABLES: &str = "\
Variables, used where the flag is not given:
  FORGE_CODEX_CONNECTOR_API        --api
  FORGE_CODEX_CONNECTOR_ID         --id
  FORGE_CODEX_CONNECTOR_TOKEN      --token
  FORGE_CODEX_CONNECTOR_CODEX_BIN  --codex-bin
  FORGE_CODEX_CONNECTOR_MCP_URL    --mcp-url
  FORGE_CODEX_CONNECTOR_MCP_TOKEN  --mcp-token
  FORGE_CODEX_CONNECTOR_MCP_NAME   --mcp-name
The same names with CODEX_APP_CONNECTOR_ in front are read too. Tokens are taken out of arguments and
variables at once; no process that stays has them there.";

const BUS_VARIABLES: &str = "\
Variables:
  CODEX_BUS_CONNECT_TOKEN      what hosts enroll with
  CODEX_BUS_HTTP_TOKEN         what opens /mcp, and nothing else
  DRAWBRIDGE_BUS_CLIENT_TOKEN  what clients drive hosts with; HOST=TOKEN binds one to a host, commas separate several
  DRAWBRIDGE_BUS_ADMIN_TOKEN   what gives out codes (`bus pair`) and takes enrollments back (`bus revoke`)";

/// Reach the Codex of this computer from elsewhere, and decide here what it may do.
#[derive(Debug, Parser)]
#[command(name = "drawbridge", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Arguments {
    /// Where the host keeps its sockets, key and records [default: the user's data folder].
    #[arg(long, global = true, value_name = "DIR", env = "DRAWBRIDGE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file [default: drawbridge/config.toml in the user's folder of settings].
    #[arg(long, global = true, value_name = "FILE", env = "DRAWBRIDGE_CONFIG")]
    pub config: Option<PathBuf>,
    /// File with the key of the vault, instead of the system's keyring; made by the first enrollment.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "DRAWBRIDGE_KEY_FILE",
        conflicts_with = "key_credential"
    )]
    pub key_file: Option<PathBuf>,
    /// Name of the systemd credential (LoadCredential=) with the key of the vault, instead of the keyring.
    #[arg(long, global = true, value_name = "NAME")]
    pub key_credential: Option<String>,
    /// Descriptor of the pipe with the secrets that were taken out of the arguments.
    #[arg(long, hide = true, value_name = "N")]
    pub secrets_fd: Option<i32>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect this computer to a bus, and ask here what the agent may do.
    #[command(after_help = CONNECT_VARIABLES)]
    Connect(Box<ConnectArgs>),
    /// Enroll this computer at a bus: its token goes into the vault, encrypted, and nowhere else.
    Enroll(Box<EnrollArgs>),
    /// Show the buses this computer is enrolled at, switch them on or off, change their MCP server.
    Enrollments(EnrollmentsArgs),
    /// Forget an enrollment: disconnect and let go of its tokens.
    Forget {
        /// Its id as `enrollments` shows it, or its name if no other has it.
        bus: String,
    },
    /// Look after the vault that keeps the tokens.
    Vault(VaultArgs),
    /// Show what runs.
    Status(JsonArgs),
    /// Look at everything a host needs, and say what is wrong and what to do about it. Needs no running host;
    /// ends with 1 when something is in the way.
    Doctor(DoctorArgs),
    /// Write what helps others to understand a problem into one file: versions, doctor, status, logs, record,
    /// configuration; without tokens, names and home folders.
    Report(ReportArgs),
    /// Show the live threads.
    Threads(JsonArgs),
    /// Show and answer what the agent asks for.
    Approvals(approvals::ApprovalsArgs),
    /// Show skills, watch them change, check them, and switch them on or off.
    Skills(skills::SkillsArgs),
    /// Show the host, the app-server and the connectors with their memory, or start one of them anew.
    Processes(processes::ProcessesArgs),
    /// End the host, whoever else uses it.
    Stop,
    /// Show the last lines of the agent's or the connector's log.
    Logs(LogsArgs),
    /// Show, check and change the configuration file.
    Config(ConfigArgs),
    /// Drive a host through its bus.
    Remote(RemoteArgs),
    /// Run a bus, or say who may connect to one.
    #[command(after_help = BUS_VARIABLES, args_conflicts_with_subcommands = true)]
    Bus(BusArgs),
    /// Run a host: what `connect` starts.
    #[command(hide = true)]
    Host(HostArgs),
    /// Run the part of a host that faces the network.
    #[command(hide = true)]
    Connector,
}

/// Arguments of `connect`.
#[derive(Debug, Clone, Default, Args)]
pub struct ConnectArgs {
    /// Base URL of the bus; /connect and /mcp are derived from it [default: `https://bus.noagi.cloud`].
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
    /// Stable id of this host at the bus [default: made once and kept].
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Enrollment token, the CODEX_BUS_CONNECT_TOKEN of the bus. Better given as a variable.
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// MCP server that threads get [default: the bus's /mcp].
    #[arg(long, value_name = "URL")]
    pub mcp_url: Option<String>,
    /// Token for the MCP server. Better given as a variable.
    #[arg(long, value_name = "TOKEN")]
    pub mcp_token: Option<String>,
    /// Name of the MCP server in threads [default: codex-agents].
    #[arg(long, value_name = "NAME")]
    pub mcp_name: Option<String>,
    /// Display name of this host [default: the computer's name].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Working directory of the agent [default: the current one].
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,
    /// Codex executable, a path or a name on PATH [default: codex].
    #[arg(long, value_name = "FILE")]
    pub codex_bin: Option<PathBuf>,
    /// Address the app-server binds to, loopback only [default: 127.0.0.1].
    #[arg(long, value_name = "IP")]
    pub app_server_host: Option<String>,
    /// Port the app-server binds to [default: a free one].
    #[arg(long, value_name = "PORT")]
    pub app_server_port: Option<u16>,
    /// PEM file with trust anchors for the bus besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Highest role of a remote client: viewer or operator [default: operator].
    #[arg(long, value_name = "ROLE")]
    pub role: Option<Role>,
    /// Folder a remote client sees; repeat it for more [default: the agent's working directory].
    #[arg(long, value_name = "DIR")]
    pub root: Vec<PathBuf>,
    /// Who may answer approvals: local, remote or both. With remote and both the bus and the connector
    /// are trusted with the answers [default: local].
    #[arg(long, value_name = "WHO")]
    pub answer: Option<WhoMayAnswer>,
}

/// Arguments of `enroll`. Without a code and without --token-stdin the token is asked for, unseen.
#[derive(Debug, Args)]
pub struct EnrollArgs {
    /// Base URL of the bus.
    #[arg(long, value_name = "URL")]
    pub api: String,
    /// Code of `drawbridge bus pair`, which counts once and for a short time.
    #[arg(long, value_name = "CODE", conflicts_with = "token_stdin")]
    pub code: Option<String>,
    /// Read the enrollment token from stdin.
    #[arg(long)]
    pub token_stdin: bool,
    /// What the bus is called here [default: its host and port].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// PEM file with trust anchors for the bus besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// MCP server that threads get [default: the bus's /mcp].
    #[arg(long, value_name = "URL")]
    pub mcp_url: Option<String>,
    /// Name of the MCP server in threads [default: codex-agents].
    #[arg(long, value_name = "NAME")]
    pub mcp_name: Option<String>,
    /// Read the token for the MCP server from stdin, after the enrollment token if that comes from there.
    #[arg(long)]
    pub mcp_token_stdin: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `enrollments`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct EnrollmentsArgs {
    /// What to do; without it they are listed.
    #[command(subcommand)]
    pub action: Option<EnrollmentsAction>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What to do with an enrollment.
#[derive(Debug, Subcommand)]
pub enum EnrollmentsAction {
    /// Connect to it, now and at every start.
    On {
        /// Its id, or its name if no other has it.
        bus: String,
    },
    /// Disconnect from it and stay so.
    Off {
        /// Its id, or its name if no other has it.
        bus: String,
    },
    /// Change its name here or its MCP server.
    Set {
        /// Its id, or its name if no other has it.
        bus: String,
        /// What the bus is called here.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// MCP server that threads get.
        #[arg(long, value_name = "URL")]
        mcp_url: Option<String>,
        /// Name of the MCP server in threads.
        #[arg(long, value_name = "NAME")]
        mcp_name: Option<String>,
        /// Read the token for the MCP server from stdin.
        #[arg(long, conflicts_with = "no_mcp_token")]
        mcp_token_stdin: bool,
        /// Let go of the token for the MCP server.
        #[arg(long)]
        no_mcp_token: bool,
    },
}

/// Arguments of `vault`.
#[derive(Debug, Args)]
pub struct VaultArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: VaultAction,
}

/// What to do with the vault.
#[derive(Debug, Subcommand)]
pub enum VaultAction {
    /// Show where its key is and how its files are.
    Status(JsonArgs),
    /// Try to open it again, after the keyring was unlocked, say.
    Open,
    /// Make a new key and encrypt everything anew.
    Rotate,
    /// Write all enrollments to a file, encrypted to another age recipient.
    Export {
        /// Recipient, `age1...`.
        #[arg(long, value_name = "RECIPIENT")]
        to: String,
        /// File to make; it must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take in what was exported.
    Import {
        /// The exported file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// File with the age identity it was encrypted to; `-` reads stdin.
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
        /// Replace enrollments that are here already.
        #[arg(long)]
        replace: bool,
    },
    /// When the key is lost: put the files aside and begin anew. Nothing is deleted.
    Reset,
}

/// What `doctor` and `report` look at besides what a running host tells.
#[derive(Debug, Clone, Default, Args)]
pub struct SubjectArgs {
    /// Base URL of a bus to look at.
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
    /// PEM file with trust anchors for buses besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Codex executable, a path or a name on PATH [default: codex].
    #[arg(long, value_name = "FILE")]
    pub codex_bin: Option<PathBuf>,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// What to look at.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// File to make; it must not be there yet [default: drawbridge-report-SECONDS.json here].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Put in what was asked of the agent and what it wanted to run, too.
    #[arg(long)]
    pub with_commands: bool,
    /// What to look at.
    #[command(flatten)]
    pub subject: SubjectArgs,
}

/// Arguments of commands that only print.
#[derive(Debug, Args)]
pub struct JsonArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with the configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Show each key, its value, and whether a variable, the file or the default gave it.
    Show(JsonArgs),
    /// Say what is wrong with the file, and where.
    Check,
    /// Print where the file is.
    Path,
    /// Set a key, such as security.role; comments stay.
    Set {
        /// The key, section and name.
        key: String,
        /// The value: text without quotes, a list as one element or as ["a", "b"].
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Take a key out, so that its default counts again.
    Unset {
        /// The key, section and name.
        key: String,
    },
    /// Open the file in your editor; it is replaced only by one that is right.
    Edit,
    /// Confirm the security settings of the file that wait for it; the vault keeps that.
    Accept {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Whose log: `app-server`, `connector` for that of the first bus, or `connector:ID` as `processes` shows it.
    #[arg(default_value = "app-server")]
    pub child: String,
}

/// Arguments of `remote`.
#[derive(Debug, Args)]
pub struct RemoteArgs {
    /// What to do there.
    #[command(subcommand)]
    pub action: RemoteAction,
}

/// What to do with a host through its bus.
#[derive(Debug, Subcommand)]
pub enum RemoteAction {
    /// Send a prompt and stream the turn. Needs the variable DRAWBRIDGE_BUS_CLIENT_TOKEN or --token-file.
    Send(Box<SendArgs>),
}

/// Arguments of `remote send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Base URL of the bus.
    #[arg(long, value_name = "URL")]
    pub bus: String,
    /// Id of the host [default: the only one that is online, or the one the token is bound to].
    #[arg(long, value_name = "ID")]
    pub host: Option<String>,
    /// Go on in this thread instead of starting one.
    #[arg(long, value_name = "ID")]
    pub thread: Option<String>,
    /// Working directory of the thread, at the host.
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Sandbox of the thread.
    #[arg(long, value_enum)]
    pub sandbox: Option<Sandbox>,
    /// When the agent must ask: untrusted, on-request or never (the host may refuse it).
    #[arg(long, value_name = "POLICY")]
    pub approval_policy: Option<String>,
    /// PEM file with trust anchors besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// File with the client token, instead of the variable.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Interrupt the turn after this many seconds.
    #[arg(long, value_name = "SECS")]
    pub timeout: Option<u64>,
    /// What to tell the agent.
    #[arg(value_name = "TEXT")]
    pub text: String,
}

/// Sandboxes a remote may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sandbox {
    /// Reads only.
    ReadOnly,
    /// Writes in the working directory.
    WorkspaceWrite,
}

impl Sandbox {
    /// The word of the app-server.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Sandbox::ReadOnly => "read-only",
            Sandbox::WorkspaceWrite => "workspace-write",
        }
    }
}

/// Arguments of `bus`.
#[derive(Debug, Args)]
pub struct BusArgs {
    /// What to do with a bus that runs; without it, one is run.
    #[command(subcommand)]
    pub action: Option<BusAction>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7300")]
    pub listen: SocketAddr,
    /// File that keeps which key each host has, across restarts.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Origin under which hosts and clients reach this bus, if that is not its address.
    #[arg(long, value_name = "URL")]
    pub public_origin: Option<String>,
}

/// What to do with a bus that runs. Needs the variable DRAWBRIDGE_BUS_ADMIN_TOKEN.
#[derive(Debug, Subcommand)]
pub enum BusAction {
    /// Print a code that lets one host enroll, once and for a short time.
    Pair {
        /// Which bus.
        #[command(flatten)]
        at: BusAddress,
        /// How long the code counts, in seconds, at most a day [default: 600].
        #[arg(long, value_name = "SECS")]
        valid: Option<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the hosts the bus knows.
    Hosts {
        /// Which bus.
        #[command(flatten)]
        at: BusAddress,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a host's enrollment back: its link ends at once and it is not let in again.
    Revoke {
        /// Id of the host.
        #[arg(value_name = "HOST")]
        host: String,
        /// Forget it wholly, its key too: then any host may take its id.
        #[arg(long)]
        forget: bool,
        /// Which bus.
        #[command(flatten)]
        at: BusAddress,
    },
}

/// A bus to ask.
#[derive(Debug, Args)]
pub struct BusAddress {
    /// Base URL of the bus.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7300")]
    pub bus: String,
    /// PEM file with trust anchors besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// Arguments of `host`.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// Read the settings as one line of JSON from stdin.
    #[arg(long, required = true)]
    pub setup_stdin: bool,
    /// Stay up when nobody uses it.
    #[arg(long)]
    pub service: bool,
}

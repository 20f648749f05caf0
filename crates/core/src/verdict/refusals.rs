//! Stable names of the rules by which the gate refuses, and what each says to a person.

/// The table does not know the method.
pub const UNKNOWN_METHOD: &str = "unknown_method";
/// The role is too narrow for the method or the parameter.
pub const ROLE: &str = "role";
/// The method takes no such parameter from a remote.
pub const PARAMETER: &str = "parameter";
/// A parameter is missing.
pub const MISSING_PARAMETER: &str = "missing_parameter";
/// A parameter is not of the kind that is allowed.
pub const PARAMETER_KIND: &str = "parameter_kind";
/// A policy or a sandbox beyond the ceiling.
pub const CEILING: &str = "ceiling";
/// The thread is wider than any remote's ceiling.
pub const WIDE: &str = "wide_thread";

/// Runs commands or processes without anyone being asked.
pub const EXEC: &str = "refused_exec";
/// Touches files without anyone being asked.
pub const FILES: &str = "refused_files";
/// Changes or reveals the configuration of this computer.
pub const CONFIG: &str = "refused_config";
/// Changes or reveals the account.
pub const ACCOUNT: &str = "refused_account";
/// Changes what a thread is allowed, outside `thread/start` and `turn/start`.
pub const SETTINGS: &str = "refused_settings";
/// Makes turns run later, without the gate seeing them start.
pub const LATER_TURNS: &str = "refused_later_turns";
/// Rewrites or destroys what a thread remembers.
pub const HISTORY: &str = "refused_history";
/// Calls tools directly.
pub const TOOLS: &str = "refused_tools";
/// Installs or manages plugins, apps and marketplaces.
pub const PLUGINS: &str = "refused_plugins";
/// The vendor's own remote control.
pub const REMOTE_CONTROL: &str = "refused_remote_control";
/// Sends data of this computer to others.
pub const FEEDBACK: &str = "refused_feedback";
/// Goes round the person who is asked.
pub const APPROVALS: &str = "refused_approvals";
/// Concerns all projects and folders of the user, or the process as a whole.
pub const HOST_WIDE: &str = "refused_host_wide";
/// Voice sessions.
pub const REALTIME: &str = "refused_realtime";

/// All names of rules a method is refused by outright.
pub const METHOD_RULES: &[&str] = &[
    EXEC,
    FILES,
    CONFIG,
    ACCOUNT,
    SETTINGS,
    LATER_TURNS,
    HISTORY,
    TOOLS,
    PLUGINS,
    REMOTE_CONTROL,
    FEEDBACK,
    APPROVALS,
    HOST_WIDE,
    REALTIME,
];

/// What a rule says to a person.
#[must_use]
pub fn explain(rule: &str) -> &'static str {
    match rule {
        EXEC => "commands run only through a turn, where the host is asked; start a turn instead",
        FILES => "files are read and written only through a turn; start a turn instead",
        CONFIG => "the configuration of this computer is changed at the host only",
        ACCOUNT => "the account is managed at the host only",
        SETTINGS => "what a thread may do is set when it or a turn starts, inside the ceiling",
        LATER_TURNS => "turns are started one by one with `turn/start`, so that each passes the gate",
        HISTORY => "a thread's history is rewritten or deleted at the host only",
        TOOLS => "tools are called only through a turn; start a turn instead",
        PLUGINS => "plugins and apps are managed at the host only",
        REMOTE_CONTROL => "the vendor's remote control is managed at the host only",
        FEEDBACK => "nothing of this computer is sent to third parties at a remote's wish",
        APPROVALS => "approvals are answered by their request, not around it",
        HOST_WIDE => "it concerns more than the folders this remote may see",
        REALTIME => "voice sessions are not offered to remotes",
        _ => "not allowed for a remote",
    }
}

//! What a look found: typed, for people and for programs.

use drawbridge_consent::visible_line;
use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// Something will not work.
    Fail,
}

/// What was looked at. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// The codex program and its version.
    Codex,
    /// Codex's state folder.
    CodexHome,
    /// Codex's own configuration.
    CodexConfig,
    /// Starting an app-server and shaking hands.
    Handshake,
    /// Codex's login.
    Login,
    /// Codex's sandbox.
    Sandbox,
    /// Other Codex processes on the same state folder.
    OtherCodex,
    /// Our configuration file.
    ConfigFile,
    /// What waits for a person's confirmation.
    ConfigWaits,
    /// Our data directory.
    DataDir,
    /// The host's own key in it.
    Identity,
    /// Sockets and files in it.
    Sockets,
    /// Room on the disk.
    Disk,
    /// Where the vault's key is.
    Keyring,
    /// The vault's files.
    Vault,
    /// A running host.
    Host,
    /// Its app-server.
    AppServer,
    /// Processes an earlier host left.
    Leftovers,
    /// A bus: whether it is reached.
    Bus,
    /// Its clock and ours.
    BusClock,
    /// Whether it takes our token.
    BusToken,
    /// The MCP server that threads get from it.
    Mcp,
}

impl Check {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Check::Codex => "codex",
            Check::CodexHome => "codex_home",
            Check::CodexConfig => "codex_config",
            Check::Handshake => "handshake",
            Check::Login => "login",
            Check::Sandbox => "sandbox",
            Check::OtherCodex => "other_codex",
            Check::ConfigFile => "config_file",
            Check::ConfigWaits => "config_waits",
            Check::DataDir => "data_dir",
            Check::Identity => "identity",
            Check::Sockets => "sockets",
            Check::Disk => "disk",
            Check::Keyring => "keyring",
            Check::Vault => "vault",
            Check::Host => "host",
            Check::AppServer => "app_server",
            Check::Leftovers => "leftovers",
            Check::Bus => "bus",
            Check::BusClock => "bus_clock",
            Check::BusToken => "bus_token",
            Check::Mcp => "mcp",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub id: Check,
    /// Which one, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// How bad it is.
    pub level: Level,
    /// What was seen.
    pub what: String,
    /// What to do now; none when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether `what` has its hidden characters written out already and is laid out by blanks, as problems
    /// of a file are. Writing them out again would show the signs of the first writing.
    #[serde(skip)]
    pub laid_out: bool,
}

impl Finding {
    pub(crate) fn ok(id: Check, what: impl Into<String>) -> Self {
        Self {
            id,
            about: None,
            level: Level::Ok,
            what: what.into(),
            remedy: None,
            laid_out: false,
        }
    }

    pub(crate) fn warn(id: Check, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            remedy: Some(remedy.into()),
            ..Self::ok(id, what)
        }
    }

    pub(crate) fn fail(id: Check, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(id, what, remedy)
        }
    }

    /// From an error of ours, whose text says what to do behind its last semicolon.
    pub(crate) fn told(level: Level, id: Check, message: &str, otherwise: &str) -> Self {
        let (what, remedy) = message.rsplit_once("; ").unwrap_or((message, otherwise));
        Self {
            level,
            ..Self::warn(id, what, remedy)
        }
    }

    /// See [`Finding::laid_out`].
    pub(crate) fn laid_out_already(mut self) -> Self {
        self.laid_out = true;
        self
    }

    pub(crate) fn about(mut self, about: &str) -> Self {
        self.about = Some(about.to_owned());
        self
    }
}

/// What `doctor --json` prints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Examined {
    /// Version of this form.
    pub version: u32,
    /// Version of the software.
    pub drawbridge: &'static str,
    /// How many are well.
    pub ok: usize,
    /// How many somebody should know of.
    pub warn: usize,
    /// How many will not work.
    pub fail: usize,
    /// Each.
    pub checks: Vec<Finding>,
}

impl Examined {
    pub(crate) fn of(checks: Vec<Finding>) -> Self {
        let count = |level| checks.iter().filter(|finding| finding.level == level).count();
        Self {
            version: 1,
            drawbridge: env!("CARGO_PKG_VERSION"),
            ok: count(Level::Ok),
            warn: count(Level::Warn),
            fail: count(Level::Fail),
            checks,
        }
    }

    /// For a terminal. What others wrote cannot move the cursor there.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for finding in &self.checks {
            let level = match finding.level {
                Level::Ok => "ok  ",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            let about = finding.about.as_deref().map(visible_line);
            let about = about.map(|about| format!("{about}: ")).unwrap_or_default();
            let shown = |line: &str| {
                if finding.laid_out {
                    line.to_owned()
                } else {
                    visible_line(line)
                }
            };
            let mut lines = finding.what.lines().map(shown);
            let first = lines.next().unwrap_or_default();
            out.push_str(&format!("{level}  {:<12}  {about}{first}\n", finding.id.word()));
            for line in lines {
                out.push_str(&format!("{:20}{line}\n", ""));
            }
            for line in finding.remedy.iter().flat_map(|remedy| remedy.lines()) {
                out.push_str(&format!("{:18}> {}\n", "", visible_line(line)));
            }
        }
        out.push_str(&format!(
            "{} well, {} to know of, {} in the way\n",
            self.ok, self.warn, self.fail
        ));
        out
    }
}

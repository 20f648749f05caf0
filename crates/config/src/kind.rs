//! What kinds of value there are: what each takes, and what is said about one it does not take.

use crate::given::{Given, What};
use crate::suggest::nearest;
use crate::words::{one_of, quoted};
use crate::{UserPath, Value, all_pairs, pair_of_words, words_of_pair};
use drawbridge_wire::{Role, WhoMayAnswer};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::Path;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A short line of text.
    Label,
    /// The id of a host.
    HostId,
    /// A name that can stand in Codex's configuration.
    McpName,
    /// A folder.
    Directory,
    /// A file.
    File,
    /// A name on `PATH` or a whole path.
    Program,
    /// Folders.
    Folders {
        /// Whether no folder at all is a value.
        may_be_empty: bool,
    },
    /// Base address of a bus.
    BusUrl,
    /// Address of an MCP server.
    McpUrl,
    /// An address of this computer.
    Loopback,
    /// A whole number.
    Integer {
        /// Smallest.
        least: u32,
        /// Largest.
        most: u32,
        /// What it counts, for messages.
        unit: &'static str,
    },
    /// Role of a remote.
    Role,
    /// Who may answer.
    Answer,
    /// What is logged.
    LogFilter,
    /// Pairs of approval policy and sandbox.
    Pairs,
}

/// Longest text any key takes, in characters.
pub(crate) const LONGEST_TEXT: usize = 4096;
/// Longest label, in characters.
pub(crate) const LONGEST_LABEL: usize = 64;
/// Most folders in a list.
pub(crate) const MOST_FOLDERS: usize = 64;
/// Levels of the log.
pub(crate) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Roles.
pub(crate) const ROLES: [&str; 2] = ["viewer", "operator"];
/// Who may answer.
pub(crate) const ANSWERS: [&str; 3] = ["local", "both", "remote"];

/// Why a value is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub range: Range<usize>,
    pub code: &'static str,
    pub message: String,
    pub help: String,
}

impl Kind {
    /// What the key takes, for "write ...".
    #[must_use]
    pub fn accepts(self) -> String {
        match self {
            Kind::Label => format!("a name of 1 to {LONGEST_LABEL} characters on one line, in quotes"),
            Kind::HostId => {
                "1 to 64 of a-z, 0-9, dot, dash and underscore, first a letter or digit, in quotes".to_owned()
            }
            Kind::McpName => "1 to 64 of letters, digits, dash and underscore, in quotes".to_owned(),
            Kind::Directory => "a folder as \"/whole/path\" or \"~/path\"".to_owned(),
            Kind::File => "a file as \"/whole/path\" or \"~/path\"".to_owned(),
            Kind::Program => {
                "a name such as \"codex\", or a program as \"/whole/path\" or \"~/path\"".to_owned()
            }
            Kind::Folders { .. } => "a list of folders such as [\"/whole/path\", \"~/path\"]".to_owned(),
            Kind::BusUrl => {
                "an address such as \"https://bus.example\" (http only for this computer)".to_owned()
            }
            Kind::McpUrl => {
                "an address such as \"https://bus.example/mcp\" (http only for this computer)".to_owned()
            }
            Kind::Loopback => {
                "an address of this computer: \"127.0.0.1\", \"::1\" or \"localhost\"".to_owned()
            }
            Kind::Integer { least, most, unit } => {
                let unit = if unit.is_empty() {
                    String::new()
                } else {
                    format!(" {unit}")
                };
                format!("a whole number from {least} to {most}{unit}, without quotes")
            }
            Kind::Role => one_of(&ROLES),
            Kind::Answer => one_of(&ANSWERS),
            Kind::LogFilter => format!(
                "{}, or parts such as \"info,drawbridge_host=debug\"",
                one_of(&LEVELS)
            ),
            Kind::Pairs => {
                let words: Vec<String> = all_pairs().into_iter().map(words_of_pair).collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                format!("a list of {}", one_of(&words))
            }
        }
    }

    /// The value, or everything that is wrong with it.
    pub(crate) fn read(self, given: &Given) -> Result<Value, Vec<Fault>> {
        match self {
            Kind::Integer { least, most, .. } => {
                self.integer(given, least, most).map_err(|fault| vec![fault])
            }
            Kind::Folders { may_be_empty } => self.folders(given, may_be_empty),
            Kind::Pairs => self.pairs(given),
            _ => {
                let What::Text(text) = &given.what else {
                    return Err(vec![self.wrong_type(given)]);
                };
                self.text(text)
                    .map_err(|(code, message)| vec![self.fault(given, code, message)])
            }
        }
    }

    /// Whether the kind is a list.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(self, Kind::Folders { .. } | Kind::Pairs)
    }

    fn fault(self, given: &Given, code: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            range: given.range.clone(),
            code,
            message: message.into(),
            help: format!("write {}", self.accepts()),
        }
    }

    fn wrong_type(self, given: &Given) -> Fault {
        let takes = match self {
            Kind::Integer { .. } => "a whole number",
            Kind::Folders { .. } | Kind::Pairs => "a list",
            _ => "text",
        };
        let message = format!("this must be {takes}, not {}", given.what.noun());
        self.fault(given, "wrong_type", message)
    }

    fn text(self, text: &str) -> Result<Value, (&'static str, String)> {
        if text.chars().count() > LONGEST_TEXT {
            return Err((
                "too_long",
                format!("this is longer than {LONGEST_TEXT} characters"),
            ));
        }
        if let Some(c) = text.chars().find(|c| c.is_control()) {
            let name = format!("U+{:04X}", u32::from(c));
            return Err((
                "control_character",
                format!("this holds the control character {name}"),
            ));
        }
        let word = |words: &[&str], noun: &str| {
            let meant = nearest(text, words.iter().copied());
            let meant = meant.map_or(String::new(), |word| format!("; did you mean \"{word}\"?"));
            ("unknown_word", format!("{} is no {noun}{meant}", quoted(text)))
        };
        match self {
            Kind::Label => match text.chars().count() {
                _ if text.trim().is_empty() => Err(("empty", "this is empty".to_owned())),
                1..=LONGEST_LABEL => Ok(Value::Text(text.to_owned())),
                count => Err(("too_long", format!("this has {count} characters"))),
            },
            Kind::HostId if drawbridge_wire::link::valid_host_id(text) => Ok(Value::Text(text.to_owned())),
            Kind::HostId => Err(("bad_name", format!("{} cannot be the id of a host", quoted(text)))),
            Kind::McpName => {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                if (1..=64).contains(&text.len()) && text.chars().all(fits) {
                    Ok(Value::Text(text.to_owned()))
                } else {
                    Err((
                        "bad_name",
                        format!("{} cannot be the name of an MCP server", quoted(text)),
                    ))
                }
            }
            Kind::Program if !text.is_empty() && !text.contains(['/', '\\']) && text != "~" => {
                Ok(Value::Path(UserPath::new(text)))
            }
            Kind::Directory | Kind::File | Kind::Program => path(text).map(Value::Path),
            Kind::BusUrl => url(text, true),
            Kind::McpUrl => url(text, false),
            Kind::Loopback => loopback(text),
            Kind::Role => match text {
                "viewer" => Ok(Value::Role(Role::Viewer)),
                "operator" => Ok(Value::Role(Role::Operator)),
                _ => Err(word(&ROLES, "role")),
            },
            Kind::Answer => match text {
                "local" => Ok(Value::Answer(WhoMayAnswer::Local)),
                "remote" => Ok(Value::Answer(WhoMayAnswer::Remote)),
                "both" => Ok(Value::Answer(WhoMayAnswer::Both)),
                _ => Err(word(&ANSWERS, "word for who may answer")),
            },
            Kind::LogFilter => {
                log_filter(text)?;
                Ok(Value::Text(text.to_owned()))
            }
            Kind::Folders { .. } | Kind::Pairs | Kind::Integer { .. } => {
                Err(("wrong_type", "this is text".to_owned()))
            }
        }
    }

    fn integer(self, given: &Given, least: u32, most: u32) -> Result<Value, Fault> {
        let What::Integer(number) = &given.what else {
            return Err(self.wrong_type(given));
        };
        number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (least..=most).contains(number))
            .map(Value::Integer)
            .ok_or_else(|| {
                let shown = number.map_or("this".to_owned(), |number| number.to_string());
                let side = if number.is_some_and(|number| number < i64::from(least)) {
                    "small"
                } else {
                    "large"
                };
                self.fault(given, "out_of_range", format!("{shown} is too {side}"))
            })
    }

    fn folders(self, given: &Given, may_be_empty: bool) -> Result<Value, Vec<Fault>> {
        let items = self.items(given)?;
        if items.is_empty() && !may_be_empty {
            let mut fault = self.fault(
                given,
                "empty",
                "this list is empty, so a remote client would see nothing",
            );
            fault.help =
                "name a folder, or leave the key out for the working directory of the agent".to_owned();
            return Err(vec![fault]);
        }
        if items.len() > MOST_FOLDERS {
            let message = format!(
                "these are {} folders; at most {MOST_FOLDERS} are taken",
                items.len()
            );
            return Err(vec![self.fault(given, "too_many", message)]);
        }
        let mut faults = Vec::new();
        let mut folders = Vec::new();
        for item in items {
            let What::Text(text) = &item.what else {
                faults.push(Kind::Directory.wrong_type(item));
                continue;
            };
            match Kind::Directory.text(text) {
                Ok(Value::Path(path)) => folders.push(path),
                Ok(_) => {}
                Err((code, message)) => faults.push(Kind::Directory.fault(item, code, message)),
            }
        }
        if faults.is_empty() {
            Ok(Value::Paths(folders))
        } else {
            Err(faults)
        }
    }

    fn pairs(self, given: &Given) -> Result<Value, Vec<Fault>> {
        // None at all is a value, and the narrowest: a remote client starts nothing.
        let items = self.items(given)?;
        let mut faults = Vec::new();
        let mut pairs = Vec::new();
        for item in items {
            let What::Text(text) = &item.what else {
                faults.push(Fault {
                    message: format!("this must be text, not {}", item.what.noun()),
                    ..self.fault(item, "wrong_type", "")
                });
                continue;
            };
            match pair_of_words(text) {
                Some(pair) if pairs.contains(&pair) => {
                    let mut fault =
                        self.fault(item, "twice", format!("{} is in this list twice", quoted(text)));
                    fault.help = "take one of them out".to_owned();
                    faults.push(fault);
                }
                Some(pair) => pairs.push(pair),
                None => faults.push(self.fault(item, "unknown_word", not_a_pair(text))),
            }
        }
        if faults.is_empty() {
            Ok(Value::Pairs(pairs))
        } else {
            Err(faults)
        }
    }

    fn items(self, given: &Given) -> Result<&[Given], Vec<Fault>> {
        match &given.what {
            What::List(items) => Ok(items),
            _ => Err(vec![self.wrong_type(given)]),
        }
    }
}

fn not_a_pair(text: &str) -> String {
    for never in ["never", "danger-full-access", "granular", "on-failure"] {
        if text.contains(never) {
            return format!("`{never}` is in no remote client's ceiling");
        }
    }
    let words: Vec<String> = all_pairs().into_iter().map(words_of_pair).collect();
    let meant = nearest_pair(text, &words);
    let meant = meant.map_or(String::new(), |word| format!("; did you mean \"{word}\"?"));
    format!(
        "{} is no pair of approval policy and sandbox{meant}",
        quoted(text)
    )
}

/// Words of pairs are long, so more slips are allowed than for a single word; `nearest` does for each half.
fn nearest_pair<'a>(text: &str, words: &'a [String]) -> Option<&'a str> {
    let (policy, sandbox) = text.split_once(['+', '/', ','])?;
    let policy = nearest(policy.trim(), ["on_request", "untrusted"])?;
    let sandbox = nearest(sandbox.trim(), ["read_only", "workspace_write"])?;
    let wanted = format!("{policy} + {sandbox}").replace('_', "-");
    words.iter().map(String::as_str).find(|word| *word == wanted)
}

fn path(text: &str) -> Result<UserPath, (&'static str, String)> {
    let bad = |message: String| Err(("bad_path", message));
    if text.is_empty() {
        return bad("this is empty".to_owned());
    }
    if text.starts_with("~") && text != "~" && !text.starts_with("~/") {
        return bad(
            "`~` with a name is not understood; only your own home folder has a short form".to_owned(),
        );
    }
    if text.starts_with(['$', '%']) || text.contains("$HOME") || text.contains("${") {
        return bad(format!(
            "{} names a variable; variables are not replaced here",
            quoted(text)
        ));
    }
    if !text.starts_with('~') && !Path::new(text).is_absolute() {
        return bad(format!(
            "{} is relative, so it would mean another place for each start",
            quoted(text)
        ));
    }
    if Path::new(text)
        .components()
        .any(|part| part == std::path::Component::ParentDir)
    {
        return bad(format!(
            "{} climbs with `..`; write the place itself",
            quoted(text)
        ));
    }
    Ok(UserPath::new(text))
}

/// What does not pass is not quoted: there may be a token in it.
fn url(text: &str, base: bool) -> Result<Value, (&'static str, String)> {
    let bad = |message: &str| Err(("bad_url", message.to_owned()));
    let Ok(url) = url::Url::parse(text) else {
        return if text.contains("://") {
            bad("this is no address")
        } else {
            bad("this is no address; it must begin with https://")
        };
    };
    if !matches!(url.scheme(), "https" | "http") {
        return match url.scheme() {
            "ws" | "wss" => bad("this must begin with https://; the WebSocket address is derived from it"),
            _ => bad("this must begin with https://"),
        };
    }
    if !url.username().is_empty() || url.password().is_some() {
        return bad("this address holds a user or a password; tokens are given to `drawbridge enroll`");
    }
    if url.fragment().is_some() || url.query().is_some() {
        return bad("this address has a part behind `?` or `#`; leave it out");
    }
    let Some(host) = url.host() else {
        return bad("this address has no host");
    };
    let here = match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    };
    if url.scheme() == "http" && !here {
        return bad("this is not encrypted and leaves this computer; use https");
    }
    if base && matches!(url.path().trim_end_matches('/'), "/connect" | "/mcp") {
        return bad("this is more than the base address; leave /connect or /mcp out");
    }
    Ok(Value::Text(text.to_owned()))
}

fn loopback(text: &str) -> Result<Value, (&'static str, String)> {
    if text == "localhost" {
        return Ok(Value::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    match text.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => Ok(Value::Address(address)),
        Ok(_) => Err((
            "bad_address",
            format!(
                "{} can be reached from outside; the app-server stays on this computer",
                quoted(text)
            ),
        )),
        Err(_) if text.parse::<std::net::SocketAddr>().is_ok() || text.starts_with("localhost:") => Err((
            "bad_address",
            format!("{} has a port; that is the key `app_server.port`", quoted(text)),
        )),
        Err(_) => Err(("bad_address", format!("{} is no IP address", quoted(text)))),
    }
}

fn log_filter(text: &str) -> Result<(), (&'static str, String)> {
    if text.trim().is_empty() {
        return Err(("empty", "this is empty".to_owned()));
    }
    for part in text.split(',') {
        let (target, level) = match part.split_once('=') {
            Some((target, level)) => (target.trim(), level.trim()),
            None => ("", part.trim()),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':');
        if !target.chars().all(fits) || (part.contains('=') && target.is_empty()) {
            return Err((
                "unknown_word",
                format!("{} names no part of the program", quoted(part)),
            ));
        }
        if !LEVELS.contains(&level) {
            let meant = nearest(level, LEVELS).or(match level.to_lowercase().as_str() {
                "warning" => Some("warn"),
                "verbose" => Some("debug"),
                "none" => Some("off"),
                _ => None,
            });
            let meant = meant.map_or(String::new(), |word| format!("; did you mean \"{word}\"?"));
            return Err(("unknown_word", format!("{} is no level{meant}", quoted(level))));
        }
    }
    Ok(())
}

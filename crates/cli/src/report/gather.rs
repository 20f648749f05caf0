//! What goes into the report, before anything is taken out of it.

use crate::doctor::{Examined, Subject};
use drawbridge_config::read_bounded;
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_wire::control::HostView;
use serde_json::{Value, json};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// How long the host may take to show itself.
const WITHIN: Duration = Duration::from_secs(4);
/// Lines of a file.
const LINES: usize = 300;
/// Bytes of a file that are read at its end.
const TAIL: u64 = 256 * 1024;
/// Characters of a line.
const WIDTH: usize = 2000;
/// Files of a folder.
const MOST_FILES: usize = 32;
/// The log of the agent, which holds what it pleases.
const AGENT_LOG: &str = "app-server.log";
/// What stands where something was left out.
pub(super) const LEFT_OUT: &str = "[left out]";

/// What goes into the report.
pub(super) struct Contents {
    pub value: Value,
    listing: Vec<String>,
}

impl Contents {
    /// What is in it, for who is about to have it written.
    pub(super) fn listing(&self, with_commands: bool) -> String {
        let mut text = String::from("The report holds, with tokens, names and home folders taken out:\n");
        for line in &self.listing {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(if with_commands {
            "What was asked of the agent and what it wanted to run is in it (--with-commands).\n"
        } else {
            "What was asked of the agent and what it wanted to run is left out.\n"
        });
        text
    }
}

pub(super) async fn gather(
    subject: &Subject,
    examined: Examined,
    with_commands: bool,
    made_at: u64,
) -> Contents {
    let data_dir = subject.data_dir().to_owned();
    let host = status(&data_dir).await;
    let config = subject.config_file().map(Path::to_owned);
    let listing = vec![format!(
        "doctor: {} checks ({} in the way)",
        examined.checks.len(),
        examined.fail
    )];
    let doctor = serde_json::to_value(&examined).unwrap_or_default();
    let rest = tokio::task::spawn_blocking(move || {
        files(&data_dir, config.as_deref(), with_commands, listing, made_at)
    });
    let mut contents = rest.await.unwrap_or_else(|_| Contents {
        value: json!({}),
        listing: vec!["the files could not be read".to_owned()],
    });
    contents.value["doctor"] = doctor;
    contents.value["status"] = match host {
        Ok(view) => {
            contents
                .listing
                .push(format!("status of the host (pid {})", view.host.pid));
            view_of(serde_json::to_value(&view).unwrap_or_default(), with_commands)
        }
        Err(error) => {
            contents.listing.push(format!("no status: {error}"));
            json!({ "none": error.to_string(), "code": error.code() })
        }
    };
    contents
}

async fn status(data_dir: &Path) -> Result<HostView, ControlError> {
    let ask = async {
        let mut client = ControlClient::connect(data_dir, "drawbridge report", false).await?;
        client.snapshot().await
    };
    tokio::time::timeout(WITHIN, Box::pin(ask))
        .await
        .unwrap_or(Err(ControlError::Silent))
}

/// What of a card holds nothing of the request.
const OF_A_CARD: [&str; 11] = [
    "id",
    "kind",
    "thread",
    "turn",
    "origin",
    "cwd",
    "digest",
    "raised_at_ms",
    "deadline_ms",
    "state",
    "outcome",
];

/// The state of the host; the words of a person and of the agent only on demand.
pub(super) fn view_of(mut value: Value, with_commands: bool) -> Value {
    if with_commands {
        return value;
    }
    for thread in value["threads"].as_array_mut().into_iter().flatten() {
        thread["title"] = LEFT_OUT.into();
    }
    for approval in value["approvals"].as_array_mut().into_iter().flatten() {
        // By what is known to hold none: what is new in a card holds the request until somebody has looked.
        for (name, member) in approval.as_object_mut().into_iter().flatten() {
            if !OF_A_CARD.contains(&name.as_str()) {
                *member = LEFT_OUT.into();
            }
        }
        // A decision may carry the rule it makes.
        if let Some(decision) = approval.pointer_mut("/state/decision")
            && !decision.is_string()
        {
            *decision = LEFT_OUT.into();
        }
    }
    for skill in value
        .pointer_mut("/skills/skills")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        skill["description"] = LEFT_OUT.into();
    }
    value
}

fn files(
    data_dir: &Path,
    config: Option<&Path>,
    with_commands: bool,
    mut listing: Vec<String>,
    made_at: u64,
) -> Contents {
    let mut logs = json!({});
    for (name, lines) in folder(&data_dir.join("logs")) {
        let lines: Vec<String> = if name.starts_with(AGENT_LOG) && !with_commands {
            lines.iter().map(|line| head_of(line)).collect()
        } else {
            lines
        };
        listing.push(format!("logs/{name}: the last {} lines", lines.len()));
        logs[name] = lines.into();
    }
    let audit = drawbridge_audit::newest(&data_dir.join("audit.jsonl"), TAIL + 1);
    let audit = last_lines(audit.unwrap_or_default());
    listing.push(format!(
        "the record (audit.jsonl): the last {} lines",
        audit.len()
    ));
    let audit: Vec<Value> = audit
        .into_iter()
        .map(|line| serde_json::from_str(&line).unwrap_or(Value::String(line)))
        .collect();
    let config_lines = config.map(|file| match read_bounded(file) {
        Ok(Some(bytes)) => String::from_utf8_lossy(&bytes)
            .lines()
            .map(str::to_owned)
            .collect(),
        Ok(None) => vec!["# there is none".to_owned()],
        Err(problem) => vec![format!("# {problem}")],
    });
    listing.push("the configuration file, versions, this system, names of variables that are set".to_owned());
    let value = json!({
        "report": 1,
        "made_at": made_at,
        "with_commands": with_commands,
        "versions": { "drawbridge": env!("CARGO_PKG_VERSION"), "control_protocol": drawbridge_wire::control::VERSION },
        "system": system(),
        "variables": variables(),
        "data_dir": { "path": data_dir.display().to_string(), "files": names(data_dir) },
        "config": { "file": config.map(|file| file.display().to_string()), "lines": config_lines },
        "logs": logs,
        "audit": audit,
    });
    Contents { value, listing }
}

/// A line of the agent's log without what it says: when, how bad, from where. Any other line may be
/// part of a command, so only its length is told.
pub(super) fn head_of(line: &str) -> String {
    let levels = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
    let mut words = line.split_ascii_whitespace();
    let is_time =
        |word: &&str| word.len() <= 40 && word.bytes().all(|b| b.is_ascii_digit() || b"-:.TZ+".contains(&b));
    let is_place = |word: &&str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b':';
        word.len() <= 80 && word.ends_with(':') && word.contains("codex") && word.bytes().all(plain)
    };
    let head = (|| {
        let time = words.next().filter(is_time)?;
        let level = words.next().filter(|word| levels.contains(word))?;
        let place = words.next().filter(is_place).unwrap_or_default();
        Some(format!("{time} {level} {place} "))
    })();
    format!(
        "{}{LEFT_OUT} ({} characters)",
        head.unwrap_or_default(),
        line.chars().count()
    )
}

fn folder(path: &Path) -> Vec<(String, Vec<String>)> {
    let mut files: Vec<_> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
        .into_iter()
        .take(MOST_FILES)
        .filter_map(|file| Some((file.file_name()?.to_string_lossy().into_owned(), tail(&file))))
        .collect()
}

/// The last lines of a file, each cut.
fn tail(path: &Path) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL + 1)))?;
        let mut bytes = Vec::new();
        file.take(TAIL + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    last_lines(read().unwrap_or_default())
}

/// The last lines of what was read of a file's end; more than `TAIL` says that its beginning is missing.
fn last_lines(mut bytes: Vec<u8>) -> Vec<String> {
    if bytes.len() as u64 > TAIL {
        // The first line is a part of one, and a part of a token may look like none.
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(bytes.len());
        bytes.drain(..end);
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..]
        .iter()
        .map(|line| cut(line))
        .collect()
}

/// Cut between words, so that no part of a token is left that looks like none.
fn cut(line: &str) -> String {
    let Some((end, _)) = line.char_indices().nth(WIDTH) else {
        return line.to_owned();
    };
    let end = line[..end].rfind([' ', ',']).unwrap_or(0);
    format!("{} [cut]", &line[..end])
}

fn names(data_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data_dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .take(100)
        .map(|entry| {
            let meta = entry.metadata();
            let mode = meta.as_ref().ok().map(crate::system::mode);
            let size = meta.as_ref().map(std::fs::Metadata::len).unwrap_or_default();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            match mode {
                Some(None) => format!("{name} ({size} bytes)"),
                mode => format!(
                    "{name} (mode {:04o}, {size} bytes)",
                    mode.flatten().unwrap_or_default()
                ),
            }
        })
        .collect();
    names.sort();
    names
}

fn system() -> Value {
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let os = read("/etc/os-release").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(line.trim_matches('"').to_owned())
    });
    json!({
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "name": os,
        "kernel": read("/proc/sys/kernel/osrelease"),
        "processors": std::thread::available_parallelism().map(std::num::NonZero::get).ok(),
        "uptime": read("/proc/uptime").and_then(|text| text.split(' ').next().map(str::to_owned)),
    })
}

/// Names only.
fn variables() -> Vec<String> {
    const ABOUT: [&str; 9] = [
        "CODEX_",
        "DRAWBRIDGE_",
        "FORGE_",
        "DBUS_",
        "XDG_",
        "DISPLAY",
        "WAYLAND_",
        "SSL_CERT_",
        "LANG",
    ];
    let mut names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| ABOUT.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    names.sort();
    names
}

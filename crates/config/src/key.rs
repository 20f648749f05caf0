//! The table of keys: the one place where a key of the file is described.

use crate::Kind;

/// A key, as a word of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// `host.name`
    HostName,
    /// `host.id`
    HostId,
    /// `host.cwd`
    HostCwd,
    /// `codex.bin`
    CodexBin,
    /// `codex.home`
    CodexHome,
    /// `app_server.host`
    AppServerHost,
    /// `app_server.port`
    AppServerPort,
    /// `bus.api`
    BusApi,
    /// `bus.ca_file`
    BusCaFile,
    /// `mcp.name`
    McpName,
    /// `mcp.url`
    McpUrl,
    /// `security.role`
    Role,
    /// `security.answer`
    Answer,
    /// `security.roots`
    Roots,
    /// `security.ceilings`
    Ceilings,
    /// `approvals.answer_within`
    AnswerWithin,
    /// `approvals.unattended_within`
    UnattendedWithin,
    /// `skills.extra_roots`
    SkillRoots,
    /// `log.level`
    LogLevel,
}

impl Name {
    /// Its row of the table.
    #[must_use]
    pub fn key(self) -> &'static Key {
        // The rows stand in the order of the names; a test holds them to it.
        &KEYS[self as usize]
    }

    /// The key that is written `section.leaf` in the file.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        KEYS.iter().find(|key| key.path == path).map(|key| key.name)
    }
}

/// What there is to know about a key.
#[derive(Debug)]
pub struct Key {
    /// The word of the code.
    pub name: Name,
    /// As the file writes it, `section.leaf`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The default as TOML, where it is a fixed value.
    pub default: Option<&'static str>,
    /// What happens without the key, where the default is no fixed value.
    pub otherwise: &'static str,
    /// A value as TOML for the example, where there is no fixed default.
    pub example: &'static str,
    /// Flag of `drawbridge connect` that wins over everything.
    pub flag: Option<&'static str>,
    /// Variables that win over the file; the first that is set counts.
    pub variables: &'static [&'static str],
    /// Whether a wider value waits until a person confirmed it.
    pub guarded: bool,
    /// What it means, in sentences, one a line.
    pub about: &'static [&'static str],
}

impl Key {
    /// The part before the dot.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part after the dot.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, leaf)| leaf)
    }
}

/// A row with nothing but a name, a path and a kind.
const fn row(name: Name, path: &'static str, kind: Kind) -> Key {
    Key {
        name,
        path,
        kind,
        default: None,
        otherwise: "",
        example: "",
        flag: None,
        variables: &[],
        guarded: false,
        about: &[],
    }
}

/// All keys, in the order of the example.
pub const KEYS: [Key; 19] = [
    Key {
        otherwise: "the computer's name",
        example: "\"Workshop\"",
        flag: Some("--name"),
        about: &["What people at the far side read as the name of this computer."],
        ..row(Name::HostName, "host.name", Kind::Label)
    },
    Key {
        otherwise: "made once and kept in the data folder",
        example: "\"workshop-1\"",
        flag: Some("--id"),
        variables: &["FORGE_CODEX_CONNECTOR_ID", "CODEX_APP_CONNECTOR_ID"],
        about: &["Stable id of this computer at buses. Changing it makes it another host there."],
        ..row(Name::HostId, "host.id", Kind::HostId)
    },
    Key {
        otherwise: "the folder that drawbridge is started in",
        example: "\"~/projects/site\"",
        flag: Some("--cwd"),
        about: &[
            "Working directory of the agent. Without `security.roots` it is also the one folder that remote",
            "clients see, and then changing it waits for a confirmation as they do.",
        ],
        ..row(Name::HostCwd, "host.cwd", Kind::Directory)
    },
    Key {
        default: Some("\"codex\""),
        flag: Some("--codex-bin"),
        variables: &["FORGE_CODEX_CONNECTOR_CODEX_BIN", "CODEX_APP_CONNECTOR_CODEX_BIN"],
        about: &["The Codex executable: a name that is looked for on PATH, or a whole path."],
        ..row(Name::CodexBin, "codex.bin", Kind::Program)
    },
    Key {
        otherwise: "~/.codex",
        example: "\"~/.codex\"",
        variables: &["CODEX_HOME"],
        about: &["Folder with Codex's own configuration and threads. It must exist."],
        ..row(Name::CodexHome, "codex.home", Kind::Directory)
    },
    Key {
        default: Some("\"127.0.0.1\""),
        flag: Some("--app-server-host"),
        about: &["Address the app-server binds to. Only this computer's own are accepted."],
        ..row(Name::AppServerHost, "app_server.host", Kind::Loopback)
    },
    Key {
        otherwise: "a free one, another at each start",
        example: "9200",
        flag: Some("--app-server-port"),
        about: &["Port the app-server binds to."],
        ..row(
            Name::AppServerPort,
            "app_server.port",
            Kind::Integer {
                least: 1,
                most: 65535,
                unit: "",
            },
        )
    },
    Key {
        default: Some("\"https://bus.noagi.cloud\""),
        flag: Some("--api"),
        variables: &["FORGE_CODEX_CONNECTOR_API", "CODEX_APP_CONNECTOR_API"],
        about: &["Base address of the bus; /connect and /mcp are derived from it."],
        ..row(Name::BusApi, "bus.api", Kind::BusUrl)
    },
    Key {
        otherwise: "only the trust anchors of the system",
        example: "\"~/certs/bus.pem\"",
        flag: Some("--ca"),
        about: &["PEM file with trust anchors for the bus besides those of the system."],
        ..row(Name::BusCaFile, "bus.ca_file", Kind::File)
    },
    Key {
        default: Some("\"codex-agents\""),
        flag: Some("--mcp-name"),
        variables: &["FORGE_CODEX_CONNECTOR_MCP_NAME", "CODEX_APP_CONNECTOR_MCP_NAME"],
        about: &["Name under which threads have the MCP server of the bus."],
        ..row(Name::McpName, "mcp.name", Kind::McpName)
    },
    Key {
        otherwise: "the /mcp of the bus",
        example: "\"https://bus.example/mcp\"",
        flag: Some("--mcp-url"),
        variables: &["FORGE_CODEX_CONNECTOR_MCP_URL", "CODEX_APP_CONNECTOR_MCP_URL"],
        about: &["MCP server that threads get."],
        ..row(Name::McpUrl, "mcp.url", Kind::McpUrl)
    },
    Key {
        default: Some("\"operator\""),
        flag: Some("--role"),
        guarded: true,
        about: &[
            "The most a remote client may be: \"viewer\" reads loaded threads, \"operator\" starts threads and",
            "turns within the ceilings.",
        ],
        ..row(Name::Role, "security.role", Kind::Role)
    },
    Key {
        default: Some("\"local\""),
        flag: Some("--answer"),
        guarded: true,
        about: &[
            "Who may answer what the agent asks for: \"local\" (only you, here), \"both\" or \"remote\". With the",
            "latter two the bus and the connector are trusted with the answers.",
        ],
        ..row(Name::Answer, "security.answer", Kind::Answer)
    },
    Key {
        otherwise: "the working directory of the agent",
        example: "[\"~/projects/site\", \"~/projects/shop\"]",
        flag: Some("--root"),
        guarded: true,
        about: &["Folders that remote clients see and work in. Nothing outside exists for them."],
        ..row(
            Name::Roots,
            "security.roots",
            Kind::Folders { may_be_empty: false },
        )
    },
    Key {
        default: Some(
            "[\"on-request + workspace-write\", \"on-request + read-only\", \"untrusted + workspace-write\", \
             \"untrusted + read-only\"]",
        ),
        guarded: true,
        about: &[
            "What a remote client may set for a thread: when the agent must ask, and what it does without",
            "asking. Without asking at all, or without a sandbox, is nothing a remote client can have. With [] it",
            "starts nothing.",
        ],
        ..row(Name::Ceilings, "security.ceilings", Kind::Pairs)
    },
    Key {
        default: Some("300"),
        about: &[
            "Seconds until an approval that nobody answered is declined, while somebody is there to answer.",
        ],
        ..row(
            Name::AnswerWithin,
            "approvals.answer_within",
            Kind::Integer {
                least: 10,
                most: 3600,
                unit: "seconds",
            },
        )
    },
    Key {
        default: Some("60"),
        about: &["The same while nobody is there who may answer."],
        ..row(
            Name::UnattendedWithin,
            "approvals.unattended_within",
            Kind::Integer {
                least: 5,
                most: 600,
                unit: "seconds",
            },
        )
    },
    Key {
        default: Some("[]"),
        about: &[
            "Folders with skills besides Codex's own and ~/.agents/skills, for all threads. They need not be there",
            "yet. Counts from the next turn on; remote clients may name these skills, too.",
        ],
        ..row(
            Name::SkillRoots,
            "skills.extra_roots",
            Kind::Folders { may_be_empty: true },
        )
    },
    Key {
        default: Some("\"info\""),
        variables: &["DRAWBRIDGE_LOG"],
        about: &[
            "How much the host writes to its log, from the next moment on: \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"; for",
            "single parts as \"info,drawbridge_host=debug\".",
        ],
        ..row(Name::LogLevel, "log.level", Kind::LogFilter)
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, parse};

    #[test]
    fn every_name_finds_its_own_row_and_every_row_says_what_it_is() {
        for (at, key) in KEYS.iter().enumerate() {
            assert_eq!(key.name as usize, at, "{}", key.path);
            assert_eq!(key.name.key().path, key.path);
            assert_eq!(Name::of_path(key.path), Some(key.name));
            assert_eq!(format!("{}.{}", key.section(), key.leaf()), key.path);
            assert!(!key.about.is_empty(), "{}", key.path);
            assert_ne!(key.default.is_some(), !key.otherwise.is_empty(), "{}", key.path);
        }
    }

    #[test]
    fn every_default_and_every_example_is_a_value_the_key_takes() {
        for key in &KEYS {
            let literal = key.default.unwrap_or(key.example);
            let text = format!("[{}]\n{} = {literal}\n", key.section(), key.leaf());
            let (config, problems) = parse(&text, "config.toml");
            assert!(problems.is_empty(), "{text}{problems:?}");
            let config: Config = config.unwrap();
            assert!(config.values().get(key.name).is_some(), "{text}");
        }
    }
}

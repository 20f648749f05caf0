//! Whether a value is of the kind a parameter may be. Shallow on purpose: what the app-server rejects
//! anyway is its business; here it only matters that nothing but the named shapes gets through.

use super::ceiling::{Policy, Sandbox};
use super::refusals;
use super::rule::{Kind, Member, printable};
use serde_json::{Map, Value};

/// Keys a remote may put into a thread's `config`: those the official terminal client sends that can
/// only steer the model or take a tool away. Left out on purpose: `features.hooks` and
/// `features.plugins` (a hook may be what keeps the agent from something), `default_permissions`,
/// `mcp_servers` and everything of the sandbox (the gate's own).
pub const CONFIG_KEYS: &[(&str, Kind)] = &[
    ("features.apps", Kind::Off),
    ("features.goals", Kind::Off),
    ("features.image_generation", Kind::Off),
    ("features.memories", Kind::Off),
    ("features.multi_agent", Kind::Off),
    ("features.multi_agent_v2", Kind::Off),
    ("features.request_permissions_tool", Kind::Off),
    ("features.shell_tool", Kind::Off),
    ("features.standalone_web_search", Kind::Off),
    ("features.tool_suggest", Kind::Off),
    ("features.view_image", Kind::Off),
    ("model_reasoning_effort", Kind::Text),
    ("model_reasoning_summary", Kind::Text),
    ("model_verbosity", Kind::Text),
    ("web_search", Kind::Word(&["disabled"])),
];

/// Members of a [`Kind::CollaborationMode`].
const MODE_SETTINGS: &[Member] = &[
    Member {
        name: "model",
        kind: Kind::Text,
    },
    Member {
        name: "reasoning_effort",
        kind: Kind::Text,
    },
    Member {
        name: "developer_instructions",
        kind: Kind::Text,
    },
];

/// What is wrong, and where inside the parameter.
pub(super) struct Wrong {
    pub(super) rule: &'static str,
    pub(super) at: String,
    pub(super) message: String,
}

impl Wrong {
    fn new(message: impl Into<String>) -> Self {
        Self {
            rule: refusals::PARAMETER_KIND,
            at: String::new(),
            message: message.into(),
        }
    }
    fn inside(mut self, place: &str) -> Self {
        self.at = format!("{place}{}", self.at);
        self
    }
}

/// Checks a value that is not `null`.
pub(super) fn check(kind: Kind, value: &Value) -> Result<(), Wrong> {
    match kind {
        Kind::Any | Kind::Dropped => Ok(()),
        Kind::Unset => if_so(
            *value == Value::Bool(false),
            "a remote cannot set this; leave it out",
        ),
        Kind::Off => if_so(
            *value == Value::Bool(false),
            "a remote can only turn this off (`false`)",
        ),
        Kind::Bool => if_so(value.is_boolean(), "must be `true` or `false`"),
        Kind::Text | Kind::ThreadId => if_so(value.is_string(), "must be text"),
        Kind::Int => if_so(value.is_i64() || value.is_u64(), "must be a whole number"),
        Kind::Word(words) => word(value, words),
        Kind::Words(words) => each(value, |entry| word(entry, words)),
        Kind::Texts => each(value, |entry| if_so(entry.is_string(), "must be text")),
        Kind::Path => path(value),
        Kind::Paths => {
            if value.is_string() {
                path(value)
            } else {
                each(value, path)
            }
        }
        Kind::OwnFolder => each(value, path),
        Kind::SomePaths => {
            if_so(
                value.as_array().is_some_and(|list| !list.is_empty()),
                "must name at least one folder",
            )?;
            each(value, path)
        }
        Kind::Input => each(value, input),
        Kind::Config => config(value),
        // What is in no remote's ceiling; which pairs are in this one's is decided with the thread known.
        Kind::CeilingPolicy => within(Policy::read(value).is_some(), "`untrusted` or `on-request`"),
        Kind::CeilingSandbox => within(
            Sandbox::read_mode(value).is_some(),
            "`read-only` or `workspace-write`",
        ),
        Kind::CeilingSandboxPolicy => within(
            Sandbox::read_policy(value).is_some(),
            "`readOnly` or `workspaceWrite`, without network and further folders",
        ),
        Kind::CeilingReviewer => within(value.as_str() == Some("user"), "`user`"),
        Kind::CollaborationMode => collaboration_mode(value),
        Kind::Object(members) => object(value, members),
        Kind::ReviewTarget => review_target(value),
    }
}

fn if_so(holds: bool, message: &str) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::new(message)) }
}

fn within(holds: bool, most: &str) -> Result<(), Wrong> {
    if holds {
        return Ok(());
    }
    let message = format!("more than a remote may use; at most {most}");
    Err(Wrong {
        rule: refusals::CEILING,
        ..Wrong::new(message)
    })
}

fn each(value: &Value, check: impl Fn(&Value) -> Result<(), Wrong>) -> Result<(), Wrong> {
    let Some(list) = value.as_array() else {
        return Err(Wrong::new("must be a list"));
    };
    for (at, entry) in list.iter().enumerate() {
        check(entry).map_err(|wrong| wrong.inside(&format!("[{at}]")))?;
    }
    Ok(())
}

fn word(value: &Value, words: &[&str]) -> Result<(), Wrong> {
    let known = value.as_str().is_some_and(|word| words.contains(&word));
    if known {
        Ok(())
    } else {
        Err(Wrong::new(format!("must be one of: {}", words.join(", "))))
    }
}

/// A path is checked for real by whoever can ask the disk; here only what no disk should be asked.
fn path(value: &Value) -> Result<(), Wrong> {
    let text = value.as_str().ok_or_else(|| Wrong::new("must be a path"))?;
    if_so(!text.is_empty() && !text.contains('\0'), "must be a path")
}

fn members<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, Wrong> {
    value
        .as_object()
        .ok_or_else(|| Wrong::new(format!("must be {what}")))
}

fn object(value: &Value, allowed: &[Member]) -> Result<(), Wrong> {
    for (name, value) in members(value, "an object")? {
        let Some(member) = allowed.iter().find(|member| member.name == name) else {
            return Err(unknown_member(name));
        };
        if !value.is_null() {
            check(member.kind, value).map_err(|wrong| wrong.inside(&format!(".{name}")))?;
        }
    }
    Ok(())
}

fn unknown_member(name: &str) -> Wrong {
    Wrong {
        rule: refusals::PARAMETER,
        ..Wrong::new("a remote cannot set this; leave it out")
    }
    .inside(&format!(".{}", printable(name)))
}

/// The members of an object that is told apart by its `type`.
fn tagged(value: &Value, variants: &[(&str, &[Member])]) -> Result<(), Wrong> {
    let map = members(value, "an object with a `type`")?;
    let tag = map.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some((_, allowed)) = variants.iter().find(|(name, _)| *name == tag) else {
        let words: Vec<&str> = variants.iter().map(|(name, _)| *name).collect();
        return Err(Wrong::new(format!("must be one of: {}", words.join(", "))).inside(".type"));
    };
    for (name, value) in map.iter().filter(|(name, _)| *name != "type") {
        let Some(member) = allowed.iter().find(|member| member.name == name) else {
            return Err(unknown_member(name));
        };
        if !value.is_null() {
            check(member.kind, value).map_err(|wrong| wrong.inside(&format!(".{name}")))?;
        }
    }
    Ok(())
}

const fn member(name: &'static str, kind: Kind) -> Member {
    Member { name, kind }
}

/// What a turn may be given. Audio and uploaded files of the account are not among it.
const INPUT: &[(&str, &[Member])] = &[
    (
        "text",
        &[member("text", Kind::Text), member("text_elements", Kind::Any)],
    ),
    (
        "image",
        &[member("url", Kind::Text), member("detail", Kind::Text)],
    ),
    (
        "localImage",
        &[member("path", Kind::Path), member("detail", Kind::Text)],
    ),
    ("skill", &[member("name", Kind::Text), member("path", Kind::Path)]),
    (
        "mention",
        &[member("name", Kind::Text), member("path", Kind::Path)],
    ),
];

fn input(value: &Value) -> Result<(), Wrong> {
    tagged(value, INPUT)?;
    let required: &[&str] = match value["type"].as_str() {
        Some("text") => &["text"],
        Some("image") => &["url"],
        Some("localImage") => &["path"],
        _ => &["name", "path"],
    };
    for name in required {
        if !value[*name].is_string() {
            return Err(Wrong::new("must be given").inside(&format!(".{name}")));
        }
    }
    // Anything but these would make someone open a file or an address of this computer's network.
    if let Some(url) = value["url"].as_str() {
        let outside = ["data:", "https://"].iter().any(|scheme| {
            url.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        if_so(outside, "must be a `data:` or `https:` address").map_err(|wrong| wrong.inside(".url"))?;
    }
    Ok(())
}

fn config(value: &Value) -> Result<(), Wrong> {
    for (name, value) in members(value, "an object")? {
        let Some((_, kind)) = CONFIG_KEYS.iter().find(|(key, _)| key == name) else {
            return Err(unknown_member(name));
        };
        if !value.is_null() {
            check(*kind, value).map_err(|wrong| wrong.inside(&format!(".{name}")))?;
        }
    }
    Ok(())
}

fn collaboration_mode(value: &Value) -> Result<(), Wrong> {
    object(
        value,
        &[
            member("mode", Kind::Word(&["plan", "default"])),
            member("settings", Kind::Object(MODE_SETTINGS)),
        ],
    )
}

fn review_target(value: &Value) -> Result<(), Wrong> {
    tagged(
        value,
        &[
            ("uncommittedChanges", &[]),
            ("baseBranch", &[member("branch", Kind::Text)]),
            (
                "commit",
                &[member("sha", Kind::Text), member("title", Kind::Text)],
            ),
            ("custom", &[member("instructions", Kind::Text)]),
        ],
    )?;
    // Both reach a `git` command line; neither may pass for an option there.
    for name in ["branch", "sha"] {
        if value[name].as_str().is_some_and(|text| text.starts_with('-')) {
            return Err(Wrong::new("must not begin with `-`").inside(&format!(".{name}")));
        }
    }
    Ok(())
}

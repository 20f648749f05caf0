//! The JSON Schema of the file and the commented example, both from the table of keys.

use crate::key::KEYS;
use crate::kind::{ANSWERS, LEVELS, LONGEST_LABEL, LONGEST_TEXT, MOST_FOLDERS, ROLES};
use crate::suggest::sections;
use crate::{Key, Kind, all_pairs, words_of_pair};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// JSON Schema (draft 2020-12) of the file, for editors that complete and check TOML by it.
#[must_use]
pub fn json_schema() -> Value {
    let mut all = Map::new();
    for section in sections() {
        let mut properties = Map::new();
        for key in KEYS.iter().filter(|key| key.section() == section) {
            properties.insert(key.leaf().to_owned(), of_key(key));
        }
        all.insert(
            section.to_owned(),
            json!({ "type": "object", "properties": properties, "additionalProperties": false }),
        );
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Drawbridge configuration",
        "description": "config.toml of Drawbridge. Every key is optional; there are no secrets in it.",
        "type": "object",
        "properties": all,
        "additionalProperties": false,
    })
}

fn of_key(key: &Key) -> Value {
    let mut schema = of_kind(key.kind);
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), json!(key.about.join(" ")));
        if let Some(default) = key.default
            && let Ok(value) = toml::from_str::<Value>(&format!("value = {default}"))
        {
            schema.insert("default".to_owned(), value["value"].clone());
        }
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    let path = r"^(~|~/.*|/.*|[A-Za-z]:[\\/].*)$";
    match kind {
        Kind::Label => {
            json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_LABEL, "pattern": r"\S" })
        }
        Kind::HostId => json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$" }),
        Kind::McpName => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" }),
        Kind::Directory | Kind::File => {
            json!({ "type": "string", "maxLength": LONGEST_TEXT, "pattern": path })
        }
        Kind::Program => json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_TEXT }),
        Kind::Folders { may_be_empty } => json!({
            "type": "array",
            "minItems": u8::from(!may_be_empty),
            "maxItems": MOST_FOLDERS,
            "items": of_kind(Kind::Directory),
        }),
        Kind::BusUrl | Kind::McpUrl => {
            json!({ "type": "string", "maxLength": LONGEST_TEXT, "pattern": "^[hH][tT][tT][pP][sS]?://[^@?#]+$" })
        }
        Kind::Loopback => json!({ "type": "string", "pattern": r"^(localhost|127\.[0-9.]+|[0:]+1)$" }),
        Kind::Integer { least, most, .. } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Role => json!({ "enum": ROLES }),
        Kind::Answer => json!({ "enum": ANSWERS }),
        Kind::LogFilter => {
            let level = LEVELS.join("|");
            let part = format!(r"\s*([A-Za-z0-9_:-]+\s*=\s*)?({level})\s*");
            json!({ "type": "string", "pattern": format!("^{part}(,{part})*$") })
        }
        Kind::Pairs => json!({
            "type": "array",
            "uniqueItems": true,
            "items": { "enum": all_pairs().map(words_of_pair) },
        }),
    }
}

/// The commented example: every key with what it means, none of them in effect.
#[must_use]
pub fn example() -> String {
    let mut out = String::from(
        "# Drawbridge configuration. Every key is optional. A flag of `drawbridge connect` wins over a\n\
         # variable, a variable over this file, this file over the default. `drawbridge config show` says\n\
         # which one won, `drawbridge config check` what is wrong. No secrets in here: tokens are given to\n\
         # `drawbridge enroll`.\n",
    );
    for section in sections() {
        let _ = write!(out, "\n[{section}]\n");
        for (at, key) in KEYS.iter().filter(|key| key.section() == section).enumerate() {
            if at > 0 {
                out.push('\n');
            }
            for line in key.about {
                let _ = writeln!(out, "# {line}");
            }
            if let Some(line) = remarks(key) {
                let _ = writeln!(out, "# {line}");
            }
            if key.guarded {
                out.push_str("# A wider value waits until it is confirmed at this computer.\n");
            }
            let value = key.default.unwrap_or(key.example);
            let _ = writeln!(out, "# {} = {value}", key.leaf());
        }
    }
    out
}

fn remarks(key: &Key) -> Option<String> {
    let mut parts = Vec::new();
    if key.default.is_none() {
        parts.push(format!("Default: {}.", key.otherwise));
    }
    if let Kind::Integer { least, most, .. } = key.kind {
        parts.push(format!("From {least} to {most}."));
    }
    let mut over = Vec::new();
    if let Some(flag) = key.flag {
        over.push(flag.to_owned());
    }
    over.extend(key.variables.iter().take(1).map(|name| (*name).to_owned()));
    if !over.is_empty() {
        parts.push(format!("Also {}.", over.join(" and ")));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

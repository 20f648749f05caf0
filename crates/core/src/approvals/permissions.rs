//! A grant of a part of the permissions that were asked for.
//!
//! A client of the app-server protocol may take parts out of what was asked, and nothing else: every
//! entry it grants must be one that was asked for, word for word. A folder inside an asked one is not
//! taken, because a link in it may lead elsewhere. What cannot be read to the last member is no grant.

use drawbridge_wire::Grant;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a client's answer grants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Nothing,
    /// Exactly what was asked, and no other condition.
    Whole {
        session: bool,
    },
    Part(Grant),
}

/// Reads the `result` a client sent.
pub(super) fn read(asked: &Value, result: &Value) -> Result<Reading, NotWithin> {
    let result = result.as_object().ok_or(NotWithin)?;
    only(result, &["permissions", "scope", "strictAutoReview"])?;
    let session = match result.get("scope").map(Value::as_str) {
        None | Some(Some("turn")) => false,
        Some(Some("session")) => true,
        Some(_) => return Err(NotWithin),
    };
    let strict_auto_review = flag(result.get("strictAutoReview"))?;
    // codex reviews commands of a turn; a grant that lasts longer would go unreviewed.
    if session && strict_auto_review {
        return Err(NotWithin);
    }
    let granted = result.get("permissions").ok_or(NotWithin)?;
    // The whole needs no understanding: it is granted as it was asked.
    let whole = granted == asked && !strict_auto_review;
    match part(asked, granted) {
        Err(NotWithin) | Ok(Some(_)) if whole => Ok(Reading::Whole { session }),
        Err(not_within) => Err(not_within),
        Ok(None) => Ok(Reading::Nothing),
        Ok(Some(permissions)) => Ok(Reading::Part(Grant {
            permissions,
            session,
            strict_auto_review,
        })),
    }
}

/// The answer to a grant, rebuilt from what was asked; `None` when it is not within it.
pub(super) fn answer(asked: &Value, grant: &Grant) -> Option<Value> {
    if grant.session && grant.strict_auto_review {
        return None;
    }
    let granted = Value::Object(grant.permissions.clone());
    let permissions = part(asked, &granted).ok()??;
    let mut answer = json!({
        "permissions": permissions,
        "scope": if grant.session { "session" } else { "turn" },
    });
    if grant.strict_auto_review {
        answer["strictAutoReview"] = Value::Bool(true);
    }
    Some(answer)
}

/// What was granted is not within what was asked, or cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotWithin;

/// What is granted of what was asked, in the words of the asked; `None` when that is nothing.
fn part(asked: &Value, granted: &Value) -> Result<Option<Map<String, Value>>, NotWithin> {
    let (asked, granted) = (object(Some(asked))?, object(Some(granted))?);
    only(&granted, &["fileSystem", "network"])?;
    let mut out = Map::new();
    let files = files(
        &object(asked.get("fileSystem"))?,
        &object(granted.get("fileSystem"))?,
    )?;
    if let Some(files) = files {
        out.insert("fileSystem".to_owned(), files);
    }
    let network = object(granted.get("network"))?;
    only(&network, &["enabled"])?;
    if flag(network.get("enabled"))? {
        if !flag(object(asked.get("network"))?.get("enabled"))? {
            return Err(NotWithin);
        }
        out.insert("network".to_owned(), json!({ "enabled": true }));
    }
    Ok((!out.is_empty()).then_some(out))
}

/// One rule for one place. Places are told apart by their canonical text.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    place: Value,
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Deny,
    Read,
    Write,
}

impl Access {
    fn word(self) -> &'static str {
        match self {
            Access::Deny => "deny",
            Access::Read => "read",
            Access::Write => "write",
        }
    }
}

fn files(asked: &Map<String, Value>, granted: &Map<String, Value>) -> Result<Option<Value>, NotWithin> {
    only(granted, &["entries", "globScanMaxDepth", "read", "write"])?;
    let depth = granted.get("globScanMaxDepth").filter(|depth| !depth.is_null());
    if depth.is_some() && depth != asked.get("globScanMaxDepth") {
        return Err(NotWithin);
    }
    let (wanted, given) = (Entries::read(asked)?, Entries::read(granted)?);
    if given.listed.is_some() && given.legacy.is_some() && !given.agrees() {
        // Two lists that say different things: what the client means cannot be known.
        return Err(NotWithin);
    }
    let given = given.all();
    if given.values().all(|entry| entry.access == Access::Deny) {
        return Ok(None);
    }
    let in_entries = wanted.listed.is_some();
    let known = wanted.all();
    for (place, entry) in &given {
        let asked = known.get(place).ok_or(NotWithin)?;
        let within = match entry.access {
            Access::Deny => asked.access == Access::Deny,
            access => asked.access != Access::Deny && access <= asked.access,
        };
        if !within {
            return Err(NotWithin);
        }
    }
    // An exception that is left out would make the rest wider than what was asked.
    let exceptions = known.iter().filter(|(_, entry)| entry.access == Access::Deny);
    if exceptions
        .into_iter()
        .any(|(place, _)| !given.contains_key(place))
    {
        return Err(NotWithin);
    }
    let mut out = Map::new();
    if in_entries {
        let entries = given.values();
        let entries = entries.map(|e| json!({ "path": e.place, "access": e.access.word() }));
        out.insert("entries".to_owned(), entries.collect());
        if let Some(depth) = asked.get("globScanMaxDepth").filter(|depth| !depth.is_null()) {
            out.insert("globScanMaxDepth".to_owned(), depth.clone());
        }
    } else {
        for access in [Access::Read, Access::Write] {
            let paths: Vec<&Value> = given
                .values()
                .filter(|entry| entry.access == access)
                .filter_map(|entry| entry.place.get("path"))
                .collect();
            if !paths.is_empty() {
                out.insert(access.word().to_owned(), json!(paths));
            }
        }
    }
    Ok(Some(Value::Object(out)))
}

/// The two ways the protocol has to say the same: `entries`, and the lists `read` and `write` before them.
struct Entries {
    listed: Option<BTreeMap<String, Entry>>,
    legacy: Option<BTreeMap<String, Entry>>,
}

impl Entries {
    fn read(files: &Map<String, Value>) -> Result<Self, NotWithin> {
        let listed = match files.get("entries").filter(|v| !v.is_null()) {
            None => None,
            Some(list) => {
                let mut entries = BTreeMap::new();
                for entry in list.as_array().ok_or(NotWithin)? {
                    let entry = entry.as_object().ok_or(NotWithin)?;
                    only(entry, &["access", "path"])?;
                    let access = match entry.get("access").and_then(Value::as_str) {
                        Some("deny") => Access::Deny,
                        Some("read") => Access::Read,
                        Some("write") => Access::Write,
                        _ => return Err(NotWithin),
                    };
                    let place = entry.get("path").filter(|p| p.is_object()).ok_or(NotWithin)?;
                    add(&mut entries, place.clone(), access)?;
                }
                Some(entries)
            }
        };
        let mut legacy: Option<BTreeMap<String, Entry>> = None;
        for (member, access) in [("read", Access::Read), ("write", Access::Write)] {
            if let Some(list) = files.get(member).filter(|v| !v.is_null()) {
                let entries = legacy.get_or_insert_default();
                for path in list.as_array().ok_or(NotWithin)? {
                    let path = path.as_str().ok_or(NotWithin)?;
                    // Asked for twice, the wider of the two is what was asked.
                    let place = json!({ "type": "path", "path": path });
                    entries.insert(super::canonical(&place), Entry { place, access });
                }
            }
        }
        Ok(Self { listed, legacy })
    }

    /// Whether the lists name the same as those entries that they can name.
    fn agrees(&self) -> bool {
        let (Some(listed), Some(legacy)) = (&self.listed, &self.legacy) else {
            return true;
        };
        let nameable = |entry: &&Entry| {
            entry.access != Access::Deny && entry.place.get("type").is_some_and(|kind| kind == "path")
        };
        listed.values().filter(nameable).count() == legacy.len()
            && legacy
                .iter()
                .all(|(place, entry)| listed.get(place) == Some(entry))
    }

    /// Both together; where they differ, what codex reads: the entries.
    fn all(self) -> BTreeMap<String, Entry> {
        match (self.listed, self.legacy) {
            (Some(listed), _) => listed,
            (None, legacy) => legacy.unwrap_or_default(),
        }
    }
}

fn add(entries: &mut BTreeMap<String, Entry>, place: Value, access: Access) -> Result<(), NotWithin> {
    let name = super::canonical(&place);
    let before = entries.get(&name).map_or(access, |entry| entry.access);
    // Forbidden and allowed at once can be read in two ways.
    if (before == Access::Deny) != (access == Access::Deny) {
        return Err(NotWithin);
    }
    let access = access.max(before);
    entries.insert(name, Entry { place, access });
    Ok(())
}

/// An object; nothing and null are empty ones.
fn object(value: Option<&Value>) -> Result<Map<String, Value>, NotWithin> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(_) => Err(NotWithin),
    }
}

fn flag(value: Option<&Value>) -> Result<bool, NotWithin> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(NotWithin),
    }
}

fn only(map: &Map<String, Value>, names: &[&str]) -> Result<(), NotWithin> {
    if map.keys().all(|name| names.contains(&name.as_str())) {
        Ok(())
    } else {
        Err(NotWithin)
    }
}

#[cfg(test)]
#[path = "permissions/tests.rs"]
mod tests;

//! Wider permissions, asked for by themselves or with a command.

use crate::page::Page;
use serde_json::{Map, Value};

pub(crate) fn render(page: &mut Page<'_>) {
    page.headline("Widen what the agent may do", "");
    match page.value("permissions") {
        Some(profile) => render_profile(page, "Wants", profile),
        None => page.say("Wants: not given by the agent."),
    }
    if let Some(cwd) = page.text("cwd") {
        page.fact("Working directory", cwd);
    }
    if let Some(environment) = page.text("environmentId").filter(|id| *id != "local") {
        page.fact("Environment", environment);
    }
    page.claim();
}

/// A permission profile in words where it is understood, else whole as it came.
pub(crate) fn render_profile(page: &mut Page<'_>, label: &str, profile: &Value) {
    match read(profile) {
        Some(wishes) if !wishes.is_empty() => {
            for (wish, what) in wishes {
                match what {
                    Some(what) => page.fact(&format!("{label}: {wish}"), &what),
                    None => page.own_fact(label, wish),
                }
            }
        }
        _ => page.json(label, profile),
    }
}

type Wish = (&'static str, Option<String>);

/// `None` as soon as any part has an unknown form: half a translation would hide the other half.
fn read(profile: &Value) -> Option<Vec<Wish>> {
    let mut wishes = Vec::new();
    for (key, part) in present(profile)? {
        match key.as_str() {
            "network" => {
                for (key, value) in present(part)? {
                    match (key.as_str(), value) {
                        ("enabled", Value::Bool(true)) => wishes.push(("network access", None)),
                        ("enabled", Value::Bool(false)) => wishes.push(("no network access", None)),
                        _ => return None,
                    }
                }
            }
            "fileSystem" => read_file_system(part, &mut wishes)?,
            _ => return None,
        }
    }
    Some(wishes)
}

fn read_file_system(part: &Value, wishes: &mut Vec<Wish>) -> Option<()> {
    for (key, value) in present(part)? {
        let wish = match key.as_str() {
            "read" => "read",
            "write" => "write",
            "entries" => {
                for entry in value.as_array()? {
                    wishes.push(read_entry(entry)?);
                }
                continue;
            }
            _ => return None,
        };
        for path in value.as_array()? {
            wishes.push((wish, Some(path.as_str()?.to_owned())));
        }
    }
    Some(())
}

fn read_entry(entry: &Value) -> Option<Wish> {
    let entry = entry.as_object().filter(|entry| entry.len() == 2)?;
    let wish = match entry.get("access")?.as_str()? {
        "read" => "read",
        "write" => "write",
        "deny" => "deny access to",
        _ => return None,
    };
    let path = entry.get("path")?.as_object().filter(|path| path.len() == 2)?;
    match path.get("type")?.as_str()? {
        "path" => Some((wish, Some(path.get("path")?.as_str()?.to_owned()))),
        _ => None,
    }
}

/// The members that are not `null`.
fn present(value: &Value) -> Option<impl Iterator<Item = (&String, &Value)>> {
    value
        .as_object()
        .map(|object: &Map<String, Value>| object.iter().filter(|(_, value)| !value.is_null()))
}

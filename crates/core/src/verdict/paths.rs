//! Every path in a request that passed [`super::check`], so that the host can put the canonical one in
//! its place.

use super::refusals;
use super::rule::{Kind, Refusal, Rule};
use serde_json::{Map, Value};

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathUse {
    /// A folder to work in, to search or to filter by.
    Folder,
    /// A workspace root; see [`own_folder_only`].
    WorkspaceRoot,
    /// An image of this computer.
    Image,
    /// A skill. The app-server finds skills in folders of its own, too.
    Skill,
    /// A file or folder mentioned in the text.
    Mention,
}

/// Strips the request ([`Rule::strip`]), calls `canonical` for every path that is left, puts what it
/// answers in the path's place, and stops at its first error. The first argument is where the path stands
/// (`cwd`, `input[1].path`). Paths come as the remote wrote them, relative ones (`.`) too: they mean the
/// folder the app-server runs in.
///
/// # Errors
/// Those of `canonical`.
pub fn rewrite<E>(
    rule: &Rule,
    params: &mut Map<String, Value>,
    mut canonical: impl FnMut(&str, PathUse, &str) -> Result<String, E>,
) -> Result<(), E> {
    rule.strip(params);
    for allowed in rule.params {
        let Some(value) = params.get_mut(allowed.name) else {
            continue;
        };
        match allowed.kind {
            Kind::Path | Kind::Paths | Kind::SomePaths => {
                folders(allowed.name, value, PathUse::Folder, &mut canonical)?;
            }
            Kind::OwnFolder => folders(allowed.name, value, PathUse::WorkspaceRoot, &mut canonical)?,
            Kind::Input => input(allowed.name, value, &mut canonical)?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether the workspace roots of a request (canonical by now) are no more than the folder it names, or
/// that of its thread.
///
/// # Errors
/// When there is another one: it would be a further folder the sandbox lets the agent write to.
pub fn own_folder_only(
    rule: &Rule,
    params: &Map<String, Value>,
    thread_cwd: Option<&str>,
) -> Result<(), Refusal> {
    let folder = params.get("cwd").and_then(Value::as_str).or(thread_cwd);
    for allowed in rule
        .params
        .iter()
        .filter(|allowed| allowed.kind == Kind::OwnFolder)
    {
        let Some(roots) = params.get(allowed.name).and_then(Value::as_array) else {
            continue;
        };
        if roots.iter().any(|root| root.as_str() != folder) {
            return Err(Refusal::of_parameter(
                refusals::CEILING,
                allowed.name,
                format!(
                    "`{}` may name the thread's own folder only; leave it out",
                    allowed.name
                ),
            ));
        }
    }
    Ok(())
}

fn folders<E>(
    name: &str,
    value: &mut Value,
    purpose: PathUse,
    canonical: &mut impl FnMut(&str, PathUse, &str) -> Result<String, E>,
) -> Result<(), E> {
    match value {
        Value::String(path) => *path = canonical(name, purpose, path)?,
        Value::Array(list) => {
            for (at, entry) in list.iter_mut().enumerate() {
                if let Value::String(path) = entry {
                    *path = canonical(&format!("{name}[{at}]"), purpose, path)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn input<E>(
    name: &str,
    value: &mut Value,
    canonical: &mut impl FnMut(&str, PathUse, &str) -> Result<String, E>,
) -> Result<(), E> {
    let Some(list) = value.as_array_mut() else {
        return Ok(());
    };
    for (at, item) in list.iter_mut().enumerate() {
        let purpose = match item.get("type").and_then(Value::as_str) {
            Some("localImage") => PathUse::Image,
            Some("skill") => PathUse::Skill,
            Some("mention") => PathUse::Mention,
            _ => continue,
        };
        if let Some(Value::String(path)) = item.get_mut("path") {
            *path = canonical(&format!("{name}[{at}].path"), purpose, path)?;
        }
    }
    Ok(())
}

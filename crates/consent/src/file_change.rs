//! Files the agent wants to change. The request names only an item; what would change is in that item.

use crate::diff::{Form, mode_change};
use crate::page::Page;
use serde_json::Value;

/// Whether a card for this request shows every change it asks for. Without that nobody can say yes to
/// it knowingly.
#[must_use]
pub fn shows_changes(params: &Value, item: Option<&Value>) -> bool {
    matches!(changes(params, item), Ok(changes) if !changes.is_empty())
}

/// One readable change.
struct Change<'a> {
    path: &'a str,
    diff: &'a str,
    kind: ChangeKind<'a>,
}

enum ChangeKind<'a> {
    Add,
    Delete,
    Update,
    Move(&'a str),
}

/// Why the changes cannot be read.
enum Unreadable {
    Missing,
    OfAnotherRequest,
    NotUnderstood,
}

fn changes<'a>(params: &Value, item: Option<&'a Value>) -> Result<Vec<Change<'a>>, Unreadable> {
    let item = item.filter(|item| !item.is_null()).ok_or(Unreadable::Missing)?;
    if item.get("id").and_then(Value::as_str) != params.get("itemId").and_then(Value::as_str) {
        return Err(Unreadable::OfAnotherRequest);
    }
    let list = item
        .get("changes")
        .and_then(Value::as_array)
        .ok_or(Unreadable::NotUnderstood)?;
    list.iter()
        .map(|change| read(change).ok_or(Unreadable::NotUnderstood))
        .collect()
}

fn read(change: &Value) -> Option<Change<'_>> {
    let object = change.as_object().filter(|object| object.len() == 3)?;
    let kind = object.get("kind")?.as_object()?;
    let moved = match kind.get("move_path") {
        None | Some(Value::Null) => None,
        Some(path) => Some(path.as_str()?),
    };
    if kind.keys().any(|key| key != "type" && key != "move_path") {
        return None;
    }
    Some(Change {
        path: object.get("path")?.as_str()?,
        diff: object.get("diff")?.as_str()?,
        kind: match (kind.get("type")?.as_str()?, moved) {
            ("add", None) => ChangeKind::Add,
            ("delete", None) => ChangeKind::Delete,
            ("update", None) => ChangeKind::Update,
            ("update", Some(path)) => ChangeKind::Move(path),
            _ => return None,
        },
    })
}

pub(crate) fn render(page: &mut Page<'_>, item: Option<&Value>) {
    let grant = page.text("grantRoot");
    let changes = changes(page.params(), item);
    let ours = match (&changes, grant.is_some()) {
        (Ok(changes), false) => count(changes.len()),
        (Ok(changes), true) => format!("{} and allow writing under a folder", count(changes.len())),
        (Err(_), false) => "Change files that are not known".to_owned(),
        (Err(_), true) => "Change files that are not known and allow writing under a folder".to_owned(),
    };
    let first = changes
        .as_ref()
        .ok()
        .and_then(|changes| changes.first())
        .map_or("", |change| change.path);
    page.headline(&ours, first);
    match &changes {
        Ok(changes) if changes.is_empty() => page.say("The agent's list of changes is empty."),
        Ok(changes) => {
            for (n, change) in changes.iter().enumerate() {
                render_change(page, n + 1, changes.len(), change);
            }
        }
        Err(Unreadable::Missing) => page.say(
            "What would change is NOT KNOWN: the request came without its list of files. \
             Decline or cancel, or look at the agent's own screen.",
        ),
        Err(Unreadable::OfAnotherRequest) => page.say(
            "What would change is NOT KNOWN: the only list of files at hand belongs to another request. \
             Decline or cancel, or look at the agent's own screen.",
        ),
        Err(Unreadable::NotUnderstood) => {
            page.say("The list of changes has a form this version does not know. It is shown as it came.");
            page.json("Changes", item.unwrap_or(&Value::Null));
        }
    }
    if let Some(root) = grant {
        page.fact(
            "Also asks to write anywhere under this folder, until the thread ends",
            root,
        );
    }
    page.claim();
}

fn count(n: usize) -> String {
    if n == 1 {
        "Change 1 file".to_owned()
    } else {
        format!("Change {n} files")
    }
}

fn render_change(page: &mut Page<'_>, n: usize, of: usize, change: &Change<'_>) {
    let (verb, content) = match change.kind {
        ChangeKind::Add => ("create", "Its whole content"),
        ChangeKind::Delete => ("delete", "The content that goes"),
        ChangeKind::Update => ("change", "The whole difference"),
        ChangeKind::Move(_) => ("change and move", "The whole difference"),
    };
    page.fact(&format!("File {n} of {of}: {verb}"), change.path);
    if let ChangeKind::Move(to) = change.kind {
        page.fact(&format!("File {n} of {of}: moves to"), to);
    }
    let form = match change.kind {
        ChangeKind::Add => Form::New,
        ChangeKind::Delete => Form::Old,
        ChangeKind::Update | ChangeKind::Move(_) => Form::Unified,
    };
    if let (Form::Unified, Some((old, new))) = (form, mode_change(change.diff)) {
        page.fact(
            &format!("File {n} of {of}: its mode changes"),
            &format!("{old} to {new}"),
        );
    }
    if change.diff.contains('\0') {
        page.say(&format!(
            "File {n} of {of} holds what is no text; it is shown as far as text can show it."
        ));
    }
    if change.diff.is_empty() {
        page.say(&format!("{content}: empty"));
    } else {
        page.diff(content, change.diff, form);
    }
}

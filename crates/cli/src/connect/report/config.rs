//! The configuration in words: the file, what waits in it, and what it lets remote clients do.

use super::laid_out;
use drawbridge_consent::visible_line;
use drawbridge_wire::buses::{ConfigInForce, ConfigView, ConfirmedState, WideningView};
use drawbridge_wire::control::PolicyView;

/// What remote clients may do.
pub(crate) fn policy(view: &PolicyView) -> Vec<String> {
    let ceilings = if view.ceilings.is_empty() {
        "no thread".to_owned()
    } else {
        format!("threads with {}", view.ceilings.join(", "))
    };
    let mut lines = vec![format!(
        "approvals are answered: {}; remote clients: at most {}, {ceilings}",
        view.answer, view.role
    )];
    if view.roots.is_empty() {
        lines.push("remote clients see no folder".to_owned());
    }
    let seen = |root: &std::path::PathBuf| {
        let root = visible_line(&root.to_string_lossy());
        format!("remote clients see {root}")
    };
    lines.extend(view.roots.iter().map(seen));
    lines
}

/// The configuration file, when there is something to say of it.
pub(crate) fn config(view: &ConfigView) -> Vec<String> {
    let file = visible_line(&view.file.to_string_lossy());
    let mut lines: Vec<String> = view
        .problems
        .iter()
        .map(|problem| laid_out(&problem.text))
        .collect();
    match view.in_force {
        ConfigInForce::Defaults | ConfigInForce::File => {}
        ConfigInForce::LastGood => lines.push(format!(
            "{file}: the file is wrong; the last good configuration stays in force"
        )),
        ConfigInForce::NarrowedDefaults => lines.push(format!(
            "{file}: the file is wrong, and there is no earlier good one; the defaults count, and of the file what \
             narrows them"
        )),
    }
    if view.confirmed == ConfirmedState::Unreadable && view.digest.is_some() {
        lines.push(
            "what was confirmed for remote clients cannot be read; until it can, or is confirmed anew, only what \
             flags gave counts"
                .to_owned(),
        );
    }
    lines.extend(waiting(&view.waiting));
    if !view.waiting.is_empty() {
        lines.push("`drawbridge config accept` puts in force what waits".to_owned());
    }
    if !view.at_next_start.is_empty() {
        lines.push(format!(
            "changed, and counts from the next start on: {}",
            view.at_next_start.join(", ")
        ));
    }
    lines
}

/// What waits for a person, one setting a line.
pub(crate) fn waiting(waiting: &[WideningView]) -> Vec<String> {
    let line = |wider: &WideningView| {
        format!(
            "{}: in force is {}; {} waits until you confirm it",
            visible_line(&wider.key),
            visible_line(&wider.from),
            visible_line(&wider.to)
        )
    };
    waiting.iter().map(line).collect()
}

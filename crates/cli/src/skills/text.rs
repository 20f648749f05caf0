//! Skills in words.

use drawbridge_consent::visible_line;
use drawbridge_wire::skills::{
    CodexSkills, SkillChangeView, SkillProblemView, SkillRootView, SkillView, SkillWatching, SkillsView,
    UnwatchedFolders,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

pub(super) fn path(path: &Path) -> String {
    visible_line(&path.to_string_lossy())
}

/// One line for `status`.
pub(crate) fn summary(view: &SkillsView) -> String {
    if view.watching == SkillWatching::Starting {
        return "skills: not looked at yet".to_owned();
    }
    let bad = view.skills.iter().filter(|skill| is_bad(skill)).count();
    let off = view
        .skills
        .iter()
        .filter(|skill| skill.enabled == Some(false))
        .count();
    let mut line = format!("skills: {}", view.skills.len());
    if off > 0 {
        line += &format!(", {off} switched off");
    }
    if bad > 0 {
        line += &format!(", {bad} cannot be used (`drawbridge skills check` says why)");
    }
    if let Some(failed) = codex_failed(&view.codex) {
        line += &format!("; {failed}");
    }
    if let Some(watching) = watching(&view.watching) {
        line += &format!("; {watching}");
    }
    if let Some(folders) = &view.unwatched {
        line += &format!("; {}", unwatched(folders));
    }
    line
}

/// That it is not known which skills Codex uses, and why.
pub(super) fn codex_failed(codex: &CodexSkills) -> Option<String> {
    match codex {
        CodexSkills::Failed { message } => {
            Some(format!("codex did not list its own: {}", visible_line(message)))
        }
        CodexSkills::Unknown | CodexSkills::Refreshing | CodexSkills::Fresh => None,
    }
}

/// The same when it is news, or that it is over.
pub(super) fn codex_news(before: &CodexSkills, now: &CodexSkills) -> Option<String> {
    if before == now {
        return None;
    }
    let over = codex_failed(before).is_some() && *now == CodexSkills::Fresh;
    codex_failed(now).or_else(|| over.then(|| "codex has listed its own again".to_owned()))
}

/// How many folders are named; `--json` has all.
const NAMED: usize = 3;

fn named(folders: &[&PathBuf]) -> String {
    let first: Vec<String> = folders.iter().take(NAMED).map(|folder| path(folder)).collect();
    let more = match folders.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    first.join(", ") + &more
}

/// Which folders nobody looks at.
pub(super) fn unwatched(what: &UnwatchedFolders) -> String {
    format!(
        "skills are not watched in {}: {} [{}]",
        named(&what.folders.iter().collect::<Vec<_>>()),
        visible_line(&what.message),
        what.code
    )
}

/// The same when it is news: whole when it begins, else only what is another, or that it is over.
pub(crate) fn unwatched_news(
    before: Option<&UnwatchedFolders>,
    now: Option<&UnwatchedFolders>,
) -> Option<String> {
    let (before, now) = match (before, now) {
        (None, None) => return None,
        (None, Some(now)) => return Some(unwatched(now)),
        (Some(_), None) => return Some("skills are watched in all folders again".to_owned()),
        (Some(before), Some(now)) => (before, now),
    };
    if (&before.code, &before.message) != (&now.code, &now.message) {
        return Some(unwatched(now));
    }
    let new: Vec<&PathBuf> = now
        .folders
        .iter()
        .filter(|folder| !before.folders.contains(folder))
        .collect();
    let count = match now.folders.len() {
        1 => "1 folder".to_owned(),
        count => format!("{count} folders"),
    };
    if !new.is_empty() {
        let new = named(&new);
        return Some(format!(
            "skills are not watched in {new} either, {count} in all [{}]",
            now.code
        ));
    }
    let fewer = now.folders.len() < before.folders.len();
    fewer.then(|| format!("skills are still not watched in {count} [{}]", now.code))
}

/// What is worth saying of how changes are noticed, when that is another than before.
pub(crate) fn watching_news(before: &SkillWatching, now: &SkillWatching) -> Option<String> {
    if before == now {
        return None;
    }
    let over = || watching(before).map(|_| "changes of skills are noticed as they happen again".to_owned());
    watching(now).or_else(over)
}

/// What is worth saying of how changes are noticed.
pub(super) fn watching(watching: &SkillWatching) -> Option<String> {
    match watching {
        SkillWatching::Starting | SkillWatching::Watched => None,
        SkillWatching::Polled {
            every_ms,
            code,
            message,
        } => Some(format!(
            "skills are looked at every {every_ms} ms instead of being watched: {} [{code}]",
            visible_line(message)
        )),
        SkillWatching::Off { message } => Some(format!("skills are not watched: {}", visible_line(message))),
    }
}

fn is_bad(skill: &SkillView) -> bool {
    skill.problems.iter().any(|problem| problem.severity == "error")
}

fn word(skill: &SkillView) -> &'static str {
    match (is_bad(skill), skill.enabled) {
        (true, _) => "bad",
        (false, Some(true)) => "on",
        (false, Some(false)) => "off",
        (false, None) => "?",
    }
}

fn heading(root: &SkillRootView) -> String {
    let mut line = format!("{} ({}", path(&root.path), root.scope);
    if root.read_only {
        line += ", read only";
    }
    if root.state != "present" {
        line += &format!(", {}", root.state.replace('_', " "));
    }
    line += ")";
    if let Some(real) = &root.real {
        line += &format!(" -> {}", path(real));
    }
    line
}

pub(super) fn list(view: &SkillsView) -> String {
    let mut lines = Vec::new();
    for root in &view.roots {
        let skills: Vec<&SkillView> = view
            .skills
            .iter()
            .filter(|skill| skill.root == root.path)
            .collect();
        if skills.is_empty() && root.problems.is_empty() {
            continue;
        }
        lines.push(heading(root));
        lines.extend(root.problems.iter().map(|one| format!("  {}", problem(one))));
        for skill in skills {
            lines.push(
                format!("  {:<4}{}  {}", word(skill), skill.name, skill.description)
                    .trim_end()
                    .to_owned(),
            );
            lines.extend(skill.problems.iter().map(|one| format!("      {}", problem(one))));
            lines.extend(later(&skill.next_turn).map(|later| format!("      {later}")));
        }
    }
    if lines.is_empty() {
        lines.push("there are no skills; `drawbridge skills roots` says where they would be".to_owned());
    }
    lines.extend(codex_failed(&view.codex));
    lines.join("\n") + "\n"
}

pub(super) fn roots(view: &SkillsView) -> String {
    let mut lines: Vec<String> = view
        .roots
        .iter()
        .flat_map(|root| {
            let problems = root.problems.iter().map(|one| format!("  {}", problem(one)));
            let not_in = (!root.not_in.is_empty()).then(|| {
                format!(
                    "  not in threads that began before its .codex was there: {}",
                    ids(&root.not_in)
                )
            });
            let all = std::iter::once(heading(root)).chain(problems).chain(not_in);
            all.collect::<Vec<_>>()
        })
        .collect();
    lines.extend(view.instructions.iter().map(|file| {
        let old = if file.old_in.is_empty() {
            String::new()
        } else {
            format!(
                "; threads that began before it changed keep the old one: {}",
                ids(&file.old_in)
            )
        };
        format!("{} (instructions{old})", path(&file.path))
    }));
    lines.extend(view.unwatched.as_ref().map(unwatched));
    lines.push(watching(&view.watching).unwrap_or_else(|| match view.watching {
        SkillWatching::Starting => "not looked at yet".to_owned(),
        _ if cfg!(target_os = "linux") => "changes are noticed as they happen".to_owned(),
        // The systems do not tell of it.
        _ => "changes are noticed as they happen; that a folder above these gets another name, with the next change or \
              `drawbridge skills list --rescan`"
            .to_owned(),
    }));
    lines.join("\n") + "\n"
}

pub(super) fn whole(skill: &SkillView) -> String {
    let mut lines = vec![
        format!("Name: {}", skill.name),
        format!("Description: {}", skill.description),
        format!("File: {}", path(&skill.path)),
        format!("Folder: {} ({})", path(&skill.root), skill.scope),
        format!(
            "Used: {}",
            match skill.enabled {
                Some(true) => "yes",
                Some(false) => "no, switched off",
                None => "not known; Codex did not say",
            }
        ),
        format!("Size: {} bytes", skill.size),
        format!(
            "Changed: {}",
            skill
                .changed_at_ms
                .and_then(date)
                .as_deref()
                .unwrap_or("not known")
        ),
        format!(
            "SHA-256: {}",
            skill.hash.as_deref().unwrap_or("not taken, it is too large")
        ),
    ];
    lines.extend(skill.problems.iter().map(problem));
    lines.extend(later(&skill.next_turn));
    lines.join("\n") + "\n"
}

/// A moment that a file names, which may be any; past the year 9999 there is no way to write it.
fn date(at_ms: u64) -> Option<String> {
    const YEAR_10000_MS: u64 = 253_402_300_800_000;
    let known = at_ms < YEAR_10000_MS;
    known.then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(at_ms)))
}

/// All that is wrong, by root.
pub(super) fn problems(view: &SkillsView) -> Vec<&SkillProblemView> {
    let of_root = |root: &SkillRootView| {
        let skills = view.skills.iter().filter(|skill| skill.root == root.path);
        skills.flat_map(|skill| &skill.problems).collect::<Vec<_>>()
    };
    view.roots
        .iter()
        .flat_map(|root| root.problems.iter().chain(of_root(root)))
        .collect()
}

pub(super) fn problem(problem: &SkillProblemView) -> String {
    let place: String = [problem.line, problem.column]
        .into_iter()
        .map_while(|number| number.map(|number| format!(":{number}")))
        .collect();
    format!(
        "{}{place}: {}: {} [{}]",
        path(&problem.path),
        problem.severity,
        // Its hidden characters are visible already, and their marks would be taken for such.
        problem.message,
        problem.code
    )
}

fn ids(threads: &[String]) -> String {
    let ids: Vec<String> = threads.iter().map(|id| visible_line(id)).collect();
    ids.join(", ")
}

pub(super) fn later(threads: &[String]) -> Option<String> {
    (!threads.is_empty()).then(|| {
        format!(
            "applies from the next turn in {}, where a turn runs with what was before",
            ids(threads)
        )
    })
}

/// One change in a line.
pub(super) fn change(change: &SkillChangeView, now: &SkillsView) -> String {
    let mut line = change.kind.clone();
    match &change.name {
        Some(name) => line += &format!(" {name}"),
        None => line += " instructions",
    }
    line += &format!(" {}", path(&change.path));
    if let Some(from) = &change.from {
        line += &format!(" (was {})", path(from));
    }
    if let Some(later) = later(&change.next_turn) {
        line += &format!("; {later}");
    }
    if change.name.is_none() {
        line += "; threads that run keep what they began with";
    }
    let skill = now.skills.iter().find(|skill| skill.path == change.path);
    let bad = skill.and_then(|skill| skill.problems.iter().find(|problem| problem.severity == "error"));
    if let Some(bad) = bad.filter(|_| change.kind != "deleted") {
        line += &format!("\n  {}", problem(bad));
    }
    line
}

/// Skills that are used now and were not, and the other way round.
pub(super) fn switched<'a>(before: &SkillsView, now: &'a SkillsView) -> Vec<&'a SkillView> {
    let old: HashMap<&Path, Option<bool>> = before
        .skills
        .iter()
        .map(|old| (&*old.path, old.enabled))
        .collect();
    let was = |skill: &SkillView| old.get(&*skill.path).copied().flatten();
    let differs =
        |skill: &&SkillView| was(skill).is_some_and(|was| skill.enabled.is_some_and(|is| is != was));
    now.skills.iter().filter(differs).collect()
}

/// One of them in a line.
pub(super) fn switch_line(skill: &SkillView) -> String {
    let word = if skill.enabled == Some(true) { "on" } else { "off" };
    let later = later(&skill.next_turn).map(|later| format!("; {later}"));
    format!(
        "{word} {} {}{}",
        skill.name,
        path(&skill.path),
        later.unwrap_or_default()
    )
}

/// The same as an object.
pub(super) fn switch(skill: &SkillView) -> Value {
    json!({
        "kind": if skill.enabled == Some(true) { "enabled" } else { "disabled" },
        "name": skill.name,
        "path": skill.path,
        "next_turn": skill.next_turn,
    })
}

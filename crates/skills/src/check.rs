//! What is wrong with skills beside each other: names that are taken twice, and names that hide others.

use crate::model::{Problem, RootKind, ScannedRoot, Scope, Severity};
use drawbridge_consent::visible_line;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// From here on a skill costs much of what an agent can keep in mind.
pub const LARGE: u64 = 64 * 1024;

/// One skill, by the numbers of its root and in it.
type At = (usize, usize);

/// Adds what only shows when all roots are known. Skills are as [`crate::scan::scan`] left them.
pub fn check(roots: &mut [ScannedRoot]) {
    let mut by_name: BTreeMap<String, Vec<At>> = BTreeMap::new();
    for (r, root) in roots.iter_mut().enumerate() {
        for (s, skill) in root.skills.iter_mut().enumerate() {
            if skill.size > LARGE && skill.hash.is_some() {
                skill.problems.push(Problem {
                    severity: Severity::Warning,
                    code: "large",
                    path: skill.path.clone(),
                    line: None,
                    column: None,
                    message: format!(
                        "it is larger than {} KiB, all of which the agent reads when it uses it; move parts into files \
                         of their own",
                        LARGE / 1024
                    ),
                });
            }
            by_name.entry(skill.name.clone()).or_default().push((r, s));
        }
    }
    let mut found: Vec<(At, Problem)> = Vec::new();
    for places in by_name.values().filter(|places| places.len() > 1) {
        for (n, at) in places.iter().enumerate() {
            found.extend(beside(roots, places, n).into_iter().map(|problem| (*at, problem)));
        }
    }
    for ((r, s), problem) in found {
        roots[r].skills[s].problems.push(problem);
    }
}

/// What other skills of the same name do to the one at `n`: at most one problem of each kind, however many there are.
fn beside(roots: &[ScannedRoot], places: &[At], n: usize) -> Vec<Problem> {
    let (r, s) = places[n];
    let (root, skill) = (&roots[r], &roots[r].skills[s]);
    let others = || {
        places
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != n)
            .map(|(_, (r, s))| (&roots[*r], &roots[*r].skills[*s]))
            // The same file through another root is no second skill.
            .filter(|(_, other)| other.real != skill.real)
            .filter(|(other, _)| meet(root, other))
    };
    let shown = |path: &Path| visible_line(&path.to_string_lossy());
    let problem = |code, message| Problem {
        severity: Severity::Warning,
        code,
        path: skill.path.clone(),
        line: None,
        column: None,
        message,
    };
    let twice = others().find(|(other, _)| other.root.kind.scope() == root.root.kind.scope());
    let twice = twice.map(|(_, other)| {
        let message = format!(
            "another skill is called {} too: {}; rename one, since it is not sure which is used",
            skill.name,
            shown(&other.path)
        );
        problem("duplicate_name", message)
    });
    let first = others().find(|(other, _)| rank(other) < rank(root));
    let first = first.map(|(_, other)| {
        let message = format!(
            "{} has the same name and comes first; rename one",
            shown(&other.path)
        );
        problem("shadowed", message)
    });
    twice.into_iter().chain(first).collect()
}

/// Whether some thread has the skills of both.
fn meet(a: &ScannedRoot, b: &ScannedRoot) -> bool {
    match (&a.root.folder, &b.root.folder) {
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
        _ => true,
    }
}

fn rank(root: &ScannedRoot) -> u8 {
    match root.root.kind.scope() {
        Scope::Repo => 0,
        Scope::User => 1,
        Scope::System => 2,
        Scope::Admin => 3,
    }
}

/// Everything that is wrong, in the order of the roots.
#[must_use]
pub fn problems(roots: &[ScannedRoot]) -> Vec<Problem> {
    let of_root = |root: &ScannedRoot| {
        let skills = root.skills.iter().flat_map(|skill| skill.problems.clone());
        root.problems.iter().cloned().chain(skills).collect::<Vec<_>>()
    };
    roots.iter().flat_map(of_root).collect()
}

/// The folders of the user whose skills everybody may name who may work here.
#[must_use]
pub fn user_roots(roots: &[ScannedRoot]) -> Vec<PathBuf> {
    roots
        .iter()
        .filter(|root| {
            matches!(
                root.root.kind,
                RootKind::CodexHome | RootKind::Home | RootKind::Extra
            )
        })
        .filter_map(|root| root.real.clone())
        .collect()
}

//! The settings that decide what a remote may do, and the rule that nothing widens them but a person.

use crate::{Config, Name, Origin, Problem, Settings, Source, words_of_pair};
use drawbridge_core::verdict::ceiling::Pair;
use drawbridge_wire::{Role, WhoMayAnswer};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const BAD_ROOT: &str = "bad_root";
/// What helps when a folder for remotes is not there.
const GONE: &str = "make the folder, or take it out of the list";

/// Role, answer, roots and ceilings, as they were confirmed, loaded or are in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// Highest role of a remote.
    pub role: Role,
    /// Who may answer approvals.
    pub answer: WhoMayAnswer,
    /// Canonical folders. None at all means that a remote sees nothing, *not* a default.
    pub roots: Vec<PathBuf>,
    /// Allowed pairs; without any a remote starts nothing.
    #[serde(with = "crate::pairs::as_words")]
    pub ceilings: Vec<Pair>,
}

/// A setting that is wider in the file than what was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widening {
    /// The key, as the file writes it.
    pub key: String,
    /// What is in force.
    pub from: String,
    /// What the file wants.
    pub to: String,
}

/// What is in force, and what waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrowed {
    /// Never wider than what was confirmed, never wider than what was loaded.
    pub in_force: Security,
    /// What to ask the person about.
    pub waiting: Vec<Widening>,
}

/// The part of the loaded settings that what was last confirmed allows. A narrower setting is in force
/// at once; of a wider one only what was confirmed is, and the rest waits.
///
/// Each setting has a complete order: roles viewer < operator; answers local < both < remote (by how
/// little is left to the person at the host); roots and ceilings by what they contain.
#[must_use]
pub fn narrow(confirmed: &Security, loaded: &Security) -> Narrowed {
    let in_force = Security {
        role: confirmed.role.min(loaded.role),
        answer: if reach(loaded.answer) <= reach(confirmed.answer) {
            loaded.answer
        } else {
            confirmed.answer
        },
        roots: common_roots(&confirmed.roots, &loaded.roots),
        ceilings: loaded
            .ceilings
            .iter()
            .copied()
            .filter(|pair| confirmed.ceilings.contains(pair))
            .collect(),
    };
    let mut waiting = Vec::new();
    let mut wait = |name: Name, from: String, to: String| {
        waiting.push(Widening {
            key: name.key().path.to_owned(),
            from,
            to,
        });
    };
    if in_force.role != loaded.role {
        wait(Name::Role, word(&in_force.role), word(&loaded.role));
    }
    if in_force.answer != loaded.answer {
        wait(Name::Answer, word(&in_force.answer), word(&loaded.answer));
    }
    if !loaded.roots.iter().all(|root| contains(&in_force.roots, root)) {
        wait(Name::Roots, paths(&in_force.roots), paths(&loaded.roots));
    }
    if in_force.ceilings.len() != loaded.ceilings.len() {
        wait(Name::Ceilings, pairs(&in_force.ceilings), pairs(&loaded.ceilings));
    }
    Narrowed { in_force, waiting }
}

impl Security {
    /// Whether everything this allows is allowed by the other too.
    #[must_use]
    pub fn is_within(&self, other: &Security) -> bool {
        self.role <= other.role
            && reach(self.answer) <= reach(other.answer)
            && self.roots.iter().all(|root| contains(&other.roots, root))
            && self.ceilings.iter().all(|pair| other.ceilings.contains(pair))
    }
}

/// How much of the answering is out of the hands of the person at the host.
fn reach(answer: WhoMayAnswer) -> u8 {
    match answer {
        WhoMayAnswer::Local => 0,
        WhoMayAnswer::Both => 1,
        WhoMayAnswer::Remote => 2,
    }
}

/// The folders that both lists contain: of two nested ones the inner.
#[must_use]
pub fn common_roots(left: &[PathBuf], right: &[PathBuf]) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = Vec::new();
    let inner = right
        .iter()
        .filter(|root| contains(left, root))
        .chain(left.iter().filter(|root| contains(right, root)));
    for root in inner {
        if !out.contains(root) {
            out.push(root.clone());
        }
    }
    out
}

fn contains(roots: &[PathBuf], path: &Path) -> bool {
    roots.iter().any(|root| path.starts_with(root))
}

/// A setting as [`Widening`] has it. `of_start`: the folders are the one that drawbridge is started in.
#[must_use]
pub fn words(security: &Security, name: Name, of_start: bool) -> String {
    match name {
        Name::Role => word(&security.role),
        Name::Answer => word(&security.answer),
        Name::Roots if of_start => format!(
            "the folder that drawbridge is started in (now {})",
            paths(&security.roots)
        ),
        Name::Roots => paths(&security.roots),
        Name::Ceilings => pairs(&security.ceilings),
        _ => String::new(),
    }
}

fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn paths(roots: &[PathBuf]) -> String {
    listed(roots.iter().map(|root| root.display().to_string()))
}

fn pairs(pairs: &[Pair]) -> String {
    listed(pairs.iter().map(|pair| words_of_pair(*pair)))
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| crate::words::inert_line(&item)).collect();
    if items.is_empty() {
        "nothing".to_owned()
    } else {
        items.join(", ")
    }
}

/// The security settings among resolved ones. Without roots it is the working directory (`cwd`, of the
/// agent) that remotes see. Folders are canonicalised now; one that cannot be, or that `why_not` refuses (with
/// the end of a sentence that begins with it), is left out and told of, with its place in `config`.
#[must_use]
pub fn security_of(
    settings: &Settings,
    config: &Config,
    cwd: &Path,
    home: Option<&Path>,
    why_not: impl Fn(&Path) -> Option<String>,
) -> (Security, Vec<Problem>) {
    let values = settings.values();
    let mut problems = Vec::new();
    let mut roots = Vec::new();
    let wanted = values.paths(Name::Roots);
    let of_cwd = wanted.is_none() && matches!(settings.origin(Name::HostCwd), Origin::File { .. });
    let name = if of_cwd { Name::HostCwd } else { Name::Roots };
    let wanted: Vec<PathBuf> = match wanted {
        None => vec![cwd.to_owned()],
        Some(paths) => paths
            .iter()
            .map(|path| path.expanded(home).unwrap_or_else(|| path.as_path().to_owned()))
            .collect(),
    };
    for root in wanted {
        let (why, help) = match root.canonicalize() {
            Ok(canonical) if canonical.is_dir() => {
                if let Some(why) = why_not(&canonical) {
                    (why, "name a project folder")
                } else {
                    if !roots.contains(&canonical) {
                        roots.push(canonical);
                    }
                    continue;
                }
            }
            Ok(_) => ("is no folder".to_owned(), GONE),
            Err(_) => ("does not exist".to_owned(), GONE),
        };
        let shown = crate::words::quoted(&root.display().to_string());
        let message = format!("{}: {shown} {why}, so no remote client sees it", name.key().path);
        let problem = match settings.origin(name) {
            Origin::File { file, .. } => config.problem(name, file, BAD_ROOT, message),
            _ => Problem::of(settings.source(name), BAD_ROOT, message),
        };
        problems.push(problem.with_help(help).into_warning());
    }
    let security = Security {
        role: values.role().unwrap_or(Role::Operator),
        answer: values.answer().unwrap_or_default(),
        roots,
        ceilings: values
            .ceilings()
            .map_or_else(|| crate::all_pairs().to_vec(), <[Pair]>::to_vec),
    };
    (security, problems)
}

impl Settings {
    /// Where a key's value comes from, for problems about it.
    #[must_use]
    pub fn source(&self, name: Name) -> Source {
        match self.origin(name) {
            crate::Origin::Flag(flag) => Source::Argument((*flag).to_owned()),
            crate::Origin::Variable(variable) => Source::Variable((*variable).to_owned()),
            crate::Origin::File { file, .. } => Source::File(file.clone()),
            crate::Origin::Default => Source::Argument(name.key().path.to_owned()),
        }
    }
}

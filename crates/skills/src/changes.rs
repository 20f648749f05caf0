//! What differs between two looks.

use crate::model::{Instructions, ScannedRoot, Skill};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new here.
    Created,
    /// Its content, or what is wrong with it, is another.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another path in the same root.
    Renamed {
        /// Its path before.
        from: PathBuf,
    },
    /// It came from another root.
    Moved {
        /// Its path before.
        from: PathBuf,
    },
}

impl ChangeKind {
    /// The word on the wire.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            ChangeKind::Created => "created",
            ChangeKind::Modified => "modified",
            ChangeKind::Deleted => "deleted",
            ChangeKind::Renamed { .. } => "renamed",
            ChangeKind::Moved { .. } => "moved",
        }
    }

    /// Where it was before, when that was elsewhere.
    #[must_use]
    pub fn from(&self) -> Option<&Path> {
        match self {
            ChangeKind::Renamed { from } | ChangeKind::Moved { from } => Some(from),
            ChangeKind::Created | ChangeKind::Modified | ChangeKind::Deleted => None,
        }
    }
}

/// Something that is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How.
    pub kind: ChangeKind,
    /// The `SKILL.md`, or the file of instructions.
    pub path: PathBuf,
    /// Name of the skill; `None` for instructions.
    pub name: Option<String>,
    /// The root; for instructions the folder of the file.
    pub root: PathBuf,
    /// The folder whose threads it concerns; `None` for all.
    pub folder: Option<PathBuf>,
}

struct Place<'a> {
    root: &'a ScannedRoot,
    skill: &'a Skill,
}

/// Compares two looks. Roots that were not looked at before are no news, and neither is what is in roots
/// that nobody looks at any more. Both are as [`crate::scan::scan`] left them: after [`crate::check::check`]
/// a new neighbour would pass for a change.
#[must_use]
pub fn compare(before: &[ScannedRoot], after: &[ScannedRoot]) -> Vec<Change> {
    let in_both = |all: &[ScannedRoot], root: &ScannedRoot| all.iter().any(|other| other.root == root.root);
    let old = places(before, |root| in_both(after, root));
    let new = places(after, |root| in_both(before, root));
    let mut gone: Vec<&Place<'_>> = old
        .iter()
        .filter(|(path, _)| !new.contains_key(*path))
        .map(|(_, place)| place)
        .collect();
    let mut changes = Vec::new();
    for (path, place) in &new {
        let kind = match old.get(path) {
            Some(was) if differs(was.skill, place.skill) => ChangeKind::Modified,
            Some(_) => continue,
            None => match came_from(&mut gone, place) {
                Some(was) if was.root.root == place.root.root => ChangeKind::Renamed {
                    from: was.skill.path.clone(),
                },
                Some(was) => ChangeKind::Moved {
                    from: was.skill.path.clone(),
                },
                None => ChangeKind::Created,
            },
        };
        changes.push(change(kind, place));
    }
    changes.extend(gone.into_iter().map(|place| change(ChangeKind::Deleted, place)));
    changes
}

/// The same of files of instructions.
#[must_use]
pub fn compare_instructions(before: &[Instructions], after: &[Instructions]) -> Vec<Change> {
    let change = |kind, file: &Instructions| {
        let folder = file.path.parent().unwrap_or(&file.path).to_owned();
        Change {
            kind,
            path: file.path.clone(),
            name: None,
            root: folder.clone(),
            folder: Some(folder),
        }
    };
    let mut changes = Vec::new();
    for file in after {
        match before.iter().find(|old| old.path == file.path) {
            None => changes.push(change(ChangeKind::Created, file)),
            Some(old) if (&old.hash, old.size) != (&file.hash, file.size) => {
                changes.push(change(ChangeKind::Modified, file));
            }
            Some(_) => {}
        }
    }
    for file in before {
        if !after.iter().any(|new| new.path == file.path) {
            changes.push(change(ChangeKind::Deleted, file));
        }
    }
    changes
}

fn places(roots: &[ScannedRoot], kept: impl Fn(&ScannedRoot) -> bool) -> BTreeMap<&Path, Place<'_>> {
    let mut all = BTreeMap::new();
    for root in roots.iter().filter(|root| kept(root)) {
        for skill in &root.skills {
            all.insert(skill.path.as_path(), Place { root, skill });
        }
    }
    all
}

/// Takes a skill of the same content out of what is gone: first of the same root.
fn came_from<'a>(gone: &mut Vec<&'a Place<'a>>, place: &Place<'_>) -> Option<&'a Place<'a>> {
    place.skill.hash.as_ref()?;
    let same = |was: &&Place<'_>| was.skill.hash == place.skill.hash;
    let at = gone
        .iter()
        .position(|was| same(was) && was.root.root == place.root.root)
        .or_else(|| gone.iter().position(same))?;
    Some(gone.swap_remove(at))
}

fn differs(was: &Skill, is: &Skill) -> bool {
    let unread = was.hash.is_none() && was.changed_ms != is.changed_ms;
    unread || (&was.hash, was.size, &was.name) != (&is.hash, is.size, &is.name) || was.problems != is.problems
}

fn change(kind: ChangeKind, place: &Place<'_>) -> Change {
    Change {
        kind,
        path: place.skill.path.clone(),
        name: Some(place.skill.name.clone()),
        root: place.root.root.path.clone(),
        folder: place.root.root.folder.clone(),
    }
}

//! The little that a bus is told.

use super::Listed;
use drawbridge_skills::{ScannedRoot, Scope};
use drawbridge_wire::skills::{MOST_NAME_BYTES, SkillName, SkillNames};
use std::path::PathBuf;

/// What a name takes in a message besides itself.
const REST: usize = 140;

/// Names of usable skills: the user's own and Codex's, and those of projects that remote clients see.
pub(super) fn names(roots: &[ScannedRoot], listed: &Listed, seen: &[PathBuf]) -> SkillNames {
    let is_seen = |root: &&ScannedRoot| {
        let folder = root.folder.as_ref();
        let inside = folder.is_some_and(|folder| seen.iter().any(|root| folder.starts_with(root)));
        inside || root.root.kind.scope() != Scope::Repo
    };
    let mut all: Vec<SkillName> = roots
        .iter()
        .filter(is_seen)
        .flat_map(|root| root.skills.iter().map(move |skill| (root, skill)))
        .filter(|(_, skill)| skill.is_usable())
        .filter_map(|(root, skill)| {
            Some(SkillName {
                name: skill.name.clone(),
                scope: root.root.kind.scope().word().to_owned(),
                hash: skill.hash.clone()?,
                enabled: listed.enabled(&skill.real),
            })
        })
        .collect();
    all.sort();
    all.dedup();
    let mut bytes = 0;
    let fit = all
        .iter()
        .take_while(|skill| {
            // A character takes at most six bytes where it stands for itself by its number.
            bytes +=
                REST + serde_json::to_string(&skill.name).map_or(skill.name.len() * 6, |text| text.len());
            bytes <= MOST_NAME_BYTES
        })
        .count();
    let left_out = u32::try_from(all.len() - fit).unwrap_or(u32::MAX);
    all.truncate(fit);
    SkillNames {
        skills: all,
        left_out,
    }
}

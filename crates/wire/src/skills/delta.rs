//! What is another in all that is known of skills, without the many that are as they were.

use super::{SkillView, SkillsView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From one [`SkillsView`] to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillsDelta {
    /// All besides the skills, whole. Its `skills` are empty.
    pub rest: SkillsView,
    /// Skills that are new or another. They take the place of those of the same root and path.
    pub skills: Vec<SkillView>,
    /// Skills that are gone.
    pub gone: Vec<SkillPlace>,
}

/// Where a skill is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillPlace {
    /// [`SkillView::root`].
    pub root: PathBuf,
    /// [`SkillView::path`].
    pub path: PathBuf,
}

type Places<'a> = BTreeMap<(&'a Path, &'a Path), &'a SkillView>;

fn places(view: &SkillsView) -> Places<'_> {
    let place = |skill| (key(skill), skill);
    view.skills.iter().map(place).collect()
}

fn key(skill: &SkillView) -> (&Path, &Path) {
    (&skill.root, &skill.path)
}

impl SkillsDelta {
    /// What leads from one to the other; `None` where it takes both views to say so, since places are named
    /// twice or the order is another.
    #[must_use]
    pub fn between(before: &SkillsView, now: &SkillsView) -> Option<Self> {
        let (old, new) = (places(before), places(now));
        let other = |skill: &&SkillView| old.get(&key(skill)).copied() != Some(*skill);
        let gone = old.keys().filter(|place| !new.contains_key(*place));
        let delta = Self {
            rest: SkillsView {
                skills: Vec::new(),
                watching: now.watching.clone(),
                codex: now.codex.clone(),
                roots: now.roots.clone(),
                instructions: now.instructions.clone(),
                changes: now.changes,
                recent: now.recent.clone(),
                unwatched: now.unwatched.clone(),
            },
            skills: now.skills.iter().filter(other).cloned().collect(),
            gone: gone
                .map(|(root, path)| SkillPlace {
                    root: (*root).to_owned(),
                    path: (*path).to_owned(),
                })
                .collect(),
        };
        let mut there = before.clone();
        there.apply(&delta);
        (there == *now).then_some(delta)
    }
}

impl SkillsView {
    /// Makes it the next.
    pub fn apply(&mut self, delta: &SkillsDelta) {
        let mut skills = std::mem::take(&mut self.skills);
        let gone = delta.gone.iter().map(|place| (&*place.root, &*place.path));
        let stale: BTreeSet<(&Path, &Path)> = gone.chain(delta.skills.iter().map(key)).collect();
        skills.retain(|skill| !stale.contains(&key(skill)));
        skills.extend(delta.skills.iter().cloned());
        *self = delta.rest.clone();
        let order: BTreeMap<&Path, usize> = self
            .roots
            .iter()
            .enumerate()
            .rev()
            .map(|(n, root)| (&*root.path, n))
            .collect();
        let rank = |skill: &SkillView| order.get(&*skill.root).copied().unwrap_or(usize::MAX);
        skills.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path)));
        self.skills = skills;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skills::SkillRootView;

    fn root(path: &str) -> SkillRootView {
        SkillRootView {
            path: path.into(),
            real: None,
            kind: "home".to_owned(),
            scope: "user".to_owned(),
            folder: None,
            read_only: false,
            state: "present".to_owned(),
            problems: Vec::new(),
            not_in: Vec::new(),
        }
    }

    fn skill(root: &str, n: usize, hash: &str) -> SkillView {
        SkillView {
            name: format!("skill-{n}"),
            description:
                "what it is for, in a sentence of the usual length, so that it can be found when needed"
                    .to_owned(),
            scope: "user".to_owned(),
            root: root.into(),
            path: format!("{root}/skill-{n:04}/SKILL.md").into(),
            enabled: Some(true),
            hash: Some(hash.repeat(64)),
            size: 4096,
            changed_at_ms: Some(1_700_000_000_000),
            problems: Vec::new(),
            next_turn: Vec::new(),
        }
    }

    fn view(skills: Vec<SkillView>) -> SkillsView {
        SkillsView {
            // Not in the order of the alphabet.
            roots: vec![root("/z"), root("/a")],
            skills,
            ..SkillsView::default()
        }
    }

    #[test]
    fn each_next_view_is_reached_from_the_one_before() {
        let all = |root, hash| (0..5).map(move |n| skill(root, n, hash));
        let views = [
            view(Vec::new()),
            view(all("/z", "a").chain(all("/a", "a")).collect()),
            view(all("/z", "a").chain(all("/a", "b")).collect()),
            view(all("/z", "a").skip(2).chain(all("/a", "b").take(3)).collect()),
            view(all("/a", "b").collect()),
            SkillsView {
                changes: 7,
                ..view(all("/a", "b").collect())
            },
            SkillsView::default(),
        ];
        for pair in views.windows(2) {
            let delta = SkillsDelta::between(&pair[0], &pair[1]).expect("it can be said");
            let mut seen = pair[0].clone();
            seen.apply(&delta);
            assert_eq!(seen, pair[1]);
        }
        let one = SkillsDelta::between(&views[1], &views[2]).unwrap();
        assert_eq!((one.skills.len(), one.gone.len()), (5, 0), "only what is another");
    }

    #[test]
    fn what_cannot_be_said_is_not_said() {
        let before = view(vec![skill("/z", 1, "a")]);
        let twice = view(vec![skill("/z", 1, "a"), skill("/z", 1, "b")]);
        assert_eq!(SkillsDelta::between(&before, &twice), None);
        let turned = view(vec![skill("/z", 2, "a"), skill("/z", 1, "a")]);
        assert_eq!(SkillsDelta::between(&before, &turned), None);
    }

    #[test]
    fn one_changed_of_two_thousand_costs_no_more_than_a_few() {
        let before = view((0..2000).map(|n| skill("/z", n, "a")).collect());
        let mut now = before.clone();
        now.skills[1000] = skill("/z", 1000, "b");
        let whole = serde_json::to_string(&now).unwrap().len();
        let delta = SkillsDelta::between(&before, &now).unwrap();
        let delta = serde_json::to_string(&delta).unwrap().len();
        assert!(whole > 500_000 && delta < 4096, "{whole} and {delta}");
    }
}

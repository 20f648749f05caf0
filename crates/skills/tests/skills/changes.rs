//! What differs between two looks.

use crate::world::{World, put};
use drawbridge_skills::changes::{compare, compare_instructions};
use drawbridge_skills::watch::look_once;
use drawbridge_skills::{ChangeKind, Root, RootKind, RootState, ScannedRoot, Skill};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Paths relative to the world.
fn told(
    world: &World,
    before: &[ScannedRoot],
    after: &[ScannedRoot],
) -> Vec<(String, &'static str, Option<String>)> {
    let base = world.base();
    let short = |path: &Path| path.strip_prefix(&base).unwrap().display().to_string();
    let mut all: Vec<_> = compare(before, after)
        .into_iter()
        .map(|change| {
            (
                short(&change.path),
                change.kind.word(),
                change.kind.from().map(short),
            )
        })
        .collect();
    all.sort();
    all
}

// proves S5.33
#[test]
fn each_kind_of_change_is_told_as_what_it_is() {
    let world = World::new();
    let base = world.base();
    let (one, two) = (base.join("codex/skills"), base.join("project/.agents/skills"));
    put(&one, "stays", "");
    put(&one, "edited", "1");
    put(&one, "deleted", "");
    put(&one, "old-name", "renamed");
    put(&one, "traveller", "moved");
    let (before, _) = look_once(&world.places);
    put(&one, "created", "");
    put(&one, "edited", "2");
    std::fs::remove_dir_all(one.join("deleted")).unwrap();
    std::fs::rename(one.join("old-name"), one.join("new-name")).unwrap();
    std::fs::create_dir_all(&two).unwrap();
    std::fs::rename(one.join("traveller"), two.join("traveller")).unwrap();
    let (after, _) = look_once(&world.places);
    let of = |path: &str, kind, from: Option<&str>| {
        (
            format!("{path}/SKILL.md"),
            kind,
            from.map(|from| format!("{from}/SKILL.md")),
        )
    };
    assert_eq!(
        told(&world, &before, &after),
        [
            of("codex/skills/created", "created", None),
            of("codex/skills/deleted", "deleted", None),
            of("codex/skills/edited", "modified", None),
            of("codex/skills/new-name", "renamed", Some("codex/skills/old-name")),
            of(
                "project/.agents/skills/traveller",
                "moved",
                Some("codex/skills/traveller")
            ),
        ]
    );
    assert_eq!(told(&world, &after, &after), []);
    let named = compare(&before, &after)
        .into_iter()
        .find(|change| change.kind == ChangeKind::Created)
        .unwrap();
    assert_eq!(named.name.as_deref(), Some("created"));
    assert_eq!((named.root, named.folder), (one, None));
}

#[test]
fn a_root_that_is_looked_at_from_now_on_is_no_news() {
    let world = World::new();
    put(&world.base().join("project/.codex/skills"), "a", "");
    let mut places = world.places.clone();
    places.folders.clear();
    let (before, _) = look_once(&places);
    let (after, _) = look_once(&world.places);
    assert_eq!(told(&world, &before, &after), []);
    assert_eq!(told(&world, &after, &before), []);
}

#[test]
fn instructions_change_too() {
    let world = World::new();
    let base = world.base();
    let file = base.join("project/AGENTS.md");
    let look = || look_once(&world.places).1;
    let nothing = look();
    std::fs::write(&file, "one").unwrap();
    let one = look();
    std::fs::write(&file, "two").unwrap();
    let two = look();
    let kind = |before, after| {
        let changes = compare_instructions(before, after);
        assert!(changes.len() <= 1);
        changes.first().map(|change| {
            assert_eq!((&change.path, change.name.as_deref()), (&file, None));
            assert_eq!(change.folder.as_deref(), file.parent());
            change.kind.word()
        })
    };
    assert_eq!(kind(&nothing, &one), Some("created"));
    assert_eq!(kind(&one, &two), Some("modified"));
    assert_eq!(kind(&two, &two), None);
    assert_eq!(kind(&two, &nothing), Some("deleted"));
}

/// Two roots with skills of these names and contents.
fn roots(skills: &BTreeMap<(u8, u8), u8>) -> Vec<ScannedRoot> {
    let one = |n: u8| {
        let path = Path::new("/r").join(n.to_string());
        let of = skills.iter().filter(|((root, _), _)| *root == n);
        ScannedRoot {
            root: Root {
                path: path.clone(),
                kind: RootKind::Extra,
                folder: None,
            },
            state: RootState::Present,
            above: true,
            folder: None,
            real: Some(path.clone()),
            skills: of
                .map(|((_, name), content)| Skill {
                    name: name.to_string(),
                    description: String::new(),
                    path: path.join(name.to_string()),
                    real: path.join(name.to_string()),
                    size: 1,
                    hash: Some(content.to_string()),
                    changed_ms: None,
                    problems: Vec::new(),
                })
                .collect(),
            problems: Vec::new(),
            folders: Vec::new(),
        }
    };
    vec![one(0), one(1)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What was there, with the changes applied to it, is what is there; and nothing is told twice.
    #[test]
    fn the_changes_lead_from_one_look_to_the_next(
        before in proptest::collection::btree_map((0..2_u8, 0..6_u8), 0..3_u8, 0..10),
        after in proptest::collection::btree_map((0..2_u8, 0..6_u8), 0..3_u8, 0..10),
    ) {
        let contents = |roots: &[ScannedRoot]| -> BTreeMap<std::path::PathBuf, Option<String>> {
            let skills = roots.iter().flat_map(|root| &root.skills);
            skills.map(|skill| (skill.path.clone(), skill.hash.clone())).collect()
        };
        let (old, new) = (roots(&before), roots(&after));
        let (mut now, wanted) = (contents(&old), contents(&new));
        for change in compare(&old, &new) {
            let is = wanted.get(&change.path).cloned();
            match &change.kind {
                ChangeKind::Created => prop_assert!(now.insert(change.path, is.unwrap()).is_none()),
                ChangeKind::Modified => prop_assert_ne!(now.insert(change.path, is.clone().unwrap()), is),
                ChangeKind::Deleted => prop_assert!(now.remove(&change.path).is_some()),
                ChangeKind::Renamed { from } | ChangeKind::Moved { from } => {
                    prop_assert_eq!(from.parent() == change.path.parent(), change.kind.word() == "renamed");
                    let was = now.remove(from);
                    prop_assert_eq!(&was, &is, "the same content");
                    prop_assert!(now.insert(change.path, is.unwrap()).is_none());
                }
            }
        }
        prop_assert_eq!(now, wanted);
    }
}

//! What is in a root.

use crate::world::{World, put, text};
use drawbridge_skills::scan::{MOST_DEPTH, scan};
use drawbridge_skills::watch::look_once;
use drawbridge_skills::{Root, RootKind, RootState, ScannedRoot};
use std::path::Path;

fn look(path: &Path) -> ScannedRoot {
    scan(&Root {
        path: path.to_owned(),
        kind: RootKind::CodexHome,
        folder: None,
    })
}

fn names(root: &ScannedRoot) -> Vec<&str> {
    root.skills.iter().map(|skill| skill.name.as_str()).collect()
}

fn codes(root: &ScannedRoot) -> Vec<&str> {
    root.problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn a_skill_is_told_with_its_hash_and_time() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    let path = put(&root, "greet", "Say hello.");
    let found = look(&root);
    assert_eq!(found.state, RootState::Present);
    let skill = &found.skills[0];
    assert_eq!(
        (skill.name.as_str(), skill.description.as_str()),
        ("greet", "about greet")
    );
    assert_eq!((&skill.path, &skill.real), (&path, &path));
    use sha2::Digest as _;
    let hash = hex::encode(sha2::Sha256::digest(text("greet", "Say hello.")));
    assert_eq!(skill.hash, Some(hash));
    assert!(skill.changed_ms.is_some() && skill.is_usable());
}

#[test]
fn folders_are_looked_into_as_codex_does() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    put(&root, "a", "");
    put(&root.join("group/sub"), "b", "");
    put(&root.join(".system"), "hidden", "");
    put(&root.join("x/.git"), "hidden-too", "");
    let mut deep = root.clone();
    for n in 1..MOST_DEPTH {
        deep.push(format!("d{n}"));
    }
    put(&deep, "deepest", "");
    put(&deep.join("below"), "too-deep", "");
    std::fs::write(root.join("a/README.md"), "no skill").unwrap();
    assert_eq!(names(&look(&root)), ["a", "deepest", "b"]);
}

#[test]
fn a_file_without_a_head_is_named_after_its_folder() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    std::fs::create_dir_all(root.join("bare")).unwrap();
    std::fs::write(root.join("bare/SKILL.md"), "# Bare\n").unwrap();
    let found = look(&root);
    assert_eq!(names(&found), ["bare"]);
    assert!(!found.skills[0].is_usable());
    let said = found.skills[0].problems[0].to_string();
    assert!(said.contains("bare/SKILL.md:1:1: error: "), "{said}");
    assert!(said.ends_with("[no_front_matter]"), "{said}");
}

#[test]
fn a_root_may_be_many_things() {
    let world = World::new();
    let base = world.base();
    assert_eq!(look(&base.join("nothing")).state, RootState::Missing);
    assert_eq!(look(&base.join("nothing/skills")).state, RootState::Missing);
    std::fs::write(base.join("file"), "").unwrap();
    assert_eq!(look(&base.join("file")).state, RootState::NotAFolder);
    assert_eq!(look(&base.join("file/skills")).state, RootState::Missing);
}

#[cfg(unix)]
#[test]
fn links_are_followed_in_the_root_and_shown_when_they_leave_it() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    let base = world.base();
    let real = base.join("elsewhere");
    put(&real, "a", "");
    symlink(&real, base.join("codex/skills")).unwrap();
    let root = base.join("codex/skills");
    let outside = base.join("outside");
    put(&outside, "b", "");
    symlink(&outside, real.join("leaves")).unwrap();
    symlink("/nowhere/at/all", real.join("broken")).unwrap();
    symlink(&real, real.join("up")).unwrap();
    symlink("self", real.join("self")).unwrap();
    symlink(real.join("a"), real.join("inside")).unwrap();
    std::fs::create_dir(real.join("c")).unwrap();
    symlink(outside.join("b/SKILL.md"), real.join("c/SKILL.md")).unwrap();
    let found = look(&root);
    assert_eq!(names(&found), ["a"], "once, under its own name");
    assert_eq!(found.skills[0].path, root.join("a/SKILL.md"));
    assert_eq!(found.skills[0].real, real.join("a/SKILL.md"));
    let mut told: Vec<(&str, String)> = found
        .problems
        .iter()
        .map(|problem| {
            let path = problem.path.strip_prefix(&root).unwrap().display().to_string();
            (problem.code, path)
        })
        .collect();
    told.sort();
    let of = |code, path: &str| (code, path.to_owned());
    assert_eq!(
        told,
        [
            of("broken_link", "broken"),
            of("link_leaves_root", "leaves"),
            of("link_loop", "self"),
            of("link_loop", "up"),
            of("linked_file", "c/SKILL.md"),
        ]
    );
    std::fs::remove_dir_all(&real).unwrap();
    let gone = look(&root);
    assert_eq!(
        (gone.state, codes(&gone)),
        (RootState::Missing, vec!["broken_link"])
    );
}

#[test]
fn names_that_are_taken_twice_are_told() {
    let world = World::new();
    let base = world.base();
    put(&base.join("codex/skills"), "same", "1");
    put(&base.join("home/.agents/skills"), "same", "2");
    put(&base.join("project/.codex/skills"), "mine", "3");
    put(&base.join("codex/skills"), "mine", "4");
    put(&base.join("codex/skills/.system"), "mine", "5");
    put(&base.join("codex/skills"), "alone", "6");
    // Twice, and hidden by a third.
    put(&base.join("project/.codex/skills"), "both", "9");
    put(&base.join("codex/skills"), "both", "10");
    put(&base.join("home/.agents/skills"), "both", "11");
    // The skills of two projects never meet.
    let mut places = world.places.clone();
    places.folders.push(base.join("other"));
    put(&base.join("other/.codex/skills"), "apart", "7");
    put(&base.join("project/.codex/skills"), "apart", "8");
    let (roots, _) = look_once(&places);
    let mut told: Vec<(String, &str)> = roots
        .iter()
        .flat_map(|root| &root.skills)
        .flat_map(|skill| {
            let path = skill.path.strip_prefix(&base).unwrap().display().to_string();
            skill
                .problems
                .iter()
                .map(move |problem| (path.clone(), problem.code))
        })
        .collect();
    told.sort();
    let of = |path: &str, code| (format!("{path}/SKILL.md"), code);
    assert_eq!(
        told,
        [
            of("codex/skills/.system/mine", "shadowed"),
            of("codex/skills/both", "duplicate_name"),
            of("codex/skills/both", "shadowed"),
            of("codex/skills/mine", "shadowed"),
            of("codex/skills/same", "duplicate_name"),
            of("home/.agents/skills/both", "duplicate_name"),
            of("home/.agents/skills/both", "shadowed"),
            of("home/.agents/skills/same", "duplicate_name"),
        ]
    );
}

#[test]
fn instructions_are_found_where_codex_reads_them() {
    let world = World::new();
    let base = world.base();
    std::fs::write(base.join("codex/AGENTS.md"), "everywhere").unwrap();
    std::fs::write(base.join("project/AGENTS.override.md"), "here").unwrap();
    let (_, files) = look_once(&world.places);
    let paths: Vec<_> = files
        .iter()
        .map(|file| file.path.strip_prefix(&base).unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            Path::new("codex/AGENTS.md"),
            Path::new("project/AGENTS.override.md")
        ]
    );
    assert!(files[0].hash.is_some());
}

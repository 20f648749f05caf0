//! Which folders are looked at.

use crate::world::World;
use drawbridge_skills::{Places, RootKind, Scope};
use std::path::{Path, PathBuf};

fn found(places: &Places, base: &Path) -> Vec<(String, RootKind)> {
    places
        .roots()
        .into_iter()
        .map(|root| {
            let path = root.path.strip_prefix(base).unwrap_or(&root.path);
            (path.display().to_string(), root.kind)
        })
        .collect()
}

// proves S5.30
#[test]
fn the_roots_are_those_of_codex() {
    let world = World::new();
    let of = |path: &str, kind| (path.to_owned(), kind);
    let mut expected = vec![
        of("codex/skills", RootKind::CodexHome),
        of("home/.agents/skills", RootKind::Home),
        of("extra/skills", RootKind::Extra),
        of("codex/skills/.system", RootKind::System),
    ];
    if cfg!(unix) {
        expected.push(of("/etc/codex/skills", RootKind::Admin));
    }
    expected.extend([
        of("project/.codex/skills", RootKind::Folder),
        of("project/.agents/skills", RootKind::Folder),
    ]);
    assert_eq!(found(&world.places, &world.base()), expected);
    assert!(RootKind::System.is_read_only() && RootKind::Admin.is_read_only());
    assert!(!RootKind::Extra.is_read_only());
    assert_eq!(RootKind::Extra.scope(), Scope::User);
}

#[test]
fn a_folder_deep_in_a_project_has_the_skills_of_all_above_it() {
    let world = World::new();
    let base = world.base();
    let deep = base.join("project/a/b");
    std::fs::create_dir_all(&deep).unwrap();
    let folders = |places: &Places| -> Vec<PathBuf> {
        let roots = places.roots().into_iter();
        roots
            .filter(|root| root.path.ends_with(".codex/skills"))
            .filter_map(|root| root.folder)
            .collect()
    };
    let places = Places {
        folders: vec![deep.clone(), base.join("project/a")],
        ..world.places.clone()
    };
    assert_eq!(
        folders(&places),
        [deep.clone(), base.join("project/a")],
        "no project, no top"
    );
    std::fs::create_dir(base.join("project/.git")).unwrap();
    assert_eq!(
        folders(&places),
        [deep, base.join("project/a"), base.join("project")]
    );
}

#[test]
fn what_is_named_twice_is_looked_at_once_and_what_is_relative_not_at_all() {
    let world = World::new();
    let base = world.base();
    let places = Places {
        // Codex's home in a home: `.codex/skills` of that folder is no second root.
        codex_home: base.join("home/.codex"),
        folders: vec![base.join("home"), base.join("home")],
        extra: vec![base.join("home/.agents/skills"), "relative".into()],
        ..world.places.clone()
    };
    let roots = found(&places, &base);
    let kinds: Vec<RootKind> = roots
        .iter()
        .map(|(_, kind)| *kind)
        .filter(|kind| *kind != RootKind::Admin)
        .collect();
    assert_eq!(
        kinds,
        [RootKind::CodexHome, RootKind::Home, RootKind::System],
        "{roots:?}"
    );
}

#[test]
fn folders_are_limited() {
    let world = World::new();
    let places = Places {
        folders: (0..1000).map(|n| world.base().join(n.to_string())).collect(),
        extra: (0..1000).map(|n| world.base().join(format!("e{n}"))).collect(),
        ..world.places.clone()
    };
    assert!(places.roots().len() < 200, "{}", places.roots().len());
}

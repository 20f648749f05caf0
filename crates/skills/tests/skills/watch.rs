//! Noticing changes, on the real file system.

use crate::world::{Eyes, World, put, skills, text};
use drawbridge_skills::watch::{SystemNotices, Times};
use drawbridge_skills::{ChangeKind, Found, Places, RootKind, RootState, Skill, Watching};
use std::path::Path;

fn state(found: &Found, root: &Path) -> RootState {
    found
        .roots
        .iter()
        .find(|one| one.root.path == root)
        .unwrap()
        .state
}

// proves S5.30, S5.33: every kind of change in every kind of root that a person changes
#[test]
fn each_change_in_each_root_is_noticed() {
    let world = World::new();
    let outside = world.base().join("outside");
    let roots = world.roots();
    for root in &roots {
        std::fs::create_dir_all(root).unwrap();
    }
    let mut eyes = world.watch();
    assert_eq!(eyes.last.as_ref().unwrap().watching, Watching::Watched);
    for root in &roots {
        let path = put(root, "a", "1");
        let first = eyes.skill(&path, Skill::is_usable);
        assert_eq!(eyes.kinds(&path), [ChangeKind::Created], "{root:?}");
        // As an editor writes: in place.
        std::fs::write(&path, text("a", "2")).unwrap();
        eyes.skill(&path, |skill| skill.hash != first.hash && skill.is_usable());
        assert!(eyes.kinds(&path).contains(&ChangeKind::Modified), "{root:?}");
        // As a better editor writes: beside it, then in its place. Half of it is never seen.
        let beside = root.join("a/SKILL.md.new");
        std::fs::write(&beside, "---\nname: a\n").unwrap();
        std::fs::write(&beside, text("a", "3")).unwrap();
        std::fs::rename(&beside, &path).unwrap();
        let third = drawbridge_skills::scan::instructions(&path).unwrap().hash;
        eyes.skill(&path, |skill| skill.hash == third);
        assert_eq!(eyes.kinds(&path), [ChangeKind::Modified], "{root:?}");
        // The folder gets another name.
        std::fs::rename(root.join("a"), root.join("b")).unwrap();
        let renamed = root.join("b/SKILL.md");
        eyes.skill(&renamed, |_| true);
        assert_eq!(
            eyes.kinds(&renamed),
            [ChangeKind::Renamed { from: path }],
            "{root:?}"
        );
        // It goes away, and comes back.
        std::fs::rename(root.join("b"), &outside).unwrap();
        eyes.without(&renamed);
        assert_eq!(eyes.kinds(&renamed), [ChangeKind::Deleted], "{root:?}");
        std::fs::rename(&outside, root.join("b")).unwrap();
        eyes.skill(&renamed, |_| true);
        assert_eq!(eyes.kinds(&renamed), [ChangeKind::Created], "{root:?}");
        // A change in a folder that was moved in is noticed too.
        std::fs::write(&renamed, text("b", "4")).unwrap();
        eyes.skill(&renamed, |skill| skill.name == "b");
        eyes.changes.clear();
        std::fs::remove_dir_all(root.join("b")).unwrap();
        eyes.without(&renamed);
        assert_eq!(eyes.kinds(&renamed), [ChangeKind::Deleted], "{root:?}");
    }
    // From one root to another.
    let from = put(&roots[0], "traveller", "");
    eyes.skill(&from, |_| true);
    std::fs::rename(roots[0].join("traveller"), roots[3].join("traveller")).unwrap();
    let to = roots[3].join("traveller/SKILL.md");
    eyes.skill(&to, |_| true);
    eyes.without(&from);
    assert_eq!(eyes.kinds(&to), [ChangeKind::Moved { from }]);
}

// proves S5.30: roots that appear later
#[test]
fn a_root_that_is_made_later_is_noticed_however_it_comes() {
    let world = World::new();
    let mut eyes = world.watch();
    for root in world.roots() {
        assert_eq!(state(eyes.last.as_ref().unwrap(), &root), RootState::Missing);
        let path = put(&root, "later", "");
        eyes.skill(&path, Skill::is_usable);
        std::fs::write(&path, text("later", "more")).unwrap();
        eyes.kinds(&path);
        eyes.until(|found| found.changes.iter().any(|change| change.path == path));
        // Gone with everything above it, and back again by a move.
        let above = root.parent().unwrap().to_owned();
        let aside = world.base().join("aside");
        std::fs::rename(&above, &aside).unwrap();
        eyes.until(|found| state(found, &root) == RootState::Missing);
        if !above.ends_with("codex") {
            std::fs::rename(&aside, &above).unwrap();
            eyes.skill(&path, |_| true);
            std::fs::remove_dir_all(&above).unwrap();
            eyes.until(|found| state(found, &root) == RootState::Missing);
            put(&root, "later", "again");
            eyes.skill(&path, |_| true);
        } else {
            std::fs::rename(&aside, &above).unwrap();
            eyes.skill(&path, |_| true);
        }
    }
}

// proves S5.30: symlinked roots
#[cfg(unix)]
#[test]
fn a_root_that_becomes_a_link_is_followed_to_where_it_leads() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    let base = world.base();
    let root = base.join("home/.agents/skills");
    let path = put(&root, "a", "folder");
    let mut eyes = world.watch();
    let (one, two) = (base.join("one"), base.join("two"));
    put(&one, "a", "first");
    put(&two, "a", "second");
    let before = eyes.skill(&path, |_| true);
    // The folder is replaced by a link.
    std::fs::remove_dir_all(&root).unwrap();
    symlink(&one, &root).unwrap();
    let first = eyes.skill(&path, |skill| skill.hash != before.hash);
    assert_eq!(first.real, one.join("a/SKILL.md"));
    // What happens where it leads is noticed.
    std::fs::write(one.join("a/SKILL.md"), text("a", "first, edited")).unwrap();
    let edited = eyes.skill(&path, |skill| skill.hash != first.hash && skill.is_usable());
    // The link is led elsewhere in one step.
    symlink(&two, base.join("home/.agents/new")).unwrap();
    std::fs::rename(base.join("home/.agents/new"), &root).unwrap();
    let second = eyes.skill(&path, |skill| {
        skill.hash != edited.hash && skill.real.starts_with(&two)
    });
    std::fs::write(two.join("a/SKILL.md"), text("a", "second, edited")).unwrap();
    eyes.skill(&path, |skill| skill.hash != second.hash && skill.is_usable());
    // Where it leads goes away and comes back.
    std::fs::rename(&two, base.join("three")).unwrap();
    eyes.until(|found| state(found, &root) == RootState::Missing);
    std::fs::rename(base.join("three"), &two).unwrap();
    eyes.skill(&path, |_| true);
}

// proves S5.30: links above roots, as dotfiles have them
#[cfg(unix)]
#[test]
fn a_link_above_a_root_is_followed_to_where_it_leads_whenever_it_is_replaced() {
    use std::os::unix::fs::symlink;
    for (above, root) in [
        ("home/.agents", "home/.agents/skills"),
        ("project/.codex", "project/.codex/skills"),
        // The folder that holds the folder that holds the root.
        ("project", "project/.agents/skills"),
    ] {
        let world = World::new();
        let base = world.base();
        let (above, root) = (base.join(above), base.join(root));
        let rest = root.strip_prefix(&above).unwrap();
        for (name, text) in [("one", "1"), ("two", "2")] {
            put(&base.join("dotfiles").join(name).join(rest), "a", text);
        }
        let lead = |to: &Path| {
            let new = base.join("new-link");
            symlink(to, &new).unwrap();
            std::fs::rename(&new, &above).unwrap();
        };
        // By a second link, and by a path that is not absolute.
        symlink("one", base.join("dotfiles/now")).unwrap();
        let _ = std::fs::remove_dir(&above);
        lead(&base.join("dotfiles/now"));
        let path = root.join("a/SKILL.md");
        let mut eyes = world.watch();
        let first = eyes.skill(&path, |_| true);
        // The second link is led elsewhere.
        symlink("two", base.join("dotfiles/next")).unwrap();
        std::fs::rename(base.join("dotfiles/next"), base.join("dotfiles/now")).unwrap();
        let second = eyes.skill(&path, |skill| skill.hash != first.hash);
        // The first one is.
        lead(&base.join("dotfiles/one"));
        eyes.skill(&path, |skill| skill.hash == first.hash);
        // It goes away, and comes back.
        std::fs::remove_file(&above).unwrap();
        eyes.without(&path);
        lead(&base.join("dotfiles/two"));
        eyes.skill(&path, |skill| skill.hash == second.hash);
        assert_eq!(eyes.last.as_ref().unwrap().watching, Watching::Watched);
    }
}

// proves S5.30: a project that gets another name, and one that takes its place
#[test]
fn what_lies_in_a_project_that_is_swapped_for_another_is_looked_at_anew() {
    let world = World::new();
    let base = world.base();
    let (project, old, new) = (base.join("project"), base.join("old"), base.join("new"));
    for (folder, text) in [(&project, "1"), (&new, "2")] {
        put(&folder.join(".codex/skills"), "a", text);
        put(&folder.join(".agents/skills"), "b", text);
    }
    let paths = [".codex/skills/a", ".agents/skills/b"].map(|one| project.join(one).join("SKILL.md"));
    // The folder above is not watched.
    let places = Places {
        extra: Vec::new(),
        ..world.places.clone()
    };
    let world = World { places, ..world };
    let mut eyes = world.watch();
    let first = paths.clone().map(|path| eyes.skill(&path, |_| true));
    // Both at once, and each by itself.
    std::fs::rename(&project, &old).unwrap();
    std::fs::rename(&new, &project).unwrap();
    let second: Vec<Skill> = paths
        .iter()
        .zip(&first)
        .map(|(path, first)| eyes.skill(path, |skill| skill.hash != first.hash))
        .collect();
    std::fs::rename(&project, &new).unwrap();
    paths.iter().for_each(|path| eyes.without(path));
    std::fs::rename(&old, &project).unwrap();
    for (path, first) in paths.iter().zip(&first) {
        eyes.skill(path, |skill| skill.hash == first.hash);
    }
    // The one that is there is watched, and the other is not any more.
    std::fs::rename(&project, &old).unwrap();
    std::fs::rename(&new, &project).unwrap();
    for (path, second) in paths.iter().zip(&second) {
        eyes.skill(path, |skill| skill.hash == second.hash);
        std::fs::write(path, text("edited", "3")).unwrap();
        eyes.skill(path, |skill| skill.name == "edited");
    }
}

// proves S5.30: a project that becomes smaller or larger
#[test]
fn a_project_that_gets_another_top_has_the_roots_up_to_there() {
    let world = World::new();
    let (top, below) = (
        world.base().join("project"),
        world.base().join("project/sub/below"),
    );
    std::fs::create_dir_all(&below).unwrap();
    std::fs::create_dir(top.join(".git")).unwrap();
    let of_top = put(&top.join(".agents/skills"), "a", "");
    let own = put(&below.join(".agents/skills"), "b", "");
    let places = Places {
        folders: vec![below.clone()],
        extra: Vec::new(),
        ..world.places.clone()
    };
    let world = World { places, ..world };
    let mut eyes = world.watch();
    eyes.skill(&of_top, |_| true);
    // A repository within, and it is none any more.
    std::fs::create_dir(below.join(".git")).unwrap();
    eyes.without(&of_top);
    std::fs::remove_dir(below.join(".git")).unwrap();
    eyes.skill(&of_top, |_| true);
    // The outer one is none any more.
    std::fs::rename(top.join(".git"), top.join("git")).unwrap();
    eyes.without(&of_top);
    eyes.skill(&own, |_| true);
}

// proves S5.30: what is put in the place of what was deleted, as `git checkout` and installers do
#[test]
fn a_folder_that_is_deleted_and_made_anew_is_watched_like_the_first() {
    let world = World::new();
    // Nearest to the file last: some file systems give the number of what was deleted to what is made next.
    for deleted in ["codex/skills", "codex/skills/a"] {
        let path = put(&world.base().join("codex/skills"), "a", "0");
        let mut eyes = world.watch();
        eyes.skill(&path, |_| true);
        for n in 1..4 {
            std::fs::remove_dir_all(world.base().join(deleted)).unwrap();
            put(&world.base().join("codex/skills"), "a", "1");
            std::fs::write(&path, text(&format!("new-{n}"), "1")).unwrap();
            eyes.skill(&path, |skill| skill.name == format!("new-{n}"));
            std::fs::write(&path, text(&format!("edited-{n}"), "1")).unwrap();
            eyes.skill(&path, |skill| skill.name == format!("edited-{n}"));
        }
    }
}

// proves S5.30: a folder that gets another name however far above the roots
#[cfg(target_os = "linux")]
#[test]
fn a_folder_far_above_that_gets_another_name_takes_its_skills_with_it_at_once() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    let base = world.base();
    let project = base.join("up/more/even/project");
    for (above, text) in [("up", "1"), ("new", "2"), ("link", "1")] {
        put(
            &base.join(above).join("more/even/project/.codex/skills"),
            "a",
            text,
        );
    }
    // The other project is a link, and so is its file of instructions.
    symlink(base.join("link/more/even/project"), base.join("linked")).unwrap();
    let kept = base.join("kept/more/even");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("AGENTS.md"), "kept").unwrap();
    symlink(kept.join("AGENTS.md"), base.join("project/AGENTS.md")).unwrap();
    let places = Places {
        folders: vec![project.clone(), base.join("linked"), base.join("project")],
        extra: Vec::new(),
        ..world.places.clone()
    };
    let world = World { places, ..world };
    let path = project.join(".codex/skills/a/SKILL.md");
    let linked = base.join("linked/.codex/skills/a/SKILL.md");
    let mut eyes = world.watch();
    let first = eyes.skill(&path, |_| true);
    let rename = |from: &str, to: &str| std::fs::rename(base.join(from), base.join(to)).unwrap();
    // Three levels and two above the project, and back.
    for (from, to) in [("up", "old"), ("up/more", "up/other")] {
        rename(from, to);
        eyes.without(&path);
        rename(to, from);
        eyes.skill(&path, |skill| skill.hash == first.hash);
    }
    // Another takes its place, and is watched like the first.
    rename("up", "old");
    rename("new", "up");
    eyes.skill(&path, |skill| skill.hash != first.hash);
    std::fs::write(&path, text("edited", "3")).unwrap();
    eyes.skill(&path, |skill| skill.name == "edited");
    rename("up", "new");
    eyes.without(&path);
    // Where a link leads.
    eyes.skill(&linked, |_| true);
    rename("link", "gone");
    eyes.without(&linked);
    rename("gone", "link");
    eyes.skill(&linked, |_| true);
    let instructions = |found: &Found| found.instructions.len();
    eyes.until(|found| instructions(found) == 1);
    rename("kept", "away");
    eyes.until(|found| instructions(found) == 0);
    assert_eq!(eyes.last.as_ref().unwrap().watching, Watching::Watched);
}

// proves S5.35: instructions are watched
#[test]
fn instructions_are_watched_too() {
    let world = World::new();
    let mut eyes = world.watch();
    for file in [
        "codex/AGENTS.md",
        "project/AGENTS.md",
        "project/AGENTS.override.md",
    ] {
        let file = world.base().join(file);
        std::fs::write(&file, "one").unwrap();
        eyes.until(|found| {
            found
                .instructions
                .iter()
                .any(|one| one.path == file && one.size == 3)
        });
        assert!(eyes.kinds(&file).contains(&ChangeKind::Created));
        std::fs::write(&file, "three").unwrap();
        eyes.until(|found| {
            found
                .instructions
                .iter()
                .any(|one| one.path == file && one.size == 5)
        });
        std::fs::remove_file(&file).unwrap();
        eyes.until(|found| found.instructions.iter().all(|one| one.path != file));
        assert!(eyes.kinds(&file).contains(&ChangeKind::Deleted));
    }
}

// proves S5.35: instructions and configuration that lie elsewhere
#[cfg(unix)]
#[test]
fn files_that_are_links_are_watched_where_they_lead() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    let base = world.base();
    for folder in ["dotfiles", "kept"] {
        std::fs::create_dir(base.join(folder)).unwrap();
    }
    let (config, more) = (base.join("dotfiles/codex.toml"), base.join("kept/more.md"));
    std::fs::write(&config, "").unwrap();
    std::fs::write(&more, "one").unwrap();
    symlink(&config, base.join("codex/config.toml")).unwrap();
    // In the same folder; and through a second link, by a path that is not absolute.
    std::fs::write(base.join("project/CLAUDE.md"), "one").unwrap();
    symlink("CLAUDE.md", base.join("project/AGENTS.md")).unwrap();
    symlink(&more, base.join("dotfiles/between.md")).unwrap();
    symlink("../dotfiles/between.md", base.join("codex/AGENTS.md")).unwrap();
    let mut eyes = world.watch();
    let size = |eyes: &mut Eyes, file: &str, size: u64| {
        let file = base.join(file);
        eyes.until(|found| {
            let mut files = found.instructions.iter();
            files.any(|one| one.path == file && one.size == size)
        });
    };
    std::fs::write(base.join("project/CLAUDE.md"), "three").unwrap();
    size(&mut eyes, "project/AGENTS.md", 5);
    std::fs::write(&more, "three").unwrap();
    size(&mut eyes, "codex/AGENTS.md", 5);
    // The link between leads elsewhere: first to what is not there.
    let other = base.join("kept/other.md");
    std::fs::remove_file(base.join("dotfiles/between.md")).unwrap();
    symlink(&other, base.join("dotfiles/between.md")).unwrap();
    eyes.until(|found| {
        let mut files = found.instructions.iter();
        files.all(|one| one.path != base.join("codex/AGENTS.md"))
    });
    std::fs::write(&other, "eleven").unwrap();
    size(&mut eyes, "codex/AGENTS.md", 6);
    std::fs::write(&config, "[[skills.config]]\n").unwrap();
    eyes.until(|found| found.switches);
}

// proves S5.30: what Codex writes at its first start
#[test]
fn the_skills_that_come_with_codex_are_noticed_when_it_puts_them_there() {
    let world = World::new();
    let mut eyes = world.watch();
    let path = put(&world.base().join("codex/skills/.system"), "creator", "");
    let found = eyes.until(|found| skills(&found.roots).any(|skill| skill.path == path));
    let root = found
        .roots
        .iter()
        .find(|root| root.root.kind == RootKind::System)
        .unwrap();
    assert_eq!(root.skills.len(), 1);
    std::fs::write(&path, text("creator", "newer")).unwrap();
    eyes.changes.clear();
    eyes.until(|found| found.changes.iter().any(|change| change.path == path));
}

#[test]
fn what_disables_skills_is_watched() {
    let world = World::new();
    let mut eyes = world.watch();
    std::fs::write(world.base().join("codex/config.toml"), "[[skills.config]]\n").unwrap();
    assert!(eyes.until(|found| found.switches).changes.is_empty());
}

// proves S5.33
#[test]
fn a_burst_of_ten_thousand_files_is_told_in_few_looks_and_none_is_missed() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    let mut eyes = world.watch_with(Times::default(), Box::new(SystemNotices));
    let before = eyes.count;
    for n in 0..1000 {
        let name = format!("s{n:04}");
        put(&root, &name, "");
        for file in 0..9 {
            std::fs::write(root.join(&name).join(format!("f{file}.py")), "x").unwrap();
        }
    }
    let found = eyes.until(|found| skills(&found.roots).filter(|skill| skill.is_usable()).count() == 1000);
    assert!(eyes.count - before <= 10, "told {} times", eyes.count - before);
    let created = eyes
        .changes
        .iter()
        .filter(|change| change.kind == ChangeKind::Created);
    assert_eq!(created.count(), 1000, "each once");
    let names: Vec<String> = skills(&found.roots).map(|skill| skill.name.clone()).collect();
    assert_eq!(names, (0..1000).map(|n| format!("s{n:04}")).collect::<Vec<_>>());
    // Nothing was left out of what is watched.
    let last = root.join("s0999/SKILL.md");
    std::fs::write(&last, text("s0999", "edited")).unwrap();
    eyes.changes.clear();
    eyes.until(|found| found.changes.iter().any(|change| change.path == last));
    std::fs::remove_dir_all(&root).unwrap();
    eyes.until(|found| skills(&found.roots).count() == 0);
}

#[test]
fn other_places_are_looked_at_from_the_moment_they_are_known() {
    let world = World::new();
    let other = world.base().join("other");
    let path = put(&other.join(".codex/skills"), "a", "");
    let mut eyes = world.watch();
    eyes.without(&path);
    let places = Places {
        folders: vec![other.clone()],
        ..world.places.clone()
    };
    eyes.watcher.look_at(places);
    let first = eyes.skill(&path, |_| true);
    assert_eq!(eyes.kinds(&path), [], "it was there before");
    std::fs::write(&path, text("a", "edited")).unwrap();
    eyes.skill(&path, |skill| skill.hash != first.hash);
    eyes.watcher.look_at(world.places.clone());
    eyes.without(&path);
    assert_eq!(
        eyes.kinds(&path),
        [ChangeKind::Modified],
        "it is still there, only not looked at"
    );
}

// proves S5.33: a warning that a neighbour brings is shown, and is no change
#[test]
fn a_skill_is_not_changed_by_another_that_takes_its_name() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    let old = put(&root, "one", "");
    let in_project = put(&world.base().join("project/.agents/skills"), "far", "");
    let mut eyes = world.watch();
    let new = root.join("two/SKILL.md");
    std::fs::create_dir_all(root.join("two")).unwrap();
    let beside = root.join("two/new");
    std::fs::write(&beside, text("one", "another")).unwrap();
    std::fs::rename(&beside, &new).unwrap();
    // One of the same scope, and one that comes first.
    std::fs::write(&in_project, text("one", "third")).unwrap();
    let warned = |skill: &Skill, code| skill.problems.iter().any(|problem| problem.code == code);
    eyes.skill(&new, |skill| warned(skill, "duplicate_name"));
    eyes.skill(&in_project, |skill| skill.name == "one");
    eyes.skill(&old, |skill| warned(skill, "duplicate_name"));
    // And back.
    std::fs::remove_dir_all(root.join("two")).unwrap();
    eyes.skill(&old, |skill| {
        warned(skill, "shadowed") && !warned(skill, "duplicate_name")
    });
    let mut of_new = eyes.changes.iter().filter(|change| change.path == new);
    assert_eq!(of_new.next_back().unwrap().kind, ChangeKind::Deleted);
    assert_eq!(eyes.kinds(&old), [], "nobody touched it");
}

#[test]
fn who_asks_is_told_even_when_nothing_changed() {
    let world = World::new();
    let mut eyes = world.watch();
    let number = eyes.watcher.rescan();
    let found = eyes.next();
    assert_eq!(found.asked, Some(number));
    assert!(found.changes.is_empty());
}

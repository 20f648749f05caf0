//! Files of somebody who means no good.

use crate::world::{World, put};
use drawbridge_skills::scan::{MOST_FOLDERS, MOST_READ};
use drawbridge_skills::watch::look_once;
use drawbridge_skills::{RootState, ScannedRoot};
use std::collections::BTreeSet;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

fn codes(roots: &[ScannedRoot], folder: &str) -> BTreeSet<&'static str> {
    let skills = roots.iter().flat_map(|root| &root.skills);
    let skill = skills
        .into_iter()
        .find(|skill| skill.path.ends_with(Path::new(folder).join("SKILL.md")));
    let skill = skill.unwrap_or_else(|| panic!("{folder} is not listed"));
    skill.problems.iter().map(|problem| problem.code).collect()
}

// proves S5.33
#[test]
fn a_hostile_folder_gives_named_errors_and_hides_nothing_else() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(root.join(name)).unwrap();
        std::fs::write(root.join(name).join("SKILL.md"), bytes).unwrap();
    };
    put(&root, "good", "");
    write("nul", b"---\nname: a\0\ndescription: b\n---\n");
    write("utf8", b"---\nname: \xc3\x28\ndescription: b\n---\n");
    write("path", b"---\nname: ../../../tmp/x\ndescription: b\n---\n");
    write(
        "bidi",
        "---\nname: \"\u{202e}lufmrah\"\ndescription: b\n---\n".as_bytes(),
    );
    write("deep", format!("---\na: {}\n---\n", "[".repeat(5000)).as_bytes());
    let mut bomb = "---\na: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (one, two) in ["ab", "bc", "cd", "de", "ef", "fg", "gh"].map(|pair| pair.split_at(1)) {
        bomb += &format!("{two}: &{two} [{}]\n", vec![format!("*{one}"); 10].join(","));
    }
    write("bomb", (bomb + "name: *h\ndescription: b\n---\n").as_bytes());
    // A hundred megabytes that begin like a skill and have no end.
    write("huge", b"---\nname: huge\ndescription: b\n---\n");
    let mut huge = std::fs::OpenOptions::new()
        .write(true)
        .open(root.join("huge/SKILL.md"))
        .unwrap();
    huge.seek(SeekFrom::Start(100 * 1024 * 1024)).unwrap();
    huge.write_all(b"end").unwrap();
    std::fs::create_dir_all(root.join("folder/SKILL.md")).unwrap();

    let began = Instant::now();
    let (roots, _) = look_once(&world.places);
    // Whatever the machine: reading and hashing a hundred megabytes unoptimized takes longer.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for (folder, code) in [
        ("nul", "nul_byte"),
        ("utf8", "not_utf8"),
        ("path", "name_like_a_path"),
        ("bidi", "hidden_characters"),
        ("deep", "too_deep"),
        ("bomb", "not_text"),
        ("huge", "too_large"),
    ] {
        assert!(
            codes(&roots, folder).contains(code),
            "{folder}: {:?}",
            codes(&roots, folder)
        );
    }
    assert_eq!(codes(&roots, "good"), BTreeSet::new());
    let skills = &roots[0].skills;
    assert_eq!(skills.len(), 8, "a folder of that name is no skill");
    let huge = skills.iter().find(|skill| skill.name == "huge").unwrap();
    assert_eq!((&huge.hash, huge.size > MOST_READ), (&None, true));
    for skill in skills {
        assert!(!skill.name.contains(['\u{202e}', '\0', '\n']), "{:?}", skill.name);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    std::fs::create_dir_all(root.join("pipe")).unwrap();
    let mode = nix::sys::stat::Mode::S_IRWXU;
    nix::unistd::mkfifo(&root.join("pipe/SKILL.md"), mode).unwrap();
    let (roots, _) = look_once(&world.places);
    assert_eq!(codes(&roots, "pipe"), BTreeSet::from(["no_file"]));
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    // Nothing is closed to root: then somebody else runs this test.
    if nix::unistd::geteuid().is_root() {
        return crate::world::as_nobody("hostile::what_may_not_be_read_is_told");
    }
    let world = World::new();
    let root = world.base().join("codex/skills");
    let close =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    put(&root, "closed", "");
    let file = put(&root, "file", "");
    close(&root.join("closed"), 0);
    close(&file, 0);
    let (roots, _) = look_once(&world.places);
    close(&root.join("closed"), 0o700);
    assert_eq!(codes(&roots, "file"), BTreeSet::from(["unreadable"]));
    let told: Vec<&str> = roots[0].problems.iter().map(|problem| problem.code).collect();
    assert_eq!(told, ["unreadable"]);
    assert_eq!(roots[0].state, RootState::Present);
}

#[test]
fn a_root_with_too_much_in_it_is_cut_off_and_says_so() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    for n in 0..MOST_FOLDERS + 50 {
        std::fs::create_dir_all(root.join(format!("f{n:05}"))).unwrap();
    }
    put(&root, "f00000", "");
    put(&root, &format!("f{:05}", MOST_FOLDERS + 20), "");
    let (roots, _) = look_once(&world.places);
    let names: Vec<&str> = roots[0].skills.iter().map(|skill| skill.name.as_str()).collect();
    assert_eq!(names, ["f00000"]);
    assert_eq!(roots[0].problems[0].code, "too_many_folders");
}

//! Too much at once, and files of somebody who means no good.

use super::eyes::{Eyes, put, text};
use super::{json_of, said, watching, world};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

// proves S5.33
#[allow(clippy::print_stdout, reason = "a figure that is asked for")]
#[tokio::test]
async fn ten_thousand_files_are_told_in_ten_changes_at_most_and_listed_right() {
    let world = world().await;
    let root = world.home.path().join("skills");
    let mut eyes = Eyes::at(&world).await;
    let mut watch = watching(&world, false).await;
    let (before, counted) = (eyes.told, eyes.view.skills.changes);
    let work = root.clone();
    let writing = tokio::task::spawn_blocking(move || {
        for n in 0..500 {
            let folder = work.join(format!("s{n:03}"));
            put(&work, &format!("s{n:03}"), "");
            for file in 0..19 {
                std::fs::write(folder.join(format!("f{file}.py")), "x").unwrap();
            }
        }
    });
    eyes.until(|view| {
        let mine = view.skills.skills.iter().filter(|skill| skill.root == root);
        mine.filter(|skill| skill.enabled == Some(true)).count() == 500
    })
    .await;
    writing.await.unwrap();
    // What still comes of it comes before this.
    let last = put(&root, "last", "");
    eyes.skill(&last, |skill| skill.enabled == Some(true)).await;
    println!("told {} times of 10,000 files", eyes.told - before);
    assert!(eyes.told - before <= 10, "told {} times", eyes.told - before);
    std::fs::remove_dir_all(root.join("last")).unwrap();
    eyes.without(&last).await;
    // Who watches is told of each that is kept, and how many more there were.
    let (mut named, mut more) = (0, 0);
    loop {
        let line = watch.line().await;
        if line.starts_with("deleted last ") {
            break;
        }
        if let Some(rest) = line.strip_prefix("... and ") {
            more += rest.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
        // What is wrong with one stands below it.
        named += u64::from(!line.starts_with(' ') && line.contains("/SKILL.md"));
    }
    assert_eq!(
        named + more + 1,
        eyes.view.skills.changes - counted,
        "none is silent"
    );
    assert!(more > 0, "{named}");
    let names: BTreeSet<&str> = eyes
        .view
        .skills
        .skills
        .iter()
        .filter(|skill| skill.root == root)
        .map(|skill| skill.name.as_str())
        .collect();
    assert_eq!(names.len(), 500);
    // Still noticed, one by one.
    let path = root.join("s499/SKILL.md");
    let before = eyes.skill(&path, |_| true).await;
    std::fs::write(&path, text("s499", "edited")).unwrap();
    eyes.skill(&path, |skill| skill.hash != before.hash).await;
    world.stop().await;
}

#[tokio::test]
async fn a_hostile_folder_is_named_and_takes_nothing_down() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = world().await;
    // Made elsewhere and then put in its place, so that nothing is written here between the two listings.
    let stage = world.scratch.folder("stage").unwrap();
    let place = world.work.join(".agents/skills");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let root = stage.clone();
    put(&root, "good", "");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(root.join(name)).unwrap();
        std::fs::write(root.join(name).join("SKILL.md"), bytes).unwrap();
    };
    write("nul", b"---\nname: a\0\ndescription: b\n---\n");
    write(
        "path",
        b"---\nname: ../../../d/audit.jsonl\ndescription: b\n---\n",
    );
    write(
        "bidi",
        "---\nname: \"\u{202e}doog\"\ndescription: b\n---\n".as_bytes(),
    );
    write("deep", format!("---\na: {}\n---\n", "[".repeat(5000)).as_bytes());
    write("huge", b"---\nname: huge\ndescription: b\n---\n");
    let huge = std::fs::OpenOptions::new()
        .write(true)
        .open(root.join("huge/SKILL.md"))
        .unwrap();
    huge.set_len(100 * 1024 * 1024).unwrap();
    // Names that are no text.
    let foreign = root.join(std::ffi::OsStr::from_bytes(b"no\xfftext"));
    std::fs::create_dir_all(&foreign).unwrap();
    std::fs::write(foreign.join("SKILL.md"), text("foreign", "")).unwrap();
    for (link, target) in [("loop", "loop"), ("up", ".."), ("out", "/usr")] {
        std::os::unix::fs::symlink(target, root.join(link)).unwrap();
    }
    let mut bomb = "---\na: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (one, two) in ["ab", "bc", "cd", "de", "ef", "fg", "gh"].map(|pair| pair.split_at(1)) {
        bomb += &format!("{two}: &{two} [{}]\n", vec![format!("*{one}"); 10].join(","));
    }
    write("bomb", (bomb + "name: *h\ndescription: b\n---\n").as_bytes());
    let mut eyes = Eyes::at(&world).await;
    let others = [
        world.scratch.path().join("u"),
        world.work.clone(),
        world.home.path().join("skills"),
    ];
    let system = world.home.path().join("skills/.system");
    let listed = |folder: &Path| tree(folder, &[&*place, &*system]);
    let before = (tree(&stage, &[]), others.clone().map(|folder| listed(&folder)));
    std::fs::rename(&stage, &place).unwrap();
    let root = place.clone();
    let good = root.join("good/SKILL.md");
    eyes.skill(&good, |skill| {
        skill.enabled == Some(true) && skill.problems.is_empty()
    })
    .await;
    json_of(&world, &["skills", "list", "--rescan", "--json"]).await;
    json_of(&world, &["skills", "show", "good", "--json"]).await;
    let (code, out, _) = said(&world, &["skills", "check"]).await;
    assert_eq!(code, Some(1));
    for named in [
        "[nul_byte]",
        "[name_like_a_path]",
        "[hidden_characters]",
        "[too_deep]",
        "[too_large]",
        "[link_loop]",
        "[link_leaves_root]",
        "[not_text]",
    ] {
        assert!(out.contains(named), "{named}: {out}");
    }
    assert!(!out.contains('\u{202e}'), "{out}");
    // A hundred megabytes were not read, by the size of what the host holds.
    let status = std::fs::read_to_string(format!("/proc/{}/status", eyes.view.host.pid)).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
    assert!(kib < 90 * 1024, "{kib} KiB");
    // Nothing was written beside what the test wrote: not here, and not where names of skills point to.
    let after = (tree(&place, &[]), others.clone().map(|folder| listed(&folder)));
    assert_eq!(after, before);
    // It goes on.
    let later = put(&root, "later", "");
    eyes.skill(&later, |skill| skill.enabled == Some(true)).await;
    world.stop().await;
}

// proves S5.30: `cargo xtask bench skills` measures for longer
#[tokio::test]
async fn nothing_wakes_the_watch_of_a_host_while_nothing_changes() {
    let world = world().await;
    put(&world.work.join(".agents/skills"), "greet", "");
    let mut eyes = Eyes::at(&world).await;
    eyes.until(|view| view.skills.skills.iter().any(|skill| skill.name == "greet"))
        .await;
    let pid = eyes.view.host.pid;
    drop(eyes);
    // Nothing tells of a wake-up that does not happen: time has to pass. The first quiet second shows that what
    // was going on is over, the two after it count; the loop is the deadline for that.
    let second = std::time::Duration::from_secs(1);
    let mut quiet = 0;
    let mut before = woken(pid);
    for _ in 0..15 {
        tokio::time::sleep(second).await;
        let now = woken(pid);
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
        if quiet == 3 {
            break;
        }
    }
    assert_eq!(quiet, 3, "three seconds in a row without a wake-up");
    world.stop().await;
}

/// What lies in a folder and how it is, without what is left out and without when folders were changed that contain it.
fn tree(folder: &Path, without: &[&Path]) -> BTreeMap<std::path::PathBuf, (u32, u64, i64, i64)> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if without.contains(&&*path) {
                continue;
            }
            let found = path.symlink_metadata().unwrap();
            let changed = without.iter().any(|one| one.parent() == Some(&path));
            let at = if changed {
                (0, 0)
            } else {
                (found.mtime(), found.mtime_nsec())
            };
            all.insert(
                path.strip_prefix(folder).unwrap().to_owned(),
                (found.mode(), found.size(), at.0, at.1),
            );
            if found.is_dir() {
                open.push(path);
            }
        }
    }
    all
}

/// How often the thread that looks at skills was woken.
fn woken(pid: u32) -> u64 {
    let mut all = None;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if read("comm").trim() != drawbridge_skills::watch::THREAD {
            continue;
        }
        let switches = read("status");
        let switches = switches
            .lines()
            .filter_map(|line| line.split_once("ctxt_switches:"));
        *all.get_or_insert(0) += switches
            .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
            .sum::<u64>();
    }
    all.expect("somebody watches")
}

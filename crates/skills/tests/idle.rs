//! Who waits does not work. In a process of its own, so that every thread counted is of this test.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test says what it needs by failing")]

use drawbridge_skills::watch::{SystemNotices, THREAD, Times};
use drawbridge_skills::{Places, Watcher};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// How often the threads that watch were woken, and what they worked, in ticks of the system's clock.
fn woken() -> (usize, u64, u64) {
    let mut all = (0, 0, 0);
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let name = read("comm");
        if !(name.starts_with(THREAD) || name.starts_with("notify-rs")) {
            continue;
        }
        all.0 += 1;
        for line in read("status").lines() {
            if let Some((what, count)) = line.split_once(':')
                && what.ends_with("ctxt_switches")
            {
                all.1 += count.trim().parse::<u64>().unwrap();
            }
        }
        let stat = read("stat");
        let Some((_, fields)) = stat.rsplit_once(')') else {
            // It ended meanwhile.
            continue;
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        all.2 += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    }
    all
}

// proves S5.30: the long variant is `cargo xtask bench skills`
#[test]
fn nothing_wakes_the_watcher_while_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let above = folder.path().canonicalize().unwrap();
    let base = above.join("up/more");
    for n in 0..100 {
        let skill = base.join(format!("codex/skills/s{n}"));
        std::fs::create_dir_all(&skill).unwrap();
        std::fs::write(
            skill.join("SKILL.md"),
            format!("---\nname: s{n}\ndescription: d\n---\n"),
        )
        .unwrap();
    }
    std::fs::write(base.join("history"), "").unwrap();
    let places = Places {
        codex_home: base.join("codex"),
        home: Some(base.clone()),
        folders: vec![base.join("project")],
        extra: Vec::new(),
    };
    let (send, found) = channel();
    let watcher = Watcher::start(places, Times::default(), Box::new(SystemNotices), move |found| {
        // The test may be over.
        let _ = send.send(found);
    })
    .unwrap();
    found.recv_timeout(Duration::from_secs(20)).unwrap();
    // Until what its own reading told of is dealt with: a quiet while.
    let mut before = woken();
    for _ in 0..50 {
        let _ = found.recv_timeout(Duration::from_millis(200));
        let now = woken();
        if now == before {
            break;
        }
        before = now;
    }
    assert_eq!(
        before.0, 2,
        "the thread that looks and the one of the system's watch"
    );
    assert!(
        found.recv_timeout(Duration::from_secs(3)).is_err(),
        "nothing changed"
    );
    assert_eq!(woken(), before, "threads, times woken, ticks worked");
    // Programs that read, and one that writes beside what is of interest.
    for n in 0..100 {
        let skill = base.join(format!("codex/skills/s{n}"));
        std::fs::read(skill.join("SKILL.md")).unwrap();
        assert_eq!(std::fs::read_dir(&skill).unwrap().count(), 1);
    }
    for folder in ["", "codex", "codex/skills"] {
        assert!(std::fs::read_dir(base.join(folder)).unwrap().count() > 0);
    }
    std::fs::write(base.join("history"), "more").unwrap();
    // Folders far above are busy, as a home is; only their own names are of interest.
    for busy in [&above, &above.join("up")] {
        for n in 0..100 {
            let file = busy.join(format!("new-{n}"));
            std::fs::write(&file, "").unwrap();
            std::fs::rename(&file, busy.join("file")).unwrap();
            std::fs::create_dir(&file).unwrap();
            std::fs::remove_dir(&file).unwrap();
        }
        std::fs::remove_file(busy.join("file")).unwrap();
    }
    assert!(
        found.recv_timeout(Duration::from_secs(1)).is_err(),
        "nothing of interest changed"
    );
    assert_eq!(woken(), before, "threads, times woken, ticks worked");
    // And still it is awake enough.
    std::fs::write(base.join("codex/skills/s7/SKILL.md"), "---\nname: other\n---\n").unwrap();
    let told = found.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(told.changes.len(), 1);
    std::fs::rename(above.join("up"), above.join("old")).unwrap();
    let told = found.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(told.changes.len(), 100, "with one folder all of them went");
    // Both threads end with it.
    drop(watcher);
    let deadline = Instant::now() + Duration::from_secs(20);
    while woken().0 > 0 {
        assert!(Instant::now() < deadline, "{:?}", woken());
        std::thread::yield_now();
    }
}

//! How soon a change of a skill is told, and what watching costs while nothing changes.
//!
//! `cargo xtask bench skills` runs it. Exceeding a budget fails it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

use drawbridge_skills::watch::{SystemNotices, THREAD, Times};
use drawbridge_skills::{Found, Places, Watcher};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longest until a change shows.
const BUDGET: Duration = Duration::from_secs(1);
const SINGLE: usize = 15;
const IN_A_ROW: usize = 60;
const SKILLS: usize = 200;
const IDLE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let root = base.join("codex/skills");
    for n in 0..SKILLS {
        write(&root, n, 0);
    }
    let places = Places {
        codex_home: base.join("codex"),
        home: Some(base.join("home")),
        folders: vec![base.join("project")],
        extra: Vec::new(),
    };
    let (send, found) = channel();
    let began = Instant::now();
    let _watcher = Watcher::start(places, Times::default(), Box::new(SystemNotices), move |found| {
        // The program may have ended.
        let _ = send.send(found);
    })
    .unwrap();
    found.recv().unwrap();
    println!("{SKILLS} skills, first look: {:?}", began.elapsed());
    let calm = Times::default().pace.calm;
    let single = latencies(&root, &found, SINGLE, calm);
    let in_a_row = latencies(&root, &found, IN_A_ROW, Duration::ZERO);
    let worst = show("one change at a time", single).max(show("change after change", in_a_row));
    let idle = idle();
    let good = worst <= BUDGET && idle;
    println!(
        "budget of {BUDGET:?} and of an idle watcher: {}",
        if good { "held" } else { "EXCEEDED" }
    );
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn write(root: &Path, skill: usize, version: usize) -> PathBuf {
    let folder = root.join(format!("s{skill}"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("SKILL.md");
    let text = format!("---\nname: s{skill}\ndescription: version {version}\n---\nbody {version}\n");
    std::fs::write(&path, text).unwrap();
    path
}

fn latencies(root: &Path, found: &Receiver<Found>, count: usize, pause: Duration) -> Vec<Duration> {
    let mut all = Vec::new();
    for n in 0..count {
        let path = write(root, n % SKILLS, n + 1 + count);
        let began = Instant::now();
        while !found
            .recv()
            .unwrap()
            .changes
            .iter()
            .any(|change| change.path == path)
        {}
        all.push(began.elapsed());
        std::thread::sleep(pause);
    }
    all
}

fn show(what: &str, mut all: Vec<Duration>) -> Duration {
    all.sort();
    let at = |percent: usize| all[(all.len() * percent).div_ceil(100).max(1) - 1];
    println!("{what}: p50 {:?}, p99 {:?} of {}", at(50), at(99), all.len());
    at(99)
}

/// Whether nothing was woken and nothing worked while nothing changed.
fn idle() -> bool {
    if !Path::new("/proc/self/task").is_dir() {
        println!("idle: not measured on this system");
        return true;
    }
    std::thread::sleep(Duration::from_secs(3));
    let (before, worked_before) = woken();
    std::thread::sleep(IDLE);
    let (after, worked_after) = woken();
    let (woken, worked) = (after - before, worked_after - worked_before);
    // A hundred ticks are a second.
    let percent = worked as f64 / IDLE.as_secs_f64();
    println!("idle for {IDLE:?}: {woken} wake-ups, {percent:.1} % CPU");
    woken == 0 && worked == 0
}

fn woken() -> (u64, u64) {
    let mut all = (0, 0);
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let name = read("comm");
        if !(name.starts_with(THREAD) || name.starts_with("notify-rs")) {
            continue;
        }
        let switches = read("status")
            .lines()
            .filter_map(|line| line.split_once("ctxt_switches:"))
            .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
            .sum::<u64>();
        let stat = read("stat");
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks = |n: usize| {
            fields
                .split_whitespace()
                .nth(n)
                .and_then(|t| t.parse::<u64>().ok())
        };
        all.0 += switches;
        all.1 += ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default();
    }
    all
}

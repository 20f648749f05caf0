//! How soon a change of a skill shows at the control socket and in `drawbridge skills watch`, on a host with
//! the real Codex, and what watching costs it while nothing changes.
//!
//! `cargo xtask bench skills` runs it. Exceeding a budget fails it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for the terminal that must fail when it cannot measure"
)]

#[path = "../../desk/tests/common/mod.rs"]
#[allow(dead_code, reason = "each user uses its part")]
mod common;
#[path = "../tests/e2e/world.rs"]
mod world;

use common::{App, Did};
use drawbridge_desk::Ask;

use drawbridge_control::ControlClient;
use drawbridge_skills::watch::{THREAD, THREAD_OF_SYSTEM};
use drawbridge_wire::control::Change;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use world::{World, drawbridge};

/// Longest until a change shows.
const BUDGET: Duration = Duration::from_secs(1);
const ROUNDS: usize = 20;
/// Between changes, so that none follows another.
const PAUSE: Duration = Duration::from_millis(2200);
/// The one that looks and the one that the system tells.
const THREADS: usize = 2;
const IDLE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let world = World::start().await;
    let root = world.home.path().join("skills");
    let mut client = ControlClient::connect(&world.data, "bench", false).await.unwrap();
    let view = client.snapshot().await.unwrap();
    let pid = view.host.pid;
    let codex = Pid::from_raw(i32::try_from(view.app_server.pid.unwrap()).unwrap());
    let mut command = drawbridge();
    command
        .args(["skills", "watch", "--json"])
        .env("DRAWBRIDGE_DATA_DIR", &world.data)
        .stdout(Stdio::piped());
    let mut watch = command.spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut app = App::start(&world.data);
    app.until_tray(|_| true).await;
    // A window that asks is told from then on.
    app.ask("main", Ask::Snapshot).await.unwrap();
    tokio::time::sleep(PAUSE).await;
    let (mut socket, mut cli, mut window) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let path = write(&root, round);
        let began = Instant::now();
        let shown = path.to_string_lossy().into_owned();
        let at_socket = async {
            loop {
                let delta = client.next().await.unwrap();
                let recent = match &delta.change {
                    Change::Skills(view) => &view.recent,
                    Change::SkillsPart(part) => &part.rest.recent,
                    _ => continue,
                };
                if recent.last().is_some_and(|last| last.path == path) {
                    break began.elapsed();
                }
            }
        };
        let at_cli = async {
            loop {
                let line = lines.next_line().await.unwrap().unwrap();
                if line.contains(&shown) {
                    break began.elapsed();
                }
            }
        };
        let at_window = async {
            let changed = |did| match did {
                Did::Tell(view) => view
                    .host
                    .and_then(|host| host.skills.recent.last().map(|last| last.path == path))
                    .filter(|shown| *shown),
                _ => None,
            };
            app.until(changed).await;
            began.elapsed()
        };
        let (one, two, three) = tokio::join!(at_socket, at_cli, at_window);
        socket.push(one);
        cli.push(two);
        window.push(three);
        tokio::time::sleep(PAUSE).await;
    }
    let worst = show("at control.sock", socket)
        .max(show("in `skills watch`", cli))
        .max(show("at the window", window));
    app.desk.terminate();
    app.ended().await;
    drop(client);
    watch.kill().await.unwrap();
    tokio::time::sleep(PAUSE).await;
    // Codex looks after its own databases once a minute, in a folder that is watched: what that costs is shown, and
    // that nothing else does is held to.
    let lively = idle(pid).await;
    lively.show("and a Codex that runs, not in the verdict");
    kill(codex, Signal::SIGSTOP).unwrap();
    let cost = idle(pid).await;
    kill(codex, Signal::SIGCONT).unwrap();
    cost.show("while nothing changes");
    let good = worst <= BUDGET && cost.own == (0, 0) && cost.system == (0, 0) && cost.threads == THREADS;
    println!("budgets: {}", if good { "held" } else { "EXCEEDED" });
    world.stop().await;
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn idle(pid: u32) -> Cost {
    let before = Cost::of(pid);
    tokio::time::sleep(IDLE).await;
    Cost::of(pid).since(&before)
}

fn write(root: &Path, round: usize) -> PathBuf {
    let folder = root.join(format!("bench-{}", round % 4));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("SKILL.md");
    std::fs::write(
        &path,
        format!("---\nname: bench-{}\ndescription: d\n---\n{round}\n", round % 4),
    )
    .unwrap();
    path
}

fn show(what: &str, mut all: Vec<Duration>) -> Duration {
    all.sort();
    let at = |percent: usize| all[(all.len() * percent).div_ceil(100).max(1) - 1];
    println!(
        "a change shows {what}: p50 {:?}, p99 {:?} of {}",
        at(50),
        at(99),
        all.len()
    );
    at(99)
}

/// Times woken and ticks worked.
#[derive(Debug, Default)]
struct Cost {
    own: (u64, u64),
    system: (u64, u64),
    others: (u64, u64),
    all: u64,
    /// How many of skills there are.
    threads: usize,
}

impl Cost {
    fn of(pid: u32) -> Self {
        let mut cost = Self::default();
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
            let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let woken: u64 = read("status")
                .lines()
                .filter_map(|line| line.split_once("ctxt_switches:"))
                .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
                .sum();
            let stat = read("stat");
            let fields: Vec<&str> = stat
                .rsplit_once(')')
                .map(|(_, rest)| rest.split_whitespace().collect())
                .unwrap_or_default();
            let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<u64>().ok());
            let worked = ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default();
            cost.all += worked;
            let name = read("comm");
            let sum = match name.trim() {
                THREAD => &mut cost.own,
                THREAD_OF_SYSTEM => &mut cost.system,
                // Those of the configuration.
                other if other.starts_with("notify-rs") => &mut cost.others,
                _ => continue,
            };
            *sum = (sum.0 + woken, sum.1 + worked);
            cost.threads += usize::from(name.trim().starts_with(THREAD));
        }
        cost
    }

    fn show(&self, when: &str) {
        let percent = |ticks: u64| ticks as f64 / IDLE.as_secs_f64();
        println!(
            "idle host for {IDLE:?} {when}: {THREAD} woken {} times, {:.1} % CPU; {THREAD_OF_SYSTEM} woken {} times, \
             {:.1} % CPU; not in the verdict: threads of notify, which watch the configuration, woken {} times, {:.1} % \
             CPU; all of the host {:.1} % CPU",
            self.own.0,
            percent(self.own.1),
            self.system.0,
            percent(self.system.1),
            self.others.0,
            percent(self.others.1),
            percent(self.all),
        );
    }

    fn since(&self, before: &Self) -> Self {
        let less = |a: (u64, u64), b: (u64, u64)| (a.0 - b.0, a.1 - b.1);
        Self {
            own: less(self.own, before.own),
            system: less(self.system, before.system),
            others: less(self.others, before.others),
            threads: self.threads,
            all: self.all - before.all,
        }
    }
}

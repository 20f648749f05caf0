//! When the system does not tell of everything, or Codex does not answer.

use super::eyes::{Eyes, put, text};
use super::{said, world};
use drawbridge_wire::control::HostView;
use drawbridge_wire::skills::SkillWatching;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::Output;

/// A process that stands still until this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn new(pid: u32) -> Self {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap());
        kill(pid, Signal::SIGSTOP).unwrap();
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended.
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

fn polled(view: &HostView, why: &str) -> bool {
    matches!(&view.skills.watching, SkillWatching::Polled { code, .. } if code == why)
}

// proves S5.33: the system's own queue overflows, since the host does not empty it
#[tokio::test]
async fn an_overflow_is_said_and_what_was_lost_is_found() {
    let world = world().await;
    let root = world.home.path().join("skills");
    let old = put(&root, "old", "");
    let mut eyes = Eyes::at(&world).await;
    eyes.skill(&old, |skill| skill.enabled == Some(true)).await;
    let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: usize = most.trim().parse().unwrap();
    assert!(most <= 1 << 20, "cannot be filled in time: {most}");
    let stopped = Stopped::new(eyes.view.host.pid);
    let at = root.clone();
    let lost = tokio::task::spawn_blocking(move || {
        // Made, written, gone: three events each. What comes then finds no room.
        for n in 0..most / 3 + 100 {
            let file = at.join("old").join(format!("f{n}"));
            std::fs::write(&file, "").unwrap();
            std::fs::remove_file(&file).unwrap();
        }
        std::fs::remove_dir_all(at.join("old")).unwrap();
        put(&at, "lost", "")
    });
    let lost = lost.await.unwrap();
    drop(stopped);
    eyes.until(|view| polled(view, "overflow")).await;
    eyes.skill(&lost, |skill| skill.enabled == Some(true)).await;
    eyes.without(&old).await;
    let (_, shown, _) = said(&world, &["skills", "roots"]).await;
    assert!(shown.contains("[overflow]"), "{shown}");
    eyes.until(|view| view.skills.watching == SkillWatching::Watched)
        .await;
    let before = eyes.skill(&lost, |_| true).await;
    std::fs::write(&lost, text("lost", "edited")).unwrap();
    eyes.edited(&lost, &before).await;
    world.stop().await;
}

/// Set where few folders may be watched.
const LIMITED: &str = "DRAWBRIDGE_TEST_FEW_WATCHES";

/// Runs a test of this program once more, where few folders may be watched: the system keeps that limit for each space
/// of users, and who makes one sets it there. `None` where nobody may make one.
fn with_few_watches(test: &str) -> Option<Output> {
    let limited = |program: &Path| {
        let mut command = std::process::Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "/bin/sh", "-c"])
            .arg("echo 6 > /proc/sys/user/max_inotify_watches && exec \"$@\"")
            .arg("sh")
            .arg(program)
            .env(LIMITED, "1");
        command
    };
    let probe = limited(Path::new("/bin/true")).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return None;
    }
    let this = std::env::current_exe().unwrap();
    Some(limited(&this).args(["--exact", test]).output().unwrap())
}

// proves S5.33: the system really lets nobody watch more
#[allow(clippy::print_stderr, reason = "who runs it is told what was not shown")]
#[tokio::test]
async fn the_limit_of_the_system_is_said_and_changes_show_all_the_same() {
    if std::env::var_os(LIMITED).is_none() {
        let again = "skills::limits::the_limit_of_the_system_is_said_and_changes_show_all_the_same";
        match with_few_watches(again) {
            Some(ran) => {
                let said = String::from_utf8_lossy(&ran.stdout);
                assert!(ran.status.success() && said.contains("1 passed"), "{said}");
            }
            None => eprintln!("not shown here: this system lets nobody make a space of users"),
        }
        return;
    }
    let world = world().await;
    let mut eyes = Eyes::at(&world).await;
    eyes.until(|view| polled(view, "limit")).await;
    let path = put(&world.work.join(".agents/skills"), "greet", "1");
    let before = eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
    std::fs::write(&path, text("greet", "2")).unwrap();
    eyes.edited(&path, &before).await;
    let (_, shown, _) = said(&world, &["status"]).await;
    assert!(
        shown.contains("[limit]") && shown.contains("fs.inotify.max_user_watches"),
        "{shown}"
    );
    world.stop().await;
}

// proves S5.32: nobody waits for ever, and what may have come to pass is in the record
#[tokio::test]
async fn while_codex_does_not_answer_a_switch_is_recorded_as_unknown_and_a_rescan_says_so() {
    let world = world().await;
    let path = put(&world.work.join(".agents/skills"), "greet", "");
    let mut eyes = Eyes::at(&world).await;
    eyes.skill(&path, |skill| skill.enabled == Some(true)).await;
    let stopped = Stopped::new(eyes.view.app_server.pid.unwrap());
    let (switch, rescan) = tokio::join!(
        said(&world, &["skills", "disable", "greet"]),
        said(&world, &["skills", "list", "--rescan"])
    );
    assert_eq!(switch.0, Some(1), "{switch:?}");
    assert!(switch.2.contains("gave no answer"), "{switch:?}");
    assert_eq!(rescan.0, Some(1), "{rescan:?}");
    assert!(rescan.2.contains("[slow]"), "{rescan:?}");
    let record = world.record();
    assert!(
        record.contains("\"value\":\"disabled, outcome unknown\"") && record.contains("skill "),
        "{record}"
    );
    drop(stopped);
    // It did it all the same, and that shows.
    eyes.skill(&path, |skill| skill.enabled == Some(false)).await;
    world.stop().await;
}

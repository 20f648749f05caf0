//! When the system does not tell of everything.

use crate::world::{SOON, World, put, skills, text};
use drawbridge_skills::watch::{Event, Notice, NoticeError, Noticer, SystemNotices, Tell, Times};
use drawbridge_skills::{Because, Found, Places, Watching};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Deed = Box<dyn FnOnce() + Send>;

fn times() -> Times {
    Times {
        poll: Duration::from_millis(50),
        quiet_polls: 3,
        retry: Duration::from_millis(100),
        ..Times::default()
    }
}

/// What a test does to the system's watches.
#[derive(Default)]
struct Hand {
    /// The system tells nothing.
    deaf: AtomicBool,
    /// Watches that are to be had; those beyond are refused.
    most: AtomicUsize,
    placed: AtomicUsize,
    /// Nothing watches at all.
    none: AtomicBool,
    tell: Mutex<Option<Arc<Tell>>>,
    /// How often something that watches was made.
    begun: AtomicUsize,
    /// A folder, and what happens just before it is watched, in the midst of a look.
    midway: Mutex<Option<(PathBuf, Deed)>>,
    /// A folder, and what is written into it just before it is watched.
    late: Mutex<Option<(PathBuf, PathBuf)>>,
}

struct Troubled(Arc<Hand>);

impl Noticer for Troubled {
    fn begin(&mut self, tell: Tell) -> Result<Box<dyn Notice>, NoticeError> {
        if self.0.none.load(Ordering::SeqCst) {
            return Err(NoticeError::Other("not here".to_owned()));
        }
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let tell = Arc::new(tell);
        *self.0.tell.lock().unwrap() = Some(tell.clone());
        let hand = self.0.clone();
        let system = SystemNotices.begin(Box::new(move |event| {
            if !hand.deaf.load(Ordering::SeqCst) {
                tell(event);
            }
        }))?;
        self.0.placed.store(0, Ordering::SeqCst);
        Ok(Box::new(Watches {
            system,
            hand: self.0.clone(),
        }))
    }
}

struct Watches {
    system: Box<dyn Notice>,
    hand: Arc<Hand>,
}

impl Notice for Watches {
    fn watch(&mut self, folder: &Path, below: bool) -> Result<(), NoticeError> {
        let most = self.hand.most.load(Ordering::SeqCst);
        if most > 0 && self.hand.placed.load(Ordering::SeqCst) >= most {
            return Err(NoticeError::Limit);
        }
        self.hand.placed.fetch_add(1, Ordering::SeqCst);
        let midway = self.hand.midway.lock().unwrap().take_if(|(at, _)| at == folder);
        if let Some((_, happens)) = midway {
            happens();
        }
        let mut late = self.hand.late.lock().unwrap();
        if let Some((_, file)) = late.take_if(|(at, _)| at == folder) {
            std::fs::write(file, text("late", "")).unwrap();
        }
        self.system.watch(folder, below)
    }
    /// As where that cannot be had.
    fn watch_above(&mut self, _folder: &Path) -> Result<(), NoticeError> {
        self.hand.placed.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn unwatch(&mut self, folder: &Path) {
        self.hand.placed.fetch_sub(1, Ordering::SeqCst);
        self.system.unwatch(folder);
    }
    fn holds(&self, folder: &Path) -> bool {
        self.system.holds(folder)
    }
    fn reaches_below(&self) -> bool {
        self.system.reaches_below()
    }
}

fn polled(found: &Found) -> Option<&Because> {
    match &found.watching {
        Watching::Watched => None,
        Watching::Polled { because, .. } => Some(because),
    }
}

// proves S5.33
#[test]
fn after_an_overflow_everything_is_read_again_and_looked_at_until_it_is_quiet() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    put(&root, "a", "");
    let hand = Arc::new(Hand::default());
    let mut eyes = world.watch_with(times(), Box::new(Troubled(hand.clone())));
    // What is lost is lost: a file and a folder nobody tells of.
    hand.deaf.store(true, Ordering::SeqCst);
    let lost = put(&root, "lost", "");
    std::fs::remove_dir_all(root.join("a")).unwrap();
    let tell = hand.tell.lock().unwrap().take().unwrap();
    tell(Event::Overflow);
    eyes.skill(&lost, |_| true);
    let said = eyes.until(|found| polled(found).is_some());
    assert_eq!(polled(&said), Some(&Because::Overflow));
    assert!(skills(&said.roots).all(|skill| skill.path == lost));
    // Still nobody tells, and still it shows.
    std::fs::write(&lost, text("lost", "edited")).unwrap();
    eyes.changes.clear();
    eyes.until(|found| found.changes.iter().any(|change| change.path == lost));
    hand.deaf.store(false, Ordering::SeqCst);
    eyes.until(|found| found.watching == Watching::Watched);
    assert_eq!(
        hand.begun.load(Ordering::SeqCst),
        2,
        "no watch of before is trusted"
    );
    // Watched again, from then on: the folder that nobody told of too.
    let before = eyes.skill(&lost, |_| true);
    std::fs::write(&lost, text("lost", "again")).unwrap();
    let after = eyes.skill(&lost, |skill| skill.hash != before.hash && skill.is_usable());
    assert_eq!(after.name, "lost");
    assert_eq!(eyes.last.as_ref().unwrap().watching, Watching::Watched);
}

// proves S5.33: what comes between the look and the watch
#[test]
fn what_is_written_before_a_new_folder_is_watched_is_found_without_an_event() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    std::fs::create_dir_all(&root).unwrap();
    let hand = Arc::new(Hand::default());
    let file = root.join("late/SKILL.md");
    *hand.late.lock().unwrap() = Some((root.join("late"), file.clone()));
    let mut eyes = world.watch_with(times(), Box::new(Troubled(hand)));
    std::fs::create_dir(root.join("late")).unwrap();
    eyes.skill(&file, |skill| skill.name == "late");
    assert_eq!(
        eyes.last.as_ref().unwrap().watching,
        Watching::Watched,
        "nobody looks from time to time"
    );
}

// proves S5.32: an answer is from a look that began after the question
#[test]
fn a_look_that_is_under_way_does_not_count_for_who_asks_meanwhile() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    std::fs::create_dir_all(&root).unwrap();
    let hand = Arc::new(Hand::default());
    let mut eyes = world.watch_with(times(), Box::new(Troubled(hand.clone())));
    let watcher = eyes.watcher.clone();
    let (send, asked) = std::sync::mpsc::channel();
    let happens = Box::new(move || send.send(watcher.rescan()).unwrap());
    *hand.midway.lock().unwrap() = Some((root.join("new"), happens));
    let path = put(&root, "new", "");
    let under_way = eyes.until(|found| skills(&found.roots).any(|skill| skill.path == path));
    assert_eq!(under_way.asked, None, "it began before");
    let number = asked.recv_timeout(SOON).unwrap();
    let found = eyes.until(|found| found.asked.is_some());
    assert_eq!(found.asked, Some(number));
}

#[test]
fn where_no_more_can_be_watched_it_is_looked_at_and_said_until_it_can() {
    let world = World::new();
    let root = world.base().join("codex/skills");
    for n in 0..20 {
        put(&root, &format!("s{n:02}"), "");
    }
    let hand = Arc::new(Hand::default());
    hand.most.store(5, Ordering::SeqCst);
    let mut eyes = world.watch_with(times(), Box::new(Troubled(hand.clone())));
    assert_eq!(polled(eyes.last.as_ref().unwrap()), Some(&Because::Limit));
    let path = root.join("s19/SKILL.md");
    std::fs::write(&path, text("s19", "edited")).unwrap();
    eyes.changes.clear();
    eyes.until(|found| found.changes.iter().any(|change| change.path == path));
    hand.most.store(0, Ordering::SeqCst);
    eyes.until(|found| found.watching == Watching::Watched);
}

#[test]
fn where_nothing_can_be_watched_it_is_looked_at() {
    let world = World::new();
    let hand = Arc::new(Hand::default());
    hand.none.store(true, Ordering::SeqCst);
    let mut eyes = world.watch_with(times(), Box::new(Troubled(hand.clone())));
    let because = polled(eyes.last.as_ref().unwrap()).cloned().unwrap();
    assert_eq!(because.code(), "unavailable");
    assert!(because.to_string().contains("not here"), "{because}");
    let path = put(&world.base().join("home/.agents/skills"), "a", "");
    eyes.skill(&path, |_| true);
    hand.none.store(false, Ordering::SeqCst);
    eyes.until(|found| found.watching == Watching::Watched);
}

#[test]
fn who_lets_go_of_a_watcher_is_told_nothing_more() {
    let world = World::new();
    let hand = Arc::new(Hand::default());
    let (send, told) = std::sync::mpsc::channel();
    let watcher = drawbridge_skills::Watcher::start(
        world.places.clone(),
        times(),
        Box::new(Troubled(hand)),
        move |found| send.send(found).unwrap(),
    )
    .unwrap();
    told.recv_timeout(SOON).unwrap();
    drop(watcher);
    // The thread ends, and with it the sender.
    let deadline = Instant::now() + SOON;
    loop {
        match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(_) => {}
            Err(why) => {
                assert_eq!(why, std::sync::mpsc::RecvTimeoutError::Disconnected);
                return;
            }
        }
    }
}

// proves S5.33: an overflow of the system's own queue
#[cfg(target_os = "linux")]
#[test]
fn what_the_system_could_not_keep_is_told_as_lost() {
    let world = World::new();
    let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: usize = most.trim().parse().unwrap();
    assert!(most <= 1 << 20, "cannot be filled in time: {most}");
    // Who is told is busy until the queue is full.
    let busy = Arc::new(Mutex::new(()));
    let (send, told) = std::sync::mpsc::channel();
    let (waits, send) = (busy.clone(), Mutex::new(send));
    let tell = move |event| {
        let _done = waits.lock().unwrap();
        // The test may be over.
        let _ = send.lock().unwrap().send(event);
    };
    let mut notice = SystemNotices.begin(Box::new(tell)).unwrap();
    let folder = world.base().join("codex");
    notice.watch(&folder, false).unwrap();
    let full = busy.lock().unwrap();
    // Made, written, gone; and what the thread took before it had to wait.
    for n in 0..most / 3 + 1000 {
        let file = folder.join(n.to_string());
        std::fs::write(&file, "").unwrap();
        std::fs::remove_file(&file).unwrap();
    }
    drop(full);
    let deadline = Instant::now() + SOON;
    let next = || told.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    assert_eq!(next(), Ok(Event::Moved(folder.join("0"))));
    while next().unwrap() != Event::Overflow {}
}

// proves S5.30: a root that may not be read, until it may
#[cfg(unix)]
#[test]
fn a_closed_root_is_noticed_when_it_is_opened() {
    use drawbridge_skills::RootState;
    use std::os::unix::fs::PermissionsExt;
    // Nothing is closed to root: then somebody else runs this test.
    if nix::unistd::geteuid().is_root() {
        return crate::world::as_nobody("watch_trouble::a_closed_root_is_noticed_when_it_is_opened");
    }
    let world = World::new();
    let root = world.base().join("home/.agents/skills");
    let path = put(&root, "a", "");
    let allow = |mode| std::fs::set_permissions(&root, PermissionsExt::from_mode(mode)).unwrap();
    allow(0);
    let mut eyes = world.watch();
    let state = |found: &Found| {
        found
            .roots
            .iter()
            .find(|one| one.root.path == root)
            .map(|one| one.state)
    };
    assert_eq!(state(eyes.last.as_ref().unwrap()), Some(RootState::Unreadable));
    allow(0o700);
    eyes.skill(&path, |_| true);
}

// proves S5.30: where nobody tells of what is swapped far above, it is seen with the next look at anything
#[cfg(unix)]
#[test]
fn a_folder_that_is_another_than_was_watched_is_looked_at_anew_with_the_next_look() {
    let world = World::new();
    let base = world.base();
    for (above, text) in [("up", "1"), ("new", "2")] {
        put(&base.join(above).join("more/project/.codex/skills"), "a", text);
    }
    let project = base.join("up/more/project");
    let path = project.join(".codex/skills/a/SKILL.md");
    let places = Places {
        folders: vec![project],
        extra: Vec::new(),
        ..world.places.clone()
    };
    let world = World { places, ..world };
    let mut eyes = world.watch_with(times(), Box::new(Troubled(Arc::new(Hand::default()))));
    let first = eyes.skill(&path, |_| true);
    std::fs::rename(base.join("up"), base.join("old")).unwrap();
    std::fs::rename(base.join("new"), base.join("up")).unwrap();
    put(&base.join("codex/skills"), "elsewhere", "");
    eyes.skill(&path, |skill| skill.hash != first.hash);
}

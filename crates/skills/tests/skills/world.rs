//! A home, a Codex home and a project, and somebody who watches them.

use drawbridge_skills::watch::{Noticer, SystemNotices, Times};
use drawbridge_skills::{Change, ChangeKind, Found, Places, ScannedRoot, Skill, Watcher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for anything.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) places: Places,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        for name in ["home", "codex", "project"] {
            std::fs::create_dir(base.join(name)).unwrap();
        }
        let places = Places {
            codex_home: base.join("codex"),
            home: Some(base.join("home")),
            folders: vec![base.join("project")],
            extra: vec![base.join("extra/skills")],
        };
        Self { folder, places }
    }

    pub(crate) fn base(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// One root of each kind that a person changes.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        let base = self.base();
        [
            "codex/skills",
            "home/.agents/skills",
            "project/.codex/skills",
            "project/.agents/skills",
            "extra/skills",
        ]
        .map(|root| base.join(root))
        .to_vec()
    }

    /// With hardly any pauses between looks.
    pub(crate) fn watch(&self) -> Eyes {
        let mut times = Times::default();
        times.pace.pauses = [Duration::from_millis(1); 4];
        self.watch_with(times, Box::new(SystemNotices))
    }

    pub(crate) fn watch_with(&self, times: Times, noticer: Box<dyn Noticer>) -> Eyes {
        let (send, found) = channel();
        let watcher = Watcher::start(self.places.clone(), times, noticer, move |found| {
            // The test may be over.
            let _ = send.send(found);
        })
        .unwrap();
        let mut eyes = Eyes {
            watcher: Arc::new(watcher),
            found,
            last: None,
            changes: Vec::new(),
            count: 0,
        };
        eyes.next();
        eyes
    }
}

/// What a watcher told.
pub(crate) struct Eyes {
    pub(crate) watcher: Arc<Watcher>,
    found: Receiver<Found>,
    pub(crate) last: Option<Found>,
    /// Since they were taken last.
    pub(crate) changes: Vec<Change>,
    /// How often it told something.
    pub(crate) count: usize,
}

impl Eyes {
    pub(crate) fn next(&mut self) -> &Found {
        self.next_before(Instant::now() + SOON)
            .expect("something is told in time")
    }

    pub(crate) fn next_before(&mut self, deadline: Instant) -> Option<&Found> {
        let left = deadline.saturating_duration_since(Instant::now());
        let found = self.found.recv_timeout(left).ok()?;
        self.count += 1;
        self.changes.extend(found.changes.iter().cloned());
        self.last = Some(found);
        self.last.as_ref()
    }

    /// Waits until what is told fits.
    pub(crate) fn until(&mut self, fits: impl Fn(&Found) -> bool) -> Found {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(last) = self.last.as_ref().filter(|last| fits(last)) {
                return last.clone();
            }
            if self.next_before(deadline).is_none() {
                panic!("never told; last: {:#?}\nchanges: {:#?}", self.last, self.changes);
            }
        }
    }

    /// Waits for a skill.
    pub(crate) fn skill(&mut self, path: &Path, fits: impl Fn(&Skill) -> bool) -> Skill {
        let found = self.until(|found| skills(&found.roots).any(|skill| skill.path == path && fits(skill)));
        skills(&found.roots)
            .find(|skill| skill.path == path)
            .unwrap()
            .clone()
    }

    /// Waits until there is none of this path.
    pub(crate) fn without(&mut self, path: &Path) {
        self.until(|found| skills(&found.roots).all(|skill| skill.path != path));
    }

    /// The changes of this path since they were taken last.
    pub(crate) fn kinds(&mut self, path: &Path) -> Vec<ChangeKind> {
        let all = std::mem::take(&mut self.changes);
        all.into_iter()
            .filter(|change| change.path == path)
            .map(|change| change.kind)
            .collect()
    }
}

pub(crate) fn skills(roots: &[ScannedRoot]) -> impl Iterator<Item = &Skill> {
    roots.iter().flat_map(|root| &root.skills)
}

pub(crate) fn text(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: about {name}\n---\n{body}\n")
}

/// Makes a skill and answers the path of its file.
pub(crate) fn put(root: &Path, name: &str, body: &str) -> PathBuf {
    std::fs::create_dir_all(root.join(name)).unwrap();
    let path = root.join(name).join("SKILL.md");
    std::fs::write(&path, text(name, body)).unwrap();
    path
}

/// Runs a test of this program once more, as somebody to whom something can be closed.
#[cfg(unix)]
pub(crate) fn as_nobody(test: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    // Where the test lies may be closed to others.
    let copy = place.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let ran = std::process::Command::new(&copy)
        .args(["--exact", test])
        .env("TMPDIR", place.path())
        .current_dir(place.path())
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

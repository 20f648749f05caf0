//! Which folders to watch for which roots, and which events concern which of them.

use super::inbox::Told;
use super::notice::Event;
use crate::model::{Root, RootKind, RootState, ScannedRoot};
use crate::places::{Places, TOP};
use crate::scan::SKILL_FILE;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Links that are followed from a root to what it means; Linux itself follows no more.
const MOST_HOPS: usize = 40;
/// Folders above one that is watched that are watched for their names.
const MOST_ABOVE: usize = 40;

/// Of what in a folder to be told. The later ones include the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// That it gets another name or place itself: with it goes what is watched somewhere below.
    Above,
    /// What comes, goes or gets another name: it is on the way to something.
    Way,
    /// Files that are written and what may be read, too.
    Files,
    /// The same in everything below it.
    Below,
}

impl Reach {
    pub(super) fn below(self) -> bool {
        self == Reach::Below
    }
}

/// Folders to watch, without links.
pub(super) type Folders = BTreeMap<PathBuf, Reach>;

/// What to watch.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) folders: Folders,
    pub(super) interest: Interest,
}

/// Which events concern whom. Paths are as the system tells them: that of a folder that is watched, and a
/// name in it.
#[derive(Debug, Default)]
pub(super) struct Interest {
    roots: Vec<Root>,
    /// Entries whose coming and going concerns roots, and folders that are watched for these entries.
    exact: BTreeMap<PathBuf, BTreeSet<usize>>,
    /// Folders in which everything concerns a root.
    within: Vec<(PathBuf, usize)>,
    instructions: BTreeSet<PathBuf>,
    switches: BTreeSet<PathBuf>,
}

impl Interest {
    /// Adds an event to what is told, if it concerns somebody.
    pub(super) fn tell(&self, event: &Event, told: &mut Told) -> bool {
        let (path, written) = match event {
            Event::Overflow => {
                told.overflow = true;
                return true;
            }
            Event::Moved(path) => (path, false),
            Event::Written(path) => (path, true),
        };
        let mut concerns = false;
        if self.instructions.contains(path) {
            told.instructions = true;
            concerns = true;
        }
        if self.switches.contains(path) {
            told.switches = true;
            concerns = true;
        }
        // What is written into other files of a skill is no change of the skill.
        if written && path.file_name() != Some(OsStr::new(SKILL_FILE)) {
            return concerns;
        }
        if let Some(roots) = self.exact.get(path) {
            told.roots.extend(roots);
            concerns = true;
        }
        for (folder, root) in &self.within {
            if path.starts_with(folder) {
                told.roots.insert(*root);
                concerns = true;
            }
        }
        concerns
    }

    /// The roots that a folder has to do with, when it is another or gone.
    pub(super) fn of_folder<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a Root> {
        let exact = self.exact.get(folder).into_iter().flatten();
        let within = self.within.iter().filter(|(root, _)| folder.starts_with(root));
        let numbers = exact.chain(within.map(|(_, number)| number));
        numbers.filter_map(|number| self.roots.get(*number))
    }

    pub(super) fn same_roots(&self, other: &Interest) -> bool {
        self.roots == other.roots
    }
}

/// What to watch for these roots as they are now.
pub(super) fn plan(places: &Places, scanned: &[ScannedRoot], below: bool) -> Plan {
    let mut plan = Plan::default();
    for (number, root) in scanned.iter().enumerate() {
        plan.interest.roots.push(root.root.clone());
        // An administrator's folder that is not there is not worth watching `/etc`, where every program that
        // starts opens files.
        let above = root.root.path.parent().is_some_and(Path::is_dir);
        if above || root.root.kind != RootKind::Admin {
            // It may be opened to us.
            let closed = root.state == RootState::Unreadable;
            let reach = if closed { Reach::Files } else { Reach::Way };
            plan.way_to(&root.root.path, number, reach);
        }
        if let Some(real) = &root.real {
            plan.interest.within.push((real.clone(), number));
            if below {
                plan.have(real.clone(), Reach::Below);
            } else {
                for folder in &root.folders {
                    plan.have(folder.clone(), Reach::Files);
                }
            }
        }
    }
    for folder in places.instruction_folders() {
        if let Ok(real) = folder.canonicalize() {
            plan.interest.instructions.insert(real.clone());
            // It says how far up a project goes, and so which roots there are.
            plan.interest.instructions.insert(real.join(TOP));
            plan.have(real, Reach::Files);
        }
    }
    for file in places.instruction_files() {
        let way = plan.way_of_file(&file);
        plan.interest.instructions.extend(way);
    }
    plan.interest.switches = plan.way_of_file(&places.codex_home.join("config.toml"));
    let Interest {
        instructions,
        switches,
        ..
    } = &mut plan.interest;
    for files in [instructions, switches] {
        let folders: Vec<PathBuf> = files.iter().flat_map(|file| above(file)).collect();
        files.extend(folders);
    }
    plan.watch_above();
    plan.all_above();
    plan
}

impl Plan {
    /// The folder a root lies in, or the nearest one above that is there; and that of every link on the way
    /// there, be it the root itself or a folder above it. Never anything below them.
    fn way_to(&mut self, root: &Path, number: usize, reach: Reach) {
        let mut next = root.to_owned();
        for _ in 0..MOST_HOPS {
            let link = first_link(&next);
            let here = link.as_ref().map_or(&next, |link| &link.path);
            let Some((folder, entry)) = nearest(here) else {
                return;
            };
            self.concerns(folder.clone(), number);
            self.concerns(folder.join(&entry), number);
            let Some(link) = link else {
                return self.have(folder, reach);
            };
            next = folder.join(link.target).join(link.rest);
            self.have(folder, Reach::Way);
        }
    }

    /// A file that is read through links, in the folder it is named in and wherever these lead: what is of
    /// interest. Its folders are watched.
    fn way_of_file(&mut self, file: &Path) -> BTreeSet<PathBuf> {
        let mut way = BTreeSet::new();
        // One that leads to a device or a pipe is not read, and its folder may never be at rest.
        let read = file.metadata().map_or(true, |found| found.is_file());
        let Some(Ok(folder)) = file.parent().map(Path::canonicalize) else {
            return way;
        };
        let mut next = file.file_name().map(|name| folder.join(name));
        for _ in 0..MOST_HOPS {
            let Some((folder, entry)) = next.as_deref().and_then(nearest) else {
                break;
            };
            let here = folder.join(entry);
            let linked = std::fs::read_link(&here).ok().filter(|_| read);
            next = linked.map(|target| folder.join(target));
            let here_is_file = here.symlink_metadata().is_ok_and(|found| found.is_file());
            way.insert(here);
            if way.len() > 1 {
                // It may get another name.
                way.insert(folder.clone());
            }
            // Links and what is not there are not written.
            let reach = if read && here_is_file {
                Reach::Files
            } else {
                Reach::Way
            };
            self.have(folder, reach);
        }
        way
    }

    /// The folders above those that are watched are watched for their names. That in which they lie would tell
    /// that, too, but wakes for all else that happens in it.
    fn watch_above(&mut self) {
        let all: Vec<PathBuf> = self.folders.keys().flat_map(|folder| above(folder)).collect();
        for folder in all {
            self.have(folder, Reach::Above);
        }
    }

    /// A folder that is watched for something else takes the roots below it along when it gets another name: of that
    /// only it is told itself.
    fn all_above(&mut self) {
        let exact = &self.interest.exact;
        let ways = exact
            .iter()
            .flat_map(|(path, roots)| roots.iter().map(move |root| (path, *root)));
        let within = self.interest.within.iter().map(|(path, root)| (path, *root));
        let mut above = BTreeSet::new();
        for (path, root) in ways.chain(within) {
            let watched = path
                .ancestors()
                .skip(1)
                .filter(|folder| self.folders.contains_key(*folder));
            above.extend(watched.map(|folder| (folder.to_owned(), root)));
        }
        for (folder, root) in above {
            self.concerns(folder, root);
        }
    }

    fn have(&mut self, folder: PathBuf, reach: Reach) {
        let had = self.folders.entry(folder).or_insert(reach);
        *had = reach.max(*had);
    }

    fn concerns(&mut self, path: PathBuf, number: usize) {
        self.interest.exact.entry(path).or_default().insert(number);
    }
}

/// The folders above a path but the topmost, which keeps its name.
fn above(path: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = path.ancestors().skip(1).take(MOST_ABOVE);
    folders
        .filter(|folder| folder.parent().is_some())
        .map(Path::to_owned)
}

/// A link that a path leads over.
struct Link {
    /// Without links above it.
    path: PathBuf,
    target: PathBuf,
    /// What comes after it.
    rest: PathBuf,
}

/// The first link on the way to a path, the path itself included. Those in the topmost folder are the system's own
/// and lead to the same for ever, while everything on the disk happens below it.
fn first_link(path: &Path) -> Option<Link> {
    let mut here = PathBuf::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        match part {
            // No link lies behind, so it is the folder above by name, too.
            Component::ParentDir => {
                here.pop();
            }
            part => here.push(part),
        }
        let topmost = here.parent().is_none_or(|above| above.parent().is_none());
        if !topmost && let Ok(target) = std::fs::read_link(&here) {
            return Some(Link {
                path: here,
                target,
                rest: parts.as_path().to_owned(),
            });
        }
    }
    None
}

/// The nearest folder above a path that is there, without links, and the entry in it that leads on.
fn nearest(path: &Path) -> Option<(PathBuf, std::ffi::OsString)> {
    let mut here = path;
    loop {
        let (above, entry) = (here.parent()?, here.file_name());
        if let (Ok(real), Some(entry)) = (above.canonicalize(), entry)
            && real.is_dir()
        {
            return Some((real, entry.to_owned()));
        }
        here = above;
    }
}

//! The thread that looks.

use super::inbox::{Inbox, Told};
use super::notice::{Notice, NoticeError, Noticer};
use super::plan::{Folders, Reach, plan};
use super::{Because, Found, Times, Watching};
use crate::changes::{Change, compare, compare_instructions};
use crate::coalesce::Coalesce;
use crate::model::{Instructions, Root, ScannedRoot};
use crate::places::Places;
use crate::unix::Identity;
use crate::{check, scan};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Looks in a row while new folders keep appearing; then they are looked at with the next events.
const MOST_LOOKS: usize = 3;

/// What moved and was not looked at yet.
#[derive(Debug, Default)]
struct Stale {
    everything: bool,
    roots: BTreeSet<Root>,
    switches: bool,
    asked: Option<u64>,
}

/// Looking instead of being told.
#[derive(Debug)]
struct Polling {
    because: Because,
    next: Instant,
    /// When to try again to have everything watched.
    retry: Instant,
    /// Looks without news, in a row.
    quiet: u32,
}

/// What came of having folders watched.
#[derive(Debug, Default)]
struct Watched {
    /// Some were not watched before.
    added: bool,
    /// Roots of which a folder is another than it was, or gone.
    other: Vec<Root>,
}

pub(super) struct Keeper {
    inbox: Arc<Inbox>,
    times: Times,
    noticer: Box<dyn Noticer>,
    found: Box<dyn FnMut(Found) + Send>,
    notice: Option<Box<dyn Notice>>,
    /// What is watched: how far, and which folder it was.
    watched: BTreeMap<PathBuf, (Reach, Option<Identity>)>,
    coalesce: Coalesce,
    stale: Stale,
    polling: Option<Polling>,
    places: Places,
    /// As scanned, without what is only wrong beside others.
    scanned: Vec<ScannedRoot>,
    /// As told last.
    told: Option<(Vec<ScannedRoot>, Vec<Instructions>, Watching)>,
}

impl Keeper {
    pub(super) fn new(
        inbox: Arc<Inbox>,
        times: Times,
        noticer: Box<dyn Noticer>,
        found: Box<dyn FnMut(Found) + Send>,
    ) -> Self {
        Self {
            coalesce: Coalesce::new(times.pace),
            inbox,
            times,
            noticer,
            found,
            notice: None,
            watched: BTreeMap::new(),
            stale: Stale::default(),
            polling: None,
            places: Places::default(),
            scanned: Vec::new(),
            told: None,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            let polls = self.polling.as_ref().map(|polling| polling.next);
            let until = [self.coalesce.deadline(), polls].into_iter().flatten().min();
            let told = self.inbox.wait(until);
            if told.stop {
                return;
            }
            let now = Instant::now();
            let at_once = self.take(told, now);
            let polled = self.polling.as_ref().is_some_and(|polling| polling.next <= now);
            if polled {
                self.stale.everything = true;
            }
            if self.coalesce.due(now) || at_once || polled {
                self.look(polled);
            }
        }
    }

    /// Whether to look without waiting for quiet.
    fn take(&mut self, told: Told, now: Instant) -> bool {
        let mut at_once = told.rescan.is_some();
        if let Some(places) = told.places
            && places != self.places
        {
            // Roots that were looked at are known; many threads may bring their folders at once.
            at_once |= self.told.is_none();
            self.places = places;
            self.coalesce.event(now);
        }
        if told.rescan.is_some() {
            self.stale.everything = true;
            self.stale.asked = told.rescan;
        }
        if told.overflow {
            tracing::warn!("the system lost track of changes of skills; everything is read again");
            self.stale.everything = true;
            self.poll(Because::Overflow, now);
            // Watches of folders that came and went unseen are worth nothing.
            self.forget_watches();
            self.coalesce.event(now);
        }
        if told.everything || told.instructions || told.switches || !told.roots.is_empty() {
            self.stale.everything |= told.everything;
            self.stale.switches |= told.switches;
            let roots = told.roots.iter().filter_map(|number| self.scanned.get(*number));
            self.stale.roots.extend(roots.map(|root| root.root.clone()));
            self.coalesce.event(now);
        }
        at_once
    }

    fn poll(&mut self, because: Because, now: Instant) {
        match &mut self.polling {
            Some(polling) => {
                polling.quiet = 0;
                polling.because = because;
            }
            None => {
                self.polling = Some(Polling {
                    because,
                    next: now + self.times.poll,
                    retry: now + self.times.retry,
                    quiet: 0,
                });
            }
        }
    }

    fn forget_watches(&mut self) {
        // Dropping it ends its watches.
        self.notice = None;
        self.watched.clear();
    }

    fn look(&mut self, polled: bool) {
        let stale = std::mem::take(&mut self.stale);
        let before = std::mem::take(&mut self.scanned);
        let mut fresh: BTreeSet<Root> = stale.roots.clone();
        let roots = self.places.roots();
        if stale.everything {
            fresh.extend(roots.iter().cloned());
        }
        self.scanned = roots
            .iter()
            .map(|root| {
                let known = before.iter().find(|old| old.root == *root);
                if let Some(known) = known.filter(|_| !fresh.contains(root)) {
                    return known.clone();
                }
                fresh.insert(root.clone());
                scan::scan(root)
            })
            .collect();
        // What came between the look and the watch was seen by neither.
        for look in 0..MOST_LOOKS {
            let watched = self.watch();
            // What lies in a folder that is another by now, or gone, was never looked at.
            let known = fresh.len();
            fresh.extend(watched.other);
            if !watched.added && fresh.len() == known {
                break;
            }
            if look + 1 == MOST_LOOKS {
                self.stale.roots.extend(fresh.iter().cloned());
                self.coalesce.event(Instant::now());
                break;
            }
            for root in self.scanned.iter_mut().filter(|root| fresh.contains(&root.root)) {
                *root = scan::scan(&root.root);
            }
        }
        self.tell(&before, &stale, polled);
    }

    /// Has the folders watched that should be.
    fn watch(&mut self) -> Watched {
        let now = Instant::now();
        let below = self.notice.as_ref().is_some_and(|notice| notice.reaches_below());
        let mut planned = plan(&self.places, &self.scanned, below);
        let retry = self.polling.as_ref().is_none_or(|polling| polling.retry <= now);
        if self.notice.is_none() {
            // After an overflow at once, after a failure from time to time.
            let overflow = self
                .polling
                .as_ref()
                .is_some_and(|p| p.because == Because::Overflow);
            if !retry && !overflow {
                return Watched::default();
            }
            let inbox = self.inbox.clone();
            match self.noticer.begin(Box::new(move |event| inbox.event(&event))) {
                Ok(notice) => {
                    planned = plan(&self.places, &self.scanned, notice.reaches_below());
                    self.notice = Some(notice);
                }
                Err(error) => {
                    self.not_watched(error, now);
                    return Watched::default();
                }
            }
        }
        let replaced = self.no_more_watched(&planned.folders);
        let other = replaced
            .iter()
            .flat_map(|folder| planned.interest.of_folder(folder));
        let other = other.cloned().collect();
        // First the interest, then the watch: an event in between concerns somebody.
        self.inbox.interested_in(planned.interest);
        let limited = |polling: &Polling| polling.because == Because::Limit && polling.retry > now;
        let new_ones = !self.polling.as_ref().is_some_and(limited);
        let added = self.have_watched(&planned.folders, new_ones, now);
        Watched { added, other }
    }

    /// First what goes: a folder that was renamed is the same to the system under both names. Answers the folders
    /// that are others than they were, or gone.
    fn no_more_watched(&mut self, folders: &Folders) -> Vec<PathBuf> {
        let Some(notice) = &mut self.notice else {
            return Vec::new();
        };
        let mut replaced = Vec::new();
        self.watched.retain(|folder, (reach, was)| {
            let other = *was != identity(folder) || !notice.holds(folder);
            let wanted = folders.get(folder);
            let stays = !other && wanted.is_some_and(|wanted| wanted.below() == reach.below());
            if !stays {
                notice.unwatch(folder);
            }
            if other {
                replaced.push(folder.clone());
            }
            stays
        });
        replaced
    }

    /// Whether there are new ones among them.
    fn have_watched(&mut self, folders: &Folders, new_ones: bool, now: Instant) -> bool {
        let Some(notice) = &mut self.notice else {
            return false;
        };
        let mut added = false;
        let mut failed = None;
        for (folder, reach) in folders {
            // Watched for less or more, it is told so; in between nothing is missed.
            if self.watched.get(folder).is_some_and(|(was, _)| was == reach) {
                continue;
            }
            if !new_ones {
                // Told by looking until it is tried again.
                return added;
            }
            let is = identity(folder);
            let watch = match reach {
                Reach::Above => notice.watch_above(folder),
                Reach::Way => notice.watch_way(folder),
                Reach::Files | Reach::Below => notice.watch(folder, reach.below()),
            };
            match watch {
                Ok(()) => {
                    self.watched.insert(folder.clone(), (*reach, is));
                    added = true;
                }
                Err(NoticeError::Gone) => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        match failed {
            Some(error) => self.not_watched(error, now),
            // All is watched again.
            None => {
                if self
                    .polling
                    .as_ref()
                    .is_some_and(|p| p.because != Because::Overflow)
                {
                    self.polling = None;
                }
            }
        }
        added
    }

    fn not_watched(&mut self, error: NoticeError, now: Instant) {
        let because = match error {
            NoticeError::Limit => Because::Limit,
            other => Because::Unavailable(other.to_string()),
        };
        if self
            .polling
            .as_ref()
            .is_none_or(|polling| polling.because != because)
        {
            tracing::warn!(
                code = because.code(),
                "{because}; skills are looked at every {:?}",
                self.times.poll
            );
        }
        self.poll(because, now);
        if let Some(polling) = &mut self.polling {
            polling.retry = now + self.times.retry;
        }
    }

    fn tell(&mut self, before: &[ScannedRoot], stale: &Stale, polled: bool) {
        let mut roots = self.scanned.clone();
        for root in &mut roots {
            // Only this thread has use for them, and a new empty folder is no news.
            root.folders.clear();
        }
        check::check(&mut roots);
        let instructions = read_instructions(&self.places);
        let (changes, first) = match &self.told {
            // As scanned: what is wrong beside others is news, but no change of the skill it is said of.
            Some((_, files, _)) => (changes(before, &self.scanned, files, &instructions), false),
            None => (Vec::new(), true),
        };
        let now = Instant::now();
        self.polled(polled, changes.is_empty(), now);
        let watching = match &self.polling {
            None => Watching::Watched,
            Some(polling) => Watching::Polled {
                because: polling.because.clone(),
                every: self.times.poll,
            },
        };
        let is = (roots, instructions, watching);
        if !first && stale.asked.is_none() && !stale.switches && self.told.as_ref() == Some(&is) {
            return;
        }
        let (roots, instructions, watching) = is.clone();
        self.told = Some(is);
        (self.found)(Found {
            roots,
            instructions,
            changes,
            switches: stale.switches,
            watching,
            asked: stale.asked,
        });
    }

    /// After a look: when the next one is, and whether an overflow is over.
    fn polled(&mut self, polled: bool, quiet: bool, now: Instant) {
        let Some(polling) = &mut self.polling else { return };
        polling.next = now + self.times.poll;
        if polled && quiet {
            polling.quiet += 1;
        } else if !quiet {
            polling.quiet = 0;
        }
        if polling.because == Because::Overflow && polling.quiet >= self.times.quiet_polls {
            self.polling = None;
        }
    }
}

fn identity(folder: &Path) -> Option<Identity> {
    let found = folder.symlink_metadata().ok().filter(std::fs::Metadata::is_dir);
    found.and_then(|found| crate::unix::identity(&found))
}

fn changes(
    before: &[ScannedRoot],
    after: &[ScannedRoot],
    files: &[Instructions],
    new_files: &[Instructions],
) -> Vec<Change> {
    let mut changes = compare(before, after);
    changes.extend(compare_instructions(files, new_files));
    changes
}

pub(super) fn read_instructions(places: &Places) -> Vec<Instructions> {
    places
        .instruction_files()
        .iter()
        .filter_map(|file| scan::instructions(file))
        .collect()
}

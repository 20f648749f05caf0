//! Skills as the loop has them: what was found in folders, what Codex says of it, and which running turns
//! still have an older text.

mod codex;
mod names;
mod switches;
#[cfg(test)]
mod tests;
mod view;
mod waiting;

pub(crate) use codex::{Ask, CodexError, Listed, Outcome, ask, write};
use switches::Switches;
pub(crate) use waiting::{Switch, Waiting};

use drawbridge_skills::places::MOST_FOLDERS;
use drawbridge_skills::{Change as SkillChange, Found, Places, RootKind, ScannedRoot, Watcher};
use drawbridge_wire::control::Change;
use drawbridge_wire::skills::{
    CodexSkills, SkillChangeView, SkillNames, SkillWatching, SkillsDelta, SkillsView,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// From a question that Codex did not answer to the next; then twice as long each time.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Changes that are kept to be shown.
const MOST_RECENT: usize = 50;

/// A live thread, as far as skills are concerned.
#[derive(Debug, Clone)]
pub(crate) struct LiveThread {
    pub id: String,
    pub cwd: Option<PathBuf>,
    /// A turn runs.
    pub active: bool,
}

impl LiveThread {
    /// Whether what lies in this folder (`None`: everywhere) concerns it.
    fn is_in(&self, folder: Option<&Path>) -> bool {
        match (&self.cwd, folder) {
            (Some(cwd), Some(folder)) => cwd.starts_with(folder),
            // Where it is not known, it may be there.
            _ => true,
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Skills {
    pub(crate) watcher: Option<Watcher>,
    /// Why nobody watches.
    pub(crate) off: Option<String>,
    /// What is watched.
    places: Places,
    /// Folders that threads work in or worked in and that are watched for it.
    worked_in: Vec<PathBuf>,
    /// Folders of live threads that are one too many.
    unwatched: Vec<PathBuf>,
    found: Option<Found>,
    listed: Listed,
    codex: CodexSkills,
    /// Of a path the threads that still have an older text.
    next_turn: BTreeMap<PathBuf, BTreeSet<String>>,
    old_in: BTreeMap<PathBuf, BTreeSet<String>>,
    /// Of a root the threads that do not look into it; see [`drawbridge_wire::skills::SkillRootView::not_in`].
    not_in: BTreeMap<PathBuf, BTreeSet<String>>,
    recent: VecDeque<SkillChangeView>,
    /// All that there were.
    changes: u64,
    /// As told last.
    told: SkillsView,
    /// Something changed that what is watched, or who has an older text, follows from.
    stale: bool,
    /// Codex is being asked, and what to ask it next.
    pub(crate) asking: bool,
    again: Option<Ask>,
    /// What Codex was asked and did not answer. It goes along with what it is asked next.
    failed: Option<Ask>,
    /// Counts questions to Codex: whoever would ask again what it did not answer finds out whether it was asked since.
    questions: u64,
    /// What was switched since Codex was asked what it is being asked: of that its answer may be older than the switch.
    switched_meanwhile: BTreeMap<PathBuf, bool>,
    switches: Switches,
    /// Start of the app-server that was told which folders there are besides its own.
    pub(crate) generation: Option<u64>,
    /// Counts looks.
    pub(crate) look: u64,
    /// Words of Codex that skills changed which are about what it was told from here.
    pub(crate) echoes: u32,
}

impl Skills {
    pub(crate) fn new(places: Places) -> Self {
        Self {
            places,
            stale: true,
            ..Self::default()
        }
    }

    /// As told last.
    pub(crate) fn view(&self) -> &SkillsView {
        &self.told
    }

    /// What is told to control clients may concern skills, too.
    pub(crate) fn note(&mut self, change: &Change) {
        self.stale |= matches!(
            change,
            Change::Thread(_)
                | Change::ThreadClosed { .. }
                | Change::Policy(_)
                | Change::Config(_)
                | Change::AppServer(_)
        );
    }

    pub(crate) fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// The places to watch: the folders that are always known, and those that threads work in or worked in. What
    /// is watched stays so: a new folder takes the place of one in which no thread lives any more, and where there
    /// is none it is not watched, which is told.
    pub(crate) fn places_with(
        &mut self,
        fixed: &[PathBuf],
        threads: &[LiveThread],
        extra: Vec<PathBuf>,
    ) -> Places {
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in fixed {
            if !folders.contains(folder) {
                folders.push(folder.clone());
            }
        }
        let live: BTreeSet<&PathBuf> = threads.iter().filter_map(|thread| thread.cwd.as_ref()).collect();
        self.worked_in.retain(|folder| !folders.contains(folder));
        let room = MOST_FOLDERS.saturating_sub(folders.len());
        while self.worked_in.len() > room {
            let dead = self.worked_in.iter().position(|folder| !live.contains(folder));
            self.worked_in.remove(dead.unwrap_or(self.worked_in.len() - 1));
        }
        self.unwatched.clear();
        for cwd in live.iter().copied() {
            if folders.contains(cwd) || self.worked_in.contains(cwd) {
                continue;
            }
            let dead = self.worked_in.iter().position(|folder| !live.contains(folder));
            match dead {
                _ if self.worked_in.len() < room => self.worked_in.push(cwd.clone()),
                Some(dead) => {
                    self.worked_in.remove(dead);
                    self.worked_in.push(cwd.clone());
                }
                None => self.unwatched.push(cwd.clone()),
            }
        }
        let most = folders.len().min(MOST_FOLDERS);
        self.unwatched.extend(folders.drain(most..));
        folders.extend(self.worked_in.iter().cloned());
        Places {
            folders,
            extra,
            ..self.places.clone()
        }
    }

    pub(crate) fn watch(&mut self, places: Places) {
        if let Some(watcher) = &self.watcher {
            watcher.look_at(places.clone());
        }
        self.places = places;
    }

    /// A look is in. Answers what Codex is to be asked because of it.
    pub(crate) fn found(&mut self, found: Found, threads: &[LiveThread], now_ms: u64) -> Ask {
        self.look += 1;
        for change in &found.changes {
            self.changed(change, threads, now_ms);
        }
        self.new_layers(&found, threads);
        self.new_extra(&found, threads);
        // What is in a root that is new here may have come after Codex looked into it.
        let known = |root: &ScannedRoot| {
            let mut before = self.found.iter().flat_map(|before| &before.roots);
            before.any(|old| old.root == root.root)
        };
        let new = found
            .roots
            .iter()
            .filter(|root| !root.skills.is_empty() && !known(root));
        let changed = found.changes.iter().filter(|change| change.name.is_some());
        let folders: Vec<Option<&Path>> = changed
            .map(|change| change.folder.as_deref())
            .chain(new.map(|root| root.root.folder.as_deref()))
            .collect();
        let asked = found.asked.is_some();
        let everywhere = asked || folders.contains(&None);
        let concerned = |cwd: &Path| folders.iter().flatten().any(|folder| cwd.starts_with(folder));
        // What is the user's own is the same in every folder: one tells of it.
        let cwds = self.places.folders.iter().enumerate().filter(|(n, cwd)| {
            let all = asked || found.switches;
            all || (everywhere && *n == 0) || concerned(cwd) || !self.listed.knows(cwd)
        });
        let force = everywhere || !folders.is_empty();
        let ask = Ask {
            cwds: cwds.map(|(_, cwd)| cwd.clone()).collect(),
            extra: force.then(|| self.places.extra.clone()),
            force: found.switches,
            ..Ask::default()
        };
        self.found = Some(found);
        ask
    }

    /// A thread looks into the `.codex` of its folder when that was there as it began, and else never.
    fn new_layers(&mut self, found: &Found, threads: &[LiveThread]) {
        let Some(before) = &self.found else { return };
        for root in found.roots.iter().filter(|root| root.above && is_layer(root)) {
            let was = before.roots.iter().find(|old| old.root == root.root);
            if was.is_some_and(|was| !was.above) {
                let folder = root.root.folder.as_deref();
                let blind = threads
                    .iter()
                    .filter(|thread| thread.cwd.is_some() && thread.is_in(folder));
                let blind = blind.map(|thread| thread.id.clone()).collect();
                put(&mut self.not_in, &root.root.path, blind);
            }
        }
    }

    /// A folder that the configuration names anew has skills that running turns do not have.
    fn new_extra(&mut self, found: &Found, threads: &[LiveThread]) {
        let Some(before) = &self.found else { return };
        let new = found.roots.iter().filter(|root| {
            root.root.kind == RootKind::Extra && !before.roots.iter().any(|old| old.root == root.root)
        });
        for skill in new.flat_map(|root| &root.skills) {
            put(&mut self.next_turn, &skill.path, ids(threads, None, true));
        }
    }

    fn changed(&mut self, change: &SkillChange, threads: &[LiveThread], now_ms: u64) {
        let folder = change
            .folder
            .as_deref()
            .filter(|folder| *folder != self.places.codex_home);
        let skill = change.name.is_some();
        let running = if skill {
            ids(threads, folder, true)
        } else {
            BTreeSet::new()
        };
        if skill {
            put(&mut self.next_turn, &change.path, running.clone());
        } else {
            put(&mut self.old_in, &change.path, ids(threads, folder, false));
        }
        self.changes += 1;
        if self.recent.len() == MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(SkillChangeView {
            kind: change.kind.word().to_owned(),
            name: change.name.clone(),
            path: view::told_path(&change.path),
            from: change.kind.from().map(view::told_path),
            at_ms: now_ms,
            next_turn: running.into_iter().collect(),
        });
    }

    /// Which turns still run that began before a change.
    pub(crate) fn settle(&mut self, threads: &[LiveThread]) {
        let runs = |id: &String| threads.iter().any(|thread| thread.active && thread.id == *id);
        let lives = |id: &String| threads.iter().any(|thread| thread.id == *id);
        self.next_turn.retain(|_, ids| {
            ids.retain(runs);
            !ids.is_empty()
        });
        self.old_in.retain(|_, ids| {
            ids.retain(lives);
            !ids.is_empty()
        });
        self.not_in.retain(|_, ids| {
            ids.retain(lives);
            !ids.is_empty()
        });
        for change in &mut self.recent {
            change.next_turn.retain(runs);
        }
    }

    /// What to ask Codex now; `None` while it is being asked, which is then asked again.
    pub(crate) fn take_turn(&mut self, ask: Ask) -> Option<Ask> {
        if self.asking {
            self.again = Some(match self.again.take() {
                Some(before) => before.and(ask),
                None => ask,
            });
            return None;
        }
        self.asking = true;
        self.questions += 1;
        let ask = match self.failed.take() {
            Some(before) => self.still_known(before).and(ask),
            None => ask,
        };
        // Who is told that it failed is not told of each time that it is tried again.
        if ask.extra.is_some() && ask.tries == 0 {
            self.codex = CodexSkills::Refreshing;
        }
        Some(ask)
    }

    /// Codex answered. Answers what to ask it next.
    pub(crate) fn listed(
        &mut self,
        asked: &Ask,
        result: Result<Listed, CodexError>,
        threads: &[LiveThread],
    ) -> Option<Ask> {
        self.asking = false;
        // One that is still to come costs a look at a list that is fresh; one that never comes must cost nothing.
        self.echoes = 0;
        let newer = std::mem::take(&mut self.switched_meanwhile);
        match result {
            Ok(mut listed) => {
                // The list that is asked for after each switch has the last word.
                for (path, enabled) in &newer {
                    listed.switched(path, *enabled);
                }
                let before = self.listed.clone();
                self.listed.update(listed);
                self.listed.keep(&self.places.folders);
                if self.switched_since(&before, threads) {
                    // Another program did it, without a word to live threads.
                    let reload = Ask {
                        reload: true,
                        extra: Some(self.places.extra.clone()),
                        ..Ask::default()
                    };
                    self.again = Some(match self.again.take() {
                        Some(before) => before.and(reload),
                        None => reload,
                    });
                }
                self.codex = CodexSkills::Fresh;
            }
            Err(error) => {
                let refresh = asked.extra.is_some();
                tracing::warn!(refresh, code = error.code(), %error, "codex did not list its skills");
                self.codex = CodexSkills::Failed {
                    message: error.to_string(),
                };
                // An answer for other folders must not pass for one to this.
                self.failed = Some(asked.clone());
            }
        }
        self.again.take()
    }

    /// When to ask again what Codex did not answer, for [`Skills::retry`], unless it is asked before for another reason.
    pub(crate) fn retry_after(&self) -> Option<(u64, Duration)> {
        let failed = self.failed.as_ref().filter(|_| !self.asking)?;
        let pause = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failed.tries));
        Some((self.questions, pause.min(LONGEST_RETRY)))
    }

    /// What to ask again after the question of this number, if that was the last.
    pub(crate) fn retry(&self, question: u64) -> Option<Ask> {
        let failed = self.failed.as_ref();
        let failed = failed.filter(|_| !self.asking && self.questions == question)?;
        // What was asked goes along by itself.
        Some(Ask {
            tries: failed.tries.saturating_add(1),
            ..Ask::default()
        })
    }

    /// Codex is asked to use a skill or not. Answers a number for [`Skills::switch_ends`].
    pub(crate) fn switch_begins(&mut self) -> u64 {
        self.switches.begin()
    }

    /// Codex answered, or will not. Whether a later switch of the same skill did not come before it.
    pub(crate) fn switch_ends(&mut self, real: &Path, number: u64) -> bool {
        self.switches.end(real, number)
    }

    /// Codex uses a skill from now on, or does not. A turn that runs goes on with what it has.
    pub(crate) fn switched(&mut self, real: &Path, enabled: bool, threads: &[LiveThread]) {
        if self.asking {
            self.switched_meanwhile.insert(real.to_owned(), enabled);
        }
        let before = self.listed.clone();
        self.listed.switched(real, enabled);
        self.switched_since(&before, threads);
    }

    /// Whether Codex uses some skills that it did not, or the other way round.
    fn switched_since(&mut self, before: &Listed, threads: &[LiveThread]) -> bool {
        let mut some = false;
        let roots = self.found.as_ref().map_or(&[][..], |found| &found.roots);
        for (root, skill) in roots
            .iter()
            .flat_map(|root| root.skills.iter().map(move |skill| (root, skill)))
        {
            let was = before.enabled(&skill.real);
            if was.is_some_and(|was| self.listed.enabled(&skill.real) == Some(!was)) {
                let running = ids(threads, root.root.folder.as_deref(), true);
                put(&mut self.next_turn, &skill.path, running);
                some = true;
            }
        }
        some
    }

    /// Without folders that are known no more.
    fn still_known(&self, mut ask: Ask) -> Ask {
        ask.cwds.retain(|cwd| self.places.folders.contains(cwd));
        ask
    }

    /// The app-server ended: nothing it said counts, and nothing more is asked.
    pub(crate) fn codex_is_gone(&mut self) {
        self.generation = None;
        self.asking = false;
        self.again = None;
        self.failed = None;
        self.switched_meanwhile.clear();
        self.echoes = 0;
        self.listed = Listed::default();
        self.codex = CodexSkills::Unknown;
    }

    /// Whether there is news since it was told last; then it is told with this.
    pub(crate) fn news(&mut self) -> Option<Change> {
        let now = self.now();
        if now == self.told {
            return None;
        }
        let part = SkillsDelta::between(&self.told, &now);
        self.told = now;
        Some(match part {
            Some(delta) => Change::SkillsPart(Box::new(delta)),
            None => Change::Skills(Box::new(self.told.clone())),
        })
    }

    fn now(&self) -> SkillsView {
        let watching = match (&self.off, &self.found) {
            (Some(why), _) => SkillWatching::Off { message: why.clone() },
            (None, None) => SkillWatching::Starting,
            (None, Some(found)) => view::watching(&found.watching),
        };
        let empty = SkillsView {
            watching,
            codex: self.codex.clone(),
            changes: self.changes,
            recent: self.recent.iter().cloned().collect(),
            unwatched: view::unwatched(&self.unwatched),
            ..SkillsView::default()
        };
        let Some(found) = &self.found else { return empty };
        SkillsView {
            roots: found
                .roots
                .iter()
                .map(|root| view::root(root, self.not_in.get(&root.root.path)))
                .collect(),
            skills: found
                .roots
                .iter()
                .flat_map(|root| root.skills.iter().map(move |skill| (root, skill)))
                .map(|(root, skill)| view::skill(root, skill, &self.listed, self.next_turn.get(&skill.path)))
                .collect(),
            instructions: found
                .instructions
                .iter()
                .map(|file| view::instructions(file, self.old_in.get(&file.path)))
                .collect(),
            ..empty
        }
    }

    /// Whether Codex uses the skill of this real path, as far as it said.
    pub(crate) fn uses(&self, real: &Path) -> Option<bool> {
        self.listed.enabled(real)
    }

    /// The real path of a skill that is shown under this one.
    pub(crate) fn real(&self, path: &Path) -> Option<PathBuf> {
        let mut skills = self.scanned().iter().flat_map(|root| &root.skills);
        // A name that is no text stands in the view as another.
        let found = skills.find(|skill| view::told_path(&skill.path) == path && skill.path == path);
        found.map(|skill| skill.real.clone())
    }

    fn scanned(&self) -> &[ScannedRoot] {
        self.found.as_ref().map_or(&[], |found| &found.roots)
    }

    /// What a bus is told, when remote clients see these folders.
    pub(crate) fn names(&self, seen: &[PathBuf]) -> SkillNames {
        names::names(self.scanned(), &self.listed, seen)
    }
}

/// Whether Codex looks into it because of the `.codex` it lies in.
fn is_layer(root: &ScannedRoot) -> bool {
    root.root.kind == RootKind::Folder && root.root.path.ends_with(".codex/skills")
}

/// Threads that what lies in this folder concerns; of those only the ones in which a turn runs, when asked for.
fn ids(threads: &[LiveThread], folder: Option<&Path>, active: bool) -> BTreeSet<String> {
    threads
        .iter()
        .filter(|thread| thread.is_in(folder) && (thread.active || !active))
        .map(|thread| thread.id.clone())
        .collect()
}

fn put(all: &mut BTreeMap<PathBuf, BTreeSet<String>>, path: &Path, ids: BTreeSet<String>) {
    if ids.is_empty() {
        all.remove(path);
    } else {
        all.insert(path.to_owned(), ids);
    }
}

/// Looks at skills once, where no host runs that could be asked.
#[must_use]
pub fn look_at_skills(places: &Places) -> SkillsView {
    let (roots, files) = drawbridge_skills::watch::look_once(places);
    view::without_codex(&roots, &files)
}

/// Folders whose skills a remote client may name.
pub(crate) fn nameable(places: &Places) -> Vec<PathBuf> {
    // Without folders of projects nothing is looked up.
    let places = Places {
        folders: Vec::new(),
        ..places.clone()
    };
    let of_the_user = |kind| matches!(kind, RootKind::CodexHome | RootKind::Home | RootKind::Extra);
    places
        .roots()
        .into_iter()
        .filter(|root| of_the_user(root.kind))
        .map(|root| root.path)
        .collect()
}

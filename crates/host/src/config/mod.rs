//! The configuration as the loop has it: what was read last, what was confirmed, and what of it is in
//! force.

mod confirmed;
mod given;
mod reach;
mod reader;
mod roots;

pub(crate) use confirmed::{Confirmed, Kept};
pub use reach::why_not;
pub(crate) use reader::{Layers, Noticing, Reader, Reading};
pub use roots::security_here;
pub(crate) use roots::{guarded, guarded_all_the_same};

use drawbridge_config::{
    ConfigState, InForce, Name, Narrowed, Origin, Problem, Security, Severity, Source, Values, all_pairs,
    narrow, words, words_of_pair,
};
use drawbridge_wire::Role;
use drawbridge_wire::buses::{
    ConfigInForce, ConfigOffer, ConfigView, ProblemView, SettingView, WideningView,
};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Keys that count from the next start on.
const AT_START: [Name; 7] = [
    Name::HostName,
    Name::HostId,
    Name::HostCwd,
    Name::CodexBin,
    Name::CodexHome,
    Name::AppServerHost,
    Name::AppServerPort,
];
/// The same of the bus that flags named.
const OF_THE_BUS: [Name; 4] = [Name::BusApi, Name::BusCaFile, Name::McpName, Name::McpUrl];

/// Keys that are confirmed.
const SECURITY: [Name; 4] = [Name::Role, Name::Answer, Name::Roots, Name::Ceilings];

/// See above.
pub(crate) struct Configuration {
    reading: Reading,
    confirmed: Confirmed,
    narrowed: Narrowed,
    at_start: Values,
    /// The folder drawbridge was started in, when remote clients may have it.
    started_in: Vec<PathBuf>,
    /// Whether the folder the agent works in since the start is one that the file named.
    cwd_of_file: bool,
    with_bus: bool,
    trouble: Option<Problem>,
}

impl Configuration {
    /// `with_bus`: flags named a bus. `trouble`: why changes are not noticed.
    pub(crate) fn new(
        reading: Reading,
        confirmed: Confirmed,
        started_in: Vec<PathBuf>,
        with_bus: bool,
        trouble: Option<Problem>,
    ) -> Self {
        let mut configuration = Self {
            at_start: reading.settings.values().clone(),
            cwd_of_file: matches!(reading.settings.origin(Name::HostCwd), Origin::File { .. }),
            narrowed: Narrowed {
                in_force: reading.loaded.clone(),
                waiting: Vec::new(),
            },
            reading,
            confirmed,
            started_in,
            with_bus,
            trouble,
        };
        configuration.settle();
        configuration
    }

    /// The file was read again.
    pub(crate) fn read(&mut self, reading: Reading) {
        self.reading = reading;
        self.settle();
    }

    /// Something else is confirmed.
    pub(crate) fn confirm(&mut self, confirmed: Confirmed) {
        self.confirmed = confirmed;
        self.settle();
    }

    fn settle(&mut self) {
        let loaded = &self.reading.loaded;
        let mut confirmed = self.confirmed.security(&self.started_in);
        // What a person said for this start waits for nothing.
        if self.given(Name::Role) {
            confirmed.role = loaded.role;
        }
        if self.given(Name::Answer) {
            confirmed.answer = loaded.answer;
        }
        if self.given(Name::Roots) {
            confirmed.roots.clone_from(&loaded.roots);
        }
        self.narrowed = narrow(&confirmed, loaded);
    }

    fn given(&self, name: Name) -> bool {
        matches!(self.reading.settings.origin(name), Origin::Flag(_))
    }

    /// What remotes may do.
    pub(crate) fn in_force(&self) -> &Security {
        &self.narrowed.in_force
    }

    /// How long an approval waits, in milliseconds, while somebody may answer it.
    pub(crate) fn answer_within_ms(&self) -> u64 {
        self.seconds(Name::AnswerWithin, 300) * 1000
    }

    /// The same while nobody may.
    pub(crate) fn unattended_within_ms(&self) -> u64 {
        self.seconds(Name::UnattendedWithin, 60) * 1000
    }

    fn seconds(&self, name: Name, otherwise: u32) -> u64 {
        self.reading
            .settings
            .values()
            .integer(name)
            .unwrap_or(otherwise)
            .into()
    }

    /// How much is written to the log.
    pub(crate) fn log_level(&self) -> &str {
        self.reading
            .settings
            .values()
            .text(Name::LogLevel)
            .unwrap_or("info")
    }

    /// Folders with skills besides those of Codex.
    pub(crate) fn skill_roots(&self, home: Option<&std::path::Path>) -> Vec<PathBuf> {
        let paths = self.reading.settings.values().paths(Name::SkillRoots);
        paths
            .into_iter()
            .flatten()
            .filter_map(|path| path.expanded(home))
            .collect()
    }

    /// What an accept confirms now.
    pub(crate) fn offer(&self) -> ConfigOffer {
        let kept = self.accepted();
        let same = match &self.confirmed {
            Confirmed::Kept(now) => *now == kept,
            Confirmed::Nothing | Confirmed::Unreadable => kept.is_empty(),
        };
        let of_file = SECURITY.into_iter().filter(|name| !self.given(*name));
        ConfigOffer {
            waiting: self.waiting(),
            records: of_file
                .filter(|_| !same)
                .map(|name| self.in_words(name))
                .collect(),
            digest: if same { None } else { self.digest_of(&kept) },
        }
    }

    /// Names what is shown, and the very values: other folders of the same look are another digest.
    fn digest_of(&self, kept: &Kept) -> Option<String> {
        let shown = serde_json::to_vec(&(&self.narrowed.waiting, kept)).ok()?;
        Some(hex::encode(Sha256::digest(shown)))
    }

    /// Stands for what waits, if anything does.
    fn digest(&self) -> Option<String> {
        if self.narrowed.waiting.is_empty() {
            return None;
        }
        self.offer().digest
    }

    /// What is kept after an accept: everything that is then in force, so that whatever is taken out of the
    /// file later is wider than what was confirmed. What a flag gave is for this start only.
    pub(crate) fn accepted(&self) -> Kept {
        let mut kept = match &self.confirmed {
            Confirmed::Kept(kept) => kept.clone(),
            Confirmed::Nothing | Confirmed::Unreadable => Kept::new(),
        };
        for name in SECURITY.into_iter().filter(|name| !self.given(*name)) {
            let value = match name {
                Name::Roots if self.roots_follow_the_start() => Some(confirmed::started_in()),
                _ => confirmed::value(&self.reading.loaded, name),
            };
            kept.extend(value.map(|value| (name.key().path.to_owned(), value)));
        }
        kept
    }

    /// What the file narrows of the defaults and nobody ever confirmed: kept as confirmed, it can only make
    /// less of what counts, and the line cannot be taken out unseen.
    pub(crate) fn narrower_than_confirmed(&self) -> Kept {
        let nothing = Kept::new();
        let kept = match &self.confirmed {
            Confirmed::Nothing => &nothing,
            Confirmed::Kept(kept) => kept,
            Confirmed::Unreadable => return nothing,
        };
        // Of a file that is wrong it is not known what the person means.
        let right = |state: &ConfigState| matches!(state.from, InForce::File | InForce::LastGood);
        if !self.reading.state.as_ref().is_some_and(right) {
            return nothing;
        }
        let loaded = &self.reading.loaded;
        let narrows = |name: Name| match name {
            Name::Role => loaded.role < Role::Operator,
            Name::Ceilings => loaded.ceilings.len() < all_pairs().len(),
            // A folder that is not there now is meant all the same.
            Name::Roots => self
                .reading
                .problems
                .iter()
                .all(|problem| problem.code != "bad_root"),
            // The default is the narrowest.
            _ => false,
        };
        SECURITY
            .into_iter()
            .filter(|name| matches!(self.reading.settings.origin(*name), Origin::File { .. }))
            .filter(|name| !kept.contains_key(name.key().path) && narrows(*name))
            .filter_map(|name| {
                let value = match name {
                    // Folders that are confirmed by themselves would count wherever the next start is.
                    Name::Roots => confirmed::started_in_and(loaded),
                    _ => confirmed::value(loaded, name),
                };
                Some((name.key().path.to_owned(), value?))
            })
            .collect()
    }

    /// The same is kept now.
    pub(crate) fn confirm_further(&mut self, added: Kept) {
        let mut kept = match std::mem::replace(&mut self.confirmed, Confirmed::Unreadable) {
            Confirmed::Nothing => Kept::new(),
            Confirmed::Kept(kept) => kept,
            Confirmed::Unreadable => return,
        };
        for (key, value) in added {
            kept.entry(key).or_insert(value);
        }
        self.confirm(Confirmed::Kept(kept));
    }

    /// What is known of what was confirmed.
    pub(crate) fn confirmed(&self) -> &Confirmed {
        &self.confirmed
    }

    /// What is kept, if it is known.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        match &self.confirmed {
            Confirmed::Kept(kept) => Some(kept),
            Confirmed::Nothing | Confirmed::Unreadable => None,
        }
    }

    /// Whether remote clients see the folder that drawbridge is started in, because nothing names others.
    fn roots_follow_the_start(&self) -> bool {
        *self.reading.settings.origin(Name::Roots) == Origin::Default && !self.cwd_of_file
    }

    fn in_words(&self, name: Name) -> SettingView {
        SettingView {
            key: name.key().path.to_owned(),
            value: words(&self.reading.loaded, name, self.roots_follow_the_start()),
        }
    }

    fn waiting(&self) -> Vec<WideningView> {
        let waiting = self.narrowed.waiting.iter();
        waiting
            .map(|wider| WideningView {
                key: wider.key.clone(),
                from: wider.from.clone(),
                to: match Name::of_path(&wider.key) {
                    Some(Name::Roots) => self.in_words(Name::Roots).value,
                    _ => wider.to.clone(),
                },
            })
            .collect()
    }

    /// Whether what was confirmed cannot be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.confirmed == Confirmed::Unreadable
    }

    /// For control clients. `opening`: the vault may still say that nothing has to wait.
    pub(crate) fn view(&self, opening: bool) -> Option<ConfigView> {
        let state = self.reading.state.as_ref()?;
        let waiting = if opening { Vec::new() } else { self.waiting() };
        Some(ConfigView {
            file: state.file.clone(),
            in_force: match state.from {
                InForce::File => ConfigInForce::File,
                InForce::LastGood => ConfigInForce::LastGood,
                InForce::Defaults => ConfigInForce::Defaults,
                InForce::NarrowedDefaults => ConfigInForce::NarrowedDefaults,
            },
            problems: self
                .reading
                .problems
                .iter()
                .chain(&self.trouble)
                .map(problem_view)
                .collect(),
            confirmed: self.confirmed.state(),
            waiting,
            digest: self.digest().filter(|_| !opening),
            at_next_start: self.at_next_start(),
        })
    }

    fn at_next_start(&self) -> Vec<String> {
        let now = self.reading.settings.values();
        let of_the_bus = OF_THE_BUS.iter().filter(|_| self.with_bus);
        AT_START
            .iter()
            .chain(of_the_bus)
            .filter(|name| now.get(**name) != self.at_start.get(**name))
            .map(|name| name.key().path.to_owned())
            .collect()
    }
}

/// Pairs as people read them.
pub(crate) fn pairs_in_words(security: &[drawbridge_core::verdict::ceiling::Pair]) -> Vec<String> {
    security.iter().map(|pair| words_of_pair(*pair)).collect()
}

fn problem_view(problem: &Problem) -> ProblemView {
    let place = |at: drawbridge_config::Position| (at.line, at.column);
    ProblemView {
        severity: match problem.severity {
            Severity::Error => "error".to_owned(),
            Severity::Warning => "warning".to_owned(),
        },
        code: problem.code.clone(),
        file: match &problem.source {
            Source::File(file) => Some(file.into()),
            Source::Variable(_) | Source::Argument(_) => None,
        },
        start: problem.range.map(|range| place(range.start)),
        end: problem.range.map(|range| place(range.end)),
        text: problem.to_string(),
    }
}

#[cfg(test)]
mod tests;

//! The configuration as the loop has it: what was read last, what was confirmed, and what of it is in
//! force.

mod confirmed;
mod given;
mod reader;

pub(crate) use confirmed::{Confirmed, Kept};
pub(crate) use reader::{Layers, Noticing, Reader, Reading};

use drawbridge_config::{
    InForce, Name, Narrowed, Origin, Problem, Security, Severity, Source, Values, narrow, words_of_pair,
};
use drawbridge_wire::buses::{ConfigInForce, ConfigView, ProblemView, WideningView};
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

/// See above.
pub(crate) struct Configuration {
    reading: Reading,
    confirmed: Confirmed,
    narrowed: Narrowed,
    at_start: Values,
    /// The folder drawbridge was started in, when remote clients may have it.
    started_in: Vec<PathBuf>,
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

    /// Names what waits, and the very values: other folders of the same look are another digest.
    pub(crate) fn digest(&self) -> Option<String> {
        if self.narrowed.waiting.is_empty() {
            return None;
        }
        let shown = serde_json::to_vec(&(&self.narrowed.waiting, self.wanted())).ok()?;
        Some(hex::encode(Sha256::digest(shown)))
    }

    /// The settings that wait, as they would be kept.
    fn wanted(&self) -> Kept {
        let names = self.narrowed.waiting.iter();
        names
            .filter_map(|wider| {
                let value = confirmed::value(&self.reading.loaded, Name::of_path(&wider.key)?)?;
                Some((wider.key.clone(), value))
            })
            .collect()
    }

    /// What is kept when what waits is confirmed.
    pub(crate) fn with_what_waits(&self) -> Kept {
        let mut kept = match &self.confirmed {
            Confirmed::Kept(kept) => kept.clone(),
            Confirmed::Nothing | Confirmed::Unreadable => Kept::new(),
        };
        kept.extend(self.wanted());
        kept
    }

    /// Whether what was confirmed cannot be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.confirmed == Confirmed::Unreadable
    }

    /// For control clients. `opening`: the vault may still say that nothing has to wait.
    pub(crate) fn view(&self, opening: bool) -> Option<ConfigView> {
        let state = self.reading.state.as_ref()?;
        let waiting = self.narrowed.waiting.iter().filter(|_| !opening);
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
            waiting: waiting
                .map(|wider| WideningView {
                    key: wider.key.clone(),
                    from: wider.from.clone(),
                    to: wider.to.clone(),
                })
                .collect(),
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

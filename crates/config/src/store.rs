//! The configuration in force: the last good one, whatever happens to the file.

use crate::file::{read_bounded, replace};
use crate::parse::{Reading, read_bytes};
use crate::{Config, Name, Problem, Value, has_errors};
use drawbridge_wire::Role;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Name of the copy in the data directory.
const LAST_GOOD: &str = "config.last-good.toml";

/// Where the configuration in force comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InForce {
    /// The file as it is.
    File,
    /// The file as it was when it was last right, or as it was not there yet.
    LastGood,
    /// There is no file.
    Defaults,
    /// The file is wrong and was never right here: the defaults, and of the file only what narrows them.
    NarrowedDefaults,
}

/// What is in force and what is wrong.
#[derive(Debug, Clone)]
pub struct ConfigState {
    /// What counts.
    pub in_force: Config,
    /// Where it comes from.
    pub from: InForce,
    /// What is wrong with the file; when there is an error, `in_force` is not what the file says.
    pub problems: Vec<Problem>,
    /// The file.
    pub file: PathBuf,
    /// When this last changed, in milliseconds since 1970.
    pub changed_at: u64,
}

/// What loading found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The file is as it was.
    Same,
    /// There is something new in the state.
    Changed,
}

/// Keeps the state. Does not fail: what goes wrong is in the state.
#[derive(Debug)]
pub struct Store {
    last_good: PathBuf,
    /// Whether a good file is kept for later starts.
    keeps: bool,
    seen: Option<Seen>,
    state: ConfigState,
}

/// What the file held when it was last looked at.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Bytes(Vec<u8>),
    Trouble(Box<Problem>),
}

impl Store {
    /// Loads the file; `data_dir` keeps the copy of the last good one. `now` is in milliseconds since 1970.
    #[must_use]
    pub fn open(file: &Path, data_dir: &Path, now: u64) -> Self {
        Self::begin(file, data_dir, now, true)
    }

    /// What a host that starts now would find. Keeps nothing: what no host ever had in force is no last
    /// good configuration.
    #[must_use]
    pub fn look(file: &Path, data_dir: &Path, now: u64) -> Self {
        Self::begin(file, data_dir, now, false)
    }

    fn begin(file: &Path, data_dir: &Path, now: u64, keeps: bool) -> Self {
        let mut store = Self {
            last_good: data_dir.join(LAST_GOOD),
            keeps,
            seen: None,
            state: ConfigState {
                in_force: Config::default(),
                from: InForce::Defaults,
                problems: Vec::new(),
                file: file.to_owned(),
                changed_at: now,
            },
        };
        store.load(now);
        store
    }

    /// What is in force.
    #[must_use]
    pub fn state(&self) -> &ConfigState {
        &self.state
    }

    /// Looks at the file again.
    pub fn load(&mut self, now: u64) -> Loaded {
        let seen = match read_bounded(&self.state.file) {
            Ok(None) => Seen::Nothing,
            Ok(Some(bytes)) => Seen::Bytes(bytes),
            Err(problem) => Seen::Trouble(problem),
        };
        if self.seen.as_ref() == Some(&seen) {
            return Loaded::Same;
        }
        let first = self.seen.is_none();
        let name = self.state.file.display().to_string();
        match &seen {
            Seen::Nothing => {
                self.take(Config::default(), InForce::Defaults, Vec::new());
                self.remember(b"");
            }
            Seen::Bytes(bytes) => {
                let reading = read_bytes(bytes, &name);
                if has_errors(&reading.problems) {
                    self.keep(first, reading);
                } else {
                    self.take(reading.config, InForce::File, reading.problems);
                    self.remember(bytes);
                }
            }
            Seen::Trouble(problem) => {
                let reading = Reading {
                    config: Config::default(),
                    problems: vec![(**problem).clone()],
                };
                self.keep(first, reading);
            }
        }
        self.seen = Some(seen);
        self.state.changed_at = now;
        Loaded::Changed
    }

    fn take(&mut self, config: Config, from: InForce, problems: Vec<Problem>) {
        self.state.in_force = config;
        self.state.from = from;
        self.state.problems = problems;
    }

    /// The file is wrong: what was good stays.
    fn keep(&mut self, first: bool, reading: Reading) {
        self.state.problems = reading.problems;
        if !first {
            if matches!(self.state.from, InForce::File | InForce::Defaults) {
                self.state.from = InForce::LastGood;
            }
            return;
        }
        let copy = read_bounded(&self.last_good)
            .ok()
            .flatten()
            .map(|bytes| read_bytes(&bytes, LAST_GOOD))
            .filter(|copy| !has_errors(&copy.problems));
        if let Some(copy) = copy {
            self.state.in_force = copy.config;
            self.state.from = InForce::LastGood;
        } else {
            self.state.in_force = reading.config.only(narrows_the_default);
            self.state.from = InForce::NarrowedDefaults;
        }
    }

    /// Keeps a copy for a start with a broken file. Without it such a start has the defaults.
    fn remember(&mut self, bytes: &[u8]) {
        if !self.keeps {
            return;
        }
        if read_bounded(&self.last_good).is_ok_and(|copy| copy.as_deref() == Some(bytes)) {
            return;
        }
        if let Err(error) = replace(&self.last_good, bytes, |_| Ok(())) {
            tracing::warn!(%error, "the last good configuration cannot be kept");
        }
    }
}

/// What a broken file may still say: nothing that gives more than the defaults.
fn narrows_the_default(name: Name, value: &Value) -> bool {
    match name {
        Name::Role => *value == Value::Role(Role::Viewer),
        Name::Ceilings | Name::Roots => true,
        _ => false,
    }
}

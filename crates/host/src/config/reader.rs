//! Reading the configuration: at the start, and again on a thread of its own whenever the file changes.
//! The loop gets what was read; it touches no disk itself.

use super::given;
use crate::HostError;
use crate::event::Event;
use crate::hub::now_ms;
use crate::policy::{self, Guarded};
use drawbridge_config::{
    Config, ConfigState, Loaded, Name, Origin, Problem, Security, Settings, Severity, Store, Values, Watch,
    resolve_usable, security_of,
};
use drawbridge_wire::pipe::{BusSetup, HostSetup};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// What a look at the file found.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// The file; `None` when the host was told of none.
    pub state: Option<ConfigState>,
    /// Flags and variables over the file over the defaults.
    pub settings: Settings,
    /// The security settings among them, folders canonical.
    pub loaded: Security,
    /// What is wrong with the file, with variables and with what they name.
    pub problems: Vec<Problem>,
}

/// The layers, before it is known where the agent works.
pub(crate) struct Layers {
    store: Option<Store>,
    given: Values,
    environment: Vec<(OsString, OsString)>,
    home: Option<PathBuf>,
}

impl Layers {
    /// Reads the file that the setup names.
    pub(crate) fn open(setup: &HostSetup, data_dir: &Path, environment: &[(OsString, OsString)]) -> Self {
        Self {
            store: setup
                .config
                .as_ref()
                .map(|file| Store::open(file, data_dir, now_ms())),
            given: given::values(setup),
            environment: environment.to_vec(),
            home: std::env::home_dir().filter(|home| home.is_absolute()),
        }
    }

    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// What won, and what is wrong with the file and with variables.
    pub(crate) fn settings(&self) -> (Settings, Vec<Problem>) {
        let variable = |name: &str| {
            let found = self.environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let state = self.store.as_ref().map(Store::state);
        let nothing = Config::default();
        let file = state.map_or_else(String::new, |state| state.file.display().to_string());
        let in_force = state.map_or(&nothing, |state| &state.in_force);
        let search = variable("PATH");
        let why_not = |name, path: &Path| super::reach::why_not(name, path, search.as_deref());
        let resolved = resolve_usable(&self.given, variable, in_force, &file, self.home(), why_not);
        let mut problems = state.map_or_else(Vec::new, |state| state.problems.clone());
        problems.extend(resolved.problems);
        (resolved.settings, problems)
    }

    /// Whether the file names the folder the agent works in, one that is there or not.
    fn names_cwd(&self, settings: &Settings) -> bool {
        let in_file = |store: &Store| store.state().in_force.values().get(Name::HostCwd).is_some();
        !matches!(settings.origin(Name::HostCwd), Origin::Flag(_)) && self.store.as_ref().is_some_and(in_file)
    }

    /// A path among the settings, with `~` replaced.
    pub(crate) fn path(&self, settings: &Settings, name: Name) -> Option<PathBuf> {
        settings
            .values()
            .path(name)
            .and_then(|path| path.expanded(self.home()))
    }

    /// The bus that flags named, complete.
    pub(crate) fn bus(&self, given: BusSetup, settings: &Settings) -> BusSetup {
        given::bus(given, settings.values(), self.home())
    }
}

/// The layers, and what is needed to judge folders.
pub(crate) struct Reader {
    pub layers: Layers,
    /// Where the agent works.
    pub cwd: PathBuf,
    pub guarded: Vec<Guarded>,
}

impl Reader {
    /// What the file said when it was last looked at.
    pub(crate) fn read(&self) -> Reading {
        let (settings, mut problems) = self.layers.settings();
        let nothing = Config::default();
        let config = self
            .layers
            .store
            .as_ref()
            .map_or(&nothing, |store| &store.state().in_force);
        let (loaded, bad_roots) = security_of(&settings, config, &self.cwd, self.layers.home(), |root| {
            super::roots::why_not(root, &self.guarded)
        });
        problems.extend(bad_roots);
        Reading {
            state: self.layers.store.as_ref().map(|store| store.state().clone()),
            settings,
            loaded,
            problems,
        }
    }

    /// Looks at the file again; `None` when it is as it was.
    fn again(&mut self) -> Option<Reading> {
        match self.layers.store.as_mut()?.load(now_ms()) {
            Loaded::Same => None,
            Loaded::Changed => Some(self.read()),
        }
    }

    /// What a person said for this start is refused, not left out.
    ///
    /// # Errors
    /// For a folder that remote clients cannot have.
    pub(crate) fn refuse_given_roots(&self, settings: &Settings, with_bus: bool) -> Result<(), HostError> {
        let of_file = |name| matches!(settings.origin(name), Origin::File { .. });
        let wanted = match settings.values().paths(Name::Roots) {
            _ if of_file(Name::Roots) => return Ok(()),
            Some(paths) => paths.iter().map(|path| path.as_path().to_owned()).collect(),
            None if with_bus && !self.layers.names_cwd(settings) => vec![self.cwd.clone()],
            None => return Ok(()),
        };
        policy::roots(&wanted, &self.guarded).map(drop)
    }
}

/// Notices changes of the file as long as it is kept.
pub(crate) struct Noticing {
    _watch: Option<Watch>,
    hand_over: std::sync::mpsc::Sender<Reader>,
    /// Why nobody watches.
    pub trouble: Option<Problem>,
}

impl Noticing {
    /// Begins before the file is read for the first time, so that no change is missed in between.
    pub(crate) fn begin(file: Option<&Path>, events: mpsc::Sender<Event>) -> Self {
        let (hand_over, inbox) = std::sync::mpsc::channel::<Reader>();
        let mut reader = None;
        let changed = move || {
            if reader.is_none() {
                reader = inbox.recv().ok();
            }
            if let Some(reading) = reader.as_mut().and_then(Reader::again) {
                // The loop ends only with the host.
                let _ = events.blocking_send(Event::Config(Box::new(reading)));
            }
        };
        let started = file.map(|file| (file, Watch::start(file, changed)));
        let (watch, trouble) = match started {
            None => (None, None),
            Some((_, Ok(watch))) => (Some(watch), None),
            Some((file, Err(error))) => {
                let problem = Problem {
                    severity: Severity::Warning,
                    code: error.code().to_owned(),
                    message: error.to_string(),
                    help: None,
                    source: drawbridge_config::Source::File(file.display().to_string()),
                    range: None,
                    excerpt: None,
                };
                (None, Some(problem))
            }
        };
        Self {
            _watch: watch,
            hand_over,
            trouble,
        }
    }

    /// From now on changes are read.
    pub(crate) fn read_with(&self, reader: Reader) {
        // Without a watch there is nobody to read, and no need.
        let _ = self.hand_over.send(reader);
    }
}

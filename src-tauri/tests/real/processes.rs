//! What runs of a desktop of the tests: told apart by the programs, never by the folders they lie in, which may
//! have any name.

use std::ffi::OsStr;
use std::path::Path;

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    pid: String,
    /// Of its program, without the folder.
    pub(crate) name: String,
    /// With what it was called.
    arguments: Vec<String>,
}

/// The processes of app, host, connector, app-server and web view that have this line in their environment.
pub(crate) fn with(mark: &str) -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let marked = entries.filter(|entry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|one| one == mark.as_bytes())
    });
    let read = marked.filter_map(|entry| Process::at(&entry.path()));
    read.filter(Process::is_ours).collect()
}

impl Process {
    /// None, when it has ended meanwhile.
    fn at(place: &Path) -> Option<Self> {
        let line = std::fs::read(place.join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut words = line.trim_end_matches('\0').split('\0').map(str::to_owned);
        let program = words.next()?;
        Some(Self {
            pid: place.file_name()?.to_string_lossy().into_owned(),
            name: file_name(&program),
            arguments: words.collect(),
        })
    }

    fn is_ours(&self) -> bool {
        let ours = ["drawbridge", "WebKit"]
            .iter()
            .any(|name| self.name.starts_with(name));
        (ours && self.name != "WebKitWebDriver") || self.is_codex()
    }

    /// Codex itself, or the script of its package.
    pub(crate) fn is_codex(&self) -> bool {
        let script = self.arguments.first().filter(|_| self.name == "node");
        self.name.starts_with("codex") || script.is_some_and(|path| file_name(path).starts_with("codex"))
    }

    /// Whether it is this command of `drawbridge`.
    pub(crate) fn is(&self, command: &str) -> bool {
        self.name == "drawbridge" && self.arguments.iter().any(|word| word == command)
    }

    /// Whether it is what the app shows its windows with.
    pub(crate) fn shows_windows(&self) -> bool {
        self.name == "drawbridge-desktop" && self.arguments == ["--windows-of-app"]
    }

    /// Whether it is that, or part of a web view.
    pub(crate) fn is_of_windows(&self) -> bool {
        self.shows_windows() || self.name.starts_with("WebKit")
    }

    /// Ends it at once, without a word to it.
    pub(crate) fn kill(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid.parse().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
    }

    /// To print.
    pub(crate) fn title(&self) -> String {
        let command = ["host", "connector"].into_iter().find(|command| self.is(command));
        let command = command.or(self.shows_windows().then_some("windows"));
        format!("{} {}", self.name, command.unwrap_or_default())
            .trim()
            .to_owned()
    }

    /// Its proportional size in MB of 10^6 bytes.
    pub(crate) fn megabytes(&self) -> Option<f64> {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).ok()?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        let kilobytes: f64 = pss.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024.0 / 1e6)
    }
}

fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name().map(OsStr::to_string_lossy);
    name.unwrap_or_default().into_owned()
}

//! The keyring's process, and who looks after it: as on a desktop, one that crashes is started again.

use super::{GLANCE, end, lock, missing, put_into};
use crate::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How often one keyring is started again. One that ends more often does not end by accident.
const AGAIN: u32 = 5;

/// A running keyring. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    daemon: Arc<Mutex<Option<Daemon>>>,
    watch: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the keyring of the session in `folder`. One with a password is started and unlocked again when
    /// it ends by itself.
    pub(super) fn start(folder: &Path, password: Option<&str>) -> Result<Self, Error> {
        let daemon = Arc::new(Mutex::new(Some(Daemon::start(folder, password)?)));
        let mut keeper = Self { daemon, watch: None };
        if let Some(password) = password {
            let daemon = Arc::clone(&keeper.daemon);
            let (folder, password) = (folder.to_owned(), password.to_owned());
            let watch = std::thread::Builder::new()
                .name("keyring watch".into())
                .spawn(move || watch(&daemon, &folder, &password))
                .map_err(|error| Error::io("starting a thread", error))?;
            keeper.watch = Some(watch);
        }
        Ok(keeper)
    }

    /// Kills the keyring. It is not started again before `gone` has seen that it is no more.
    pub(super) fn kill(&self, gone: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let mut daemon = lock(&self.daemon);
        let running = daemon.as_mut().ok_or_else(|| Error::Closed {
            what: "gnome-keyring-daemon".into(),
        })?;
        running
            .child
            .kill()
            .map_err(|error| Error::io("killing gnome-keyring", error))?;
        gone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut daemon) = lock(&self.daemon).take() {
            daemon.end();
        }
        if let Some(watch) = self.watch.take() {
            let _joined = watch.join();
        }
    }
}

/// Until there is nothing more to watch.
fn watch(daemon: &Mutex<Option<Daemon>>, folder: &Path, password: &str) {
    let mut left = AGAIN;
    loop {
        std::thread::sleep(GLANCE);
        let mut daemon = lock(daemon);
        let Some(status) = daemon.as_mut().map(Daemon::ended) else {
            return;
        };
        let Some(status) = status else { continue };
        if let Some(ended) = daemon.take() {
            ended.tell(status);
        }
        if left == 0 {
            tell("gnome-keyring-daemon ended too often and is not started again");
            return;
        }
        left -= 1;
        match Daemon::start(folder, Some(password)) {
            Ok(started) => *daemon = Some(started),
            Err(error) => {
                tell(&format!("gnome-keyring-daemon is not started again: {error}"));
                return;
            }
        }
    }
}

#[derive(Debug)]
struct Daemon {
    child: Child,
    /// What it wrote to its standard error.
    said: PathBuf,
}

impl Daemon {
    fn start(folder: &Path, password: Option<&str>) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let said = folder.join(format!("keyring-{}-{number}.stderr", std::process::id()));
        let stderr =
            File::create(&said).map_err(|error| Error::io(format!("making {}", said.display()), error))?;
        let mut command = Command::new("gnome-keyring-daemon");
        command
            .args(["--foreground", "--components=secrets"])
            .arg(if password.is_some() { "--unlock" } else { "--start" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr);
        let mut child = put_into(folder, &mut command)
            .spawn()
            .map_err(|error| missing("gnome-keyring-daemon", error))?;
        if let (Some(password), Some(mut stdin)) = (password, child.stdin.take()) {
            // One that does not read it has ended already, which is seen in time.
            let _written = stdin.write_all(password.as_bytes());
        }
        Ok(Self { child, said })
    }

    /// How it ended, if it has.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it. That it had ended by itself before is told.
    fn end(&mut self) {
        match self.ended() {
            Some(status) => self.tell(status),
            None => end(&mut self.child),
        }
    }

    fn tell(&self, status: ExitStatus) {
        let said = std::fs::read(&self.said).unwrap_or_default();
        tell(&format!(
            "gnome-keyring-daemon {} ended by itself: {status}; it wrote:\n{}",
            self.child.id(),
            String::from_utf8_lossy(&said).trim_end()
        ));
    }
}

/// Leaves evidence for who reads why a test failed.
fn tell(words: &str) {
    let _written = writeln!(std::io::stderr(), "{words}");
}

//! A running child.

use crate::platform::Hold;
use crate::{ChildSpec, LogRing, Marker, SpawnError, proc};
use std::future::Future;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;

/// A child that was started. Cheap to clone; all clones are the same child. Dropping them does not end it.
#[derive(Debug, Clone)]
pub struct Child {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    pid: u32,
    start_time: u64,
    marker: Marker,
    stdin: Mutex<Option<ChildStdin>>,
    stdout: Mutex<Option<ChildStdout>>,
    log: LogRing,
    exited: watch::Receiver<Option<ExitStatus>>,
    hold: Hold,
}

/// Takes over a process that was just spawned: one task collects it, one reads its standard error.
pub(crate) fn adopt<P>(
    mut process: tokio::process::Child,
    spec: ChildSpec,
    hold: Hold,
    pump: impl FnOnce(ChildStderr, LogRing) -> P,
) -> Result<Child, SpawnError>
where
    P: Future<Output = ()> + Send + 'static,
{
    let pid = process
        .id()
        .ok_or(SpawnError::SpawnerGone("the child has no id"))?;
    let log = LogRing::new();
    match process.stderr.take() {
        Some(stderr) => drop(tokio::spawn(pump(stderr, log.clone()))),
        None => log.close(),
    }
    let stdin = Mutex::new(process.stdin.take());
    let stdout = Mutex::new(process.stdout.take());
    let start_time = proc::start_time(pid).unwrap_or_default();
    let (ended, exited) = watch::channel(None);
    let keep = hold.clone();
    tokio::spawn(async move {
        let status = process.wait().await;
        keep.collected(pid);
        drop(keep);
        match status {
            Ok(status) => drop(ended.send(Some(status))),
            Err(error) => tracing::error!(pid, %error, "child could not be collected"),
        }
    });
    let inner = Inner {
        name: spec.name,
        pid,
        start_time,
        marker: spec.marker,
        stdin,
        stdout,
        log,
        exited,
        hold,
    };
    Ok(Child {
        inner: Arc::new(inner),
    })
}

impl Child {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its process id, which is its group's id too.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// When it started, in the kernel's unit (0 where that cannot be told).
    #[must_use]
    pub fn start_time(&self) -> u64 {
        self.inner.start_time
    }

    /// Whose child it is.
    #[must_use]
    pub fn marker(&self) -> &Marker {
        &self.inner.marker
    }

    /// Its standard input, once, if it is piped.
    #[must_use]
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        self.inner
            .stdin
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Its standard output, once, if it is piped.
    #[must_use]
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        self.inner
            .stdout
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Its standard error; [`LogRing::follow`] reads it from the first line.
    #[must_use]
    pub fn log(&self) -> LogRing {
        self.inner.log.clone()
    }

    /// Holds the exit status as soon as the child has ended and was collected.
    #[must_use]
    pub fn exited(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.inner.exited.clone()
    }

    /// Waits until the child has ended; `None` when that will never be told, because the async runtime
    /// that collects it is shutting down. Waits as long as the child lives: give it a deadline.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let mut exited = self.exited();
        exited
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|status| *status)
    }

    /// Asks the child itself, not its group, to end. Nothing happens when it has ended, nor on Windows, where
    /// a program without a window cannot be asked.
    pub fn signal_term(&self) {
        self.inner.hold.ask(self.inner.pid);
    }

    /// Ends everything in the child's process group (on Windows: its job) at once.
    pub fn kill_group(&self) {
        self.inner.hold.force(self.inner.pid, self.inner.start_time);
    }

    /// What keeps it.
    #[cfg(windows)]
    pub(crate) fn hold(&self) -> &Hold {
        &self.inner.hold
    }
}

//! Windows: not yet. Same signatures as on Unix; every start says so.

use crate::{ChildSpec, Ladder, LogRing, Marker, SpawnError, StopReport};
use std::io;
use std::process::ExitStatus;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::watch;

/// Starts children; here it never does.
#[derive(Debug, Clone)]
pub struct Spawner(());

impl Spawner {
    /// Starts the thread.
    ///
    /// # Errors
    /// Always [`SpawnError::Unsupported`].
    pub fn start() -> Result<Self, SpawnError> {
        Err(SpawnError::Unsupported)
    }

    /// Starts a child.
    ///
    /// # Errors
    /// Always [`SpawnError::Unsupported`].
    #[allow(clippy::unused_async, reason = "one signature on all systems")]
    pub async fn spawn(&self, _spec: ChildSpec) -> Result<Child, SpawnError> {
        Err(SpawnError::Unsupported)
    }
}

/// A child that was started. There is none here.
#[derive(Debug, Clone)]
pub struct Child(std::convert::Infallible);

impl Child {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.0 {}
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        match self.0 {}
    }

    /// When it started.
    #[must_use]
    pub fn start_time(&self) -> u64 {
        match self.0 {}
    }

    /// Whose child it is.
    #[must_use]
    pub fn marker(&self) -> &Marker {
        match self.0 {}
    }

    /// Its standard input, once, if it is piped.
    #[must_use]
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        match self.0 {}
    }

    /// Its standard output, once, if it is piped.
    #[must_use]
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        match self.0 {}
    }

    /// Its standard error.
    #[must_use]
    pub fn log(&self) -> LogRing {
        match self.0 {}
    }

    /// Holds the exit status as soon as the child has ended.
    #[must_use]
    pub fn exited(&self) -> watch::Receiver<Option<ExitStatus>> {
        match self.0 {}
    }

    /// Waits until the child has ended.
    #[allow(clippy::unused_async, reason = "one signature on all systems")]
    pub async fn ended(&self) -> Option<ExitStatus> {
        match self.0 {}
    }

    /// Asks the child itself to end.
    pub fn signal_term(&self) {
        match self.0 {}
    }

    /// Ends everything in the child's group at once.
    pub fn kill_group(&self) {
        match self.0 {}
    }
}

/// Ends a child and everything it started.
#[allow(clippy::unused_async, reason = "one signature on all systems")]
pub async fn stop(child: &Child, _ladder: Ladder) -> StopReport {
    match child.0 {}
}

/// Collects orphans; there are none here.
#[derive(Debug)]
pub struct Reaper(());

impl Reaper {
    /// Starts nothing.
    ///
    /// # Errors
    /// None.
    pub fn start() -> io::Result<Self> {
        Ok(Self(()))
    }
}

/// Nothing to do: a job object does this work here.
///
/// # Errors
/// None.
pub fn become_subreaper() -> io::Result<()> {
    Ok(())
}

/// Who connected. Named pipes tell it by other means, which are not built yet.
#[derive(Debug)]
pub struct PeerIdentity {
    /// Its process id.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: u32,
}

impl PeerIdentity {
    /// Nothing is known, so nothing is alive and every peer is unresolved.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        false
    }
}

/// Reads who connected; here nobody can be told.
///
/// # Errors
/// Always: unsupported.
pub fn peer_identity<S>(_stream: &S) -> io::Result<PeerIdentity> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

pub(crate) fn end_politely(_pid: u32) {}

pub(crate) fn end_by_force(_pid: u32) {}

pub(crate) fn reap_adopted(_pid: u32) {}

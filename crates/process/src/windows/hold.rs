//! What keeps a child and what ends it: its job.

use super::job;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use win32job::Job;

/// Held as long as a child is. With the last clone goes what the child has left behind.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    job: Arc<Mutex<Option<Job>>>,
}

impl Hold {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job: Arc::new(Mutex::new(Some(job))),
        }
    }

    /// The child has ended. What it started may still be there.
    #[allow(clippy::unused_self, reason = "one signature on all systems")]
    pub(crate) fn collected(&self, _pid: u32) {}

    /// Nobody can be asked here.
    #[allow(clippy::unused_self, reason = "one signature on all systems")]
    pub(crate) fn ask(&self, _pid: u32) {}

    /// Ends everything in the child's job at once.
    pub(crate) fn force(&self, _pid: u32, _start_time: u64) {
        drop(self.job.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Who is in the child's job.
    pub(super) fn members(&self) -> BTreeSet<u32> {
        let job = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        job.as_ref().and_then(job::members).unwrap_or_default()
    }
}

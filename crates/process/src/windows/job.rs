//! The job of this process, in which everything is that was started below it.

use std::collections::BTreeSet;
use std::io;
use std::sync::OnceLock;
use win32job::{ExtendedLimitInfo, Job, JobError};

/// Never dropped: when the last handle to it is closed, this process ends with all the others.
static OURS: OnceLock<Job> = OnceLock::new();

/// Puts this process into a job that ends with it. What is started from now on, directly or not, is in it from
/// its first instant, and nothing gets out.
///
/// # Errors
/// When the system refuses.
pub fn become_subreaper() -> io::Result<()> {
    if OURS.get().is_some() {
        return Ok(());
    }
    let job = new().map_err(io::Error::other)?;
    job.assign_current_process().map_err(io::Error::other)?;
    // Another thread that was faster has done the same; then ours must not be closed either.
    if let Err(second) = OURS.set(job) {
        std::mem::forget(second);
    }
    Ok(())
}

/// A job that ends whatever is in it when it is dropped.
pub(super) fn new() -> Result<Job, JobError> {
    let mut limits = ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close();
    Job::create_with_limit_info(&limits)
}

/// Who is in a job now; `None` when the system does not tell.
pub(super) fn members(job: &Job) -> Option<BTreeSet<u32>> {
    let listed = job.query_process_id_list();
    let listed = listed
        .inspect_err(|error| tracing::warn!(%error, "a job could not be looked into"))
        .ok()?;
    Some(
        listed
            .into_iter()
            .filter_map(|pid| u32::try_from(pid).ok())
            .collect(),
    )
}

/// Everything in the job of this process, itself included; nothing when it has none, `None` when the system
/// does not tell, in which case nobody is known.
pub(crate) fn adopted() -> Option<BTreeSet<u32>> {
    OURS.get().map_or_else(|| Some(BTreeSet::new()), members)
}

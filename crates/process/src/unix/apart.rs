//! What is done between fork and exec: a child stands apart from what it was started by.

use crate::MarkerRole;
use std::io;
use tokio::process::Command;

/// How much the agent gives way, as `nice` counts. Enough that a window stays quick while the agent's threads want every
/// processor; little enough that an agent on a busy computer still gets its work done.
const GIVES_WAY: i32 = 5;

/// Gives the child a session of its own. That is a process group of its own, too, and it has no controlling terminal. An
/// agent leaves the processor to what a person waits for.
#[allow(
    unsafe_code,
    reason = "a hook between fork and exec is the only place to do this"
)]
pub(super) fn apart(command: &mut Command, role: MarkerRole) {
    #[cfg(target_os = "linux")]
    let owner = std::process::id();
    let hook = move || {
        nix::unistd::setsid()?;
        if role == MarkerRole::Agent {
            give_way();
        }
        #[cfg(target_os = "linux")]
        die_with_parent(owner)?;
        Ok(())
    };
    // SAFETY: the hook makes system calls and allocates nothing, so it is safe after a fork of a process with several
    // threads.
    unsafe { command.pre_exec(hook) };
}

/// Who is more patient already stays so; where there is no such thing, it runs all the same.
fn give_way() {
    if rustix::process::getpriority_process(None).is_ok_and(|nice| nice < GIVES_WAY) {
        let _ = rustix::process::setpriority_process(None, GIVES_WAY);
    }
}

/// Has the session of an agent give way, too: where the kernel of Linux groups by sessions, it shares the processor between
/// them first, and looks at niceness within one only (`sched_autogroup_enabled`). That is for the app-server and what stays
/// in its session; codex starts commands in sessions of their own, which are as any other.
///
/// To be called before anybody can have collected the child, so that the number is still its own.
#[cfg(target_os = "linux")]
pub(super) fn session_gives_way(pid: u32, role: MarkerRole) {
    use std::io::Write as _;
    use std::time::Duration;
    /// The kernel takes one such wish in a tenth of a second, from everybody without special rights together.
    const PAUSE: Duration = Duration::from_millis(110);
    const TRIES: usize = 300;
    if role != MarkerRole::Agent {
        return;
    }
    // A kernel without groups has no such file.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{pid}/autogroup"));
    let Ok(mut file) = file else { return };
    let wish = GIVES_WAY.to_string();
    tokio::spawn(async move {
        for _ in 0..TRIES {
            match file.write_all(wish.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(PAUSE).await,
                Ok(()) => return,
                Err(error) => return tracing::debug!(%error, pid, "the session of a child does not give way"),
            }
        }
        tracing::debug!(
            pid,
            "the kernel was not free to have the session of a child give way"
        );
    });
}

#[cfg(target_os = "linux")]
fn die_with_parent(owner: u32) -> io::Result<()> {
    use nix::sys::{prctl, signal::Signal};
    // Force, not a polite signal: an app-server that is asked politely waits for its running turn.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The owner may have died before the line above; then the signal never comes.
    if std::os::unix::process::parent_id() == owner {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

//! What is done between fork and exec: a child stands apart from what it was started by.

use crate::MarkerRole;
use std::io;
use tokio::process::Command;

/// How much the agent gives way, as `nice` counts. Enough that a window stays quick while the agent's threads want every
/// processor; little enough that an agent on a busy computer still gets its work done.
const GIVES_WAY: i32 = 5;

/// Gives the child a session of its own. That is a process group of its own, too, and it has no terminal, so that nothing
/// an agent runs can type into the one Drawbridge was started in. An agent leaves the processor to what a person waits
/// for.
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
            // Who is more patient already stays so; a system that has no such thing runs it all the same.
            let _ = rustix::process::setpriority_process(None, GIVES_WAY);
        }
        #[cfg(target_os = "linux")]
        die_with_parent(owner)?;
        Ok(())
    };
    // SAFETY: the hook makes system calls and allocates nothing, so it is safe after a fork of a process with several
    // threads.
    unsafe { command.pre_exec(hook) };
}

/// Has the session of an agent give way, too: the kernel of Linux shares the processor between sessions first, and then
/// looks at niceness within one only (`sched_autogroup_enabled`). Where it does not, or refuses, nothing is done, and
/// niceness counts as it is.
#[cfg(target_os = "linux")]
pub(super) fn session_gives_way(pid: u32, role: MarkerRole) {
    use std::time::Duration;
    /// The kernel takes one such wish in a tenth of a second, from everybody together.
    const PAUSE: Duration = Duration::from_millis(110);
    const TRIES: usize = 5;
    if role != MarkerRole::Agent {
        return;
    }
    let file = format!("/proc/{pid}/autogroup");
    let wish = GIVES_WAY.to_string();
    tokio::spawn(async move {
        for _ in 0..TRIES {
            match std::fs::write(&file, &wish) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(PAUSE).await,
                _ => return,
            }
        }
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

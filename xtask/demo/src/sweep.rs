//! What is left of the demo when it is over. Everything we start carries a random marker in its
//! environment, and so does everything those start.

use std::path::Path;
use std::time::{Duration, Instant};

/// Variable that marks what belongs to one demo.
pub(crate) const MARKER: &str = "DRAWBRIDGE_DEMO_ID";

/// A process that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) pid: u32,
    pub(crate) command: String,
}

/// Waits until nothing marked with `id`, nothing that names `base` in its arguments and none of `known`
/// runs any more; gives what is left at the deadline.
pub(crate) async fn wait_until_none(id: &str, base: &Path, known: &[u32], limit: Duration) -> Vec<Left> {
    let deadline = Instant::now() + limit;
    loop {
        let left = left(id, base, known);
        if left.is_empty() || Instant::now() >= deadline {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All of them now.
pub(crate) fn left(id: &str, base: &Path, known: &[u32]) -> Vec<Left> {
    let me = std::process::id();
    if !Path::new("/proc/self/environ").exists() {
        // No /proc: the processes whose ids we were told.
        let alive = known.iter().filter(|pid| runs(**pid));
        return alive
            .map(|&pid| Left {
                pid,
                command: "(unknown command)".into(),
            })
            .collect();
    }
    let mark = format!("{MARKER}={id}");
    let base = base.to_string_lossy();
    let pids = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let pids = pids
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != me);
    pids.filter_map(|pid| {
        let read = |what: &str| std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        let arguments = read("cmdline");
        let command = String::from_utf8_lossy(&arguments)
            .replace('\0', " ")
            .trim()
            .to_owned();
        let ours = parts(&read("environ")).any(|variable| variable == mark.as_bytes())
            || parts(&arguments).any(|argument| String::from_utf8_lossy(argument).contains(&*base));
        // Our own program names the folder of its parent only, never `base`. Zombies have neither.
        ours.then_some(Left { pid, command })
    })
    .collect()
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty())
}

/// Asks a process to end.
#[cfg(unix)]
pub(crate) fn ask_to_end(pid: u32) {
    signal(pid, Some(nix::sys::signal::Signal::SIGTERM));
}

/// Ends a process.
#[cfg(unix)]
pub(crate) fn kill(pid: u32) {
    signal(pid, Some(nix::sys::signal::Signal::SIGKILL));
}

#[cfg(unix)]
fn runs(pid: u32) -> bool {
    signal(pid, None)
}

#[cfg(unix)]
fn signal(pid: u32, signal: Option<nix::sys::signal::Signal>) -> bool {
    // 0 and negative numbers mean groups.
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1);
    pid.is_some_and(|pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).is_ok())
}

#[cfg(not(unix))]
pub(crate) fn ask_to_end(pid: u32) {
    kill(pid);
}

#[cfg(not(unix))]
pub(crate) fn kill(pid: u32) {
    let _ = std::process::Command::new("taskkill")
        .args(["/T", "/F", "/PID", &pid.to_string()])
        .output();
}

#[cfg(not(unix))]
fn runs(pid: u32) -> bool {
    let filter = format!("PID eq {pid}");
    let found = std::process::Command::new("tasklist")
        .args(["/NH", "/FI", &filter])
        .output();
    found.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains(&pid.to_string()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A shell that starts another in a session of its own.
    fn family(variable: Option<(&str, &str)>, argument: &str) -> std::io::Result<std::process::Child> {
        let mut command = Command::new("sh");
        command
            // A shell gives what it starts in the background an empty input, so the pipe goes by number.
            .args([
                "-c",
                "exec 3<&0; setsid sh -c 'read line <&3' sh \"$0\" & wait",
                argument,
            ])
            .stdin(Stdio::piped());
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        command.spawn()
    }

    #[tokio::test]
    async fn finds_by_marker_and_by_folder_and_nothing_else() {
        let id = crate::places::random_hex(8).unwrap();
        let base = std::path::PathBuf::from(format!("/nowhere/{id}-folder"));
        assert_eq!(wait_until_none(&id, &base, &[], Duration::from_secs(5)).await, []);

        let mut marked = family(Some((MARKER, &id)), "nothing").unwrap();
        let mut named = family(None, &base.join("data").to_string_lossy()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let found = loop {
            let found = left(&id, &base, &[]);
            if found.len() >= 4 || Instant::now() > deadline {
                break found;
            }
            tokio::task::yield_now().await;
        };
        let pids: Vec<u32> = found.iter().map(|left| left.pid).collect();
        assert!(
            pids.contains(&marked.id()) && pids.contains(&named.id()),
            "{found:?}"
        );
        assert_eq!(found.len(), 4, "the shells and what they started: {found:?}");

        // Their input ends, so all four end.
        drop((marked.stdin.take(), named.stdin.take()));
        marked.wait().unwrap();
        named.wait().unwrap();
        assert_eq!(
            wait_until_none(&id, &base, &[], Duration::from_secs(10)).await,
            []
        );
    }
}

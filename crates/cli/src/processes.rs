//! `processes`: what runs, what it weighs, and starting one of them anew.

use crate::args::processes::{ProcessesAction, ProcessesArgs};
use crate::{CliError, Exit, screen};
use drawbridge_consent::visible_line;
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_wire::control::Request;
use drawbridge_wire::processes::{ProcessState, ProcessView, ProcessesView, Restart};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) async fn run(data_dir: &Path, args: ProcessesArgs) -> Result<Exit, CliError> {
    let mut client = ControlClient::connect(data_dir, "drawbridge processes", false).await?;
    if let Some(ProcessesAction::Restart { process, interrupt }) = args.action {
        let restart = Restart {
            id: process,
            interrupt,
        };
        client.request(&Request::Restart(restart)).await?;
        screen::note_line("started again; `drawbridge processes` shows how it is");
        return Ok(Exit::Done);
    }
    let answer = client.request(&Request::Processes {}).await?;
    let view: ProcessesView =
        serde_json::from_value(answer).map_err(|wrong| ControlError::NotUnderstood(wrong.to_string()))?;
    if args.show.json {
        screen::json(&view)?;
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for process in &view.processes {
            screen::out(&text(process, u64::try_from(now.as_millis()).unwrap_or(u64::MAX)))?;
        }
    }
    Ok(Exit::Done)
}

fn text(process: &ProcessView, now_ms: u64) -> String {
    let state = match process.state {
        ProcessState::Starting => "is being started",
        ProcessState::Running => "runs",
        ProcessState::Waiting => "ended, and is started again",
        ProcessState::Off => "is off",
    };
    let mut said = vec![format!("{} {state}", visible_line(&process.id))];
    said.extend(process.pid.map(|pid| format!("pid {pid}")));
    said.extend(process.memory.map(megabytes));
    if process.below > 0 {
        let (many, with) = (process.below, megabytes(process.below_memory));
        said.push(format!("{with} more in {many} started by it"));
    }
    said.extend(
        process
            .since_ms
            .map(|at| format!("for {}", span(now_ms.saturating_sub(at)))),
    );
    let mut text = said.join(", ") + "\n";
    if process.starts > 1 {
        text += &format!("  started {} times\n", process.starts);
    }
    if let Some(end) = &process.last_end {
        let ago = span(now_ms.saturating_sub(end.at_ms));
        text += &format!("  ended {ago} ago: {}\n", visible_line(&end.message));
    }
    text
}

/// Million bytes, with a digit after the point below ten.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    match tenths {
        0..100 => format!("{}.{} MB", tenths / 10, tenths % 10),
        _ => format!("{} MB", (tenths + 5) / 10),
    }
}

/// A length of time in its largest unit.
fn span(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drawbridge_wire::processes::ProcessEnd;

    fn process() -> ProcessView {
        ProcessView {
            id: "app-server".to_owned(),
            state: ProcessState::Running,
            pid: Some(42),
            starts: 1,
            since_ms: Some(1000),
            last_end: None,
            memory: Some(61_960_000),
            below: 0,
            below_memory: 0,
        }
    }

    #[test]
    fn one_that_just_runs_takes_one_line() {
        assert_eq!(
            text(&process(), 60_000),
            "app-server runs, pid 42, 62 MB, for 59 s\n"
        );
    }

    #[test]
    fn what_it_started_and_how_it_ended_is_said_and_cannot_command_the_terminal() {
        let ended = ProcessView {
            state: ProcessState::Waiting,
            pid: None,
            since_ms: None,
            memory: None,
            starts: 3,
            last_end: Some(ProcessEnd {
                at_ms: 3_600_000,
                message: "it said \u{1b}[2J".to_owned(),
            }),
            below: 1,
            below_memory: 949_999,
            ..process()
        };
        assert_eq!(
            text(&ended, 10_800_000),
            "app-server ended, and is started again, 0.9 MB more in 1 started by it\n  started 3 times\n  ended 2 h ago: it said ‹U+001B ESCAPE›[2J\n"
        );
    }

    #[test]
    fn spans_name_their_largest_unit() {
        let said = [0, 119_999, 120_000, 7_199_999, 7_200_000, 172_800_000].map(span);
        assert_eq!(said, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
    }

    #[test]
    fn megabytes_are_rounded_once() {
        let rounded = [0, 49_999, 50_000, 9_949_999, 9_950_000, 10_449_999, 10_500_000].map(megabytes);
        assert_eq!(
            rounded,
            ["0.0 MB", "0.0 MB", "0.1 MB", "9.9 MB", "10 MB", "10 MB", "11 MB"]
        );
    }
}

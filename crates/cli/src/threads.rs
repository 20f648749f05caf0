//! `threads`: what is live.

use crate::connect::report;
use crate::{CliError, Exit, screen};
use drawbridge_control::ControlClient;
use std::path::Path;

pub(crate) async fn run(data_dir: &Path, json: bool) -> Result<Exit, CliError> {
    let view = ControlClient::connect(data_dir, "drawbridge threads", false)
        .await?
        .snapshot()
        .await?;
    if json {
        screen::json(&view.threads)?;
    } else if view.threads.is_empty() {
        screen::note_line("no thread is live");
    } else {
        for thread in &view.threads {
            screen::line(&report::thread(thread))?;
            if let Some(cwd) = &thread.cwd {
                screen::line(&format!(
                    "  in {}",
                    drawbridge_consent::visible_line(&cwd.to_string_lossy())
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}

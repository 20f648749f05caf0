//! `report`: one file with what helps others to understand a problem.
//!
//! It is one JSON file, not an archive: whoever gives it away can read it first in any editor, and nothing
//! in it is out of the sight of the one place that takes secrets out ([`redact`]).

mod gather;
mod redact;
#[cfg(test)]
mod tests;

use crate::args::ReportArgs;
use crate::doctor::{self, Subject};
use crate::secrets::Secrets;
use crate::{CliError, Exit, screen};
use gather::Contents;
use redact::Redactor;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) async fn run(subject: &Subject, args: &ReportArgs, secrets: &Secrets) -> Result<Exit, CliError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let file = match &args.output {
        Some(file) => file.clone(),
        None => PathBuf::from(format!("drawbridge-report-{}.json", now.as_secs())),
    };
    // Said before the work; the file is made in a way that cannot overwrite, too.
    if file.symlink_metadata().is_ok() {
        return Err(taken(&file));
    }
    let examined = doctor::examine(subject).await?;
    let contents = gather::gather(subject, examined, args.with_commands, now.as_secs()).await;
    let mut redactor = Redactor::of_this_process(secrets);
    let text = bundle(&contents, &mut redactor)?;
    screen::out(&contents.listing(args.with_commands))?;
    write(&file, &text)?;
    let shown = std::path::absolute(&file).unwrap_or(file);
    screen::line(&format!(
        "written to {} ({} bytes); read it before you give it away",
        shown.display(),
        text.len()
    ))?;
    Ok(Exit::Done)
}

/// The file's text. Nothing goes into it past the redactor.
fn bundle(contents: &Contents, redactor: &mut Redactor) -> Result<String, CliError> {
    let whole = redactor.json(&contents.value);
    let text = serde_json::to_string_pretty(&whole).map_err(|error| CliError::Output(error.into()))?;
    if redactor.knows_in(&text) {
        return Err(CliError::Usage(
            "a token would be in the report; nothing was written. Unset the variables that hold tokens and \
             tell us of it"
                .to_owned(),
        ));
    }
    Ok(text + "\n")
}

fn write(file: &Path, text: &str) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    let mut made = drawbridge_local::files::private(options.write(true).create_new(true))
        .open(file)
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => taken(file),
            _ => failed(file, source),
        })?;
    let written = made.write_all(text.as_bytes()).and_then(|()| made.sync_all());
    written.map_err(|source| {
        // Half a report is none.
        let _ = std::fs::remove_file(file);
        failed(file, source)
    })
}

fn taken(file: &Path) -> CliError {
    CliError::Usage(format!(
        "{} is there already and is not overwritten; name another file with -o",
        file.display()
    ))
}

fn failed(file: &Path, source: std::io::Error) -> CliError {
    CliError::File {
        path: file.to_owned(),
        source,
    }
}

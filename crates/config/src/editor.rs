//! Changing the file in a person's own editor.

use crate::file::{FileError, read_bounded, write_checked};
use crate::{Problem, parse_bytes};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// How editing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// The file holds the new text.
    Written,
    /// The text was not changed.
    Unchanged,
    /// The person gave up; the file is as it was.
    GivenUp,
}

/// What a person wants after an edit that left something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Open the editor on the same text again.
    Again,
    /// Leave the file as it was.
    GiveUp,
}

/// Opens an editor on a copy, checks it, and offers the editor again while something is wrong. The file
/// is replaced only by a text that is right. A new file begins as the commented example.
///
/// `run` runs the editor on the copy and answers whether it ended well; `ask` shows the problems.
///
/// # Errors
/// [`FileError`]; the file is then as it was.
pub fn edit(
    path: &Path,
    mut run: impl FnMut(&Path) -> std::io::Result<bool>,
    mut ask: impl FnMut(&[Problem]) -> Next,
) -> Result<Edited, FileError> {
    let before = read_bounded(path).map_err(|problem| FileError::WouldBeWrong(vec![*problem]))?;
    let example = crate::example();
    let start = before.as_deref().unwrap_or(example.as_bytes());
    // The copy has the file's name, so that the editor knows what it is, in a folder of its own.
    let folder = tempfile::tempdir().map_err(FileError::files(path, "copied"))?;
    let copy = folder.path().join("config.toml");
    std::fs::write(&copy, start).map_err(FileError::files(&copy, "written"))?;
    let file = path.display().to_string();
    loop {
        let ended_well = run(&copy).map_err(FileError::files(&copy, "edited"))?;
        let after = match read_bounded(&copy) {
            Ok(after) => after.unwrap_or_default(),
            Err(problem) => match ask(&[*problem]) {
                Next::Again => continue,
                Next::GiveUp => return Ok(Edited::GivenUp),
            },
        };
        if !ended_well {
            return Ok(Edited::GivenUp);
        }
        if after == start {
            return Ok(Edited::Unchanged);
        }
        let (config, problems) = parse_bytes(&after, &file);
        if config.is_some()
            && let Ok(text) = std::str::from_utf8(&after)
        {
            write_checked(path, text, before.as_deref())?;
            return Ok(Edited::Written);
        }
        if ask(&problems) == Next::GiveUp {
            return Ok(Edited::GivenUp);
        }
    }
}

/// The command that opens an editor on a file: `VISUAL`, else `EDITOR`, else `vi`. As is the custom, the
/// variable is a piece of shell with arguments in it.
pub fn editor_command(variable: impl Fn(&str) -> Option<OsString>, file: &Path) -> std::process::Command {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let editor = set("VISUAL")
        .or_else(|| set("EDITOR"))
        .unwrap_or_else(|| OsString::from("vi"));
    let mut script = editor;
    script.push(OsStr::new(" \"$@\""));
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(script).arg("editor").arg(file);
    command
}

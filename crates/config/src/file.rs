//! The file on the disk: where it is, reading it without surprises, replacing it in one step.

use crate::{Problem, Source, has_errors, parse};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
pub const LARGEST_FILE: u64 = 1024 * 1024;
/// Most links followed from the file's name to the file.
const MOST_LINKS: usize = 16;

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system said no.
    #[error("{} cannot be {what}: {source}; check the folder and its permissions", path.display())]
    Files {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// What would stand in the file afterwards is wrong. Nothing was written.
    #[error("nothing was changed, because the file would be wrong:\n{}", listed(.0))]
    WouldBeWrong(Vec<Problem>),
    /// Somebody else wrote the file in the meantime.
    #[error("nothing was changed, because {} was changed by somebody else meanwhile; look at it and try again", .0.display())]
    Changed(PathBuf),
    /// There is no such key.
    #[error("there is no key {key}{}", meant.as_ref().map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default())]
    NoSuchKey {
        /// What was asked for, quoted.
        key: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// A secret was to be written.
    #[error(
        "{0} looks like a secret; secrets do not belong in the configuration: give it to `drawbridge enroll`"
    )]
    Secret(String),
    /// The name leads through too many links.
    #[error("{} leads through too many links; make it a file or one link to a file", .0.display())]
    TooManyLinks(PathBuf),
}

impl FileError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            FileError::Files { .. } => "config_files",
            FileError::WouldBeWrong(_) => "config_would_be_wrong",
            FileError::Changed(_) => "config_changed",
            FileError::NoSuchKey { .. } => "config_no_such_key",
            FileError::Secret(_) => "config_secret",
            FileError::TooManyLinks(_) => "config_links",
        }
    }

    pub(crate) fn files<'a>(path: &'a Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| FileError::Files {
            path: path.to_owned(),
            what,
            source,
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    let all: Vec<String> = problems.iter().map(Problem::to_string).collect();
    all.join("\n\n")
}

/// Where the file is: what was named, else `DRAWBRIDGE_CONFIG`, else `drawbridge/config.toml` in the
/// platform's configuration folder.
pub fn config_path(
    named: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    config_dir: Option<&Path>,
) -> Option<PathBuf> {
    named
        .map(Path::to_owned)
        .or_else(|| {
            variable("DRAWBRIDGE_CONFIG")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        })
        .or_else(|| config_dir.map(|dir| dir.join("drawbridge").join("config.toml")))
}

/// Reads a file that may be anything; `None` when there is none. Never reads more than
/// [`LARGEST_FILE`], never waits on something that is no file.
///
/// # Errors
/// When it is there and cannot be read, as a problem to show.
pub fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, Box<Problem>> {
    let wrong = |code: &str, message: String, help: &str| {
        let source = Source::File(path.display().to_string());
        Box::new(Problem::of(source, code, message).with_help(help))
    };
    let unreadable = |error: &std::io::Error| {
        let help = "make it readable for you, or remove it";
        wrong("unreadable", format!("this cannot be read: {error}"), help)
    };
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return if path.symlink_metadata().is_ok() {
                let help = "make the file it points to, or remove the link";
                Err(wrong(
                    "dangling",
                    "this is a link to a file that is not there".to_owned(),
                    help,
                ))
            } else {
                Ok(None)
            };
        }
        Err(error) => return Err(unreadable(&error)),
    };
    if !meta.is_file() {
        let what = if meta.is_dir() {
            "a folder"
        } else {
            "no ordinary file"
        };
        let help = "put a file in its place, or remove it";
        return Err(wrong("no_file", format!("this is {what}, not a file"), help));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        let message = format!("this file is larger than {} KiB", LARGEST_FILE / 1024);
        let help = "a configuration is small; see whether another file was put in its place";
        return Err(wrong("too_large", message, help));
    }
    Ok(Some(bytes))
}

/// The file behind a name: links are followed, also to a file that is still to be made.
pub(crate) fn target(path: &Path) -> Result<PathBuf, FileError> {
    let mut here = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&here) {
            Ok(next) => {
                let folder = here.parent().unwrap_or(Path::new(""));
                here = folder.join(next);
            }
            Err(_) => return Ok(here),
        }
    }
    Err(FileError::TooManyLinks(path.to_owned()))
}

/// Replaces a configuration in one step: what is written is read back from the disk and parsed before
/// it takes the old file's place. Links stay links, the mode stays; a new file is for its owner only.
///
/// `before` is what the file held when the change was made (`None`: there was no file); if it holds
/// something else now, nothing is written.
///
/// # Errors
/// [`FileError`]; the old file is then as it was.
pub fn write_checked(path: &Path, text: &str, before: Option<&[u8]>) -> Result<(), FileError> {
    let target = target(path)?;
    let name = target.display().to_string();
    let (_, problems) = parse(text, &name);
    if has_errors(&problems) {
        return Err(FileError::WouldBeWrong(problems));
    }
    let now = read_bounded(&target).map_err(|problem| FileError::WouldBeWrong(vec![*problem]))?;
    if now.as_deref() != before {
        return Err(FileError::Changed(target));
    }
    replace(&target, text.as_bytes(), |written| {
        if written == text.as_bytes() {
            Ok(())
        } else {
            Err(std::io::Error::other("the disk gave back something else"))
        }
    })
}

/// Temp file in the same folder, written through to the disk, read back, then renamed.
pub(crate) fn replace(
    target: &Path,
    bytes: &[u8],
    check: impl FnOnce(&[u8]) -> std::io::Result<()>,
) -> Result<(), FileError> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder)?;
    let failed = || FileError::files(target, "written");
    let mut temp = tempfile::Builder::new()
        .prefix(".config-")
        .tempfile_in(folder)
        .map_err(failed())?;
    temp.write_all(bytes).map_err(failed())?;
    if let Ok(old) = std::fs::metadata(target) {
        temp.as_file()
            .set_permissions(old.permissions())
            .map_err(failed())?;
    }
    temp.as_file().sync_all().map_err(failed())?;
    let mut back = Vec::new();
    File::open(temp.path())
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut back))
        .and_then(|_| check(&back))
        .map_err(failed())?;
    temp.persist(target).map_err(|error| failed()(error.error))?;
    // So that the new name outlives a loss of power. Where a folder cannot be synced, the file still can.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Makes a folder for its owner only.
pub(crate) fn make_folder(folder: &Path) -> Result<(), FileError> {
    drawbridge_local::files::make_folder(folder).map_err(FileError::files(folder, "made"))
}

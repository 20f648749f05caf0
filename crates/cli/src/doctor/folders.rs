//! Folders and files: whose, how open, how full.

use super::finding::{Check, Finding, Level};
use super::system;
use crate::system::mode;
use drawbridge_codex::HomeError;
use drawbridge_config::{Problem, check_codex_config, has_errors};
use drawbridge_host::HostError;
use drawbridge_local::door;
use std::path::{Path, PathBuf};

/// Less room than this is none.
const NO_ROOM: u64 = 100 * 1024 * 1024;
/// Less room than this is soon none.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;
/// Said where access lists count, which are not read here.
pub(super) const NOT_LOOKED_AT: &str = "closed as the folder it lies in is; access lists are not looked at";
/// Entries of a folder that are looked at.
const MOST: usize = 1000;

/// A data directory as it is.
#[derive(Debug)]
pub(super) enum DataDir {
    /// The first host makes it.
    Missing,
    NotAFolder,
    Unreadable(std::io::Error),
    There {
        /// Where the system has one.
        mode: Option<u32>,
        ours: bool,
        /// The folder any sandboxed command may write to, when it lies below it.
        temporary: Option<PathBuf>,
    },
}

/// Looks. Blocks.
pub(super) fn data_dir(path: &Path) -> DataDir {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => DataDir::Missing,
        Err(error) => DataDir::Unreadable(error),
        Ok(found) if !found.is_dir() => DataDir::NotAFolder,
        Ok(found) => {
            let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            let temporary =
                [PathBuf::from("/tmp"), std::env::temp_dir()].map(|dir| dir.canonicalize().unwrap_or(dir));
            DataDir::There {
                mode: mode(&found),
                ours: system::is_ours(&found),
                temporary: temporary.into_iter().find(|dir| real.starts_with(dir)),
            }
        }
    }
}

pub(super) fn of_data_dir(path: &Path, found: &DataDir) -> Finding {
    let at = path.display();
    let fail = |what: String, remedy: String| Finding::fail(Check::DataDir, what, remedy);
    let socket = path.join("run/app-server.sock");
    if door::is_too_long(&socket) {
        let (socket, most) = (socket.as_os_str().len(), door::LONGEST_PATH);
        return fail(
            format!("{at} is too long for sockets in it ({socket} bytes, at most {most})"),
            "choose a shorter one with --data-dir".to_owned(),
        );
    }
    match found {
        DataDir::Missing => Finding::ok(
            Check::DataDir,
            format!("{at} is not there yet; the first start makes it"),
        ),
        DataDir::NotAFolder => fail(
            format!("{at} is no folder"),
            "move it away, or choose another with --data-dir".to_owned(),
        ),
        DataDir::Unreadable(why) => fail(
            format!("{at} cannot be looked at: {why}"),
            "correct the permissions of the folders above it".to_owned(),
        ),
        DataDir::There { ours: false, .. } => fail(
            format!("{at} belongs to another user"),
            "choose one of your own with --data-dir".to_owned(),
        ),
        DataDir::There {
            temporary: Some(dir), ..
        } => fail(
            format!(
                "{at} lies below {}, where commands in codex's sandbox may write",
                dir.display()
            ),
            "choose another with --data-dir".to_owned(),
        ),
        DataDir::There { mode: Some(mode), .. } if mode & 0o077 != 0 => fail(
            format!("{at} is open to others (mode {mode:04o})"),
            format!("close it: `chmod 700 '{at}'`"),
        ),
        DataDir::There { mode: Some(mode), .. } => {
            Finding::ok(Check::DataDir, format!("{at} (mode {mode:04o}, yours)"))
        }
        DataDir::There { mode: None, .. } => Finding::ok(Check::DataDir, format!("{at} ({NOT_LOOKED_AT})")),
    }
}

/// The key by which buses know this computer; `None` when nothing is wrong with it.
pub(super) fn of_identity(trouble: Option<&HostError>) -> Finding {
    match trouble {
        None => Finding::ok(Check::Identity, "the host's own key is right, or not made yet"),
        Some(error) => Finding::told(
            Level::Fail,
            Check::Identity,
            &format!("no host starts: {error}"),
            "correct the rights of that file",
        ),
    }
}

/// What lies in a data directory and is open to others.
#[derive(Debug, Default)]
pub(super) struct Insides {
    pub sockets: usize,
    pub files: usize,
    /// The system has no modes to look at.
    pub unseen: bool,
    /// Path, mode, whether a folder.
    pub open: Vec<(PathBuf, u32, bool)>,
}

/// Looks, two levels deep. Blocks.
pub(super) fn insides(data_dir: &Path) -> Insides {
    let mut found = Insides::default();
    let mut folders = vec![(data_dir.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .take(MOST)
        {
            let Ok(meta) = entry.metadata() else { continue };
            let kind = meta.file_type();
            if kind.is_symlink() {
                continue;
            }
            let mode = mode(&meta);
            found.unseen |= mode.is_none();
            let mode = mode.unwrap_or_default();
            if kind.is_dir() && depth == 0 {
                folders.push((entry.path(), 1));
            }
            if system::is_socket(kind) {
                found.sockets += 1;
            } else if kind.is_file() {
                found.files += 1;
            }
            if mode & 0o077 != 0 {
                found.open.push((entry.path(), mode, kind.is_dir()));
            }
        }
    }
    found.open.sort();
    found
}

pub(super) fn of_insides(found: &Insides) -> Finding {
    if found.open.is_empty() {
        let what = match (found.sockets, found.files) {
            (0, 0) => "none yet".to_owned(),
            (_, files) if found.unseen => format!("{files} files ({NOT_LOOKED_AT})"),
            (sockets, files) => format!("{sockets} sockets and {files} files, all closed to others"),
        };
        return Finding::ok(Check::Sockets, what);
    }
    let shown = |(path, mode, _): &(PathBuf, u32, bool)| format!("{} (mode {mode:04o})", path.display());
    let remedies = found.open.iter().map(|(path, _, folder)| {
        let mode = if *folder { 700 } else { 600 };
        format!("chmod {mode} '{}'", path.display())
    });
    Finding::fail(
        Check::Sockets,
        format!(
            "open to others: {}",
            found.open.iter().map(shown).collect::<Vec<_>>().join(", ")
        ),
        remedies.collect::<Vec<_>>().join("\n"),
    )
}

/// Whether codex's state folder can be used.
#[derive(Debug)]
pub(super) enum CodexHome {
    Bad(HomeError),
    /// The default one, which codex makes.
    WillBeMade(PathBuf),
    NotWritable(PathBuf),
    Good(PathBuf),
}

/// Looks. Blocks.
pub(super) fn codex_home(found: Result<PathBuf, HomeError>) -> CodexHome {
    match found {
        Err(error) => CodexHome::Bad(error),
        Ok(path) if !path.is_dir() => CodexHome::WillBeMade(path),
        Ok(path) if !system::is_writable(&path) => CodexHome::NotWritable(path),
        Ok(path) => CodexHome::Good(path),
    }
}

pub(super) fn of_codex_home(found: &CodexHome) -> Finding {
    match found {
        CodexHome::Bad(error) => Finding::told(
            Level::Fail,
            Check::CodexHome,
            &error.to_string(),
            "set CODEX_HOME",
        ),
        CodexHome::WillBeMade(path) => Finding::ok(
            Check::CodexHome,
            format!("{} is not there yet; codex makes it", path.display()),
        ),
        CodexHome::NotWritable(path) => Finding::fail(
            Check::CodexHome,
            format!("{} cannot be written", path.display()),
            "make it yours, or set CODEX_HOME to another folder",
        ),
        CodexHome::Good(path) => Finding::ok(Check::CodexHome, path.display().to_string()),
    }
}

/// Codex's configuration. Blocks.
pub(super) fn codex_config(home: &Path) -> Vec<Problem> {
    check_codex_config(home)
}

pub(super) fn of_codex_config(home: &Path, problems: &[Problem]) -> Finding {
    let file = home.join("config.toml");
    of_problems(
        Check::CodexConfig,
        &format!("{}: nothing wrong with it, or not there", file.display()),
        problems,
        "correct that line; codex would go on without the whole file",
    )
}

/// Our configuration file.
#[derive(Debug)]
pub(super) enum ConfigFile {
    /// There is no folder for it.
    Nowhere,
    None,
    Read(Vec<Problem>),
}

/// Reads it. Blocks.
pub(super) fn config_file(file: Option<&Path>, data_dir: &Path) -> ConfigFile {
    let Some(file) = file else {
        return ConfigFile::Nowhere;
    };
    crate::config::wrong_with(file, data_dir).map_or(ConfigFile::None, ConfigFile::Read)
}

pub(super) fn of_config_file(file: Option<&Path>, found: &ConfigFile) -> Finding {
    let name = file.map(|file| file.display().to_string()).unwrap_or_default();
    match found {
        ConfigFile::Nowhere => Finding::ok(
            Check::ConfigFile,
            "the system names no folder for settings; the defaults count",
        ),
        ConfigFile::None => Finding::ok(
            Check::ConfigFile,
            format!("{name} is not there; the defaults count"),
        ),
        ConfigFile::Read(problems) => of_problems(
            Check::ConfigFile,
            &format!("{name} is right"),
            problems,
            "correct it, with `drawbridge config edit` say; until then what it last said rightly counts",
        ),
    }
}

fn of_problems(id: Check, well: &str, problems: &[Problem], remedy: &str) -> Finding {
    let told = problems.iter().map(Problem::to_string).collect::<Vec<_>>();
    if told.is_empty() {
        Finding::ok(id, well)
    } else if has_errors(problems) {
        Finding::fail(id, told.join("\n"), remedy).laid_out_already()
    } else {
        Finding::warn(id, told.join("\n"), "correct it when you like").laid_out_already()
    }
}

/// Room for one folder.
#[derive(Debug)]
pub(super) struct Room {
    pub path: PathBuf,
    pub free: Result<u64, system::DiskError>,
}

/// Asks the disk that the folder is or will be on. Blocks.
pub(super) fn room(path: &Path) -> Room {
    let there = path.ancestors().find(|at| at.exists()).unwrap_or(path);
    let free = system::free(there);
    Room {
        path: path.to_owned(),
        free,
    }
}

pub(super) fn of_rooms(rooms: &[Room]) -> Finding {
    let mut level = Level::Ok;
    let mut said = Vec::new();
    for room in rooms {
        let at = room.path.display();
        match &room.free {
            Ok(free) => {
                said.push(format!("{} MiB free for {at}", free / 1024 / 1024));
                level = match (level, *free) {
                    (_, free) if free < NO_ROOM => Level::Fail,
                    (Level::Ok, free) if free < LITTLE_ROOM => Level::Warn,
                    (level, _) => level,
                };
            }
            Err(why) => {
                said.push(format!("the disk of {at} does not say: {why}"));
                level = if level == Level::Ok { Level::Warn } else { level };
            }
        }
    }
    let said = said.join(", ");
    match level {
        Level::Ok => Finding::ok(Check::Disk, said),
        Level::Warn => Finding::warn(Check::Disk, said, "make room soon"),
        Level::Fail => Finding::fail(
            Check::Disk,
            said,
            "make room now: without it nothing is recorded and threads are lost",
        ),
    }
}

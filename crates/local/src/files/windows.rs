//! Windows: access lists. A file takes that of its folder, so folders are what is looked after: in the user's
//! profile (`%LOCALAPPDATA%`, `%APPDATA%`) nobody but the user, the system and administrators may enter as it
//! is; a folder made elsewhere gets such a list of its own.

use crate::windows_user::our_user;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `FILE_FLAG_OPEN_REPARSE_POINT`: a link is opened itself. `FILE_FLAG_BACKUP_SEMANTICS`: a folder, too, so that who
/// opens sees what it is.
const NOT_FOLLOWED: u32 = 0x0020_0000 | 0x0200_0000;
/// `CREATE_NO_WINDOW`.
const NO_WINDOW: u32 = 0x0800_0000;

/// A file that these options make has the access list of its folder.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// A link is not followed but opened itself. Whoever opens looks whether it is a file.
pub fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(NOT_FOLLOWED)
}

/// Nothing to do: what a file lets in is what its folder does.
///
/// # Errors
/// None.
pub fn close(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Makes a folder and those above it, as far as they are not there, closed to others.
///
/// # Errors
/// When the system does not let us.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    // The topmost one that is made; those below it take its list.
    let made = path.ancestors().take_while(|folder| !folder.exists()).last();
    std::fs::create_dir_all(&path)?;
    match made {
        Some(made) if !in_profile(made) => only_us(made),
        _ => Ok(()),
    }
}

/// As [`make_folder`]. One that is there already keeps the list it has.
///
/// # Errors
/// When the system does not let us.
pub fn make_closed_folder(path: &Path) -> io::Result<()> {
    make_folder(path)
}

fn in_profile(path: &Path) -> bool {
    let profile = std::env::var_os("USERPROFILE").filter(|profile| !profile.is_empty());
    let whole = |path: &Path| path.canonicalize().ok();
    match (
        profile.and_then(|profile| whole(Path::new(&profile))),
        whole(path),
    ) {
        (Some(profile), Some(path)) => path.starts_with(profile),
        _ => false,
    }
}

/// Lets in nobody but this user, also to what will lie in it, by the system's own program for that.
fn only_us(folder: &Path) -> io::Result<()> {
    let user = our_user()
        .ok_or_else(|| io::Error::new(ErrorKind::PermissionDenied, "the system does not tell who we are"))?;
    let system = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
    let done = Command::new(system.join(r"System32\icacls.exe"))
        .arg(folder)
        .args(["/inheritance:r", "/grant:r"])
        .arg(format!("*{user}:(OI)(CI)F"))
        .creation_flags(NO_WINDOW)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if done.success() {
        Ok(())
    } else {
        Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!("icacls could not close it to others ({done})"),
        ))
    }
}

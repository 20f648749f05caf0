//! What is done to a `.deb` after the bundler has made it.

use crate::error::Error;
use crate::run::{self, set_mode};
use std::path::Path;
use std::process::Command;

/// Packs it again with xz, which dpkg has read for many years: a third less to download than with gzip, the
/// only one that the bundler knows. Where there is no dpkg it stays as it is.
///
/// # Errors
/// When dpkg does not take what the bundler made.
pub(crate) fn compact(deb: &Path, scratch: &Path) -> Result<(), Error> {
    if !run::succeeds(Command::new("dpkg-deb").arg("--version")) {
        return Ok(());
    }
    let (folder, packed) = (scratch.join("content"), scratch.join("packed.deb"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|source| disk(&folder, &source))?;
    }
    run::succeed(
        Command::new("dpkg-deb")
            .arg("--raw-extract")
            .arg(deb)
            .arg(&folder),
    )?;
    build(&folder, &packed)?;
    std::fs::copy(&packed, deb).map_err(|source| disk(deb, &source))?;
    std::fs::remove_dir_all(&folder).map_err(|source| disk(&folder, &source))?;
    std::fs::remove_file(&packed).map_err(|source| disk(&packed, &source))
}

/// Packs a folder. Older versions of dpkg make folders as this user's umask has them, and none packs from one
/// that is closed to others (umask 077).
fn build(folder: &Path, packed: &Path) -> Result<(), Error> {
    let control = folder.join("DEBIAN");
    for folder in [folder, &control] {
        set_mode(folder, 0o755).map_err(|source| disk(folder, &source))?;
    }
    run::succeed(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "-Zxz", "--build"])
            .args([folder, packed]),
    )
}

fn disk(path: &Path, source: &std::io::Error) -> Error {
    Error::Disk {
        path: path.to_path_buf(),
        what: source.to_string(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn folders_that_were_made_with_a_closed_umask_are_packed() {
        if !run::succeeds(Command::new("dpkg-deb").arg("--version")) {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let (folder, packed) = (place.path().join("a"), place.path().join("a.deb"));
        let made = Command::new("sh")
            .args(["-c", "umask 077; mkdir -p \"$0/DEBIAN\""])
            .arg(&folder)
            .status()
            .unwrap();
        assert!(made.success());
        let control =
            "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a\n";
        std::fs::write(folder.join("DEBIAN/control"), control).unwrap();
        build(&folder, &packed).unwrap();
        assert!(packed.is_file());
    }
}

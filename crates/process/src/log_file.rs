//! The same lines on disk: bounded, private, rotated once.

use drawbridge_local::files;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Size at which the file is put aside as `<name>.1`, replacing an older one.
pub(crate) const ROTATE_BYTES: u64 = 1024 * 1024;

/// An appended log file of at most twice [`ROTATE_BYTES`] with the one put aside.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    /// Opens the file for appending; a new one is readable by its owner only.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_private(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
        })
    }

    /// Appends a line.
    pub(crate) fn append(&mut self, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        if self.size > 0 && self.size + bytes > ROTATE_BYTES {
            let mut aside = self.path.clone().into_os_string();
            aside.push(".1");
            std::fs::rename(&self.path, &aside)?;
            self.file = open_private(&self.path)?;
            self.size = 0;
        }
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.size += bytes;
        Ok(())
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = files::private(options.create(true).append(true)).open(path)?;
    files::close(&file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_rotates_once_and_stays_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let mut log = LogFile::open(&path).unwrap();
        let line = "x".repeat(1023);
        for n in 0..2600 {
            log.append(&format!("{n:04}{}", &line[4..])).unwrap();
        }
        let len = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().len();
        assert!(len("agent.log") <= ROTATE_BYTES && len("agent.log.1") <= ROTATE_BYTES);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().last().unwrap().starts_with("2599"));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it_even_when_it_was_open_to_all() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        std::fs::write(&path, "old\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        LogFile::open(&path).unwrap().append("new").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\nnew\n");
    }
}

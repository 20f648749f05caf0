//! Writing so that a crash leaves the old or the new, and reading so that nothing foreign is believed.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "elsewhere.rs")]
mod platform;

use crate::VaultError;
use crate::steps::step;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

pub(crate) use platform::{check_key_file, check_parents, open_plain};
use platform::{create_private, make_private_folder, sync_folder};

/// Largest file that is read: the largest content, encrypted, with room to spare.
pub(crate) const LARGEST_FILE: u64 = 256 * 1024;

/// A folder that is written to in small whole files.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// What lies under a name.
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A file of a sensible size.
    File(Vec<u8>),
    /// Something that none of ours can be.
    Foreign(&'static str),
}

impl Folder {
    /// Makes the folder, closed to others, if it is not there.
    pub(crate) fn make(path: &Path) -> Result<Self, VaultError> {
        make_private_folder(path).map_err(VaultError::io("making the folder", path))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// A folder that is there already.
    pub(crate) fn existing(path: &Path) -> Self {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        Self {
            path: path.to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file, no further than a file of ours can be long; follows no link.
    pub(crate) fn read(&self, name: &str) -> Result<Found, VaultError> {
        let path = self.file(name);
        let io = |source| VaultError::Io {
            what: "reading",
            path: path.clone(),
            source,
        };
        let file = match open_plain(&path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Found::Nothing),
            Err(_) if path.is_symlink() => return Ok(Found::Foreign("it is a link")),
            Err(source) => return Err(io(source)),
        };
        let about = file.metadata().map_err(io)?;
        if !about.is_file() {
            return Ok(Found::Foreign("it is no regular file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Ok(Found::Foreign("it is larger than any file of a vault"));
        }
        Ok(Found::File(bytes))
    }

    /// Puts a file in place, whole: whoever looks, also after a crash, sees the old one or this one. It is
    /// read back before and after.
    pub(crate) fn place(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let temporary = temporary_name(name)?;
        let placed = self.place_by(&temporary, name, bytes);
        if placed.is_err() {
            // Whatever is left of it is of no use, and swept at the next start if this fails too.
            let _ = fs::remove_file(self.file(&temporary));
        }
        placed
    }

    fn place_by(&self, temporary: &str, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let (from, to) = (self.file(temporary), self.file(name));
        step("before the file");
        let mut file = create_private(&from).map_err(VaultError::io("making", &from))?;
        step("an empty file");
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let written = file.write_all(first).and_then(|()| {
            step("half of the file");
            file.write_all(second)
        });
        written.map_err(VaultError::io("writing", &from))?;
        step("the file unsynced");
        file.sync_all().map_err(VaultError::io("writing", &from))?;
        drop(file);
        step("the file synced");
        self.reread(temporary, bytes)?;
        step("the file read back");
        fs::rename(&from, &to).map_err(VaultError::io("putting in place", &to))?;
        step("the file in place");
        self.sync()?;
        step("the folder synced");
        self.reread(name, bytes)
    }

    fn reread(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        match self.read(name)? {
            Found::File(found) if found == bytes => Ok(()),
            _ => Err(VaultError::NotSaved {
                path: self.file(name),
            }),
        }
    }

    /// Moves a file within the folder, or to a folder in it, without a copy of it.
    pub(crate) fn shift(&self, name: &str, to: &str) -> Result<(), VaultError> {
        step("before the move");
        fs::rename(self.file(name), self.file(to)).map_err(VaultError::io("moving", self.file(name)))?;
        step("after the move");
        self.sync()
    }

    /// Removes a file; it is no error when it is not there.
    pub(crate) fn erase(&self, name: &str) -> Result<(), VaultError> {
        step("before the removal");
        match fs::remove_file(self.file(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(VaultError::io("removing", self.file(name))(source)),
        }
        step("after the removal");
        self.sync()
    }

    /// Removes what interrupted writes of `of` (or of any file) have left behind.
    pub(crate) fn sweep(&self, of: Option<&str>) -> Result<usize, VaultError> {
        let mut swept = 0;
        for name in self.names()? {
            if is_temporary(&name, of) {
                self.erase(&name)?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// All names in it that are Unicode; ours are.
    pub(crate) fn names(&self) -> Result<Vec<String>, VaultError> {
        let io = |source| VaultError::Io {
            what: "listing",
            path: self.path.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(io)? {
            if let Ok(name) = entry.map_err(io)?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn sync(&self) -> Result<(), VaultError> {
        sync_folder(&self.path).map_err(VaultError::io("writing the folder", &self.path))
    }
}

/// Opens a file that stands for a lock; the lock goes with it.
pub(crate) fn lock(path: &Path) -> Result<Option<File>, VaultError> {
    let file = platform::open_lock(path).map_err(VaultError::io("making", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(source)) => Err(VaultError::io("locking", path)(source)),
    }
}

/// Letters after the name of a temporary file.
const RANDOM: usize = 16;

fn temporary_name(name: &str) -> Result<String, VaultError> {
    let mut random = [0; RANDOM / 2];
    getrandom::fill(&mut random).map_err(|error| VaultError::Io {
        what: "asking for random bytes for",
        path: name.into(),
        source: error.into(),
    })?;
    Ok(format!(".{name}.{}.tmp", hex::encode(random)))
}

fn is_temporary(name: &str, of: Option<&str>) -> bool {
    let Some((target, random)) = name
        .strip_prefix('.')
        .and_then(|rest| rest.strip_suffix(".tmp"))
        .and_then(|rest| rest.rsplit_once('.'))
    else {
        return false;
    };
    random.len() == RANDOM
        && random.bytes().all(|byte| byte.is_ascii_hexdigit())
        && of.is_none_or(|of| of == target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_remains_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::make(dir.path()).unwrap();
        let ours = temporary_name("a.age").unwrap();
        for name in [
            &ours,
            ".a.age.tmp",
            ".x.tmp",
            "a.age",
            ".a.age.zzzzzzzzzzzzzzzz.tmp",
        ] {
            fs::write(folder.file(name), b"x").unwrap();
        }
        assert_eq!(folder.sweep(Some("b.age")).unwrap(), 0);
        assert_eq!(folder.sweep(Some("a.age")).unwrap(), 1);
        assert_eq!(folder.names().unwrap().len(), 4);
    }

    #[test]
    fn a_file_is_replaced_whole_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::make(&dir.path().join("new")).unwrap();
        for bytes in [&b"first"[..], b"second, longer", b""] {
            folder.place("a", bytes).unwrap();
            assert!(matches!(folder.read("a").unwrap(), Found::File(found) if found == bytes));
        }
        assert_eq!(folder.names().unwrap(), ["a"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(folder.path()), mode(&folder.file("a"))), (0o700, 0o600));
        }
    }

    #[test]
    fn what_cannot_be_ours_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::make(dir.path()).unwrap();
        fs::create_dir(folder.file("folder")).unwrap();
        fs::write(folder.file("huge"), vec![0; LARGEST_FILE as usize + 1]).unwrap();
        assert!(matches!(folder.read("none").unwrap(), Found::Nothing));
        assert!(matches!(folder.read("folder").unwrap(), Found::Foreign(_)));
        assert!(matches!(folder.read("huge").unwrap(), Found::Foreign(_)));
    }
}

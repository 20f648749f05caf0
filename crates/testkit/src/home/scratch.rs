//! Folders of a test, outside the temporary folder.

use crate::Error;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Says where scratch folders go.
const PLACE: &str = "DRAWBRIDGE_TEST_DIR";
/// Set to anything, keeps scratch folders after the test.
const KEEP: &str = "DRAWBRIDGE_KEEP_SCRATCH";
/// Longest path of a scratch folder. A socket's path may have 103 bytes, and ours lie a little deeper.
const LONGEST: usize = 72;

/// A folder that is removed, with all that is in it, when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Canonical, because that is what the gate compares.
    path: PathBuf,
}

impl Scratch {
    /// Its canonical path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new folder in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        make_folder(&path)?;
        Ok(path)
    }

    /// Leaves the folder where it is.
    pub fn keep(&mut self) {
        self.folder.disable_cleanup(true);
    }
}

/// Makes a folder outside the temporary folder, with a path short enough for sockets in it:
/// below `DRAWBRIDGE_TEST_DIR`, else in `test-scratch` of the target directory this program was built in.
///
/// # Errors
/// [`Error::ScratchPlace`] names the place and what is wrong with it.
pub fn scratch_dir(prefix: &str) -> Result<Scratch, Error> {
    let place = scratch_place()?;
    make_folder(&place)?;
    let place = place
        .canonicalize()
        .map_err(|error| Error::io(place.display().to_string(), error))?;
    refuse_temporary(&place)?;
    let folder = tempfile::Builder::new()
        .prefix(&format!("{prefix}-"))
        .rand_bytes(6)
        .tempdir_in(&place)
        .map_err(|error| Error::io(format!("making a folder in {}", place.display()), error))?;
    let mut scratch = Scratch {
        path: folder.path().to_path_buf(),
        folder,
    };
    if scratch.path.as_os_str().len() > LONGEST {
        return Err(Error::ScratchPlace {
            path: place,
            why: "the paths of sockets in it would be too long",
        });
    }
    if std::env::var_os(KEEP).is_some() {
        scratch.keep();
    }
    Ok(scratch)
}

fn scratch_place() -> Result<PathBuf, Error> {
    if let Some(place) = std::env::var_os(PLACE).filter(|place| !place.is_empty()) {
        return Ok(place.into());
    }
    Ok(target_folder()?.join("test-scratch"))
}

/// The target directory of the program that runs. It always ends in `/target` (a habit of this
/// workspace), also when it is not inside it.
pub(super) fn target_folder() -> Result<PathBuf, Error> {
    let program = std::env::current_exe().map_err(|error| Error::io("finding this program", error))?;
    match program
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "target"))
    {
        Some(folder) => Ok(folder.to_path_buf()),
        None => Err(Error::ScratchPlace {
            path: program,
            why: "it is not in a target directory",
        }),
    }
}

fn refuse_temporary(place: &Path) -> Result<(), Error> {
    let mut temporary = vec![std::env::temp_dir()];
    if cfg!(unix) {
        temporary.push("/tmp".into());
    }
    let inside = temporary
        .iter()
        .filter_map(|folder| folder.canonicalize().ok())
        .any(|folder| place.starts_with(folder));
    if inside {
        let why = "it is in the temporary folder, where codex's sandbox does not work";
        return Err(Error::ScratchPlace {
            path: place.to_path_buf(),
            why,
        });
    }
    Ok(())
}

pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|error| Error::io(format!("making {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_is_short_outside_tmp_and_gone_afterwards() {
        let scratch = scratch_dir("t").unwrap();
        let path = scratch.folder("a/b").unwrap();
        assert!(path.is_dir() && path.starts_with(scratch.path()));
        assert!(scratch.path().as_os_str().len() <= LONGEST);
        assert_eq!(scratch.path().canonicalize().unwrap(), scratch.path());
        assert!(refuse_temporary(scratch.path()).is_ok());
        let gone = scratch.path().to_path_buf();
        drop(scratch);
        assert!(!gone.exists());
    }

    #[test]
    fn the_temporary_folder_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let error = refuse_temporary(&temporary.path().canonicalize().unwrap()).unwrap_err();
        assert_eq!(error.code(), "scratch_place");
        assert!(error.to_string().contains(PLACE), "{error}");
    }
}

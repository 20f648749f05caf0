//! Folders of one demo. The agent's sandbox may write to `/tmp` and TMPDIR, so nothing that has to be
//! safe from it, or that has to show that it is not writable, may lie there.

use crate::hop::Failure;
use std::path::{Path, PathBuf};

/// What every Unix takes.
const LONGEST_SOCKET_PATH: usize = 103;

/// Folders of one demo.
#[derive(Debug)]
pub(crate) struct Places {
    /// Random; marks everything that is started.
    pub(crate) id: String,
    /// Holds all others.
    pub(crate) base: PathBuf,
    /// Where the agent works.
    pub(crate) work: PathBuf,
    /// Data directory of the host.
    pub(crate) data: PathBuf,
    /// Logs of what we start.
    pub(crate) logs: PathBuf,
}

impl Places {
    /// Makes them under `target`, or under the user's cache when `target` is in a temporary folder.
    pub(crate) fn make(target: &Path) -> Result<Self, Failure> {
        let id = random_hex(4)?;
        let parent = parent_for(target, dirs::cache_dir().as_deref(), &temporary())?;
        let base = parent.join(&id);
        let folder = |name: &str| {
            let path = base.join(name);
            std::fs::create_dir_all(&path).map_err(|e| {
                Failure::new(
                    format!("cannot make {} ({e})", path.display()),
                    "make its parent writable",
                )
            })?;
            // The gate compares canonical paths.
            path.canonicalize()
                .map_err(|e| Failure::new(format!("{} ({e})", path.display()), "check the path"))
        };
        let places = Self {
            work: folder("work")?,
            data: folder("data")?,
            logs: folder("logs")?,
            base: base
                .canonicalize()
                .map_err(|e| Failure::new(format!("{} ({e})", base.display()), "check the path"))?,
            id,
        };
        private(&places.base)?;
        private(&places.data)?;
        Ok(places)
    }
}

/// `bytes` random bytes in hex.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Failure> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|e| {
        Failure::new(
            format!("no random numbers ({e})"),
            "check the system's random device",
        )
    })?;
    Ok(hex::encode(buffer))
}

fn temporary() -> Vec<PathBuf> {
    let all = [
        Some(PathBuf::from("/tmp")),
        Some(std::env::temp_dir()),
        std::env::var_os("TMPDIR").map(PathBuf::from),
    ];
    all.into_iter()
        .flatten()
        .map(|path| path.canonicalize().unwrap_or(path))
        .collect()
}

fn parent_for(target: &Path, cache: Option<&Path>, temporary: &[PathBuf]) -> Result<PathBuf, Failure> {
    let fits = |path: &Path| {
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let socket = canonical.join("drawbridge-demo/01234567/data/run/app-server.sock");
        socket.as_os_str().len() <= LONGEST_SOCKET_PATH
            && !temporary.iter().any(|temporary| canonical.starts_with(temporary))
    };
    if fits(target) {
        return Ok(target.join("demo"));
    }
    match cache {
        Some(cache) if fits(cache) => Ok(cache.join("drawbridge-demo")),
        _ => Err(Failure::new(
            format!(
                "{} and your cache folder lie in a temporary folder, where the agent's sandbox may write, or are too \
                 long for the path of a socket",
                target.display()
            ),
            "set CARGO_TARGET_DIR to a short path outside /tmp and TMPDIR whose last part is `target`",
        )),
    }
}

#[cfg(unix)]
fn private(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(|e| {
        Failure::new(
            format!("cannot make {} private ({e})", path.display()),
            "check who owns it",
        )
    })
}

#[cfg(not(unix))]
fn private(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_lies_where_the_sandbox_may_write() {
        let temporary = vec![PathBuf::from("/tmp"), PathBuf::from("/var/scratch")];
        let parent = |target: &str, cache: Option<&str>| {
            parent_for(Path::new(target), cache.map(Path::new), &temporary)
        };
        assert_eq!(
            parent("/nowhere/target", None).unwrap(),
            Path::new("/nowhere/target/demo")
        );
        assert_eq!(
            parent("/tmp/x/target", Some("/nowhere/cache")).unwrap(),
            Path::new("/nowhere/cache/drawbridge-demo")
        );
        let long = format!("/{}/target", "x".repeat(60));
        assert_eq!(
            parent(&long, Some("/nowhere/cache")).unwrap(),
            Path::new("/nowhere/cache/drawbridge-demo")
        );
        for cache in [None, Some("/var/scratch/cache")] {
            let failure = parent("/var/scratch/target", cache).unwrap_err();
            assert!(failure.remedy.contains("CARGO_TARGET_DIR"), "{failure}");
        }
    }
}

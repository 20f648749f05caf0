//! Finding the codex binary.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexBinary {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// It is npm's launcher, not the native program: a process more, and one that cannot pass on force.
    pub via_launcher: bool,
}

/// Why there is no codex.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LocateError {
    /// None on the search path.
    #[error(
        "no `{name}` was found on PATH; install it with `npm install -g @openai/codex`, or name it with --codex-bin"
    )]
    NotOnPath {
        /// What was looked for.
        name: String,
    },
    /// The named file is not there.
    #[error("there is no codex at {}; correct --codex-bin (or FORGE_CODEX_CONNECTOR_CODEX_BIN), or install codex with `npm install -g @openai/codex`", .0.display())]
    Missing(PathBuf),
    /// The named file is no program.
    #[error("{} cannot be executed; name the codex program with --codex-bin, or install it with `npm install -g @openai/codex`", .0.display())]
    NotExecutable(PathBuf),
}

impl LocateError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            LocateError::NotOnPath { .. } => "codex_not_found",
            LocateError::Missing(_) => "codex_bin_missing",
            LocateError::NotExecutable(_) => "codex_bin_not_executable",
        }
    }
}

/// Finds codex: `explicit` (a path, or a bare name to look for), else `codex` on the search path. npm's
/// launcher is replaced by the native program that came with it where that is there.
///
/// # Errors
/// When there is none; the message says how to get it.
pub fn locate(explicit: Option<&Path>, path_var: Option<&OsStr>) -> Result<CodexBinary, LocateError> {
    let found = match explicit {
        Some(path) if path.components().count() > 1 || path.is_absolute() => named(path)?,
        Some(name) => on_path(name.as_os_str(), path_var)?,
        None => on_path(OsStr::new("codex"), path_var)?,
    };
    Ok(match launcher_script(&found) {
        Some(script) => native_beside(&script).map_or(
            CodexBinary {
                program: found,
                via_launcher: true,
            },
            |program| CodexBinary {
                program,
                via_launcher: false,
            },
        ),
        None => CodexBinary {
            program: found,
            via_launcher: false,
        },
    })
}

fn named(path: &Path) -> Result<PathBuf, LocateError> {
    // The child runs in another directory, so a relative path must not stay relative.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&absolute) {
        Err(_) => Err(LocateError::Missing(absolute)),
        Ok(found) if found.is_file() && is_executable(&found) => Ok(absolute),
        Ok(_) => Err(LocateError::NotExecutable(absolute)),
    }
}

fn on_path(name: &OsStr, path_var: Option<&OsStr>) -> Result<PathBuf, LocateError> {
    let folders = path_var
        .map(|p| std::env::split_paths(p).collect::<Vec<_>>())
        .unwrap_or_default();
    // An empty or relative entry would mean whatever directory we happen to be in.
    for folder in folders.iter().filter(|folder| folder.is_absolute()) {
        for file in file_names(name) {
            let candidate = folder.join(file);
            if std::fs::metadata(&candidate).is_ok_and(|found| found.is_file() && is_executable(&found)) {
                return Ok(candidate);
            }
        }
    }
    Err(LocateError::NotOnPath {
        name: name.to_string_lossy().into_owned(),
    })
}

/// The names under which a program may lie in a folder, best first.
fn file_names(name: &OsStr) -> Vec<OsString> {
    if !cfg!(windows) || Path::new(name).extension().is_some() {
        return vec![name.to_owned()];
    }
    let with = |ending: &str| {
        let mut file = name.to_owned();
        file.push(ending);
        file
    };
    vec![with(".exe"), with(".cmd")]
}

#[cfg(unix)]
fn is_executable(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_found: &std::fs::Metadata) -> bool {
    true
}

/// The launcher's script, if the file is the launcher: the script itself, a link to it, or a small shell
/// or command file that npm puts beside the package instead of a link.
fn launcher_script(found: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(found).ok()?;
    if real.file_name() == Some(OsStr::new("codex.js")) {
        return Some(real);
    }
    let folder = real.parent()?;
    let is_shim = real.extension().is_some_and(|e| e.eq_ignore_ascii_case("cmd"))
        || std::fs::metadata(&real).is_ok_and(|m| m.len() < 64 * 1024) && starts_with_hash_bang(&real);
    let package = Path::new("@openai/codex/bin/codex.js");
    let places = [
        folder.join("node_modules").join(package),
        folder.join("..").join(package),
    ];
    if is_shim {
        places.iter().find_map(|place| std::fs::canonicalize(place).ok())
    } else {
        None
    }
}

fn starts_with_hash_bang(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0_u8; 2];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok()
        && start == *b"#!"
}

/// The native program of the package that holds the launcher's script, found as the launcher finds it:
/// in the platform's package, nearest `node_modules` first, else in the package itself.
fn native_beside(script: &Path) -> Option<PathBuf> {
    let (platform, triple) = platform_package()?;
    let package = script.parent()?.parent()?;
    let program = Path::new(triple)
        .join("bin")
        .join(if cfg!(windows) { "codex.exe" } else { "codex" });
    let above = package
        .ancestors()
        .map(|at| at.join("node_modules/@openai").join(platform).join("vendor"));
    let candidates = above
        .chain([package.join("vendor")])
        .map(|vendor| vendor.join(&program));
    let is_program = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|m| m.is_file() && is_executable(&m));
    candidates.into_iter().find(is_program)
}

/// Name of the platform's package and the triple in it.
fn platform_package() -> Option<(&'static str, &'static str)> {
    Some(match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => ("codex-linux-x64", "x86_64-unknown-linux-musl"),
        ("linux", "aarch64") => ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        ("macos", "x86_64") => ("codex-darwin-x64", "x86_64-apple-darwin"),
        ("macos", "aarch64") => ("codex-darwin-arm64", "aarch64-apple-darwin"),
        ("windows", "x86_64") => ("codex-win32-x64", "x86_64-pc-windows-msvc"),
        ("windows", "aarch64") => ("codex-win32-arm64", "aarch64-pc-windows-msvc"),
        _ => return None,
    })
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
        fn at(&self, path: &str) -> PathBuf {
            self.0.path().canonicalize().unwrap().join(path)
        }
        fn file(&self, path: &str, text: &str, mode: u32) -> PathBuf {
            let path = self.at(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        }
        fn package(&self, root: &str) -> PathBuf {
            self.file(
                &format!("{root}/@openai/codex/bin/codex.js"),
                "#!/usr/bin/env node\n",
                0o755,
            )
        }
        fn native(&self, root: &str) -> PathBuf {
            let (platform, triple) = platform_package().unwrap();
            self.file(
                &format!("{root}/@openai/{platform}/vendor/{triple}/bin/codex"),
                "native",
                0o755,
            )
        }
    }

    fn found(program: PathBuf, via_launcher: bool) -> Result<CodexBinary, LocateError> {
        Ok(CodexBinary {
            program,
            via_launcher,
        })
    }

    #[test]
    fn a_link_to_the_launcher_becomes_the_native_program() {
        let tree = Tree::new();
        let script = tree.package("lib/node_modules");
        std::fs::create_dir(tree.at("bin")).unwrap();
        symlink(&script, tree.at("bin/codex")).unwrap();
        let path_var = std::env::join_paths([tree.at("empty"), tree.at("bin")]).unwrap();
        // Without its platform package the launcher itself is what there is.
        assert_eq!(locate(None, Some(&path_var)), found(tree.at("bin/codex"), true));
        let hoisted = tree.native("lib/node_modules");
        assert_eq!(locate(None, Some(&path_var)), found(hoisted, false));
        // The nearer one wins, as for the launcher.
        let nested = tree.native("lib/node_modules/@openai/codex/node_modules");
        assert_eq!(locate(Some(&script), None), found(nested, false));
    }

    #[test]
    fn a_shell_shim_beside_the_package_is_the_launcher_too() {
        let tree = Tree::new();
        tree.package("node_modules");
        let native = tree.native("node_modules");
        let local = tree.file("node_modules/.bin/codex", "#!/bin/sh\nexec node ...\n", 0o755);
        let global = tree.file("codex.cmd", "@ECHO off\r\n", 0o755);
        assert_eq!(locate(Some(&local), None), found(native.clone(), false));
        assert_eq!(locate(Some(&global), None), found(native, false));
    }

    #[test]
    fn a_native_program_is_taken_as_it_is() {
        let tree = Tree::new();
        let codex = tree.file("bin/codex", "\u{7f}ELF", 0o755);
        let mine = tree.file("bin/my-codex", "#!/bin/sh\n", 0o755);
        let path_var = tree.at("bin").into_os_string();
        assert_eq!(locate(None, Some(&path_var)), found(codex, false));
        assert_eq!(
            locate(Some(Path::new("my-codex")), Some(&path_var)),
            found(mine, false)
        );
    }

    #[test]
    fn what_is_missing_is_named_with_the_remedy() {
        let tree = Tree::new();
        let plain = tree.file("bin/codex", "", 0o644);
        let path_var = std::env::join_paths([PathBuf::from(""), PathBuf::from("."), tree.at("bin")]).unwrap();
        let missing = tree.at("nowhere/codex");
        let cases = [
            (
                locate(None, Some(&path_var)),
                "codex_not_found",
                "`codex`".to_owned(),
            ),
            (locate(None, None), "codex_not_found", "PATH".to_owned()),
            (
                locate(Some(&missing), None),
                "codex_bin_missing",
                missing.display().to_string(),
            ),
            (
                locate(Some(&plain), None),
                "codex_bin_not_executable",
                plain.display().to_string(),
            ),
            (
                locate(Some(&tree.at("bin")), None),
                "codex_bin_not_executable",
                "bin".to_owned(),
            ),
        ];
        for (outcome, code, named) in cases {
            let error = outcome.unwrap_err();
            assert_eq!(error.code(), code);
            let text = error.to_string();
            assert!(
                text.contains(&named) && text.contains("npm install -g @openai/codex"),
                "{text}"
            );
        }
    }
}

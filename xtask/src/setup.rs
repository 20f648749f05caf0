//! `setup`: the pinned Codex, and what else a test needs on this computer.

use crate::error::Error;
use crate::{run, system};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where npm puts the pinned Codex, relative to the root.
const FOLDER: &str = "tools/codex";
/// The oldest Node.js that can install it.
const NODE: u32 = 20;

/// What is there after `setup`.
pub(crate) struct Ready {
    /// The native Codex program of the pinned version.
    pub(crate) codex: PathBuf,
}

/// Installs everything that the tests want.
///
/// # Errors
/// Names what is missing and cannot be installed from here.
pub(crate) fn setup() -> Result<Ready, Error> {
    let ready = agent()?;
    system::for_tests()?;
    Ok(ready)
}

/// Installs what an agent runs with, which is all that the demo wants.
///
/// # Errors
/// Names what is missing and cannot be installed from here.
pub(crate) fn agent() -> Result<Ready, Error> {
    system::for_an_agent()?;
    let folder = run::root().join(FOLDER);
    let wanted = pinned_version(&folder.join("package.json"))?;
    if installed_version(&folder).as_deref() != Some(wanted.as_str()) || native(&folder).is_err() {
        node()?;
        println!("setup: installing Codex {wanted} into {FOLDER}");
        // The package is a development dependency and its program an optional one: both must come,
        // whatever NODE_ENV or the user's npm settings say.
        run::succeed(
            Command::new(npm())
                .args([
                    "ci",
                    "--include=dev",
                    "--include=optional",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                ])
                .current_dir(&folder),
        )?;
    }
    let codex = native(&folder)?;
    println!("setup: Codex {wanted} ready");
    Ok(Ready { codex })
}

/// Whether npm has not put into `folder` what is locked there now.
pub(crate) fn is_stale(folder: &Path) -> bool {
    let changed = |path: &str| {
        std::fs::metadata(folder.join(path))
            .and_then(|found| found.modified())
            .ok()
    };
    // npm writes this file when it is done.
    changed("node_modules/.package-lock.json") < changed("package-lock.json")
}

pub(crate) fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

fn node() -> Result<(), Error> {
    let remedy = || {
        format!("install Node.js {NODE} or newer with npm from https://nodejs.org or your system's packages")
    };
    let version = run::output(Command::new("node").arg("--version")).map_err(|_| Error::Missing {
        program: "node",
        remedy: remedy(),
    })?;
    if major(&version).is_none_or(|major| major < NODE) {
        return Err(Error::Missing {
            program: "a newer node",
            remedy: format!("found {}; {}", version.trim(), remedy()),
        });
    }
    if !run::succeeds(Command::new(npm()).arg("--version")) {
        return Err(Error::Missing {
            program: "npm",
            remedy: remedy(),
        });
    }
    Ok(())
}

/// `v20.11.1` -> 20
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn read_json(path: &Path) -> Result<Value, Error> {
    let file = |what: String| Error::File {
        path: path.to_path_buf(),
        what,
    };
    let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| file(format!("not JSON ({error})")))
}

fn pinned_version(manifest: &Path) -> Result<String, Error> {
    let json = read_json(manifest)?;
    let version = ["dependencies", "devDependencies"]
        .iter()
        .find_map(|table| json.get(table)?.get("@openai/codex")?.as_str())
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
    version.map(str::to_owned).ok_or_else(|| Error::File {
        path: manifest.to_path_buf(),
        what: "does not pin an exact version of @openai/codex".into(),
    })
}

fn installed_version(folder: &Path) -> Option<String> {
    let json = read_json(&folder.join("node_modules/@openai/codex/package.json")).ok()?;
    json.get("version")?.as_str().map(str::to_owned)
}

/// The native program in the installed package. The launcher beside it is a Node script that would stay
/// between us and the program.
fn native(folder: &Path) -> Result<PathBuf, Error> {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let cpu = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let vendor = folder.join(format!("node_modules/@openai/codex-{os}-{cpu}/vendor"));
    let name = format!("codex{}", std::env::consts::EXE_SUFFIX);
    // One folder, named after the target triple.
    let found = std::fs::read_dir(&vendor)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin").join(&name))
        .find(|program| program.is_file());
    found.ok_or_else(|| Error::NoNativeCodex {
        path: vendor,
        folder: folder.join("node_modules"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("package.json"), manifest).unwrap();
        folder
    }

    #[test]
    fn the_manifest_pins_one_exact_version() {
        let folder = folder_with(r#"{"devDependencies":{"@openai/codex":"1.2.3"}}"#);
        assert_eq!(
            pinned_version(&folder.path().join("package.json")).unwrap(),
            "1.2.3"
        );
        for loose in [r#"{"dependencies":{"@openai/codex":"^1.2.3"}}"#, "{}", "nonsense"] {
            let folder = folder_with(loose);
            assert!(
                pinned_version(&folder.path().join("package.json")).is_err(),
                "{loose}"
            );
        }
    }

    #[test]
    fn an_installation_without_its_program_is_not_taken_for_one() {
        let folder = folder_with("{}");
        assert_eq!(installed_version(folder.path()), None);
        let error = native(folder.path()).unwrap_err();
        assert!(error.to_string().contains("cargo xtask setup"), "{error}");
    }

    #[test]
    fn node_versions_are_compared_by_their_first_number() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("garbage"), None);
    }
}

//! The codex programs.

use super::scratch::target_folder;
use crate::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The native codex program that `cargo xtask setup` installs.
///
/// # Errors
/// [`Error::NoCodex`] when it is not there.
pub fn find_real_codex() -> Result<PathBuf, Error> {
    let packages = workspace().join("tools/codex/node_modules/@openai");
    let name = format!("codex{}", std::env::consts::EXE_SUFFIX);
    let platforms = entries(&packages).into_iter().filter(|package| {
        package
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("codex-"))
    });
    let triples = platforms.flat_map(|package| entries(&package.join("vendor")));
    let mut programs = triples
        .map(|triple| triple.join("bin").join(&name))
        .filter(|program| program.is_file());
    programs.next().ok_or(Error::NoCodex { looked: packages })
}

/// As [`find_real_codex`], for tests.
///
/// # Panics
/// When it is not installed: a test that needs it must not pass without it.
#[must_use]
pub fn real_codex() -> PathBuf {
    find_real_codex().unwrap_or_else(|error| panic!("{error}"))
}

/// The program `fake-codex` beside the program that runs; built when it is not there, because cargo
/// builds the programs of a package only for that package's own tests.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn fake_codex() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND
        .get_or_init(|| find_fake_codex().unwrap_or_else(|error| panic!("{error}")))
        .clone()
}

fn find_fake_codex() -> Result<PathBuf, Error> {
    let target = target_folder()?;
    let program = std::env::current_exe().map_err(|error| Error::io("finding this program", error))?;
    // <target>/[<triple>/]<profile>/deps/<test>, or without deps for a program.
    let profile = program
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_some_and(|name| name != "deps"))
        .unwrap_or(&target);
    let path = profile.join(format!("fake-codex{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() {
        return Ok(path);
    }
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args([
        "build",
        "--quiet",
        "--offline",
        "--package",
        "drawbridge-testkit",
        "--bin",
        "fake-codex",
    ]);
    build.arg("--target-dir").arg(&target).current_dir(workspace());
    if profile.file_name().is_some_and(|name| name == "release") {
        build.arg("--release");
    }
    let why = match build.output() {
        Ok(built) if built.status.success() && path.is_file() => return Ok(path),
        Ok(built) => String::from_utf8_lossy(&built.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::NoFakeCodex { path, why })
}

/// The checkout this runs for. Cargo and its test runners say at run time which package that is; what
/// was true at build time may be another checkout that shares the target directory.
fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .ancestors()
        .find(|folder| folder.join("tools/codex/package.json").is_file())
        .unwrap_or(&package)
        .to_path_buf()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

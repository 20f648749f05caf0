//! `desktop`: the app on a desktop of its own, with the real codex.

use crate::error::Error;
use crate::{run, setup};
use std::process::Command;

/// Builds the windows' side, which is part of the program.
///
/// # Errors
/// When npm cannot get what is locked, or it does not build.
pub(crate) fn windows() -> Result<(), Error> {
    let folder = run::root().join("ui");
    let npm =
        |arguments: &[&str]| run::succeed(Command::new(setup::npm()).args(arguments).current_dir(&folder));
    let lock = |path: &str| {
        std::fs::metadata(folder.join(path))
            .and_then(|found| found.modified())
            .ok()
    };
    // npm writes this file when it is done.
    if lock("node_modules/.package-lock.json") < lock("package-lock.json") {
        npm(&["ci", "--include=dev", "--no-audit", "--no-fund"])?;
    }
    npm(&["run", "--silent", "build"])
}

/// Runs the tests that need a desktop. `built` says which packages are built already, in cargo's words.
///
/// # Errors
/// When one fails.
pub(crate) fn real(built: &[&str]) -> Result<(), Error> {
    if !cfg!(target_os = "linux") {
        println!("desktop: left out, because only Linux has a tray host and a driver for tests");
        return Ok(());
    }
    run::succeed(run::cargo(&["test", "--quiet"]).args(built).args([
        "--test",
        "real",
        "--",
        "--ignored",
        "--test-threads",
        "1",
    ]))
}

/// Everything from nothing.
///
/// # Errors
/// As its parts.
pub(crate) fn desktop() -> Result<(), Error> {
    const BOTH: [&str; 4] = ["-p", "drawbridge-cli", "-p", "drawbridge-desktop"];
    setup::setup()?;
    windows()?;
    // Tests of both packages, so that both programs come with the same features and lie side by side.
    run::succeed(
        run::cargo(&["test", "--quiet", "--no-run"])
            .args(BOTH)
            .args(["--test", "config", "--test", "real"]),
    )?;
    real(&BOTH)
}

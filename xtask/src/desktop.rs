//! `desktop`: the app on a desktop of its own, with the real codex.

use crate::error::Error;
use crate::{run, setup};
use std::path::Path;
use std::process::Command;

/// The tests that measure.
const FIGURES: &str = "figures::";
/// All that do not.
const TRIED: [&str; 6] = ["--", "--ignored", "--test-threads", "1", "--skip", FIGURES];
/// Names the app to try to the tests.
const APP: &str = "DRAWBRIDGE_TEST_APP";

/// Builds the windows' side, which is part of the program.
///
/// # Errors
/// When npm cannot get what is locked, or it does not build.
pub(crate) fn windows() -> Result<(), Error> {
    let folder = run::root().join("ui");
    let npm =
        |arguments: &[&str]| run::succeed(Command::new(setup::npm()).args(arguments).current_dir(&folder));
    if setup::is_stale(&folder) {
        npm(&["ci", "--include=dev", "--no-audit", "--no-fund"])?;
    }
    npm(&["run", "--silent", "build"])
}

/// Types, style and tests of the windows' side, the latter also in Chromium.
///
/// # Errors
/// When one fails.
pub(crate) fn windows_tests() -> Result<(), Error> {
    let folder = run::root().join("ui");
    for script in ["check", "lint", "test", "e2e"] {
        run::succeed(
            Command::new(setup::npm())
                .args(["run", "--silent", script])
                .current_dir(&folder),
        )?;
    }
    Ok(())
}

/// Runs the tests that need a desktop on an app that is there already, with its `drawbridge` beside it.
///
/// # Errors
/// When one fails.
pub(crate) fn real_on(app: &Path) -> Result<(), Error> {
    println!("desktop: trying {}", app.display());
    run::succeed(
        run::cargo(&["test", "--quiet", "--workspace", "--test", "real"])
            .env(APP, app)
            .args(TRIED),
    )
}

/// Measures an app that is there already.
///
/// # Errors
/// When a budget is exceeded.
pub(crate) fn figures_of(app: &Path) -> Result<(), Error> {
    run::succeed(
        run::cargo(&["test", "--quiet", "--workspace", "--test", "real"])
            .env(APP, app)
            .args(["--", "--ignored", "--nocapture", "--test-threads", "1", FIGURES]),
    )
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
    run::succeed(
        run::cargo(&["test", "--quiet"])
            .args(built)
            .args(["--test", "real"])
            .args(TRIED),
    )
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

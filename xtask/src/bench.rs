//! `bench`: medians of what people wait for, held to their budgets.

use crate::error::Error;
use crate::run;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Unlocking and saving, with a key file and with a real keyring
    Vault,
    /// The app on a real desktop (Linux): start, memory, windows. Always an optimized build
    Desktop,
    /// Noticing that a skill changed, and watching while nothing does
    Skills,
}

/// Runs a benchmark. Without `release` it takes the unoptimized build that the tests have made already: what
/// holds there holds in a release.
///
/// # Errors
/// When it cannot be built, or a budget is exceeded.
pub(crate) fn bench(subject: Subject, release: bool) -> Result<(), Error> {
    let parts: &[(&str, &str)] = match subject {
        Subject::Vault => &[("drawbridge-vault", "vault")],
        // Noticing alone, then all the way on a host with the real Codex.
        Subject::Skills => &[("drawbridge-skills", "skills"), ("drawbridge-cli", "skills")],
        Subject::Desktop => return crate::package::measured(),
    };
    parts.iter().try_for_each(|part| run_bench(*part, release))
}

fn run_bench((package, bench): (&str, &str), release: bool) -> Result<(), Error> {
    let mut command = run::cargo(&["bench", "--quiet", "--package", package, "--bench", bench]);
    command.args(["--profile", if release { "release" } else { "dev" }]);
    if run::on_ci() {
        command.arg("--locked");
    }
    run::succeed(&mut command)
}

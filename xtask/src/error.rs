//! What can go wrong, with what to do about it.

use std::path::PathBuf;

/// A task that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program that has to be there is not.
    #[error("{program} is missing; {remedy}")]
    Missing {
        /// Its name.
        program: &'static str,
        /// How to get it.
        remedy: String,
    },
    /// A program could not be started.
    #[error("cannot start `{program}`: {source}; check that it is installed and on PATH")]
    Start {
        /// Its name.
        program: String,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// A program ended with a failure; it has said why on the terminal.
    #[error("`{command}` failed ({status}); what it printed above says why")]
    Failed {
        /// The whole command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A file is not readable or not as expected.
    #[error("{path}: {what}; restore it from version control")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The pinned Codex is not where its package should have put it.
    #[error(
        "the Codex package has no program for this computer ({path} is missing); \
         delete {folder} and run `cargo xtask setup` again"
    )]
    NoNativeCodex {
        /// Where it was looked for.
        path: PathBuf,
        /// What to delete.
        folder: PathBuf,
    },
    /// `cargo build` did not name a program it should have built.
    #[error("cargo built no program named `{0}`; run `cargo clean` and try again")]
    NotBuilt(&'static str),
    /// Nothing was packed.
    #[error("no bundle ({0}) came out; ask for one with --bundles")]
    NoBundle(&'static str),
    /// A file is not where a package puts it.
    #[error("{0} is not in the package; see `bundle` in tauri.conf.json")]
    NotPacked(&'static str),
    /// A file stays after a removal.
    #[error("/{0} is still there after the package was removed")]
    LeftBehind(&'static str),
    /// Trying would take away what the person has.
    #[error(
        "the package {0} is installed on this computer already; remove it first, or use --check instead of --install"
    )]
    AlreadyInstalled(&'static str),
    /// Over budget.
    #[error("the package has {size} bytes, more than {budget}")]
    TooBig {
        /// Bytes it has.
        size: u64,
        /// Bytes it may have.
        budget: u64,
    },
    /// A folder or file of the build cannot be written.
    #[error("{path}: {what}; make room or give yourself the right to write there")]
    Disk {
        /// Which.
        path: PathBuf,
        /// The system's word.
        what: String,
    },
    /// A stage of a task failed.
    #[error("{task} failed at: {stage}: {source}")]
    Stage {
        /// `test` or `demo`.
        task: &'static str,
        /// Name of the stage.
        stage: &'static str,
        /// Why.
        source: Box<Error>,
    },
    /// The demo failed; it has printed where.
    #[error("the demo failed, see above")]
    Demo,
}

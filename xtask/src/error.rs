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

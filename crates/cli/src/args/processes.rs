//! Arguments of `processes`.

use super::JsonArgs;
use clap::{Args, Subcommand};

/// Arguments of `processes`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ProcessesArgs {
    /// What to do besides showing them.
    #[command(subcommand)]
    pub action: Option<ProcessesAction>,
    /// How to show them.
    #[command(flatten)]
    pub show: JsonArgs,
}

/// What to do with a process.
#[derive(Debug, Subcommand)]
pub enum ProcessesAction {
    /// End one and start it again at once; one that waits for its next start is started now.
    Restart {
        /// `app-server`, or `connector:ID` as `processes` shows it.
        process: String,
        /// Interrupt turns that run; without it they keep the app-server running.
        #[arg(long)]
        interrupt: bool,
    },
}

//! Unix: process groups.

use tokio::process::Command;

/// What is started this way is not ended by Ctrl-C in this terminal.
pub(crate) fn apart(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

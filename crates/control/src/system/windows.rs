//! Windows: consoles.

use tokio::process::Command;

/// `CREATE_NEW_PROCESS_GROUP` and `CREATE_NO_WINDOW`: a console of its own that nobody sees.
const APART: u32 = 0x0000_0200 | 0x0800_0000;

/// Variables of ours that may hold a token begin with one of these.
const OURS: [&str; 4] = [
    "FORGE_CODEX_CONNECTOR_",
    "CODEX_APP_CONNECTOR_",
    "CODEX_BUS_",
    "DRAWBRIDGE_",
];

/// What is started this way is not ended by Ctrl-C in this terminal, nor when its window is closed. It gets no token
/// in its variables: who starts it could not take them out of its own.
pub(crate) fn apart(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let compared = name.to_string_lossy().to_ascii_uppercase();
        if compared.contains("TOKEN") && OURS.iter().any(|prefix| compared.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.creation_flags(APART)
}

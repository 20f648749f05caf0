//! Which of the user's variables a child gets.

use crate::MARKER_VARIABLE;
use std::ffi::{OsStr, OsString};

/// Prefixes of variables that configure us or a bus: they may hold tokens, and no child reads them.
const OURS: [&str; 3] = ["FORGE_CODEX_CONNECTOR_", "CODEX_APP_CONNECTOR_", "CODEX_BUS_"];

/// The given environment without our own configuration and tokens and without a marker that came from
/// above. Everything else is the user's and stays, in its order.
#[must_use]
pub fn scrub_environment(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    vars.into_iter().filter(|(name, _)| !is_ours(name)).collect()
}

fn is_ours(name: &OsStr) -> bool {
    // A name that is no Unicode cannot be one of ours as a whole, but its readable start can.
    let name = name.to_string_lossy();
    let name = as_compared(&name);
    name == MARKER_VARIABLE
        || OURS.iter().any(|prefix| name.starts_with(prefix))
        || name
            .strip_prefix("DRAWBRIDGE_")
            .is_some_and(|rest| rest.contains("TOKEN"))
}

/// A variable's name as the system compares it: Windows looks variables up without regard to case, so
/// `codex_bus_x` is the same variable there.
pub(crate) fn as_compared(name: &str) -> String {
    if cfg!(windows) {
        name.to_ascii_uppercase()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(names: &[&str]) -> Vec<String> {
        let vars = names.iter().map(|n| (OsString::from(n), OsString::from("v")));
        scrub_environment(vars)
            .into_iter()
            .map(|(n, _)| n.into_string().unwrap())
            .collect()
    }

    #[test]
    fn our_variables_go() {
        let gone = [
            "FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN",
            "FORGE_CODEX_CONNECTOR_CODEX_BIN",
            "CODEX_APP_CONNECTOR_TOKEN",
            "CODEX_BUS_CONNECT_TOKEN",
            "CODEX_BUS_HTTP_TOKEN",
            "DRAWBRIDGE_BUS_CLIENT_TOKEN",
            "DRAWBRIDGE_TOKEN_FILE",
            "DRAWBRIDGE_CHILD",
        ];
        assert_eq!(scrub(&gone), Vec::<String>::new());
    }

    #[test]
    fn nothing_else_goes() {
        let kept = [
            "PATH",
            "HOME",
            "CODEX_HOME",
            "CODEX_API_KEY",
            "OPENAI_API_KEY",
            "MY_DRAWBRIDGE_X_TOKEN",
            "DRAWBRIDGE_DATA_DIR",
            "DRAWBRIDGE_CHILDREN",
            "GITHUB_TOKEN",
            "CODEX_BUSY",
            "RUST_LOG",
            "LOG_FORMAT",
        ];
        assert_eq!(scrub(&kept), kept);
    }
}

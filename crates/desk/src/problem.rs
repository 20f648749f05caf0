//! What a window is told when something could not be done.

use drawbridge_control::ControlError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stable code and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
#[schemars(rename = "CommandError")]
pub struct Problem {
    /// Stable code.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

impl Problem {
    /// A problem.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn no_host() -> Self {
        Self::new(
            "no_host",
            "the host does not run at the moment; the tray and the window say when it is started again",
        )
    }

    pub(crate) fn gone() -> Self {
        Self::new("quitting", "the app is quitting")
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

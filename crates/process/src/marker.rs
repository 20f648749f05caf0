//! The variable that says whose child a process is.

use std::ffi::OsString;

/// Name of the marker variable. It holds no secret and its name says so: nothing in it makes a filter for
/// keys, secrets or tokens drop it.
pub const MARKER_VARIABLE: &str = "DRAWBRIDGE_CHILD";

/// What a child is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarkerRole {
    /// The app-server and everything it starts.
    Agent,
    /// The process that faces the network.
    Connector,
}

impl MarkerRole {
    /// The word in the variable.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            MarkerRole::Agent => "agent",
            MarkerRole::Connector => "connector",
        }
    }
}

/// Value of the marker variable: `<nonce>:agent` or `<nonce>:connector`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker {
    /// Random, one per run of a host ([`new_nonce`]).
    pub nonce: String,
    /// What the child is for.
    pub role: MarkerRole,
}

impl Marker {
    /// The value of the variable.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{}:{}", self.nonce, self.role.word())
    }

    /// The variable as it goes into an environment.
    #[must_use]
    pub fn variable(&self) -> (OsString, OsString) {
        (MARKER_VARIABLE.into(), self.value().into())
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number source failed ({0}); restart the computer if this stays")]
pub struct NoRandomness(#[from] getrandom::Error);

impl NoRandomness {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "no_randomness"
    }
}

/// A fresh nonce: 16 random bytes as hex.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn new_nonce() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_names_the_run_and_the_role() {
        let marker = Marker {
            nonce: "n1".into(),
            role: MarkerRole::Connector,
        };
        assert_eq!(
            marker.variable(),
            ("DRAWBRIDGE_CHILD".into(), "n1:connector".into())
        );
    }

    #[test]
    fn nonces_differ_and_hold_nothing_but_hex() {
        let (a, b) = (new_nonce().unwrap(), new_nonce().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 32);
        assert!(a.bytes().all(|c| c.is_ascii_hexdigit()));
    }
}

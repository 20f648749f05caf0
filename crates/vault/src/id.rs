//! The name of an enrolled bus, which is also the name of its file.

use crate::VaultError;
use drawbridge_wire::link::authority_of;
use std::fmt;

/// Longest id, so that every file name made from it fits everywhere.
const LONGEST: usize = 64;

/// Names that Windows keeps for devices, and the one file of the vault that is no enrollment.
const RESERVED: [&str; 5] = ["con", "prn", "aux", "nul", "confirmed"];

/// Id of an enrolled bus: small letters, digits and dashes, so that it is a safe file name on every system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusId(String);

impl BusId {
    /// Takes an id.
    ///
    /// # Errors
    /// `bad_id` when it is no safe file name.
    pub fn new(id: &str) -> Result<Self, VaultError> {
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = id.as_bytes();
        let inside = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let device = id.len() == 4
            && (id.starts_with("com") || id.starts_with("lpt"))
            && id.ends_with(|c: char| c.is_ascii_digit());
        if bytes.len() > LONGEST
            || !bytes.iter().all(inside)
            || !edge(bytes.first())
            || !edge(bytes.last())
            || RESERVED.contains(&id)
            || device
        {
            return Err(VaultError::BadId);
        }
        Ok(Self(id.to_owned()))
    }

    /// An id for a bus at this address: `https://bus.example.org:8443` gives `bus-example-org-8443`.
    /// Two addresses can give the same id; [`Vault::free_id`](crate::Vault::free_id) tells them apart.
    #[must_use]
    pub fn from_origin(origin: &str) -> Self {
        let mut id = String::new();
        for c in authority_of(origin).chars().take(LONGEST - 8) {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_alphanumeric() {
                id.push(c);
            } else if !id.ends_with('-') {
                id.push('-');
            }
        }
        let id = id.trim_matches('-');
        Self::new(id)
            .or_else(|_| Self::new(&format!("bus-{id}")))
            .unwrap_or_else(|_| Self("bus".into()))
    }

    /// The same with a number, for the next bus of that name.
    pub(crate) fn numbered(&self, number: usize) -> Option<Self> {
        Self::new(&format!("{}-{number}", self.0)).ok()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_file_names_are_ids() {
        for good in ["a", "bus", "bus-example-org-8443", "0", &"x".repeat(64)] {
            assert_eq!(BusId::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            "-",
            "-a",
            "a-",
            "A",
            "a.b",
            "..",
            "a/b",
            "a\\b",
            "a b",
            "ä",
            "a\0b",
            "con",
            "nul",
            "com1",
            "lpt9",
            "confirmed",
            &long,
        ] {
            assert_eq!(BusId::new(bad).unwrap_err().code(), "bad_id", "{bad:?}");
        }
    }

    #[test]
    fn an_address_gives_an_id() {
        for (origin, id) in [
            ("https://bus.example.org:8443", "bus-example-org-8443"),
            ("http://127.0.0.1:4000", "127-0-0-1-4000"),
            ("https://[::1]:9/", "1-9"),
            ("https://confirmed", "bus-confirmed"),
            ("", "bus"),
            ("https://ÄÖ", "bus"),
        ] {
            assert_eq!(BusId::from_origin(origin).as_str(), id, "{origin}");
        }
        let long = BusId::from_origin(&format!("https://{}", "a.".repeat(400)));
        assert!(long.numbered(99_999).is_some(), "{long}");
    }
}

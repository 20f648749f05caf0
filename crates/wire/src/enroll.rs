//! Enrollment at a bus over HTTP: a short-lived, one-use code for a token of the host's own.
//!
//! The person who runs the bus asks it for a code (`POST /api/pair`, admin token). The host trades the
//! code for a token that counts for its id and key only (`POST /api/enroll`, no token: the code is the
//! permission). `GET /api/enrollments` lists, `DELETE /api/enrollments/<host id>` takes back.

use crate::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a code counts when nothing else is asked, in seconds.
pub const CODE_SECS: u32 = 600;
/// Longest a code may count, in seconds.
pub const LONGEST_CODE_SECS: u32 = 24 * 3600;
/// Signs a code has, without the dash: 50 bits.
pub const CODE_SIGNS: usize = 10;
/// Largest body of a request, in bytes.
pub const MAX_BODY: usize = 8 * 1024;
/// The signs of a code: no I, L, O and U, which are misread or make words.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Asks for a code.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairRequest {
    /// How long it is to count, in seconds, at most [`LONGEST_CODE_SECS`]; default [`CODE_SECS`].
    #[serde(default)]
    pub valid_secs: Option<u32>,
}

/// A code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairAnswer {
    /// As [`code_from`] writes it.
    #[serde(serialize_with = "crate::secret::expose")]
    pub code: Secret,
    /// When it stops counting, Unix milliseconds.
    pub expires_at_ms: u64,
}

/// Trades a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollRequest {
    /// As the person typed it; [`normal_code`] reads it.
    #[serde(serialize_with = "crate::secret::expose")]
    pub code: Secret,
    /// Id the host has or wants.
    pub host_id: String,
    /// Display name.
    pub host_name: String,
    /// Ed25519 public key, base64url without padding.
    pub public_key: String,
    /// Ed25519 signature over [`enroll_bytes`], base64url without padding.
    pub signature: String,
}

/// What the code was traded for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollAnswer {
    /// Counts for this host only, until it is taken back.
    #[serde(serialize_with = "crate::secret::expose")]
    pub token: Secret,
    /// Of the request.
    pub host_id: String,
}

/// A host the bus knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentView {
    /// Id by which clients reach it.
    pub host_id: String,
    /// Display name.
    pub name: String,
    /// Whether its link stands.
    pub online: bool,
    /// Whether it has a token of its own, from a code.
    pub paired: bool,
    /// Whether it was taken back: its key and token are refused until it is paired again.
    pub revoked: bool,
}

/// The bytes a host signs to trade a code: a domain separator of their own, then code, origin of the bus
/// and host id, each preceded by its length.
#[must_use]
pub fn enroll_bytes(code: &str, bus_origin: &str, host_id: &str) -> Vec<u8> {
    crate::link::framed(b"drawbridge.v1 enroll\n", [code, bus_origin, host_id])
}

/// A code from [`CODE_SIGNS`] random bytes, `XXXXX-XXXXX`.
#[must_use]
pub fn code_from(random: [u8; CODE_SIGNS]) -> Secret {
    let mut code = zeroize::Zeroizing::new(String::with_capacity(CODE_SIGNS + 1));
    for (at, byte) in random.into_iter().enumerate() {
        if at == CODE_SIGNS / 2 {
            code.push('-');
        }
        code.push(char::from(SIGNS[usize::from(byte % 32)]));
    }
    Secret::new(&code)
}

/// A code as it was meant: case, blanks and dashes do not count, and what is easily misread is read as
/// the sign it looks like. `None` when it can be no code.
#[must_use]
pub fn normal_code(typed: &str) -> Option<Secret> {
    let mut code = zeroize::Zeroizing::new(String::with_capacity(CODE_SIGNS + 1));
    let mut signs = 0;
    for sign in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        let sign = match sign.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            sign => sign,
        };
        if signs == CODE_SIGNS || !sign.is_ascii() || !SIGNS.contains(&(sign as u8)) {
            return None;
        }
        if signs == CODE_SIGNS / 2 {
            code.push('-');
        }
        code.push(sign);
        signs += 1;
    }
    (signs == CODE_SIGNS).then(|| Secret::new(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        for typed in [
            "0123A-BCDE1",
            "o123abcdei",
            " 0I23a bcdel ",
            "0-1-2-3-A-B-C-D-E-1",
        ] {
            let code = normal_code(typed);
            assert_eq!(code.as_ref().map(Secret::reveal), Some("0123A-BCDE1"), "{typed}");
        }
        for typed in [
            "",
            "0123A-BCDE",
            "0123A-BCDE12",
            "0123A-BCDEU",
            "0123A-BCDEé",
            "0123A_BCDE1",
        ] {
            assert_eq!(normal_code(typed), None, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn every_code_reads_as_itself(random: [u8; CODE_SIGNS]) {
            let code = code_from(random);
            prop_assert_eq!(normal_code(code.reveal()), Some(code.clone()));
            prop_assert_eq!(normal_code(&code.reveal().to_lowercase()), Some(code));
        }

        #[test]
        fn nothing_typed_breaks_it(typed in ".*") {
            let _ = normal_code(&typed);
        }
    }
}

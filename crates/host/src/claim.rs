//! Whom a tunnel says it is for. The connector writes names as header text: what is not printable ASCII
//! is percent-encoded.

use crate::doors::http_error;
use crate::event::Caller;
use drawbridge_wire::Role;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request};

/// Longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// A remote as its tunnel's upgrade names it, at a host that is enrolled at `bus`. Its role is what the
/// host grants, narrowed by the bus.
pub(crate) fn remote(
    request: &Request,
    bus: Option<&str>,
    granted: Role,
) -> Result<Caller, Box<ErrorResponse>> {
    let bad = |message: &str| Box::new(http_error(400, "bad_tunnel", message));
    let name = |header: &str| {
        let value = request
            .headers()
            .get(header)
            .ok_or_else(|| bad(&format!("the header {header} is missing")))?;
        decoded(value.as_bytes()).ok_or_else(|| bad(&format!("the header {header} cannot be read")))
    };
    let claim: Role = name("x-drawbridge-role")?
        .parse()
        .map_err(|_| bad("the role is unknown"))?;
    let named = name("x-drawbridge-bus")?;
    let client = name("x-drawbridge-client")?;
    let tunnel = name("x-drawbridge-tunnel")?;
    if bus != Some(named.as_str()) {
        return Err(Box::new(http_error(
            403,
            "unknown_bus",
            "this host is not enrolled there",
        )));
    }
    Ok(Caller::Remote {
        bus: named,
        client,
        tunnel,
        role: granted.narrowed(claim),
    })
}

/// A name as the connector encoded it: printable ASCII as it is, `%` and two hexadecimal digits for any
/// other byte. `None` for anything else, and for control characters, which no name needs and which would
/// write lines of their own into a terminal.
fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b' ' => byte,
            _ if byte.is_ascii_graphic() => byte,
            _ => return None,
        };
        bytes.push(byte);
        if bytes.len() > LONGEST_NAME {
            return None;
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (!name.is_empty() && !name.chars().any(char::is_control)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_read_as_it_was_written_or_not_at_all() {
        for (text, name) in [
            ("alice", Some("alice")),
            ("alice laptop", Some("alice laptop")),
            ("B%C3%BCro/2", Some("B\u{fc}ro/2")),
            ("b%c3%bcro", Some("b\u{fc}ro")),
            ("100%25", Some("100%")),
            ("%2525", Some("%25")),
            ("", None),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("100%", None),
            ("%C3", None),
            ("%FF%FE", None),
            ("%ED%A0%80", None),
            ("a%0D%0Ab", None),
            ("a%00", None),
            ("a%1B[2J", None),
            ("a\tb", None),
        ] {
            assert_eq!(decoded(text.as_bytes()).as_deref(), name, "{text}");
        }
        assert_eq!(decoded("B\u{fc}ro".as_bytes()), None, "it comes encoded only");
        assert!(decoded(&[b'a'; LONGEST_NAME]).is_some());
        assert!(decoded(&[b'a'; LONGEST_NAME + 1]).is_none());
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "[^\\p{Cc}]{1,60}") {
            let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decoded(encoded.as_bytes()), Some(name));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(name) = decoded(&bytes) {
                prop_assert!(!name.chars().any(char::is_control));
            }
        }
    }
}

//! Who a host is: challenge, `hello`, signature.

use crate::pins::Pin;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use drawbridge_wire::Secret;
use drawbridge_wire::enroll::{EnrollRequest, enroll_bytes};
use drawbridge_wire::link::{ByeReason, FromHost, SUBPROTOCOL, signed_bytes, valid_host_id};
use ed25519_dalek::{Signature, VerifyingKey};

/// Longest display name, in characters.
const NAME: usize = 100;

/// A host that has proved to hold its key. Whether the key is the right one for the id, the roster knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) id: String,
    pub(crate) pin: Pin,
}

/// Checks the answer to a challenge.
pub(crate) fn prove(nonce: &str, origin: &str, answer: FromHost) -> Result<Proven, ByeReason> {
    let FromHost::Hello {
        versions,
        software: _,
        host_id,
        host_name,
        public_key,
        signature,
    } = answer
    else {
        return Err(ByeReason::Protocol);
    };
    if !versions.iter().any(|version| version == SUBPROTOCOL) {
        return Err(ByeReason::Unsupported);
    }
    if !valid_host_id(&host_id) {
        return Err(ByeReason::Protocol);
    }
    let key = bytes::<32>(&public_key).ok_or(ByeReason::Protocol)?;
    let signature = Signature::from_bytes(&bytes::<64>(&signature).ok_or(ByeReason::Protocol)?);
    let key = VerifyingKey::from_bytes(&key).map_err(|_| ByeReason::Revoked)?;
    key.verify_strict(&signed_bytes(nonce, origin, &host_id), &signature)
        .map_err(|_| ByeReason::Revoked)?;
    let name = shown(&host_name).unwrap_or_else(|| host_id.clone());
    Ok(Proven {
        pin: Pin::new(spelled(&key), name),
        id: host_id,
    })
}

/// Checks who trades a code: `None` when the id is none or the signature is not by the key named.
pub(crate) fn prove_trade(request: &EnrollRequest, code: &Secret, origin: &str) -> Option<Proven> {
    if !valid_host_id(&request.host_id) {
        return None;
    }
    let key = VerifyingKey::from_bytes(&bytes::<32>(&request.public_key)?).ok()?;
    let signature = Signature::from_bytes(&bytes::<64>(&request.signature)?);
    key.verify_strict(&enroll_bytes(code.reveal(), origin, &request.host_id), &signature)
        .ok()?;
    let name = shown(&request.host_name).unwrap_or_else(|| request.host_id.clone());
    Some(Proven {
        pin: Pin::new(spelled(&key), name),
        id: request.host_id.clone(),
    })
}

/// Encoded anew, so that one key has one spelling.
fn spelled(key: &VerifyingKey) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key.as_bytes())
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// A name as it is shown to others: one short line without control characters and without those that
/// turn the direction of what follows.
fn shown(name: &str) -> Option<String> {
    let hidden = |c: &char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = name.chars().filter(|c| !hidden(c)).take(NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    const ORIGIN: &str = "http://127.0.0.1:7300";

    fn hello(key: &SigningKey, nonce: &str, origin: &str, id: &str) -> FromHost {
        let signature = key.sign(&signed_bytes(nonce, origin, id));
        FromHost::Hello {
            versions: vec![SUBPROTOCOL.to_owned()],
            software: "test".to_owned(),
            host_id: id.to_owned(),
            host_name: "Desk\u{202e}\n".to_owned(),
            public_key: BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
            signature: BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()),
        }
    }

    #[test]
    fn a_signature_counts_for_this_nonce_this_bus_and_this_id() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let proven = prove("n1", ORIGIN, hello(&key, "n1", ORIGIN, "desk")).unwrap();
        assert_eq!((proven.id.as_str(), proven.pin.name.as_str()), ("desk", "Desk"));
        for (nonce, origin) in [("n2", ORIGIN), ("n1", "http://evil.example.com")] {
            assert_eq!(
                prove("n1", ORIGIN, hello(&key, nonce, origin, "desk")),
                Err(ByeReason::Revoked)
            );
        }
        let mut other = hello(&key, "n1", ORIGIN, "desk");
        if let FromHost::Hello { host_id, .. } = &mut other {
            *host_id = "mill".to_owned();
        }
        assert_eq!(prove("n1", ORIGIN, other), Err(ByeReason::Revoked));
    }

    #[test]
    fn a_weak_key_proves_nothing() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let mut weak = hello(&key, "n1", ORIGIN, "desk");
        if let FromHost::Hello {
            public_key,
            signature,
            ..
        } = &mut weak
        {
            let mut identity = [0; 32];
            identity[0] = 1;
            *public_key = BASE64_URL_SAFE_NO_PAD.encode(identity);
            let mut forged = [0; 64];
            forged[0] = 1;
            *signature = BASE64_URL_SAFE_NO_PAD.encode(forged);
        }
        assert_eq!(prove("n1", ORIGIN, weak), Err(ByeReason::Revoked));
    }

    #[test]
    fn what_is_no_hello_of_ours_is_named() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let change = |change: fn(&mut FromHost)| {
            let mut hello = hello(&key, "n1", ORIGIN, "desk");
            change(&mut hello);
            prove("n1", ORIGIN, hello)
        };
        let old = change(|hello| {
            if let FromHost::Hello { versions, .. } = hello {
                *versions = vec!["drawbridge.v0".to_owned()];
            }
        });
        assert_eq!(old, Err(ByeReason::Unsupported));
        let short = change(|hello| {
            if let FromHost::Hello { public_key, .. } = hello {
                public_key.truncate(20);
            }
        });
        assert_eq!(short, Err(ByeReason::Protocol));
        assert_eq!(
            prove("n1", ORIGIN, hello(&key, "n1", ORIGIN, "De sk")),
            Err(ByeReason::Protocol)
        );
        assert_eq!(
            prove("n1", ORIGIN, FromHost::Ping { seq: 1 }),
            Err(ByeReason::Protocol)
        );
    }
}

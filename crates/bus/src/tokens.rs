//! Which token opens which door.

use crate::refusal::{Door, Refusal};
use crate::{BusError, BusOptions};
use drawbridge_wire::link::valid_host_id;
use drawbridge_wire::{Role, Secret};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What a client token grants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) name: String,
    pub(crate) host: Option<String>,
    pub(crate) role: Role,
}

/// Whose token a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// A host.
    Host,
    /// An MCP client.
    Mcp,
    /// A client of the app-server.
    Client(Arc<Grant>),
    /// Who runs the bus.
    Admin,
}

impl Bearer {
    /// The only host the bearer may see, if there is one.
    pub(crate) fn only_host(&self) -> Option<&str> {
        match self {
            Bearer::Client(grant) => grant.host.as_deref(),
            Bearer::Host | Bearer::Mcp | Bearer::Admin => None,
        }
    }
}

/// All tokens of the bus, as digests: comparing those tells nothing about length or prefix, and no token
/// stays in memory.
pub(crate) struct Tokens(Vec<([u8; 32], Bearer)>);

pub(crate) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl Tokens {
    pub(crate) fn new(options: &BusOptions) -> Result<Self, BusError> {
        let mut all: Vec<([u8; 32], Bearer, String)> = Vec::new();
        let mut add = |secret: &Secret, bearer: Bearer, owner: String| {
            if secret.is_empty() {
                return Err(BusError::EmptyToken(owner));
            }
            let digest = digest(secret.reveal());
            if let Some((_, _, other)) = all.iter().find(|(known, ..)| *known == digest) {
                return Err(BusError::TokenReused(other.clone(), owner));
            }
            all.push((digest, bearer, owner));
            Ok(())
        };
        if let Some(secret) = &options.connect_token {
            add(secret, Bearer::Host, "hosts".to_owned())?;
        }
        if let Some(secret) = &options.http_token {
            add(secret, Bearer::Mcp, "MCP".to_owned())?;
        }
        if let Some(secret) = &options.admin_token {
            add(secret, Bearer::Admin, "the admin".to_owned())?;
        }
        for (index, client) in options.client_tokens.iter().enumerate() {
            if client.host.as_deref().is_some_and(|host| !valid_host_id(host)) {
                return Err(BusError::ClientToken { position: index + 1 });
            }
            let grant = Grant {
                name: client.name.clone(),
                host: client.host.clone(),
                role: client.role,
            };
            add(
                &client.token,
                Bearer::Client(Arc::new(grant)),
                client.name.clone(),
            )?;
        }
        Ok(Self(
            all.into_iter()
                .map(|(digest, bearer, _)| (digest, bearer))
                .collect(),
        ))
    }

    /// The bearer of a request, if this door takes its token.
    pub(crate) fn admit(&self, door: Door, headers: &HeaderMap) -> Result<Bearer, Refusal> {
        if !self.0.iter().any(|(_, bearer)| opens(bearer, door)) {
            return Err(Refusal::DoorClosed(door));
        }
        let bearer = self.bearer(headers).ok_or(Refusal::Unauthorized)?;
        if opens(&bearer, door) {
            Ok(bearer)
        } else {
            Err(Refusal::WrongScope(door))
        }
    }

    fn bearer(&self, headers: &HeaderMap) -> Option<Bearer> {
        let offered = offered(headers)?;
        let mut found = None;
        // Every token is compared, so that the time taken does not say which one came close.
        for (known, bearer) in &self.0 {
            if bool::from(known.ct_eq(&offered)) {
                found = Some(bearer);
            }
        }
        found.cloned()
    }
}

/// SHA-256 of the one bearer token a request carries.
pub(crate) fn offered(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Some(digest(token.trim()))
}

fn opens(bearer: &Bearer, door: Door) -> bool {
    match door {
        Door::Connect => matches!(bearer, Bearer::Host),
        Door::Mcp => matches!(bearer, Bearer::Mcp),
        Door::AppServer => matches!(bearer, Bearer::Client(_)),
        Door::Api => matches!(bearer, Bearer::Mcp | Bearer::Client(_)),
        Door::Admin => matches!(bearer, Bearer::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientToken;
    use http::HeaderValue;

    fn options() -> BusOptions {
        BusOptions {
            connect_token: Some(Secret::new("for-hosts")),
            http_token: Some(Secret::new("for-mcp")),
            admin_token: Some(Secret::new("for-admin")),
            client_tokens: ClientToken::parse_list("for-clients,desk=for-desk").unwrap(),
            ..BusOptions::default()
        }
    }

    fn admit(tokens: &Tokens, door: Door, value: &str) -> Result<Bearer, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        tokens.admit(door, &headers).map_err(|refusal| refusal.code())
    }

    #[test]
    fn each_token_opens_its_own_doors_and_no_other() {
        let tokens = Tokens::new(&options()).unwrap();
        for (token, doors) in [
            ("for-hosts", [true, false, false, false, false]),
            ("for-mcp", [false, false, true, true, false]),
            ("for-clients", [false, true, false, true, false]),
            ("for-desk", [false, true, false, true, false]),
            ("for-admin", [false, false, false, false, true]),
        ] {
            for (door, open) in [Door::Connect, Door::AppServer, Door::Mcp, Door::Api, Door::Admin]
                .into_iter()
                .zip(doors)
            {
                let answer = admit(&tokens, door, &format!("Bearer {token}"));
                assert_eq!(answer.is_ok(), open, "{token} at {door:?}");
                assert!(open || answer == Err("wrong_scope"), "{token} at {door:?}");
            }
        }
    }

    #[test]
    fn what_is_no_known_bearer_token_is_unauthorized() {
        let tokens = Tokens::new(&options()).unwrap();
        for value in [
            "Bearer for-host",
            "Bearer for-hosts2",
            "Bearer ",
            "for-hosts",
            "Basic for-hosts",
        ] {
            assert_eq!(
                admit(&tokens, Door::Connect, value),
                Err("unauthorized"),
                "{value}"
            );
        }
        assert_eq!(
            admit(&tokens, Door::Connect, "bEARER for-hosts"),
            Ok(Bearer::Host)
        );
        assert_eq!(
            tokens.admit(Door::Connect, &HeaderMap::new()),
            Err(Refusal::Unauthorized)
        );
    }

    #[test]
    fn a_door_without_a_token_is_closed() {
        let tokens = Tokens::new(&BusOptions {
            client_tokens: Vec::new(),
            ..options()
        })
        .unwrap();
        assert_eq!(
            admit(&tokens, Door::AppServer, "Bearer for-mcp"),
            Err("door_closed")
        );
        assert!(admit(&tokens, Door::Api, "Bearer for-mcp").is_ok());
    }

    #[test]
    fn tokens_are_neither_shared_nor_empty() {
        let code = |options: &BusOptions| Tokens::new(options).err().map(|error| error.code());
        let same = BusOptions {
            http_token: Some(Secret::new("for-hosts")),
            ..options()
        };
        assert_eq!(code(&same), Some("token_reused"));
        let twice = BusOptions {
            client_tokens: ClientToken::parse_list("a=x,b=x").unwrap(),
            ..options()
        };
        assert_eq!(code(&twice), Some("token_reused"));
        let empty = BusOptions {
            connect_token: Some(Secret::new("  ")),
            ..options()
        };
        assert_eq!(code(&empty), Some("empty_token"));
    }
}

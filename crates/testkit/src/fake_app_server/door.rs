//! Who is let in, by the rules of the real server.

use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};

/// What a client must show.
#[derive(Debug, Clone, Default)]
pub enum Token {
    /// Nothing.
    #[default]
    None,
    /// This bearer token.
    Plain(String),
    /// The bearer token with this SHA-256, in hex.
    Sha256(String),
}

impl Token {
    /// Why a client with these headers is refused, if it is.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        if headers.contains_key(header::ORIGIN) {
            return Some((StatusCode::FORBIDDEN, "origin header is not allowed"));
        }
        let shown = authorization(headers).and_then(|value| value.strip_prefix("Bearer "));
        let right = match (self, shown) {
            (Token::None, _) => true,
            (_, None) => return Some((StatusCode::UNAUTHORIZED, "missing websocket bearer token")),
            (Token::Plain(token), Some(shown)) => token == shown,
            (Token::Sha256(hash), Some(shown)) => {
                hash.eq_ignore_ascii_case(&hex::encode(Sha256::digest(shown)))
            }
        };
        (!right).then_some((StatusCode::UNAUTHORIZED, "invalid websocket bearer token"))
    }
}

/// The `Authorization` header, if it is text.
pub(super) fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

//! From an address to a WebSocket, as the connector dials it; and what a bus that refuses says.

use super::RemoteError;
use drawbridge_connector::{ClientError, Socket, client_url, dial_client, place};
use drawbridge_consent::visible_line;
use drawbridge_wire::Secret;
use drawbridge_wire::link::valid_host_id;
use std::path::Path;
use url::Url;

/// The address of a host's app-server at a bus.
pub(super) fn url(bus: &str, host: Option<&str>) -> Result<Url, RemoteError> {
    if host.is_some_and(|host| !valid_host_id(host)) {
        return Err(RemoteError::HostId);
    }
    client_url(bus, host).map_err(RemoteError::Address)
}

/// Connects.
pub(super) async fn open(url: Url, token: Secret, ca: Option<&Path>) -> Result<Socket, RemoteError> {
    let at = place(&url);
    dial_client(url, token, ca)
        .await
        .map_err(|error| not_reached(at, error))
}

/// Why a bus was not reached, or did not do what was asked.
pub(crate) fn not_reached(at: String, error: ClientError) -> RemoteError {
    match error {
        ClientError::Refused { status, body } => refusal(status, &body),
        ClientError::CaFile { path, why } => RemoteError::Ca(path, why),
        ClientError::BadToken => RemoteError::BadToken,
        other => RemoteError::Unreachable {
            at,
            why: other.to_string(),
        },
    }
}

/// What the bus says instead of what was asked for: `{"error":{"code","message"}}`.
pub(crate) fn refusal(status: u16, body: &[u8]) -> RemoteError {
    let said = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    let said = said.get("error");
    let member = |key: &str| said.and_then(|said| said.get(key)?.as_str()).map(visible_line);
    let hosts: Vec<String> = said
        .and_then(|said| said.get("hosts")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(|host| host.as_str())
        .map(visible_line)
        .collect();
    let hosts = if hosts.is_empty() {
        String::new()
    } else {
        format!(" ({})", hosts.join(", "))
    };
    RemoteError::Refused {
        code: member("code").unwrap_or_else(|| format!("http_{status}")),
        message: member("message").unwrap_or_else(|| words(status)) + &hosts,
    }
}

fn words(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    format!("HTTP {status} {}", reason.unwrap_or_default())
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{refusal, url};

    #[test]
    fn addresses_and_ids_are_checked_before_anything_is_dialled() {
        for (bus, host, code) in [
            ("http://bus.example", None, "bus_address"),
            ("https://me:canary@bus.example", None, "bus_address"),
            ("https://bus.example", Some("../x"), "host_id"),
            ("https://bus.example", Some(""), "host_id"),
        ] {
            let error = url(bus, host).unwrap_err();
            assert_eq!(error.code(), code, "{bus}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_bus() {
        let said = refusal(
            409,
            br#"{"error":{"code":"several_hosts","message":"Name one\u001b","hosts":["a","b"]}}"#,
        );
        assert_eq!(
            said.to_string(),
            "the bus refused: Name one\u{2039}U+001B ESCAPE\u{203a} (a, b) [several_hosts]"
        );
        let mute = refusal(409, b"<html>");
        assert_eq!(mute.to_string(), "the bus refused: HTTP 409 Conflict [http_409]");
    }
}

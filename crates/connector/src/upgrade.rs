//! The client's half of a WebSocket handshake.
//!
//! Written here because the library's own writes the whole request, `Authorization` included, to the log
//! at trace level. Redirects are not followed.

use drawbridge_wire::Secret;
use http::HeaderValue;
use std::io::Write as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use zeroize::Zeroizing;

/// Longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Longest body of a refusal that is read, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What an answer begins with that is a record of TLS: an alert or a part of a handshake. No HTTP does.
const TLS_RECORDS: [u8; 2] = [0x15, 0x16];

/// What is asked for.
pub(crate) struct Request<'a> {
    /// Value of `Host`.
    pub(crate) host: &'a str,
    /// Path, percent-encoded.
    pub(crate) path: &'a str,
    /// Further headers.
    pub(crate) headers: &'a [(&'static str, &'a str)],
    pub(crate) bearer: Option<&'a Secret>,
    pub(crate) subprotocol: Option<&'static str>,
    /// Whether the body of a refusal is wanted.
    pub(crate) reason: bool,
}

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("the connection broke")]
    Broken,
    #[error("the token cannot stand in a header")]
    BadToken,
    /// Another answer, with its body if that was asked for.
    #[error("HTTP {0}")]
    Status(u16, Vec<u8>),
    /// It wants an encrypted connection, and this one is not.
    #[error("it speaks https")]
    Encrypted,
    #[error("the subprotocol is not spoken")]
    Subprotocol,
    #[error("{0}")]
    Protocol(&'static str),
}

/// Asks for a WebSocket on `io`. The caller gives the deadline.
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut io: S,
    request: &Request<'_>,
    limits: WebSocketConfig,
) -> Result<WebSocketStream<S>, UpgradeError> {
    let key = generate_key();
    let head = head(request, &key)?;
    io.write_all(&head).await.map_err(|_| UpgradeError::Broken)?;
    io.flush().await.map_err(|_| UpgradeError::Broken)?;
    let mut answer = Vec::with_capacity(1024);
    loop {
        match accepted(&answer, request, &key) {
            Ok(None) => {}
            Ok(Some(length)) => {
                let rest = answer.split_off(length);
                return Ok(WebSocketStream::from_partially_read(io, rest, Role::Client, Some(limits)).await);
            }
            Err(UpgradeError::Status(status, _)) if request.reason => {
                return Err(UpgradeError::Status(status, body(io, answer).await));
            }
            Err(error) => return Err(error),
        }
        if answer.len() >= MAX_HEAD {
            return Err(UpgradeError::Protocol("the head of its answer is too long"));
        }
        if io.read_buf(&mut answer).await.map_err(|_| UpgradeError::Broken)? == 0 {
            return Err(UpgradeError::Broken);
        }
    }
}

/// The body of an answer whose head has come, as far as it has a length and comes; cut at [`MAX_BODY`].
async fn body<S: AsyncRead + Unpin>(io: S, mut answer: Vec<u8>) -> Vec<u8> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(&answer) else {
        return Vec::new();
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| {
            std::str::from_utf8(header.value)
                .ok()?
                .trim()
                .parse::<usize>()
                .ok()
        })
        .unwrap_or_default()
        .min(MAX_BODY);
    let mut body = answer.split_off(head);
    let missing = length.saturating_sub(body.len());
    // What has come until the connection breaks is all there is to show.
    let _ = io.take(missing as u64).read_to_end(&mut body).await;
    body.truncate(length);
    body
}

fn head(request: &Request<'_>, key: &str) -> Result<Zeroizing<Vec<u8>>, UpgradeError> {
    // Large enough that it never grows and leaves a copy of the token behind.
    let room = 1024
        + request.path.len()
        + request.host.len()
        + request.bearer.map_or(0, |token| token.reveal().len())
        + request
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum::<usize>();
    let mut head = Zeroizing::new(Vec::with_capacity(room));
    let mut line = |text: std::fmt::Arguments<'_>| {
        head.write_fmt(text)
            .map_err(|_| UpgradeError::Protocol("the request cannot be written"))
    };
    line(format_args!(
        "GET {} HTTP/1.1\r\nHost: {}\r\n",
        request.path, request.host
    ))?;
    line(format_args!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    ))?;
    line(format_args!("Sec-WebSocket-Key: {key}\r\n"))?;
    if let Some(name) = request.subprotocol {
        line(format_args!("Sec-WebSocket-Protocol: {name}\r\n"))?;
    }
    for (name, value) in request.headers {
        HeaderValue::from_str(value).map_err(|_| UpgradeError::Protocol("a header cannot be sent"))?;
        line(format_args!("{name}: {value}\r\n"))?;
    }
    if let Some(token) = request.bearer {
        let sendable = |byte: u8| byte.is_ascii_graphic();
        if token.is_empty() || !token.reveal().bytes().all(sendable) {
            return Err(UpgradeError::BadToken);
        }
        line(format_args!("Authorization: Bearer {}\r\n", token.reveal()))?;
    }
    line(format_args!("\r\n"))?;
    Ok(head)
}

/// Length of the answer's head if it is there whole and says yes.
pub(crate) fn accepted(
    answer: &[u8],
    request: &Request<'_>,
    key: &str,
) -> Result<Option<usize>, UpgradeError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(answer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) if answer.first().is_some_and(|byte| TLS_RECORDS.contains(byte)) => {
            return Err(UpgradeError::Encrypted);
        }
        Err(_) => return Err(UpgradeError::Protocol("its answer is not HTTP")),
    };
    match response.code {
        Some(101) => {}
        Some(status) => return Err(UpgradeError::Status(status, Vec::new())),
        None => return Err(UpgradeError::Protocol("its answer has no status")),
    }
    let values = |name: &'static str| {
        response
            .headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| std::str::from_utf8(header.value).unwrap_or_default().trim())
    };
    let names = |name, word: &str| {
        values(name)
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if !names("connection", "upgrade") || !names("upgrade", "websocket") {
        return Err(UpgradeError::Protocol("it does not upgrade to a WebSocket"));
    }
    let expected = derive_accept_key(key.as_bytes());
    if !values("sec-websocket-accept").eq([expected.as_str()]) {
        return Err(UpgradeError::Protocol("its handshake key is wrong"));
    }
    if values("sec-websocket-extensions").next().is_some() {
        return Err(UpgradeError::Protocol(
            "it uses an extension that was not asked for",
        ));
    }
    if !values("sec-websocket-protocol").eq(request.subprotocol) {
        return Err(UpgradeError::Subprotocol);
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<'static> {
        Request {
            host: "h",
            path: "/p",
            headers: &[],
            bearer: None,
            subprotocol: Some("drawbridge.v1"),
            reason: false,
        }
    }

    fn answer(key: &str, change: (&str, &str)) -> Vec<u8> {
        let accept = derive_accept_key(key.as_bytes());
        let text = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: drawbridge.v1\r\n\r\n"
        );
        text.replace(change.0, change.1).into_bytes()
    }

    #[test]
    fn only_a_full_yes_is_a_yes() {
        let yes = answer("k", ("", ""));
        assert_eq!(accepted(&yes, &request(), "k").unwrap(), Some(yes.len()));
        for cut in [0, 1, 20, yes.len() - 1] {
            assert_eq!(accepted(&yes[..cut], &request(), "k").unwrap(), None, "{cut}");
        }
        let table = [
            (("101 Switching", "302 Found"), "HTTP 302"),
            (("101 Switching", "200 OK"), "HTTP 200"),
            (("WebSocket\r", "h2c\r"), "it does not upgrade to a WebSocket"),
            (
                ("keep-alive, Upgrade", "close"),
                "it does not upgrade to a WebSocket",
            ),
            (("Accept: ", "Accept: x"), "its handshake key is wrong"),
            (
                ("drawbridge.v1", "drawbridge.v9"),
                "the subprotocol is not spoken",
            ),
            (
                ("Sec-WebSocket-Protocol: drawbridge.v1\r\n", ""),
                "the subprotocol is not spoken",
            ),
            (
                ("Upgrade: W", "Sec-WebSocket-Extensions: x\r\nUpgrade: W"),
                "it uses an extension that was not asked for",
            ),
            (("HTTP/1.1", "SSH-2.0"), "its answer is not HTTP"),
            (("HTTP/1.1", "\u{15}\u{3}\u{3}"), "it speaks https"),
        ];
        for (change, expected) in table {
            let error = accepted(&answer("k", change), &request(), "k").unwrap_err();
            assert_eq!(error.to_string(), expected, "{change:?}");
        }
    }

    #[test]
    fn nothing_breaks_out_of_its_header() {
        for token in ["", "a b", "a\r\nX: y", "caf\u{e9}"] {
            let token = Secret::new(token);
            let request = Request {
                bearer: Some(&token),
                ..request()
            };
            assert!(
                matches!(head(&request, "k"), Err(UpgradeError::BadToken)),
                "{:?}",
                token.reveal()
            );
        }
        let headers = [("x-drawbridge-client", "a\r\nx-drawbridge-role: operator")];
        assert!(
            head(
                &Request {
                    headers: &headers,
                    ..request()
                },
                "k"
            )
            .is_err()
        );
    }

    #[tokio::test]
    async fn an_endless_head_is_cut_off() {
        let (ours, mut server) = tokio::io::duplex(1024);
        let flood = async move {
            let _ = server.write_all(b"HTTP/1.1 101 ok\r\nx: ").await;
            while server.write_all(&[b'x'; 512]).await.is_ok() {}
        };
        let request = request();
        let asked = upgrade(ours, &request, crate::stream::limits(1024));
        let (asked, ()) = tokio::join!(asked, flood);
        assert!(matches!(asked, Err(UpgradeError::Protocol(_))));
    }
}

//! HTTP: what comes to the bus and to the tunnel socket, and what a bus answers.

use drawbridge_bus::fuzz::TOKENS;
use drawbridge_connector::fuzz::{ACCEPT, answer};
use drawbridge_wire::Role;
use http::{Request, header};

fn request(bytes: &[u8]) -> Option<Request<()>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(_) = parsed.parse(bytes).ok()? else {
        return None;
    };
    let mut request = Request::builder().method(parsed.method?).uri(parsed.path?);
    for header in parsed.headers.iter() {
        request = request.header(header.name, header.value);
    }
    request.body(()).ok()
}

/// A request at the bus: its name, its token, its wish to be a WebSocket.
pub(crate) fn bus_request(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    let headers = request.headers().clone();
    let method = request.method().clone();
    let Some(taken) = drawbridge_bus::fuzz::request(request) else {
        panic!("the bus could not be made");
    };
    if let Some(origin) = &taken.origin {
        let ours = [
            "https://bus.example",
            "http://127.0.0.1:7300",
            "http://localhost:7300",
        ];
        assert!(ours.contains(&origin.as_str()), "{origin} is no name of this bus");
        assert_eq!(headers.get_all(header::HOST).iter().count(), 1);
    }
    let bears = |token: &str| {
        headers
            .get(header::AUTHORIZATION)
            .is_some_and(|value| value.as_bytes().trim_ascii_end().ends_with(token.as_bytes()))
    };
    let [hosts, mcp, client] = TOKENS.map(bears);
    let [connect, app_server, mcp_door, api] = taken.doors;
    assert!(!connect || hosts, "a host's door opened without a host's token");
    assert!(
        !app_server || client,
        "a client's door opened without a client's token"
    );
    assert!(!mcp_door || mcp, "the MCP door opened without its token");
    assert!(!api || mcp || client, "the API opened without a token");
    assert!(!taken.upgrade || (method == "GET" && headers.contains_key(header::SEC_WEBSOCKET_KEY)));
}

/// What a bus answers to an upgrade.
pub(crate) fn upgrade_answer(bytes: &[u8]) {
    if let Some(length) = answer(bytes) {
        assert!(length <= bytes.len());
        let head = String::from_utf8_lossy(&bytes[..length]);
        assert!(head.contains(ACCEPT) && head.contains("101"), "{head}");
        assert_eq!(
            answer(&bytes[..length]),
            Some(length),
            "what follows the head does not count"
        );
        assert_eq!(answer(&bytes[..length - 1]), None, "half an answer is none");
    }
}

/// What the connector says of a tunnel: a role is never wider than what the host grants.
pub(crate) fn tunnel_request(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    for granted in [Role::Viewer, Role::Operator] {
        if let Some((bus, client, tunnel, role)) = drawbridge_host::fuzz::tunnel_request(&request, granted) {
            assert_eq!(bus, "bus.example");
            assert!(role <= granted);
            assert!(!request.headers().contains_key(header::ORIGIN));
            for name in [client, tunnel] {
                assert!((1..=256).contains(&name.len()), "{name}");
                assert!(!name.chars().any(char::is_control), "{name:?}");
            }
        }
    }
}

/// What a bus says when it refuses.
pub(crate) fn bus_refusal(bytes: &[u8]) {
    crate::text::powerless(&drawbridge_cli::fuzz::bus_refusal(bytes));
}

/// A name that becomes a header: it stays in its header, and no two names become one.
pub(crate) fn header_text(bytes: &[u8]) {
    let Ok(name) = std::str::from_utf8(bytes) else {
        return;
    };
    let text = drawbridge_connector::fuzz::header_text(name);
    assert!(http::HeaderValue::from_str(&text).is_ok(), "{text:?}");
    assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                decoded.push(byte);
                rest = &after[2..];
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    assert_eq!(decoded, bytes, "{text}");
}

//! JSON: the app-server's messages and our own.

use drawbridge_codex_wire::{Envelope, Shape, strict};
use drawbridge_wire::link::{FromBus, FromHost, origin_of, valid_host_id};
use drawbridge_wire::pipe::{FromConnector, HostReady, HostSetup, ToConnector};
use drawbridge_wire::{Role, WhoMayAnswer, control};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What the app-server sends, as far as it decides where a frame goes.
pub(crate) fn envelope(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(envelope) = Envelope::parse(text) else {
        return;
    };
    // The payload is passed on unread, and may hold what a whole reader refuses (half a surrogate pair).
    let whole = serde_json::from_str::<Value>(text).ok();
    assert!(
        whole.as_ref().is_none_or(Value::is_object),
        "an envelope is an object"
    );
    match envelope.shape() {
        Some(Shape::Request) => assert!(envelope.id.is_some() && envelope.method.is_some()),
        Some(Shape::Notification) => assert!(envelope.id.is_none() && envelope.method.is_some()),
        Some(Shape::Response) => assert!(envelope.id.is_some() && envelope.result.is_some()),
        Some(Shape::Error) => assert!(envelope.id.is_some() && envelope.error.is_some()),
        None => {}
    }
    if let (Some(method), Some(whole)) = (&envelope.method, whole) {
        assert_eq!(whole.get("method").and_then(Value::as_str), Some(&**method));
    }
}

/// What a remote sends: what passes says one thing only, to every reader.
pub(crate) fn strict(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(frame) = strict::parse_object(text) else {
        return;
    };
    let frame = Value::Object(frame);
    let loose: Value = serde_json::from_str(text).unwrap_or_default();
    assert_eq!(loose, frame, "a strict reader and a loose one differ");
    let again = strict::parse_object(&frame.to_string()).ok().map(Value::Object);
    assert_eq!(again, Some(frame), "what goes on is not what came");
}

/// A message that is taken is written as one that is taken and means the same.
fn stable<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let written = serde_json::to_value(&message).unwrap_or_default();
    let again = serde_json::from_value::<T>(written.clone()).map(|again| serde_json::to_value(&again).ok());
    assert_eq!(again.ok().flatten(), Some(written));
}

/// The control socket.
pub(crate) fn control(bytes: &[u8]) {
    stable::<control::Request>(bytes);
    stable::<control::Notification>(bytes);
    stable::<control::HostView>(bytes);
    stable::<control::AnswerResult>(bytes);
    stable::<control::ErrorData>(bytes);
}

/// The bus link, also a `hello` as the bus checks it.
pub(crate) fn link(bytes: &[u8]) {
    stable::<FromBus>(bytes);
    stable::<FromHost>(bytes);
    if let Ok(answer) = serde_json::from_slice::<FromHost>(bytes)
        && let Some(id) = drawbridge_bus::fuzz::hello("nonce", answer)
    {
        assert!(valid_host_id(&id));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(origin) = origin_of(text) {
        assert_eq!(origin_of(&origin).as_deref(), Some(origin.as_str()));
        assert!(!origin.contains(['@', '\n', ' ']), "{origin}");
    }
    if valid_host_id(text) {
        assert!(!text.contains(['/', '%', '?', '#']) && !text.starts_with('.'));
    }
}

/// The pipes of host and connector, and the words on the command line.
pub(crate) fn pipe(bytes: &[u8]) {
    stable::<ToConnector>(bytes);
    stable::<FromConnector>(bytes);
    stable::<HostSetup>(bytes);
    stable::<HostReady>(bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    if let Ok(runtime) = runtime {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert!(runtime.block_on(drawbridge_connector::fuzz::lines(bytes)).len() <= lines);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(role) = text.parse::<Role>() {
        assert_eq!(role.to_string(), text);
    }
    if let Ok(answer) = text.parse::<WhoMayAnswer>() {
        assert_eq!(answer.to_string(), text);
    }
}

/// What a bus sends to `remote send`: nothing printed has power over a terminal.
pub(crate) fn remote_frames(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for printed in drawbridge_cli::fuzz::remote_frames(text) {
        crate::text::powerless(&printed);
    }
}

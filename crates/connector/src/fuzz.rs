//! Doors for the fuzz targets, which must not be in the way of what this crate offers.

use crate::lines::LineReader;
use crate::upgrade::{Request, accepted};
use drawbridge_wire::pipe::ToConnector;

/// The key that [`answer`] was asked with; the right answer to it is [`ACCEPT`].
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The header that answers [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Length of the head of an answer to an upgrade, if it says yes.
#[must_use]
pub fn answer(bytes: &[u8]) -> Option<usize> {
    let request = Request {
        host: "bus.example",
        path: "/connect",
        headers: &[],
        bearer: None,
        subprotocol: Some(drawbridge_wire::link::SUBPROTOCOL),
        reason: false,
    };
    accepted(bytes, &request, KEY).ok().flatten()
}

/// A name as header text.
#[must_use]
pub fn header_text(name: &str) -> String {
    crate::tunnel::header_text(name).into_owned()
}

/// The messages on the pipe up to the first that is none.
pub async fn lines(bytes: &[u8]) -> Vec<ToConnector> {
    let mut reader = LineReader::new(bytes);
    let mut messages = Vec::new();
    while let Ok(Some(message)) = reader.next().await {
        messages.push(message);
    }
    messages
}

//! Errors that a remote gets in other words than the app-server's.

use super::frame::{refusal, refused};
use drawbridge_codex_wire::{Envelope, RequestId};
use serde_json::Value;

/// How the app-server says that another process has a thread (observed, 0.169.0).
const OTHER_WRITER: &str = "already has an active writer";

/// What a remote gets in the place of a frame that could not be looked through: an error, if it was an answer.
pub(super) fn unreadable(frame: &str) -> Option<String> {
    let envelope = Envelope::parse(frame).ok()?;
    let id = envelope.id.filter(|_| envelope.method.is_none())?;
    let message = "the answer nests too deeply to be looked through; ask for less of it";
    Some(refusal(&id, &refused("unreadable", message)))
}

/// An error that names a thread as busy elsewhere, if that is what the app-server's error means: another
/// Codex process on this computer, a terminal or a daemon, holds it.
pub(super) fn busy_elsewhere(id: &RequestId, frame: &str) -> Option<String> {
    let frame: Value = serde_json::from_str(frame).ok()?;
    let message = frame.pointer("/error/message")?.as_str()?;
    message.contains(OTHER_WRITER).then(|| {
        let message =
            "another Codex process on the host holds this thread; end it there, or start a new thread";
        refusal(id, &refused("busy_elsewhere", message))
    })
}

#[cfg(test)]
mod tests {
    use super::busy_elsewhere;
    use drawbridge_codex_wire::RequestId;
    use serde_json::{Value, json};

    #[test]
    fn a_thread_that_another_process_holds_is_named_as_busy_elsewhere() {
        let id: RequestId = serde_json::from_value(json!(7)).unwrap();
        let theirs =
            json!({"id": 7, "error": {"code": -32600, "message": "thread T already has an active writer"}});
        let told: Value = serde_json::from_str(&busy_elsewhere(&id, &theirs.to_string()).unwrap()).unwrap();
        assert_eq!(
            (&told["id"], &told["error"]["data"]["rule"]),
            (&json!(7), &json!("busy_elsewhere"))
        );
        for other in ["no rollout found for thread id T", ""] {
            let theirs = json!({"id": 7, "error": {"code": -32600, "message": other}});
            assert_eq!(busy_elsewhere(&id, &theirs.to_string()), None);
        }
    }
}

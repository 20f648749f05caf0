//! Frames we write ourselves.

use crate::event::Refused;
use drawbridge_codex_wire::RequestId;
use serde_json::{Map, Value, json};

/// An error response with the request's own id.
pub(super) fn refusal(id: &RequestId, refused: &Refused) -> String {
    json!({
        "id": id,
        "error": {
            "code": -32600,
            "message": format!("refused by the host ({}): {}", refused.rule, refused.message),
            "data": { "rule": refused.rule },
        }
    })
    .to_string()
}

/// A request as it goes on: only what we understood, in our own serialisation.
pub(super) fn request(id: &RequestId, method: &str, params: Option<Map<String, Value>>) -> String {
    let mut frame = Map::new();
    frame.insert("id".to_owned(), json!(id));
    frame.insert("method".to_owned(), json!(method));
    if let Some(params) = params {
        frame.insert("params".to_owned(), Value::Object(params));
    }
    Value::Object(frame).to_string()
}

/// A response with a result.
pub(super) fn response(id: &RequestId, result: &Value) -> String {
    json!({ "id": id, "result": result }).to_string()
}

/// A refusal with a rule.
pub(super) fn refused(rule: &'static str, message: impl Into<String>) -> Refused {
    Refused {
        rule,
        message: message.into(),
    }
}

impl From<drawbridge_core::verdict::Refusal> for Refused {
    fn from(refusal: drawbridge_core::verdict::Refusal) -> Self {
        Self {
            rule: refusal.rule,
            message: refusal.message,
        }
    }
}

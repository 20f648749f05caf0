//! What a client sent, sorted.

use super::frame::refused;
use crate::event::Refused;
use drawbridge_codex_wire::{Envelope, RequestId, Shape, strict};
use serde_json::{Map, Value};

/// A frame of a client.
#[derive(Debug, PartialEq)]
pub(super) enum FromClient {
    Request {
        id: RequestId,
        method: String,
        params: Option<Map<String, Value>>,
    },
    Notification {
        method: String,
    },
    Answer {
        id: RequestId,
        result: Option<Value>,
    },
    /// Not a message of the protocol; `id` where one could be read.
    Bad {
        id: Option<RequestId>,
        refused: Refused,
    },
}

/// Reads a frame of a remote: one object, no duplicate keys, only the members of JSON-RPC.
pub(super) fn read_strict(text: &str) -> FromClient {
    let bad = |id, message: String| FromClient::Bad {
        id,
        refused: refused("malformed", message),
    };
    let mut map = match strict::parse_object(text) {
        Ok(map) => map,
        Err(wrong) => return bad(None, wrong.to_string()),
    };
    let id = match map.remove("id") {
        None => None,
        Some(id) => match serde_json::from_value::<RequestId>(id) {
            Ok(id) => Some(id),
            Err(_) => return bad(None, "an id is a whole number or a text".to_owned()),
        },
    };
    map.remove("jsonrpc");
    if let Some(extra) = map
        .keys()
        .find(|k| !matches!(k.as_str(), "method" | "params" | "result" | "error"))
    {
        return bad(id, format!("a frame has no member {extra:?}"));
    }
    let method = match map.remove("method") {
        None => None,
        Some(Value::String(method)) => Some(method),
        Some(_) => return bad(id, "a method is a text".to_owned()),
    };
    let answers = map.contains_key("result") || map.contains_key("error");
    match (id, method) {
        (id, Some(_)) if answers => bad(id, "a frame is a request or an answer, not both".to_owned()),
        (Some(id), Some(method)) => match map.remove("params") {
            None | Some(Value::Null) => FromClient::Request {
                id,
                method,
                params: None,
            },
            Some(Value::Object(params)) => FromClient::Request {
                id,
                method,
                params: Some(params),
            },
            Some(_) => bad(Some(id), "params are an object".to_owned()),
        },
        (None, Some(method)) => FromClient::Notification { method },
        (Some(id), None) if map.contains_key("error") != map.contains_key("result") => FromClient::Answer {
            id,
            result: map.remove("result"),
        },
        (id, None) => bad(id, "the frame is neither a request nor an answer".to_owned()),
    }
}

/// A frame of a local client, read only as far as the gate needs.
#[derive(Debug)]
pub(super) enum FromLocal<'a> {
    Request {
        id: RequestId,
        method: std::borrow::Cow<'a, str>,
    },
    Notification,
    Answer {
        id: RequestId,
        result: Option<Value>,
    },
    Bad(String),
}

/// Reads a frame of the user's own client. Members that are doubled are refused here, too.
pub(super) fn read_local(text: &str) -> FromLocal<'_> {
    let envelope = match Envelope::parse(text) {
        Ok(envelope) => envelope,
        Err(wrong) => return FromLocal::Bad(wrong.to_string()),
    };
    match (envelope.shape(), envelope.id, envelope.method) {
        (Some(Shape::Request), Some(id), Some(method)) => FromLocal::Request { id, method },
        (Some(Shape::Notification), _, _) => FromLocal::Notification,
        (Some(Shape::Response), Some(id), _) => {
            let result = envelope
                .result
                .and_then(|raw| serde_json::from_str(raw.get()).ok());
            FromLocal::Answer { id, result }
        }
        (Some(Shape::Error), Some(id), _) => FromLocal::Answer { id, result: None },
        _ => FromLocal::Bad("the frame is neither a request nor an answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn frames_are_sorted_by_their_members() {
        let id = || RequestId::Number(1);
        assert_eq!(
            read_strict(r#"{"id":1,"method":"a/b","params":{"x":1}}"#),
            FromClient::Request {
                id: id(),
                method: "a/b".into(),
                params: json!({"x":1}).as_object().cloned()
            }
        );
        assert_eq!(
            read_strict(r#"{"method":"initialized"}"#),
            FromClient::Notification {
                method: "initialized".into()
            }
        );
        assert_eq!(
            read_strict(r#"{"id":1,"result":{}}"#),
            FromClient::Answer {
                id: id(),
                result: Some(json!({}))
            }
        );
        assert_eq!(
            read_strict(r#"{"id":1,"error":{"code":1}}"#),
            FromClient::Answer {
                id: id(),
                result: None
            }
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            r#"{"id":1,"method":"thread/start","method":"fs/writeFile"}"#,
            r#"{"id":1,"method":"thread/start","m\u0065thod":"fs/writeFile"}"#,
            r#"{"id":1,"method":"a","result":{}}"#,
            r#"{"id":1,"result":{},"error":{}}"#,
            r#"{"id":1.5,"method":"a"}"#,
            r#"{"id":null,"method":"a"}"#,
            r#"{"id":1,"method":"a","params":[]}"#,
            r#"{"id":1,"method":"a","Method":"b"}"#,
            r#"[{"id":1,"method":"a"}]"#,
            r#"{"id":1}"#,
            "{}",
        ] {
            assert!(matches!(read_strict(text), FromClient::Bad { .. }), "{text}");
        }
        assert!(matches!(
            read_local(r#"{"id":1,"method":"a","method":"b"}"#),
            FromLocal::Bad(_)
        ));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,300}") {
            drop(read_strict(&text));
            drop(read_local(&text));
        }
    }
}

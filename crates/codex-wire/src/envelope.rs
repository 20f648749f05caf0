//! The envelope: which kind of message, its id, its method.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Id of a request: an integer or a string, returned exactly as it came.
///
/// The app-server ignores `null` and fractions, and does not take `"5"` for `5` (observed, 0.169.0).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    /// Integer form.
    Number(i64),
    /// String form.
    Text(String),
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RequestId::Number(n) => write!(f, "{n}"),
            RequestId::Text(s) => f.write_str(s),
        }
    }
}

/// A JSON-RPC error object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// Code; most failures of the app-server share `-32600`, overload is `-32001`.
    pub code: i64,
    /// Text.
    pub message: String,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// What a frame is, decided by which members it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `id` and `method`.
    Request,
    /// `method` without `id`.
    Notification,
    /// `id` and `result`.
    Response,
    /// `id` and `error`.
    Error,
}

/// The part of a frame that decides where it goes. Borrowed members keep the parse cheap; the payload
/// stays unparsed text.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// Id, if any.
    #[serde(default)]
    pub id: Option<RequestId>,
    /// Method, if any.
    #[serde(default, borrow)]
    pub method: Option<std::borrow::Cow<'a, str>>,
    /// Parameters, unparsed.
    #[serde(default, borrow)]
    pub params: Option<&'a serde_json::value::RawValue>,
    /// Result, unparsed; `null` is a result too.
    #[serde(default, borrow, deserialize_with = "present")]
    pub result: Option<&'a serde_json::value::RawValue>,
    /// Error, unparsed.
    #[serde(default, borrow, deserialize_with = "present")]
    pub error: Option<&'a serde_json::value::RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a frame that came from the app-server (lenient: unknown members pass).
    ///
    /// # Errors
    /// When the text is no JSON object of this shape.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        // A derived reader would take an array for an object with its members in order.
        if !text.trim_start().starts_with('{') {
            return Err(serde::de::Error::custom("the frame is no object"));
        }
        serde_json::from_str(text)
    }

    /// What the frame is; `None` for anything that is no JSON-RPC message.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        match (
            &self.id,
            &self.method,
            self.result.is_some(),
            self.error.is_some(),
        ) {
            (Some(_), Some(_), false, false) => Some(Shape::Request),
            (None, Some(_), false, false) => Some(Shape::Notification),
            (Some(_), None, true, false) => Some(Shape::Response),
            (Some(_), None, false, true) => Some(Shape::Error),
            _ => None,
        }
    }
}

/// A member that is there counts, whatever its value.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de serde_json::value::RawValue>, D::Error> {
    <&serde_json::value::RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_result_is_a_response_and_an_array_is_no_message() {
        assert_eq!(
            Envelope::parse(r#"{"id":1,"result":null}"#).unwrap().shape(),
            Some(Shape::Response)
        );
        assert_eq!(
            Envelope::parse(r#"{"id":1,"error":null}"#).unwrap().shape(),
            Some(Shape::Error)
        );
        assert_eq!(Envelope::parse(r#"{"id":1}"#).unwrap().shape(), None);
        assert!(Envelope::parse(r#"[1,"a",{},null,null]"#).is_err());
    }
}

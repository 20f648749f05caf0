//! Strict reading of what a remote sent: one object, no duplicate keys at any depth, nothing after it.
//!
//! A parser that takes the last of two equal keys and one that takes the first disagree about what a
//! frame says; a gate in front of another parser must not leave room for that.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a frame was not taken.
#[derive(Debug, thiserror::Error)]
#[error("not a strict JSON object: {0}")]
pub struct NotStrict(#[from] serde_json::Error);

/// Reads one JSON object strictly.
///
/// # Errors
/// [`NotStrict`] for anything that is not exactly one object without duplicate keys (nesting is
/// bounded to 128 by the JSON library).
pub fn parse_object(text: &str) -> Result<Map<String, Value>, NotStrict> {
    match serde_json::from_str::<Strict>(text)?.0 {
        Value::Object(map) => Ok(map),
        _ => Err(NotStrict(serde_json::Error::custom("the frame is no object"))),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON without duplicate keys")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(Strict(v)) = seq.next_element()? {
            out.push(v);
        }
        Ok(Value::Array(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let Strict(value) = map.next_value()?;
            if out.contains_key(&key) {
                return Err(A::Error::custom("a key occurs twice in one object"));
            }
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::parse_object;
    use proptest::prelude::*;

    #[test]
    fn duplicate_and_escaped_keys_are_refused() {
        for bad in [
            r#"{"method":"thread/start","method":"fs/writeFile"}"#,
            r#"{"method":"thread/start","m\u0065thod":"fs/writeFile"}"#,
            r#"{"params":{"a":1,"a":2}}"#,
            r#"{"params":[{"a":{"b":1,"\u0062":2}}]}"#,
            "[]",
            "1",
            "",
            r#"{"a":1} {"b":2}"#,
            r#"{"a":1"#,
        ] {
            assert!(parse_object(bad).is_err(), "{bad}");
        }
        assert!(parse_object(&("[".repeat(100_000))).is_err());
    }

    #[test]
    fn an_escaped_key_is_the_same_key() {
        let map = parse_object(r#"{"m\u0065thod":"fs/writeFile"}"#).unwrap();
        assert_eq!(map["method"], "fs/writeFile");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            drop(parse_object(&text));
        }
    }
}

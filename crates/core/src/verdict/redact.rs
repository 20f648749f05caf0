//! Taking out of a response what a remote does not get.

mod origin;

pub use origin::without_credentials;

use super::rule::{Cut, Handling, Rule};
use serde_json::{Map, Value};

/// Applies the cuts of a rule to a `result`; does nothing for a rule without any.
pub fn apply(rule: &Rule, result: &mut Value) {
    if let Handling::Redact(cuts) = rule.handling {
        for cut in cuts {
            cut_one(*cut, result);
        }
    }
}

fn cut_one(cut: Cut, result: &mut Value) {
    match cut {
        Cut::Null(at) => replace(result, at, Value::Null),
        Cut::EmptyList(at) => replace(result, at, Value::Array(Vec::new())),
        Cut::EmptyObject(at) => replace(result, at, Value::Object(Map::new())),
        Cut::Keep(at, names) => keep(result.pointer_mut(at), names),
        Cut::KeepEach(at, names) => {
            if let Some(entries) = result.pointer_mut(at).and_then(Value::as_array_mut) {
                entries.iter_mut().for_each(|entry| keep(Some(entry), names));
            }
        }
    }
}

fn replace(result: &mut Value, at: &str, with: Value) {
    if let Some(value) = result.pointer_mut(at).filter(|value| !value.is_null()) {
        *value = with;
    }
}

fn keep(value: Option<&mut Value>, names: &[&str]) {
    match value {
        Some(Value::Object(map)) => map.retain(|name, _| names.contains(&name.as_str())),
        // Not the shape we know: what it holds is not known to be harmless.
        Some(other) => *other = Value::Null,
        None => {}
    }
}

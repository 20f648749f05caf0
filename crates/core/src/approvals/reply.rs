//! What a question asks for, and whether the replies a person gave fit it.
//!
//! A form's fields have types, and replies come from places that know only text (a command line) as well as
//! from windows that know the form. Both become the same content here, or a named error: a server that gets
//! `"5"` for a number, or nothing for what it must have, fails in words nobody can act on.

use drawbridge_wire::control::ApprovalKind;
use serde_json::{Map, Number, Value, json};

/// A reply that does not fit its field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// There is no such field.
    #[error("this request has no question {0:?}; `drawbridge approvals show` names them")]
    NoSuchField(String),
    /// A field that must be filled in was not.
    #[error("the question {0:?} needs a reply")]
    Missing(String),
    /// A value of another kind.
    #[error("the reply to {field:?} must be {wanted}")]
    Wrong {
        /// Which field.
        field: String,
        /// What it takes.
        wanted: &'static str,
    },
}

/// What an elicitation wants to have beside a yes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wanted<'a> {
    /// Nothing.
    Yes,
    /// Nothing, once the person has been to an address.
    Visit,
    /// These fields.
    Form(&'a Map<String, Value>),
    /// Something this version cannot give, so it cannot say yes.
    Unknown,
}

/// Reads what an elicitation wants.
pub(super) fn wanted(params: &Value) -> Wanted<'_> {
    match params.get("mode").and_then(Value::as_str) {
        Some("url") => Wanted::Visit,
        None | Some("form" | "openai/form" | "openaiForm") => match params.get("requestedSchema") {
            None => Wanted::Yes,
            Some(schema) => match schema.get("properties").and_then(Value::as_object) {
                Some(fields) if fields.is_empty() => Wanted::Yes,
                Some(fields) => Wanted::Form(fields),
                None => Wanted::Unknown,
            },
        },
        Some(_) => Wanted::Unknown,
    }
}

/// The replies as the request takes them.
///
/// # Errors
/// When one does not fit, or is missing.
pub(super) fn fit(
    kind: ApprovalKind,
    params: &Value,
    replies: &Map<String, Value>,
) -> Result<Map<String, Value>, BadReply> {
    match kind {
        ApprovalKind::UserInput => fit_questions(params, replies),
        ApprovalKind::Elicitation => fit_form(params, replies),
        _ => Ok(replies.clone()),
    }
}

fn fit_questions(params: &Value, replies: &Map<String, Value>) -> Result<Map<String, Value>, BadReply> {
    let questions = params.get("questions").and_then(Value::as_array);
    let known = |id: &str| {
        let mut ids = questions.into_iter().flatten().filter_map(|one| one.get("id"));
        ids.any(|one| one == id)
    };
    if replies.is_empty() {
        let first = questions.and_then(|all| all.first()?.get("id")?.as_str());
        return Err(BadReply::Missing(first.unwrap_or_default().to_owned()));
    }
    replies
        .iter()
        .map(|(id, value)| {
            if !known(id) {
                return Err(BadReply::NoSuchField(id.clone()));
            }
            // What a client of the app-server protocol sends has the list inside already.
            let given = value.get("answers").unwrap_or(value);
            let list = texts(given).ok_or_else(|| wrong(id, "a text, or a list of texts"))?;
            Ok((id.clone(), json!({ "answers": list })))
        })
        .collect()
}

fn fit_form(params: &Value, replies: &Map<String, Value>) -> Result<Map<String, Value>, BadReply> {
    let Wanted::Form(fields) = wanted(params) else {
        return match replies.keys().next() {
            Some(id) => Err(BadReply::NoSuchField(id.clone())),
            None => Ok(Map::new()),
        };
    };
    let required = params
        .pointer("/requestedSchema/required")
        .and_then(Value::as_array);
    for id in required.into_iter().flatten().filter_map(Value::as_str) {
        if !replies.contains_key(id) {
            return Err(BadReply::Missing(id.to_owned()));
        }
    }
    replies
        .iter()
        .map(|(id, value)| {
            let field = fields.get(id).ok_or_else(|| BadReply::NoSuchField(id.clone()))?;
            let value = fit_field(field, value).map_err(|wanted| wrong(id, wanted))?;
            Ok((id.clone(), value))
        })
        .collect()
}

fn wrong(field: &str, wanted: &'static str) -> BadReply {
    BadReply::Wrong {
        field: field.to_owned(),
        wanted,
    }
}

/// The value as the field takes it, or what it takes.
fn fit_field(field: &Value, value: &Value) -> Result<Value, &'static str> {
    match field.get("type").and_then(Value::as_str) {
        Some("string") => {
            let text = value.as_str().ok_or("a text")?;
            if options(field).is_some_and(|options| !options.contains(&text)) {
                return Err("one of its options");
            }
            Ok(value.clone())
        }
        Some("integer") => whole(value).map(Value::from).ok_or("a whole number"),
        Some("number") => number(value).map(Value::Number).ok_or("a number"),
        Some("boolean") => match (value, value.as_str()) {
            (Value::Bool(_), _) => Ok(value.clone()),
            (_, Some("true")) => Ok(Value::Bool(true)),
            (_, Some("false")) => Ok(Value::Bool(false)),
            _ => Err("true or false"),
        },
        Some("array") => {
            let chosen = texts(value).ok_or("a list of its options")?;
            let options = field.get("items").and_then(options);
            if options.is_some_and(|options| chosen.iter().any(|one| !options.contains(&one.as_str()))) {
                return Err("a list of its options");
            }
            Ok(json!(chosen))
        }
        // Of a type this version does not know: the server knows better.
        _ => Ok(value.clone()),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => match text.trim().parse::<i64>() {
            Ok(whole) => Some(whole.into()),
            Err(_) => Number::from_f64(text.trim().parse().ok()?),
        },
        _ => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The values a field offers, when it offers some.
fn options(field: &Value) -> Option<Vec<&str>> {
    if let Some(values) = field.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::as_str).collect();
    }
    let constants = field.get("oneOf").or_else(|| field.get("anyOf"))?.as_array()?;
    constants.iter().map(|one| one.get("const")?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(replies: &Value) -> Result<Value, String> {
        let params = json!({"mode": "form", "requestedSchema": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"},
            "size": {"type": "string", "enum": ["S", "L"]},
            "age": {"type": "integer"},
            "rate": {"type": "number"},
            "sure": {"type": "boolean"},
            "days": {"type": "array", "items": {"anyOf": [{"const": "mo", "title": "Monday"}]}},
        }}});
        fitted(ApprovalKind::Elicitation, &params, replies)
    }

    fn fitted(kind: ApprovalKind, params: &Value, replies: &Value) -> Result<Value, String> {
        let fit = fit(kind, params, replies.as_object().unwrap());
        fit.map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_become_what_the_fields_of_a_form_take() {
        let typed = json!({"name": "N", "size": "L", "age": 41, "rate": 1.5, "sure": true, "days": ["mo"]});
        assert_eq!(form(&typed), Ok(typed.clone()));
        let texts =
            json!({"name": "N", "size": "L", "age": " 41", "rate": "1.5", "sure": "true", "days": "mo"});
        assert_eq!(form(&texts), Ok(typed));
        assert_eq!(
            form(&json!({"name": "N", "rate": "2"})),
            Ok(json!({"name": "N", "rate": 2}))
        );
    }

    #[test]
    fn what_does_not_fit_a_form_is_named() {
        for (replies, error) in [
            (json!({}), "the question \"name\" needs a reply"),
            (json!({"name": 1}), "the reply to \"name\" must be a text"),
            (
                json!({"name": "N", "size": "M"}),
                "the reply to \"size\" must be one of its options",
            ),
            (
                json!({"name": "N", "age": "1.5"}),
                "the reply to \"age\" must be a whole number",
            ),
            (
                json!({"name": "N", "rate": "NaN"}),
                "the reply to \"rate\" must be a number",
            ),
            (
                json!({"name": "N", "sure": "yes"}),
                "the reply to \"sure\" must be true or false",
            ),
            (
                json!({"name": "N", "days": ["tu"]}),
                "the reply to \"days\" must be a list of its options",
            ),
            (
                json!({"name": "N", "x\u{202e}": "y"}),
                "this request has no question \"x\\u{202e}\"; `drawbridge approvals show` names them",
            ),
        ] {
            assert_eq!(form(&replies), Err(error.to_owned()));
        }
    }

    #[test]
    fn replies_to_questions_are_lists_by_id() {
        let params = json!({"questions": [{"id": "a"}, {"id": "b"}]});
        let fitted = |replies: &Value| fitted(ApprovalKind::UserInput, &params, replies);
        assert_eq!(
            fitted(&json!({"a": "x", "b": {"answers": ["y", "z"]}})),
            Ok(json!({"a": {"answers": ["x"]}, "b": {"answers": ["y", "z"]}}))
        );
        for (replies, error) in [
            (json!({}), "the question \"a\" needs a reply"),
            (
                json!({"c": "x"}),
                "this request has no question \"c\"; `drawbridge approvals show` names them",
            ),
            (
                json!({"a": 1}),
                "the reply to \"a\" must be a text, or a list of texts",
            ),
        ] {
            assert_eq!(fitted(&replies), Err(error.to_owned()));
        }
    }

    #[test]
    fn a_question_wants_a_yes_a_visit_or_a_form() {
        let fields = json!({"s": {"type": "string"}});
        for (params, found) in [
            (json!({}), Wanted::Yes),
            (
                json!({"mode": "form", "requestedSchema": {"properties": {}}}),
                Wanted::Yes,
            ),
            (
                json!({"mode": "url", "url": "https://example.org"}),
                Wanted::Visit,
            ),
            (
                json!({"mode": "openai/form", "requestedSchema": {"properties": fields}}),
                Wanted::Form(fields.as_object().unwrap()),
            ),
            (
                json!({"mode": "openai/form", "requestedSchema": true}),
                Wanted::Unknown,
            ),
            (
                json!({"mode": "openai/userVerification", "challenge": "c"}),
                Wanted::Unknown,
            ),
        ] {
            assert_eq!(wanted(&params), found, "{params}");
        }
    }
}

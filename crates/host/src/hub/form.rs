//! A question as the fields of a form, for whoever answers it in a window. A form that is not understood
//! whole has no fields: half of it would be an answer nobody meant.

use drawbridge_consent::visible_line;
use drawbridge_wire::control::{ApprovalKind, FieldKind, FormField, FormOption};
use serde_json::Value;
use std::collections::BTreeSet;

/// The fields, when this is a question that has some.
pub(super) fn of(kind: ApprovalKind, params: &Value) -> Option<Vec<FormField>> {
    let fields: Vec<FormField> = match kind {
        ApprovalKind::UserInput => {
            let questions = params.get("questions")?.as_array()?;
            let fields: Vec<FormField> = questions.iter().map(question).collect::<Option<_>>()?;
            // Answers go by these names, and the agent chose them.
            let names: BTreeSet<&str> = fields.iter().map(|field| &*field.id).collect();
            (names.len() == fields.len()).then_some(fields)?
        }
        ApprovalKind::Elicitation => {
            let schema = params.get("requestedSchema")?;
            let required: Vec<&str> = schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let properties = schema.get("properties")?.as_object()?;
            properties
                .iter()
                .map(|(id, one)| property(id, one, required.contains(&id.as_str())))
                .collect::<Option<_>>()?
        }
        _ => return None,
    };
    (!fields.is_empty()).then_some(fields)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(visible_line)
}

fn question(question: &Value) -> Option<FormField> {
    let flag = |key: &str| question.get(key).and_then(Value::as_bool).unwrap_or(false);
    let options: Vec<FormOption> = question
        .get("options")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|option| {
            Some(FormOption {
                value: option.get("label")?.as_str()?.to_owned(),
                label: text(option, "label")?,
                about: text(option, "description"),
            })
        })
        .collect::<Option<_>>()?;
    Some(FormField {
        id: question.get("id")?.as_str()?.to_owned(),
        label: text(question, "question")?,
        about: text(question, "header"),
        kind: match (options.is_empty(), flag("isSecret")) {
            (false, _) => FieldKind::One,
            (true, true) => FieldKind::Secret,
            (true, false) => FieldKind::Text,
        },
        other: flag("isOther") && !options.is_empty(),
        options,
        required: true,
        value: None,
    })
}

fn property(id: &str, schema: &Value, required: bool) -> Option<FormField> {
    let items = schema.get("items");
    let (kind, options) = match (schema.get("type")?.as_str()?, items) {
        ("array", Some(items)) => (FieldKind::Several, options(items)?),
        ("string", None) => match options(schema) {
            Some(options) => (FieldKind::One, options),
            None => (FieldKind::Text, Vec::new()),
        },
        ("number", None) => (FieldKind::Number, Vec::new()),
        ("integer", None) => (FieldKind::Integer, Vec::new()),
        ("boolean", None) => (FieldKind::Boolean, Vec::new()),
        _ => return None,
    };
    let value = match schema.get("default") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Array(_)) => return None,
        Some(other) => Some(other.to_string()),
    };
    Some(FormField {
        id: id.to_owned(),
        label: text(schema, "title").unwrap_or_else(|| visible_line(id)),
        about: text(schema, "description"),
        kind,
        options,
        other: false,
        required,
        value,
    })
}

/// `enum` with or without names, or constants with titles.
fn options(schema: &Value) -> Option<Vec<FormOption>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let names = schema.get("enumNames").and_then(Value::as_array);
        return values
            .iter()
            .enumerate()
            .map(|(n, value)| {
                let value = value.as_str()?;
                let name = names.and_then(|names| names.get(n)?.as_str()).unwrap_or(value);
                Some(FormOption {
                    value: value.to_owned(),
                    label: visible_line(name),
                    about: None,
                })
            })
            .collect();
    }
    let constants = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    constants
        .iter()
        .map(|constant| {
            Some(FormOption {
                value: constant.get("const")?.as_str()?.to_owned(),
                label: text(constant, "title")?,
                about: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(id: &str, label: &str, kind: FieldKind, options: &[(&str, &str)]) -> FormField {
        FormField {
            id: id.into(),
            label: label.into(),
            about: None,
            kind,
            options: options
                .iter()
                .map(|(value, label)| FormOption {
                    value: (*value).into(),
                    label: (*label).into(),
                    about: None,
                })
                .collect(),
            other: false,
            required: false,
            value: None,
        }
    }

    #[test]
    fn questions_of_the_agent_are_fields() {
        let params = json!({"questions": [
            {"id": "a", "header": "H", "question": "Which?", "isOther": true,
             "options": [{"label": "x", "description": "the first"}]},
            {"id": "b", "header": "H", "question": "Key?", "isSecret": true, "options": null},
        ]});
        let mut first = field("a", "Which?", FieldKind::One, &[("x", "x")]);
        first.about = Some("H".into());
        first.options[0].about = Some("the first".into());
        (first.other, first.required) = (true, true);
        let mut second = field("b", "Key?", FieldKind::Secret, &[]);
        second.about = Some("H".into());
        second.required = true;
        assert_eq!(of(ApprovalKind::UserInput, &params), Some(vec![first, second]));
    }

    #[test]
    fn a_form_of_a_server_has_fields_of_every_type() {
        let params = json!({"requestedSchema": {"type": "object", "required": ["n"], "properties": {
            "b": {"type": "boolean", "title": "Sure?", "default": true},
            "e": {"type": "string", "enum": ["p", "q"], "enumNames": ["Pee", "Queue"]},
            "m": {"type": "array", "items": {"anyOf": [{"const": "k", "title": "Kay"}]}},
            "n": {"type": "integer"},
            "s": {"type": "string"},
        }}});
        let mut sure = field("b", "Sure?", FieldKind::Boolean, &[]);
        sure.value = Some("true".into());
        let mut number = field("n", "n", FieldKind::Integer, &[]);
        number.required = true;
        let expected = vec![
            sure,
            field("e", "e", FieldKind::One, &[("p", "Pee"), ("q", "Queue")]),
            field("m", "m", FieldKind::Several, &[("k", "Kay")]),
            number,
            field("s", "s", FieldKind::Text, &[]),
        ];
        assert_eq!(of(ApprovalKind::Elicitation, &params), Some(expected));
    }

    #[test]
    fn what_is_not_understood_whole_has_no_fields() {
        for params in [
            json!({"requestedSchema": {"properties": {"o": {"type": "object"}}}}),
            json!({"requestedSchema": {"properties": {"s": {"type": "string"}, "x": 1}}}),
            json!({"requestedSchema": {"properties": {}}}),
            json!({"url": "https://example.org"}),
        ] {
            assert_eq!(of(ApprovalKind::Elicitation, &params), None, "{params}");
        }
        assert_eq!(
            of(ApprovalKind::UserInput, &json!({"questions": [{"id": "a"}]})),
            None
        );
        let one = json!({"id": "a", "header": "H", "question": "Which?", "options": null});
        assert_eq!(
            of(ApprovalKind::UserInput, &json!({"questions": [one, one]})),
            None,
            "an answer could not say which of the two it is for"
        );
        assert_eq!(of(ApprovalKind::Command, &json!({"questions": []})), None);
    }
}

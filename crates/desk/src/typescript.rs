//! The types that cross to the windows, as TypeScript. Made from the same schema that serde's forms have,
//! so that no interface is copied by hand.

use crate::{ApprovalCard, ConfigRow, DesktopView, Problem, QuitAnswer, ThreadEvent, ThreadItems};
use drawbridge_wire::control::AnswerResult;
use drawbridge_wire::processes::ProcessesView;
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What stands at the top of the file.
const HEAD: &str = "// Made by `cargo xtask schema` from the Rust types; a test compares. Do not edit.\n";

/// Types that have no Rust type behind them: what the app-server writes passes through as it came.
const PASSED_ON: &str = "
/** An item of a thread as the app-server writes it; only `id` and `type` are sure to be there. */
export type Item = { id: string; type: string; [member: string]: unknown };
";

/// The whole file.
#[must_use]
pub fn types() -> String {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let root = |generator: &mut SchemaGenerator, schema: fn(&mut SchemaGenerator)| schema(generator);
    for schema in [
        of::<DesktopView>,
        of::<ApprovalCard>,
        of::<AnswerResult>,
        of::<ProcessesView>,
        of::<ConfigRow>,
        of::<QuitAnswer>,
        of::<Problem>,
        of::<ThreadItems>,
        of::<ThreadEvent>,
    ] {
        root(&mut generator, schema);
    }
    let mut definitions: BTreeMap<String, Value> = generator.take_definitions(true).into_iter().collect();
    definitions.remove("Item");
    let mut text = HEAD.to_owned();
    for (name, schema) in &definitions {
        text.push('\n');
        about(&mut text, schema, "");
        let _ = writeln!(text, "export type {name} = {};", of_schema(schema, ""));
    }
    text.push_str(PASSED_ON);
    text
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) {
    let _ = generator.subschema_for::<T>();
}

fn about(text: &mut String, schema: &Value, indent: &str) {
    if let Some(words) = schema.get("description").and_then(Value::as_str) {
        let words = words.replace("*/", "* /").replace('\n', " ");
        let _ = writeln!(text, "{indent}/** {words} */");
    }
}

fn of_schema(schema: &Value, indent: &str) -> String {
    let Some(members) = schema.as_object() else {
        return "unknown".to_owned();
    };
    let text = |key: &str| members.get(key).and_then(Value::as_str);
    if let Some(to) = text("$ref") {
        return to.rsplit('/').next().unwrap_or("unknown").to_owned();
    }
    if let Some(only) = members.get("const") {
        return only.to_string();
    }
    if let Some(words) = members.get("enum").and_then(Value::as_array) {
        return either(words.iter().map(Value::to_string));
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(options) = members.get(several).and_then(Value::as_array) {
            return either(options.iter().map(|option| of_schema(option, indent)));
        }
    }
    match members.get("type") {
        Some(Value::Array(types)) => either(types.iter().map(|one| {
            let mut alone = members.clone();
            alone.insert("type".to_owned(), one.clone());
            of_schema(&Value::Object(alone), indent)
        })),
        Some(Value::String(kind)) => of_type(kind, members, indent),
        _ => "unknown".to_owned(),
    }
}

fn of_type(kind: &str, members: &Map<String, Value>, indent: &str) -> String {
    match kind {
        "string" => "string".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "boolean".to_owned(),
        "null" => "null".to_owned(),
        "array" => match (members.get("prefixItems"), members.get("items")) {
            (Some(Value::Array(each)), _) => {
                let each: Vec<String> = each.iter().map(|one| of_schema(one, indent)).collect();
                format!("[{}]", each.join(", "))
            }
            (_, Some(item)) => {
                let item = of_schema(item, indent);
                if item.contains(['|', '{', ' ']) {
                    format!("Array<{item}>")
                } else {
                    format!("{item}[]")
                }
            }
            _ => "unknown[]".to_owned(),
        },
        "object" => of_object(members, indent),
        _ => "unknown".to_owned(),
    }
}

fn of_object(members: &Map<String, Value>, indent: &str) -> String {
    let Some(properties) = members.get("properties").and_then(Value::as_object) else {
        return match members.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("Record<string, {}>", of_schema(values, indent)),
            Some(Value::Bool(false)) => "Record<string, never>".to_owned(),
            _ => "Record<string, unknown>".to_owned(),
        };
    };
    let required: Vec<&str> = members
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let inner = format!("{indent}  ");
    let mut text = "{\n".to_owned();
    for (name, schema) in properties {
        about(&mut text, schema, &inner);
        let sure = if required.contains(&name.as_str()) {
            ""
        } else {
            "?"
        };
        let _ = writeln!(text, "{inner}{name}{sure}: {};", of_schema(schema, &inner));
    }
    text.push_str(indent);
    text.push('}');
    text
}

fn either(options: impl Iterator<Item = String>) -> String {
    let mut options: Vec<String> = options.collect();
    options.dedup();
    options.join(" | ")
}

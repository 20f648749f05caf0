//! The verdict table against the list of methods it was decided on, against what the official terminal
//! client sends, against what a hostile one might, and against the schema of the installed codex.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

mod any_json;
mod ceiling;
mod parameters;
mod responses;
mod schema;
mod server_requests;
mod table;

use drawbridge_core::verdict::{self, Refusal, Rule};
use drawbridge_wire::Role;
use serde_json::{Map, Value};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        other => panic!("no object: {other}"),
    }
}

fn check(method: &str, role: Role, params: Value) -> Result<&'static Rule, Refusal> {
    verdict::check(method, role, &object(params))
}

/// The name of the rule that refuses, or `ok`.
fn outcome(method: &str, role: Role, params: Value) -> &'static str {
    check(method, role, params).map_or_else(|refusal| refusal.rule, |_| "ok")
}

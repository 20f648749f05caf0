//! The schemas checked in under `docs/schema` are those of the types, and both sides are as strict.
//!
//! `cargo xtask schema` writes them anew.

use drawbridge_wire::schema::{canonical, documents};
use drawbridge_wire::{control, link, pipe};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Set by `cargo xtask schema`.
const WRITE: &str = "DRAWBRIDGE_WRITE_SCHEMA";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema")
}

#[test]
fn the_schemas_checked_in_are_those_of_the_types() {
    let mut expected = Vec::new();
    for document in documents() {
        let path = folder().join(document.file);
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(folder()).unwrap();
            let text = serde_json::to_string_pretty(&document.schema).unwrap();
            std::fs::write(&path, text + "\n").unwrap();
        }
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask schema`", document.file));
        let found: Value = serde_json::from_str(&text).unwrap();
        assert!(
            canonical(found) == document.schema,
            "docs/schema/{} is not what the types say: run `cargo xtask schema` and look at the difference",
            document.file
        );
        expected.push(document.file.to_owned());
    }
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".v1.json"))
        .collect();
    files.sort();
    expected.sort();
    assert_eq!(files, expected, "a schema that no type stands behind");
}

/// Whether a type takes a message.
type Takes = fn(&Value) -> bool;

fn takes<T: serde::de::DeserializeOwned>(message: &Value) -> bool {
    serde_json::from_value::<T>(message.clone()).is_ok()
}

/// One message of each kind: file, definition, the type's own word, the message.
fn messages() -> Vec<(&'static str, &'static str, Takes, Value)> {
    const CONTROL: &str = "control.v1.json";
    const LINK: &str = "link.v1.json";
    const PIPE: &str = "pipe.v1.json";
    let request = takes::<control::Request>;
    let from_bus = takes::<link::FromBus>;
    let from_host = takes::<link::FromHost>;
    let to_connector = takes::<pipe::ToConnector>;
    let from_connector = takes::<pipe::FromConnector>;
    vec![
        (
            CONTROL,
            "Request",
            request,
            json!({ "method": "initialize", "params": { "version": 1, "client": "c", "lease": true } }),
        ),
        (
            CONTROL,
            "Request",
            request,
            json!({ "method": "snapshot", "params": {} }),
        ),
        (
            CONTROL,
            "Request",
            request,
            json!({ "method": "skills/set", "params": { "path": "/s/SKILL.md", "enabled": false } }),
        ),
        (
            LINK,
            "FromHost",
            from_host,
            json!({ "type": "skills", "left_out": 0, "skills": [{ "name": "n", "scope": "user", "hash": "00", "enabled": true }] }),
        ),
        (
            PIPE,
            "ToConnector",
            to_connector,
            json!({ "type": "skills", "left_out": 1, "skills": [] }),
        ),
        (
            CONTROL,
            "Request",
            request,
            json!({ "method": "logs", "params": { "child": "connector" } }),
        ),
        (
            CONTROL,
            "Request",
            request,
            json!({ "method": "approvals/answer", "params": { "id": "1-0", "digest": "00", "decision": "decline" } }),
        ),
        (
            CONTROL,
            "Request",
            request,
            json!({ "method": "approvals/answer", "params": { "id": "1-0", "digest": "00", "decision": { "answers": { "q": "a" } } } }),
        ),
        (
            CONTROL,
            "Notification",
            takes::<control::Notification>,
            json!({ "method": "delta", "params": { "seq": 1, "change": { "thread_closed": { "id": "t" } } } }),
        ),
        (
            CONTROL,
            "AnswerResult",
            takes::<control::AnswerResult>,
            json!({ "won": true, "state": { "state": "applied", "by": { "by": "control", "client": "c" }, "decision": "accept" } }),
        ),
        (
            CONTROL,
            "AnswerResult",
            takes::<control::AnswerResult>,
            json!({ "won": false, "state": { "state": "superseded" } }),
        ),
        (
            CONTROL,
            "ErrorData",
            takes::<control::ErrorData>,
            json!({ "code": "changed" }),
        ),
        (
            LINK,
            "FromBus",
            from_bus,
            json!({ "type": "challenge", "nonce": "n" }),
        ),
        (
            LINK,
            "FromBus",
            from_bus,
            json!({ "type": "welcome", "host_id": "h" }),
        ),
        (
            LINK,
            "FromBus",
            from_bus,
            json!({ "type": "open", "tunnel": "t", "client": "c", "role": "viewer", "scopes": [] }),
        ),
        (LINK, "FromBus", from_bus, json!({ "type": "ping", "seq": 1 })),
        (
            LINK,
            "FromBus",
            from_bus,
            json!({ "type": "bye", "reason": "revoked" }),
        ),
        (
            LINK,
            "FromHost",
            from_host,
            json!({ "type": "hello", "versions": ["drawbridge.v1"], "software": "1", "host_id": "h", "host_name": "H", "public_key": "k", "signature": "s" }),
        ),
        (
            LINK,
            "FromHost",
            from_host,
            json!({ "type": "status", "app_server_ready": true, "active_threads": 0, "open_approvals": 0 }),
        ),
        (
            LINK,
            "FromHost",
            from_host,
            json!({ "type": "refused", "tunnel": "t", "reason": "agent_down" }),
        ),
        (
            PIPE,
            "ToConnector",
            to_connector,
            json!({ "type": "setup", "bus": "b", "connect_url": "ws://b", "token": "t", "ca_file": null, "tunnel_socket": "/s", "host_id": "h", "host_name": "H", "public_key": "k" }),
        ),
        (
            PIPE,
            "ToConnector",
            to_connector,
            json!({ "type": "signature", "nonce": "n", "signature": "s" }),
        ),
        (
            PIPE,
            "ToConnector",
            to_connector,
            json!({ "type": "stop", "reason": "disconnected" }),
        ),
        (
            PIPE,
            "FromConnector",
            from_connector,
            json!({ "type": "sign", "nonce": "n" }),
        ),
        (
            PIPE,
            "FromConnector",
            from_connector,
            json!({ "type": "link", "state": { "state": "connected", "round_trip_ms": 3 } }),
        ),
        (
            PIPE,
            "FromConnector",
            from_connector,
            json!({ "type": "link", "state": { "state": "disconnected" } }),
        ),
        (
            PIPE,
            "FromConnector",
            from_connector,
            json!({ "type": "tunnel_closed", "tunnel": "t", "reason": "lagged" }),
        ),
        (
            PIPE,
            "HostSetup",
            takes::<pipe::HostSetup>,
            json!({ "bus": { "api": "https://b", "token": "t" }, "roots": ["/r"], "service": false }),
        ),
        (
            PIPE,
            "HostReady",
            takes::<pipe::HostReady>,
            json!({ "host": "ready", "control_socket": "/s", "pid": 1 }),
        ),
        (
            PIPE,
            "HostReady",
            takes::<pipe::HostReady>,
            json!({ "host": "failed", "code": "codex_home", "message": "m" }),
        ),
    ]
}

/// Every object of a message, by its JSON pointer.
fn objects(message: &Value, at: &str, found: &mut Vec<String>) {
    match message {
        Value::Object(members) => {
            found.push(at.to_owned());
            for (name, value) in members {
                objects(
                    value,
                    &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                objects(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn type_and_schema_take_the_same_and_neither_takes_a_member_it_does_not_know() {
    let documents = documents();
    for (file, name, takes, message) in messages() {
        let document = documents.iter().find(|document| document.file == file).unwrap();
        let mut schema = document.schema.clone();
        assert!(schema["$defs"][name].is_object(), "{file} has no {name}");
        schema["anyOf"] = json!([{ "$ref": format!("#/$defs/{name}") }]);
        let schema = jsonschema::validator_for(&schema).unwrap();
        assert!(takes(&message), "{name}: {message}");
        assert!(schema.is_valid(&message), "{name}: {message}");

        let mut places = Vec::new();
        objects(&message, "", &mut places);
        // The answers to an agent's questions are named by the agent.
        for place in places.iter().filter(|place| !place.ends_with("/answers")) {
            let mut more = message.clone();
            more.pointer_mut(place).unwrap()["canary"] = json!(1);
            assert!(!takes(&more), "{name} takes {more}");
            assert!(!schema.is_valid(&more), "the schema of {name} takes {more}");
        }
        for member in message.as_object().unwrap().keys() {
            let mut wrong = message.clone();
            wrong[member] = json!([[]]);
            assert!(!takes(&wrong), "{name} takes {wrong}");
            assert!(!schema.is_valid(&wrong), "the schema of {name} takes {wrong}");
        }
    }
}

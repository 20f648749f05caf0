//! The schema of the installed codex, generated once for a test process.

use drawbridge_testkit::home::{real_codex, scratch_dir};
use jsonschema::{ValidationError, Validator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

/// The files we look at.
const FILES: &[&str] = &[
    "ClientNotification.json",
    "ClientRequest.json",
    "ServerNotification.json",
    "ServerRequest.json",
    "CommandExecutionRequestApprovalResponse.json",
    "FileChangeRequestApprovalResponse.json",
    "McpServerElicitationRequestResponse.json",
    "PermissionsRequestApprovalResponse.json",
    "ToolRequestUserInputResponse.json",
    "v1/InitializeResponse.json",
    "v2/ThreadBackgroundTerminalsListResponse.json",
    "v2/ThreadForkResponse.json",
    "v2/ThreadListResponse.json",
    "v2/ThreadLoadedListResponse.json",
    "v2/ThreadReadResponse.json",
    "v2/ThreadResumeResponse.json",
    "v2/ThreadStartResponse.json",
    "v2/TurnStartResponse.json",
];

fn schemas() -> &'static BTreeMap<&'static str, Validator> {
    static GENERATED: OnceLock<BTreeMap<&'static str, Validator>> = OnceLock::new();
    GENERATED.get_or_init(|| {
        let scratch = scratch_dir("schema").expect("a folder");
        let home = scratch.folder("home").expect("a folder");
        let out = scratch.folder("out").expect("a folder");
        let done = Command::new(real_codex())
            .args(["app-server", "generate-json-schema", "--experimental", "--out"])
            .arg(&out)
            .env("CODEX_HOME", &home)
            .output()
            .expect("codex runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let read = |file: &&'static str| {
            let text = std::fs::read_to_string(out.join(file)).expect("the schema file");
            let schema: Value = serde_json::from_str(&text).expect("JSON");
            (*file, jsonschema::validator_for(&schema).expect("a schema"))
        };
        FILES.iter().map(read).collect()
    })
}

/// Whether the value is what the schema file says, and if not, why.
pub(crate) fn validate<'a>(file: &str, value: &'a Value) -> Result<(), ValidationError<'a>> {
    schemas().get(file).expect("a file of FILES").validate(value)
}

/// Asserts that the schema takes the value, and that it takes it no more when one of these members
/// (JSON pointers) is missing or of another type: a schema that takes everything proves nothing.
pub(crate) fn takes_only(file: &str, value: &Value, needed: &[&str]) {
    if let Err(why) = validate(file, value) {
        panic!("{file}: {why}\n{value:#}");
    }
    assert!(!needed.is_empty(), "nothing to corrupt");
    for pointer in needed {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let mut wrong = value.clone();
        let removed = wrong
            .pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .and_then(|map| map.remove(name));
        assert!(removed.is_some(), "{pointer} is not there");
        assert!(
            validate(file, &wrong).is_err(),
            "{file} takes it without {pointer}"
        );

        let mut wrong = value.clone();
        *wrong.pointer_mut(pointer).expect("there") = json!(1.5);
        assert!(
            validate(file, &wrong).is_err(),
            "{file} takes anything as {pointer}"
        );
    }
}

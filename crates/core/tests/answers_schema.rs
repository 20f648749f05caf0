//! Every answer we build for an approval, against the schema that the installed codex generates: a body it
//! cannot read counts as a refusal by everybody.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

use drawbridge_core::approvals::{choices, result_for};
use drawbridge_testkit::home::{real_codex, scratch_dir};
use drawbridge_wire::control::ApprovalKind;
use drawbridge_wire::{Decision, Grant};
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn every_offered_decision_becomes_an_answer_the_app_server_reads() {
    let scratch = scratch_dir("answers").unwrap();
    let out = scratch.folder("out").unwrap();
    let done = Command::new(real_codex())
        .args(["app-server", "generate-json-schema", "--experimental", "--out"])
        .arg(&out)
        .env("CODEX_HOME", scratch.folder("home").unwrap())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let amendment = json!({ "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["touch"] } });
    let rule = |action: &str| json!({ "applyNetworkPolicyAmendment": { "network_policy_amendment": { "action": action, "host": "a.example" } } });
    let network =
        json!({ "network": { "enabled": true }, "fileSystem": { "read": null, "write": ["/srv"] } });
    let table = [
        (
            ApprovalKind::Command,
            json!({ "availableDecisions": ["accept", "acceptForSession", amendment, rule("allow"), rule("deny"), "cancel"] }),
            Value::Null,
            "CommandExecutionRequestApprovalResponse.json",
        ),
        (
            ApprovalKind::FileChange,
            json!({}),
            json!({ "changes": [{ "path": "/a", "kind": { "type": "add" }, "diff": "a" }] }),
            "FileChangeRequestApprovalResponse.json",
        ),
        (
            ApprovalKind::Permissions,
            json!({ "permissions": network }),
            Value::Null,
            "PermissionsRequestApprovalResponse.json",
        ),
        (
            ApprovalKind::UserInput,
            json!({ "questions": [{ "id": "color" }] }),
            Value::Null,
            "ToolRequestUserInputResponse.json",
        ),
        (
            ApprovalKind::Elicitation,
            json!({ "_meta": { "persist": ["session"] } }),
            Value::Null,
            "McpServerElicitationRequestResponse.json",
        ),
        (
            ApprovalKind::Elicitation,
            json!({ "mode": "url", "url": "https://example.org" }),
            Value::Null,
            "McpServerElicitationRequestResponse.json",
        ),
        (
            ApprovalKind::Elicitation,
            json!({ "requestedSchema": { "properties": { "color": { "type": "string" } } } }),
            Value::Null,
            "McpServerElicitationRequestResponse.json",
        ),
    ];
    for (kind, params, item, file) in table {
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(out.join(file)).unwrap()).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        assert!(!schema.is_valid(&json!({})), "{file} takes everything");
        let offered = choices(kind, &params, Some(&item));
        assert!(offered.len() >= 3, "{kind:?} offers only {offered:?}");
        for decision in offered {
            let decision = match decision {
                Decision::Answers(_) => {
                    let reply = json!({ "answers": ["Blue"] });
                    Decision::Answers([("color".to_owned(), reply)].into_iter().collect())
                }
                other => other,
            };
            let mut decisions = vec![decision];
            if kind == ApprovalKind::Permissions {
                let part = json!({ "fileSystem": { "write": ["/srv"] } });
                decisions.push(Decision::Grant(Grant {
                    permissions: part.as_object().unwrap().clone(),
                    session: false,
                    strict_auto_review: true,
                }));
            }
            for decision in decisions {
                let (answer, _) = result_for(kind, &params, &decision);
                let answer = answer.expect("what is offered can be answered");
                if let Err(error) = schema.validate(&answer) {
                    panic!("{kind:?} {decision:?}: {error}\n{answer:#}");
                }
            }
        }
    }
}

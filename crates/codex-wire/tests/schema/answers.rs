//! What we answer.

use crate::id;
use crate::installed::{takes_only, validate};
use drawbridge_codex_wire::RequestId;
use drawbridge_codex_wire::typed::{
    Chosen, CommandAnswer, CommandDecision, ElicitationAction, ElicitationAnswer, FileChangeAnswer,
    FileChangeDecision, GrantScope, PermissionsAnswer, Rest, UserInputAnswer, answer,
};
use serde::Serialize;
use serde_json::{Value, json};

/// The body is the one expected and one the schema takes.
fn answers<A: Serialize>(file: &str, body: &A, expected: &Value, needed: &[&str]) {
    let frame: Value = serde_json::from_str(&answer(&id(), body).unwrap()).unwrap();
    assert_eq!(frame, json!({ "id": 7, "result": expected }));
    takes_only(file, &frame["result"], needed);
}

#[test]
fn commands() {
    let file = "CommandExecutionRequestApprovalResponse.json";
    let amendment = CommandDecision::AcceptWithExecpolicyAmendment {
        amendment: vec!["touch".into()],
    };
    for (decision, expected) in [
        (CommandDecision::Accept, json!("accept")),
        (CommandDecision::AcceptForSession, json!("acceptForSession")),
        (
            amendment,
            json!({ "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["touch"] } }),
        ),
        (CommandDecision::Decline, json!("decline")),
        (CommandDecision::Cancel, json!("cancel")),
    ] {
        answers(
            file,
            &CommandAnswer { decision },
            &json!({ "decision": expected }),
            &["/decision"],
        );
    }
    // The app-server takes an unknown decision for a refusal by everybody, so none may leave us.
    assert!(validate(file, &json!({ "decision": "banana" })).is_err());
}

#[test]
fn file_changes() {
    let file = "FileChangeRequestApprovalResponse.json";
    for (decision, expected) in [
        (FileChangeDecision::Accept, "accept"),
        (FileChangeDecision::AcceptForSession, "acceptForSession"),
        (FileChangeDecision::Decline, "decline"),
        (FileChangeDecision::Cancel, "cancel"),
    ] {
        answers(
            file,
            &FileChangeAnswer { decision },
            &json!({ "decision": expected }),
            &["/decision"],
        );
    }
    assert!(validate(file, &json!({ "decision": "approved" })).is_err());
}

#[test]
fn permissions() {
    let file = "PermissionsRequestApprovalResponse.json";
    let granted: Rest = [("network".to_owned(), json!({ "enabled": true }))]
        .into_iter()
        .collect();
    let body = PermissionsAnswer {
        permissions: granted,
        scope: GrantScope::Session,
    };
    let expected = json!({ "permissions": { "network": { "enabled": true } }, "scope": "session" });
    answers(file, &body, &expected, &["/permissions"]);
    let body = PermissionsAnswer {
        permissions: Rest::new(),
        scope: GrantScope::Turn,
    };
    answers(
        file,
        &body,
        &json!({ "permissions": {}, "scope": "turn" }),
        &["/permissions"],
    );
    assert!(validate(file, &json!({ "permissions": {}, "scope": "always" })).is_err());
}

#[test]
fn questions() {
    let file = "ToolRequestUserInputResponse.json";
    let chosen = Chosen {
        answers: vec!["Blue".into()],
    };
    let body = UserInputAnswer {
        answers: [("color".to_owned(), chosen)].into_iter().collect(),
    };
    let expected = json!({ "answers": { "color": { "answers": ["Blue"] } } });
    answers(file, &body, &expected, &["/answers", "/answers/color/answers"]);
    answers(
        file,
        &UserInputAnswer::default(),
        &json!({ "answers": {} }),
        &["/answers"],
    );
}

#[test]
fn elicitations() {
    let file = "McpServerElicitationRequestResponse.json";
    for (action, word) in [
        (ElicitationAction::Accept, "accept"),
        (ElicitationAction::Decline, "decline"),
        (ElicitationAction::Cancel, "cancel"),
    ] {
        let body = ElicitationAnswer {
            action,
            content: None,
            meta: Some(json!({ "persist": "session" })),
        };
        let expected = json!({ "action": word, "content": null, "_meta": { "persist": "session" } });
        answers(file, &body, &expected, &["/action"]);
    }
    assert!(validate(file, &json!({ "action": "maybe" })).is_err());
}

#[test]
fn an_answer_carries_the_id_as_it_came() {
    let body = FileChangeAnswer {
        decision: FileChangeDecision::Decline,
    };
    let number = answer(&RequestId::Number(0), &body).unwrap();
    assert_eq!(number, r#"{"id":0,"result":{"decision":"decline"}}"#);
    let text = answer(&RequestId::Text("0".into()), &body).unwrap();
    assert_eq!(text, r#"{"id":"0","result":{"decision":"decline"}}"#);
}

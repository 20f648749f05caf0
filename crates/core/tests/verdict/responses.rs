//! What goes back to the remote.

use crate::check;
use drawbridge_core::verdict::redact;
use drawbridge_wire::Role;
use serde_json::{Value, json};

#[test]
fn responses_lose_what_a_remote_must_not_see() {
    let cut = |method: &str, mut result: Value| {
        let rule = check(method, Role::Operator, Value::Null).unwrap();
        redact::apply(rule, &mut result);
        result
    };
    let canary = "CANARY";
    let config = cut(
        "config/read",
        json!({
            "config": {
                "model": "m",
                "sandbox_mode": "read-only",
                "mcp_servers": { "x": { "http_headers": { "Authorization": canary } } },
                "model_providers": { "p": { "experimental_bearer_token": canary } },
                "shell_environment_policy": { "set": { "A": canary } },
                "new_field_of_tomorrow": canary,
            },
            "origins": { "model": { "name": canary } },
            "layers": [{ "config": { "a": canary } }],
            "more": canary,
        }),
    );
    let expected =
        json!({ "config": { "model": "m", "sandbox_mode": "read-only" }, "origins": {}, "layers": [] });
    assert_eq!(config, expected);

    let account = json!({ "type": "chatgpt", "email": canary, "planType": "pro", "workspaceName": canary });
    assert_eq!(
        cut(
            "account/read",
            json!({ "account": account, "userId": canary, "requiresOpenaiAuth": true })
        ),
        json!({
            "account": { "type": "chatgpt", "email": null, "planType": "pro" },
            "requiresOpenaiAuth": true,
        })
    );
    let none = json!({ "account": null, "requiresOpenaiAuth": false });
    assert_eq!(cut("account/read", none.clone()), none);
    // A shape we do not know is not known to be harmless.
    assert_eq!(cut("config/read", json!([canary])), Value::Null);
    assert_eq!(
        cut("config/read", json!({ "config": [canary] })),
        json!({ "config": null })
    );
    assert_eq!(
        cut("config/read", json!({ "layers": { "a": canary } })),
        json!({ "layers": [] })
    );
    assert_eq!(
        cut("hooks/list", json!({ "data": [{ "command": canary }] })),
        json!({ "data": [] })
    );
    let untouched = json!({ "data": [{ "id": "m" }] });
    assert_eq!(cut("model/list", untouched.clone()), untouched);
}

#[test]
fn a_refusal_names_its_rule_and_shows_no_control_characters() {
    let method = format!("\u{1b}[2J{}", "x".repeat(10_000));
    let refusal = check(&method, Role::Operator, Value::Null).unwrap_err();
    let error = refusal.to_error();
    assert!(error.message.contains("unknown_method"), "{}", error.message);
    assert!(!error.message.contains('\u{1b}'));
    assert!(error.message.len() < 1000);
    assert_eq!(error.data, Some(json!({ "rule": "unknown_method" })));

    let name = "a\u{202e}\n";
    let refusal = check("thread/start", Role::Operator, json!({ name: 1 })).unwrap_err();
    assert_eq!(refusal.code(), "parameter");
    let parameter = refusal.parameter.clone().unwrap();
    assert!(
        !parameter.contains('\n') && !refusal.message.contains('\n'),
        "{parameter}"
    );
    assert_eq!(
        refusal.to_error().data,
        Some(json!({ "rule": "parameter", "parameter": parameter }))
    );
}

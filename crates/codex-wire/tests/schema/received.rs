//! What the app-server tells and asks.

use crate::installed::takes_only;
use crate::{THREAD, TURN, thread, turn};
use drawbridge_codex_wire::typed::{
    AgentMessageDelta, CommandApproval, Elicitation, FileChangeApproval, FromServer, ItemCompleted,
    ItemStarted, PermissionsApproval, ServerRequestResolved, ThreadClosed, ThreadSettingsUpdated,
    ThreadStarted, ThreadStatusChanged, TurnCompleted, TurnFailing, TurnStarted, UserInputRequest,
};
use drawbridge_codex_wire::{Envelope, RequestId, Shape};
use serde::Serialize;
use serde_json::{Value, json};

/// Reads the parameters out of a whole frame, as one that was received.
fn read<T: FromServer + Serialize>(frame: &Value, shape: Shape, file: &str, needed: &[&str]) -> T {
    let mut all = vec!["/method", "/params"];
    all.extend(needed);
    takes_only(file, frame, &all);
    let text = frame.to_string();
    let envelope = Envelope::parse(&text).unwrap();
    assert_eq!(envelope.shape(), Some(shape));
    assert_eq!(envelope.method.as_deref(), Some(T::METHOD));
    let params = envelope.params.expect("parameters").get();
    let typed: T = serde_json::from_str(params).unwrap();
    assert_eq!(
        serde_json::to_value(&typed).unwrap(),
        frame["params"],
        "something was lost"
    );
    // Lenient, but not blind: without what it needs it is an error, not a default.
    assert!(serde_json::from_str::<T>("{}").is_err());
    typed
}

fn notified<T: FromServer + Serialize>(params: Value, needed: &[&str]) -> T {
    let frame = json!({ "method": T::METHOD, "params": params, "emittedAtMs": 1_795_272_864_451_u64 });
    read(&frame, Shape::Notification, "ServerNotification.json", needed)
}

fn asked<T: FromServer + Serialize>(params: Value, needed: &[&str]) -> T {
    let frame = json!({ "method": T::METHOD, "id": 0, "params": params });
    read(&frame, Shape::Request, "ServerRequest.json", needed)
}

#[test]
fn threads() {
    let started: ThreadStarted = notified(
        json!({ "thread": thread(&json!({ "type": "idle" })) }),
        &["/params/thread"],
    );
    assert_eq!(
        (started.thread.id.as_str(), started.thread.cwd.as_str()),
        (THREAD, "/srv/project")
    );
    assert!(!started.thread.ephemeral);

    let needed = ["/params/threadId", "/params/status", "/params/status/type"];
    let waiting = json!({ "type": "active", "activeFlags": ["waitingOnApproval"] });
    let changed: ThreadStatusChanged = notified(json!({ "threadId": THREAD, "status": waiting }), &needed);
    assert!(changed.status.is_active() && changed.status.waits_for_a_person());
    for (status, active) in [("idle", false), ("notLoaded", false), ("systemError", false)] {
        let status = json!({ "threadId": THREAD, "status": { "type": status } });
        let changed: ThreadStatusChanged = notified(status, &needed);
        assert_eq!(
            (changed.status.is_active(), changed.status.waits_for_a_person()),
            (active, false)
        );
    }

    let closed: ThreadClosed = notified(json!({ "threadId": THREAD }), &["/params/threadId"]);
    assert_eq!(closed.thread_id, THREAD);

    let settings = json!({
        "cwd": "/srv/project", "approvalPolicy": "never", "approvalsReviewer": "user",
        "sandboxPolicy": { "type": "dangerFullAccess" }, "activePermissionProfile": null,
        "model": "gpt-5.5", "modelProvider": "fake", "serviceTier": null, "effort": null, "summary": null,
        "collaborationMode": {
            "mode": "default",
            "settings": { "model": "gpt-5.5", "reasoning_effort": null, "developer_instructions": null },
        },
        "multiAgentMode": "explicitRequestOnly", "personality": null, "disabledPluginIds": [],
    });
    let updated: ThreadSettingsUpdated = notified(
        json!({ "threadId": THREAD, "threadSettings": settings }),
        &[
            "/params/threadSettings",
            "/params/threadSettings/sandboxPolicy",
            "/params/threadSettings/approvalPolicy",
        ],
    );
    assert_eq!(updated.thread_settings["approvalPolicy"], "never");
}

#[test]
fn turns() {
    let needed = [
        "/params/threadId",
        "/params/turn",
        "/params/turn/id",
        "/params/turn/status",
    ];
    let params = json!({ "threadId": THREAD, "turn": turn("inProgress", &json!([])) });
    let started: TurnStarted = notified(params, &needed);
    assert_eq!(started.turn.id, TURN);

    let said = json!([{ "type": "agentMessage", "id": "msg_1", "text": "done", "phase": null }]);
    let params = json!({ "threadId": THREAD, "turn": turn("completed", &said) });
    let completed: TurnCompleted = notified(params, &needed);
    assert_eq!(completed.turn.items[0].rest["text"], "done");

    let error = json!({
        "message": "unexpected status 500", "codexErrorInfo": "internalServerError", "additionalDetails": null,
    });
    let mut failed = turn("failed", &json!([]));
    failed["error"] = error.clone();
    let completed: TurnCompleted = notified(json!({ "threadId": THREAD, "turn": failed }), &needed);
    assert_eq!(
        completed.turn.error.expect("why").message,
        "unexpected status 500"
    );

    let failing: TurnFailing = notified(
        json!({ "threadId": THREAD, "turnId": TURN, "error": error, "willRetry": true }),
        &["/params/error", "/params/error/message", "/params/willRetry"],
    );
    assert!(failing.will_retry);
}

#[test]
fn items() {
    let at = [
        "/params/threadId",
        "/params/turnId",
        "/params/item",
        "/params/item/id",
        "/params/item/type",
    ];
    let item = json!({
        "type": "fileChange", "id": "call_2", "status": "inProgress",
        "changes": [
            { "path": "/srv/project/a", "kind": { "type": "add" }, "diff": "new\n" },
            { "path": "/srv/project/b", "kind": { "type": "update", "move_path": null }, "diff": "@@ -1 +1 @@\n-a\n+b\n" },
        ],
    });
    let mut needed = at.to_vec();
    needed.extend([
        "/params/item/changes",
        "/params/item/changes/0/path",
        "/params/item/changes/1/diff",
    ]);
    let params =
        json!({ "item": item, "threadId": THREAD, "turnId": TURN, "startedAtMs": 1_795_272_864_475_u64 });
    let started: ItemStarted = notified(params, &needed);
    let changes = started.item.changes.expect("changes");
    assert_eq!(changes[0].path, "/srv/project/a");
    assert_eq!(changes[1].kind["type"], "update");

    let item = json!({
        "type": "commandExecution", "id": "call_1", "command": "/bin/bash -lc 'touch t2'", "cwd": "/srv/project",
        "processId": null, "source": "unifiedExecStartup", "status": "completed",
        "commandActions": [{ "type": "unknown", "command": "touch t2" }],
        "aggregatedOutput": "", "exitCode": 0, "durationMs": 12,
    });
    let params =
        json!({ "item": item, "threadId": THREAD, "turnId": TURN, "completedAtMs": 1_795_272_864_475_u64 });
    let completed: ItemCompleted = notified(params, &at);
    assert_eq!(completed.item.kind, "commandExecution");
    assert_eq!(completed.item.changes, None);
    assert_eq!(completed.item.rest["exitCode"], 0);

    let delta: AgentMessageDelta = notified(
        json!({ "threadId": THREAD, "turnId": TURN, "itemId": "msg_1", "delta": "hello " }),
        &["/params/threadId", "/params/itemId", "/params/delta"],
    );
    assert_eq!(delta.delta, "hello ");
}

#[test]
fn a_resolved_request_keeps_the_kind_of_its_id() {
    for (id, expected) in [
        (json!(0), RequestId::Number(0)),
        (json!("0"), RequestId::Text("0".into())),
    ] {
        let params = json!({ "threadId": THREAD, "requestId": id });
        let resolved: ServerRequestResolved = notified(params, &["/params/threadId", "/params/requestId"]);
        assert_eq!(resolved.request_id, expected);
    }
}

#[test]
fn approvals() {
    let at = ["/params/threadId", "/params/turnId", "/params/itemId"];
    let command: CommandApproval = asked(
        json!({
            "kind": "command", "threadId": THREAD, "turnId": TURN, "itemId": "call_1",
            "startedAtMs": 1_795_272_873_623_u64, "environmentId": "local", "reason": "May I?",
            "command": "/bin/bash -lc 'touch t2'", "cwd": "/srv/project",
            "commandActions": [{ "type": "unknown", "command": "touch t2" }],
            "proposedExecpolicyAmendment": ["touch", "t2"],
            "availableDecisions": [
                "accept", { "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["touch", "t2"] } }, "cancel",
            ],
        }),
        &at,
    );
    assert_eq!(command.command.as_deref(), Some("/bin/bash -lc 'touch t2'"));
    assert_eq!(command.available_decisions.expect("offers").len(), 3);

    let change: FileChangeApproval = asked(
        json!({
            "threadId": THREAD, "turnId": TURN, "itemId": "call_2", "startedAtMs": 1_795_272_873_623_u64,
            "reason": null, "grantRoot": null,
        }),
        &at,
    );
    assert_eq!(change.item_id, "call_2");

    let permissions: PermissionsApproval = asked(
        json!({
            "threadId": THREAD, "turnId": TURN, "itemId": "call_4", "environmentId": "local",
            "cwd": "/srv/project", "reason": "need net", "startedAtMs": 1_795_272_873_623_u64,
            "permissions": {
                "network": { "enabled": true },
                "fileSystem": {
                    "read": null, "write": ["/srv/project"],
                    "entries": [{ "path": { "type": "path", "path": "/srv/project" }, "access": "write" }],
                },
            },
        }),
        &[&at[..], &["/params/cwd", "/params/permissions"]].concat(),
    );
    assert_eq!(permissions.permissions["network"]["enabled"], true);
}

#[test]
fn questions() {
    let at = [
        "/params/threadId",
        "/params/turnId",
        "/params/itemId",
        "/params/questions",
    ];
    let input: UserInputRequest = asked(
        json!({
            "threadId": THREAD, "turnId": TURN, "itemId": "call_3", "isBlocking": true, "autoResolutionMs": null,
            "questions": [{
                "id": "color", "header": "Color", "question": "Which color?", "isOther": true, "isSecret": false,
                "options": [{ "label": "Red", "description": "r" }, { "label": "Blue", "description": "b" }],
            }],
        }),
        &at,
    );
    let question = &input.questions[0];
    assert_eq!((question.id.as_str(), question.is_secret), ("color", false));
    assert_eq!(question.options.as_ref().expect("choices")[1].label, "Blue");

    let elicitation: Elicitation = asked(
        json!({
            "threadId": THREAD, "turnId": TURN, "serverName": "codex-agents", "mode": "form",
            "message": "Allow it?", "requestedSchema": { "type": "object", "properties": {} },
            "_meta": { "codex_approval_kind": "mcp_tool_call", "persist": ["session", "always"] },
        }),
        &[
            "/params/threadId",
            "/params/serverName",
            "/params/mode",
            "/params/message",
        ],
    );
    assert_eq!(elicitation.rest["_meta"]["persist"][0], "session");
}

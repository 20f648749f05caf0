//! What we ask.

use crate::installed::takes_only;
use crate::{THREAD, TURN, id, thread, turn};
use drawbridge_codex_wire::typed::{
    Capabilities, CleanTerminalsParams, ClientInfo, InitializeParams, InitializeResponse,
    ListTerminalsParams, ListTerminalsResponse, LoadedListParams, LoadedListResponse, OpenedThread, Request,
    Rest, ThreadListParams, ThreadListResponse, ThreadReadParams, ThreadReadResponse, ThreadResumeParams,
    ThreadStartParams, ThreadUnsubscribeParams, TurnInterruptParams, TurnStartParams, TurnStartResponse,
    TurnSteerParams, UserInput, request,
};
use serde_json::{Value, json};

fn rest(value: Value) -> Rest {
    match value {
        Value::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

/// The frame is one the schema takes, and what was asked for stands in it.
fn sends<P: Request>(params: &P, expected: Value, needed: &[&str]) {
    let text = request(&id(), params).unwrap();
    let frame: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(frame, json!({ "id": 7, "method": P::METHOD, "params": expected }));
    let mut all = vec!["/method"];
    all.extend(needed);
    takes_only("ClientRequest.json", &frame, &all);
}

#[test]
fn initialize() {
    let params = InitializeParams {
        client_info: ClientInfo {
            name: "drawbridge".into(),
            title: None,
            version: "0.1.0".into(),
        },
        capabilities: Some(Capabilities {
            experimental_api: true,
            opt_out_notification_methods: Some(vec!["item/agentMessage/delta".into()]),
            request_attestation: false,
            rest: Rest::new(),
        }),
    };
    let expected = json!({
        "clientInfo": { "name": "drawbridge", "title": null, "version": "0.1.0" },
        "capabilities": {
            "experimentalApi": true,
            "optOutNotificationMethods": ["item/agentMessage/delta"],
            "requestAttestation": false,
        },
    });
    sends(
        &params,
        expected,
        &[
            "/params/clientInfo",
            "/params/clientInfo/name",
            "/params/clientInfo/version",
        ],
    );
    takes_only(
        "ClientNotification.json",
        &json!({ "method": "initialized" }),
        &["/method"],
    );

    let answer = json!({
        "userAgent": "drawbridge/0.169.0", "codexHome": "/srv/home", "platformFamily": "unix",
        "platformOs": "linux",
    });
    takes_only(
        "v1/InitializeResponse.json",
        &answer,
        &["/userAgent", "/codexHome"],
    );
    let read: InitializeResponse = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(
        (read.user_agent.as_str(), read.codex_home.as_str()),
        ("drawbridge/0.169.0", "/srv/home")
    );
    assert_eq!(serde_json::to_value(read).unwrap(), answer);
}

/// A client that declares what we do not know keeps it.
#[test]
fn capabilities_we_do_not_know_survive() {
    let declared = json!({
        "experimentalApi": true, "requestAttestation": false, "requiredHumanApproval": true, "tomorrow": [1],
    });
    let read: Capabilities = serde_json::from_value(declared.clone()).unwrap();
    assert!(read.experimental_api);
    assert_eq!(serde_json::to_value(read).unwrap(), declared);
}

#[test]
fn threads_are_started_and_resumed() {
    let server = json!({ "url": "http://127.0.0.1:9200/mcp", "bearer_token_env_var": "A_TOKEN" });
    let config = rest(json!({ "mcp_servers": { "codex-agents": server } }));
    let params = ThreadStartParams {
        cwd: Some("/srv/project".into()),
        approval_policy: Some(json!("on-request")),
        approvals_reviewer: Some("user".into()),
        sandbox: Some("workspace-write".into()),
        config: Some(config.clone()),
        rest: rest(json!({ "model": "gpt-5.5" })),
    };
    let expected = json!({
        "cwd": "/srv/project", "approvalPolicy": "on-request", "approvalsReviewer": "user",
        "sandbox": "workspace-write", "config": config, "model": "gpt-5.5",
    });
    sends(&params, expected, &[]);
    // What is optional is still held to its kind.
    for wrong in [
        json!({ "sandbox": { "type": "readOnly" } }),
        json!({ "approvalPolicy": "sometimes" }),
        json!({ "config": [] }),
    ] {
        let frame = json!({ "id": 1, "method": "thread/start", "params": wrong });
        assert!(
            crate::installed::validate("ClientRequest.json", &frame).is_err(),
            "{frame}"
        );
    }

    let params = ThreadResumeParams {
        thread_id: THREAD.into(),
        exclude_turns: true,
        config: None,
        rest: Rest::new(),
    };
    sends(
        &params,
        json!({ "threadId": THREAD, "excludeTurns": true }),
        &["/params/threadId"],
    );

    let opened = json!({
        "thread": thread(&json!({ "type": "idle" })),
        "model": "gpt-5.5", "modelProvider": "fake", "serviceTier": null, "disabledPluginIds": [],
        "cwd": "/srv/project", "runtimeWorkspaceRoots": ["/srv/project"], "instructionSources": [],
        "approvalPolicy": "on-request", "approvalsReviewer": "user",
        "sandbox": {
            "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
        },
        "activePermissionProfile": null, "reasoningEffort": null, "multiAgentMode": "explicitRequestOnly",
    });
    let needed = [
        "/thread",
        "/thread/id",
        "/thread/cwd",
        "/cwd",
        "/approvalPolicy",
        "/sandbox",
        "/approvalsReviewer",
    ];
    for file in [
        "v2/ThreadStartResponse.json",
        "v2/ThreadResumeResponse.json",
        "v2/ThreadForkResponse.json",
    ] {
        takes_only(file, &opened, &needed);
    }
    let read: OpenedThread = serde_json::from_value(opened.clone()).unwrap();
    assert_eq!(
        (read.thread.id.as_str(), read.cwd.as_str()),
        (THREAD, "/srv/project")
    );
    assert_eq!(read.approval_policy, "on-request");
    assert_eq!(read.sandbox["type"], "workspaceWrite");
    assert_eq!(read.approvals_reviewer, "user");
    assert_eq!(serde_json::to_value(read).unwrap(), opened);
}

#[test]
fn threads_are_read_and_listed() {
    let params = ThreadReadParams {
        thread_id: THREAD.into(),
        include_turns: true,
    };
    sends(
        &params,
        json!({ "threadId": THREAD, "includeTurns": true }),
        &["/params/threadId"],
    );
    let answer = json!({ "thread": thread(&json!({ "type": "notLoaded" })) });
    takes_only(
        "v2/ThreadReadResponse.json",
        &answer,
        &["/thread", "/thread/id", "/thread/cwd"],
    );
    let read: ThreadReadResponse = serde_json::from_value(answer).unwrap();
    assert!(!read.thread.status.expect("a status").is_active());

    let params = ThreadListParams {
        limit: Some(10),
        cursor: None,
        rest: rest(json!({ "archived": false })),
    };
    sends(&params, json!({ "limit": 10, "archived": false }), &[]);
    let answer = json!({
        "data": [thread(&json!({ "type": "idle" }))], "readStates": {}, "nextCursor": null,
        "backwardsCursor": null,
    });
    takes_only("v2/ThreadListResponse.json", &answer, &["/data", "/data/0/cwd"]);
    let read: ThreadListResponse = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(read.data[0].cwd, "/srv/project");
    assert_eq!(serde_json::to_value(read).unwrap(), answer);

    sends(&LoadedListParams { cursor: None }, json!({}), &[]);
    let answer = json!({ "data": [THREAD], "nextCursor": null });
    takes_only("v2/ThreadLoadedListResponse.json", &answer, &["/data"]);
    let read: LoadedListResponse = serde_json::from_value(answer).unwrap();
    assert_eq!(read.data, [THREAD]);

    sends(
        &ThreadUnsubscribeParams {
            thread_id: THREAD.into(),
        },
        json!({ "threadId": THREAD }),
        &["/params/threadId"],
    );
}

#[test]
fn background_terminals_are_listed_and_ended() {
    let of_thread = json!({ "threadId": THREAD });
    let list = ListTerminalsParams {
        thread_id: THREAD.into(),
    };
    sends(&list, of_thread.clone(), &["/params/threadId"]);
    let clean = CleanTerminalsParams {
        thread_id: THREAD.into(),
    };
    sends(&clean, of_thread, &["/params/threadId"]);
    let answer = json!({
        "data": [{
            "itemId": "call_1", "processId": "3", "command": "sleep 100", "cwd": "/srv/project", "osPid": null,
            "cpuPercent": null, "rssKb": null,
        }],
        "nextCursor": null,
    });
    takes_only(
        "v2/ThreadBackgroundTerminalsListResponse.json",
        &answer,
        &["/data", "/data/0/command"],
    );
    let read: ListTerminalsResponse = serde_json::from_value(answer).unwrap();
    assert_eq!(read.data.len(), 1);
}

#[test]
fn turns_are_started_steered_and_interrupted() {
    let words = json!([{ "type": "text", "text": "hello" }]);
    let params = TurnStartParams {
        thread_id: THREAD.into(),
        input: vec![UserInput::text("hello")],
        approval_policy: Some(json!("untrusted")),
        sandbox_policy: Some(json!({ "type": "readOnly", "networkAccess": false })),
        rest: Rest::new(),
    };
    let expected = json!({
        "threadId": THREAD, "input": words, "approvalPolicy": "untrusted",
        "sandboxPolicy": { "type": "readOnly", "networkAccess": false },
    });
    let needed = [
        "/params/threadId",
        "/params/input",
        "/params/input/0/text",
        "/params/sandboxPolicy/type",
    ];
    sends(&params, expected, &needed);
    let answer = json!({ "turn": turn("inProgress", &json!([])) });
    takes_only(
        "v2/TurnStartResponse.json",
        &answer,
        &["/turn", "/turn/id", "/turn/status"],
    );
    let read: TurnStartResponse = serde_json::from_value(answer).unwrap();
    assert_eq!(
        (read.turn.id.as_str(), read.turn.status.as_str()),
        (TURN, "inProgress")
    );

    let params = TurnSteerParams {
        thread_id: THREAD.into(),
        input: vec![UserInput::text("hello")],
        expected_turn_id: TURN.into(),
        rest: Rest::new(),
    };
    let expected = json!({ "threadId": THREAD, "input": words, "expectedTurnId": TURN });
    sends(
        &params,
        expected,
        &["/params/threadId", "/params/input", "/params/expectedTurnId"],
    );

    let params = TurnInterruptParams {
        thread_id: THREAD.into(),
        turn_id: TURN.into(),
    };
    sends(
        &params,
        json!({ "threadId": THREAD, "turnId": TURN }),
        &["/params/threadId", "/params/turnId"],
    );
}

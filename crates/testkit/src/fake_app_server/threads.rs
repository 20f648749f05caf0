//! Threads whose model repeats the prompt, in the shapes of the real server's schema.

use super::reply::Reply;
use super::server::FakeAppServer;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The version the fake claims to be.
const VERSION: &str = "0.169.0";

/// The answer to `initialize`.
pub(super) fn greeting(frame: &Value) -> Value {
    let client = frame
        .pointer("/params/clientInfo/name")
        .and_then(Value::as_str)
        .unwrap_or("nobody");
    json!({
        "userAgent": format!("{client}/{VERSION} (fake)"),
        "codexHome": std::env::var("CODEX_HOME").unwrap_or_default(),
        "platformFamily": std::env::consts::FAMILY,
        "platformOs": std::env::consts::OS,
    })
}

#[derive(Default)]
struct Threads(Mutex<Vec<Value>>);

impl Threads {
    fn all(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, frame: &Value) -> Result<Value, Reply> {
        let id = frame
            .pointer("/params/threadId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let found = self.all().iter().find(|thread| thread["id"] == id).cloned();
        found.ok_or_else(|| Reply::error(-32600, format!("thread not found: {id}")))
    }
}

/// Installs the replies.
pub(super) fn install(server: &FakeAppServer) {
    let threads = Arc::new(Threads::default());

    let known = Arc::clone(&threads);
    server.on("thread/start", move |frame| {
        let params = &frame["params"];
        let mut all = known.all();
        let thread = thread(
            &format!("fake-thread-{}", all.len()),
            params["cwd"].as_str().unwrap_or("/"),
        );
        all.push(thread.clone());
        let started = notification("thread/started", &json!({"thread": thread}));
        Reply::result(opened(&thread, params)).then_all(started)
    });

    let known = Arc::clone(&threads);
    server.on("thread/resume", move |frame| match known.find(frame) {
        Ok(thread) => Reply::result(opened(&thread, &frame["params"])),
        Err(missing) => missing,
    });

    let known = Arc::clone(&threads);
    server.on("thread/read", move |frame| match known.find(frame) {
        Ok(thread) => Reply::result(json!({"thread": thread})),
        Err(missing) => missing,
    });

    let known = Arc::clone(&threads);
    server.on("thread/list", move |_| {
        let newest_first: Vec<Value> = known.all().iter().rev().cloned().collect();
        Reply::result(
            json!({"data": newest_first, "readStates": {}, "nextCursor": null, "backwardsCursor": null}),
        )
    });

    let known = Arc::clone(&threads);
    server.on("thread/loaded/list", move |_| {
        let ids: Vec<Value> = known.all().iter().map(|thread| thread["id"].clone()).collect();
        Reply::result(json!({"data": ids, "nextCursor": null}))
    });

    server.on("thread/unsubscribe", |_| {
        Reply::result(json!({"status": "unsubscribed"}))
    });
    server.on("thread/backgroundTerminals/list", |_| {
        Reply::result(json!({"data": [], "nextCursor": null}))
    });
    server.on("config/read", |_| {
        Reply::result(json!({"config": {}, "origins": {}}))
    });

    server.on("turn/start", move |frame| match threads.find(frame) {
        Ok(thread) => turn(&thread, frame),
        Err(missing) => missing,
    });
}

fn thread(id: &str, cwd: &str) -> Value {
    json!({
        "id": id, "sessionId": id, "projectId": null, "cwd": cwd, "preview": "", "ephemeral": false,
        "modelProvider": "fake", "cliVersion": VERSION, "source": "vscode", "status": {"type": "idle"},
        "createdAt": 1, "updatedAt": 1, "turns": [],
    })
}

/// The answer to a start or resume: what was asked for, else the real defaults.
fn opened(thread: &Value, params: &Value) -> Value {
    let sandbox = match params["sandbox"].as_str() {
        Some("danger-full-access") => json!({"type": "dangerFullAccess"}),
        Some("workspace-write") => json!({
            "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
        }),
        _ => json!({"type": "readOnly", "networkAccess": false}),
    };
    let policy = params.get("approvalPolicy").filter(|policy| !policy.is_null());
    json!({
        "thread": thread, "model": "fake-model", "modelProvider": "fake", "cwd": thread["cwd"],
        "approvalPolicy": policy.unwrap_or(&json!("on-request")), "approvalsReviewer": "user", "sandbox": sandbox,
        "reasoningEffort": null,
    })
}

fn turn(thread: &Value, frame: &Value) -> Reply {
    let thread_id = &thread["id"];
    let text = frame
        .pointer("/params/input/0/text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let turn_id = format!("fake-turn-{}", frame["id"].to_string().replace('"', ""));
    let turn = |status: &str| json!({"id": turn_id, "items": [], "itemsView": "notLoaded", "status": status, "error": null});
    let item = |text: &str| json!({"type": "agentMessage", "id": format!("msg-{turn_id}"), "text": text});
    let status = |status: Value| {
        notification(
            "thread/status/changed",
            &json!({"threadId": thread_id, "status": status}),
        )
    };
    let event = |method: &str, mut params: Value| {
        params["threadId"] = thread_id.clone();
        params["turnId"] = turn_id.clone().into();
        notification(method, &params)
    };
    Reply::result(json!({"turn": turn("inProgress")}))
        .then(status(json!({"type": "active", "activeFlags": []})))
        .then(notification(
            "turn/started",
            &json!({"threadId": thread_id, "turn": turn("inProgress")}),
        ))
        .then(event("item/started", json!({"item": item(""), "startedAtMs": 1})))
        .then(event(
            "item/agentMessage/delta",
            json!({"itemId": item("")["id"], "delta": text}),
        ))
        .then(event(
            "item/completed",
            json!({"item": item(text), "completedAtMs": 2}),
        ))
        .then(status(json!({"type": "idle"})))
        .then(notification(
            "turn/completed",
            &json!({"threadId": thread_id, "turn": turn("completed")}),
        ))
}

fn notification(method: &str, params: &Value) -> String {
    json!({"method": method, "params": params, "emittedAtMs": 1}).to_string()
}

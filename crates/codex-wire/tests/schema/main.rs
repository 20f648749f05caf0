//! Every frame shape we send or read, against the schema that the installed codex generates.
//!
//! Samples are frames as they were seen on the wire (0.169.0), with ids and folders of our own.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::needless_pass_by_value, reason = "samples read best as arguments")]

mod answers;
mod installed;
mod received;
mod sent;

use drawbridge_codex_wire::RequestId;
use serde_json::{Value, json};

const THREAD: &str = "01a1fe99-0000-7000-8000-000000000001";
const TURN: &str = "01a1fe99-0000-7000-8000-000000000002";

fn id() -> RequestId {
    RequestId::Number(7)
}

/// A thread as the app-server shows it.
fn thread(status: &Value) -> Value {
    json!({
        "id": THREAD, "sessionId": THREAD, "extra": null, "forkedFromId": null, "parentThreadId": null,
        "environments": [{
            "environmentId": "local", "cwd": "/srv/project", "runtimeWorkspaceRoots": ["/srv/project"],
        }],
        "preview": "hello", "ephemeral": false, "section": null, "projectId": null,
        "historyMode": "paginated", "modelProvider": "fake", "model": "gpt-5.5", "reasoningEffort": null,
        "createdAt": 1_795_272_855, "updatedAt": 1_795_272_855, "recencyAt": 1_795_272_855,
        "status": status, "path": "/srv/home/rollout.jsonl", "cwd": "/srv/project", "cliVersion": "0.169.0",
        "originator": "drawbridge", "source": "vscode", "threadSource": "user", "gitInfo": null,
        "name": null, "turns": [],
    })
}

/// A turn as the app-server shows it.
fn turn(status: &str, items: &Value) -> Value {
    json!({
        "id": TURN, "rootTurnId": TURN, "items": items, "itemsView": "notLoaded", "status": status,
        "error": null, "startedAt": 1_795_272_864, "completedAt": null, "durationMs": null,
    })
}

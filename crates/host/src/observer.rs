//! The host's own eyes in the app-server: a subscription while a thread is active.

use crate::inject;
use crate::policy::McpServer;
use drawbridge_codex::{CallError, Endpoint, Peer};
use serde_json::{Map, Value, json};
use std::time::Duration;

const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// In the first moments of a first turn a thread cannot be resumed yet (observed, 0.169.0: 50 ms).
const PAUSES_MS: [u64; 8] = [20, 50, 100, 200, 400, 800, 1600, 3200];

/// Subscribes to a thread. `None` when it is not to be had.
pub(crate) async fn subscribe(peer: &Peer, thread: &str, mcp: Option<&McpServer>) -> Option<Value> {
    resume(peer, thread, true, mcp).await
}

async fn resume(peer: &Peer, thread: &str, exclude_turns: bool, mcp: Option<&McpServer>) -> Option<Value> {
    let mut params = Map::new();
    params.insert("threadId".to_owned(), json!(thread));
    params.insert("excludeTurns".to_owned(), json!(exclude_turns));
    if exclude_turns {
        // Nobody tells of a turn that has begun already.
        let newest = json!({ "limit": 1, "sortDirection": "desc", "itemsView": "notLoaded" });
        params.insert("initialTurnsPage".to_owned(), newest);
    }
    if let Some(mcp) = mcp {
        inject::into_thread(&mut params, mcp);
    }
    for pause in PAUSES_MS {
        match peer
            .request("thread/resume", Value::Object(params.clone()), CALL_DEADLINE)
            .await
        {
            Ok(result) => return Some(result),
            Err(CallError::Rpc(error)) if passes(error.code, &error.message) => {}
            Err(error) => {
                tracing::debug!(%error, thread, "not observed");
                return None;
            }
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    None
}

/// The turn that runs, by what [`subscribe`] answered.
pub(crate) fn running_turn(result: &Value) -> Option<&str> {
    let newest = result.pointer("/initialTurnsPage/data/0")?;
    let runs = newest.get("status").and_then(Value::as_str) == Some("inProgress");
    newest.get("id").and_then(Value::as_str).filter(|_| runs)
}

/// Failures that pass by themselves.
fn passes(code: i64, message: &str) -> bool {
    code == -32001
        || message.contains("no rollout found")
        || message.contains("list_turns is not supported yet")
}

/// Lets go of an idle thread, unless a background terminal still runs in it. Returns whether it did.
pub(crate) async fn unsubscribe_if_quiet(peer: &Peer, thread: &str) -> bool {
    let params = json!({ "threadId": thread });
    let terminals = peer
        .request("thread/backgroundTerminals/list", params.clone(), CALL_DEADLINE)
        .await;
    let quiet = terminals
        .ok()
        .and_then(|list| list.get("data").and_then(Value::as_array).map(Vec::is_empty))
        .unwrap_or(false);
    quiet
        && peer
            .request("thread/unsubscribe", params, CALL_DEADLINE)
            .await
            .is_ok()
}

/// Where a thread is.
pub(crate) async fn read(peer: &Peer, thread: &str) -> Option<Value> {
    let params = json!({ "threadId": thread, "includeTurns": false });
    peer.request("thread/read", params, CALL_DEADLINE).await.ok()
}

/// The item of a pending file change: only a full resume has it (observed, 0.169.0), on a short
/// connection of its own because the answer can be megabytes.
pub(crate) async fn fetch_item(endpoint: &Endpoint, thread: &str, item_id: &str) -> Option<Value> {
    let (peer, mut incoming) = Peer::start(endpoint.dial().await.ok()?);
    // What else arrives on it is of no interest, but must not fill the queue.
    tokio::spawn(async move { while incoming.recv().await.is_some() {} });
    let hello = json!({ "clientInfo": { "name": "drawbridge", "version": env!("CARGO_PKG_VERSION") },
                        "capabilities": { "experimentalApi": true } });
    peer.request("initialize", hello, CALL_DEADLINE).await.ok()?;
    peer.notify("initialized", json!({})).await.ok()?;
    let result = resume(&peer, thread, false, None).await?;
    let turns = result.pointer("/thread/turns")?.as_array()?;
    turns
        .iter()
        .rev()
        .filter_map(|turn| turn.get("items")?.as_array())
        .flatten()
        .find(|item| item.get("id").and_then(Value::as_str) == Some(item_id))
        .cloned()
}

/// Id and item of an `item/*` notification about a file change.
pub(crate) fn file_change(params: &Value) -> Option<(String, Value)> {
    let item = params.get("item")?;
    let is = item.get("type").and_then(Value::as_str) == Some("fileChange");
    let id = item.get("id").and_then(Value::as_str)?;
    is.then(|| (id.to_owned(), item.clone()))
}

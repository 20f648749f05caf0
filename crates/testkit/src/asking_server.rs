//! An MCP server that asks the person in front of its client.
//!
//! What its tool `ask` asks stands in the arguments of the call: they are the parameters of
//! `elicitation/create` as they are. The tool answers with the client's whole reply as text, so that a test
//! finds it in the model's next request. The tool `write` says that it changes something, so that the client
//! asks before it runs; it answers `written`.

use crate::Error;
use crate::loopback::{Loopback, Stop};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{oneshot, watch};

/// The running server. It ends when it is dropped.
#[derive(Debug)]
pub struct AskingServer {
    listener: Loopback,
    client: watch::Receiver<Value>,
}

struct Shared {
    client: watch::Sender<Value>,
    /// Questions that wait, by the id of their request.
    waiting: Mutex<HashMap<String, oneshot::Sender<Value>>>,
    stop: Stop,
}

impl AskingServer {
    /// Starts it on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self, Error> {
        let (sender, stop) = Stop::pair();
        let (told, client) = watch::channel(Value::Null);
        let shared = Arc::new(Shared {
            client: told,
            waiting: Mutex::default(),
            stop,
        });
        // A GET would open a stream for what belongs to no request; it is answered 405, which a client must take.
        let router = Router::new().route("/mcp", post(take)).with_state(shared);
        let listener = Loopback::serve(router, sender).await?;
        Ok(Self { listener, client })
    }

    /// A table of codex's `config.toml` that names this server.
    #[must_use]
    pub fn table(&self, name: &str) -> String {
        format!(
            "[mcp_servers.{name}]\nurl = \"http://{}/mcp\"\n",
            self.listener.address()
        )
    }

    /// What the client last said about itself in `initialize`; null before it did.
    #[must_use]
    pub fn client(&self) -> Value {
        self.client.borrow().clone()
    }

    /// Ends it, with every question that waits.
    pub async fn shutdown(self) {
        self.listener.shutdown().await;
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn take(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let id = message.get("id").cloned();
    match (message.get("method").and_then(Value::as_str), id) {
        (Some("tools/call"), Some(id)) if message["params"]["name"] == "ask" => {
            ask(&shared, id, &message["params"])
        }
        (Some(method), Some(id)) => {
            axum::Json(answer(&shared, method, &id, &message["params"])).into_response()
        }
        (Some(_), None) => StatusCode::ACCEPTED.into_response(),
        (None, id) => {
            let known = id.and_then(|id| shared.waiting().remove(id.as_str()?));
            if let Some(reply) = known {
                // The question may have been given up.
                let _gone = reply.send(message);
            }
            StatusCode::ACCEPTED.into_response()
        }
    }
}

fn answer(shared: &Shared, method: &str, id: &Value, params: &Value) -> Value {
    let result = match method {
        "initialize" => {
            shared.client.send_replace(params.clone());
            json!({
                "protocolVersion": params["protocolVersion"],
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "asking", "version": "1" },
            })
        }
        "ping" => json!({}),
        "tools/list" => json!({ "tools": [
            {
                "name": "ask",
                "description": "Asks the person",
                "inputSchema": { "type": "object" },
                "annotations": { "readOnlyHint": true, "destructiveHint": false, "openWorldHint": false },
            },
            {
                "name": "write",
                "description": "Writes something down",
                "inputSchema": { "type": "object" },
                "annotations": { "readOnlyHint": false, "destructiveHint": true },
            },
        ] }),
        "tools/call" => tool_said("written"),
        other => {
            let error = json!({ "code": -32601, "message": format!("no method {other}") });
            return json!({ "jsonrpc": "2.0", "id": id, "error": error });
        }
    };
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// The call's own response carries the question first, and the tool's answer once the client has replied.
fn ask(shared: &Arc<Shared>, id: Value, params: &Value) -> Response {
    let question = format!("question-{id}");
    let (sender, reply) = oneshot::channel();
    shared.waiting().insert(question.clone(), sender);
    let asked = event(&json!({
        "jsonrpc": "2.0",
        "id": question,
        "method": "elicitation/create",
        "params": params["arguments"],
    }));
    let mut stop = shared.stop.clone();
    let answered = async move {
        let text = tokio::select! {
            reply = reply => reply.map_or_else(|_| "asked again".to_owned(), |reply| said(&reply).to_string()),
            () = stop.stopped() => "the server ends".to_owned(),
        };
        event(&json!({ "jsonrpc": "2.0", "id": id, "result": tool_said(&text) }))
    };
    let stream = futures_util::StreamExt::chain(
        futures_util::stream::iter([asked]),
        futures_util::stream::once(answered),
    );
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(stream)).into_response()
}

fn tool_said(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": false })
}

/// The result, or the error, of a reply.
fn said(reply: &Value) -> &Value {
    reply.get("result").unwrap_or(&reply["error"])
}

fn event(message: &Value) -> Result<Bytes, std::convert::Infallible> {
    Ok(format!("event: message\ndata: {message}\n\n").into())
}

//! One client of `control.sock`.

#![allow(
    clippy::result_large_err,
    reason = "the WebSocket library wants its refusals as whole responses"
)]

use crate::doors::{Doors, config, no_origin};
use crate::event::{ControlEvent, ControlReply, Event};
use drawbridge_codex_wire::RequestId;
use drawbridge_codex_wire::strict::parse_object;
use drawbridge_local::door::Stream;
use drawbridge_wire::control::{MAX_FRAME, Notification, Request};
use drawbridge_wire::link::TunnelEnd;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request as Upgrade, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Changes that may wait for a client that does not read; beyond that it loses its connection, never a
/// change: it comes back and takes a snapshot.
const DELTAS: usize = 1024;
const DEADLINE: Duration = Duration::from_secs(10);
/// Requests of one client that may wait for a bus or a keyring at the same time.
const SLOW_AT_ONCE: usize = 4;

/// Serves one client until it goes.
pub(crate) async fn serve(stream: Stream, pid: Option<u32>, doors: &Doors) {
    let check = |upgrade: &Upgrade, response: Response| no_origin(upgrade).map_err(|e| *e).map(|()| response);
    let accept = Box::pin(accept_hdr_async_with_config(
        stream,
        check,
        Some(config(MAX_FRAME)),
    ));
    let Ok(Ok(mut socket)) = tokio::time::timeout(DEADLINE, accept).await else {
        return;
    };
    let id = doors.number();
    let (outbox, mut deltas) = mpsc::channel::<Notification>(DELTAS);
    if doors
        .events
        .send(Event::Control(id, ControlEvent::Opened { pid, outbox }))
        .await
        .is_err()
    {
        return;
    }
    // Answers that take their time.
    let (late, mut answers) = mpsc::channel::<String>(SLOW_AT_ONCE);
    let slow = Arc::new(Semaphore::new(SLOW_AT_ONCE));
    let mut initialized = false;
    let initialize_by = tokio::time::Instant::now() + doors.limits.initialize;
    let mut why = None;
    loop {
        let text = tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => match read(&text) {
                    Err((id, message)) => error(id.as_ref(), "bad_request", &message),
                    Ok((request_id, request)) if request.patience() > DEADLINE => {
                        let Ok(place) = slow.clone().try_acquire_owned() else {
                            let message = "too much is asked at once; wait for an answer first";
                            late_error(&late, &request_id, message);
                            continue;
                        };
                        let (doors, late) = (doors.clone(), late.clone());
                        tokio::spawn(async move {
                            let answered = answer(request_id, request, id, &doors).await;
                            // The client may be gone.
                            let _ = late.send(answered.text).await;
                            drop(place);
                        });
                        continue;
                    }
                    Ok((request_id, request)) => {
                        let answered = answer(request_id, request, id, doors).await;
                        initialized |= answered.initialized;
                        answered.text
                    }
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => continue,
            },
            delta = deltas.recv() => match delta {
                Some(delta) => serde_json::to_string(&delta).unwrap_or_default(),
                None => break,
            },
            Some(text) = answers.recv() => text,
            () = tokio::time::sleep_until(initialize_by), if !initialized => {
                why = Some(CloseFrame {
                    code: CloseCode::Policy,
                    reason: TunnelEnd::NotInitialized.word().into(),
                });
                break;
            }
        };
        match tokio::time::timeout(DEADLINE, socket.send(Message::text(text))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    // The loop ends only with the host.
    let _ = doors.events.send(Event::Control(id, ControlEvent::Closed)).await;
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(why)).await;
}

/// What a frame is answered with.
struct Answered {
    text: String,
    /// It was a good `initialize`.
    initialized: bool,
}

async fn answer(id: RequestId, request: Request, connection: u64, doors: &Doors) -> Answered {
    let text = |text| Answered {
        text,
        initialized: false,
    };
    let patience = request.patience();
    let (reply, wait) = oneshot::channel();
    let event = Event::Control(connection, ControlEvent::Request { request, reply });
    let replied = async {
        doors.events.send(event).await.ok()?;
        wait.await.ok()
    };
    match tokio::time::timeout(patience, replied).await {
        Ok(Some(reply)) => {
            let initialized = matches!(reply, ControlReply::Initialized(_));
            let text = match result(reply) {
                Ok(result) => json!({ "id": id, "result": result }).to_string(),
                Err((code, message)) => error(Some(&id), &code, &message),
            };
            Answered { text, initialized }
        }
        Ok(None) => text(error(Some(&id), "stopping", "the host is stopping")),
        Err(_) => text(error(
            Some(&id),
            "timeout",
            "it takes too long; `drawbridge status` shows what became of it",
        )),
    }
}

fn late_error(late: &mpsc::Sender<String>, id: &RequestId, message: &str) {
    // Full only when the client does not read what it asked for.
    let _ = late.try_send(error(Some(id), "busy", message));
}

fn read(text: &str) -> Result<(RequestId, Request), (Option<RequestId>, String)> {
    let mut map = parse_object(text).map_err(|wrong| (None, wrong.to_string()))?;
    map.remove("jsonrpc");
    let id = map
        .remove("id")
        .and_then(|id| serde_json::from_value::<RequestId>(id).ok());
    let id = id.ok_or((None, "a request has an `id`, a whole number or a text".to_owned()))?;
    if map.get("params").is_none_or(Value::is_null) {
        map.insert("params".to_owned(), json!({}));
    }
    match serde_json::from_value(Value::Object(map)) {
        Ok(request) => Ok((id, request)),
        Err(wrong) => Err((Some(id), wrong.to_string())),
    }
}

fn result(reply: ControlReply) -> Result<Value, (String, String)> {
    let value =
        |result: serde_json::Result<Value>| result.map_err(|e| ("internal".to_owned(), e.to_string()));
    match reply {
        ControlReply::Initialized(view) | ControlReply::Snapshot(view) => value(serde_json::to_value(view)),
        ControlReply::Answered(result) => value(serde_json::to_value(result)),
        ControlReply::Link(link) => value(serde_json::to_value(link)),
        ControlReply::Vault(vault) => value(serde_json::to_value(vault)),
        ControlReply::Exported(file) => value(serde_json::to_value(file)),
        ControlReply::Offer(offer) => value(serde_json::to_value(offer)),
        ControlReply::Imported(report) => value(serde_json::to_value(report)),
        ControlReply::Processes(view) => value(serde_json::to_value(view)),
        ControlReply::Logs(lines) => Ok(json!({ "lines": lines })),
        ControlReply::Done => Ok(json!({})),
        ControlReply::Error { code, message } => Err((code, message)),
    }
}

fn error(id: Option<&RequestId>, code: &str, message: &str) -> String {
    json!({ "id": id, "error": { "code": -32600, "message": message, "data": { "code": code } } }).to_string()
}

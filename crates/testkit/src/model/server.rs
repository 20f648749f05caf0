//! The HTTP server around the script.

use super::events::beats;
use super::plan::{Answer, answer, tool_outputs};
use super::step::Step;
use super::stream::{Beat, Ids};
use crate::Error;
use crate::loopback::{Loopback, Stop};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// One request of codex, as it came.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Value,
}

impl ModelRequest {
    /// What the tools gave back, oldest first: this is how a test sees what a command printed.
    #[must_use]
    pub fn tool_outputs(&self) -> Vec<String> {
        tool_outputs(&self.body)
    }
}

/// A model that does what the prompt says (see [`Step`]). It ends when it is dropped.
#[derive(Debug)]
pub struct ScriptedModel {
    listener: Loopback,
    seen: watch::Receiver<Vec<Arc<ModelRequest>>>,
}

struct Shared {
    ids: Ids,
    seen: watch::Sender<Vec<Arc<ModelRequest>>>,
    stop: Stop,
}

impl ScriptedModel {
    /// Starts it on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self, Error> {
        let (sender, stop) = Stop::pair();
        let (requests, seen) = watch::channel(Vec::new());
        let shared = Arc::new(Shared {
            ids: Ids::new(),
            seen: requests,
            stop,
        });
        let router = Router::new()
            .route("/v1/responses", post(respond))
            .route(
                "/v1/models",
                get(|| async { axum::Json(json!({"object": "list", "data": []})) }),
            )
            // A request carries the whole history of its thread.
            .layer(DefaultBodyLimit::disable())
            .with_state(shared);
        let listener = Loopback::serve(router, sender).await?;
        Ok(Self { listener, seen })
    }

    /// What goes into codex's configuration as `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.listener.address())
    }

    /// The bodies of all requests so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.seen
            .borrow()
            .iter()
            .map(|request| request.body.clone())
            .collect()
    }

    /// All requests so far, oldest first, with their headers.
    #[must_use]
    pub fn recorded(&self) -> Vec<Arc<ModelRequest>> {
        self.seen.borrow().clone()
    }

    /// Waits until `count` requests have come in all, and returns their bodies.
    ///
    /// # Errors
    /// [`Error::Timeout`] when they have not come within `deadline`.
    pub async fn wait_for_requests(&self, count: usize, deadline: Duration) -> Result<Vec<Value>, Error> {
        let mut seen = self.seen.clone();
        let wait = seen.wait_for(|requests| requests.len() >= count);
        let arrived = matches!(tokio::time::timeout(deadline, wait).await, Ok(Ok(_)));
        let requests = self.requests();
        if arrived {
            return Ok(requests);
        }
        Err(Error::timeout(
            format!("request {count} to the model ({} came)", requests.len()),
            deadline,
        ))
    }

    /// Ends it, with every answer that still streams, and waits until the port is closed.
    pub async fn shutdown(self) {
        self.listener.shutdown().await;
    }
}

async fn respond(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is no JSON");
    };
    let answer = answer(&body);
    shared
        .seen
        .send_modify(|seen| seen.push(Arc::new(ModelRequest { headers, body })));
    let step = match answer {
        Ok(Answer::Play(Step::Fail(status))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return refuse(status, "the script says: fail");
        }
        Ok(Answer::Play(step)) => step,
        Ok(Answer::Text(text)) => Step::Say(text),
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let beats = beats(&step, &shared.ids).into_iter();
    let stream = futures_util::stream::unfold((beats, shared.stop.clone()), async |(mut beats, mut stop)| {
        let piece = next_piece(&mut beats, &mut stop).await?;
        Some((piece, (beats, stop)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(stream)).into_response()
}

async fn next_piece(
    beats: &mut impl Iterator<Item = Beat>,
    stop: &mut Stop,
) -> Option<Result<Bytes, std::io::Error>> {
    let broken = || Some(Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)));
    for beat in beats {
        match beat {
            Beat::Send(bytes) => return Some(Ok(bytes)),
            Beat::Wait(pause) => {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.stopped() => return broken(),
                }
            }
            Beat::Hang => {
                stop.stopped().await;
                return broken();
            }
            Beat::Cut => {
                // Being pending once lets the connection flush what was sent before.
                tokio::task::yield_now().await;
                return broken();
            }
        }
    }
    None
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let error = json!({"error": {"message": message, "type": "server_error", "code": "server_error"}});
    (status, axum::Json(error)).into_response()
}

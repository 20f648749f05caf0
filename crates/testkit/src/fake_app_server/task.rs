//! What the listener does with a request, and the task of each connection.

use super::connection::{Connection, Order, Received, order};
use super::door::authorization;
use super::server::Shared;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// Frames a test may leave unread before their client is.
const UNREAD: usize = 8192;
/// Frames that may wait for a client that does not read.
const UNSENT: usize = 4096;

pub(super) async fn ready(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> StatusCode {
    if headers.contains_key(header::ORIGIN) {
        StatusCode::FORBIDDEN
    } else if shared.start.never_ready {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}

pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Some(refusal) = shared.start.token.refusal(&headers) {
        return refusal.into_response();
    }
    let Ok(upgrade) = upgrade else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let authorization = authorization(&headers).map(str::to_owned);
    upgrade.on_upgrade(move |socket| serve(shared, socket, authorization))
}

async fn serve(shared: Arc<Shared>, socket: WebSocket, authorization: Option<String>) {
    let number = shared.arrived.fetch_add(1, Ordering::Relaxed);
    let (orders, ordered) = mpsc::channel(UNSENT);
    let (frames, received) = mpsc::channel(UNREAD);
    shared.clients().insert(number, orders.clone());
    let connection = Connection {
        number,
        authorization,
        orders: orders.clone(),
        received,
    };
    // A test that accepts nobody still has its clients served.
    let _unaccepted = shared.accept.try_send(connection);
    let (sink, stream) = socket.split();
    let mut stop = shared.stop.clone();
    // Whichever ends first takes the other half with it: the connection breaks without a close frame.
    tokio::select! {
        () = write(sink, ordered) => {}
        () = read(&shared, stream, number, &orders, &frames) => {}
        () = stop.stopped() => {}
    }
    shared.clients().remove(&number);
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut ordered: mpsc::Receiver<Order>) {
    while let Some(order) = ordered.recv().await {
        let sent = match order {
            Order::Text(text) => sink.send(Message::Text(text.into())).await,
            Order::Close => sink.send(Message::Close(None)).await,
            Order::HangUp => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn read(
    shared: &Shared,
    mut stream: SplitStream<WebSocket>,
    number: usize,
    orders: &mpsc::Sender<Order>,
    frames: &mpsc::Sender<Received>,
) {
    let mut initialized = false;
    while let Some(Ok(message)) = stream.next().await {
        let frame = match message {
            Message::Text(text) => {
                let parsed = serde_json::from_str::<Value>(&text).ok();
                // Recorded first: who sees the reply may look for the frame.
                let _unread = frames.send(Received::Text(text.to_string())).await;
                parsed
            }
            Message::Binary(bytes) => {
                let _unread = frames.send(Received::Binary(bytes)).await;
                None
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
        };
        let Some(frame) = frame else { continue };
        let reply = shared.reply(&frame, &mut initialized);
        let answer = reply.answer_frame(frame.get("id"));
        for text in answer.into_iter().chain(reply.to_caller) {
            if order(orders, number, Order::Text(text)).await.is_err() {
                return;
            }
        }
        for text in reply.to_all {
            shared.broadcast(&text).await;
        }
        if reply.hang_up && order(orders, number, Order::HangUp).await.is_err() {
            return;
        }
    }
}

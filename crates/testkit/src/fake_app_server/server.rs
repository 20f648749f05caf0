//! The listener and the replies.

use super::connection::{Connection, Order, order};
use super::door::Token;
use super::reply::Reply;
use super::{task, threads};
use crate::Error;
use crate::loopback::{Loopback, Stop};
use axum::Router;
use axum::routing::get;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// Connections a test may leave unaccepted; more are served all the same.
const UNACCEPTED: usize = 1024;
/// The code of almost every error of the real server.
const INVALID: i64 = -32600;

type Responder = Arc<dyn Fn(&Value) -> Reply + Send + Sync>;

/// How to start one.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// What a client must show.
    pub token: Token,
    /// `initialize` gets no answer, and `/readyz` says no.
    pub never_ready: bool,
}

/// The fake. It ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct FakeAppServer {
    listener: Loopback,
    token: Token,
    shared: Arc<Shared>,
    accepted: mpsc::Receiver<Connection>,
}

pub(super) struct Shared {
    pub(super) start: Start,
    responders: RwLock<HashMap<String, Responder>>,
    fallback: RwLock<Option<Responder>>,
    clients: Mutex<BTreeMap<usize, mpsc::Sender<Order>>>,
    pub(super) arrived: AtomicUsize,
    pub(super) accept: mpsc::Sender<Connection>,
    pub(super) stop: Stop,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

impl FakeAppServer {
    /// Starts one that asks for no token.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self, Error> {
        Self::start_with(Start::default()).await
    }

    /// Starts one.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start_with(start: Start) -> Result<Self, Error> {
        let (sender, stop) = Stop::pair();
        let (accept, accepted) = mpsc::channel(UNACCEPTED);
        let token = start.token.clone();
        let shared = Arc::new(Shared {
            start,
            responders: RwLock::default(),
            fallback: RwLock::default(),
            clients: Mutex::default(),
            arrived: AtomicUsize::new(0),
            accept,
            stop,
        });
        let router = Router::new()
            .route("/readyz", get(task::ready))
            .route("/healthz", get(task::ready))
            .fallback(task::upgrade)
            .with_state(Arc::clone(&shared));
        let listener = Loopback::serve(router, sender).await?;
        Ok(Self {
            listener,
            token,
            shared,
            accepted,
        })
    }

    /// Where it listens, `ws://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.listener.address())
    }

    /// The token a client must show, if this fake knows it.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        match &self.token {
            Token::Plain(token) => Some(token),
            Token::None | Token::Sha256(_) => None,
        }
    }

    /// Replies to requests and notifications of this method, from now on; the closure gets the whole
    /// frame. Without one, a frame is only recorded (except `initialize`).
    pub fn on(&self, method: &str, reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) {
        let mut responders = self
            .shared
            .responders
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        responders.insert(method.to_owned(), Arc::new(reply));
    }

    /// Replies to every method that has no reply of its own.
    pub fn otherwise(&self, reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) {
        let mut fallback = self
            .shared
            .fallback
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *fallback = Some(Arc::new(reply));
    }

    /// Replies to the thread and turn methods as a model would that repeats the prompt, and to all
    /// unknown ones with the real server's error.
    pub fn with_basic_threads(&self) {
        threads::install(self);
        self.otherwise(|frame| {
            let method = frame.get("method").and_then(Value::as_str).unwrap_or_default();
            Reply::error(INVALID, format!("Invalid request: unknown variant `{method}`"))
        });
    }

    /// The next client, in the order of arrival.
    ///
    /// # Errors
    /// [`Error::Timeout`] when none has come within `deadline`.
    pub async fn accept(&mut self, deadline: Duration) -> Result<Connection, Error> {
        match tokio::time::timeout(deadline, self.accepted.recv()).await {
            Ok(Some(connection)) => Ok(connection),
            Ok(None) => Err(Error::Closed {
                what: "the fake app-server".to_owned(),
            }),
            Err(_) => Err(Error::timeout("a client", deadline)),
        }
    }

    /// Records no frames of clients that are not accepted yet, nor of later ones: for a fake that only
    /// replies, and so must not wait for anybody to read what was recorded.
    pub fn forget_clients(&mut self) {
        self.accepted.close();
        while self.accepted.try_recv().is_ok() {}
    }

    /// Sends a text to client `number`, whether it is JSON or not.
    ///
    /// # Errors
    /// When that connection has ended, or its client does not read.
    pub async fn send(&self, number: usize, text: impl Into<String>) -> Result<(), Error> {
        order(&self.shared.client(number)?, number, Order::Text(text.into())).await
    }

    /// Sends a text to every client there is; returns to how many.
    pub async fn send_to_all(&self, text: &str) -> usize {
        self.shared.broadcast(text).await
    }

    /// Breaks the connection of client `number` without a close frame, after what was sent before.
    ///
    /// # Errors
    /// When that connection has ended.
    pub async fn drop_connection(&self, number: usize) -> Result<(), Error> {
        order(&self.shared.client(number)?, number, Order::HangUp).await
    }

    /// How many clients are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.shared.clients().len()
    }

    /// Ends it: clients see their connections break. Returns when the port is closed.
    pub async fn shutdown(self) {
        self.listener.shutdown().await;
    }
}

impl Shared {
    pub(super) fn clients(&self) -> MutexGuard<'_, BTreeMap<usize, mpsc::Sender<Order>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, number: usize) -> Result<mpsc::Sender<Order>, Error> {
        self.clients()
            .get(&number)
            .cloned()
            .ok_or(Error::NoConnection { number })
    }

    pub(super) async fn broadcast(&self, text: &str) -> usize {
        let clients: Vec<_> = self
            .clients()
            .iter()
            .map(|(number, client)| (*number, client.clone()))
            .collect();
        let mut reached = 0;
        for (number, client) in clients {
            reached += usize::from(order(&client, number, Order::Text(text.to_owned())).await.is_ok());
        }
        reached
    }

    /// What the fake does on `frame`. `initialized` is the state of the connection.
    pub(super) fn reply(&self, frame: &Value, initialized: &mut bool) -> Reply {
        let Some(method) = frame.get("method").and_then(Value::as_str) else {
            return Reply::silent();
        };
        if method == "initialize" && std::mem::replace(initialized, true) {
            return Reply::error(INVALID, "Already initialized");
        }
        if !*initialized {
            return Reply::error(INVALID, "Not initialized");
        }
        let own = self
            .responders
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(method)
            .cloned();
        match own {
            Some(responder) => responder(frame),
            None if method == "initialize" && self.start.never_ready => Reply::silent(),
            None if method == "initialize" => Reply::result(threads::greeting(frame)),
            None if frame.get("id").is_none() => Reply::silent(),
            None => {
                let fallback = self
                    .fallback
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                fallback.map_or_else(Reply::silent, |responder| responder(frame))
            }
        }
    }
}

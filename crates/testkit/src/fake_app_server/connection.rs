//! One client of the fake, as the test sees it.

use crate::Error;
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::mpsc;

/// A frame that came from the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Bytes),
}

/// What a test does to a connection.
#[derive(Debug)]
pub(super) enum Order {
    Text(String),
    /// With a close frame.
    Close,
    /// Without one.
    HangUp,
}

/// Longest a frame may wait for a client that does not read.
const SENDING: Duration = Duration::from_secs(10);

/// Hands an order to the connection's task.
pub(super) async fn order(orders: &mpsc::Sender<Order>, number: usize, what: Order) -> Result<(), Error> {
    match tokio::time::timeout(SENDING, orders.send(what)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Error::NoConnection { number }),
        Err(_) => Err(Error::timeout(format!("connection {number} to read"), SENDING)),
    }
}

/// A client's connection. Dropping this leaves the connection open; what it sends is then forgotten.
#[derive(Debug)]
pub struct Connection {
    pub(super) number: usize,
    pub(super) authorization: Option<String>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) received: mpsc::Receiver<Received>,
}

impl Connection {
    /// Counted from 0 in the order of arrival.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// The `Authorization` header of its upgrade request.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The next frame, whatever it is, also those the fake has answered itself. A test that stops taking
    /// them leaves the client unread after some thousand.
    ///
    /// # Errors
    /// [`Error::Timeout`], or [`Error::Closed`] when the client has gone.
    pub async fn frame(&mut self, deadline: Duration) -> Result<Received, Error> {
        let what = || format!("a frame from connection {}", self.number);
        match tokio::time::timeout(deadline, self.received.recv()).await {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(Error::Closed {
                what: format!("connection {}", self.number),
            }),
            Err(_) => Err(Error::timeout(what(), deadline)),
        }
    }

    /// The next JSON frame for which `wanted` is true; those before it are passed over.
    ///
    /// # Errors
    /// As [`Connection::frame`]; `deadline` is for the whole search.
    pub async fn frame_where(
        &mut self,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Error> {
        let number = self.number;
        let search = async {
            loop {
                let Received::Text(text) = self.frame(deadline).await? else {
                    continue;
                };
                let Ok(frame) = serde_json::from_str::<Value>(&text) else {
                    continue;
                };
                if wanted(&frame) {
                    return Ok(frame);
                }
            }
        };
        match tokio::time::timeout(deadline, search).await {
            Ok(Err(Error::Timeout { .. })) | Err(_) => Err(Error::timeout(
                format!("{what} from connection {number}"),
                deadline,
            )),
            Ok(found) => found,
        }
    }

    /// The next request or notification of this method.
    ///
    /// # Errors
    /// As [`Connection::frame_where`].
    pub async fn call(&mut self, method: &str, deadline: Duration) -> Result<Value, Error> {
        self.frame_where(method, deadline, |frame| {
            frame.get("method").is_some_and(|m| m == method)
        })
        .await
    }

    /// The next answer (result or error) to a request of ours with this id.
    ///
    /// # Errors
    /// As [`Connection::frame_where`].
    pub async fn response(&mut self, id: &Value, deadline: Duration) -> Result<Value, Error> {
        let wanted = |frame: &Value| frame.get("method").is_none() && frame.get("id") == Some(id);
        self.frame_where(&format!("the answer to {id}"), deadline, wanted)
            .await
    }

    /// Returns when the client has gone; frames that still come are passed over.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it is still there.
    pub async fn closed(&mut self, deadline: Duration) -> Result<(), Error> {
        let end = async { while self.received.recv().await.is_some() {} };
        let after = tokio::time::timeout(deadline, end).await;
        after.map_err(|_| Error::timeout(format!("the end of connection {}", self.number), deadline))
    }

    /// Sends this text as one frame, whether it is JSON or not.
    ///
    /// # Errors
    /// When the connection has ended, or the client does not read.
    pub async fn send(&self, text: impl Into<String>) -> Result<(), Error> {
        order(&self.orders, self.number, Order::Text(text.into())).await
    }

    /// Breaks the connection without a close frame, as the real server does, after what was sent before.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn drop_connection(&self) -> Result<(), Error> {
        order(&self.orders, self.number, Order::HangUp).await
    }

    /// Ends the connection with a close frame.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn close(&self) -> Result<(), Error> {
        order(&self.orders, self.number, Order::Close).await
    }
}

//! A fake app-server, for frames the real one cannot be made to send and moments it cannot be caught in.
//!
//! Like the real one it listens for WebSockets on loopback, answers `/readyz` and `/healthz`, refuses an
//! `Origin`, and asks for a bearer token if it has one. It answers `initialize`; everything else is up to
//! the test: replies by method ([`FakeAppServer::on`]), or by hand.
//!
//! ```no_run
//! # async fn example() -> Result<(), drawbridge_testkit::Error> {
//! use drawbridge_testkit::fake_app_server::{FakeAppServer, Reply};
//! use serde_json::json;
//! use std::time::Duration;
//!
//! let mut server = FakeAppServer::start().await?;
//! server.on("thread/list", |_| Reply::result(json!({"data": []})));
//! // connect to server.url(), then:
//! let mut client = server.accept(Duration::from_secs(5)).await?;
//! client.send(r#"{"id":0,"method":"item/unheardOf/requestApproval","params":{}}"#).await?;
//! let answer = client.response(&json!(0), Duration::from_secs(5)).await?;
//! client.drop_connection().await?;
//! # Ok(()) }
//! ```

mod connection;
mod door;
mod reply;
mod server;
mod task;
mod threads;

pub use connection::{Connection, Received};
pub use door::Token;
pub use reply::Reply;
pub use server::{FakeAppServer, Start};

//! The bus as hosts and clients meet it, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::large_futures,
    reason = "what stands around the tests is test code too"
)]

mod doors;
mod enroll;
mod links;
mod mcp;
mod pins;
mod relay;
mod setting;
mod tunnels;

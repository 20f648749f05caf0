//! The whole path on real parts: remote client, bus, connector, host with its gate, the real codex, and a
//! scripted model.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

mod site;
mod world;

mod agent;
mod attacks;
mod config;
mod enroll;
mod many;
mod order;
mod processes;
mod questions;
mod sharing;
mod skills;
mod spine;

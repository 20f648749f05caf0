//! The desktop app without a desktop, in front of the real host, the real codex and a scripted model.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

#[path = "../../../desk/tests/common/mod.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod common;
#[path = "../e2e/world.rs"]
mod world;

mod life;
mod questions;
mod skills;
mod threads;
mod toggle;

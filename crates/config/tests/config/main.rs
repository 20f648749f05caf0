//! The configuration file from outside: what is read, kept, shown, changed and refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

mod codex;
mod edit;
mod golden;
mod layers;
mod robust;
mod schema;
mod security;
mod store;
mod watch;

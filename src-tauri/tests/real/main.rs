//! The app on a real desktop: X server, tray host, WebKitGTK through its driver, host and real codex.
//!
//! `cargo xtask desktop` builds what it needs and runs it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod approvals;
mod driver;
mod figures;
mod life;
mod processes;
mod session;
mod skills;
mod toggle;
mod tray;

//! Skills: what is read of them, what is found wrong, and when a change is noticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says what it needs by failing"
)]

mod changes;
mod coalesce;
mod front_matter;
mod hostile;
mod places;
mod scan;
mod watch;
mod watch_trouble;
mod world;

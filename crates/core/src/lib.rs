//! The pure heart of Drawbridge: approvals, threads, the gate's verdicts, leases. No async, no IO, no
//! clock: whoever calls passes the time in.

pub mod approvals;
pub mod leases;
pub mod threads;
pub mod tray;
pub mod verdict;

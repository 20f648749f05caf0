//! The pure heart: approvals, policy, threads, backoff; no IO, no clock.

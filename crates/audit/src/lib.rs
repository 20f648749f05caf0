//! The append-only record of decisions, refusals and connections.

//! From a request of the agent to what a person reads.

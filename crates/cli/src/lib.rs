//! The drawbridge command.

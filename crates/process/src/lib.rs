//! Child processes: spawn, readiness, stop ladder, log ring, sweep.

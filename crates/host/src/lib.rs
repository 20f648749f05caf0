//! The event loop, the three sockets and the gate.

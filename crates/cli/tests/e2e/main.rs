//! The whole path on real parts: remote client, bus, connector, host with its gate, the real codex, and a
//! scripted model.

mod world;

mod spine;

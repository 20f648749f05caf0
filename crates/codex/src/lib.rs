//! Finding codex, starting its app-server, and a JSON-RPC peer.

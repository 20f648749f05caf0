//! The bus link and its tunnels.

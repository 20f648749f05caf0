//! The control plane: hosts connect outward to it, clients reach them through it.
//!
//! One process, everything in memory except the pinned keys and enrollments of hosts. A host holds one *link*
//! (`/connect`) that carries no payload; each client gets a *tunnel*, a socket of its own that the host
//! dials (`/connect/<tunnel>`), so that a client that does not read holds up only itself. What flows
//! through a tunnel is never parsed here: the gate is at the host.
//!
//! | door | who | token |
//! |--|--|--|
//! | `/connect`, `/connect/{tunnel}` | hosts | [`BusOptions::connect_token`] |
//! | `/hosts/{id}/app-server`, `/` | clients of the app-server | one of [`BusOptions::client_tokens`] |
//! | `/mcp` | MCP clients | [`BusOptions::http_token`] |
//! | `/api/hosts` | either of the last two | |
//! | `/api/pair`, `/api/enrollments` | who runs the bus | [`BusOptions::admin_token`] |
//! | `/api/enroll` | hosts with a code | none, the code is the permission |
//! | `/healthz`, `/readyz` | anyone | none |

mod codes;
mod enrollments;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod handshake;
mod link;
mod mcp;
mod names;
mod options;
mod pins;
mod refusal;
mod registry;
mod roster;
mod routes;
mod server;
mod splice;
mod tokens;
mod tunnel;
mod upgrade;

pub use error::BusError;
pub use options::{BusLimits, BusOptions, ClientToken};
pub use roster::HostView;
pub use server::Bus;

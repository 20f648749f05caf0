//! Child processes: spawn, readiness, stop ladder, log ring, sweep.
//!
//! Until a guard process stands between the host and its children, four things together keep a child
//! from outliving its owner:
//!
//! * every child is spawned by one long-lived thread ([`Spawner`]) and asks the kernel to be killed when
//!   that thread, and so the host, dies (Linux);
//! * the host is a subreaper ([`become_subreaper`], Linux), so what a child detaches comes back to the
//!   host instead of going to init, and [`Reaper`] collects it;
//! * every child carries a [`Marker`] in its environment, which its own children inherit;
//! * [`sweep`] finds by that marker what is left, at the end and, through the [`Ledger`], at the next start.
//!
//! What escapes all four: a process with a cleared environment that detached while no host was alive.
//! Only a guard process can end that one.
//!
//! On Windows a job does this: the host puts itself into one ([`become_subreaper`]) that ends with it, so
//! whatever is started below it, at whatever distance, is in it from its first instant and never gets out.

mod ansi;
mod child;
mod environment;
#[doc(hidden)]
pub mod fuzz;
mod ledger;
mod log;
mod log_file;
mod marker;
mod output;
pub mod peer;
mod seen;
mod spec;
mod sweep;
mod weight;

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod platform;

#[cfg(target_os = "linux")]
#[path = "proc_linux.rs"]
pub mod proc;
#[cfg(not(target_os = "linux"))]
#[path = "proc_system.rs"]
pub mod proc;

#[cfg(target_os = "linux")]
#[path = "memory_linux.rs"]
mod memory;
#[cfg(not(target_os = "linux"))]
#[path = "memory_system.rs"]
mod memory;

pub use child::Child;
pub use environment::scrub_environment;
pub use ledger::{Ledger, LedgerError, Leftovers};
pub use log::{LogFollower, LogRing};
pub use marker::{MARKER_VARIABLE, Marker, MarkerRole, NoRandomness, new_nonce};
pub use memory::memory;
pub use platform::{Reaper, Spawner, become_subreaper, stop};
pub use spec::{ChildSpec, Ladder, SpawnError, StopReport, StopStep};
pub use sweep::{Ended, SweepReport, sweep, sweep_where};
pub use weight::{Weight, weigh};

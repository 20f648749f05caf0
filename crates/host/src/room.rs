//! How many connections each door takes. Every door has room of its own, so that a crowd at one never
//! locks out another: who answers approvals comes in however many remotes there are.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The numbers. A connection behind the gate takes two file descriptors, one of `control.sock` takes one;
/// all rooms full together stay below 1024, the usual limit of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most at `control.sock`.
    pub control: usize,
    /// Most at `app-server.sock`.
    pub app_server: usize,
    /// Most at `tunnel.sock`, those included that have not said yet which bus they come from.
    pub tunnel: usize,
    /// Most of one bus.
    pub one_bus: usize,
    /// How long a connection may take from its upgrade to its `initialize`.
    pub initialize: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            control: 64,
            app_server: 128,
            tunnel: 256,
            one_bus: 192,
            initialize: Duration::from_secs(10),
        }
    }
}

/// Room for some connections.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// A place, held until it is dropped; `None` when all are taken.
    pub(crate) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }
}

/// The rooms of the three doors.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    pub control: Room,
    pub app_server: Room,
    pub tunnel: Room,
}

impl Rooms {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            control: Room::new(limits.control),
            app_server: Room::new(limits.app_server),
            tunnel: Room::new(limits.tunnel),
        }
    }
}

/// A bus as the doors know it. Which one a tunnel comes from is told by the process at its other end,
/// never by that process's word.
#[derive(Debug, Clone)]
pub(crate) struct KnownBus {
    /// Its host and port, as the connector names it too.
    pub name: String,
    /// Its connector; 0 while there is none.
    pub connector: crate::link::ConnectorPid,
    pub room: Room,
    /// What threads through it get.
    pub mcp: Option<crate::policy::McpServer>,
}

/// All buses, and what local threads get.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownBuses {
    pub buses: Vec<KnownBus>,
}

impl KnownBuses {
    /// Processes that are connectors now.
    pub(crate) fn connectors(&self) -> Vec<u32> {
        self.buses.iter().map(KnownBus::pid).collect()
    }

    /// The bus whose connector this process is.
    pub(crate) fn of_connector(&self, pid: u32) -> Option<&KnownBus> {
        self.buses.iter().find(|bus| pid != 0 && bus.pid() == pid)
    }

    /// What threads of the user get: the first bus's.
    pub(crate) fn local_mcp(&self) -> Option<&crate::policy::McpServer> {
        self.buses.first().and_then(|bus| bus.mcp.as_ref())
    }
}

impl KnownBus {
    fn pid(&self) -> u32 {
        self.connector.load(std::sync::atomic::Ordering::SeqCst)
    }
}

//! The listener and its connections.

use crate::names::Names;
use crate::pins::{PinFile, Pins};
use crate::registry::{Registry, random_name};
use crate::routes::{Doors, router};
use crate::tokens::Tokens;
use crate::{BusError, BusLimits, BusOptions};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Request heads larger than this are refused.
const HEAD: usize = 32 * 1024;
/// How long a connection that is no WebSocket may live, over all its requests.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long everything may take to end after the shutdown.
const FAREWELL: Duration = Duration::from_secs(8);
/// Pause after a failed accept: out of descriptors, trying at once again would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// When an idle peer is first probed, and how often then.
const PROBE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// A bus that listens and serves as soon as it is [run](Bus::run).
pub struct Bus {
    listener: TcpListener,
    address: SocketAddr,
    doors: Arc<Doors>,
    registry: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Bus {
    /// Checks the options, reads the pinned keys and listens.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn bind(options: BusOptions) -> Result<Self, BusError> {
        Self::bind_with(options, BusLimits::default()).await
    }

    /// As [`Bus::bind`], with other bounds and deadlines.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn bind_with(options: BusOptions, limits: BusLimits) -> Result<Self, BusError> {
        let tokens = Tokens::new(&options)?;
        let (file, pins) = match options.state_file.as_deref().map(PinFile::open).transpose()? {
            Some((file, pins)) => (Some(file), pins),
            None => (None, Pins::new()),
        };
        let failed = |source| BusError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let names = Names::new(address, options.public_origin.as_deref())?;
        let shutdown = CancellationToken::new();
        let (registry, task) = Registry::new(limits.clone(), file, pins, shutdown.clone());
        let links = Arc::new(Semaphore::new(limits.hosts));
        let doors = Doors {
            tokens,
            names,
            registry,
            limits,
            links,
            tasks: TaskTracker::new(),
            shutdown,
            id: random_name().and_then(|id| id.parse().ok()),
        };
        Ok(Self {
            listener,
            address,
            doors: Arc::new(doors),
            registry: Box::pin(task),
        })
    }

    /// Where it listens, with the port it got.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done; then every link gets `bye` (draining), every tunnel ends, and this
    /// returns when all is closed or after a few seconds.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self {
            listener,
            address,
            doors,
            registry,
        } = self;
        let router = router(&doors);
        let connections = Arc::new(Semaphore::new(doors.limits.connections));
        let registry = doors.tasks.spawn(registry);
        // Dropping the future of `run` ends everything too.
        let ending = doors.shutdown.clone().drop_guard();
        tracing::info!(%address, "bus listens");
        tokio::select! {
            () = shutdown => {}
            () = accept(&listener, &doors, &router, &connections) => {}
        }
        drop(listener);
        drop(ending);
        doors.tasks.close();
        if timeout(FAREWELL, doors.tasks.wait()).await.is_err() {
            tracing::warn!(left = doors.tasks.len(), "some connections did not end in time");
        }
        registry.abort();
        tracing::info!("bus ended");
    }
}

async fn accept(listener: &TcpListener, doors: &Arc<Doors>, router: &Router, connections: &Arc<Semaphore>) {
    loop {
        // Taken before accepting: over the bound, new peers wait in the system's queue.
        let Ok(place) = connections.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                doors
                    .tasks
                    .spawn(serve(stream, router.clone(), doors.clone(), place));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router, doors: Arc<Doors>, place: OwnedSemaphorePermit) {
    let probe = TcpKeepalive::new().with_time(PROBE.0).with_interval(PROBE.1);
    // Both are improvements only; a socket that refuses them still works.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&probe);
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(doors.limits.headers)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = timeout(LIFETIME, connection.as_mut()) => ended.ok(),
        () = doors.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(doors.limits.send, connection.as_mut()).await.ok()
        }
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, "connection ended");
    }
    drop(place);
}

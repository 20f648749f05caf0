//! One HTTP listener on a free loopback port that ends, with all its connections, when it is dropped.

use crate::Error;
use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long an orderly end may take before the listener is cut.
const END: Duration = Duration::from_secs(2);

/// The running listener.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Tells a connection that its server ends.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A pair: who sends or drops the first ends who waits on the second.
    pub(crate) fn pair() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns when the server ends; a dropped server counts.
    pub(crate) async fn stopped(&mut self) {
        let _gone = self.0.wait_for(|stop| *stop).await;
    }
}

impl Loopback {
    /// Serves `router` on a free port. Handlers that wait must watch the [`Stop`] of the same pair.
    pub(crate) async fn serve(router: axum::Router, stop: watch::Sender<bool>) -> Result<Self, Error> {
        let io = |error| Error::io("opening a loopback port", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let mut stopped = Stop(stop.subscribe());
        let serve =
            axum::serve(listener, router).with_graceful_shutdown(async move { stopped.stopped().await });
        let task = tokio::spawn(async move {
            // Serving ends with an error only when accepting does; the tests then see refused connections.
            let _ended = serve.into_future().await;
        });
        Ok(Self { address, stop, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections and waits until the port is closed.
    pub(crate) async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(END, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // The connections watch `stop`; the listener itself must not outlive its owner.
        self.task.abort();
    }
}

//! Unix: signals, and what the computer is called.

use tokio::signal::unix::{SignalKind, signal};

/// What this computer is called.
pub(crate) fn computer_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// Calls `stop` with the reason when somebody asks this process to end.
pub(crate) fn on_signals<F>(stop: impl Fn(&'static str) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for (kind, reason) in [
        (SignalKind::terminate(), "terminated"),
        (SignalKind::interrupt(), "interrupted"),
        (SignalKind::hangup(), "hung up"),
    ] {
        let Ok(mut signals) = signal(kind) else { continue };
        let stop = stop.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                stop(reason).await;
            }
        });
    }
}

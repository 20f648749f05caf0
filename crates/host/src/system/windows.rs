//! Windows: console events, and what the computer is called.

use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};

/// What this computer is called.
pub(crate) fn computer_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// Calls `stop` with the reason when somebody asks this process to end. The system waits some seconds for who
/// has a console closed under it, or a session ended.
pub(crate) fn on_signals<F>(stop: impl Fn(&'static str) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    macro_rules! on {
        ($event:ident, $reason:literal) => {
            if let Ok(mut events) = $event() {
                let stop = stop.clone();
                tokio::spawn(async move {
                    if events.recv().await.is_some() {
                        stop($reason).await;
                    }
                });
            }
        };
    }
    on!(ctrl_c, "interrupted");
    on!(ctrl_break, "interrupted");
    on!(ctrl_close, "hung up");
    on!(ctrl_logoff, "terminated");
    on!(ctrl_shutdown, "terminated");
}

//! Quitting: asks while turns run, gives the lease back, sees the host end, bounded.

use super::Controller;
use crate::desktop::{Desktop, Window};
use drawbridge_core::tray::{Supervisor, running_threads};
use drawbridge_wire::control::Request;
use std::time::Duration;
use tokio::time::timeout;

/// Longest for the host to take the lease back.
const GIVE_BACK: Duration = Duration::from_secs(2);
/// How soon a host says that it is stopping after the last lease was given back.
const SAYS_SO: Duration = Duration::from_secs(2);
/// Longest for the host to end.
const ENDS: Duration = Duration::from_secs(15);

impl<D: Desktop> Controller<D> {
    /// Quits, unless turns run that would end with it and nobody said `really`. Returns how many.
    pub(super) async fn quit(&mut self, really: bool) -> usize {
        let running = self.would_end();
        if running == 0 || really {
            self.leave().await;
        }
        running
    }

    /// Asks in the window whether to quit although turns run.
    pub(super) fn ask_quit(&mut self) {
        let running = self.would_end();
        if !self.windows.contains(&Window::Main) {
            self.missed.quit = Some(running);
        }
        self.show(Window::Main);
        self.desktop.ask_quit(running);
    }

    /// Turns that would end with the app: none, when somebody else keeps the host up.
    pub(super) fn would_end(&self) -> usize {
        if self.others_hold_it() {
            return 0;
        }
        self.view().map_or(0, running_threads)
    }

    fn others_hold_it(&self) -> bool {
        let own = Some(std::process::id());
        self.view()
            .is_some_and(|host| host.leases.iter().any(|lease| lease.pid != own))
    }

    /// Gives the lease back and, when that was the last, sees the host end.
    pub(super) async fn leave(&mut self) {
        self.supervisor = Supervisor::Stopping;
        self.desktop.withdraw_notice();
        self.close_windows();
        let tray = self.tray_value();
        self.desktop.paint(&tray);
        let others = self.others_hold_it();
        let Some(host) = &self.host else { return };
        let released = timeout(GIVE_BACK, host.requests.ask(Request::ReleaseLease {})).await;
        // A host that is quick to end may close before it answers.
        if let Ok(Err(error)) = released {
            tracing::debug!(%error, "the lease was given back to nobody");
        }
        if !others {
            self.see_it_end(SAYS_SO, ENDS).await;
        }
    }
}

//! Systems whose tray is always there, and whose notifications are those of the system.

#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod programs;

pub(crate) use programs::{open_folder, open_text};

use drawbridge_desk::{Handle, Notice};
use notify_rust::{Notification, NotificationResponse};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

/// Notices that wait to be shown.
const QUEUE: usize = 16;
/// Notices whose click is waited for at the same time. A system that says nothing of one that is gone keeps a
/// thread waiting; further ones are shown all the same.
const WAITING: usize = 8;

/// Shows notices, on a thread of its own: the system may be slow.
#[derive(Clone)]
pub(crate) struct Notices(mpsc::SyncSender<Notice>);

impl Notices {
    pub(crate) fn new(clicked: impl Fn() + Send + Sync + Clone + 'static) -> Self {
        let (send, wishes) = mpsc::sync_channel(QUEUE);
        std::thread::spawn(move || serve(&wishes, &clicked));
        Self(send)
    }

    pub(crate) fn show(&self, notice: Notice) {
        // A notice that finds no room is one of many: the dialog shows them all.
        let _ = self.0.try_send(notice);
    }

    /// What was shown stays in the system's list of notifications until the person takes it away: it cannot be
    /// taken back here. A click on one that is over opens the dialog, which says so.
    #[allow(clippy::unused_self, reason = "one signature on all systems")]
    pub(crate) fn withdraw(&self) {}
}

fn serve<C: Fn() + Send + Clone + 'static>(wishes: &mpsc::Receiver<Notice>, clicked: &C) {
    let waiting = Arc::new(AtomicUsize::new(0));
    while let Ok(notice) = wishes.recv() {
        let mut notification = Notification::new();
        notification
            .appname("Drawbridge")
            .summary(&notice.title)
            .body(&notice.body);
        programs::name_the_app(&mut notification);
        let shown = match notification.show() {
            Ok(shown) => shown,
            Err(error) => {
                tracing::debug!(%error, "nobody shows notifications here");
                continue;
            }
        };
        if waiting.fetch_add(1, Ordering::SeqCst) >= WAITING {
            waiting.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (clicked, waiting) = (clicked.clone(), waiting.clone());
        // Ends when the notice is clicked or gone.
        std::thread::spawn(move || {
            let answer = |response: &NotificationResponse| {
                if matches!(
                    response,
                    NotificationResponse::Default | NotificationResponse::Action(_)
                ) {
                    clicked();
                }
            };
            if let Err(error) = shown.wait_for_response(answer) {
                tracing::debug!(%error, "nobody tells whether the notice was clicked");
            }
            waiting.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Tells that there is a tray to live in.
pub(crate) async fn watch_tray_host(desk: Handle) {
    desk.tray_host(true);
    std::future::ready(()).await;
}

//! Linux: notifications and the tray's host over the session bus.

use drawbridge_desk::{Handle, Notice};
use futures_util::StreamExt;
use notify_rust::{Hint, Notification, NotificationHandle, Timeout};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// Who shows trays.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
/// Notices that wait to be shown.
const QUEUE: usize = 16;

/// Shows notices, on a thread of its own: a notification server may be slow, or none.
#[derive(Clone)]
pub(crate) struct Notices(mpsc::SyncSender<Wish>);

enum Wish {
    Show(Notice),
    Withdraw,
}

impl Notices {
    pub(crate) fn new(clicked: impl Fn() + Send + Sync + Clone + 'static) -> Self {
        let (send, wishes) = mpsc::sync_channel(QUEUE);
        std::thread::spawn(move || serve(&wishes, &clicked));
        Self(send)
    }

    pub(crate) fn show(&self, notice: Notice) {
        // A notice that finds no room is one of many: the dialog shows them all.
        let _ = self.0.try_send(Wish::Show(notice));
    }

    pub(crate) fn withdraw(&self) {
        let _ = self.0.try_send(Wish::Withdraw);
    }
}

fn serve<C: Fn() + Send + Clone + 'static>(wishes: &mpsc::Receiver<Wish>, clicked: &C) {
    let mut last: Option<u32> = None;
    while let Ok(wish) = wishes.recv() {
        match wish {
            Wish::Show(notice) => match show(&notice, last) {
                Ok(shown) => {
                    last = Some(shown.id());
                    let clicked = clicked.clone();
                    // Ends when the notice is clicked or gone.
                    std::thread::spawn(move || {
                        shown.wait_for_action(|action| {
                            if action == "default" || action == "open" {
                                clicked();
                            }
                        });
                    });
                }
                Err(error) => tracing::debug!(%error, "nobody shows notifications here"),
            },
            Wish::Withdraw => {
                if let Some(id) = last.take() {
                    take_back(id);
                }
            }
        }
    }
}

fn show(notice: &Notice, last: Option<u32>) -> Result<NotificationHandle, notify_rust::error::Error> {
    let mut notification = Notification::new();
    notification
        .appname("Drawbridge")
        .summary(&notice.title)
        // The body may be read as markup.
        .body(&escaped(&notice.body))
        .icon("drawbridge-desktop")
        .hint(Hint::Category("im".to_owned()))
        .action("default", "Open")
        .action("open", "Look at it")
        .timeout(Timeout::Never);
    if let Some(id) = last {
        notification.id(id);
    }
    notification.show()
}

/// Closes a notice that nobody has to see any more.
fn take_back(id: u32) {
    let closed = zbus::blocking::Connection::session().and_then(|bus| {
        bus.call_method(
            Some("org.freedesktop.Notifications"),
            "/org/freedesktop/Notifications",
            Some("org.freedesktop.Notifications"),
            "CloseNotification",
            &id,
        )
    });
    if let Err(error) = closed {
        tracing::debug!(%error, "the notice could not be taken back");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Opens a file with what the person opens such files with.
pub(crate) fn open(file: &Path) -> io::Result<()> {
    let mut child = Command::new("xdg-open")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Tells whether there is a tray to live in, now and whenever that changes.
pub(crate) async fn watch_tray_host(desk: Handle) {
    if let Err(error) = follow(&desk).await {
        tracing::info!(%error, "there is no session bus, so there is no tray");
        desk.tray_host(false);
    }
}

async fn follow(desk: &Handle) -> zbus::Result<()> {
    let bus = zbus::Connection::session().await?;
    let names = zbus::fdo::DBusProxy::new(&bus).await?;
    let mut changes = names
        .receive_name_owner_changed_with_args(&[(0, WATCHER)])
        .await?;
    let there = names.name_has_owner(WATCHER.try_into()?).await?;
    desk.tray_host(there);
    while let Some(change) = changes.next().await {
        desk.tray_host(change.args()?.new_owner().is_some());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_notice_is_no_markup() {
        assert_eq!(escaped("a <b>&amp;"), "a &lt;b&gt;&amp;amp;");
    }
}

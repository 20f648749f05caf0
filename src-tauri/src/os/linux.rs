//! Linux: notifications and the tray's host over the session bus.

use drawbridge_desk::{Handle, Notice};
use futures_util::StreamExt;
use notify_rust::{Hint, Notification, NotificationHandle, Timeout};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Who shows trays.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
/// Knows what the person opens things with.
const OPENER: &str = "xdg-open";
/// It fails within this time, or stays as long as what it opened.
const OPENER_FAILS_WITHIN: Duration = Duration::from_secs(3);
/// Notices that wait to be shown.
const QUEUE: usize = 16;

/// Shows notices, on a thread of its own: a notification server may be slow, or none.
#[derive(Clone)]
pub(crate) struct Notices(mpsc::SyncSender<Wish>);

enum Wish {
    Show(Notice),
    /// Beside the one that is shown.
    Tell(Notice),
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

    /// Shows something that takes no other notice's place, and is not taken back.
    pub(crate) fn tell(&self, notice: Notice) {
        let _ = self.0.try_send(Wish::Tell(notice));
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
            Wish::Tell(notice) => {
                if let Err(error) = show(&notice, None) {
                    tracing::debug!(%error, "nobody shows notifications here");
                }
            }
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

/// Opens a text with what the person opens such files with.
pub(crate) fn open_text(file: &Path) -> io::Result<()> {
    hand_over(Command::new(OPENER).arg(file), OPENER_FAILS_WITHIN)
}

/// Opens a folder in what shows folders.
pub(crate) fn open_folder(folder: &Path) -> io::Result<()> {
    // With a slash at its end it is a folder or nothing.
    hand_over(Command::new(OPENER).arg(folder.join("")), OPENER_FAILS_WITHIN)
}

/// Starts a program that opens something, and waits as long as it could fail. One that still runs then is
/// the editor itself.
fn hand_over(command: &mut Command, fails_within: Duration) -> io::Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let (send, ended) = mpsc::sync_channel(1);
    std::thread::spawn(move || send.send(child.wait()));
    match ended.recv_timeout(fails_within) {
        Ok(status) => match status?.code() {
            Some(0) => Ok(()),
            Some(3 | 4) | None => Err(io::Error::other("no program is set for it")),
            Some(code) => Err(io::Error::other(format!("{OPENER} ended with {code}"))),
        },
        Err(_) => Ok(()),
    }
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
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::{escaped, hand_over};
    use drawbridge_testkit::home::scratch_dir;
    use std::process::Command;
    use std::time::{Duration, Instant};

    fn handed_over(script: &str, within: Duration) -> Result<(), String> {
        let mut command = Command::new("/bin/sh");
        let done = hand_over(command.args(["-c", script]), within);
        done.map_err(|error| error.to_string())
    }

    // proves S5.32 in part
    #[test]
    fn a_program_that_opens_nothing_is_told_of_and_one_that_stays_is_not_waited_for() {
        let long = Duration::from_secs(20);
        assert_eq!(handed_over("exit 0", long), Ok(()));
        assert_eq!(
            handed_over("exit 3", long),
            Err("no program is set for it".to_owned())
        );
        assert_eq!(
            handed_over("exit 2", long),
            Err("xdg-open ended with 2".to_owned())
        );
        let scratch = scratch_dir("opener").unwrap();
        let open = scratch.path().join("open");
        std::fs::write(&open, "").unwrap();
        let stays = format!("while [ -e '{}' ]; do sleep 0.05; done", open.display());
        let begin = Instant::now();
        assert_eq!(handed_over(&stays, Duration::from_millis(100)), Ok(()));
        assert!(begin.elapsed() < Duration::from_secs(10), "it is not waited for");
        std::fs::remove_file(&open).unwrap();
        assert!(hand_over(&mut Command::new("/nowhere/xdg-open"), long).is_err());
    }

    #[test]
    fn a_notice_is_no_markup() {
        assert_eq!(escaped("a <b>&amp;"), "a &lt;b&gt;&amp;amp;");
    }
}

//! The process of the windows, seen from both sides.

use super::Here;
use crate::base;
use crate::desk::Desk;
use drawbridge_desk::{Ends, Front, Handle, OnScreen, WindowsOwner, WindowsProcess};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use tauri::{Builder, Manager, RunEvent, WebviewWindow};
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use webkit2gtk::WebViewExt;

/// What the app calls itself with to show windows.
const WINDOWS: &str = "--windows-of-app";
/// This program, also when another file has taken its place meanwhile.
const THIS: &str = "/proc/self/exe";
/// Where the kernel shows graphics cards to programs.
const CARDS: &str = "/dev/dri";

/// The windows of the app, and the task that keeps their process.
pub(crate) fn windows(
    desk: Handle,
    failed: impl FnMut(&str) + Send + 'static,
) -> (WindowsProcess, WindowsOwner) {
    WindowsProcess::new(desk, start, failed)
}

fn start() -> io::Result<Ends> {
    let mut command = Command::new(program()?);
    command
        .arg0(
            std::env::args_os()
                .next()
                .unwrap_or_else(|| OsString::from("drawbridge-desktop")),
        )
        .arg(WINDOWS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    if !has_card() && std::env::var_os(DRAWS_ITSELF).is_none() {
        // WebKit would draw through a graphics card that the processor plays, which takes memory for each window.
        command.env(DRAWS_ITSELF, "1");
    }
    let mut child = command.spawn()?;
    let (Some(hears), Some(says)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    Ok(Ends {
        says: Box::new(says),
        hears: Box::new(hears),
        child: Some(child),
    })
}

/// Where this program lies; after an update that is a path to nothing or to another version, and then what
/// runs here is taken by another name.
fn program() -> io::Result<std::path::PathBuf> {
    let path = std::env::current_exe()?;
    let same = |path: &Path| -> io::Result<bool> {
        let (there, here) = (std::fs::metadata(path)?, std::fs::metadata(THIS)?);
        Ok((there.dev(), there.ino()) == (here.dev(), here.ino()))
    };
    Ok(if same(&path).unwrap_or(false) {
        path
    } else {
        THIS.into()
    })
}

/// Tells WebKit to use no graphics card. Who sets it knows better.
const DRAWS_ITSELF: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Whether there is a graphics card that programs may draw with.
fn has_card() -> bool {
    let entries = std::fs::read_dir(CARDS).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("renderD"))
}

/// Whether this process is the one for windows.
pub(crate) fn is_wanted(mut arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.nth(1).is_some_and(|first| first == WINDOWS)
}

/// Takes standard input and output for what the app and this process say to each other. Libraries, and the
/// processes of the web view, find nothing there: what they print goes where errors go.
fn take_pipes() -> io::Result<(OwnedFd, OwnedFd)> {
    let (hears, says) = (io::stdin(), io::stdout());
    let taken = (
        hears.as_fd().try_clone_to_owned()?,
        says.as_fd().try_clone_to_owned()?,
    );
    nix::unistd::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    nix::unistd::dup2_stdout(io::stderr())?;
    Ok(taken)
}

/// A signal for the whole group, as Ctrl-C is, ends the app, and the app ends this.
async fn leave_signals_to_the_app() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Calls this when the process that draws the page of a window has crashed.
pub(super) fn when_page_crashes(window: &WebviewWindow, crashed: impl Fn() + Send + 'static) {
    let connected = window.with_webview(move |view| {
        view.inner().connect_web_process_terminated(move |_, reason| {
            tracing::error!(?reason, "the page of a window crashed");
            crashed();
        });
    });
    if let Err(error) = connected {
        tracing::warn!(%error, "a crash of this window would not be seen");
    }
}

/// Shows windows until the app says no more.
pub(crate) fn run() -> ExitCode {
    let (hears, says) = match take_pipes() {
        Ok(pipes) => pipes,
        Err(error) => {
            tracing::error!(%error, "there is no way to the app");
            return ExitCode::FAILURE;
        }
    };
    let app = base(Builder::default())
        .setup(|app| {
            let here = Here::new(app.handle().clone());
            let show = move |message| match message {
                OnScreen::Show { window, number } => here.show(window, number),
                OnScreen::Close(window) => here.close(window),
                OnScreen::Event {
                    window,
                    event,
                    payload,
                } => here.tell(window, &event, &payload),
            };
            let _inside = tauri::async_runtime::handle().inner().enter();
            let (front, work) = Front::new(
                pipe::Receiver::from_owned_fd(hears)?,
                pipe::Sender::from_owned_fd(says)?,
                show,
            );
            app.manage(Desk::There(front));
            tauri::async_runtime::spawn(leave_signals_to_the_app());
            let app = app.handle().clone();
            tauri::async_runtime::spawn(async move {
                work.await;
                app.exit(0);
            });
            Ok(())
        })
        .build(tauri::generate_context!());
    match app {
        Ok(app) => {
            app.run(|_, event| {
                // The app says when there is nothing left to show.
                if let RunEvent::ExitRequested { api, code: None, .. } = event {
                    api.prevent_exit();
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(%error, "windows cannot be shown");
            ExitCode::FAILURE
        }
    }
}

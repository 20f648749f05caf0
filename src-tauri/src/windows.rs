//! Windows: made when they are wanted, destroyed when they are closed.

use drawbridge_desk::{Handle, Window};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Runtime, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

/// Brings a window to the front, or makes it. On the main thread.
pub(crate) fn show<R: Runtime>(app: &AppHandle<R>, window: Window) {
    if let Some(there) = app.get_webview_window(window.label()) {
        let shown = there
            .unminimize()
            .and_then(|()| there.show())
            .and_then(|()| there.set_focus());
        if let Err(error) = shown {
            tracing::warn!(%error, window = window.label(), "cannot be brought to the front");
        }
        return;
    }
    if let Err(error) = make(app, window) {
        tracing::error!(%error, window = window.label(), "cannot be made");
        closed(app, window.label());
    }
}

/// When the window that is to be painted was asked for.
struct Asked(Mutex<Option<Instant>>);

/// Tells how long a new window took to show what it is for.
pub(crate) fn painted<R: Runtime>(window: &WebviewWindow<R>) {
    let asked = window.try_state::<Asked>();
    let began = asked.and_then(|asked| asked.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    if let Some(began) = began {
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(window = window.label(), took_ms, "painted");
    }
}

fn make<R: Runtime>(app: &AppHandle<R>, window: Window) -> tauri::Result<()> {
    let now = Some(Instant::now());
    if let Some(asked) = app.try_state::<Asked>() {
        *asked.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    } else {
        app.manage(Asked(Mutex::new(now)));
    }
    let page = match window {
        Window::Main => "index.html",
        Window::Approval => "approval.html",
    };
    let builder = WebviewWindowBuilder::new(app, window.label(), WebviewUrl::App(page.into()))
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .disable_drag_drop_handler()
        .devtools(cfg!(debug_assertions));
    let builder = match window {
        Window::Main => builder
            .title("Drawbridge")
            .inner_size(1000.0, 720.0)
            .min_inner_size(380.0, 420.0),
        Window::Approval => builder
            .title("Approval - Drawbridge")
            .inner_size(640.0, 560.0)
            .min_inner_size(380.0, 360.0)
            .always_on_top(true)
            .center(),
    };
    let made = builder.build()?;
    let (app, label) = (app.clone(), window.label());
    made.on_window_event(move |event| {
        if matches!(event, WindowEvent::Destroyed) {
            closed(&app, label);
        }
    });
    Ok(())
}

fn closed<R: Runtime>(app: &AppHandle<R>, label: &str) {
    // The one that closes may still be counted.
    if app.webview_windows().keys().all(|other| other == label) {
        crate::os::tidy_after_windows();
    }
    if let Some(desk) = app.try_state::<Handle>() {
        desk.closed(label);
    }
}

/// Only what is in the program is ever shown.
fn is_ours(url: &Url) -> bool {
    let bundled = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => cfg!(windows) && url.host_str() == Some("tauri.localhost"),
        _ => false,
    };
    bundled || (tauri::is_dev() && url.scheme() == "http" && url.host_str() == Some("localhost"))
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn nothing_from_elsewhere_is_shown() {
        assert!(is_ours(&"tauri://localhost/approval.html".parse().unwrap()));
        for url in [
            "https://example.org/",
            "tauri://example.org/",
            "https://tauri.localhost.example.org/",
            "file:///etc/passwd",
            "data:text/html,x",
            "javascript:alert(1)",
            "about:blank",
        ] {
            assert!(!is_ours(&url.parse().unwrap()), "{url}");
        }
    }
}

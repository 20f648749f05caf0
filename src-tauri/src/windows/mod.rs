//! Windows: made when they are wanted, destroyed when they are closed. On Linux in a process of their own.

mod here;
#[cfg(target_os = "linux")]
mod process;

pub(crate) use here::Here;
#[cfg(target_os = "linux")]
pub(crate) use process::{is_wanted, run, windows};

use drawbridge_desk::Window;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

fn make(app: &AppHandle, window: Window) -> tauri::Result<WebviewWindow> {
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
    builder.build()
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

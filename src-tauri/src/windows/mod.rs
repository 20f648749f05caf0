//! Windows: made when they are wanted, destroyed when they are closed. On Linux in a process of their own.

mod here;
#[cfg(target_os = "linux")]
mod process;

pub(crate) use here::Here;
#[cfg(target_os = "linux")]
pub(crate) use process::{is_wanted, run, windows};

use drawbridge_desk::Window;
use tauri::webview::NewWindowResponse;
use tauri::window::Color;
use tauri::{AppHandle, Theme, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

/// What a window shows until its page is painted: the ground of the page.
const fn ground(theme: Theme) -> Color {
    match theme {
        Theme::Dark => Color(0x15, 0x17, 0x1a, 0xff),
        _ => Color(0xf7, 0xf7, 0xf5, 0xff),
    }
}

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
    let made = builder.build()?;
    // A white window on a dark desktop dazzles; without a colour it is only less beautiful.
    let theme = made.theme().unwrap_or(Theme::Light);
    if let Err(error) = made.set_background_color(Some(ground(theme))) {
        tracing::debug!(%error, "a window has no colour before its page");
    }
    Ok(made)
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
    use super::{ground, is_ours};
    use tauri::Theme;

    #[test]
    fn a_window_has_the_colour_of_its_page_before_there_is_one() {
        let styles = include_str!("../../../ui/src/styles/app.css");
        let mut grounds = styles
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--ground: "));
        for theme in [Theme::Light, Theme::Dark] {
            let tauri::window::Color(red, green, blue, _) = ground(theme);
            let wanted = format!("#{red:02x}{green:02x}{blue:02x};");
            assert_eq!(grounds.next(), Some(wanted.as_str()), "{theme:?}");
        }
    }

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

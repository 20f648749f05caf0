//! Windows of this process.

use super::{closed, make};
use drawbridge_desk::Window;
use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};

/// Makes and tells them. May be called from anywhere; what happens to windows happens on the main thread.
#[derive(Clone)]
pub(crate) struct Here(AppHandle);

impl Here {
    pub(crate) fn new(app: AppHandle) -> Self {
        Self(app)
    }

    /// Brings a window to the front, or makes it.
    pub(crate) fn show(&self, window: Window) {
        self.on_main_thread(move |app| {
            let Some(there) = app.get_webview_window(window.label()) else {
                if let Err(error) = make(app, window) {
                    tracing::error!(%error, window = window.label(), "cannot be made");
                    closed(app, window.label());
                }
                return;
            };
            let shown = there
                .unminimize()
                .and_then(|()| there.show())
                .and_then(|()| there.set_focus());
            if let Err(error) = shown {
                tracing::warn!(%error, window = window.label(), "cannot be brought to the front");
            }
        });
    }

    /// Destroys a window.
    pub(crate) fn close(&self, window: Window) {
        self.on_main_thread(move |app| {
            if let Some(there) = app.get_webview_window(window.label())
                && let Err(error) = there.destroy()
            {
                tracing::warn!(%error, window = window.label(), "cannot be closed");
            }
        });
    }

    /// Tells a window, or all of them.
    pub(crate) fn tell(&self, window: Option<Window>, event: &str, payload: &(impl Serialize + Clone)) {
        let told = match window {
            Some(window) => self.0.emit_to(window.label(), event, payload),
            None => self.0.emit(event, payload),
        };
        if let Err(error) = told {
            tracing::warn!(%error, event, "a window cannot be told");
        }
    }

    fn on_main_thread(&self, work: impl FnOnce(&AppHandle) + Send + 'static) {
        let app = self.0.clone();
        if let Err(error) = self.0.run_on_main_thread(move || work(&app)) {
            tracing::debug!(%error, "the app is ending");
        }
    }
}

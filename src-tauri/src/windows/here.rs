//! Windows of this process.

use super::make;
use crate::desk::Desk;
use drawbridge_desk::Window;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tauri::{AppHandle, Emitter, Manager, WebviewWindow, WindowEvent};

/// How soon a window is tried again whose name is still taken by the one before it.
const AGAIN: Duration = Duration::from_millis(20);

/// Makes and tells them. May be called from anywhere; what happens to windows happens on the main thread.
#[derive(Clone)]
pub(crate) struct Here {
    app: AppHandle,
    known: Arc<Mutex<BTreeMap<Window, Known>>>,
}

/// What is known of the window of a name.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    /// The last wish to show it.
    number: u64,
    /// It is on its way out, though its name is still taken.
    going: bool,
    /// Nobody wanted it to go.
    lost: bool,
    /// It was asked for while it went.
    again: bool,
}

impl Here {
    pub(crate) fn new(app: AppHandle) -> Self {
        Self {
            app,
            known: Arc::default(),
        }
    }

    /// Brings a window to the front, or makes it.
    pub(crate) fn show(&self, window: Window, number: u64) {
        let this = self.clone();
        self.on_main_thread(move || this.show_here(window, number));
    }

    fn show_here(&self, window: Window, number: u64) {
        {
            let mut known = self.known();
            let known = known.entry(window).or_default();
            known.number = number;
            if known.going {
                known.again = true;
                return;
            }
        }
        if let Some(there) = self.app.get_webview_window(window.label()) {
            let shown = there
                .unminimize()
                .and_then(|()| there.show())
                .and_then(|()| there.set_focus());
            if let Err(error) = shown {
                tracing::warn!(%error, window = window.label(), "cannot be brought to the front");
            }
        } else {
            match make(&self.app, window) {
                Ok(made) => self.follow(&made, window),
                Err(error) => {
                    tracing::error!(%error, window = window.label(), "cannot be made");
                    self.gone(window, true);
                    return;
                }
            }
        }
        if let Some(desk) = self.app.try_state::<Desk>() {
            desk.shown(window.label(), number);
        }
    }

    /// Destroys a window.
    pub(crate) fn close(&self, window: Window) {
        let this = self.clone();
        self.on_main_thread(move || this.destroy(window, false));
    }

    fn destroy(&self, window: Window, lost: bool) {
        let Some(there) = self.app.get_webview_window(window.label()) else {
            return;
        };
        {
            let mut known = self.known();
            let known = known.entry(window).or_default();
            (known.going, known.lost) = (true, lost);
        }
        if let Err(error) = there.destroy() {
            tracing::warn!(%error, window = window.label(), "cannot be closed");
            self.known().entry(window).or_default().going = false;
        }
    }

    fn follow(&self, made: &WebviewWindow, window: Window) {
        let this = self.clone();
        made.on_window_event(move |event| match event {
            // Nothing here keeps a window from being closed.
            WindowEvent::CloseRequested { .. } => this.known().entry(window).or_default().going = true,
            WindowEvent::Destroyed => {
                let lost = this.known().get(&window).is_some_and(|known| known.lost);
                this.gone(window, lost);
            }
            _ => {}
        });
        #[cfg(target_os = "linux")]
        {
            let this = self.clone();
            super::process::when_page_crashes(made, move || this.destroy(window, true));
        }
    }

    fn gone(&self, window: Window, lost: bool) {
        let known = std::mem::take(self.known().entry(window).or_default());
        if let Some(desk) = self.app.try_state::<Desk>() {
            // What was asked for meanwhile is not what is gone.
            let last = known.number.saturating_sub(u64::from(known.again));
            desk.closed(window.label(), last, lost);
        }
        if known.again {
            let this = self.clone();
            tauri::async_runtime::spawn(async move {
                // Its name is free once this event is over.
                while this.app.get_webview_window(window.label()).is_some() {
                    tokio::time::sleep(AGAIN).await;
                }
                this.show(window, known.number);
            });
        }
    }

    /// Tells a window, or all of them.
    pub(crate) fn tell(&self, window: Option<Window>, event: &str, payload: &(impl Serialize + Clone)) {
        let told = match window {
            Some(window) => self.app.emit_to(window.label(), event, payload),
            None => self.app.emit(event, payload),
        };
        if let Err(error) = told {
            tracing::warn!(%error, event, "a window cannot be told");
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Window, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_main_thread(&self, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = self.app.run_on_main_thread(work) {
            tracing::debug!(%error, "the app is ending");
        }
    }
}

//! The desktop as Tauri gives it.

use crate::os::Notices;
use crate::tray::Painter;
use crate::windows;
use drawbridge_core::tray::Tray;
use drawbridge_desk::{
    ApprovalCard, Desktop, DesktopView, Handle, Notice, Opener, Opening, Page, Problem, ThreadEvent, Window,
};
use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};
use tauri_plugin_autostart::ManagerExt;

/// The real one.
pub(crate) struct TauriDesktop {
    app: AppHandle,
    painter: Painter,
    notices: Notices,
}

impl TauriDesktop {
    pub(crate) fn new(app: AppHandle) -> Self {
        let clicked = {
            let app = app.clone();
            move || {
                if let Some(desk) = app.try_state::<Handle>() {
                    desk.notice_clicked();
                }
            }
        };
        Self {
            notices: Notices::new(clicked),
            painter: Painter::default(),
            app,
        }
    }

    fn on_main_thread(&self, work: impl FnOnce(&AppHandle) + Send + 'static) {
        let app = self.app.clone();
        if let Err(error) = self.app.run_on_main_thread(move || work(&app)) {
            tracing::debug!(%error, "the app is ending");
        }
    }

    fn emit<T: Serialize + Clone>(&self, window: Window, event: &str, payload: T) {
        if let Err(error) = self.app.emit_to(window.label(), event, payload) {
            tracing::warn!(%error, event, "a window cannot be told");
        }
    }
}

impl Desktop for TauriDesktop {
    fn show(&mut self, window: Window) {
        self.on_main_thread(move |app| windows::show(app, window));
    }

    fn go(&mut self, page: Page) {
        self.emit(Window::Main, "go", page.name());
    }

    fn close(&mut self, window: Window) {
        self.on_main_thread(move |app| {
            if let Some(there) = app.get_webview_window(window.label())
                && let Err(error) = there.destroy()
            {
                tracing::warn!(%error, window = window.label(), "cannot be closed");
            }
        });
    }

    fn paint(&mut self, tray: &Tray) {
        let (painter, tray) = (self.painter.clone(), tray.clone());
        self.on_main_thread(move |app| painter.paint(app, &tray));
    }

    fn tell(&mut self, view: &DesktopView) {
        if let Err(error) = self.app.emit("view", view) {
            tracing::warn!(%error, "the windows cannot be told");
        }
    }

    fn tell_card(&mut self, card: Option<&ApprovalCard>) {
        self.emit(Window::Approval, "approval", card);
    }

    fn tell_thread(&mut self, event: &ThreadEvent) {
        self.emit(Window::Main, "thread", event);
    }

    fn ask_quit(&mut self, running: usize) {
        self.emit(
            Window::Main,
            "quit_asked",
            drawbridge_desk::QuitAnswer { running },
        );
    }

    fn notify(&mut self, notice: &Notice) {
        self.notices.show(notice.clone());
    }

    fn withdraw_notice(&mut self) {
        self.notices.withdraw();
    }

    fn opener(&mut self, what: Opening) -> Opener {
        Box::new(move || {
            let (path, kind, done) = match &what {
                Opening::Text(file) => (file, "texts", crate::os::open_text(file)),
                Opening::Folder(folder) => (folder, "folders", crate::os::open_folder(folder)),
            };
            done.map_err(|error| {
                let path = path.display();
                let now =
                    format!("choose a program for {kind} in the system's settings, or open it yourself");
                Problem::new("open", format!("nothing here opens {path} ({error}); {now}"))
            })
        })
    }

    fn set_start_at_login(&mut self, on: bool) -> Result<(), Problem> {
        let autostart = self.app.autolaunch();
        let done = if on {
            autostart.enable()
        } else {
            autostart.disable()
        };
        // Taking away what is not there is done.
        match done {
            Err(_) if !on && !self.starts_at_login() => Ok(()),
            other => other.map_err(|error| {
                Problem::new("start_at_login", format!("the system did not take it: {error}"))
            }),
        }
    }

    fn starts_at_login(&self) -> bool {
        self.app.autolaunch().is_enabled().unwrap_or(false)
    }

    fn exit(&mut self) {
        self.app.exit(0);
    }
}

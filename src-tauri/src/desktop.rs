//! The desktop as Tauri gives it.

use crate::os::Notices;
use crate::tray::Painter;
use drawbridge_core::tray::Tray;
use drawbridge_desk::{
    ApprovalCard, Desktop, DesktopView, Handle, Notice, Opener, Opening, Page, Problem, ThreadEvent, Window,
};
use tauri::AppHandle;
use tauri_plugin_autostart::ManagerExt;

#[cfg(target_os = "linux")]
type Windows = drawbridge_desk::WindowsProcess;
#[cfg(not(target_os = "linux"))]
type Windows = crate::windows::Here;

/// The real one.
pub(crate) struct TauriDesktop {
    app: AppHandle,
    windows: Windows,
    painter: Painter,
    notices: Notices,
}

impl TauriDesktop {
    /// The desktop, once the controller behind it is known.
    pub(crate) fn new(app: AppHandle, desk: &Handle) -> Self {
        let notices = Notices::new({
            let desk = desk.clone();
            move || desk.notice_clicked()
        });
        Self {
            windows: windows(&app, desk, &notices),
            painter: Painter::default(),
            notices,
            app,
        }
    }

    fn on_main_thread(&self, work: impl FnOnce(&AppHandle) + Send + 'static) {
        let app = self.app.clone();
        if let Err(error) = self.app.run_on_main_thread(move || work(&app)) {
            tracing::debug!(%error, "the app is ending");
        }
    }
}

/// Windows of a process of their own, and a word when that cannot be.
#[cfg(target_os = "linux")]
fn windows(_: &AppHandle, desk: &Handle, notices: &Notices) -> Windows {
    let notices = notices.clone();
    let (windows, owner) = crate::windows::windows(desk.clone(), move |why| {
        notices.tell(Notice {
            title: "The window could not be shown".to_owned(),
            body: format!("{why}. Everything else runs on; try again, or use `drawbridge` in a terminal."),
        });
    });
    tauri::async_runtime::spawn(owner.run());
    windows
}

#[cfg(not(target_os = "linux"))]
fn windows(app: &AppHandle, desk: &Handle, _: &Notices) -> Windows {
    use tauri::Manager;
    app.manage(crate::desk::Desk::Here(desk.clone()));
    crate::windows::Here::new(app.clone())
}

impl Desktop for TauriDesktop {
    fn show(&mut self, window: Window) {
        #[cfg(target_os = "linux")]
        self.windows.show(window);
        // Only another process has to say which of several wishes it answers.
        #[cfg(not(target_os = "linux"))]
        self.windows.show(window, 0);
    }

    fn go(&mut self, page: Page) {
        self.windows.tell(Some(Window::Main), "go", &page.name());
    }

    fn close(&mut self, window: Window) {
        self.windows.close(window);
    }

    fn paint(&mut self, tray: &Tray) {
        let (painter, tray) = (self.painter.clone(), tray.clone());
        self.on_main_thread(move |app| painter.paint(app, &tray));
    }

    fn tell(&mut self, view: &DesktopView) {
        self.windows.tell(None, "view", view);
    }

    fn tell_card(&mut self, card: Option<&ApprovalCard>) {
        self.windows.tell(Some(Window::Approval), "approval", &card);
    }

    fn tell_thread(&mut self, event: &ThreadEvent) {
        self.windows.tell(Some(Window::Main), "thread", event);
    }

    fn ask_quit(&mut self, running: usize) {
        let answer = drawbridge_desk::QuitAnswer { running };
        self.windows.tell(Some(Window::Main), "quit_asked", &answer);
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
        let app = self.app.clone();
        #[cfg(target_os = "linux")]
        {
            let windows = self.windows.clone();
            tauri::async_runtime::spawn(async move {
                windows.stop().await;
                app.exit(0);
            });
        }
        #[cfg(not(target_os = "linux"))]
        app.exit(0);
    }
}

//! The desktop app: Tauri around the controller of `drawbridge-desk`. Nothing is decided here.

mod commands;
mod desk;
mod desktop;
#[cfg_attr(unix, path = "ending/unix.rs")]
#[cfg_attr(windows, path = "ending/windows.rs")]
mod ending;
mod icon;
mod os;
#[cfg(test)]
mod rights;
mod tray;
mod windows;

use desktop::TauriDesktop;
use drawbridge_control::spawn::Program;
use drawbridge_desk::{Controller, Handle, Settings, data_dir, host_program, login_search_path};
use drawbridge_wire::pipe::{HostSetup, VaultKey};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tauri::{AppHandle, Builder, Manager, RunEvent, Runtime};

/// Given by the session at login: begin in the tray.
const HIDDEN: &str = "--hidden";
/// See [`Settings::tray_patience`].
const TRAY_PATIENCE: Duration = Duration::from_secs(10);
/// See [`Settings::first_pause`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Everything of the app that windows can reach; shared with tests.
fn base<R: Runtime>(builder: Builder<R>) -> Builder<R> {
    builder.invoke_handler(tauri::generate_handler![
        commands::snapshot,
        commands::painted,
        commands::set_bus,
        commands::enroll,
        commands::forget,
        commands::set_enrollment,
        commands::check_mcp,
        commands::open_approvals,
        commands::pause,
        commands::set_start_at_login,
        commands::logs,
        commands::processes,
        commands::restart,
        commands::audit_tail,
        commands::config_show,
        commands::config_set,
        commands::config_accept,
        commands::thread_open,
        commands::thread_close,
        commands::thread_send,
        commands::thread_steer,
        commands::thread_interrupt,
        commands::thread_start,
        commands::skill_set,
        commands::skills_rescan,
        commands::skill_open,
        commands::open_config,
        commands::vault_open,
        commands::quit,
        commands::approval_current,
        commands::approval_step,
        commands::approval_answer,
    ])
}

/// Runs the app.
#[must_use]
pub fn run() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("DRAWBRIDGE_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    #[cfg(target_os = "linux")]
    if windows::is_wanted(std::env::args_os()) {
        return windows::run();
    }
    let autostart = tauri_plugin_autostart::Builder::new()
        .arg(HIDDEN)
        .app_name("Drawbridge")
        .build();
    let app = base(Builder::default())
        // First, so that a second start gets no further.
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            if let Some(desk) = app.try_state::<Handle>() {
                desk.second_start();
            }
        }))
        .plugin(autostart)
        .setup(|app| {
            start(app.handle())?;
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match app {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "the app cannot start");
            return ExitCode::FAILURE;
        }
    };
    app.run(|_, event| {
        // Closing the last window leaves the tray; only our own exit has a code.
        if let RunEvent::ExitRequested { api, code: None, .. } = event {
            api.prevent_exit();
        }
    });
    ExitCode::SUCCESS
}

/// Why the app has nothing to work with.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("the system names no folder for the data of programs; set DRAWBRIDGE_DATA_DIR")]
    NoDataDir,
    #[error("this program does not know where it is: {0}")]
    NoProgram(std::io::Error),
}

fn start(app: &AppHandle) -> Result<(), StartError> {
    let named = std::env::var_os("DRAWBRIDGE_DATA_DIR");
    let data_dir = data_dir(named, dirs::data_local_dir()).ok_or(StartError::NoDataDir)?;
    let this = std::env::current_exe().map_err(StartError::NoProgram)?;
    let key_file = std::env::var_os("DRAWBRIDGE_KEY_FILE").filter(|file| !file.is_empty());
    let settings = Settings {
        data_dir,
        config_file: drawbridge_config::config_path(
            None,
            |name| std::env::var_os(name),
            dirs::config_dir().as_deref(),
        ),
        program: Program {
            path: host_program(&this),
            search_path: None,
        },
        setup: HostSetup {
            cwd: dirs::home_dir(),
            config: config_file(),
            vault_key: key_file.map_or(VaultKey::Keyring, |file| VaultKey::File(PathBuf::from(file))),
            ..HostSetup::default()
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        first_pause: FIRST_PAUSE,
        tray_patience: TRAY_PATIENCE,
        hidden: std::env::args_os().any(|argument| argument == HIDDEN),
    };
    let (mut controller, desk) = Controller::new(|desk| TauriDesktop::new(app.clone(), desk), settings);
    app.manage(desk.clone());
    tauri::async_runtime::spawn(os::watch_tray_host(desk.clone()));
    tauri::async_runtime::spawn(ending::until_told_to_end(desk));
    tauri::async_runtime::spawn(async move {
        controller.look_for_programs_in(login_search_path(std::env::var_os("SHELL")).await);
        controller.run().await;
    });
    Ok(())
}

/// The configuration file, as the command finds it.
fn config_file() -> Option<PathBuf> {
    std::env::var_os("DRAWBRIDGE_CONFIG")
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
        .or_else(|| dirs::config_dir().map(|dir| dir.join("drawbridge/config.toml")))
}

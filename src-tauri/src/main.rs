//! `drawbridge-desktop`.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    drawbridge_desktop::run()
}

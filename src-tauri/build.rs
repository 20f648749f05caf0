//! Lets tauri-build make one permission for each of our commands.

/// Every command a window may be given. Which window gets which stands in `capabilities/`.
const COMMANDS: &[&str] = &[
    "snapshot",
    "painted",
    "set_bus",
    "enroll",
    "forget",
    "set_enrollment",
    "check_mcp",
    "open_approvals",
    "pause",
    "set_start_at_login",
    "logs",
    "processes",
    "restart",
    "audit_tail",
    "config_show",
    "config_set",
    "config_accept",
    "thread_open",
    "thread_close",
    "thread_send",
    "thread_steer",
    "thread_interrupt",
    "thread_start",
    "skill_set",
    "skills_rescan",
    "skill_open",
    "open_config",
    "vault_open",
    "quit",
    "approval_current",
    "approval_step",
    "approval_answer",
];

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(tauri_build::AppManifest::new().commands(COMMANDS));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo:warning=tauri-build: {error:#}");
        std::process::exit(1);
    }
}

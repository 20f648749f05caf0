//! What windows may invoke. Each line passes one wish on; whether this window may, and what comes of it,
//! the controller says.

use crate::desk::Desk;
use drawbridge_desk::{Ask, EnrollForm, Problem};
use drawbridge_wire::buses::{McpSetting, SetEnrollment};
use drawbridge_wire::processes::Restart;
use drawbridge_wire::{Decision, Secret};
use serde_json::{Map, Value};
use std::path::PathBuf;
use tauri::{Runtime, State, WebviewWindow};

type Answer = Result<Value, Problem>;

/// A command that passes its arguments on as one wish.
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) => $ask:expr;)*) => {$(
        $(#[$doc])*
        #[tauri::command]
        pub(crate) async fn $name<R: Runtime>(
            window: WebviewWindow<R>,
            desk: State<'_, Desk>,
            $($argument: $kind),*
        ) -> Answer {
            desk.ask(window.label(), $ask).await
        }
    )*};
}

/// The page has been painted with what it is for.
#[tauri::command]
#[allow(
    clippy::needless_pass_by_value,
    reason = "a command is given what it asks for"
)]
pub(crate) fn painted<R: Runtime>(window: WebviewWindow<R>, desk: State<'_, Desk>) {
    desk.painted(window.label());
}

commands! {
    snapshot() => Ask::Snapshot;
    set_bus(id: String, on: bool) => Ask::SetBus { id, on };
    enroll(api: String, token: Option<Secret>, code: Option<Secret>, name: Option<String>, ca_file: Option<PathBuf>)
        => Ask::Enroll(Box::new(EnrollForm { api, token, code, name, ca_file }));
    forget(id: String) => Ask::Forget { id };
    set_enrollment(id: String, name: Option<String>, mcp_url: Option<String>, mcp_name: Option<String>, mcp_token: Option<Secret>)
        => Ask::SetEnrollment(Box::new(SetEnrollment {
            bus: id,
            name,
            mcp: McpSetting { name: mcp_name, url: mcp_url, token: mcp_token },
        }));
    check_mcp(id: Option<String>) => Ask::CheckMcp { id };
    open_approvals() => Ask::OpenApprovals;
    pause(minutes: u32) => Ask::Pause { minutes };
    set_start_at_login(on: bool) => Ask::SetStartAtLogin { on };
    logs(child: String) => Ask::Logs { child };
    processes() => Ask::Processes;
    restart(id: String, interrupt: bool) => Ask::Restart(Restart { id, interrupt });
    audit_tail(count: usize) => Ask::AuditTail { count };
    config_show() => Ask::ConfigShow;
    config_set(key: String, value: String) => Ask::ConfigSet { key, value };
    config_accept(digest: String) => Ask::ConfigAccept { digest };
    thread_open(id: String) => Ask::ThreadOpen { id };
    thread_close(id: String) => Ask::ThreadClose { id };
    thread_send(id: String, text: String) => Ask::ThreadSend { id, text };
    thread_steer(id: String, text: String) => Ask::ThreadSteer { id, text };
    thread_interrupt(id: String) => Ask::ThreadInterrupt { id };
    thread_start(text: String, cwd: Option<PathBuf>) => Ask::ThreadStart { text, cwd };
    skill_set(id: String, on: bool) => Ask::SkillSet { id, on };
    skills_rescan() => Ask::SkillsRescan;
    skill_open(id: String, folder: bool) => Ask::SkillOpen { id, folder };
    open_config() => Ask::OpenConfig;
    vault_open() => Ask::OpenVault;
    quit(really: bool) => Ask::Quit { really };
    approval_current() => Ask::CurrentCard;
    approval_step(by: i32) => Ask::StepCard { by };
    approval_answer(id: String, digest: String, nonce: String, decision: Decision, replies: Option<Map<String, Value>>)
        => Ask::Answer { id, digest, nonce, decision, replies };
}

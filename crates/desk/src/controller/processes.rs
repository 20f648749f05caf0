//! What runs: the app itself, and what the host says.

use super::approvals::json;
use super::{Controller, Reply};
use crate::Problem;
use crate::desktop::Desktop;
use drawbridge_process::{Weight, weigh};
use drawbridge_wire::control::Request;
use drawbridge_wire::processes::{ProcessState, ProcessView, ProcessesView};

impl<D: Desktop> Controller<D> {
    /// Answers with the app first, then what the host lists. Without a host the app is all there is.
    pub(super) fn list_processes(&self, reply: Reply) -> bool {
        let host = self.host.as_ref().map(|host| host.requests.clone());
        // It stands below the app when the app started it, and weighs for itself.
        let host_pid = self.view().map(|view| view.host.pid);
        let since_ms = self.since_ms;
        let work = async move {
            let mut processes = vec![app(since_ms, host_pid).await?];
            if let Some(requests) = host {
                let told = requests.ask(Request::Processes {}).await?;
                let told: ProcessesView = serde_json::from_value(told).map_err(|wrong| {
                    Problem::new("not_understood", format!("the host says what runs in a way of its own ({wrong}); update the older of the two"))
                })?;
                processes.extend(told.processes);
            }
            json(&ProcessesView { processes })
        };
        self.handle.spawn(work, Some(reply));
        true
    }
}

/// This process, with the windows and what draws them.
async fn app(since_ms: u64, host: Option<u32>) -> Result<ProcessView, Problem> {
    let own = std::process::id();
    let pids: Vec<u32> = [Some(own), host].into_iter().flatten().collect();
    let weighed = tokio::task::spawn_blocking(move || weigh(&pids)).await;
    let Weight {
        own: memory,
        below,
        below_bytes,
    } = weighed
        .ok()
        .and_then(|all| all.first().copied())
        .unwrap_or_default();
    Ok(ProcessView {
        id: "app".to_owned(),
        state: ProcessState::Running,
        pid: Some(own),
        starts: 1,
        since_ms: Some(since_ms),
        last_end: None,
        memory,
        below: u32::try_from(below).unwrap_or(u32::MAX),
        below_memory: below_bytes,
    })
}

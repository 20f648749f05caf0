//! What runs: the host, the app-server, the connectors; and starting one of them anew.

use super::control::error;
use super::{Hub, now_ms};
use crate::event::{ControlReply, Reply};
use drawbridge_audit::Entry;
use drawbridge_process::{Weight, weigh};
use drawbridge_wire::AnswerSource;
use drawbridge_wire::control::AppServerState;
use drawbridge_wire::pipe::LinkState;
use drawbridge_wire::processes::{ProcessEnd, ProcessState, ProcessView, ProcessesView, Restart};
use std::sync::atomic::Ordering;

/// The lives of a process that is started again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Lives {
    starts: u64,
    since_ms: u64,
    last_end: Option<ProcessEnd>,
}

impl Lives {
    pub(super) fn started(&mut self) {
        self.starts += 1;
        self.since_ms = now_ms();
    }

    pub(super) fn ended(&mut self, message: &str) {
        self.last_end = Some(ProcessEnd {
            at_ms: now_ms(),
            message: message.to_owned(),
        });
    }

    fn view(&self, id: &str, state: ProcessState, pid: Option<u32>) -> ProcessView {
        ProcessView {
            id: id.to_owned(),
            state,
            pid,
            starts: self.starts,
            since_ms: pid.map(|_| self.since_ms),
            last_end: self.last_end.clone(),
            memory: None,
            below: 0,
            below_memory: 0,
        }
    }
}

impl Hub {
    /// Answers with what runs, once it is measured; that reads many files.
    pub(super) fn list_processes(&self, reply: Reply) {
        let mut processes = self.processes();
        tokio::task::spawn_blocking(move || {
            let known: Vec<(usize, u32)> = processes
                .iter()
                .enumerate()
                .filter_map(|(at, process)| Some((at, process.pid?)))
                .collect();
            let pids: Vec<u32> = known.iter().map(|(_, pid)| *pid).collect();
            for ((at, _), weight) in known.iter().zip(weigh(&pids)) {
                let Weight {
                    own,
                    below,
                    below_bytes,
                } = weight;
                let process = &mut processes[*at];
                process.memory = own;
                process.below = u32::try_from(below).unwrap_or(u32::MAX);
                process.below_memory = below_bytes;
            }
            // The asker may be gone.
            let _ = reply.send(ControlReply::Processes(ProcessesView { processes }));
        });
    }

    fn processes(&self) -> Vec<ProcessView> {
        let app_server = match &self.app_server.state {
            AppServerState::Starting => ProcessState::Starting,
            AppServerState::Ready | AppServerState::Stopping => ProcessState::Running,
            AppServerState::Waiting { .. } => ProcessState::Waiting,
            AppServerState::Stopped => ProcessState::Off,
        };
        let mut all = vec![
            self.host_lives
                .view("host", ProcessState::Running, Some(std::process::id())),
            self.app_server_lives
                .view("app-server", app_server, self.app_server.pid),
        ];
        all.extend(self.buses.iter().map(|bus| {
            let pid = Some(bus.handle.pid().load(Ordering::SeqCst)).filter(|pid| *pid != 0);
            let state = match (pid, bus.view.wanted && !self.visit) {
                (Some(_), _) => ProcessState::Running,
                (None, false) => ProcessState::Off,
                (None, true) if ended(&bus.view.link) => ProcessState::Waiting,
                (None, true) => ProcessState::Starting,
            };
            bus.lives.view(&format!("connector:{}", bus.view.id), state, pid)
        }));
        all
    }

    /// Ends the app-server or a connector, which is started again at once.
    pub(super) fn restart(&mut self, asked: &Restart, by: &str, reply: Reply) {
        let refused = match (asked.id.as_str(), asked.id.strip_prefix("connector:")) {
            ("app-server", _) => return self.restart_app_server(asked.interrupt, by, reply),
            (_, Some(bus)) => self.restart_connector(bus, by),
            _ => Err(error(
                "bad_request",
                "`id` is `app-server` or `connector:<id of a bus>`; `drawbridge processes` lists them",
            )),
        };
        // The asker may be gone.
        let _ = reply.send(refused.err().unwrap_or(ControlReply::Done));
    }

    fn restart_connector(&mut self, id: &str, by: &str) -> Result<(), ControlReply> {
        let first = self.first_state(true);
        let visit = self.visit;
        let Some(bus) = self.bus_mut(id) else {
            return Err(error(
                "unknown_bus",
                "there is no such bus; `drawbridge enrollments` lists them",
            ));
        };
        if !bus.view.wanted || visit {
            return Err(error(
                "not_running",
                "this computer is not connected to that bus, so it has no connector to start again; connect it first",
            ));
        }
        bus.view.link = first;
        bus.view.since_ms = now_ms();
        if bus.handle.pid().load(Ordering::SeqCst) != 0 {
            bus.lives.ended(&format!("started again as {by} asked"));
        }
        bus.handle.want(true);
        self.bus_changed(id);
        self.record_restart(&format!("connector:{id}"), by, false);
        Ok(())
    }

    fn restart_app_server(&mut self, interrupt: bool, by: &str, reply: Reply) {
        // The asker may be gone.
        let answer = |reply: Reply, given: bool| {
            drop(reply.send(if given {
                ControlReply::Done
            } else {
                no_app_server()
            }));
        };
        if self.visit {
            return answer(reply, false);
        }
        let turns = self.turns_running();
        if turns > 0 && !interrupt {
            let said = format!(
                "{turns} {} would be interrupted; let them end, or ask again and say so",
                if turns == 1 {
                    "running turn"
                } else {
                    "running turns"
                }
            );
            let _ = reply.send(error("turns_running", &said));
            return;
        }
        self.record_restart("app-server", by, interrupt);
        let order = self.agent.restarting();
        if turns == 0 {
            // At once, so that no turn begins between the look and the order.
            return answer(reply, order.give());
        }
        self.cancel_pending(&AnswerSource::Control {
            client: by.to_owned(),
        });
        let quiet = self.quieten_all();
        tokio::spawn(async move {
            quiet.await;
            answer(reply, order.give());
        });
    }

    fn record_restart(&mut self, process: &str, by: &str, interrupt: bool) {
        self.record(&Entry::RestartAsked {
            process: process.to_owned(),
            client: by.to_owned(),
            interrupt,
        });
    }
}

/// Whether a link is down because its connector ended unasked.
fn ended(link: &LinkState) -> bool {
    matches!(link, LinkState::Waiting { code, .. } if code == super::link::ENDED)
}

fn no_app_server() -> ControlReply {
    error(
        "not_running",
        "this host has no app-server to start again; `drawbridge connect` starts a host with one",
    )
}

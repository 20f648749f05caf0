//! Clients of the control socket.

use super::{ControlClient, Hub, now_ms};
use crate::event::{ConnectionId, ControlEvent, ControlReply, Reply};
use drawbridge_audit::Entry;
use drawbridge_core::approvals::{AnswerError, ApprovalId};
use drawbridge_wire::AnswerSource;
use drawbridge_wire::control::{Answer, AnswerResult, Initialize, Request, VERSION};

impl Hub {
    pub(super) fn on_control(&mut self, connection: ConnectionId, event: ControlEvent) {
        match event {
            ControlEvent::Opened { pid, outbox } => {
                let client = ControlClient {
                    name: String::new(),
                    initialized: false,
                    subscribed: false,
                    lease: false,
                    pid,
                    outbox,
                };
                self.controls.insert(connection, client);
                self.record(&Entry::ConnectionOpened {
                    connection,
                    door: drawbridge_audit::Door::Control,
                    role: "user".to_owned(),
                    bus: None,
                    client: None,
                    peer_pid: pid,
                });
            }
            ControlEvent::Closed => {
                self.controls.remove(&connection);
                self.leases.drop_lease(connection, false, now_ms());
                self.record(&Entry::ConnectionClosed {
                    connection,
                    reason: "closed".to_owned(),
                });
                self.leases_changed();
            }
            ControlEvent::Request { request, reply } => self.on_request(connection, request, reply),
        }
    }

    fn on_request(&mut self, connection: ConnectionId, request: Request, reply: Reply) {
        let initialized = self.controls.get(&connection).is_some_and(|c| c.initialized);
        let answer = match request {
            Request::Initialize(params) => self.initialize(connection, params),
            _ if !initialized => error("not_initialized", "send `initialize` first"),
            Request::Snapshot {} => {
                if let Some(client) = self.controls.get_mut(&connection) {
                    client.subscribed = true;
                }
                ControlReply::Snapshot(Box::new(self.view()))
            }
            Request::Answer(answer) => self.on_answer(connection, &answer),
            Request::CheckMcp(which) => self.check_mcp(which.bus.as_deref()),
            Request::OfferConfig {} => self.offer_config(),
            // These take their time and answer when they are done.
            Request::Connect(which) => return self.set_wanted(which.bus.as_deref(), true, reply),
            Request::Disconnect(which) => return self.set_wanted(which.bus.as_deref(), false, reply),
            Request::Enroll(params) => return self.enroll(*params, reply),
            Request::SetEnrollment(params) => return self.set_enrollment(*params, reply),
            Request::Forget { bus } => return self.forget(&bus, reply),
            Request::OpenVault {} => return self.open_vault(Some(reply)),
            Request::CheckVault {} => return self.check_vault(reply),
            Request::ResetVault {} => return self.reset_vault(reply),
            Request::RotateVault {} => return self.rotate_vault(reply),
            Request::ExportVault { recipient } => return self.export_vault(recipient, reply),
            Request::ImportVault(import) => return self.import_vault(*import, reply),
            Request::AcceptConfig { digest } => return self.accept_config(&digest, reply),
            Request::SetSkill(set) => return self.set_skill(&set, reply),
            Request::Processes {} => return self.list_processes(reply),
            Request::Restart(asked) => {
                let by = self.controls.get(&connection).map(|client| client.name.clone());
                return self.restart(&asked, &by.unwrap_or_default(), reply);
            }
            Request::RescanSkills {} => return self.rescan_skills(reply),
            Request::ReleaseLease {} => {
                self.leases.drop_lease(connection, true, now_ms());
                self.leases_changed();
                ControlReply::Done
            }
            Request::Stop {} => {
                let name = self
                    .controls
                    .get(&connection)
                    .map(|c| c.name.clone())
                    .unwrap_or_default();
                self.stopping = Some(format!("asked by {name}"));
                ControlReply::Done
            }
            Request::Logs { child } => match child.as_str() {
                "app-server" => ControlReply::Logs(self.agent.log()),
                "connector" => {
                    ControlReply::Logs(self.buses.first().map(|bus| bus.handle.log()).unwrap_or_default())
                }
                other => match other.strip_prefix("connector:").and_then(|id| self.bus(id)) {
                    Some(bus) => ControlReply::Logs(bus.handle.log()),
                    None => error(
                        "bad_request",
                        "`child` is `app-server`, `connector` or `connector:<id of a bus>`",
                    ),
                },
            },
        };
        // The asker may be gone.
        let _ = reply.send(answer);
    }

    fn initialize(&mut self, connection: ConnectionId, params: Initialize) -> ControlReply {
        if params.version != VERSION {
            return error(
                "unsupported_version",
                "this host speaks another version; update the older of the two",
            );
        }
        if self.visit && params.lease && !params.visit {
            return self.visited();
        }
        let Some(client) = self.controls.get_mut(&connection) else {
            return error("bad_request", "the connection is closed");
        };
        if client.initialized {
            return error("bad_request", "`initialize` was already sent");
        }
        client.initialized = true;
        client.name.clone_from(&params.client);
        client.lease = params.lease;
        let pid = client.pid;
        if params.lease {
            self.leases.take(connection, params.client, pid);
            self.leases_changed();
        }
        self.approver_came();
        ControlReply::Initialized(Box::new(self.view()))
    }

    /// Who has the host that has no codex and no links.
    fn visited(&self) -> ControlReply {
        let holders: Vec<String> = self
            .leases
            .iter()
            .map(|(client, pid)| {
                let client = drawbridge_consent::visible_line(client);
                pid.map_or_else(
                    || format!("`{client}`"),
                    |pid| format!("`{client}` (process {pid})"),
                )
            })
            .collect();
        let said = if holders.is_empty() {
            "a short command has just ended, and its host ends by itself; try again in a moment".to_owned()
        } else {
            format!(
                "{} uses this data directory just now; wait for its end or end it, then try again",
                holders.join(", ")
            )
        };
        error("host_visiting", &said)
    }

    fn on_answer(&mut self, connection: ConnectionId, answer: &Answer) -> ControlReply {
        if !self.policy.answer.local() {
            return error(
                "not_allowed",
                "this host was set so that only remote clients answer (`--answer remote`, or security.answer in its configuration)",
            );
        }
        let Ok(id) = answer.id.parse::<ApprovalId>() else {
            return error(
                "unknown_approval",
                "there is no such approval; `drawbridge approvals list` shows what is open",
            );
        };
        let client = self
            .controls
            .get(&connection)
            .map(|c| c.name.clone())
            .unwrap_or_default();
        let by = AnswerSource::Control { client };
        let outcome = self.give_answer(&id, Some(&answer.digest), answer.decision.clone(), by);
        let won = outcome.is_ok();
        match (outcome, self.approvals.get(&id)) {
            (Ok(()) | Err(AnswerError::Over(_)), Some(card)) => ControlReply::Answered(AnswerResult {
                state: card.state.clone(),
                won,
            }),
            (Err(wrong), _) => error(wrong.code(), &wrong.to_string()),
            (Ok(()), None) => error("unknown_approval", "the approval is gone"),
        }
    }
}

pub(super) fn error(code: &str, message: &str) -> ControlReply {
    ControlReply::Error {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

//! Connections behind the gate: who they are, and the order of what they may change.

use super::places::moves_thread;
use super::{Client, Hub, InFlight, Lane, Waiting};
use crate::event::{
    Caller, ConnectionId, GateEvent, OpKind, Outcome, Permit, Refused, ThreadOp, Whereabouts,
};
use crate::settings::{carried_is_wide, effective};
use drawbridge_audit::Entry;
use drawbridge_core::threads::Origin;
use drawbridge_wire::control::Change;
use serde_json::Value;

impl Hub {
    pub(super) fn on_gate(&mut self, connection: ConnectionId, event: GateEvent) {
        match event {
            GateEvent::Opened {
                caller,
                edition,
                pid,
                outbox,
            } => {
                let (bus, client) = match &caller {
                    Caller::Local => (None, "local".to_owned()),
                    Caller::Remote { bus, client, .. } => (Some(bus.clone()), client.clone()),
                };
                let opened = Entry::ConnectionOpened {
                    connection,
                    door: recorded_door(&caller),
                    role: role_word(&caller),
                    bus: bus.clone(),
                    client: Some(client.clone()),
                    peer_pid: pid,
                };
                let recorded = self.record_opened(bus.as_deref(), &opened);
                let mut client = Client {
                    caller,
                    name: client,
                    edition,
                    closing: false,
                    outbox,
                    lines: super::refusals::Lines::new(super::now_ms()),
                    unrecorded: (!recorded).then_some(opened),
                };
                // It may have begun its handshake before the last change.
                client.close_if_before(self.policy.edition);
                self.clients.insert(connection, client);
                self.connections_changed();
                self.approver_came();
            }
            GateEvent::Named(name) => {
                if let Some(client) = self
                    .clients
                    .get_mut(&connection)
                    .filter(|c| c.caller == Caller::Local)
                {
                    client.name = name;
                    self.connections_changed();
                }
            }
            GateEvent::Closed { reason } => {
                if let Some(client) = self.clients.get_mut(&connection) {
                    let left_out = client.lines.end();
                    self.record_left_out(connection, left_out);
                }
                let client = self.clients.remove(&connection);
                if client.is_none_or(|client| client.unrecorded.is_none()) {
                    self.record(&Entry::ConnectionClosed { connection, reason });
                }
                for holders in self.holders.values_mut() {
                    holders.remove(&connection);
                }
                self.release_all(connection);
                self.connections_changed();
            }
            GateEvent::Ask { op, reply } => self.ask(Waiting {
                connection,
                op,
                reply,
            }),
            GateEvent::Settle { permit, outcome } => self.settle(permit, &outcome),
            GateEvent::Where {
                thread,
                unloaded,
                reply,
            } => {
                if self.is_closing(connection) {
                    // The asker may be gone.
                    let _ = reply.send(Whereabouts::NotKnown);
                } else {
                    self.place(thread, unloaded, reply);
                }
            }
            GateEvent::Loaded { thread, reply } => {
                // The asker may be gone.
                let _ = reply.send(self.threads.get(&thread).is_some());
            }
            GateEvent::Request {
                generation,
                id,
                method,
                params,
                raw,
            } => {
                let id = self.approval_id(generation, id);
                let source = super::approvals::Source::Client(connection);
                self.on_server_request(source, &id, method, params, Some(raw));
                self.hold_less(&id);
            }
            GateEvent::Answer {
                generation,
                id,
                result,
            } => {
                let id = self.approval_id(generation, id);
                self.on_client_answer(connection, &id, &result);
            }
            GateEvent::Resolved { generation, id } => {
                let id = self.approval_id(generation, id);
                self.on_resolved(&id);
            }
            GateEvent::Item {
                generation,
                thread,
                item_id,
                item,
            } => {
                if generation == self.app_server.generation {
                    self.on_item_ended(&thread, &item);
                    self.item_seen(&thread, &item_id, item);
                }
            }
            GateEvent::TurnEnded {
                generation,
                thread,
                turn,
                status,
            } => {
                if generation == self.app_server.generation && status == "interrupted" {
                    self.on_turn_ended(&thread, &turn, true);
                }
            }
            GateEvent::Refusal { method, rule } => {
                let entry = Entry::RequestRefused {
                    connection,
                    method,
                    rule: rule.clone(),
                };
                self.record_refusal(connection, &rule, &entry);
            }
            GateEvent::DroppedAnswer { id, reason } => self.dropped(connection, id, reason),
        }
    }

    fn is_closing(&self, connection: ConnectionId) -> bool {
        self.clients.get(&connection).is_some_and(|client| client.closing)
    }

    /// A request waits for its turn on its thread; one that starts a thread has none to wait for.
    fn ask(&mut self, waiting: Waiting) {
        let Some(thread) = waiting.op.thread.clone() else {
            self.admit(waiting);
            return;
        };
        match self.lanes.get_mut(&thread) {
            Some(lane) if lane.busy.is_some() => lane.waiting.push_back(waiting),
            _ => self.admit(waiting),
        }
    }

    /// Lets a request pass, or refuses it. What may widen a thread marks it wide before it passes.
    fn admit(&mut self, waiting: Waiting) {
        let Waiting {
            connection,
            op,
            reply,
        } = waiting;
        if self.is_closing(connection) {
            // The asker may be gone.
            let _ = reply.send(Err(Refused {
                rule: "policy_changed",
                message: "this host allows less than before; connect again".to_owned(),
            }));
            return;
        }
        let mut wide_after = None;
        if let Some((id, _)) = moves_thread(&op) {
            if let Some(thread) = self.threads.get_mut(id) {
                thread.changes += 1;
            }
            self.a_thread_moves();
        }
        if let Some(id) = &op.thread {
            let runs = matches!(op.kind, OpKind::Turn | OpKind::Steer);
            // A loaded thread that is wide stays with its user: a resume must not change it in passing.
            let wide = self
                .threads
                .get(id)
                .map_or(runs, |t| t.wide && (runs || t.is_known()));
            let viewer = matches!(
                self.clients.get(&connection).map(|c| &c.caller),
                Some(Caller::Remote {
                    role: drawbridge_wire::Role::Viewer,
                    ..
                })
            );
            if op.remote && wide && !viewer {
                // The asker may be gone.
                let _ = reply.send(Err(Refused {
                    rule: "wide_thread",
                    message: "this thread may do more than a remote is allowed, or was not resumed here; \
                              only the user of the host can run turns on it"
                        .to_owned(),
                }));
                return;
            }
            if !op.remote {
                wide_after = self.judge_local(id, &op);
            }
        }
        let current = op
            .thread
            .as_ref()
            .and_then(|id| self.threads.get(id))
            .filter(|t| !t.wide);
        let current = current.and_then(|t| crate::settings::pair(&t.settings));
        let permit = self.next_permit;
        self.next_permit += 1;
        if let Some(thread) = &op.thread {
            self.lanes.entry(thread.clone()).or_default().busy = Some(permit);
        }
        self.in_flight.insert(
            permit,
            InFlight {
                connection,
                op,
                wide_after,
                generation: self.app_server.generation,
            },
        );
        if reply.send(Ok(Permit { id: permit, current })).is_err() {
            self.settle(permit, &Outcome::Failed);
        }
    }

    /// What a local request will make of a thread. Marks it wide at once if it may become so.
    fn judge_local(&mut self, id: &str, op: &ThreadOp) -> Option<bool> {
        let carries = op.unknown_effect || op.overrides != drawbridge_core::threads::Settings::default();
        // A fork leaves its source as it is; its response tells of the new thread.
        if !carries || op.kind == OpKind::Fork {
            return None;
        }
        let thread = self.threads.entry(id);
        thread.changes += 1;
        let before = thread.wide;
        let after = op.unknown_effect || carried_is_wide(&thread.settings, &op.overrides);
        // Words of a request never narrow: a reviewer or a profile of the thread is not in them.
        thread.wide = before || after;
        if !before && after {
            self.record(&Entry::ThreadWidened {
                thread: id.to_owned(),
                reason: "a local request".to_owned(),
            });
        }
        self.thread_changed(id);
        Some(after)
    }

    fn settle(&mut self, permit: u64, outcome: &Outcome) {
        let Some(InFlight {
            connection,
            op,
            wide_after,
            generation,
        }) = self.in_flight.remove(&permit)
        else {
            return;
        };
        let moved = moves_thread(&op).map(|(id, moves)| (id.to_owned(), moves.clone()));
        let same = |result: &Value| {
            let id = result.pointer("/thread/id").and_then(Value::as_str);
            op.kind != OpKind::Resume || id == op.thread.as_deref()
        };
        match (outcome, op.kind) {
            // Of an app-server that has ended meanwhile, or not what was asked for.
            _ if generation != self.app_server.generation => {}
            (Outcome::Thread(result), _) if !same(result) => {}
            (Outcome::Thread(result), _) => {
                let origin = op.remote.then(|| self.origin(connection)).flatten();
                let origin = if op.kind == OpKind::Resume { None } else { origin };
                if let Some(id) = self.learn_thread(result, origin) {
                    self.thread_changed(id);
                }
            }
            (Outcome::Done, _) => {
                if let (Some(id), Some(after)) = (&op.thread, wide_after) {
                    let thread = self.threads.entry(id);
                    thread.changes += 1;
                    thread.wide |= after;
                    thread.settings = crate::settings::merged(&thread.settings, &op.overrides);
                    // The app-server says what came of it.
                    thread.observed = false;
                    if thread.is_active() {
                        self.observe(id);
                    }
                    self.thread_changed(id);
                }
            }
            (Outcome::Failed | Outcome::Unknown, _) => {}
        }
        if let Some((id, moves)) = moved {
            self.thread_moved(&id, &moves, outcome);
        }
        let Some(thread) = op.thread else { return };
        if let Some(lane) = self.lanes.get_mut(&thread) {
            lane.busy = None;
        }
        self.next_in_lane(&thread);
    }

    fn next_in_lane(&mut self, thread: &str) {
        while let Some(lane) = self.lanes.get_mut(thread) {
            if lane.busy.is_some() {
                return;
            }
            match lane.waiting.pop_front() {
                Some(waiting) => self.admit(waiting),
                None => {
                    self.lanes.remove(thread);
                }
            }
        }
    }

    /// A connection is gone with requests on their way; it has waited for their responses as long as it
    /// could (see the connection's own drain).
    fn release_all(&mut self, connection: ConnectionId) {
        for Lane { waiting, .. } in self.lanes.values_mut() {
            waiting.retain(|w| w.connection != connection);
        }
        let permits: Vec<u64> = self
            .in_flight
            .iter()
            .filter(|(_, f)| f.connection == connection)
            .map(|(id, _)| *id)
            .collect();
        for permit in permits {
            self.settle(permit, &Outcome::Unknown);
        }
    }

    /// What the response to start, resume or fork says of a thread. Answers of which, which is not told yet.
    pub(super) fn learn_thread<'a>(&mut self, result: &'a Value, origin: Option<Origin>) -> Option<&'a str> {
        let info = result.get("thread")?;
        let id = info.get("id").and_then(Value::as_str)?;
        let (settings, wide) = effective(result);
        self.learn_info(info, origin);
        let thread = self.threads.entry(id);
        thread.settings = settings;
        thread.wide = wide;
        if let Some(cwd) = result.get("cwd").and_then(Value::as_str) {
            let cwd = Some(std::path::PathBuf::from(cwd));
            if thread.cwd != cwd {
                thread.cwd = cwd;
                self.a_thread_moves();
            }
        }
        Some(id)
    }

    /// What a `Thread` object says.
    pub(super) fn learn_info(&mut self, info: &Value, origin: Option<Origin>) {
        let Some(id) = info.get("id").and_then(Value::as_str) else {
            return;
        };
        let text = |key: &str| {
            info.get(key)
                .and_then(Value::as_str)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        let thread = self.threads.entry(id);
        if let Some(title) = text("name").or_else(|| text("preview")) {
            thread.title = Some(title);
        }
        if thread.cwd.is_none() {
            thread.cwd = text("cwd").map(Into::into);
        }
        thread.ephemeral = info
            .get("ephemeral")
            .and_then(Value::as_bool)
            .unwrap_or(thread.ephemeral);
        if let Some(origin) = origin {
            thread.origin = origin;
        }
        if let Some(status) = info.get("status") {
            thread.status = drawbridge_core::threads::status_word(status);
        }
    }

    fn origin(&self, connection: ConnectionId) -> Option<Origin> {
        match &self.clients.get(&connection)?.caller {
            Caller::Local => Some(Origin::Local),
            Caller::Remote { bus, client, .. } => Some(Origin::Remote {
                bus: bus.clone(),
                client: client.clone(),
            }),
        }
    }

    pub(super) fn thread_changed(&mut self, id: &str) {
        if let Some(view) = self.threads.get(id).map(super::view::thread_view) {
            self.changed(Change::Thread(view));
        }
    }
}

fn recorded_door(caller: &Caller) -> drawbridge_audit::Door {
    match caller {
        Caller::Local => drawbridge_audit::Door::AppServer,
        Caller::Remote { .. } => drawbridge_audit::Door::Tunnel,
    }
}

fn role_word(caller: &Caller) -> String {
    match caller {
        Caller::Local => "user".to_owned(),
        Caller::Remote { role, .. } => role.to_string(),
    }
}

pub(super) fn door(caller: &Caller) -> &'static str {
    match caller {
        Caller::Local => "local",
        Caller::Remote { .. } => "remote",
    }
}

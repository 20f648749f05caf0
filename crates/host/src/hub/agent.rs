//! What the app-server says, and what follows for threads and approvals.

use super::Hub;
use crate::event::{AgentEvent, Event};
use crate::observer;
use drawbridge_audit::Entry;
use drawbridge_codex_wire::RequestId;
use drawbridge_core::threads::{Origin, status_word};
use drawbridge_wire::control::{AppServerState, Change};
use serde_json::Value;

impl Hub {
    pub(super) fn on_agent(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Starting { generation } => {
                self.app_server.generation = generation;
                self.app_server.state = AppServerState::Starting;
                self.app_server_lives.started();
                self.agent_changed();
            }
            AgentEvent::Ready {
                generation,
                observer,
                pid,
                user_agent,
                tokens,
            } => {
                self.tokens_in_use(tokens);
                self.observer = Some((generation, observer));
                self.app_server.state = AppServerState::Ready;
                self.app_server.pid = Some(pid);
                self.record(&Entry::AppServerStarted {
                    generation,
                    pid,
                    user_agent: user_agent.clone(),
                });
                self.app_server.user_agent = Some(user_agent);
                self.agent_changed();
            }
            AgentEvent::Redialled { generation, observer } => {
                if generation == self.app_server.generation {
                    self.observer = Some((generation, observer));
                    self.unsure = self.approvals.sent().collect();
                    for thread in self.threads.iter_mut() {
                        thread.observed = false;
                    }
                    let active: Vec<String> = self
                        .threads
                        .iter()
                        .filter(|t| t.is_active())
                        .map(|t| t.id.clone())
                        .collect();
                    for id in active {
                        self.observe(&id);
                    }
                }
            }
            AgentEvent::Ended {
                generation,
                retry_in_ms,
                code,
                message,
                expected,
            } => {
                self.app_server_lives.ended(&message);
                self.record(&Entry::AppServerEnded {
                    generation,
                    expected,
                    reason: message.clone(),
                });
                self.observer = None;
                self.lose_generation(generation);
                for id in self.threads.clear() {
                    self.changed(Change::ThreadClosed { id });
                }
                self.app_server.pid = None;
                self.app_server.state = if expected {
                    AppServerState::Starting
                } else {
                    AppServerState::Waiting {
                        retry_in_ms,
                        code: code.to_owned(),
                        message,
                    }
                };
                self.agent_changed();
            }
            AgentEvent::Notification {
                generation,
                method,
                params,
            } => {
                if generation == self.app_server.generation {
                    self.on_notification(&method, &params);
                }
            }
            AgentEvent::Request {
                generation,
                id,
                method,
                params,
            } => {
                let id = self.approval_id(generation, id);
                self.on_server_request(super::approvals::Source::Observer, &id, method, params, None);
            }
            AgentEvent::Observed {
                generation,
                thread,
                changes,
                told,
                result,
            } => {
                if generation == self.app_server.generation {
                    self.on_observed(&thread, changes, told, result.as_ref());
                }
            }
            AgentEvent::Released { generation, thread } => {
                let current = generation == self.app_server.generation;
                if let Some(known) = self.threads.get_mut(&thread).filter(|_| current) {
                    known.observed = false;
                    // A new turn may have begun meanwhile.
                    if known.is_active() {
                        self.observe(&thread);
                    }
                }
            }
            AgentEvent::Item {
                generation,
                thread,
                item_id,
                item,
            } => {
                if let (true, Some(item)) = (generation == self.app_server.generation, item) {
                    self.item_seen(&thread, &item_id, item);
                }
            }
            AgentEvent::AnswerFailed { generation, id } => {
                tracing::warn!(generation, %id, "an answer could not be sent; the question is open again");
                let id = self.approval_id(generation, id);
                if generation == self.app_server.generation && self.reopen(&id) {
                    self.approval_changed(&id);
                }
            }
        }
    }

    fn agent_changed(&mut self) {
        self.changed(Change::AppServer(self.app_server.clone()));
        self.report_status();
    }

    fn on_notification(&mut self, method: &str, params: &Value) {
        let thread = params.get("threadId").and_then(Value::as_str);
        match (method, thread) {
            ("thread/started", _) => {
                if let Some(info) = params.get("thread") {
                    self.learn_info(info, None);
                    if let Some(id) = info.get("id").and_then(Value::as_str) {
                        self.thread_changed(id);
                    }
                }
            }
            ("thread/status/changed", Some(id)) => {
                let word = params
                    .get("status")
                    .map_or_else(|| "unknown".to_owned(), status_word);
                if word == "not_loaded" {
                    self.forget_thread(id);
                    return;
                }
                let idle = word == "idle" || word == "system_error";
                let entry = self.threads.entry(id);
                entry.status = word;
                entry.told += 1;
                if idle {
                    entry.turn = None;
                    let untold = self.approvals.thread_idle(id);
                    self.approvals_changed(&untold);
                }
                self.thread_changed(id);
                self.report_status();
                if idle { self.let_go(id) } else { self.observe(id) }
            }
            ("thread/closed" | "thread/archived" | "thread/deleted", Some(id)) => self.forget_thread(id),
            ("thread/name/updated", Some(id)) => {
                let name = params
                    .get("threadName")
                    .or_else(|| params.get("name"))
                    .and_then(Value::as_str);
                self.threads.entry(id).title = name.map(str::to_owned);
                self.thread_changed(id);
            }
            ("thread/settings/updated", Some(id)) => {
                if let Some(settings) = params.get("threadSettings") {
                    self.settings_told(id, settings);
                    let (read, wide) = crate::settings::effective(settings);
                    // A notification may have been sent before a later request of a client widened the
                    // thread, so it never narrows; responses do, in their turn.
                    let entry = self.threads.entry(id);
                    if wide {
                        entry.wide = true;
                        entry.settings = read;
                    }
                    self.thread_changed(id);
                }
            }
            ("turn/started", Some(id)) => {
                let turn = params
                    .pointer("/turn/id")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                let entry = self.threads.entry(id);
                entry.turn = turn;
                entry.told += 1;
                self.thread_changed(id);
            }
            ("turn/completed", Some(id)) => {
                let turn = params.pointer("/turn/id").and_then(Value::as_str);
                let status = params.pointer("/turn/status").and_then(Value::as_str);
                if let Some(turn) = turn {
                    self.on_turn_ended(id, turn, status == Some("interrupted"));
                }
                let entry = self.threads.entry(id);
                entry.turn = None;
                entry.ended = turn.map(str::to_owned);
                entry.told += 1;
                self.thread_changed(id);
            }
            ("item/started" | "item/completed", Some(id)) => {
                if let Some((item_id, item)) = observer::file_change(params) {
                    self.item_seen(id, &item_id, item);
                }
                if let Some(item) = params.get("item").filter(|_| method == "item/completed") {
                    self.on_item_ended(id, item);
                }
            }
            ("skills/changed", _) => self.skills_changed_in_codex(),
            ("serverRequest/resolved", _) => {
                let request = params.get("requestId").cloned();
                if let Some(request) = request.and_then(|r| serde_json::from_value::<RequestId>(r).ok()) {
                    let id = self.approval_id(self.app_server.generation, request);
                    self.on_resolved(&id);
                }
            }
            _ => {}
        }
    }

    fn forget_thread(&mut self, id: &str) {
        if self.threads.remove(id).is_some() {
            self.changed(Change::ThreadClosed { id: id.to_owned() });
            self.report_status();
        }
    }

    /// Subscribes the observer to a thread that became active.
    pub(super) fn observe(&mut self, id: &str) {
        let Some((generation, peer)) = self.observer.clone() else {
            return;
        };
        let entry = self.threads.entry(id);
        if entry.observed || entry.ephemeral {
            return;
        }
        entry.observed = true;
        let (changes, told) = (entry.changes, entry.told);
        let mcp = match &entry.origin {
            Origin::Local => None,
            Origin::Remote { bus, .. } => Some(bus.clone()),
        };
        let mcp = self.mcp_through(mcp.as_deref());
        let thread = id.to_owned();
        self.spawn(async move {
            let result = observer::subscribe(&peer, &thread, mcp.as_ref()).await;
            Some(Event::Agent(AgentEvent::Observed {
                generation,
                thread,
                changes,
                told,
                result,
            }))
        });
    }

    fn on_observed(&mut self, id: &str, changes: u64, told: u64, result: Option<&Value>) {
        match result {
            Some(result) => {
                let Some(known) = self.threads.get(id) else { return };
                let status = (known.told != told).then(|| known.status.clone());
                // Asked before a client's request changed the thread, it says nothing of its settings now.
                if known.changes == changes {
                    self.learn_thread(result, None);
                }
                // Told once, when all of it is known.
                let known = self.threads.entry(id);
                if let Some(status) = status {
                    known.status = status;
                }
                if let Some(turn) = observer::running_turn(result) {
                    known.found_running(turn);
                }
                self.thread_changed(id);
            }
            // It may have ended, or be ephemeral after all; the next change of status tries again.
            None => {
                if let Some(known) = self.threads.get_mut(id) {
                    known.observed = false;
                }
            }
        }
    }

    /// Unsubscribes from an idle thread, unless a background terminal still runs in it.
    fn let_go(&mut self, id: &str) {
        let Some((generation, peer)) = self.observer.clone() else {
            return;
        };
        if !self.threads.get(id).is_some_and(|t| t.observed) {
            return;
        }
        let thread = id.to_owned();
        self.spawn(async move {
            observer::unsubscribe_if_quiet(&peer, &thread)
                .await
                .then_some(Event::Agent(AgentEvent::Released { generation, thread }))
        });
    }

    /// Reads the item of a file change that nobody saw begin.
    pub(super) fn fetch_item(&mut self, thread: String, item_id: String) {
        let status = self.agent.status();
        let generation = status.generation;
        let Some(endpoint) = status.endpoint else { return };
        self.spawn(async move {
            let item = observer::fetch_item(&endpoint, &thread, &item_id).await;
            Some(Event::Agent(AgentEvent::Item {
                generation,
                thread,
                item_id,
                item,
            }))
        });
    }
}

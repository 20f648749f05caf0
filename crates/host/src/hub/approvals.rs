//! Requests of the app-server and their answers.

use super::stop::{interrupt, running_turn};
use super::{Hub, now_ms};
use crate::event::{AgentEvent, Caller, ConnectionId, Event, ToConnection};
use drawbridge_audit::Entry;
use drawbridge_codex::Peer;
use drawbridge_codex_wire::{ErrorObject, RequestId};
use drawbridge_core::approvals::{
    AnswerError, ApprovalId, Dispatch, Raised, RaisedBy, TurnEnd, decision_from_client, outcome_of,
};
use drawbridge_wire::control::{ApprovalKind, Change};
use drawbridge_wire::{AnswerSource, Decision, Role};
use serde_json::{Value, json};
use std::time::Duration;

/// Deadline for what we send about an answer.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Observer,
    Client(ConnectionId),
}

impl Hub {
    /// A request of the app-server, seen by the observer or by a client's connection.
    pub(super) fn on_server_request(
        &mut self,
        source: Source,
        id: &ApprovalId,
        method: String,
        params: Value,
        raw: Option<String>,
    ) {
        if id.generation != self.app_server.generation {
            return;
        }
        match method.as_str() {
            // Goes to every subscriber; only the one that declared the tool can answer. Gate
            // connections deliver it themselves; on the observer silence is right.
            "item/tool/call" => return,
            "account/chatgptAuthTokens/refresh" | "attestation/generate" => {
                self.owner_request(source, id, method, raw);
                return;
            }
            "currentTime/read" => {
                if source == Source::Observer {
                    self.respond(id, Some(json!({ "currentTimeAt": now_ms() / 1000 })), None);
                }
                return;
            }
            _ => {}
        }
        let item = params
            .get("threadId")
            .and_then(Value::as_str)
            .zip(params.get("itemId").and_then(Value::as_str))
            .and_then(|(thread, item)| self.threads.get(thread)?.item(item).cloned());
        let patience_ms = if self.somebody_may_answer() {
            self.config.answer_within_ms()
        } else {
            self.config.unattended_within_ms()
        };
        let raised = RaisedBy {
            id: id.clone(),
            method,
            params,
            item,
            patience_ms,
        };
        if let (Source::Client(connection), Some(raw)) = (source, raw) {
            self.holders.entry(id.clone()).or_default().insert(connection);
            self.raw.entry(id.clone()).or_insert(raw);
        }
        match self.approvals.raise(raised, now_ms()) {
            Raised::New => {
                if let Some(card) = self.approvals.get(id) {
                    let entry = Entry::ApprovalRaised {
                        approval: id.to_string(),
                        method: card.method.clone(),
                        thread: card.thread().unwrap_or_default().to_owned(),
                        digest: card.shown_digest.clone(),
                    };
                    let missing = (card.kind == ApprovalKind::FileChange && card.item.is_none()).then(|| {
                        (
                            card.thread().map(str::to_owned),
                            card.item_id().map(str::to_owned),
                        )
                    });
                    self.record(&entry);
                    if let Some((Some(thread), Some(item))) = missing {
                        self.fetch_item(thread, item);
                    }
                }
                self.approval_changed(id);
            }
            // Asked again on a connection that is newer than the answer: that did not arrive.
            Raised::Known => {
                if source == Source::Observer && self.unsure.remove(id) && self.reopen(id) {
                    tracing::warn!(approval = %id, "an answer was lost with its connection; the question is open again");
                    self.approval_changed(id);
                }
            }
            Raised::Invalidated => {
                tracing::error!(approval = %id, "another request came under an identity in use; refused");
                self.respond(id, None, None);
                self.approval_changed(id);
                return;
            }
        }
        if let Source::Client(connection) = source {
            self.deliver(id, connection);
        }
    }

    /// Shows a pending request to a client that may answer it.
    fn deliver(&mut self, id: &ApprovalId, connection: ConnectionId) {
        let Some(card) = self.approvals.get(id).filter(|card| card.is_open()) else {
            return;
        };
        let Some(client) = self.clients.get(&connection) else {
            return;
        };
        let may = match &client.caller {
            Caller::Local => self.policy.answer.local(),
            Caller::Remote { .. } => {
                self.policy.answer.remote()
                    && client.remote_role() == Some(Role::Operator)
                    && card.kind != ApprovalKind::Unknown
            }
        };
        if let (true, Some(raw)) = (may, self.raw.get(id)) {
            let message = ToConnection::Deliver {
                id: id.request.clone(),
                method: card.method.clone(),
                raw: raw.clone(),
            };
            if client.outbox.try_send(message).is_err() {
                tracing::warn!(connection, "a client does not read its approvals");
            }
        }
    }

    /// A request only the owner of the account can answer: local clients, or a named refusal.
    fn owner_request(&mut self, source: Source, id: &ApprovalId, method: String, raw: Option<String>) {
        match source {
            Source::Client(connection) => {
                let local = self
                    .clients
                    .get(&connection)
                    .filter(|c| c.caller == Caller::Local);
                if let (Some(client), Some(raw)) = (local, raw) {
                    let message = ToConnection::Deliver {
                        id: id.request.clone(),
                        method,
                        raw,
                    };
                    if client.outbox.try_send(message).is_err() {
                        tracing::warn!(connection, "a client does not read its requests");
                    }
                }
            }
            Source::Observer => {
                if !self.clients.values().any(|c| c.caller == Caller::Local) {
                    self.respond(id, None, None);
                }
            }
        }
    }

    fn somebody_may_answer(&self) -> bool {
        let answer = self.policy.answer;
        let local = !self.controls.is_empty() || self.clients.values().any(|c| c.caller == Caller::Local);
        let remote = self
            .clients
            .values()
            .any(|c| c.remote_role() == Some(Role::Operator));
        (answer.local() && local) || (answer.remote() && remote)
    }

    /// An approver came: open cards get their full time.
    pub(super) fn approver_came(&mut self) {
        if self.somebody_may_answer() {
            let changed = self.approvals.give_time(self.config.answer_within_ms());
            for id in changed {
                self.approval_changed(&id);
            }
        }
    }

    /// Clients that may answer since the last change of the policy get what is open.
    pub(super) fn show_to_new_approvers(&mut self, before: &drawbridge_config::Security) {
        let now = self.policy.answer;
        let local = now.local() && !before.answer.local();
        let remote = now.remote() && !before.answer.remote();
        let waiting: Vec<(ApprovalId, ConnectionId)> = self
            .holders
            .iter()
            .flat_map(|(id, connections)| connections.iter().map(|connection| (id.clone(), *connection)))
            .collect();
        for (id, connection) in waiting {
            let is_remote = self
                .clients
                .get(&connection)
                .map(|client| client.caller.is_remote());
            if is_remote.is_some_and(|is_remote| if is_remote { remote } else { local }) {
                self.deliver(&id, connection);
            }
        }
    }

    /// A client's answer to something that was written to it and is open there.
    pub(super) fn on_client_answer(&mut self, connection: ConnectionId, id: &ApprovalId, result: &Value) {
        let Some(client) = self.clients.get(&connection) else {
            return;
        };
        let Some(card) = self.approvals.get(id) else {
            return;
        };
        let card_kind = card.kind;
        let mut decision = decision_from_client(card.kind, &card.params, result);
        // The client's dialog is closed: what it said that we cannot pass on counts as a no. So does a
        // grant of more, or of something else, than what was asked.
        let unreadable = decision.is_none() && client.caller == Caller::Local;
        if unreadable {
            decision = Some(Decision::Decline);
        }
        let by = match &client.caller {
            Caller::Local => AnswerSource::LocalClient { connection },
            Caller::Remote { bus, client, .. } => AnswerSource::Remote {
                bus: bus.clone(),
                client: client.clone(),
            },
        };
        let allowed = match (&client.caller, &decision) {
            (_, None) => false,
            (Caller::Local, Some(_)) => self.policy.answer.local(),
            (Caller::Remote { .. }, Some(decision)) => {
                self.policy.answer.remote()
                    && client.remote_role() == Some(Role::Operator)
                    && remote_may(card.kind, decision)
            }
        };
        if unreadable && allowed {
            self.dropped(
                connection,
                id.to_string(),
                "not an answer to what was asked; declined",
            );
        }
        let rule = matches!(decision, Some(Decision::ApplyNetworkRule(_)));
        match decision {
            Some(decision) if allowed => match self.give_answer(id, None, decision, by.clone()) {
                Ok(()) => {}
                Err(error @ AnswerError::BadReply(_)) => {
                    tracing::info!(%error, approval = %id, "a client's replies do not fit; declined");
                    self.dropped(
                        connection,
                        id.to_string(),
                        "not an answer to what was asked; declined",
                    );
                    self.answer_by_itself(id, by);
                }
                // Its dialog is closed, and no other surface could give what it gave.
                Err(AnswerError::NotOffered)
                    if (rule || card_kind == ApprovalKind::Elicitation)
                        && matches!(by, AnswerSource::LocalClient { .. }) =>
                {
                    self.dropped(
                        connection,
                        id.to_string(),
                        "not offered for this request; declined",
                    );
                    self.answer_by_itself(id, by);
                }
                // Another surface may know more of it, e.g. the changes of files.
                Err(AnswerError::NotOffered) => {
                    self.dropped(connection, id.to_string(), "not offered for this request");
                }
                Err(error) => {
                    tracing::debug!(%error, approval = %id, "an answer came too late");
                    self.dropped(connection, id.to_string(), "came too late");
                }
            },
            _ => self.dropped(connection, id.to_string(), "not this client's to give"),
        }
    }

    pub(super) fn dropped(&mut self, connection: ConnectionId, request: String, reason: &str) {
        let entry = Entry::DroppedAnswer {
            connection,
            request,
            reason: reason.to_owned(),
        };
        self.record_refusal(connection, "dropped_answer", &entry);
    }

    /// Counts an answer and sends it. The first one wins.
    pub(super) fn give_answer(
        &mut self,
        id: &ApprovalId,
        seen: Option<&str>,
        decision: Decision,
        by: AnswerSource,
    ) -> Result<(), AnswerError> {
        let entry = Entry::ApprovalAnswered {
            approval: id.to_string(),
            decision: decided(&decision),
            by: recorded(&by),
        };
        let Dispatch {
            id,
            result,
            interrupt,
        } = self.approvals.answer(id, seen, decision, by)?;
        self.unsure.remove(&id);
        self.record(&entry);
        let interrupt = interrupt.map(|(thread, turn)| {
            let turn = turn.or_else(|| self.threads.get(&thread)?.turn.clone());
            (thread, turn)
        });
        self.respond(&id, result, interrupt);
        self.approval_changed(&id);
        Ok(())
    }

    /// Declines what nobody answered.
    pub(super) fn answer_by_itself(&mut self, id: &ApprovalId, by: AnswerSource) {
        if let Err(error) = self.give_answer(id, None, Decision::Decline, by) {
            tracing::warn!(%error, approval = %id, "cannot decline");
        }
    }

    /// Sends an answer over the observer's connection; any connection may answer any request
    /// (observed, 0.169.0), and one connection keeps answers and interrupts in order.
    fn respond(
        &mut self,
        id: &ApprovalId,
        result: Option<Value>,
        interrupt: Option<(String, Option<String>)>,
    ) {
        let Some((generation, peer)) = self.observer.clone().filter(|(g, _)| *g == id.generation) else {
            return;
        };
        let request = id.request.clone();
        self.spawn(async move {
            let sent = match result {
                Some(result) => peer.respond(&request, result).await,
                None => peer.respond_error(&request, &refused_by_us()).await,
            };
            if let Some((thread, turn)) = interrupt {
                interrupt_turn(&peer, thread, turn).await;
            }
            sent.is_err().then_some(Event::Agent(AgentEvent::AnswerFailed {
                generation,
                id: request,
            }))
        });
    }

    /// An answer did not get out.
    pub(super) fn reopen(&mut self, id: &ApprovalId) -> bool {
        self.approvals
            .unsent(id, self.config.unattended_within_ms(), now_ms())
    }

    pub(super) fn on_resolved(&mut self, id: &ApprovalId) {
        if self.approvals.resolved(id, now_ms()) {
            self.approval_ended(id);
        }
    }

    pub(super) fn on_turn_ended(&mut self, thread: &str, turn: &str, interrupted: bool) {
        let end = if interrupted {
            TurnEnd::Interrupted
        } else {
            TurnEnd::Other
        };
        let changed = self.approvals.turn_ended(thread, turn, end);
        if interrupted {
            for id in self.approvals.turn_interrupted(thread, turn, now_ms()) {
                self.approval_ended(&id);
            }
        }
        self.approvals_changed(&changed);
    }

    pub(super) fn on_item_ended(&mut self, thread: &str, item: &Value) {
        let id = item.get("id").and_then(Value::as_str);
        if let Some((id, outcome)) = id.zip(outcome_of(item)) {
            let changed = self.approvals.item_ended(thread, id, outcome);
            self.approvals_changed(&changed);
        }
    }

    pub(super) fn lose_generation(&mut self, generation: u64) {
        let untold = self.approvals.outcomes_lost(generation);
        self.approvals_changed(&untold);
        for id in self.approvals.generation_lost(generation, now_ms()) {
            self.approval_ended(&id);
        }
    }

    fn approval_ended(&mut self, id: &ApprovalId) {
        self.unsure.remove(id);
        self.holders.remove(id);
        self.raw.remove(id);
        if let Some(card) = self.approvals.get(id) {
            let state = super::view::state_word(&card.state);
            self.record(&Entry::ApprovalEnded {
                approval: id.to_string(),
                state: state.to_owned(),
            });
        }
        self.approval_changed(id);
    }

    pub(super) fn approvals_changed(&mut self, ids: &[ApprovalId]) {
        for id in ids {
            self.approval_changed(id);
        }
    }

    pub(super) fn approval_changed(&mut self, id: &ApprovalId) {
        if let Some(view) = self.approval_view(id) {
            self.changed(Change::Approval(Box::new(view)));
        }
        self.report_status();
    }

    /// An item that a card may be waiting for.
    pub(super) fn item_seen(&mut self, thread: &str, item_id: &str, item: Value) {
        for id in self.approvals.item_known(thread, item_id, &item) {
            self.approval_changed(&id);
        }
        self.threads.entry(thread).remember(item_id, item);
    }

    pub(super) fn approval_id(&self, generation: u64, request: RequestId) -> ApprovalId {
        ApprovalId { generation, request }
    }
}

/// Who answered, for the record. The bus stands first: it is ours to name, and the client's name may be cut.
fn recorded(by: &AnswerSource) -> String {
    match by {
        AnswerSource::Control { client } => format!("control:{client}"),
        AnswerSource::LocalClient { connection } => format!("local_client:{connection}"),
        AnswerSource::Remote { bus, client } => format!("remote:{bus}/{client}"),
        AnswerSource::Deadline => "deadline".to_owned(),
        AnswerSource::Policy => "policy".to_owned(),
        AnswerSource::Shutdown => "shutdown".to_owned(),
    }
}

/// What was decided, for the record, which holds nothing of what a request says: of a rule for the network only whether it
/// allows.
fn decided(decision: &Decision) -> String {
    let word = decision.word();
    match decision {
        Decision::ApplyNetworkRule(rule) => format!("{word}: {}", rule.action.word()),
        _ => word.to_owned(),
    }
}

/// Ends the turn that runs in a thread. Not every question names it, and it may have begun unseen.
async fn interrupt_turn(peer: &Peer, thread: String, turn: Option<String>) {
    let turn = match turn {
        Some(turn) => Some(turn),
        None => running_turn(peer, &thread).await,
    };
    if let Some(turn) = turn {
        interrupt(peer, &thread, &turn, SEND_DEADLINE).await;
    } else {
        tracing::info!(thread, "no turn runs that could be interrupted");
    }
}

/// An error is how a request of unknown shape is refused.
fn refused_by_us() -> ErrorObject {
    ErrorObject {
        code: -32000,
        message: "refused by the host".to_owned(),
        data: None,
    }
}

/// What a remote may answer: once, for commands, patches and tools; refusals always.
fn remote_may(kind: ApprovalKind, decision: &Decision) -> bool {
    match decision {
        Decision::Decline | Decision::Cancel => true,
        Decision::Accept => {
            matches!(
                kind,
                ApprovalKind::Command | ApprovalKind::FileChange | ApprovalKind::Elicitation
            )
        }
        Decision::AcceptForSession
        | Decision::AcceptWithAmendment
        | Decision::ApplyNetworkRule(_)
        | Decision::Answers(_)
        | Decision::Grant(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_says_what_was_decided_and_nothing_of_what_was_asked_or_typed() {
        let rule = drawbridge_wire::NetworkRule {
            action: drawbridge_wire::NetworkAction::Deny,
            host: "a.example".to_owned(),
        };
        let typed = serde_json::json!({ "pass": "s3cret" });
        for (decision, said) in [
            (Decision::ApplyNetworkRule(rule), "apply_network_rule: deny"),
            (Decision::AcceptForSession, "accept_for_session"),
            (Decision::Answers(typed.as_object().unwrap().clone()), "answers"),
        ] {
            assert_eq!(decided(&decision), said);
        }
    }

    #[test]
    fn the_record_names_who_answered_in_words_that_stay() {
        let (bus, client) = ("bus.example".to_owned(), "a/\"b\"".to_owned());
        for (by, word) in [
            (
                AnswerSource::Control {
                    client: "cli".to_owned(),
                },
                "control:cli",
            ),
            (AnswerSource::LocalClient { connection: 7 }, "local_client:7"),
            (AnswerSource::Remote { bus, client }, "remote:bus.example/a/\"b\""),
            (AnswerSource::Deadline, "deadline"),
            (AnswerSource::Policy, "policy"),
            (AnswerSource::Shutdown, "shutdown"),
        ] {
            assert_eq!(recorded(&by), word);
        }
    }
}

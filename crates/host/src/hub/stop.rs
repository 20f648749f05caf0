//! Stopping in order: nobody new, what is pending refused, running turns interrupted, terminals ended,
//! children ended, sockets gone.
//!
//! codex, asked to end, waits for its running turns, and a turn with an open question waits for ever: so
//! both are brought to their end first.

use super::Hub;
use crate::event::{AgentEvent, Event, ToConnection};
use drawbridge_audit::Entry;
use drawbridge_codex::Peer;
use drawbridge_core::approvals::ApprovalId;
use drawbridge_wire::control::{AppServerState, ApprovalState, Change};
use drawbridge_wire::link::TunnelEnd;
use drawbridge_wire::{AnswerSource, Decision};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// For each call while stopping.
const CALL_DEADLINE: Duration = Duration::from_secs(3);
/// For codex to tell the end of what was pending and of what ran.
const LAST_WORDS: Duration = Duration::from_millis(700);

impl Hub {
    pub(super) async fn stop(mut self, reason: &str, mut events: mpsc::Receiver<Event>) {
        tracing::info!(reason, "stopping");
        self.end_lines();
        self.record(&Entry::HostStopped {
            reason: reason.to_owned(),
        });
        self.app_server.state = AppServerState::Stopping;
        self.changed(Change::AppServer(self.app_server.clone()));
        for client in self.clients.values() {
            // One that does not take it loses its connection when the process ends.
            let _ = client
                .outbox
                .try_send(ToConnection::Close(TunnelEnd::HostStopping));
        }
        self.cancel_pending(&AnswerSource::Shutdown);
        self.bring_to_an_end(&mut events).await;
        self.changed(Change::Stopping {
            reason: reason.to_owned(),
        });
        // Whoever still sends events must not wait for us.
        let sink = tokio::spawn(async move { while events.recv().await.is_some() {} });
        let links = join_all(self.buses.iter().map(|bus| bus.handle.stop()));
        tokio::join!(links, self.agent.stop());
        self.close_vault().await;
        // What codex did not settle in time went with it.
        self.lose_generation(self.app_server.generation);
        // Before those who wait for the end are let go: the next host finds no trace of this one.
        for socket in [
            self.layout.control_socket(),
            self.layout.app_server_socket(),
            self.layout.tunnel_socket(),
        ] {
            // Already gone is as good.
            let _ = std::fs::remove_file(socket);
        }
        self.controls.clear();
        sink.abort();
    }

    /// Refuses what is open, so that nothing more happens in those turns.
    pub(super) fn cancel_pending(&mut self, by: &AnswerSource) {
        let open: Vec<ApprovalId> = self
            .approvals
            .iter()
            .filter(|card| card.is_open())
            .map(|card| card.id.clone())
            .collect();
        for id in open {
            if let Err(error) = self.give_answer(&id, None, Decision::Cancel, by.clone()) {
                tracing::warn!(%error, approval = %id, "cannot cancel");
            }
        }
    }

    /// Interrupts what runs and listens until codex has told the end of it, within [`LAST_WORDS`]
    /// after the last call.
    async fn bring_to_an_end(&mut self, events: &mut mpsc::Receiver<Event>) {
        if self.observer.is_none() {
            return;
        }
        let quiet = self.quieten_all();
        tokio::pin!(quiet);
        let mut calling = true;
        let mut until = Instant::now() + CALL_DEADLINE + LAST_WORDS;
        while calling || self.waits_for_an_end() {
            tokio::select! {
                _ = &mut quiet, if calling => {
                    calling = false;
                    until = Instant::now() + LAST_WORDS;
                }
                event = events.recv() => match event {
                    Some(Event::Agent(event @ (AgentEvent::Notification { .. }
                        | AgentEvent::Request { .. }
                        | AgentEvent::AnswerFailed { .. }))) => {
                        self.on_agent(event);
                        self.cancel_pending(&AnswerSource::Shutdown);
                    }
                    // The app-server is gone, and with it what could be told.
                    Some(Event::Agent(AgentEvent::Ended { .. })) | None => return,
                    Some(_) => {}
                },
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }

    /// Interrupts all that runs, each call within its deadline; without an app-server nothing does.
    pub(super) fn quieten_all(&self) -> impl Future<Output = ()> + Send + 'static {
        let peer = self.observer.as_ref().map(|(_, peer)| peer.clone());
        let running = self.running();
        async move {
            let Some(peer) = peer else { return };
            let calls = running
                .into_iter()
                .map(|(thread, running)| quieten(peer.clone(), thread, running));
            // Whatever does not answer in time is ended with the app-server.
            let _ = tokio::time::timeout(CALL_DEADLINE, join_all(calls)).await;
        }
    }

    /// How many turns run or wait for an answer. Not every question names its turn.
    pub(super) fn turns_running(&self) -> usize {
        let runs = |running: &&Running| !matches!(running, Running::Nothing);
        let running = self.running().values().filter(runs).count();
        running.max(self.approvals.open_count())
    }

    fn waits_for_an_end(&self) -> bool {
        let sent = |state: &ApprovalState| matches!(state, ApprovalState::Sent { .. });
        self.approvals.iter().any(|card| sent(&card.state)) || self.threads.iter().any(|t| t.turn.is_some())
    }

    /// All threads, with what is known to run in them. An open question names its turn too: the
    /// observer may have come after the turn began.
    fn running(&self) -> BTreeMap<String, Running> {
        let mut all: BTreeMap<String, Running> = self
            .threads
            .iter()
            .map(|thread| {
                let running = match &thread.turn {
                    Some(turn) => Running::Turn(turn.clone()),
                    None if thread.is_active() => Running::Unnamed,
                    None => Running::Nothing,
                };
                (thread.id.clone(), running)
            })
            .collect();
        for card in self.approvals.iter().filter(|card| !card.is_over()) {
            if let (Some(thread), Some(turn)) = (card.thread(), card.turn()) {
                all.insert(thread.to_owned(), Running::Turn(turn.to_owned()));
            }
        }
        all
    }
}

/// What is known to run in a thread.
enum Running {
    Nothing,
    /// This turn.
    Turn(String),
    /// A turn whose name was not told.
    Unnamed,
}

async fn quieten(peer: Peer, thread: String, running: Running) {
    let turn = match running {
        Running::Nothing => None,
        Running::Turn(turn) => Some(turn),
        Running::Unnamed => running_turn(&peer, &thread).await,
    };
    if let Some(turn) = turn {
        interrupt(&peer, &thread, &turn, CALL_DEADLINE).await;
    }
    let clean = json!({ "threadId": thread });
    if let Err(error) = peer
        .request("thread/backgroundTerminals/clean", clean, CALL_DEADLINE)
        .await
    {
        tracing::debug!(%error, thread, "no terminals to end");
    }
}

/// Interrupts a turn.
pub(super) async fn interrupt(peer: &Peer, thread: &str, turn: &str, within: Duration) {
    let params = json!({ "threadId": thread, "turnId": turn });
    if let Err(error) = peer.request("turn/interrupt", params, within).await {
        tracing::info!(%error, thread, "the turn was over before it could be interrupted");
    }
}

/// The turn that runs in a thread, as the app-server says.
pub(super) async fn running_turn(peer: &Peer, thread: &str) -> Option<String> {
    let newest = json!({
        "threadId": thread, "limit": 1, "sortDirection": "desc", "itemsView": "notLoaded",
    });
    let turns = peer
        .request("thread/turns/list", newest, CALL_DEADLINE)
        .await
        .ok()?;
    let turn = turns.pointer("/data/0")?;
    let runs = turn.get("status").and_then(Value::as_str) == Some("inProgress");
    runs.then(|| turn.get("id")?.as_str().map(str::to_owned))?
}

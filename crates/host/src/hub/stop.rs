//! Stopping in order: nobody new, running turns interrupted, terminals ended, children ended, sockets gone.

use super::Hub;
use crate::event::{Event, ToConnection};
use drawbridge_audit::Entry;
use drawbridge_codex::Peer;
use drawbridge_wire::AnswerSource;
use drawbridge_wire::control::{AppServerState, Change};
use drawbridge_wire::link::TunnelEnd;
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

/// For each call while stopping.
const CALL_DEADLINE: Duration = Duration::from_secs(3);

impl Hub {
    pub(super) async fn stop(mut self, reason: &str, mut events: mpsc::Receiver<Event>) {
        tracing::info!(reason, "stopping");
        self.record(&Entry::HostStopped {
            reason: reason.to_owned(),
        });
        self.app_server.state = AppServerState::Stopping;
        self.changed(Change::AppServer(self.app_server.clone()));
        let open: Vec<_> = self
            .approvals
            .iter()
            .filter(|c| c.is_open())
            .map(|c| c.id.clone())
            .collect();
        for id in open {
            self.answer_by_itself(&id, AnswerSource::Shutdown);
        }
        for client in self.clients.values() {
            // One that does not take it loses its connection when the process ends.
            let _ = client
                .outbox
                .try_send(ToConnection::Close(TunnelEnd::HostStopping));
        }
        self.changed(Change::Stopping {
            reason: reason.to_owned(),
        });
        // Whoever still sends events must not wait for us.
        let sink = tokio::spawn(async move { while events.recv().await.is_some() {} });
        if let Some(link) = &self.link {
            link.stop().await;
        }
        if let Some((_, peer)) = &self.observer {
            let quiet = self
                .threads
                .iter()
                .map(|t| quieten(peer, t.id.clone(), t.turn.clone()));
            let _ = tokio::time::timeout(CALL_DEADLINE, join_all(quiet)).await;
        }
        self.agent.stop().await;
        self.controls.clear();
        for socket in [
            self.layout.control_socket(),
            self.layout.app_server_socket(),
            self.layout.tunnel_socket(),
        ] {
            // Already gone is as good.
            let _ = std::fs::remove_file(socket);
        }
        sink.abort();
    }
}

async fn quieten(peer: &Peer, thread: String, turn: Option<String>) {
    if let Some(turn) = turn {
        let params = json!({ "threadId": thread, "turnId": turn });
        if let Err(error) = peer.request("turn/interrupt", params, CALL_DEADLINE).await {
            tracing::debug!(%error, thread, "the turn was over");
        }
    }
    let clean = json!({ "threadId": thread });
    if let Err(error) = peer
        .request("thread/backgroundTerminals/clean", clean, CALL_DEADLINE)
        .await
    {
        tracing::debug!(%error, thread, "no terminals to end");
    }
}

//! What a window wants of threads, and how the app-server is asked for it.

use super::connection;
use super::owner::{Owner, Reply, Report};
use crate::Problem;
use drawbridge_codex::Peer;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Longest message of a person, in bytes.
const LONGEST_TEXT: usize = 1024 * 1024;

/// What a window wants of threads.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Show it from now on. Answered with [`super::ThreadItems`].
    Open { id: String },
    /// No more.
    Close { id: String },
    /// A message, which begins a turn.
    Send { id: String, text: String },
    /// A word to the turn that runs.
    Steer { id: String, text: String },
    /// End the turn that runs.
    Interrupt { id: String },
    /// A new thread with a first message. Answered with its `id`.
    Start { text: String, cwd: Option<PathBuf> },
}

impl Owner {
    /// Does what a wish wants, on a connection.
    pub(super) fn work(&self, peer: &Peer, wish: Wish, reply: Reply) {
        let told = |id: &str| {
            let open = self.open.get(id)?;
            open.feed.turn().map(|turn| turn.id.clone())
        };
        let known = match &wish {
            Wish::Steer { id, .. } | Wish::Interrupt { id } => told(id),
            _ => None,
        };
        let peer = peer.clone();
        let work = async move {
            match wish {
                Wish::Send { id, text } => connection::call(&peer, "turn/start", message(&id, &text)).await,
                Wish::Steer { id, text } => {
                    let turn = running(&peer, &id, known).await?;
                    let mut params = message(&id, &text);
                    params["expectedTurnId"] = Value::from(turn);
                    connection::call(&peer, "turn/steer", params).await
                }
                Wish::Interrupt { id } => {
                    let turn = running(&peer, &id, known).await?;
                    let params = json!({"threadId": id, "turnId": turn});
                    connection::call(&peer, "turn/interrupt", params).await
                }
                Wish::Start { .. } | Wish::Open { .. } | Wish::Close { .. } => Ok(Value::Null),
            }
        };
        tokio::spawn(async move {
            let _ = reply.send(work.await.map(|_| Value::Null));
        });
    }

    /// A new thread, and its first message when the owner knows of it.
    pub(super) fn start(&self, peer: &Peer, text: String, cwd: Option<PathBuf>, reply: Reply) {
        let (peer, report, epoch) = (peer.clone(), self.report.clone(), self.epoch);
        tokio::spawn(async move {
            match connection::start(&peer, cwd).await {
                Ok(id) => {
                    let _ = report.send((epoch, Report::Started(id, text, reply))).await;
                }
                Err(problem) => drop(reply.send(Err(problem))),
            }
        });
    }
}

/// The turn that runs in a thread: the one that was told of, or what the app-server says.
async fn running(peer: &Peer, id: &str, known: Option<String>) -> Result<String, Problem> {
    let turn = match known {
        Some(turn) => Some(turn),
        None => connection::running_turn(peer, id).await?,
    };
    turn.ok_or_else(|| Problem::new("no_turn", "no turn runs in this thread; send it as a message"))
}

/// A message of the person.
pub(super) fn message(thread: &str, text: &str) -> Value {
    json!({"threadId": thread, "input": [{"type": "text", "text": text}]})
}

/// What a person has to do otherwise.
pub(super) fn wrong_with(wish: &Wish) -> Option<Problem> {
    let (Wish::Send { text, .. } | Wish::Steer { text, .. } | Wish::Start { text, .. }) = wish else {
        return None;
    };
    if text.trim().is_empty() {
        return Some(Problem::new("empty", "write what the agent should do"));
    }
    if text.len() > LONGEST_TEXT {
        return Some(Problem::new(
            "too_long",
            "this is longer than a message may be (1 MiB); put it in a file and name that",
        ));
    }
    None
}

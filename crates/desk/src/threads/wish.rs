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
    /// A word to the turn that runs. `turn` is it as far as the host knows.
    Steer {
        id: String,
        text: String,
        turn: Option<String>,
    },
    /// End the turn that runs.
    Interrupt { id: String, turn: Option<String> },
    /// A new thread with a first message. Answered with its `id`.
    Start { text: String, cwd: Option<PathBuf> },
}

impl Owner {
    /// Does what a wish wants, on a connection.
    pub(super) fn work(&mut self, peer: &Peer, wish: Wish, reply: Reply) {
        let running = |id: &str, known: Option<String>| {
            let open = self.open.get(id);
            let told = open.and_then(|open| open.feed.turn().map(|turn| turn.id.clone()));
            told.or(known)
                .ok_or_else(|| Problem::new("no_turn", "no turn runs in this thread; send it as a message"))
        };
        let (method, params) = match wish {
            Wish::Send { id, text } => ("turn/start", Ok(message(&id, &text))),
            Wish::Steer { id, text, turn } => (
                "turn/steer",
                running(&id, turn).map(|turn| {
                    let mut params = message(&id, &text);
                    params["expectedTurnId"] = Value::from(turn);
                    params
                }),
            ),
            Wish::Interrupt { id, turn } => (
                "turn/interrupt",
                running(&id, turn).map(|turn| json!({"threadId": id, "turnId": turn})),
            ),
            Wish::Start { text, cwd } => return self.start(peer, text, cwd, reply),
            Wish::Open { .. } | Wish::Close { .. } => return,
        };
        let peer = peer.clone();
        tokio::spawn(async move {
            let done = match params {
                Ok(params) => connection::call(&peer, method, params).await.map(|_| Value::Null),
                Err(problem) => Err(problem),
            };
            let _ = reply.send(done);
        });
    }

    fn start(&self, peer: &Peer, text: String, cwd: Option<PathBuf>, reply: Reply) {
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

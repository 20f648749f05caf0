//! The app's own connection to the app-server, and what is asked on it.

use super::feed::Taken;
use super::last::Last;
use super::types::{About, ThreadItem, TurnState};
use crate::Problem;
use drawbridge_codex::{CallError, CloseReason, Incoming, Peer};
use drawbridge_consent::visible_line;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// Longest for one answer.
const ANSWER: Duration = Duration::from_secs(20);
/// Items asked for at a time.
const PAGE: usize = 100;
/// How long a thread that was only just made may be unknown.
const JUST_MADE: Duration = Duration::from_secs(2);
/// The first pause before it is asked for again.
const STEP: Duration = Duration::from_millis(50);

/// Connects and introduces the app.
pub(super) async fn dial(data_dir: &Path) -> Result<(Peer, mpsc::Receiver<Incoming>), Problem> {
    let socket = drawbridge_control::dial_app_server(data_dir).await?;
    let (peer, incoming) = Peer::start(socket);
    let hello = json!({
        "clientInfo": {"name": "drawbridge-desktop", "title": "Drawbridge", "version": env!("CARGO_PKG_VERSION")},
        "capabilities": {"experimentalApi": true},
    });
    call(&peer, "initialize", hello).await?;
    peer.notify("initialized", Value::Null)
        .await
        .map_err(|error| problem(&error))?;
    Ok((peer, incoming))
}

/// One request. An overloaded app-server did nothing, so it is asked again.
pub(super) async fn call(peer: &Peer, method: &str, params: Value) -> Result<Value, Problem> {
    peer.request_retrying(method, params, ANSWER)
        .await
        .map_err(|error| problem(&error))
}

fn problem(error: &CallError) -> Problem {
    Problem::new(error.code(), visible_line(&error.to_string()))
}

/// Why a connection that ended is away, and what happens now.
pub(super) fn away(reason: &CloseReason) -> Problem {
    let (code, what) = match reason {
        CloseReason::Closed { text, .. } if text == "agent_restarted" => {
            ("agent_restarted", "the agent was restarted")
        }
        CloseReason::Closed { text, .. } if text == "agent_down" => ("agent_down", "the agent does not run"),
        CloseReason::Closed { text, .. } if text == "host_stopping" => {
            ("host_stopping", "the host was stopped")
        }
        CloseReason::Lagged => ("lagged", "more came than could be shown"),
        _ => ("connection_lost", "the connection to the agent broke off"),
    };
    Problem::new(
        code,
        format!("{what}; the thread goes on here by itself when it can be reached"),
    )
}

/// The turn that runs in a thread.
pub(super) async fn running_turn(peer: &Peer, id: &str) -> Result<Option<String>, Problem> {
    let newest = json!({"threadId": id, "limit": 1, "sortDirection": "desc", "itemsView": "notLoaded"});
    let turns = call(peer, "thread/turns/list", newest).await?;
    let turn = turns.pointer("/data/0").and_then(TurnState::of);
    Ok(turn.filter(TurnState::runs).map(|turn| turn.id))
}

/// Begins a thread and gives its id.
pub(super) async fn start(peer: &Peer, cwd: Option<PathBuf>) -> Result<String, Problem> {
    if let Some(cwd) = &cwd {
        // The app-server would take any text.
        let found = tokio::fs::metadata(cwd).await;
        if !cwd.is_absolute() || !found.is_ok_and(|found| found.is_dir()) {
            let cwd = visible_line(&cwd.to_string_lossy());
            return Err(Problem::new(
                "bad_folder",
                format!("{cwd} is no folder; write its whole path"),
            ));
        }
    }
    let started = call(peer, "thread/start", json!({"cwd": cwd})).await?;
    let id = started.pointer("/thread/id").and_then(Value::as_str);
    id.map(str::to_owned)
        .ok_or_else(|| Problem::new("not_understood", "codex began a thread without an id"))
}

/// Why a thread was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// It is not written down yet; that comes with its first turn.
    NotYet,
    /// The connection ended; that is told on its own.
    Lost,
    /// Something else.
    Failed(Problem),
}

/// Subscribes to a thread and gets its last items.
pub(super) async fn take(peer: &Peer, id: &str) -> Result<Taken, NotTaken> {
    let resumed = resume(peer, id).await?;
    let thread = resumed.get("thread").unwrap_or(&Value::Null);
    let text = |holder: &Value, at: &str| holder.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let turn = resumed
        .pointer("/initialTurnsPage/data/0")
        .and_then(TurnState::of);
    let (items, earlier) = items(peer, id).await.map_err(NotTaken::from)?;
    Ok(Taken {
        items,
        earlier,
        turn,
        about: About {
            model: text(&resumed, "/model"),
            branch: text(thread, "/gitInfo/branch"),
            tokens: None,
        },
    })
}

async fn resume(peer: &Peer, id: &str) -> Result<Value, NotTaken> {
    let end = Instant::now() + JUST_MADE;
    let mut pause = STEP;
    loop {
        // Its last turn comes along, without items: they are asked for by the page.
        let params = json!({
            "threadId": id,
            "excludeTurns": true,
            "initialTurnsPage": {"limit": 1, "sortDirection": "desc", "itemsView": "notLoaded"},
        });
        match call(peer, "thread/resume", params).await {
            Ok(resumed) => return Ok(resumed),
            Err(problem) if is_just_made(&problem) => {
                if Instant::now() + pause >= end {
                    return Err(NotTaken::NotYet);
                }
                sleep(pause).await;
                pause *= 2;
            }
            Err(problem) => return Err(problem.into()),
        }
    }
}

impl From<Problem> for NotTaken {
    fn from(problem: Problem) -> Self {
        if problem.code == CallError::Closed.code() {
            Self::Lost
        } else {
            Self::Failed(problem)
        }
    }
}

fn is_just_made(problem: &Problem) -> bool {
    ["no rollout found", "is not supported yet"]
        .iter()
        .any(|words| problem.message.contains(words))
}

/// The last items, oldest first, and whether there are earlier ones.
async fn items(peer: &Peer, id: &str) -> Result<(Vec<ThreadItem>, bool), Problem> {
    let mut last = Last::default();
    let mut cursor = Value::Null;
    loop {
        let params = json!({"threadId": id, "limit": PAGE, "sortDirection": "desc", "cursor": cursor});
        let mut page = match call(peer, "thread/items/list", params).await {
            Ok(page) => page,
            // A thread of an older kind has no pages.
            Err(problem) if problem.code == "codex_refused" && last.is_empty() => {
                return all_items(peer, id).await;
            }
            Err(problem) => return Err(problem),
        };
        let entries = page.get_mut("data").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            let item = entry.get_mut("item").map(Value::take);
            if let Some(item) = item.and_then(ThreadItem::of) {
                last.push(item);
            }
        }
        cursor = page.get_mut("nextCursor").map(Value::take).unwrap_or_default();
        if cursor.is_null() || last.is_full() {
            let earlier = !cursor.is_null() || last.left_out();
            return Ok((last.items(), earlier));
        }
    }
}

async fn all_items(peer: &Peer, id: &str) -> Result<(Vec<ThreadItem>, bool), Problem> {
    let mut read = call(peer, "thread/read", json!({"threadId": id, "includeTurns": true})).await?;
    let mut last = Last::default();
    let turns = read.pointer_mut("/thread/turns").and_then(Value::as_array_mut);
    for turn in turns.into_iter().flatten().rev() {
        if let Some(Value::Array(of_turn)) = turn.get_mut("items").map(Value::take) {
            of_turn
                .into_iter()
                .rev()
                .filter_map(ThreadItem::of)
                .for_each(|item| last.push(item));
        }
    }
    let earlier = last.left_out();
    Ok((last.items(), earlier))
}

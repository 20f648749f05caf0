//! Asking Codex for its own list, and having it read again.

use drawbridge_codex::{CallError, Peer};
use drawbridge_consent::visible_line;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// Of a switch, for which a client waits.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// Of having live threads read the switches anew.
const RELOAD_DEADLINE: Duration = Duration::from_secs(2);

/// Why Codex did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodexError {
    /// The call failed.
    #[error("{}", visible_line(&.0.to_string()))]
    Call(#[from] CallError),
    /// It said something else.
    #[error("codex answered something else than it used to; update Drawbridge")]
    Answer,
    /// It was kept, and does not count.
    #[error("another setting of Codex says otherwise; look at [[skills.config]] in its config.toml")]
    Overruled,
}

impl CodexError {
    /// Stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            CodexError::Call(_) => "codex_refused",
            CodexError::Answer => "codex_answer",
            CodexError::Overruled => "overruled",
        }
    }

    /// What became of a switch.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            CodexError::Call(CallError::Rpc(_)) => Outcome::Refused,
            // Codex may have done it all the same.
            CodexError::Call(CallError::Timeout { .. } | CallError::Closed) | CodexError::Answer => {
                Outcome::Unknown
            }
            CodexError::Overruled => Outcome::Overruled,
        }
    }
}

/// What became of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It counts.
    Done,
    /// It is kept, and another setting counts.
    Overruled,
    /// It is not kept.
    Refused,
    /// Nobody said.
    Unknown,
}

/// What to ask Codex.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ask {
    /// For threads of which folders.
    pub cwds: Vec<PathBuf>,
    /// First tell it which folders there are besides its own, as often as it is to read anything again: that
    /// makes it forget all it has read. Asked to reload its list it forgets only the list, and running threads
    /// go on with what they have (observed, 0.169.0).
    pub extra: Option<Vec<PathBuf>>,
    /// Have it make its list anew, since its configuration may be another: it keeps what it listed (observed, 0.169.0).
    pub force: bool,
    /// Have live threads read its configuration anew, too: what is switched there counts for them only then, while
    /// its list has it at once (observed, 0.169.0).
    pub reload: bool,
    /// How often it was asked just this in vain.
    pub tries: u32,
}

impl Ask {
    /// Both in one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for cwd in other.cwds {
            if !self.cwds.contains(&cwd) {
                self.cwds.push(cwd);
            }
        }
        Self {
            extra: other.extra.or(self.extra),
            cwds: self.cwds,
            force: self.force || other.force,
            reload: self.reload || other.reload,
            tries: other.tries,
        }
    }
}

/// What Codex said, by the folder it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed(BTreeMap<PathBuf, OfFolder>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct OfFolder {
    /// Whether it uses the skill of this path.
    enabled: BTreeMap<PathBuf, bool>,
    /// Why it cannot.
    errors: BTreeMap<PathBuf, String>,
}

impl Listed {
    pub(super) fn read(answer: &Value) -> Self {
        let mut listed = Self::default();
        for entry in answer["data"].as_array().into_iter().flatten() {
            let Some(cwd) = entry["cwd"].as_str() else {
                continue;
            };
            let mut folder = OfFolder::default();
            for skill in entry["skills"].as_array().into_iter().flatten() {
                if let (Some(path), Some(enabled)) = (skill["path"].as_str(), skill["enabled"].as_bool()) {
                    folder.enabled.insert(path.into(), enabled);
                }
            }
            for error in entry["errors"].as_array().into_iter().flatten() {
                if let (Some(path), Some(message)) = (error["path"].as_str(), error["message"].as_str()) {
                    folder.errors.insert(path.into(), visible_line(message));
                }
            }
            listed.0.insert(cwd.into(), folder);
        }
        listed
    }

    /// Newer words take the place of older ones, also of what was said of the same skill for another folder.
    pub(crate) fn update(&mut self, newer: Self) {
        for (path, enabled) in newer.0.values().flat_map(|folder| &folder.enabled) {
            for older in self.0.values_mut() {
                if let Some(known) = older.enabled.get_mut(path) {
                    *known = *enabled;
                }
                older.errors.remove(path);
            }
        }
        self.0.extend(newer.0);
    }

    /// It said so of one skill.
    pub(super) fn switched(&mut self, path: &Path, enabled: bool) {
        for folder in self.0.values_mut() {
            if let Some(known) = folder.enabled.get_mut(path) {
                *known = enabled;
            }
        }
    }

    /// Whether it was asked for this folder.
    pub(crate) fn knows(&self, cwd: &Path) -> bool {
        self.0.contains_key(cwd)
    }

    /// Forgets what was said of other folders.
    pub(crate) fn keep(&mut self, cwds: &[PathBuf]) {
        self.0.retain(|cwd, _| cwds.contains(cwd));
    }

    /// Whether it uses a skill; `None` when it knows none of this path.
    pub(crate) fn enabled(&self, path: &Path) -> Option<bool> {
        self.0
            .values()
            .find_map(|folder| folder.enabled.get(path).copied())
    }

    /// Why it cannot use one, by either of its paths.
    pub(crate) fn error(&self, path: &Path, real: &Path) -> Option<&str> {
        let mut folders = self.0.values();
        let error = folders.find_map(|folder| folder.errors.get(real).or_else(|| folder.errors.get(path)));
        error.map(String::as_str)
    }
}

/// Asks.
pub(crate) async fn ask(peer: &Peer, ask: &Ask) -> Result<Listed, CodexError> {
    if ask.reload {
        reload(peer).await;
    }
    if let Some(extra) = &ask.extra {
        let params = json!({ "extraRoots": extra });
        peer.request_retrying("skills/extraRoots/set", params, CALL_DEADLINE)
            .await?;
    }
    if ask.cwds.is_empty() {
        return Ok(Listed::default());
    }
    let params = json!({ "cwds": ask.cwds, "forceReload": ask.force || ask.extra.is_some() });
    let answer = peer
        .request_retrying("skills/list", params, CALL_DEADLINE)
        .await?;
    Ok(Listed::read(&answer))
}

/// Threads that live keep the configuration they began with until they are told to read it anew. Where that fails it
/// is no reason to ask or to tell nothing else.
async fn reload(peer: &Peer) {
    let params = json!({ "edits": [], "reloadUserConfig": true });
    let answer = peer.request_retrying("config/batchWrite", params, RELOAD_DEADLINE);
    if let Err(error) = answer.await {
        tracing::warn!(%error, "threads that live may go on with a skill as it was");
    }
}

/// Has Codex use a skill or not.
pub(crate) async fn write(peer: &Peer, path: &Path, enabled: bool) -> Result<(), CodexError> {
    let params = json!({ "path": path, "enabled": enabled });
    let answer = peer
        .request_retrying("skills/config/write", params, WRITE_DEADLINE)
        .await?;
    reload(peer).await;
    match answer["effectiveEnabled"].as_bool() {
        Some(now) if now == enabled => Ok(()),
        Some(_) => Err(CodexError::Overruled),
        None => Err(CodexError::Answer),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what it needs by failing")]

    use super::*;
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role};

    /// A Codex that has one skill and does not reload. Answers what it was asked, in order.
    async fn refusing() -> (Peer, tokio::task::JoinHandle<Vec<String>>) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (peer, _) = Peer::start(WebSocketStream::from_raw_socket(ours, Role::Client, None).await);
        let mut codex = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            while let Some(Ok(Message::Text(frame))) = codex.next().await {
                let frame: Value = serde_json::from_str(&frame).unwrap();
                let method = frame["method"].as_str().unwrap().to_owned();
                let skill = json!({ "path": "/w/s", "enabled": true });
                let answer = match &*method {
                    "config/batchWrite" => {
                        json!({ "id": frame["id"], "error": { "code": -32600, "message": "read only" } })
                    }
                    "skills/list" => {
                        json!({ "id": frame["id"], "result": { "data": [{ "cwd": "/w", "skills": [skill] }] } })
                    }
                    _ => json!({ "id": frame["id"], "result": { "effectiveEnabled": true } }),
                };
                asked.push(method);
                codex.send(Message::text(answer.to_string())).await.unwrap();
            }
            asked
        });
        (peer, asked)
    }

    // proves S5.32: what live threads cannot be told does not stop the list
    #[tokio::test]
    async fn a_codex_that_does_not_reload_is_asked_for_its_list_all_the_same() {
        let (peer, asked) = refusing().await;
        let whole = Ask {
            cwds: vec!["/w".into()],
            extra: Some(Vec::new()),
            reload: true,
            ..Ask::default()
        };
        let listed = ask(&peer, &whole).await.unwrap();
        assert_eq!(listed.enabled(Path::new("/w/s")), Some(true));
        write(&peer, Path::new("/w/s"), true).await.unwrap();
        drop(peer);
        let asked = tokio::time::timeout(CALL_DEADLINE, asked).await.unwrap().unwrap();
        assert_eq!(
            asked,
            [
                "config/batchWrite",
                "skills/extraRoots/set",
                "skills/list",
                "skills/config/write",
                "config/batchWrite"
            ]
        );
    }
}

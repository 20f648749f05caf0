//! Approvals: one card for one request of the app-server, however many connections bring it.
//!
//! Identity is (generation of the app-server, request id), because request ids restart at 0 with each
//! start of the app-server. What a card says is bound by digests: the *request digest* over method and
//! params (a second, different request under the same identity voids the card) and the *shown digest*
//! over these and the item on display (an answer must name what its giver saw).

mod answer;
mod outcome;
mod permissions;
mod queue;
mod reply;

pub use answer::{choices, decision_from_client, result_for};
pub use outcome::{TurnEnd, outcome_of};
pub use queue::{AnswerError, Dispatch, Queue, Raised, RaisedBy};
pub use reply::BadReply;

use drawbridge_codex_wire::RequestId;
use drawbridge_wire::control::{ApprovalKind, ApprovalState, ItemOutcome};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Which request of which life of the app-server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApprovalId {
    /// Counts starts of the app-server, from 1.
    pub generation: u64,
    /// The app-server's own id.
    pub request: RequestId,
}

impl std::fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.generation, self.request)
    }
}

impl std::str::FromStr for ApprovalId {
    type Err = BadApprovalId;
    fn from_str(s: &str) -> Result<Self, BadApprovalId> {
        let (generation, request) = s.split_once('-').ok_or(BadApprovalId)?;
        let generation = generation.parse().map_err(|_| BadApprovalId)?;
        let request = request
            .parse()
            .map_or_else(|_| RequestId::Text(request.to_owned()), RequestId::Number);
        Ok(Self { generation, request })
    }
}

/// Not of the form `<generation>-<request id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an approval id looks like `1-0`; `drawbridge approvals list` shows them")]
pub struct BadApprovalId;

/// One request that waits, or waited, for an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Identity.
    pub id: ApprovalId,
    /// Kind, from the method.
    pub kind: ApprovalKind,
    /// The app-server's method.
    pub method: String,
    /// The request's parameters, untouched.
    pub params: Value,
    /// The item it is about (file changes: it has the diff; the request has not).
    pub item: Option<Value>,
    /// Over method and params.
    pub request_digest: String,
    /// Over method, params and item: what a person sees.
    pub shown_digest: String,
    /// Unix milliseconds.
    pub raised_at_ms: u64,
    /// Unix milliseconds; then it is declined.
    pub deadline_ms: u64,
    /// Unix milliseconds of the end, if it ended.
    pub ended_at_ms: Option<u64>,
    /// Where it stands.
    pub state: ApprovalState,
    /// What then happened to the item.
    pub outcome: Option<ItemOutcome>,
}

impl Approval {
    /// Thread the request names.
    #[must_use]
    pub fn thread(&self) -> Option<&str> {
        self.params.get("threadId").and_then(Value::as_str)
    }
    /// Turn the request names.
    #[must_use]
    pub fn turn(&self) -> Option<&str> {
        self.params.get("turnId").and_then(Value::as_str)
    }
    /// Item the request names.
    #[must_use]
    pub fn item_id(&self) -> Option<&str> {
        self.params.get("itemId").and_then(Value::as_str)
    }
    /// Whether someone may still answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == ApprovalState::Open
    }
    /// Whether nothing can change any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }
}

/// Kind of a server request by its method. Everything not known is [`ApprovalKind::Unknown`].
#[must_use]
pub fn kind_of(method: &str) -> ApprovalKind {
    match method {
        "item/commandExecution/requestApproval" => ApprovalKind::Command,
        "item/fileChange/requestApproval" => ApprovalKind::FileChange,
        "item/permissions/requestApproval" => ApprovalKind::Permissions,
        "item/tool/requestUserInput" => ApprovalKind::UserInput,
        "mcpServer/elicitation/request" => ApprovalKind::Elicitation,
        _ => ApprovalKind::Unknown,
    }
}

/// SHA-256 over method, params and item in canonical form (object keys sorted), as hex.
#[must_use]
pub fn digest(method: &str, params: &Value, item: Option<&Value>) -> String {
    let mut hash = Sha256::new();
    for part in [
        serde_json::Value::from(method).to_string(),
        canonical(params),
        item.map_or_else(|| "-".to_owned(), canonical),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by(|a, b| a.0.cmp(b.0));
            let parts: Vec<_> = keys
                .into_iter()
                .map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical(v)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

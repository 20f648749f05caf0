//! What the app-server sent on a client's connection, and what of it the client gets.

use super::admit::Desk;
use super::errors::{busy_elsewhere, unreadable};
use super::frame::{refusal, refused, response};
use super::overdue::Overdue;
use super::places::{Visible, inside};
use super::recent::Recent;
use crate::event::{Caller, GateEvent, Outcome, Whereabouts};
use drawbridge_codex::DELTA_NOTIFICATIONS;
use drawbridge_codex_wire::{Envelope, RequestId, Shape};
use drawbridge_core::verdict::server_requests::{ServerRequest, server_request};
use drawbridge_core::verdict::{Handling, Rule, ceiling, redact};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use tokio::time::Instant;

/// A request of the client whose response is not in yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub method: String,
    pub permit: Option<u64>,
    pub after: After,
    /// When the client is told that no answer came, if it ever is.
    pub due: Option<Instant>,
    /// It was told so; an answer that comes now is for nobody.
    pub late: bool,
}

impl Pending {
    pub(super) fn new(method: &str, permit: Option<u64>, after: After) -> Self {
        Self {
            method: method.to_owned(),
            permit,
            after,
            due: None,
            late: false,
        }
    }
}

/// What the response means.
#[derive(Debug)]
pub(super) enum After {
    /// Passes as it is.
    Pass,
    /// Passes; settles a permit.
    Done,
    /// Tells what a thread may do now.
    Thread {
        undo_if_wide: bool,
        declares_tools: bool,
    },
    /// Is cut by the rule.
    Filtered(&'static Rule),
}

impl After {
    pub(super) fn of_rule(rule: &'static Rule) -> Self {
        match rule.handling {
            Handling::ThreadList { .. } | Handling::LoadedList | Handling::Redact(_) => After::Filtered(rule),
            _ => After::Pass,
        }
    }
}

/// What to write where.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// The original frame goes to the client as it came.
    pub pass: bool,
    /// This goes to the client instead.
    pub client: Option<String>,
    /// This goes to the app-server.
    pub upstream: Option<String>,
}

impl Writes {
    fn pass() -> Self {
        Self {
            pass: true,
            ..Self::default()
        }
    }
    /// The same for a remote, `text` being the frame as it came.
    fn without_credentials(mut self, text: &str) -> Self {
        let Some(frame) = self.client.as_deref().or(self.pass.then_some(text)) else {
            return self;
        };
        match redact::without_credentials(frame) {
            Ok(None) => {}
            Ok(Some(clean)) => {
                self.pass = false;
                self.client = Some(clean);
            }
            Err(_) => {
                self.client = unreadable(frame);
                self.pass = false;
            }
        }
        self
    }
    fn client(text: String) -> Self {
        Self {
            client: Some(text),
            ..Self::default()
        }
    }
}

/// Most early resolutions remembered. One is needed only until the request it is about arrives from the
/// loop; one that is forgotten lets a question be shown whose answer no longer counts.
const MOST_RESOLVED: usize = 256;

/// What the connection remembers of the app-server's side.
pub(super) struct ServerSide {
    pub generation: u64,
    pub caller: Caller,
    pub pending: HashMap<RequestId, Pending>,
    /// Opt-outs that we apply because the gate itself needs these notifications.
    pub own_opt_outs: HashSet<String>,
    /// Threads seen on this connection: inside the roots or not.
    visible: Visible,
    /// Threads whose dynamic tools this connection declared.
    tools: HashSet<String>,
    /// Requests that were resolved before they could be shown.
    pub resolved: Recent<RequestId, ()>,
    /// Requests written to the client and open; the method says who answers.
    pub open: HashMap<RequestId, String>,
    undo: u64,
    overdue: Overdue,
}

impl ServerSide {
    pub(super) fn new(generation: u64, caller: Caller) -> Self {
        Self {
            generation,
            caller,
            pending: HashMap::new(),
            own_opt_outs: HashSet::new(),
            visible: Visible::new(),
            tools: HashSet::new(),
            resolved: Recent::new(MOST_RESOLVED),
            open: HashMap::new(),
            undo: 0,
            overdue: Overdue::default(),
        }
    }

    /// A request goes out. One of a remote, and one that holds a turn on a thread, is waited for only so long.
    pub(super) fn sent(&mut self, id: RequestId, mut pending: Pending, now: Instant) {
        if self.caller.is_remote() || pending.permit.is_some() {
            pending.due = Some(self.overdue.sent(&id, now));
        }
        self.pending.insert(id, pending);
    }

    /// Whether a remote has as many requests on their way as it may.
    pub(super) fn is_full(&self) -> bool {
        self.caller.is_remote() && self.pending.values().filter(|p| !p.late).count() >= super::MOST_IN_FLIGHT
    }

    /// When the next request is overdue.
    pub(super) fn next_overdue(&mut self) -> Option<Instant> {
        self.overdue.next(&self.pending)
    }

    /// Gives up on what is overdue: its turn on a thread goes on to others, and a remote is told. The id and
    /// method of that request.
    pub(super) async fn give_up(&mut self, desk: &Desk, now: Instant) -> Option<(RequestId, String)> {
        let id = self.overdue.take(&self.pending, now)?;
        let pending = self.pending.get_mut(&id)?;
        pending.due = None;
        pending.late = self.caller.is_remote();
        let method = pending.method.clone();
        if let Some(permit) = pending.permit.take() {
            let outcome = Outcome::Unknown;
            desk.tell(GateEvent::Settle { permit, outcome }).await;
        }
        Some((id, method))
    }

    /// How many requests were given up.
    pub(super) fn late(&self) -> usize {
        self.pending.values().filter(|p| p.late).count()
    }

    /// Decides what becomes of one frame.
    pub(super) async fn take(&mut self, desk: &Desk, text: &str) -> Writes {
        let writes = self.judge(desk, text).await;
        if self.caller.is_remote() {
            writes.without_credentials(text)
        } else {
            writes
        }
    }

    async fn judge(&mut self, desk: &Desk, text: &str) -> Writes {
        let Ok(envelope) = Envelope::parse(text) else {
            // Unreadable to us: the user's own client may know better, a remote gets nothing unread.
            return if self.caller.is_remote() {
                Writes::default()
            } else {
                Writes::pass()
            };
        };
        match (envelope.shape(), envelope.id, envelope.method) {
            (Some(Shape::Notification), _, Some(method)) => {
                let params = envelope.params.map(serde_json::value::RawValue::get);
                self.notification(desk, &method, params.unwrap_or("null")).await
            }
            (Some(Shape::Request), Some(id), Some(method)) => {
                let params = envelope
                    .params
                    .map_or(Value::Null, |p| serde_json::from_str(p.get()).unwrap_or_default());
                self.request(desk, id, &method, params, text).await
            }
            (Some(Shape::Response), Some(id), _) => {
                let result = envelope.result.map_or("null", serde_json::value::RawValue::get);
                self.response(desk, id, result).await
            }
            (Some(Shape::Error), Some(id), _) => {
                match self.pending.remove(&id) {
                    Some(Pending { late: true, .. }) => return Writes::default(),
                    Some(Pending {
                        permit: Some(permit), ..
                    }) => {
                        desk.tell(GateEvent::Settle {
                            permit,
                            outcome: Outcome::Failed,
                        })
                        .await;
                    }
                    None if self.caller.is_remote() => return Writes::default(),
                    Some(_) | None => {}
                }
                if self.caller.is_remote()
                    && let Some(named) = busy_elsewhere(&id, text)
                {
                    return Writes::client(named);
                }
                Writes::pass()
            }
            _ if self.caller.is_remote() => Writes::default(),
            _ => Writes::pass(),
        }
    }

    async fn notification(&mut self, desk: &Desk, method: &str, params: &str) -> Writes {
        if needed(method) || self.caller.is_remote() {
            let params: Value = serde_json::from_str(params).unwrap_or_default();
            self.tap(desk, method, &params).await;
            if self.caller.is_remote() && !self.may_see(desk, method, &params).await {
                return Writes::default();
            }
        }
        if self.own_opt_outs.contains(method) {
            Writes::default()
        } else {
            Writes::pass()
        }
    }

    /// What the gate itself needs, whether or not the observer is subscribed to the thread.
    async fn tap(&mut self, desk: &Desk, method: &str, params: &Value) {
        let thread = params.get("threadId").and_then(Value::as_str).unwrap_or_default();
        match method {
            "serverRequest/resolved" => {
                let id = params.get("requestId").cloned();
                if let Some(id) = id.and_then(|id| serde_json::from_value::<RequestId>(id).ok()) {
                    if self.open.remove(&id).is_none() {
                        self.resolved.insert(id.clone(), ());
                    }
                    desk.tell(GateEvent::Resolved {
                        generation: self.generation,
                        id,
                    })
                    .await;
                }
            }
            "item/started" | "item/completed" => {
                if let Some((item_id, item)) = crate::observer::file_change(params) {
                    let (generation, thread) = (self.generation, thread.to_owned());
                    desk.tell(GateEvent::Item {
                        generation,
                        thread,
                        item_id,
                        item,
                    })
                    .await;
                }
            }
            "turn/completed" => {
                let word = |at: &str| {
                    params
                        .pointer(at)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned()
                };
                desk.tell(GateEvent::TurnEnded {
                    generation: self.generation,
                    thread: thread.to_owned(),
                    turn: word("/turn/id"),
                    status: word("/turn/status"),
                })
                .await;
            }
            _ => {}
        }
    }

    /// Whether a remote may see a notification: of threads inside the roots, and a few that are of none.
    async fn may_see(&mut self, desk: &Desk, method: &str, params: &Value) -> bool {
        if method == "thread/started" {
            let id = params
                .pointer("/thread/id")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let cwd = params
                .pointer("/thread/cwd")
                .and_then(Value::as_str)
                .unwrap_or_default();
            return inside_roots(desk, id, cwd).await;
        }
        match params.get("threadId") {
            Some(Value::String(thread)) if DELTA_NOTIFICATIONS.contains(&method) => {
                self.visible.sees(desk, thread).await
            }
            Some(Value::String(thread)) => self.visible.sees_now(desk, thread).await,
            Some(Value::Null) | None => OF_NO_THREAD.contains(&method),
            Some(_) => false,
        }
    }

    async fn request(
        &mut self,
        desk: &Desk,
        id: RequestId,
        method: &str,
        params: Value,
        text: &str,
    ) -> Writes {
        if server_request(method) == ServerRequest::DynamicTool {
            let thread = params.get("threadId").and_then(Value::as_str).unwrap_or_default();
            if self.tools.contains(thread) {
                self.open.insert(id, method.to_owned());
                return Writes::pass();
            }
            return Writes::default();
        }
        if self.caller.is_remote() {
            let thread = params
                .get("threadId")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if !self.visible.sees_now(desk, &thread).await {
                return Writes::default();
            }
        }
        self.resolved.remove(&id);
        let (generation, method, raw) = (self.generation, method.to_owned(), text.to_owned());
        desk.tell(GateEvent::Request {
            generation,
            id,
            method,
            params,
            raw,
        })
        .await;
        Writes::default()
    }

    async fn response(&mut self, desk: &Desk, id: RequestId, result: &str) -> Writes {
        let Some(Pending {
            permit, after, late, ..
        }) = self.pending.remove(&id)
        else {
            // Not asked for through us; e.g. the answer to our own undo.
            return if self.caller.is_remote() {
                Writes::default()
            } else {
                Writes::pass()
            };
        };
        if late {
            return self.let_go_late(&after, result);
        }
        let writes = match after {
            After::Pass | After::Done => Writes::pass(),
            After::Filtered(rule) => match serde_json::from_str::<Value>(result) {
                Ok(mut result) => {
                    self.filter(desk, rule, &mut result).await;
                    Writes::client(response(&id, &result))
                }
                Err(_) => Writes::default(),
            },
            After::Thread {
                undo_if_wide,
                declares_tools,
            } => {
                let result: Value = serde_json::from_str(result).unwrap_or_default();
                let thread = result
                    .pointer("/thread/id")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                if declares_tools {
                    self.tools.insert(thread.clone());
                }
                let pair = result.as_object().and_then(ceiling::effective);
                let wide = !pair.is_some_and(|pair| desk.policy.ceilings.contains(&pair));
                let inside = result
                    .get("cwd")
                    .and_then(Value::as_str)
                    .is_some_and(|cwd| desk.policy.inside(Path::new(cwd)).is_some());
                let mut writes = Writes::pass();
                if self.caller.is_remote() && ((undo_if_wide && wide) || !inside) {
                    writes = self.undo(&id, &thread, inside);
                }
                if let Some(permit) = permit {
                    let mut slim = result;
                    if let Some(info) = slim.get_mut("thread").and_then(Value::as_object_mut) {
                        info.remove("turns");
                    }
                    desk.tell(GateEvent::Settle {
                        permit,
                        outcome: Outcome::Thread(slim),
                    })
                    .await;
                }
                return writes;
            }
        };
        if let Some(permit) = permit {
            desk.tell(GateEvent::Settle {
                permit,
                outcome: Outcome::Done,
            })
            .await;
        }
        writes
    }

    /// The client was told no, so it must not stay subscribed to what it did not get.
    fn let_go_late(&mut self, after: &After, result: &str) -> Writes {
        let result: Value = match after {
            After::Thread { .. } => serde_json::from_str(result).unwrap_or_default(),
            _ => Value::Null,
        };
        Writes {
            upstream: result
                .pointer("/thread/id")
                .and_then(Value::as_str)
                .map(|thread| self.unsubscribe(thread)),
            ..Writes::default()
        }
    }

    fn unsubscribe(&mut self, thread: &str) -> String {
        self.undo += 1;
        let own = RequestId::Text(format!("{}undo-{}", super::OWN_IDS, self.undo));
        json!({ "id": own, "method": "thread/unsubscribe", "params": { "threadId": thread } }).to_string()
    }

    /// A thread came back wider than the ceiling, or elsewhere: the remote lets go of it again.
    fn undo(&mut self, id: &RequestId, thread: &str, inside: bool) -> Writes {
        let refused = if inside {
            refused(
                "wide_thread",
                "this thread may do more than a remote is allowed; it was let go again",
            )
        } else {
            refused("not_found", format!("thread not found: {thread}"))
        };
        Writes {
            pass: false,
            client: Some(refusal(id, &refused)),
            upstream: Some(self.unsubscribe(thread)),
        }
    }

    async fn filter(&mut self, desk: &Desk, rule: &'static Rule, result: &mut Value) {
        match rule.handling {
            Handling::ThreadList { thread } => {
                let Some(Value::Array(list)) = result.get_mut("data").map(Value::take) else {
                    return;
                };
                let (mut kept, mut shown) = (Vec::new(), HashSet::new());
                for entry in list {
                    let info = thread.map_or(Some(&entry), |member| entry.get(member));
                    let cwd = info
                        .and_then(|t| t.get("cwd"))
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    let Some(id) = info.and_then(|t| t.get("id")).and_then(Value::as_str) else {
                        continue;
                    };
                    if inside_roots(desk, id, cwd).await {
                        shown.insert(id.to_owned());
                        kept.push(entry);
                    }
                }
                result["data"] = Value::Array(kept);
                if let Some(states) = result.get_mut("readStates").and_then(Value::as_object_mut) {
                    states.retain(|id, _| shown.contains(id));
                }
            }
            Handling::LoadedList => {
                let Some(Value::Array(list)) = result.get_mut("data").map(Value::take) else {
                    return;
                };
                let mut kept = Vec::new();
                for id in list {
                    let sees = match id.as_str() {
                        Some(thread) => self.visible.sees_now(desk, thread).await,
                        None => false,
                    };
                    if sees {
                        kept.push(id);
                    }
                }
                result["data"] = Value::Array(kept);
            }
            _ => redact::apply(rule, result),
        }
    }
}

/// Whether a thread that the app-server says is in `cwd` lies inside the roots. The loop's word goes
/// before: the app-server goes on listing a moved thread where it began (observed, 0.169.0).
async fn inside_roots(desk: &Desk, thread: &str, cwd: &str) -> bool {
    match desk.place_if_loaded(thread).await {
        Whereabouts::At(places) => inside(&desk.policy, &places),
        Whereabouts::NotKnown => inside(&desk.policy, &[cwd]),
        Whereabouts::Moving => false,
    }
}

/// Notifications the gate needs on every connection, whatever the client opted out of.
pub(super) fn needed(method: &str) -> bool {
    matches!(
        method,
        "item/started" | "item/completed" | "serverRequest/resolved"
    ) || method.starts_with("turn/")
        || method.starts_with("thread/")
}

/// Notifications of no thread that a remote may see.
const OF_NO_THREAD: [&str; 7] = [
    "skills/changed",
    "account/updated",
    "account/rateLimits/updated",
    "model/rerouted",
    "model/verification",
    "deprecationNotice",
    "app/list/updated",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_gets_no_frame_with_credentials_in_a_repositorys_address() {
        let frame = |url: &str| json!({ "result": { "thread": { "gitInfo": { "originUrl": url } } } });
        let (bad, good) = (
            frame("https://u:s3cret@host/o").to_string(),
            frame("https://host/o").to_string(),
        );
        let passed = Writes::pass().without_credentials(&bad);
        assert_eq!((passed.pass, passed.client), (false, Some(good.clone())));
        let rewritten = Writes::client(bad).without_credentials("{}");
        assert_eq!((rewritten.pass, rewritten.client), (false, Some(good.clone())));
        // What holds none goes on as it came, and what was held back stays so.
        let passed = Writes::pass().without_credentials(&good);
        assert_eq!((passed.pass, passed.client), (true, None));
        let held = Writes::default().without_credentials(&good);
        assert_eq!((held.pass, held.client), (false, None));
    }

    #[test]
    fn a_remote_gets_no_frame_that_could_not_be_looked_through() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let answer = format!(r#"{{"id":7,"result":{{"originUrl":"https://u:s3cret@h","x":{deep}}}}}"#);
        let held = Writes::pass().without_credentials(&answer);
        assert!(!held.pass);
        let told: Value = serde_json::from_str(&held.client.unwrap()).unwrap();
        assert_eq!(
            (&told["id"], &told["error"]["data"]["rule"]),
            (&json!(7), &json!("unreadable"))
        );
        let news = format!(r#"{{"method":"thread/started","params":{{"originUrl":"u","x":{deep}}}}}"#);
        let held = Writes::pass().without_credentials(&news);
        assert_eq!((held.pass, held.client), (false, None));
    }
}

//! Requests of the user's own clients: they pass, but what can change what a thread is allowed goes in
//! order, and every thread gets the bus's MCP server.

use super::admit::{Admitted, Desk, NotAdmitted, admitted, moves};
use super::frame::refused;
use super::server::{After, Pending};
use crate::event::{OpKind, ThreadOp};
use crate::{inject, settings};
use drawbridge_codex_wire::RequestId;
use serde_json::{Map, Value};

/// Which requests of a local client go through the event loop, and as what.
pub(super) fn ordered(method: &str) -> Option<OpKind> {
    if UNREAD_EFFECT.contains(&method) {
        return Some(OpKind::Settings);
    }
    match method {
        "thread/start" => Some(OpKind::Start),
        "thread/resume" => Some(OpKind::Resume),
        "thread/fork" => Some(OpKind::Fork),
        "turn/start" => Some(OpKind::Turn),
        "turn/steer" => Some(OpKind::Steer),
        "thread/settings/update" | "turn/settings/update" => Some(OpKind::Settings),
        _ => None,
    }
}

/// Requests that can carry settings where we do not look: the thread counts as wide after them.
const UNREAD_EFFECT: [&str; 4] = [
    "thread/queue/add",
    "thread/queue/update",
    "thread/prepareApprovedPlan",
    "thread/approveGuardianDeniedAction",
];

/// Takes the turn of a local request.
pub(super) async fn admit(
    desk: Desk,
    kind: OpKind,
    id: RequestId,
    method: String,
    text: String,
) -> Result<Admitted, Box<NotAdmitted>> {
    let no = |id, method, refused| Box::new(NotAdmitted { id, method, refused });
    let Some(mut params) = params_of(&text) else {
        return Err(no(id, method, refused("malformed", "params are an object")));
    };
    let (overrides, unknown) = settings::carried(&params);
    let thread = params.get("threadId").and_then(Value::as_str).map(str::to_owned);
    // What the app-server takes for one thread is one thread here, however it is spelt.
    let thread = thread.map(|id| drawbridge_core::threads::canonical_id(&id).unwrap_or(id));
    let op = ThreadOp {
        kind,
        thread: thread.filter(|_| kind != OpKind::Start),
        remote: false,
        overrides,
        unknown_effect: unknown || UNREAD_EFFECT.contains(&method.as_str()),
        moves: moves(&params),
    };
    let permit = match desk.ask(op).await {
        Ok(permit) => permit,
        Err(refused) => return Err(no(id, method, refused)),
    };
    let makes_thread = matches!(kind, OpKind::Start | OpKind::Resume | OpKind::Fork);
    if let (true, Some(server)) = (makes_thread, desk.policy.mcp.as_ref()) {
        inject::into_thread(&mut params, server);
    }
    let declares_tools = params
        .get("dynamicTools")
        .and_then(Value::as_array)
        .is_some_and(|t| !t.is_empty());
    let after = if makes_thread {
        After::Thread {
            undo_if_wide: false,
            declares_tools,
        }
    } else {
        After::Done
    };
    let pending = Pending::new(&method, Some(permit.id), after);
    Ok(admitted(id, &method, params, pending))
}

fn params_of(text: &str) -> Option<Map<String, Value>> {
    let mut frame: Map<String, Value> = serde_json::from_str(text).ok()?;
    match frame.remove("params") {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(params)) => Some(params),
        Some(_) => None,
    }
}

//! Requests of a remote: refused unless the verdict table, the roots and the ceiling all say yes.

use super::admit::{Admitted, Desk, NotAdmitted, admitted, moves};
use super::frame::refused;
use super::server::{After, Pending};
use crate::event::{OpKind, Permit, Refused, ThreadOp, Whereabouts};
use crate::policy::NoFolder;
use crate::{inject, settings};
use drawbridge_codex_wire::RequestId;
use drawbridge_core::verdict::ceiling::apply;
use drawbridge_core::verdict::paths::{PathUse, own_folder_only, rewrite};
use drawbridge_core::verdict::refusals::WIDE;
use drawbridge_core::verdict::{Handling, Kind, Rule, Scope, check};
use drawbridge_wire::Role;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A request of a remote with its role.
pub(super) struct RemoteRequest {
    pub id: RequestId,
    pub method: String,
    pub params: Map<String, Value>,
    pub role: Role,
}

/// Checks a request and takes its turn.
pub(super) async fn admit(desk: Desk, request: RemoteRequest) -> Result<Admitted, Box<NotAdmitted>> {
    let RemoteRequest {
        id,
        method,
        mut params,
        role,
    } = request;
    match pass(&desk, &method, &mut params, role).await {
        Ok(pending) => Ok(admitted(id, &method, params, pending)),
        Err(refused) => Err(Box::new(NotAdmitted { id, method, refused })),
    }
}

async fn pass(
    desk: &Desk,
    method: &str,
    params: &mut Map<String, Value>,
    role: Role,
) -> Result<Pending, Refused> {
    let rule = check(method, role, params)?;
    places(desk, rule, params)?;
    threads(desk, rule, params, role).await?;
    let Some(kind) = op_kind(rule.handling) else {
        return Ok(Pending::new(method, None, After::of_rule(rule)));
    };
    let permit = desk.ask(op(rule, kind, params)).await?;
    match in_turn(desk, rule, params, role, &permit).await {
        Ok(after) => Ok(Pending::new(method, Some(permit.id), after)),
        Err(refused) => {
            let outcome = crate::event::Outcome::Failed;
            desk.tell(crate::event::GateEvent::Settle {
                permit: permit.id,
                outcome,
            })
            .await;
            Err(refused)
        }
    }
}

/// What can be judged only when it is this request's turn: nothing moves the thread meanwhile, and it may
/// have taken a while to get here.
async fn in_turn(
    desk: &Desk,
    rule: &Rule,
    params: &mut Map<String, Value>,
    role: Role,
    permit: &Permit,
) -> Result<After, Refused> {
    places(desk, rule, params)?;
    let folder = match rule.thread(params) {
        Some(thread) => Some(folder_now(desk, thread).await?),
        None => None,
    };
    own_folder_only(rule, params, folder.as_deref().and_then(Path::to_str))?;
    settle(desk, rule, params, role, permit)
}

/// The canonical folder of a thread as it is now. The app-server goes there by name, whatever has been
/// put in its place since the thread was made.
async fn folder_now(desk: &Desk, thread: &str) -> Result<PathBuf, Refused> {
    let Whereabouts::At(places) = desk.place(thread).await else {
        return Err(not_found(thread));
    };
    let mut folder = Err(not_found(thread));
    for place in places {
        folder = desk.policy.folder(&place).map_err(|why| match why {
            NoFolder::Outside => not_found(thread),
            NoFolder::Missing => refused(
                "no_such_folder",
                "the folder of this thread is gone; make it again at the host, or start a thread elsewhere",
            ),
        });
        if folder.is_err() {
            break;
        }
    }
    folder
}

fn not_found(thread: &str) -> Refused {
    refused("not_found", format!("thread not found: {thread}"))
}

/// Puts the canonical form of every path in its place; one outside the roots is refused.
fn places(desk: &Desk, rule: &Rule, params: &mut Map<String, Value>) -> Result<(), Refused> {
    if rule.handling == Handling::ThreadStart && params.get("cwd").is_none_or(Value::is_null) {
        // Without one the app-server would take its own, which need not be inside the roots.
        match desk.policy.roots.first() {
            Some(root) => params.insert("cwd".to_owned(), json!(root)),
            None => {
                return Err(refused(
                    "outside_roots",
                    "this host shares no folder now; ask its user",
                ));
            }
        };
    }
    rewrite(rule, params, |at, purpose, path| {
        let path = Path::new(path);
        let outside = || {
            refused(
                "outside_roots",
                format!("`{at}` lies outside the folders this host shares"),
            )
        };
        let place = match purpose {
            PathUse::Folder | PathUse::WorkspaceRoot => {
                desk.policy.folder(path).map_err(|why| match why {
                    NoFolder::Outside => outside(),
                    NoFolder::Missing => refused(
                        "no_such_folder",
                        format!("`{at}` is no folder; make it first, or name one that is there"),
                    ),
                })?
            }
            PathUse::Skill => desk
                .policy
                .inside(path)
                .or_else(|| desk.policy.skill(path))
                .ok_or_else(outside)?,
            PathUse::Image | PathUse::Mention => desk.policy.inside(path).ok_or_else(outside)?,
        };
        place.to_str().map(str::to_owned).ok_or_else(outside)
    })
}

/// Every thread the request names must lie inside the roots; one that does not is simply not found.
async fn threads(desk: &Desk, rule: &Rule, params: &Map<String, Value>, role: Role) -> Result<(), Refused> {
    let scoped = match rule.scope {
        Scope::Thread { param } => Some(param),
        Scope::None | Scope::Cwd { .. } => None,
    };
    let named = rule
        .params
        .iter()
        .filter(|p| p.kind == Kind::ThreadId)
        .map(|p| p.name);
    for name in scoped.into_iter().chain(named) {
        let Some(thread) = params.get(name).and_then(Value::as_str) else {
            continue;
        };
        let spelt = drawbridge_core::threads::canonical_id(thread).as_deref() == Some(thread);
        if !spelt || !desk.sees(thread).await {
            return Err(not_found(thread));
        }
    }
    if rule.handling == Handling::ThreadResume && role == Role::Viewer {
        let thread = params.get("threadId").and_then(Value::as_str).unwrap_or_default();
        if !desk.loaded(thread).await {
            return Err(refused(
                "not_loaded",
                "a viewer reaches only threads that are loaded",
            ));
        }
    }
    Ok(())
}

fn op_kind(handling: Handling) -> Option<OpKind> {
    match handling {
        Handling::ThreadStart => Some(OpKind::Start),
        Handling::ThreadResume => Some(OpKind::Resume),
        Handling::ThreadFork => Some(OpKind::Fork),
        Handling::TurnStart | Handling::OtherTurn => Some(OpKind::Turn),
        Handling::TurnSteer => Some(OpKind::Steer),
        Handling::Pass
        | Handling::Initialize
        | Handling::TurnInterrupt
        | Handling::ThreadList { .. }
        | Handling::LoadedList
        | Handling::Redact(_) => None,
    }
}

fn op(rule: &Rule, kind: OpKind, params: &Map<String, Value>) -> ThreadOp {
    let param = match rule.scope {
        Scope::Thread { param } => param,
        Scope::None | Scope::Cwd { .. } => "threadId",
    };
    let (overrides, _) = settings::carried(params);
    ThreadOp {
        kind,
        thread: params
            .get(param)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .filter(|_| kind != OpKind::Start),
        remote: true,
        overrides,
        unknown_effect: false,
        moves: moves(params),
    }
}

/// Sets what the gate sets, now that it is this request's turn and the thread's settings are known.
fn settle(
    desk: &Desk,
    rule: &Rule,
    params: &mut Map<String, Value>,
    role: Role,
    permit: &Permit,
) -> Result<After, Refused> {
    let ceiling = desk.policy.ceiling(role);
    match rule.handling {
        // A thread that is loaded stays as it is: a resume must not change it in passing.
        Handling::ThreadResume
            if role >= Role::Operator && permit.current.is_some_and(|pair| !ceiling.admits(pair)) =>
        {
            return Err(refused(
                WIDE,
                "this thread has settings wider than a remote may use; start a thread of your own, or have \
                 them narrowed at the host",
            ));
        }
        Handling::ThreadStart | Handling::ThreadFork | Handling::ThreadResume if role >= Role::Operator => {
            let pair = ceiling.settle(
                permit.current,
                params.get("approvalPolicy"),
                params.get("sandbox"),
            )?;
            apply(pair, params);
        }
        Handling::TurnStart => {
            let (policy, sandbox) = (params.get("approvalPolicy"), params.get("sandboxPolicy"));
            let pair = ceiling.check_turn(permit.current, policy, sandbox)?;
            if params.get("sandboxPolicy").is_some_and(|s| !s.is_null()) {
                params.insert("sandboxPolicy".to_owned(), pair.sandbox.policy());
            }
        }
        Handling::TurnSteer | Handling::OtherTurn => {
            ceiling.check_turn(permit.current, None, None)?;
        }
        _ => {}
    }
    let makes_thread = matches!(
        rule.handling,
        Handling::ThreadStart | Handling::ThreadResume | Handling::ThreadFork
    );
    if !makes_thread {
        return Ok(After::Done);
    }
    if let Some(server) = desk.policy.mcp.as_ref() {
        inject::into_thread(params, server);
    }
    Ok(After::Thread {
        undo_if_wide: role >= Role::Operator,
        declares_tools: false,
    })
}

//! From state to what control clients see.

use super::Hub;
use crate::event::Caller;
use drawbridge_consent::{Kind, LineKind, render, visible_line};
use drawbridge_core::approvals::{Approval, ApprovalId, choices};
use drawbridge_core::threads::Thread;
use drawbridge_wire::control::{
    ApprovalKind, ApprovalState, ApprovalView, Change, Choice, ConnectionView, DiffLineKind, DiffLineView,
    HostIdentity, HostView, LeaseView, Part, ThreadView,
};
use drawbridge_wire::{Decision, NetworkAction};

impl Hub {
    pub(super) fn view(&self) -> HostView {
        HostView {
            seq: self.seq,
            host: HostIdentity {
                id: self.identity.id.clone(),
                name: self.identity.name.clone(),
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                data_dir: self.layout.root().to_owned(),
            },
            app_server: self.app_server.clone(),
            links: self.buses.iter().map(|bus| bus.view.clone()).collect(),
            vault: self.vault_view(),
            config: self.config_view(),
            skills: self.skills.view().clone(),
            threads: self.threads.iter().map(thread_view).collect(),
            approvals: self.approvals.iter().map(|card| self.card_view(card)).collect(),
            leases: self.leases_view(),
            connections: self.connections_view(),
            policy: self.policy_view(),
        }
    }

    pub(super) fn approval_view(&self, id: &ApprovalId) -> Option<ApprovalView> {
        self.approvals.get(id).map(|card| self.card_view(card))
    }

    fn card_view(&self, card: &Approval) -> ApprovalView {
        let shown = render(
            consent_kind(card.kind),
            &card.method,
            &card.params,
            card.item.as_ref(),
        );
        let thread = card.thread().and_then(|id| self.threads.get(id));
        ApprovalView {
            id: card.id.to_string(),
            kind: card.kind,
            thread: card.thread().map(str::to_owned),
            turn: card.turn().map(str::to_owned),
            origin: thread.map_or_else(|| "local".to_owned(), |t| t.origin.to_string()),
            cwd: card
                .params
                .get("cwd")
                .and_then(serde_json::Value::as_str)
                .map(Into::into)
                .or_else(|| thread.and_then(|t| t.cwd.clone())),
            headline: shown.headline,
            body: shown.body,
            parts: shown.parts.into_iter().map(part).collect(),
            form: super::form::of(card.kind, &card.params),
            digest: card.shown_digest.clone(),
            choices: choices(card.kind, &card.params, card.item.as_ref())
                .into_iter()
                .map(|decision| Choice {
                    label: label(card, &decision),
                    decision,
                })
                .collect(),
            raised_at_ms: card.raised_at_ms,
            deadline_ms: card.deadline_ms,
            state: card.state.clone(),
            outcome: card.outcome,
        }
    }

    fn leases_view(&self) -> Vec<LeaseView> {
        self.leases
            .iter()
            .map(|(client, pid)| LeaseView {
                client: client.to_owned(),
                pid,
            })
            .collect()
    }

    fn connections_view(&self) -> Vec<ConnectionView> {
        self.clients
            .iter()
            .map(|(id, client)| {
                let (bus, role) = match &client.caller {
                    Caller::Local => (None, None),
                    Caller::Remote { bus, role, .. } => (Some(bus.clone()), Some(*role)),
                };
                ConnectionView {
                    id: *id,
                    door: super::gate::door(&client.caller).to_owned(),
                    bus,
                    client: client.name.clone(),
                    role,
                }
            })
            .collect()
    }

    pub(super) fn leases_changed(&mut self) {
        let view = self.leases_view();
        self.changed(Change::Leases(view));
    }

    pub(super) fn connections_changed(&mut self) {
        let view = self.connections_view();
        self.changed(Change::Connections(view));
    }
}

pub(super) fn thread_view(thread: &Thread) -> ThreadView {
    let word = |value: &Option<serde_json::Value>| {
        value.as_ref().map(|v| match v {
            serde_json::Value::String(text) => text.clone(),
            other => other
                .get("type")
                .and_then(serde_json::Value::as_str)
                .map_or_else(|| other.to_string(), str::to_owned),
        })
    };
    ThreadView {
        id: thread.id.clone(),
        title: thread.title.clone(),
        cwd: thread.cwd.clone(),
        status: thread.status.clone(),
        turn: thread.turn.clone(),
        wide: thread.wide,
        approval_policy: word(&thread.settings.approval_policy),
        sandbox: word(&thread.settings.sandbox),
        origin: thread.origin.to_string(),
    }
}

pub(super) fn state_word(state: &ApprovalState) -> &'static str {
    match state {
        ApprovalState::Open => "open",
        ApprovalState::Sent { .. } => "sent",
        ApprovalState::Applied { .. } => "applied",
        ApprovalState::Superseded => "superseded",
        ApprovalState::Lost => "lost",
        ApprovalState::Invalidated => "invalidated",
    }
}

fn consent_kind(kind: ApprovalKind) -> Kind {
    match kind {
        ApprovalKind::Command => Kind::Command,
        ApprovalKind::FileChange => Kind::FileChange,
        ApprovalKind::Permissions => Kind::Permissions,
        ApprovalKind::UserInput => Kind::UserInput,
        ApprovalKind::Elicitation => Kind::Elicitation,
        ApprovalKind::Unknown => Kind::Unknown,
    }
}

/// A part of a card as it crosses the socket.
fn part(part: drawbridge_consent::Part) -> Part {
    use drawbridge_consent::Part as Shown;
    match part {
        Shown::Say(text) => Part::Say { text },
        Shown::Text { label, text } => Part::Text { label, text },
        Shown::Fact { label, value } => Part::Fact { label, value },
        Shown::Diff { label, diff } => Part::Diff {
            label,
            added: diff.added,
            removed: diff.removed,
            binary: diff.binary,
            lines: diff
                .lines
                .into_iter()
                .map(|line| DiffLineView {
                    kind: match line.kind {
                        LineKind::Added => DiffLineKind::Added,
                        LineKind::Removed => DiffLineKind::Removed,
                        LineKind::Context => DiffLineKind::Context,
                        LineKind::Place => DiffLineKind::Place,
                        LineKind::About => DiffLineKind::About,
                    },
                    text: line.text,
                })
                .collect(),
        },
        Shown::Notes(notes) => Part::Notes { notes },
        Shown::Claim(text) => Part::Claim { text },
    }
}

/// A verb with its consequence.
fn label(card: &Approval, decision: &Decision) -> String {
    let fixed = match (card.kind, decision) {
        (ApprovalKind::Elicitation, Decision::Accept) if card.params.get("url").is_some() => {
            "Agree, and open the address yourself"
        }
        (ApprovalKind::Command, Decision::Accept) => "Run once",
        (ApprovalKind::Command, Decision::AcceptForSession) => "Run, and do not ask again in this thread",
        (ApprovalKind::FileChange, Decision::Accept) => "Change these files",
        (ApprovalKind::FileChange, Decision::AcceptForSession) => {
            "Change these files, and do not ask again for them in this thread"
        }
        (ApprovalKind::Permissions, Decision::Accept) => "Grant for this turn",
        (_, Decision::Accept) => "Allow once",
        (_, Decision::AcceptForSession) => "Allow, and do not ask again in this thread",
        (_, Decision::AcceptWithAmendment) => {
            "Always allow commands that begin like this (all threads, until you remove the rule)"
        }
        (_, Decision::ApplyNetworkRule(rule)) => {
            let host = visible_line(&rule.host);
            return match rule.action {
                NetworkAction::Allow => {
                    format!("Always allow connections to {host} (all threads, until you remove the rule)")
                }
                NetworkAction::Deny => {
                    format!("Never allow connections to {host} (all threads, until you remove the rule)")
                }
            };
        }
        (_, Decision::Answers(_)) => "Answer",
        (_, Decision::Grant(_)) => "Grant a part",
        (_, Decision::Decline) => "Decline, the turn goes on",
        (_, Decision::Cancel) => "Decline and stop the turn",
    };
    fixed.to_owned()
}

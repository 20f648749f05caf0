//! What a person is told about the host's state, in words.

use drawbridge_consent::visible_line;
use drawbridge_wire::buses::{
    ConfigInForce, ConfigView, ConfirmedState, McpCheck, VaultCondition, VaultView, WideningView,
};
use drawbridge_wire::control::{
    AppServerState, AppServerView, ApprovalState, ApprovalView, Change, HostView, ItemOutcome, LinkView,
    PolicyView, ThreadView,
};
use drawbridge_wire::pipe::LinkState;
use drawbridge_wire::{AnswerSource, Decision};

/// The whole state on one line.
pub(crate) fn status_line(view: &HostView) -> String {
    let mut parts = vec![visible_line(&view.host.name)];
    parts.extend(view.links.iter().map(link));
    let codex = app_server(&view.app_server);
    parts.extend(codex.lines().next().map(str::to_owned));
    let running = view.threads.iter().filter(|thread| thread.turn.is_some()).count();
    parts.push(counted(running, "turn running", "turns running"));
    let open = view
        .approvals
        .iter()
        .filter(|approval| approval.state == ApprovalState::Open)
        .count();
    if open > 0 {
        parts.push(counted(open, "approval waits", "approvals wait"));
    }
    parts.join(" · ")
}

/// What a change means, if it is worth a line. `before` is the state without it.
pub(crate) fn change(before: &HostView, change: &Change) -> Option<String> {
    match change {
        Change::Link(new) => {
            let old = before.links.iter().find(|link| link.id == new.id);
            let mcp_now = mcp(new).filter(|now| old.and_then(mcp).as_ref() != Some(now));
            let link_now =
                (old.map(link_without_numbers) != Some(link_without_numbers(new))).then(|| link(new));
            match (link_now, mcp_now) {
                (Some(link), Some(mcp)) => Some(format!("{link}\n{mcp}")),
                (link, mcp) => link.or(mcp),
            }
        }
        Change::LinkGone { id } => {
            let old = before.links.iter().find(|link| link.id == *id)?;
            Some(format!("bus {} is forgotten", visible_line(&old.name)))
        }
        Change::Vault(new) => {
            let news: Vec<String> = vault(new)
                .into_iter()
                .filter(|line| !vault(&before.vault).contains(line))
                .collect();
            (!news.is_empty()).then(|| news.join("\n"))
        }
        Change::AppServer(new) => (before.app_server.state != new.state).then(|| app_server(new)),
        Change::Thread(new) => {
            let old = before.threads.iter().find(|thread| thread.id == new.id);
            // What is only just heard of is not known yet: neither whose it is nor what it may do.
            if old.is_none() && new.turn.is_none() && new.approval_policy.is_none() {
                return None;
            }
            (old.map(|thread| thread.status.as_str()) != Some(new.status.as_str())).then(|| thread(new))
        }
        Change::ThreadClosed { id } => Some(format!("thread {} is no longer live", visible_line(id))),
        Change::Approval(new) => {
            let old = before.approvals.iter().find(|approval| approval.id == new.id);
            let known = old.map(|approval| (&approval.state, approval.outcome));
            (known != Some((&new.state, new.outcome))).then(|| approval(new))
        }
        Change::Stopping { reason } => Some(format!("the host is stopping: {}", visible_line(reason))),
        Change::Config(new) => {
            let told = before.config.as_ref().map(config).unwrap_or_default();
            let news: Vec<String> = config(new)
                .into_iter()
                .filter(|line| !told.contains(line))
                .collect();
            (!news.is_empty()).then(|| news.join("\n"))
        }
        Change::Policy(new) => (before.policy != *new).then(|| format!("now {}", policy(new).join("\n"))),
        Change::Skills(new) => (before.skills.watching != new.watching)
            .then(|| crate::skills::watching(&new.watching))
            .flatten(),
        Change::Leases(_) | Change::Connections(_) => None,
    }
}

/// What remote clients may do.
pub(crate) fn policy(view: &PolicyView) -> Vec<String> {
    let ceilings = if view.ceilings.is_empty() {
        "no thread".to_owned()
    } else {
        format!("threads with {}", view.ceilings.join(", "))
    };
    let mut lines = vec![format!(
        "approvals are answered: {}; remote clients: at most {}, {ceilings}",
        view.answer, view.role
    )];
    if view.roots.is_empty() {
        lines.push("remote clients see no folder".to_owned());
    }
    let seen = |root: &std::path::PathBuf| {
        let root = visible_line(&root.to_string_lossy());
        format!("remote clients see {root}")
    };
    lines.extend(view.roots.iter().map(seen));
    lines
}

/// The configuration file, when there is something to say of it.
pub(crate) fn config(view: &ConfigView) -> Vec<String> {
    let file = visible_line(&view.file.to_string_lossy());
    let mut lines: Vec<String> = view
        .problems
        .iter()
        .map(|problem| laid_out(&problem.text))
        .collect();
    match view.in_force {
        ConfigInForce::Defaults | ConfigInForce::File => {}
        ConfigInForce::LastGood => lines.push(format!(
            "{file}: the file is wrong; the last good configuration stays in force"
        )),
        ConfigInForce::NarrowedDefaults => lines.push(format!(
            "{file}: the file is wrong, and there is no earlier good one; the defaults count, and of the file what \
             narrows them"
        )),
    }
    if view.confirmed == ConfirmedState::Unreadable && view.digest.is_some() {
        lines.push(
            "what was confirmed for remote clients cannot be read; until it can, or is confirmed anew, only what \
             flags gave counts"
                .to_owned(),
        );
    }
    lines.extend(waiting(&view.waiting));
    if !view.waiting.is_empty() {
        lines.push("`drawbridge config accept` puts in force what waits".to_owned());
    }
    if !view.at_next_start.is_empty() {
        lines.push(format!(
            "changed, and counts from the next start on: {}",
            view.at_next_start.join(", ")
        ));
    }
    lines
}

/// What waits for a person, one setting a line.
pub(crate) fn waiting(waiting: &[WideningView]) -> Vec<String> {
    let line = |wider: &WideningView| {
        format!(
            "{}: in force is {}; {} waits until you confirm it",
            visible_line(&wider.key),
            visible_line(&wider.from),
            visible_line(&wider.to)
        )
    };
    waiting.iter().map(line).collect()
}

/// Text of several lines that is laid out already, by blanks too.
pub(crate) fn laid_out(text: &str) -> String {
    let line = |line: &str| line.split(' ').map(visible_line).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The link to the bus.
pub(crate) fn link(view: &LinkView) -> String {
    let state = match &view.link {
        LinkState::Disconnected => "not connected".to_owned(),
        LinkState::Connecting { attempt: 1 } => "connecting".to_owned(),
        LinkState::Connecting { attempt } => format!("connecting, attempt {attempt}"),
        LinkState::Connected {
            round_trip_ms: Some(ms),
        } => format!("connected ({ms} ms)"),
        LinkState::Connected { round_trip_ms: None } => "connected".to_owned(),
        LinkState::Waiting {
            retry_in_ms: 0,
            code,
            message,
        } => format!("{} [{code}]", visible_line(message)),
        LinkState::Waiting {
            retry_in_ms,
            code,
            message,
        } => {
            format!(
                "tries again in {} s: {} [{code}]",
                retry_in_ms.div_ceil(1000),
                visible_line(message)
            )
        }
        LinkState::Failed { code, message } => format!("given up: {} [{code}]", visible_line(message)),
    };
    let name = if view.name == view.bus {
        visible_line(&view.bus)
    } else {
        format!("{} ({})", visible_line(&view.name), visible_line(&view.bus))
    };
    match &view.disabled {
        Some(disabled) => format!(
            "bus {name}: disabled, the bus does not take this host any more [{}]; {}",
            visible_line(&disabled.reason),
            enroll_again(&disabled.reason, &view.api)
        ),
        None => format!("bus {name}: {state}"),
    }
}

/// What to do where a bus does not take this host any more. After `revoked` a token that several hosts share
/// counts for the others only.
pub(crate) fn enroll_again(reason: &str, api: &str) -> String {
    let api = visible_line(api);
    match reason {
        "revoked" => format!(
            "ask for a code there (`drawbridge bus pair`), then enroll again with `drawbridge enroll --api {api} \
             --code CODE`"
        ),
        _ => format!("enroll again with `drawbridge enroll --api {api}`"),
    }
}

/// The MCP server of a bus, when there is something to say of it.
pub(crate) fn mcp(view: &LinkView) -> Option<String> {
    let mcp = view.mcp.as_ref()?;
    let name = visible_line(&mcp.name);
    if mcp.after_restart {
        return Some(format!(
            "MCP server {name}: its token applies when the agent restarts (`drawbridge stop`, then connect again)"
        ));
    }
    match &mcp.check {
        McpCheck::Good { .. } => Some(format!("MCP server {name}: answers")),
        McpCheck::Bad { code, message } => {
            Some(format!("MCP server {name}: {} [{code}]", visible_line(message)))
        }
        McpCheck::Unchecked | McpCheck::Checking => None,
    }
}

/// The vault, when there is something to say of it.
pub(crate) fn vault(view: &VaultView) -> Vec<String> {
    let mut lines = Vec::new();
    match &view.state {
        VaultCondition::None | VaultCondition::Open => {}
        VaultCondition::Opening => {
            lines.push(format!("vault: asking {} for its key", visible_line(&view.place)));
        }
        VaultCondition::Failed { code, message } => {
            lines.push(format!("vault: {} [{code}]", visible_line(message)));
        }
    }
    let odd = view.files.iter().filter(|file| file.code != "good");
    lines.extend(odd.map(|file| {
        format!(
            "vault, {}: {} [{}]",
            visible_line(&file.name),
            visible_line(&file.message),
            file.code
        )
    }));
    lines.extend(
        view.notices
            .iter()
            .map(|notice| format!("vault: {} [{}]", visible_line(&notice.message), notice.code)),
    );
    lines
}

/// As [`link`], less what changes all the time and is no news.
fn link_without_numbers(view: &LinkView) -> String {
    match &view.link {
        LinkState::Connected { .. } => link(&LinkView {
            link: LinkState::Connected { round_trip_ms: None },
            ..view.clone()
        }),
        _ => link(view),
    }
}

/// The agent's app-server.
pub(crate) fn app_server(view: &AppServerView) -> String {
    match &view.state {
        AppServerState::Starting => "codex starting".to_owned(),
        AppServerState::Ready => "codex ready".to_owned(),
        AppServerState::Waiting {
            retry_in_ms,
            code,
            message,
        } => {
            let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
            let head = format!(
                "codex starts again in {} s: {} [{code}]",
                retry_in_ms.div_ceil(1000),
                visible_line(first)
            );
            if rest.is_empty() {
                return head;
            }
            format!("{head}\n{}", laid_out(rest))
        }
        AppServerState::Stopping => "codex stopping".to_owned(),
        AppServerState::Stopped => "codex stopped".to_owned(),
    }
}

/// A thread on one line.
pub(crate) fn thread(view: &ThreadView) -> String {
    let title = view
        .title
        .as_deref()
        .map(|title| format!(" “{}”", visible_line(title)))
        .unwrap_or_default();
    let wide = if view.wide {
        ", beyond what a remote may drive"
    } else {
        ""
    };
    format!(
        "thread {}{title}: {} (started by {}{wide})",
        visible_line(&view.id),
        view.status,
        visible_line(&view.origin)
    )
}

/// An approval on one line.
pub(crate) fn approval(view: &ApprovalView) -> String {
    let then = view
        .outcome
        .map_or_else(String::new, |outcome| format!("; {}", self::outcome(outcome)));
    format!(
        "approval {}: {}{then} — {}",
        view.id,
        state(&view.state),
        view.headline
    )
}

/// What then happened to what was asked for.
pub(crate) fn outcome(outcome: ItemOutcome) -> String {
    match outcome {
        ItemOutcome::Running => "it is under way".to_owned(),
        ItemOutcome::Completed { exit_code: None } => "it was done".to_owned(),
        ItemOutcome::Completed {
            exit_code: Some(code),
        } => format!("it ran and ended with exit code {code}"),
        ItemOutcome::Failed { exit_code: None } => "it failed".to_owned(),
        ItemOutcome::Failed {
            exit_code: Some(code),
        } => format!("it failed with exit code {code}"),
        ItemOutcome::Declined => "it was not done".to_owned(),
        ItemOutcome::TurnInterrupted => {
            "the turn was interrupted before an end of it was told; a command that had begun may still run"
                .to_owned()
        }
        ItemOutcome::Unknown => "codex did not tell what became of it".to_owned(),
    }
}

/// Where an approval stands.
pub(crate) fn state(state: &ApprovalState) -> String {
    match state {
        ApprovalState::Open => "waits for an answer".to_owned(),
        ApprovalState::Sent { by, decision } => format!("{} {}, on its way", past(decision), source(by)),
        ApprovalState::Applied { by, decision } => format!("{} {}", past(decision), source(by)),
        ApprovalState::Superseded => {
            "settled elsewhere: another Codex client answered, or the turn ended".to_owned()
        }
        ApprovalState::Lost => "gone: the agent restarted".to_owned(),
        ApprovalState::Invalidated => "void: the agent changed what it asks for".to_owned(),
    }
}

fn past(decision: &Decision) -> &'static str {
    match decision {
        Decision::Accept => "accepted",
        Decision::AcceptForSession => "accepted for the rest of the thread",
        Decision::AcceptWithAmendment => "accepted with a lasting rule",
        Decision::Answers(_) => "answered",
        Decision::Grant(_) => "granted in part",
        Decision::Decline => "declined",
        Decision::Cancel => "cancelled",
    }
}

/// Who answered, or why nobody did.
fn source(by: &AnswerSource) -> String {
    match by {
        AnswerSource::Control { client } => format!("by {} at this computer", visible_line(client)),
        AnswerSource::LocalClient { connection } => {
            format!("by a Codex client at this computer (connection {connection})")
        }
        AnswerSource::Remote { bus, client } => {
            format!("by {} through {}", visible_line(client), visible_line(bus))
        }
        AnswerSource::Deadline => "because nobody answered in time".to_owned(),
        AnswerSource::Policy => "because nobody may answer this here".to_owned(),
        AnswerSource::Shutdown => "because the host is stopping".to_owned(),
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{change, link, state, status_line};
    use drawbridge_wire::buses::{VaultCondition, VaultView};
    use drawbridge_wire::control::{
        AppServerState, AppServerView, ApprovalState, Change, HostIdentity, HostView, LinkView, PolicyView,
        ThreadView,
    };
    use drawbridge_wire::pipe::LinkState;
    use drawbridge_wire::{AnswerSource, Decision, Role, WhoMayAnswer};

    fn at_bus(link: LinkState) -> LinkView {
        LinkView {
            id: "bus-example".to_owned(),
            name: "bus.example".to_owned(),
            bus: "bus.example".to_owned(),
            api: "https://bus.example".to_owned(),
            source: drawbridge_wire::buses::BusSource::Vault,
            wanted: true,
            link,
            since_ms: 0,
            pong_at_ms: None,
            disabled: None,
            mcp: None,
            ca_file: None,
        }
    }

    fn running() -> ThreadView {
        ThreadView {
            id: "T".to_owned(),
            title: Some("a\u{202e}b".to_owned()),
            cwd: None,
            status: "active".to_owned(),
            turn: Some("U".to_owned()),
            wide: true,
            approval_policy: None,
            sandbox: None,
            origin: "local".to_owned(),
        }
    }

    fn view() -> HostView {
        HostView {
            seq: 1,
            host: HostIdentity {
                id: "desk".to_owned(),
                name: "Desk\u{1b}".to_owned(),
                pid: 1,
                version: "0".to_owned(),
                data_dir: "/d".into(),
            },
            app_server: AppServerView {
                generation: 1,
                state: AppServerState::Ready,
                pid: None,
                user_agent: None,
            },
            links: vec![at_bus(LinkState::Connected {
                round_trip_ms: Some(12),
            })],
            vault: VaultView {
                state: VaultCondition::Open,
                key: "keyring".to_owned(),
                place: "the system's keyring".to_owned(),
                files: Vec::new(),
                notices: Vec::new(),
            },
            config: None,
            skills: drawbridge_wire::skills::SkillsView::default(),
            threads: vec![running()],
            approvals: Vec::new(),
            leases: Vec::new(),
            connections: Vec::new(),
            policy: PolicyView {
                answer: WhoMayAnswer::Local,
                role: Role::Operator,
                roots: Vec::new(),
                ceilings: vec!["on-request + read-only".to_owned()],
            },
        }
    }

    #[test]
    fn the_status_is_one_line_without_hidden_characters() {
        assert_eq!(
            status_line(&view()),
            "Desk‹U+001B ESCAPE› · bus bus.example: connected (12 ms) · codex ready · 1 turn running"
        );
    }

    #[test]
    fn every_state_of_the_link_has_its_words() {
        for (state, words) in [
            (LinkState::Disconnected, "not connected"),
            (LinkState::Connecting { attempt: 1 }, "connecting"),
            (LinkState::Connecting { attempt: 3 }, "connecting, attempt 3"),
            (LinkState::Connected { round_trip_ms: None }, "connected"),
            (
                LinkState::Waiting {
                    retry_in_ms: 1500,
                    code: "dns".to_owned(),
                    message: "no name".to_owned(),
                },
                "tries again in 2 s: no name [dns]",
            ),
            (
                LinkState::Failed {
                    code: "unauthorized".to_owned(),
                    message: "check the token".to_owned(),
                },
                "given up: check the token [unauthorized]",
            ),
        ] {
            assert_eq!(link(&at_bus(state)), format!("bus bus.example: {words}"));
        }
    }

    #[test]
    fn only_news_is_told() {
        let before = view();
        let wide = "thread T “a‹U+202E RIGHT-TO-LEFT OVERRIDE›b”: idle (started by local, beyond what a remote may drive)";
        for (new, told) in [
            (
                Change::Link(Box::new(at_bus(LinkState::Connected {
                    round_trip_ms: Some(99),
                }))),
                None,
            ),
            (
                Change::Link(Box::new(at_bus(LinkState::Disconnected))),
                Some("bus bus.example: not connected"),
            ),
            (Change::AppServer(before.app_server.clone()), None),
            (Change::Thread(running()), None),
            (
                Change::Thread(ThreadView {
                    status: "idle".to_owned(),
                    ..running()
                }),
                Some(wide),
            ),
            (
                Change::Thread(ThreadView {
                    id: "new".to_owned(),
                    status: "idle".to_owned(),
                    turn: None,
                    ..running()
                }),
                None,
            ),
            (Change::Leases(Vec::new()), None),
            (
                Change::Stopping {
                    reason: "asked".to_owned(),
                },
                Some("the host is stopping: asked"),
            ),
        ] {
            assert_eq!(change(&before, &new).as_deref(), told, "{new:?}");
        }
    }

    #[test]
    fn an_answer_says_by_whom() {
        for (by, words) in [
            (
                AnswerSource::Control {
                    client: "Desktop".to_owned(),
                },
                "declined by Desktop at this computer",
            ),
            (
                AnswerSource::LocalClient { connection: 3 },
                "declined by a Codex client at this computer (connection 3)",
            ),
            (AnswerSource::Deadline, "declined because nobody answered in time"),
            (
                AnswerSource::Policy,
                "declined because nobody may answer this here",
            ),
            (AnswerSource::Shutdown, "declined because the host is stopping"),
        ] {
            assert_eq!(
                state(&ApprovalState::Applied {
                    by,
                    decision: Decision::Decline
                }),
                words
            );
        }
        assert_eq!(state(&ApprovalState::Lost), "gone: the agent restarted");
    }
}

//! What a person is told about the host's state, in words.

mod approval;
mod config;
mod link;
mod vault;

pub(crate) use approval::{approval, outcome, state};
pub(crate) use config::{config, policy, waiting};
pub(crate) use link::{enroll_again, link, mcp};
pub(crate) use vault::vault;

use crate::skills::{unwatched_news, watching_news};
use drawbridge_consent::visible_line;
use drawbridge_wire::control::{AppServerState, AppServerView, ApprovalState, Change, HostView, ThreadView};
use drawbridge_wire::skills::SkillsView;
use link::link_without_numbers;

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
        Change::Skills(new) => skills(before, new),
        Change::SkillsPart(delta) => skills(before, &delta.rest),
        Change::Leases(_) | Change::Connections(_) => None,
    }
}

fn skills(before: &HostView, now: &SkillsView) -> Option<String> {
    let before = &before.skills;
    let lines: Vec<String> = [
        watching_news(&before.watching, &now.watching),
        unwatched_news(before.unwatched.as_ref(), now.unwatched.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Text of several lines that is laid out already, by blanks too.
pub(crate) fn laid_out(text: &str) -> String {
    let line = |line: &str| line.split(' ').map(visible_line).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
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

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{change, link, state, status_line};
    use drawbridge_testkit::fake_host::quiet;
    use drawbridge_wire::buses::{VaultCondition, VaultView};
    use drawbridge_wire::control::{
        ApprovalState, Change, HostIdentity, HostView, LinkView, PolicyView, ThreadView,
    };
    use drawbridge_wire::pipe::LinkState;
    use drawbridge_wire::skills::{SkillWatching, SkillsDelta, SkillsView, UnwatchedFolders};
    use drawbridge_wire::{AnswerSource, Decision};
    use std::path::Path;

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
        let quiet = quiet(Path::new("/d"));
        HostView {
            host: HostIdentity {
                name: "Desk\u{1b}".to_owned(),
                ..quiet.host
            },
            links: vec![at_bus(LinkState::Connected {
                round_trip_ms: Some(12),
            })],
            vault: VaultView {
                state: VaultCondition::Open,
                ..quiet.vault
            },
            threads: vec![running()],
            policy: PolicyView {
                ceilings: vec!["on-request + read-only".to_owned()],
                ..quiet.policy
            },
            ..quiet
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

    // proves S5.31
    #[test]
    fn how_skills_are_watched_is_told_when_it_begins_changes_and_ends() {
        let without = |folders: &[&str], changes: u64| SkillsView {
            unwatched: (!folders.is_empty()).then(|| UnwatchedFolders {
                code: "too_many_folders".to_owned(),
                message: "no more than 64".to_owned(),
                folders: folders.iter().map(Into::into).collect(),
            }),
            changes,
            ..SkillsView::default()
        };
        let polled = |changes: u64| SkillsView {
            watching: SkillWatching::Polled {
                every_ms: 2000,
                code: "limit".to_owned(),
                message: "raise it".to_owned(),
            },
            changes,
            ..SkillsView::default()
        };
        let mut view = view();
        let mut told = Vec::new();
        for skills in [
            without(&["/a"], 1),
            // Something else changed.
            without(&["/a"], 2),
            without(&["/a", "/b", "/c\u{202e}", "/d", "/e"], 3),
            without(&["/a", "/b", "/c\u{202e}", "/d", "/e"], 4),
            without(&["/b"], 5),
            without(&["/b"], 6),
            without(&[], 7),
            without(&[], 8),
            polled(9),
            polled(10),
            without(&[], 11),
        ] {
            // As the host tells it: the part, or the whole where that is not enough.
            let new = Change::Skills(Box::new(skills.clone()));
            let part =
                SkillsDelta::between(&view.skills, &skills).map(|part| Change::SkillsPart(Box::new(part)));
            assert_eq!(part.and_then(|part| change(&view, &part)), change(&view, &new));
            told.extend(change(&view, &new));
            view.skills = skills;
        }
        assert_eq!(
            told,
            [
                "skills are not watched in /a: no more than 64 [too_many_folders]",
                "skills are not watched in /b, /c‹U+202E RIGHT-TO-LEFT OVERRIDE›, /d and 1 more either, 5 folders in all [too_many_folders]",
                "skills are still not watched in 1 folder [too_many_folders]",
                "skills are watched in all folders again",
                "skills are looked at every 2000 ms instead of being watched: raise it [limit]",
                "changes of skills are noticed as they happen again",
            ]
        );
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

//! Buses: reached, clocks alike, token taken, MCP server answering.

use super::finding::{Check, Finding, Level};
use drawbridge_connector::{ClientError, ConnectorError, api_url, ask_http};
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{BusSource, DisabledView, McpCheck, McpView};
use drawbridge_wire::control::LinkView;
use drawbridge_wire::pipe::LinkState;
use http::{Method, StatusCode, header};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a bus may take for an answer.
const WITHIN: Duration = Duration::from_secs(8);
/// Clocks that differ less are alike: a date has whole seconds, and an answer takes its time.
const ALIKE: Duration = Duration::from_secs(30);
/// Clocks that differ more break certificates and codes.
const FAR: Duration = Duration::from_secs(300);

/// A bus to look at.
pub(super) struct Bus {
    /// What it is called in lines.
    pub name: String,
    pub api: String,
    pub ca_file: Option<PathBuf>,
    /// A token that was given here, or that of an enrollment while no host runs. A running host's own stay
    /// with it.
    pub token: Option<Secret>,
    /// How this computer is enrolled there.
    pub known: Known,
}

/// How this computer is enrolled at a bus.
#[derive(Debug)]
pub(super) enum Known {
    /// It is not; the bus was only named.
    Not,
    /// A running host says so.
    ByHost(Box<LinkView>),
    /// The vault says so; no host runs.
    InVault {
        on: bool,
        disabled: Option<DisabledView>,
    },
}

/// Why there is no answer of a bus.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error(transparent)]
    Address(#[from] ConnectorError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("no answer within {} s", WITHIN.as_secs())]
    Late,
}

/// What was seen of it.
#[derive(Debug)]
pub(super) struct Seen {
    pub name: String,
    /// Status of `/healthz`, or why there is none.
    pub health: Result<u16, NoAnswer>,
    /// Its clock less ours, in seconds.
    pub skew: Option<i64>,
    pub token: Token,
    pub link: Option<LinkState>,
    pub wanted: bool,
    /// Id of the enrollment at a host.
    pub enrolled: Option<String>,
    pub disabled: Option<DisabledView>,
    pub mcp: Option<McpView>,
}

/// Whether a token is taken.
#[derive(Debug)]
pub(super) enum Token {
    /// There is none here to be tried.
    NotTried,
    /// The bus was only named, and no token was.
    NotGiven,
    Taken,
    Refused(u16),
    /// Another answer of HTTP than those that say yes or no.
    Odd(u16),
    Unheard(NoAnswer),
}

/// Asks the bus.
pub(super) async fn look(bus: Bus) -> Seen {
    let (health, token) = tokio::join!(health(&bus), token(&bus));
    let (health, skew) = health;
    let enrolled = match &bus.known {
        Known::ByHost(view) if view.source == BusSource::Vault => Some(view.id.clone()),
        _ => None,
    };
    let (wanted, disabled, mcp, link) = match bus.known {
        Known::Not => (true, None, None, None),
        Known::ByHost(view) => (view.wanted, view.disabled, view.mcp, Some(view.link)),
        Known::InVault { on, disabled } => (on, disabled, None, None),
    };
    Seen {
        name: bus.name,
        health,
        skew,
        token,
        wanted,
        enrolled,
        disabled,
        mcp,
        link,
    }
}

async fn ask(
    api: &str,
    path: &str,
    ca_file: Option<&Path>,
    token: Option<&Secret>,
) -> Result<drawbridge_connector::Answer, NoAnswer> {
    let url = api_url(api, &[path])?;
    let asked = Box::pin(ask_http(Method::GET, url, token, ca_file, None));
    match tokio::time::timeout(WITHIN, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(NoAnswer::Late),
    }
}

async fn health(bus: &Bus) -> (Result<u16, NoAnswer>, Option<i64>) {
    let before = SystemTime::now();
    let answer = match ask(&bus.api, "healthz", bus.ca_file.as_deref(), None).await {
        Ok(answer) => answer,
        Err(why) => return (Err(why), None),
    };
    let after = SystemTime::now();
    let date = answer
        .headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok());
    let theirs = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let skew = theirs.map(|theirs| skew(before, after, theirs));
    (Ok(answer.status), skew)
}

/// How far a clock is outside of the time in which it was asked, in seconds.
fn skew(before: SystemTime, after: SystemTime, theirs: SystemTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    if let Ok(ahead) = theirs.duration_since(after) {
        seconds(ahead)
    } else if let Ok(behind) = before.duration_since(theirs) {
        -seconds(behind)
    } else {
        0
    }
}

/// A plain request to `/connect`: a bus looks at the token first and then asks for an upgrade.
async fn token(bus: &Bus) -> Token {
    let token = match (&bus.token, &bus.known) {
        (None, Known::Not) => return Token::NotGiven,
        (None, _) => return Token::NotTried,
        (Some(token), _) => token,
    };
    match ask(&bus.api, "connect", bus.ca_file.as_deref(), Some(token)).await {
        Ok(answer) if answer.status == StatusCode::UPGRADE_REQUIRED.as_u16() => Token::Taken,
        Ok(answer) if matches!(answer.status, 401 | 403) => Token::Refused(answer.status),
        Ok(answer) => Token::Odd(answer.status),
        Err(why) => Token::Unheard(why),
    }
}

/// Codes of a link that mean the token.
fn is_about_token(code: &str) -> bool {
    matches!(code, "unauthorized" | "forbidden" | "revoked" | "bad_token")
}

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let mut out = vec![of_reach(seen)];
    out.extend(of_clock(seen));
    out.extend(of_token(seen));
    out.extend(seen.mcp.as_ref().and_then(of_mcp));
    out.into_iter().map(|finding| finding.about(&seen.name)).collect()
}

fn of_reach(seen: &Seen) -> Finding {
    const OTHERWISE: &str = "check the address, the network and whether the bus runs";
    if let Some(LinkState::Connected { round_trip_ms }) = &seen.link {
        let trip = round_trip_ms.map(|ms| format!(" (round trip {ms} ms)"));
        return Finding::ok(
            Check::Bus,
            format!("the host is connected{}", trip.unwrap_or_default()),
        );
    }
    if !seen.wanted {
        return Finding::ok(Check::Bus, "switched off here");
    }
    match (&seen.link, &seen.health) {
        (Some(LinkState::Failed { code, message } | LinkState::Waiting { code, message, .. }), _)
            if !is_about_token(code) =>
        {
            Finding::told(
                Level::Fail,
                Check::Bus,
                &format!("the host: {message}"),
                OTHERWISE,
            )
        }
        (_, Err(why)) => Finding::told(Level::Fail, Check::Bus, &why.to_string(), OTHERWISE),
        (_, Ok(200)) => Finding::ok(Check::Bus, "its /healthz answers"),
        (_, Ok(status)) => Finding::fail(
            Check::Bus,
            format!("its /healthz answers HTTP {status}"),
            "check the address: what answers there is no bus, or it is not well",
        ),
    }
}

fn of_clock(seen: &Seen) -> Option<Finding> {
    // A bus that is not reached has no clock; that it is not reached has been said.
    seen.health.as_ref().ok()?;
    let Some(skew) = seen.skew else {
        return Some(Finding::warn(
            Check::BusClock,
            "the bus does not tell the time",
            "a proxy before it may take the Date header away; nothing else is wrong",
        ));
    };
    let off = Duration::from_secs(skew.unsigned_abs());
    if off <= ALIKE {
        return Some(Finding::ok(
            Check::BusClock,
            "its clock and that of this computer agree",
        ));
    }
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    let what = format!(
        "its clock is {} s {direction} that of this computer",
        off.as_secs()
    );
    let remedy =
        "set the clock that is wrong (`timedatectl set-ntp true` here): codes and certificates go by it";
    Some(if off > FAR {
        Finding::fail(Check::BusClock, what, remedy)
    } else {
        Finding::warn(Check::BusClock, what, remedy)
    })
}

fn of_token(seen: &Seen) -> Option<Finding> {
    // A shared token does not count for a host that was taken back.
    const PAIR: &str = "ask who runs the bus for a code (`drawbridge bus pair` there), then \
                        `drawbridge enroll --api URL --code CODE`";
    const ENROLL: &str = "enroll again with `drawbridge enroll --api URL`, with a token or code that counts";
    if let Some(disabled) = &seen.disabled {
        return Some(Finding::fail(
            Check::BusToken,
            format!("the enrollment is not used any more ({})", disabled.reason),
            if disabled.reason == "revoked" {
                PAIR
            } else {
                ENROLL
            },
        ));
    }
    match (&seen.link, &seen.token) {
        (Some(LinkState::Connected { .. }), _) | (_, Token::Taken) => {
            Some(Finding::ok(Check::BusToken, "the bus takes it"))
        }
        (Some(LinkState::Failed { code, message } | LinkState::Waiting { code, message, .. }), _)
            if is_about_token(code) =>
        {
            Some(Finding::fail(Check::BusToken, message, ENROLL))
        }
        (_, Token::Refused(status)) => Some(Finding::fail(
            Check::BusToken,
            format!("the bus does not take the token that was given (HTTP {status})"),
            ENROLL,
        )),
        (_, Token::Odd(status)) => Some(untried(&format!("HTTP {status}"))),
        (_, Token::Unheard(why)) => Some(untried(&why.to_string())),
        (_, Token::NotGiven) => Some(Finding::warn(
            Check::BusToken,
            "no token given, so none was tried",
            "give one with FORGE_CODEX_CONNECTOR_TOKEN, or enroll with `drawbridge enroll --api URL`",
        )),
        (None, Token::NotTried) => None,
        (Some(_), Token::NotTried) if !seen.wanted && seen.enrolled.is_some() => Some(Finding::warn(
            Check::BusToken,
            "not known: this bus is switched off here",
            format!(
                "if it is to be used, `drawbridge enrollments on {}`, then look again",
                seen.enrolled.as_deref().unwrap_or_default()
            ),
        )),
        (Some(_), Token::NotTried) => Some(Finding::warn(
            Check::BusToken,
            "not known: the host is not connected",
            "connect, then look again",
        )),
    }
}

fn untried(why: &str) -> Finding {
    Finding::warn(
        Check::BusToken,
        format!("it could not be tried: {why}"),
        "correct what is wrong with the bus first",
    )
}

fn of_mcp(mcp: &McpView) -> Option<Finding> {
    match &mcp.check {
        McpCheck::Unchecked | McpCheck::Checking => None,
        McpCheck::Good { .. } => Some(Finding::ok(Check::Mcp, format!("{} answers", mcp.name))),
        McpCheck::Bad { message, code } => Some(Finding::told(
            Level::Fail,
            Check::Mcp,
            &format!("{} ({code}): {message}", mcp.name),
            "correct it with `drawbridge enrollments set`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            name: "b".to_owned(),
            health: Ok(200),
            skew: Some(0),
            token: Token::NotTried,
            link: None,
            wanted: true,
            enrolled: None,
            disabled: None,
            mcp: None,
        }
    }

    fn words(seen: &Seen) -> Vec<(&'static str, Level)> {
        findings(seen)
            .iter()
            .inspect(|finding| assert_eq!(finding.remedy.is_none(), finding.level == Level::Ok))
            .map(|finding| (finding.id.word(), finding.level))
            .collect()
    }

    fn failed(code: &str) -> Option<LinkState> {
        Some(LinkState::Failed {
            code: code.to_owned(),
            message: "words".to_owned(),
        })
    }

    #[test]
    fn what_is_seen_of_a_bus_becomes_lines() {
        use Level::{Fail, Ok as Well, Warn};
        let connected = || {
            Some(LinkState::Connected {
                round_trip_ms: Some(3),
            })
        };
        let (reach, clock, token) = ("bus", "bus_clock", "bus_token");
        let table: Vec<(Seen, Vec<(&str, Level)>)> = vec![
            (seen(), vec![(reach, Well), (clock, Well)]),
            (
                Seen {
                    health: Err(NoAnswer::Late),
                    skew: None,
                    ..seen()
                },
                vec![(reach, Fail)],
            ),
            (
                Seen {
                    health: Ok(404),
                    skew: None,
                    ..seen()
                },
                vec![(reach, Fail), (clock, Warn)],
            ),
            (
                Seen {
                    skew: Some(30),
                    ..seen()
                },
                vec![(reach, Well), (clock, Well)],
            ),
            (
                Seen {
                    skew: Some(-31),
                    ..seen()
                },
                vec![(reach, Well), (clock, Warn)],
            ),
            (
                Seen {
                    skew: Some(301),
                    ..seen()
                },
                vec![(reach, Well), (clock, Fail)],
            ),
            (
                Seen {
                    token: Token::NotGiven,
                    ..seen()
                },
                vec![(reach, Well), (clock, Well), (token, Warn)],
            ),
            (
                Seen {
                    token: Token::Taken,
                    ..seen()
                },
                vec![(reach, Well), (clock, Well), (token, Well)],
            ),
            (
                Seen {
                    token: Token::Refused(401),
                    ..seen()
                },
                vec![(reach, Well), (clock, Well), (token, Fail)],
            ),
            (
                Seen {
                    token: Token::Odd(500),
                    ..seen()
                },
                vec![(reach, Well), (clock, Well), (token, Warn)],
            ),
            // What the host sees counts more than what is seen from here, with other trust anchors say.
            (
                Seen {
                    link: connected(),
                    health: Err(NoAnswer::Late),
                    skew: None,
                    ..seen()
                },
                vec![(reach, Well), (token, Well)],
            ),
            (
                Seen {
                    link: failed("tls"),
                    ..seen()
                },
                vec![(reach, Fail), (clock, Well), (token, Warn)],
            ),
            (
                Seen {
                    link: failed("unauthorized"),
                    ..seen()
                },
                vec![(reach, Well), (clock, Well), (token, Fail)],
            ),
            (
                Seen {
                    link: Some(LinkState::Disconnected),
                    wanted: false,
                    ..seen()
                },
                vec![(reach, Well), (clock, Well), (token, Warn)],
            ),
            (
                Seen {
                    link: Some(LinkState::Disconnected),
                    disabled: Some(DisabledView {
                        reason: "revoked".into(),
                        at_ms: None,
                    }),
                    ..seen()
                },
                vec![(reach, Well), (clock, Well), (token, Fail)],
            ),
        ];
        for (seen, expected) in table {
            assert_eq!(words(&seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn how_a_bus_that_is_off_is_switched_on_is_said() {
        let off = Seen {
            link: Some(LinkState::Disconnected),
            wanted: false,
            enrolled: Some("one".to_owned()),
            ..seen()
        };
        let token = of_token(&off).unwrap();
        let remedy = token.remedy.unwrap_or_default();
        assert!(remedy.contains("`drawbridge enrollments on one`"), "{remedy}");
    }

    #[test]
    fn a_clock_within_the_time_of_the_question_is_right() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (theirs, expected) in [(90, -10), (100, 0), (105, 0), (110, 0), (150, 40)] {
            assert_eq!(skew(at(100), at(110), at(theirs)), expected, "{theirs}");
        }
    }
}

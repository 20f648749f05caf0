//! Words that more than one of our protocols uses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a remote client may do. Ordered: `Viewer < Operator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads threads that are loaded; starts and changes nothing.
    Viewer,
    /// Starts threads and turns inside the ceilings of the host.
    Operator,
}

impl Role {
    /// The narrower of two roles: a claim can only narrow what the host's table grants.
    #[must_use]
    pub fn narrowed(self, claim: Role) -> Role {
        self.min(claim)
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, UnknownWord> {
        match s {
            "viewer" => Ok(Role::Viewer),
            "operator" => Ok(Role::Operator),
            other => Err(UnknownWord::new(other, "viewer, operator")),
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        })
    }
}

/// Who may answer approvals: the person at the host, remote clients, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhoMayAnswer {
    /// Only the user of this computer, through the control socket or the local app-server socket.
    #[default]
    Local,
    /// Only remote clients of role operator. The bus and the connector are trusted with the answers.
    Remote,
    /// Either; the first answer wins. The bus and the connector are trusted with remote answers.
    Both,
}

impl WhoMayAnswer {
    /// Whether the user at the host may answer.
    #[must_use]
    pub fn local(self) -> bool {
        self != WhoMayAnswer::Remote
    }
    /// Whether a remote operator may answer.
    #[must_use]
    pub fn remote(self) -> bool {
        self != WhoMayAnswer::Local
    }
}

impl std::str::FromStr for WhoMayAnswer {
    type Err = UnknownWord;
    fn from_str(s: &str) -> Result<Self, UnknownWord> {
        match s {
            "local" => Ok(WhoMayAnswer::Local),
            "remote" => Ok(WhoMayAnswer::Remote),
            "both" => Ok(WhoMayAnswer::Both),
            other => Err(UnknownWord::new(other, "local, remote, both")),
        }
    }
}

impl std::fmt::Display for WhoMayAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            WhoMayAnswer::Local => "local",
            WhoMayAnswer::Remote => "remote",
            WhoMayAnswer::Both => "both",
        })
    }
}

/// A word that is none of those allowed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{word}` is not one of: {allowed}")]
pub struct UnknownWord {
    word: String,
    allowed: &'static str,
}

impl UnknownWord {
    pub(crate) fn new(word: &str, allowed: &'static str) -> Self {
        Self {
            word: word.to_owned(),
            allowed,
        }
    }
}

/// An answer to an approval, independent of the kind of request it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// Once, for exactly this request.
    Accept,
    /// For this and the same in the same thread, until the thread ends.
    AcceptForSession,
    /// Accept, and take the rule the app-server proposed: permanent, all threads. Local only.
    AcceptWithAmendment,
    /// Take a network rule that is offered: permanent, all threads. Local only.
    ApplyNetworkRule(NetworkRule),
    /// Answers to a question or a form, by question id. Counts as accepting it.
    Answers(serde_json::Map<String, serde_json::Value>),
    /// A part of the permissions that were asked for. Local only.
    Grant(Grant),
    /// No; the turn goes on.
    Decline,
    /// No, and the turn ends.
    Cancel,
}

/// A part of what a request for permissions asked for. The host takes nothing that was not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// In the form of the request's `permissions`.
    pub permissions: serde_json::Map<String, serde_json::Value>,
    /// For the rest of the thread, not of the turn only.
    pub session: bool,
    /// Every later command of this turn is reviewed before it runs.
    pub strict_auto_review: bool,
}

/// A lasting rule for one host of the network, as the app-server writes it (schema of 0.169.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkRule {
    /// What becomes of connections to it.
    pub action: NetworkAction,
    /// The host, as the app-server names it.
    pub host: String,
}

/// Longest name of a host, in bytes (RFC 1035, with its final dot).
const LONGEST_HOST: usize = 254;

impl NetworkRule {
    /// Reads one of a request's `availableDecisions`. `None`: it is no such rule, or there is more to it than we know, so
    /// nobody could tell what it does.
    #[must_use]
    pub fn offered(decision: &Value) -> Option<Self> {
        fn only<'a>(value: &'a Value, member: &str) -> Option<&'a Value> {
            let members = value.as_object().filter(|members| members.len() == 1)?;
            members.get(member)
        }
        let rule = only(
            only(decision, "applyNetworkPolicyAmendment")?,
            "network_policy_amendment",
        )?;
        let rule = rule.as_object().filter(|members| members.len() == 2)?;
        let word = rule.get("action")?.as_str()?;
        let actions = [NetworkAction::Allow, NetworkAction::Deny];
        let action = actions.into_iter().find(|action| action.word() == word)?;
        let host = rule.get("host")?.as_str()?;
        let is_name = (1..=LONGEST_HOST).contains(&host.len())
            && !host.chars().any(|c| c.is_whitespace() || c.is_control());
        let host = host.to_owned();
        is_name.then_some(Self { action, host })
    }

    /// As [`NetworkRule::offered`] reads it.
    #[must_use]
    pub fn answer(&self) -> Value {
        serde_json::json!({ "applyNetworkPolicyAmendment": { "network_policy_amendment": self } })
    }
}

/// What a [`NetworkRule`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkAction {
    /// Connections are allowed from now on.
    Allow,
    /// They are refused from now on, this one, too.
    Deny,
}

impl NetworkAction {
    /// The word on the wire, in records and on command lines.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            NetworkAction::Allow => "allow",
            NetworkAction::Deny => "deny",
        }
    }
}

impl Decision {
    /// Whether this lets the agent do what it asked for.
    #[must_use]
    pub fn grants(&self) -> bool {
        match self {
            Decision::Decline | Decision::Cancel => false,
            Decision::ApplyNetworkRule(rule) => rule.action == NetworkAction::Allow,
            _ => true,
        }
    }

    /// Whether it needs care: it lets the agent do what it asked for, or it stays in force.
    #[must_use]
    pub fn weighs(&self) -> bool {
        self.grants() || matches!(self, Decision::ApplyNetworkRule(_))
    }

    /// The word used in records and on screens.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Decision::Accept => "accept",
            Decision::AcceptForSession => "accept_for_session",
            Decision::AcceptWithAmendment => "accept_with_amendment",
            Decision::ApplyNetworkRule(_) => "apply_network_rule",
            Decision::Answers(_) => "answers",
            Decision::Grant(_) => "grant",
            Decision::Decline => "decline",
            Decision::Cancel => "cancel",
        }
    }
}

/// Who gave an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "by", deny_unknown_fields)]
pub enum AnswerSource {
    /// A client of the control socket (CLI, desktop app).
    Control {
        /// Name the client gave of itself; shown, never trusted.
        client: String,
    },
    /// A client of the local app-server socket.
    LocalClient {
        /// Connection number.
        connection: u64,
    },
    /// A remote client through a bus.
    Remote {
        /// The bus as enrolled.
        bus: String,
        /// The client as the bus names it.
        client: String,
    },
    /// Nobody: the deadline passed.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Deadline,
    /// Nobody: no one may answer this kind of request.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Policy,
    /// The host is stopping.
    #[serde(deserialize_with = "crate::strict::nothing_more")]
    Shutdown,
}

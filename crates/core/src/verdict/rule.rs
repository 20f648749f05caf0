//! The words the verdict table is written in.

use drawbridge_codex_wire::ErrorObject;
use drawbridge_wire::Role;
use serde_json::{Map, Value, json};

/// What the gate does with a method that a remote calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It may go on, inside this rule.
    Allow(Rule),
    /// It never goes on; the stable name of the rule that says so (see [`super::refusals`]).
    Refuse(&'static str),
}

/// Under which conditions a method goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The method.
    pub method: &'static str,
    /// The least role that may call it.
    pub min_role: Role,
    /// Every parameter that may be present. Anything else is refused.
    pub params: &'static [ParamRule],
    /// What the call must stay inside.
    pub scope: Scope,
    /// What the gate does besides passing it on.
    pub handling: Handling,
    /// Why it is allowed, in a few words.
    pub why: &'static str,
}

impl Rule {
    /// Takes out what may be named but does not go on.
    pub fn strip(&self, params: &mut Map<String, Value>) {
        params.retain(|name, _| {
            self.params
                .iter()
                .any(|rule| rule.name == name && !matches!(rule.kind, Kind::Unset | Kind::Dropped))
        });
    }

    /// The id of the thread the call is about, if it is about one.
    #[must_use]
    pub fn thread<'a>(&self, params: &'a Map<String, Value>) -> Option<&'a str> {
        match self.scope {
            Scope::Thread { param } => params.get(param)?.as_str(),
            Scope::None | Scope::Cwd { .. } => None,
        }
    }

    /// Ids of other threads the call names; they must lie inside the roots too.
    pub fn other_threads<'a>(&self, params: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
        self.params
            .iter()
            .filter(|rule| rule.kind == Kind::ThreadId)
            .filter_map(|rule| params.get(rule.name)?.as_str())
    }
}

/// One allowed parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParamRule {
    /// Its name.
    pub name: &'static str,
    /// What it may be. Unless it is required, `null` is always allowed too.
    pub kind: Kind,
    /// Whether it must be there and not be `null`.
    pub required: bool,
    /// The least role that may set it to anything but `null`.
    pub min_role: Role,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any JSON: it only reaches the model or comes back to the caller.
    Any,
    /// Only `null` or `false`: clients that write out all their fields may name it, nobody may use it.
    /// It does not go on ([`Rule::strip`]).
    Unset,
    /// Whatever it is, it does not go on ([`Rule::strip`]): refusing it would keep the official terminal
    /// client from starting, and leaving it out takes nothing from the call but an extra of its own.
    Dropped,
    /// Only `false`: turning something off.
    Off,
    /// `true` or `false`.
    Bool,
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words.
    Words(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A directory or file; the host puts its canonical form there, which must lie inside the roots.
    Path,
    /// One or several of them (`string` or `[string]`).
    Paths,
    /// Several of them, at least one (an empty list would mean the app-server's own choice).
    SomePaths,
    /// Workspace roots: clients repeat the thread's own folder here, and nothing else may stand in it. The
    /// host compares the canonical ones with the thread's folder ([`super::paths::own_folder_only`]).
    OwnFolder,
    /// The id of a thread other than that of [`Scope::Thread`]; it too must lie inside the roots.
    ThreadId,
    /// What a turn is given: text, images, skills, mentions.
    Input,
    /// Configuration of a thread: only [`super::CONFIG_KEYS`].
    Config,
    /// An approval policy; [`super::ceiling`] decides.
    CeilingPolicy,
    /// A sandbox mode (a word); [`super::ceiling`] decides.
    CeilingSandbox,
    /// A sandbox policy (an object); [`super::ceiling`] decides.
    CeilingSandboxPolicy,
    /// Who answers approvals; only the user may.
    CeilingReviewer,
    /// A collaboration mode with only the settings that steer the model.
    CollaborationMode,
    /// An object with members of these kinds only.
    Object(&'static [Member]),
    /// What a review looks at.
    ReviewTarget,
}

/// A member of [`Kind::Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it may be, or `null`.
    pub kind: Kind,
}

/// What a call must stay inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Nothing of one thread or folder.
    None,
    /// The thread named by this parameter must lie inside the roots; else it is `not found`.
    Thread {
        /// Name of the parameter.
        param: &'static str,
    },
    /// The paths in these parameters must lie inside the roots.
    Cwd {
        /// Names of the parameters.
        params: &'static [&'static str],
    },
}

/// What the gate does besides passing the call on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Nothing.
    Pass,
    /// Rewrites the capabilities (opt-outs are ours, no attestation).
    Initialize,
    /// Sets policy, sandbox, cwd and configuration; ordered; takes the effective values of the response.
    ThreadStart,
    /// As `ThreadStart`; undone when it comes back wide. A viewer reaches loaded threads only.
    ThreadResume,
    /// As `ThreadStart`.
    ThreadFork,
    /// Ordered; refused on a wide thread; overrides are held to the ceiling.
    TurnStart,
    /// Ordered; refused on a wide thread.
    TurnSteer,
    /// Passed on: it can only end something.
    TurnInterrupt,
    /// A turn of another kind (review, compaction): ordered and refused on a wide thread.
    OtherTurn,
    /// The response lists threads under `data`: those outside the roots are taken out.
    ThreadList {
        /// Member of each entry that is the thread, `None` when the entry is the thread itself.
        thread: Option<&'static str>,
    },
    /// The response lists thread ids under `data`: those outside the roots are taken out.
    LoadedList,
    /// Parts of the response are cut, see [`super::redact`].
    Redact(&'static [Cut]),
}

impl Handling {
    /// Whether the call can change what a thread is allowed, or acts inside that: these go through the
    /// event loop, in order per thread.
    #[must_use]
    pub fn ordered(self) -> bool {
        matches!(
            self,
            Handling::ThreadStart
                | Handling::ThreadResume
                | Handling::ThreadFork
                | Handling::TurnStart
                | Handling::TurnSteer
                | Handling::OtherTurn
        )
    }

    /// Whether the call makes an existing thread work, and so is refused on a wide one.
    #[must_use]
    pub fn works_on_thread(self) -> bool {
        matches!(
            self,
            Handling::TurnStart | Handling::TurnSteer | Handling::OtherTurn
        )
    }
}

/// A part of a response that a remote does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The value at this JSON pointer becomes `null`.
    Null(&'static str),
    /// The list at this JSON pointer becomes empty.
    EmptyList(&'static str),
    /// The object at this JSON pointer becomes empty.
    EmptyObject(&'static str),
    /// Of the object at this JSON pointer only these members stay.
    Keep(&'static str, &'static [&'static str]),
    /// Of every entry of the list at this JSON pointer only these members stay.
    KeepEach(&'static str, &'static [&'static str]),
}

/// The gate's no to a request, with the rule that says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Stable name of the rule.
    pub rule: &'static str,
    /// What was refused and what to do instead.
    pub message: String,
    /// The parameter at fault, printable and cut to a sane length.
    pub parameter: Option<String>,
}

impl Refusal {
    /// A refusal that no single parameter caused.
    #[must_use]
    pub fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
            parameter: None,
        }
    }

    /// A refusal because of one parameter.
    #[must_use]
    pub fn of_parameter(rule: &'static str, parameter: &str, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
            parameter: Some(printable(parameter)),
        }
    }

    /// Stable code, the name of the rule.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.rule
    }

    /// The JSON-RPC error a remote gets. The number is the one the app-server itself uses for nearly
    /// every failure, so that clients treat it as a failure of this request and no more.
    #[must_use]
    pub fn to_error(&self) -> ErrorObject {
        let mut data = Map::new();
        data.insert("rule".to_owned(), json!(self.rule));
        if let Some(parameter) = &self.parameter {
            data.insert("parameter".to_owned(), json!(parameter));
        }
        ErrorObject {
            code: -32600,
            message: format!("refused by the host ({}): {}", self.rule, self.message),
            data: Some(Value::Object(data)),
        }
    }
}

/// Foreign text made fit for a message: control characters visible, length bounded.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == LONGEST {
            out.push('…');
            break;
        }
        out.extend(c.escape_debug());
    }
    out
}

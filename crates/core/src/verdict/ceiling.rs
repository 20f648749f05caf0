//! How far a remote may set the policy and the sandbox of a thread, and which threads are too wide
//! for it. Whatever is not known to be inside counts as wide.

use super::refusals;
use super::rule::{Refusal, printable};
use drawbridge_wire::Role;
use serde_json::{Map, Value, json};

/// Permission profiles the app-server brings that are no wider than the sandboxes of the same name.
const BUILT_IN_PROFILES: [&str; 2] = [":read-only", ":workspace"];

/// Approval policies a remote may ever have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Everything that is not known to be harmless is asked.
    Untrusted,
    /// What needs to leave the sandbox is asked.
    OnRequest,
}

impl Policy {
    /// As `approvalPolicy` spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::Untrusted => "untrusted",
            Policy::OnRequest => "on-request",
        }
    }

    /// Reads an `approvalPolicy`; `None` for everything a remote never has (`never`, `granular`, news).
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "untrusted" => Some(Policy::Untrusted),
            "on-request" => Some(Policy::OnRequest),
            _ => None,
        }
    }
}

/// Sandboxes a remote may ever have: no network, no folder but the thread's own (and the temporary ones).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sandbox {
    /// Nothing is writable.
    ReadOnly,
    /// The thread's folder is writable.
    WorkspaceWrite,
}

impl Sandbox {
    /// As the `sandbox` of `thread/start`, `thread/resume` and `thread/fork` spells it.
    #[must_use]
    pub fn mode(self) -> &'static str {
        match self {
            Sandbox::ReadOnly => "read-only",
            Sandbox::WorkspaceWrite => "workspace-write",
        }
    }

    /// As the `sandboxPolicy` of `turn/start` spells it, with everything that could widen it said.
    #[must_use]
    pub fn policy(self) -> Value {
        match self {
            Sandbox::ReadOnly => json!({ "type": "readOnly", "networkAccess": false }),
            Sandbox::WorkspaceWrite => {
                json!({ "type": "workspaceWrite", "networkAccess": false, "writableRoots": [] })
            }
        }
    }

    /// Reads a sandbox mode (a word).
    #[must_use]
    pub fn read_mode(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "read-only" => Some(Sandbox::ReadOnly),
            "workspace-write" => Some(Sandbox::WorkspaceWrite),
            _ => None,
        }
    }

    /// Reads a sandbox policy (an object of a request or a response); `None` for network access, any
    /// writable root of its own, an unknown type, or a member we do not know.
    #[must_use]
    pub fn read_policy(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let sandbox = match object.get("type")?.as_str()? {
            "readOnly" => Sandbox::ReadOnly,
            "workspaceWrite" => Sandbox::WorkspaceWrite,
            _ => return None,
        };
        let inside = object.iter().all(|(name, value)| match (name.as_str(), sandbox) {
            ("type", _) => true,
            ("networkAccess", _) => value == &Value::Bool(false),
            ("writableRoots", Sandbox::WorkspaceWrite) => value.as_array().is_some_and(Vec::is_empty),
            ("excludeSlashTmp" | "excludeTmpdirEnvVar", Sandbox::WorkspaceWrite) => value.is_boolean(),
            _ => false,
        });
        inside.then_some(sandbox)
    }
}

/// An approval policy together with a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    /// When a person is asked.
    pub policy: Policy,
    /// What goes without asking.
    pub sandbox: Sandbox,
}

/// The pairs a role may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    role: Role,
    allowed: Vec<Pair>,
    default: Option<Pair>,
}

impl Ceiling {
    /// The ceiling of a role where the user set no other. A viewer changes nothing, so it has none.
    #[must_use]
    pub fn of(role: Role) -> Self {
        match role {
            Role::Viewer => Self {
                role,
                allowed: Vec::new(),
                default: None,
            },
            Role::Operator => {
                let pair = |policy, sandbox| Pair { policy, sandbox };
                let default = pair(Policy::OnRequest, Sandbox::WorkspaceWrite);
                let allowed = vec![
                    default,
                    pair(Policy::OnRequest, Sandbox::ReadOnly),
                    pair(Policy::Untrusted, Sandbox::WorkspaceWrite),
                    pair(Policy::Untrusted, Sandbox::ReadOnly),
                ];
                Self {
                    role,
                    allowed,
                    default: Some(default),
                }
            }
        }
    }

    /// A narrower ceiling: of this one's pairs only those in `keep`. The default stays when it is kept,
    /// else the first kept pair takes its place.
    #[must_use]
    pub fn narrowed(&self, keep: &[Pair]) -> Self {
        let allowed: Vec<Pair> = self
            .allowed
            .iter()
            .copied()
            .filter(|pair| keep.contains(pair))
            .collect();
        let default = self
            .default
            .filter(|pair| allowed.contains(pair))
            .or(allowed.first().copied());
        Self {
            role: self.role,
            allowed,
            default,
        }
    }

    /// Whether a thread that really has this pair is inside.
    #[must_use]
    pub fn admits(&self, pair: Pair) -> bool {
        self.allowed.contains(&pair)
    }

    /// What the gate *sets* on `thread/start`, `thread/resume` and `thread/fork`. What was not asked for
    /// is taken from `current` (the thread as it is, when it is known and inside), so that a resume
    /// never widens a narrower thread in passing; else it is the widest allowed with what was asked for.
    ///
    /// # Errors
    /// When what was asked for is outside, or nothing may be set.
    pub fn settle(
        &self,
        current: Option<Pair>,
        policy: Option<&Value>,
        sandbox: Option<&Value>,
    ) -> Result<Pair, Refusal> {
        let Some(default) = self.default else {
            return Err(match self.role {
                Role::Viewer => Refusal::new(
                    refusals::ROLE,
                    "a viewer starts and changes no thread; ask for the role `operator`",
                ),
                Role::Operator => Refusal::new(
                    refusals::CEILING,
                    "this host lets remote clients start and drive no thread; ask its user to allow a pair in \
                     `security.ceilings`",
                ),
            });
        };
        let asked_policy = set(policy)
            .map(|value| Policy::read(value).ok_or_else(|| self.outside("approvalPolicy", value)))
            .transpose()?;
        let asked_sandbox = set(sandbox)
            .map(|value| Sandbox::read_mode(value).ok_or_else(|| self.outside("sandbox", value)))
            .transpose()?;
        let current = current.filter(|pair| self.admits(*pair));
        let base = current.unwrap_or(default);
        let wanted = Pair {
            policy: asked_policy.unwrap_or(base.policy),
            sandbox: asked_sandbox.unwrap_or(base.sandbox),
        };
        let fits = |pair: &&Pair| {
            asked_policy.is_none_or(|policy| pair.policy == policy)
                && asked_sandbox.is_none_or(|sandbox| pair.sandbox == sandbox)
        };
        // Of a thread that is not known nothing has to stay, so what was not asked for may be chosen.
        let instead = || self.allowed.iter().find(fits).filter(|_| current.is_none());
        match instead() {
            Some(pair) if !self.admits(wanted) => Ok(*pair),
            _ => self.inside(wanted),
        }
    }

    /// Whether the overrides of a `turn/start` stay inside, given what the thread has now. Answers the
    /// pair the thread has afterwards, because overrides persist.
    ///
    /// # Errors
    /// When the result is outside, or the thread's own pair is needed and not known (wide).
    pub fn check_turn(
        &self,
        current: Option<Pair>,
        policy: Option<&Value>,
        sandbox_policy: Option<&Value>,
    ) -> Result<Pair, Refusal> {
        let asked_policy = set(policy)
            .map(|value| Policy::read(value).ok_or_else(|| self.outside("approvalPolicy", value)))
            .transpose()?;
        let asked_sandbox = set(sandbox_policy)
            .map(|value| Sandbox::read_policy(value).ok_or_else(|| self.outside("sandboxPolicy", value)))
            .transpose()?;
        // A remote turn on a wide thread is refused even when its overrides would narrow it: another
        // client is using it as it is.
        let Some(current) = current.filter(|pair| self.admits(*pair)) else {
            return Err(Refusal::new(
                refusals::WIDE,
                "this thread has settings wider than a remote may use; start a thread of your own, or have \
                 them narrowed at the host",
            ));
        };
        self.inside(Pair {
            policy: asked_policy.unwrap_or(current.policy),
            sandbox: asked_sandbox.unwrap_or(current.sandbox),
        })
    }

    fn inside(&self, pair: Pair) -> Result<Pair, Refusal> {
        if self.admits(pair) {
            return Ok(pair);
        }
        Err(Refusal::of_parameter(
            refusals::CEILING,
            "approvalPolicy",
            format!(
                "`{}` with `{}` is more than this remote may use; allowed: {}",
                pair.policy.as_str(),
                pair.sandbox.mode(),
                self.words()
            ),
        ))
    }

    fn outside(&self, parameter: &str, value: &Value) -> Refusal {
        Refusal::of_parameter(
            refusals::CEILING,
            parameter,
            format!(
                "`{parameter}` {} is more than this remote may use; allowed: {}",
                printable(&value.to_string()),
                self.words()
            ),
        )
    }

    fn words(&self) -> String {
        if self.allowed.is_empty() {
            return "nothing".to_owned();
        }
        let words: Vec<String> = self
            .allowed
            .iter()
            .map(|pair| format!("{} + {}", pair.policy.as_str(), pair.sandbox.mode()))
            .collect();
        words.join(", ")
    }
}

/// Writes a pair into the parameters of `thread/start`, `thread/resume` or `thread/fork`.
///
/// The word `workspace-write` alone is not enough: the app-server adds what the user's own
/// `[sandbox_workspace_write]` says (network, further folders) and takes the reviewer from the
/// configuration (observed, 0.169.0). So all of it is said.
pub fn apply(pair: Pair, params: &mut Map<String, Value>) {
    params.insert("approvalPolicy".to_owned(), json!(pair.policy.as_str()));
    params.insert("sandbox".to_owned(), json!(pair.sandbox.mode()));
    params.insert("approvalsReviewer".to_owned(), json!("user"));
    let config = params.entry("config").or_insert(Value::Null);
    if !config.is_object() {
        *config = Value::Object(Map::new());
    }
    if let Value::Object(config) = config {
        config.insert("sandbox_workspace_write.network_access".to_owned(), json!(false));
        config.insert("sandbox_workspace_write.writable_roots".to_owned(), json!([]));
    }
}

/// [`Ceiling::settle`] for a new thread under the role's own ceiling.
///
/// # Errors
/// As there.
pub fn clamp_start(
    role: Role,
    policy: Option<&Value>,
    sandbox: Option<&Value>,
) -> Result<(Policy, Sandbox), Refusal> {
    Ceiling::of(role)
        .settle(None, policy, sandbox)
        .map(|pair| (pair.policy, pair.sandbox))
}

/// [`Ceiling::check_turn`] under the role's own ceiling.
///
/// # Errors
/// As there.
pub fn check_turn(
    role: Role,
    current: Option<Pair>,
    policy: Option<&Value>,
    sandbox_policy: Option<&Value>,
) -> Result<Pair, Refusal> {
    Ceiling::of(role).check_turn(current, policy, sandbox_policy)
}

/// The pair a thread really has, from `thread/start|resume|fork` responses or the settings of
/// `thread/settings/updated`; `None` when it is wide or not known to be narrow.
///
/// `settings` is the whole `result` of one of the former or the `threadSettings` of the latter: it has
/// `approvalPolicy`, `sandbox` or `sandboxPolicy`, `approvalsReviewer`, `cwd` and, where the app-server
/// says so, `activePermissionProfile`, `runtimeWorkspaceRoots` and environments.
#[must_use]
pub fn effective(settings: &Map<String, Value>) -> Option<Pair> {
    let policy = Policy::read(settings.get("approvalPolicy")?)?;
    let sandbox = Sandbox::read_policy(
        settings
            .get("sandbox")
            .or_else(|| settings.get("sandboxPolicy"))?,
    )?;
    // `auto_review` lets a model answer in a person's place. Absent is unknown.
    if settings.get("approvalsReviewer")?.as_str()? != "user" {
        return None;
    }
    // A profile of the user's own can allow more than its projection onto a sandbox policy shows.
    if let Some(profile) = set(settings.get("activePermissionProfile")) {
        let built_in = BUILT_IN_PROFILES.contains(&profile.get("id")?.as_str()?);
        if !built_in || set(profile.get("extends")).is_some() {
            return None;
        }
    }
    let cwd = settings.get("cwd")?;
    if let Some(roots) = set(settings.get("runtimeWorkspaceRoots")) {
        only(roots, cwd)?;
    }
    let environments = settings.get("environments").or_else(|| {
        settings
            .get("thread")
            .and_then(|thread| thread.get("environments"))
    });
    let none = Vec::new();
    for environment in set(environments).map_or(Some(&none), Value::as_array)? {
        // Another machine's sandbox is not ours to judge.
        if environment.get("environmentId")?.as_str()? != "local" || environment.get("cwd")? != cwd {
            return None;
        }
        if let Some(roots) = set(environment.get("runtimeWorkspaceRoots")) {
            only(roots, cwd)?;
        }
    }
    Some(Pair { policy, sandbox })
}

/// `Some` when a list holds nothing but this folder.
fn only(roots: &Value, folder: &Value) -> Option<()> {
    roots.as_array()?.iter().all(|root| root == folder).then_some(())
}

/// Whether a thread with these settings is wider than any remote ceiling. Unknown is wide.
#[must_use]
pub fn effective_is_wide(approval_policy: &Value, sandbox: &Value, reviewer: &Value) -> bool {
    Policy::read(approval_policy).is_none()
        || Sandbox::read_policy(sandbox).is_none()
        || reviewer.as_str() != Some("user")
}

/// Whether this request of a *local* client may leave its thread wide, so that the host marks the thread
/// before it passes the request on. Read from the parameters alone and on the safe side: a profile of
/// one's own, an environment, a further workspace root or a configuration counts as wide.
#[must_use]
pub fn may_widen(params: &Map<String, Value>, thread_cwd: Option<&str>) -> bool {
    let given = |name: &str| set(params.get(name));
    let folder = given("cwd").and_then(Value::as_str).or(thread_cwd);
    given("approvalPolicy").is_some_and(|value| Policy::read(value).is_none())
        || given("sandbox").is_some_and(|value| Sandbox::read_mode(value).is_none())
        || given("sandboxPolicy").is_some_and(|value| Sandbox::read_policy(value).is_none())
        || given("approvalsReviewer").is_some_and(|value| value.as_str() != Some("user"))
        || given("permissions")
            .is_some_and(|value| !BUILT_IN_PROFILES.contains(&value.as_str().unwrap_or("")))
        || given("environments").is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
        || given("config").is_some_and(|value| value.as_object().is_none_or(|keys| !keys.is_empty()))
        || given("runtimeWorkspaceRoots")
            .is_some_and(|value| folder.is_none_or(|folder| only(value, &Value::from(folder)).is_none()))
}

/// `null` is the same as absent.
fn set(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

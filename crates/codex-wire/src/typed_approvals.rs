//! What the agent asks a person, and the bodies of the answers.

use crate::typed::{FromServer, Rest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `item/commandExecution/requestApproval`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandApproval {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// Which item.
    pub item_id: String,
    /// The command as one line of shell.
    #[serde(default)]
    pub command: Option<String>,
    /// Where it would run.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the app-server offers. A hint: `decline` is honoured though it is not among them.
    #[serde(default)]
    pub available_decisions: Option<Vec<Value>>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FromServer for CommandApproval {
    const METHOD: &'static str = "item/commandExecution/requestApproval";
}

/// `item/fileChange/requestApproval`. What it would change stands in the item, not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileChangeApproval {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// Which item.
    pub item_id: String,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// A folder to be opened for the rest of the session.
    #[serde(default)]
    pub grant_root: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FromServer for FileChangeApproval {
    const METHOD: &'static str = "item/fileChange/requestApproval";
}

/// `item/permissions/requestApproval`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsApproval {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// Which item.
    pub item_id: String,
    /// Where.
    pub cwd: String,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// What is asked for: `network`, `fileSystem`.
    pub permissions: Value,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FromServer for PermissionsApproval {
    const METHOD: &'static str = "item/permissions/requestApproval";
}

/// `item/tool/requestUserInput`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInputRequest {
    /// In which thread.
    pub thread_id: String,
    /// In which turn.
    pub turn_id: String,
    /// Which item.
    pub item_id: String,
    /// The questions.
    pub questions: Vec<Question>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FromServer for UserInputRequest {
    const METHOD: &'static str = "item/tool/requestUserInput";
}

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// To name it in the answer.
    pub id: String,
    /// A word or two.
    pub header: String,
    /// The question.
    pub question: String,
    /// Whether the answer must not be shown.
    #[serde(default)]
    pub is_secret: bool,
    /// What can be chosen.
    #[serde(default)]
    pub options: Option<Vec<QuestionOption>>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionOption {
    /// What is answered.
    pub label: String,
    /// What it means.
    pub description: String,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `mcpServer/elicitation/request`: a question of an MCP server, or whether one of its tools may run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Elicitation {
    /// In which thread.
    pub thread_id: String,
    /// In which turn, if the app-server knows.
    #[serde(default)]
    pub turn_id: Option<String>,
    /// Which server.
    pub server_name: String,
    /// `form`, `url` and others.
    pub mode: String,
    /// The question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The rest, with `requestedSchema` and `_meta`.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FromServer for Elicitation {
    const METHOD: &'static str = "mcpServer/elicitation/request";
}

/// Answer to a [`CommandApproval`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandAnswer {
    /// What was decided.
    pub decision: CommandDecision,
}

/// What can be decided about a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandDecision {
    /// Once.
    Accept,
    /// The same command line is not asked again in this thread.
    AcceptForSession,
    /// And the rule is kept, for all threads, for good.
    AcceptWithExecpolicyAmendment {
        /// The beginning of the command lines the rule is for.
        #[serde(rename = "execpolicy_amendment")]
        amendment: Vec<String>,
    },
    /// No; the turn goes on.
    Decline,
    /// No, and the turn ends.
    Cancel,
}

/// Answer to a [`FileChangeApproval`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChangeAnswer {
    /// What was decided.
    pub decision: FileChangeDecision,
}

/// What can be decided about a change of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileChangeDecision {
    /// Once.
    Accept,
    /// The same files are not asked again in this thread.
    AcceptForSession,
    /// No; the turn goes on.
    Decline,
    /// No, and the turn ends.
    Cancel,
}

/// Answer to a [`PermissionsApproval`]. Empty permissions are a no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsAnswer {
    /// A part of what was asked for.
    pub permissions: Rest,
    /// For how long.
    pub scope: GrantScope,
}

/// How long a grant holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GrantScope {
    /// This turn.
    Turn,
    /// This session.
    Session,
}

/// Answer to a [`UserInputRequest`]. No answers are a no.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UserInputAnswer {
    /// By id of the question.
    pub answers: BTreeMap<String, Chosen>,
}

/// What was answered to one question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chosen {
    /// Labels of choices, or words of one's own.
    pub answers: Vec<String>,
}

/// Answer to an [`Elicitation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElicitationAnswer {
    /// What was decided.
    pub action: ElicitationAction,
    /// The form, filled in.
    pub content: Option<Value>,
    /// `{"persist": "session"}` to be asked no more.
    #[serde(rename = "_meta")]
    pub meta: Option<Value>,
}

/// What can be decided about an elicitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ElicitationAction {
    /// Yes, with the content.
    Accept,
    /// No.
    Decline,
    /// No answer.
    Cancel,
}

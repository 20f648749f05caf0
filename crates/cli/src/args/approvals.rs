//! Arguments of `approvals`.

use super::JsonArgs;
use clap::{Args, Subcommand};

/// Arguments of `approvals`.
#[derive(Debug, Args)]
pub struct ApprovalsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub action: ApprovalsAction,
}

/// What to do with approvals.
#[derive(Debug, Subcommand)]
pub enum ApprovalsAction {
    /// Show those that wait, and those that ended a moment ago.
    List(JsonArgs),
    /// Show one, whole.
    Show {
        /// Its id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print it whole and let the agent do it.
    Accept(AcceptArgs),
    /// Say no; the turn goes on.
    Decline(DeclineArgs),
    /// Say no and end the turn.
    Cancel(AnswerArgs),
}

/// Arguments of `approvals decline`.
#[derive(Debug, Args)]
pub struct DeclineArgs {
    /// Which one, and how.
    #[command(flatten)]
    pub answer: AnswerArgs,
    /// Also take the lasting rule that is offered against this host of the network.
    #[arg(long, value_name = "HOST")]
    pub deny_host: Option<String>,
}

/// Arguments of `approvals cancel`, and of every answer.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// Id of the approval.
    pub id: String,
    /// Answer only if this is still the digest that `approvals show` printed (its beginning is enough).
    #[arg(long, value_name = "HEX")]
    pub digest: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `approvals accept`.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// Which one, and how.
    #[command(flatten)]
    pub answer: AnswerArgs,
    /// Also for the same in this thread, until the thread ends.
    #[arg(long, group = "how")]
    pub for_session: bool,
    /// Also take the lasting rule that the agent proposes.
    #[arg(long, group = "how")]
    pub with_amendment: bool,
    /// Take the lasting rule that is offered for this host of the network.
    #[arg(long, value_name = "HOST", group = "how")]
    pub allow_host: Option<String>,
    /// Answer to a question, by its id; repeat it for more.
    #[arg(long, value_name = "QUESTION=TEXT", group = "how")]
    pub reply: Vec<String>,
    /// Read the answers from stdin, as one JSON object by the ids of the questions. What must stay secret
    /// belongs there: other programs can read command lines.
    #[arg(long, group = "how")]
    pub reply_stdin: bool,
}

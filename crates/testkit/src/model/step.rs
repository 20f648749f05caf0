//! What the model can do.

use serde_json::Value;
use std::time::Duration;

/// One answer of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `SAY: text`: the text, one delta per word.
    Say(String),
    /// `STREAM: N [ms]`: N deltas `tok0 tok1 ...`, with a pause after each.
    Stream {
        /// How many.
        deltas: usize,
        /// The pause.
        pause: Duration,
    },
    /// `RUN: command`: runs it with the thread's permissions.
    Run(String),
    /// `RUNSLOW: command`: the same, handed back after one second while it goes on.
    RunSlow(String),
    /// `ESC: command`: asks to run it outside the sandbox.
    Escalated(String),
    /// `TWO: command ;; command`: several commands in one answer, run side by side.
    Parallel(Vec<String>),
    /// `PATCH: path|content`: adds a file; `\n` in the content begins a new line.
    Patch {
        /// File to add.
        path: String,
        /// What it holds.
        content: String,
    },
    /// `UPDATE: path|old|new`: replaces one line.
    Update {
        /// File to change.
        path: String,
        /// The line that is there.
        old: String,
        /// The line that takes its place.
        new: String,
    },
    /// `DELETE: path`: removes a file.
    Delete(String),
    /// `CALL: name {json}` or, for a tool of an MCP server, `CALLNS: namespace name {json}`.
    Call {
        /// Namespace of the tool.
        namespace: Option<String>,
        /// Name of the tool.
        name: String,
        /// Its arguments.
        arguments: Value,
    },
    /// `CUSTOM: name text`: a tool that takes free text.
    Custom {
        /// Name of the tool.
        name: String,
        /// The text.
        input: String,
    },
    /// `HANG`: begins to answer, then says nothing more.
    Hang,
    /// `FAIL [status]`: refuses the request with this HTTP status (500).
    Fail(u16),
    /// `FAILSSE [code]`: begins to answer, then reports this failure (`server_error`).
    FailStream(String),
    /// `DROP`: begins a text, then the connection breaks.
    Drop,
    /// `SLEEP: seconds text`: waits, then says the text.
    Sleep {
        /// How long.
        pause: Duration,
        /// What it says.
        text: String,
    },
}

impl Step {
    /// How many tool outputs follow this step before the next one is played.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Step::Parallel(commands) => commands.len(),
            _ => 1,
        }
    }
}

//! The conversation of one prompt, without the socket: frames in, what to print and send out.

use super::RemoteError;
use crate::args::SendArgs;
use drawbridge_codex_wire::{Envelope, RequestId, Shape};
use drawbridge_consent::{inert, visible_line};
use serde_json::{Map, Value, json};

const INITIALIZE: i64 = 1;
const THREAD: i64 = 2;
const TURN: i64 = 3;
const INTERRUPT: i64 = 4;

/// What a frame gives.
#[derive(Debug, PartialEq)]
pub(super) enum Output {
    /// Words of the agent, as they came.
    Text(String),
    /// A line about what happens, safe to print.
    Note(String),
    /// To be sent.
    Send(Value),
    /// The host has taken the prompt.
    Running,
    /// The turn is over.
    Ended(Ended),
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// As it should.
    Completed,
    /// Failed or interrupted.
    Failed,
}

/// One prompt and its turn.
#[derive(Debug)]
pub(super) struct Turn {
    thread_request: Value,
    prompt: String,
    thread: Option<String>,
    turn: Option<String>,
    /// Turns that ended before the answer that says which one is ours; there is at most one a thread.
    ended_early: Option<(String, Vec<Output>)>,
    /// Messages of the agent that were streamed and need not be printed when they are complete.
    streamed: Vec<String>,
    /// Command output that has not ended its line yet.
    output: String,
    awaited: &'static str,
}

impl Turn {
    pub(super) fn new(args: &SendArgs) -> Self {
        let mut params = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                params.insert(key.to_owned(), value);
            }
        };
        set("cwd", args.cwd.clone().map(Value::from));
        set("sandbox", args.sandbox.map(|sandbox| Value::from(sandbox.word())));
        set("approvalPolicy", args.approval_policy.clone().map(Value::from));
        let method = match &args.thread {
            Some(id) => {
                set("threadId", Some(Value::from(id.as_str())));
                set("excludeTurns", Some(Value::from(true)));
                "thread/resume"
            }
            None => "thread/start",
        };
        Self {
            thread_request: json!({"id": THREAD, "method": method, "params": params}),
            prompt: args.text.clone(),
            thread: None,
            turn: None,
            ended_early: None,
            streamed: Vec::new(),
            output: String::new(),
            awaited: "initialize",
        }
    }

    /// The first frame.
    pub(super) fn hello(&self) -> Value {
        json!({"id": INITIALIZE, "method": "initialize", "params": {
            "clientInfo": {"name": "drawbridge-remote", "title": null, "version": env!("CARGO_PKG_VERSION")},
            "capabilities": {"experimentalApi": true},
        }})
    }

    /// The request whose answer is awaited, in words.
    pub(super) fn awaited(&self) -> &'static str {
        self.awaited
    }

    /// The frame that interrupts the turn, if there is one.
    pub(super) fn interrupt(&self) -> Option<Value> {
        let (thread, turn) = (self.thread.as_ref()?, self.turn.as_ref()?);
        Some(
            json!({"id": INTERRUPT, "method": "turn/interrupt", "params": {"threadId": thread, "turnId": turn}}),
        )
    }

    /// Takes a frame of the host.
    pub(super) fn take(&mut self, text: &str) -> Result<Vec<Output>, RemoteError> {
        let wrong = |why: &dyn std::fmt::Display| RemoteError::NotUnderstood(why.to_string());
        let envelope = Envelope::parse(text).map_err(|error| wrong(&error))?;
        let payload = |raw: Option<&serde_json::value::RawValue>| -> Result<Value, RemoteError> {
            raw.map_or(Ok(Value::Null), |raw| {
                serde_json::from_str(raw.get()).map_err(|error| wrong(&error))
            })
        };
        match (envelope.shape(), &envelope.id) {
            (Some(Shape::Response), Some(RequestId::Number(id))) => {
                self.answered(*id, &payload(envelope.result)?)
            }
            (Some(Shape::Error), Some(RequestId::Number(id))) => {
                let error = payload(envelope.error)?;
                let message = error
                    .get("message")
                    .and_then(Value::as_str)
                    .map(visible_line)
                    .unwrap_or_default();
                let what = match *id {
                    INITIALIZE => "initialize",
                    THREAD => "the thread",
                    TURN => "the prompt",
                    _ => {
                        return Ok(vec![Output::Note(format!(
                            "the host refused the interruption: {message}"
                        ))]);
                    }
                };
                Err(RemoteError::Rejected { what, message })
            }
            (Some(Shape::Notification), _) => {
                let method = envelope.method.as_deref().unwrap_or_default();
                Ok(self.told(method, &payload(envelope.params)?))
            }
            // Questions of the agent are for whoever may answer them. Any reply of ours, an error too,
            // would be an answer.
            _ => Ok(Vec::new()),
        }
    }

    fn answered(&mut self, id: i64, result: &Value) -> Result<Vec<Output>, RemoteError> {
        let id_in = |key: &str| {
            result
                .get(key)
                .and_then(|part| part.get("id"))
                .and_then(Value::as_str)
        };
        match id {
            INITIALIZE => {
                self.awaited = "the request for the thread";
                Ok(vec![
                    Output::Send(json!({"method": "initialized"})),
                    Output::Send(self.thread_request.clone()),
                ])
            }
            THREAD => {
                let thread = id_in("thread")
                    .ok_or_else(|| RemoteError::NotUnderstood("a thread without id".to_owned()))?;
                self.thread = Some(thread.to_owned());
                self.awaited = "the prompt";
                Ok(vec![
                    Output::Note(format!("thread {}", visible_line(thread))),
                    Output::Send(json!({"id": TURN, "method": "turn/start", "params": {
                        "threadId": thread, "input": [{"type": "text", "text": self.prompt}],
                    }})),
                ])
            }
            TURN => {
                let turn = id_in("turn")
                    .ok_or_else(|| RemoteError::NotUnderstood("a turn without id".to_owned()))?;
                self.turn = Some(turn.to_owned());
                let mut outputs = vec![Output::Running];
                if let Some((ended, end)) = self.ended_early.take()
                    && ended == turn
                {
                    outputs.extend(end);
                }
                Ok(outputs)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn told(&mut self, method: &str, params: &Value) -> Vec<Output> {
        let text = |key: &str| params.get(key).and_then(Value::as_str);
        if self.thread.is_none() || text("threadId") != self.thread.as_deref() {
            return Vec::new();
        }
        // Another client's turn on the same thread is not what was asked for here.
        if let (Some(ours), Some(theirs)) = (self.turn.as_deref(), text("turnId"))
            && ours != theirs
        {
            return Vec::new();
        }
        let item = params.get("item").unwrap_or(&Value::Null);
        match method {
            "item/agentMessage/delta" => {
                if let Some(id) = text("itemId").filter(|id| !self.streamed.iter().any(|known| known == id)) {
                    self.streamed.push(id.to_owned());
                }
                text("delta")
                    .map(|delta| Output::Text(delta.to_owned()))
                    .into_iter()
                    .collect()
            }
            "item/commandExecution/outputDelta" => self.command_output(text("delta").unwrap_or_default()),
            "item/started" => begun(item).map(Output::Note).into_iter().collect(),
            "item/completed" => self.item_completed(item),
            "thread/status/changed" => waiting(params).map(Output::Note).into_iter().collect(),
            "error" => vec![Output::Note(format!("error: {}", failure(params)))],
            "turn/completed" => self.turn_completed(params.get("turn").unwrap_or(&Value::Null)),
            _ => Vec::new(),
        }
    }

    /// Whole lines of what a command prints.
    fn command_output(&mut self, delta: &str) -> Vec<Output> {
        self.output.push_str(delta);
        let Some(end) = self.output.rfind('\n') else {
            return Vec::new();
        };
        let rest = self.output.split_off(end + 1);
        let lines = std::mem::replace(&mut self.output, rest);
        lines
            .lines()
            .map(|line| Output::Note(format!("  │ {}", inert(line))))
            .collect()
    }

    fn item_completed(&mut self, item: &Value) -> Vec<Output> {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        match text("type") {
            Some("agentMessage") => {
                let streamed = self
                    .streamed
                    .iter()
                    .any(|known| Some(known.as_str()) == text("id"));
                let whole = if streamed {
                    ""
                } else {
                    text("text").unwrap_or_default()
                };
                vec![Output::Text(format!("{whole}\n"))]
            }
            Some("commandExecution") => {
                let rest = std::mem::take(&mut self.output);
                let mut outputs: Vec<Output> = rest
                    .lines()
                    .map(|line| Output::Note(format!("  │ {}", inert(line))))
                    .collect();
                let exit = item
                    .get("exitCode")
                    .and_then(Value::as_i64)
                    .map(|code| format!(", exit {code}"));
                outputs.push(Output::Note(format!(
                    "  {}{}",
                    status(item),
                    exit.unwrap_or_default()
                )));
                outputs
            }
            Some("fileChange" | "mcpToolCall" | "dynamicToolCall") => {
                vec![Output::Note(format!("  {}", status(item)))]
            }
            _ => Vec::new(),
        }
    }

    fn turn_completed(&mut self, turn: &Value) -> Vec<Output> {
        let id = turn.get("id").and_then(Value::as_str).unwrap_or_default();
        let end = match turn.get("status").and_then(Value::as_str) {
            Some("completed") => vec![Output::Ended(Ended::Completed)],
            Some("interrupted") => {
                vec![
                    Output::Note("the turn was interrupted".to_owned()),
                    Output::Ended(Ended::Failed),
                ]
            }
            _ => vec![
                Output::Note(format!("the turn failed: {}", failure(turn))),
                Output::Ended(Ended::Failed),
            ],
        };
        match self.turn.as_deref() {
            Some(ours) if ours == id => end,
            Some(_) => Vec::new(),
            None => {
                self.ended_early = Some((id.to_owned(), end));
                Vec::new()
            }
        }
    }
}

fn status(item: &Value) -> String {
    visible_line(item.get("status").and_then(Value::as_str).unwrap_or("done"))
}

/// The message of an `error` member.
fn failure(holder: &Value) -> String {
    let message = holder
        .get("error")
        .and_then(|error| error.get("message"))
        .and_then(Value::as_str);
    visible_line(message.unwrap_or("no reason given"))
}

/// What begins, on one line.
fn begun(item: &Value) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "commandExecution" => Some(format!("$ {}", visible_line(text("command")))),
        "fileChange" => {
            let changes = item
                .get("changes")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let paths: Vec<String> = changes
                .iter()
                .filter_map(|change| change.get("path").and_then(Value::as_str))
                .map(visible_line)
                .collect();
            Some(format!("changes {}", paths.join(", ")))
        }
        "mcpToolCall" => Some(format!(
            "calls {} of {}",
            visible_line(text("tool")),
            visible_line(text("server"))
        )),
        _ => None,
    }
}

/// That a person at the host is asked.
fn waiting(params: &Value) -> Option<String> {
    let flags = params.get("status")?.get("activeFlags")?.as_array()?;
    flags.iter().find_map(|flag| match flag.as_str() {
        Some("waitingOnApproval") => Some("waits for an approval at the host".to_owned()),
        Some("waitingOnUserInput") => Some("waits for an answer at the host".to_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;

//! An answer as server-sent events, written piece by piece.

use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many deltas without a pause go out in one piece.
const BATCH: usize = 64;

/// One thing that happens on the stream.
#[derive(Debug, PartialEq)]
pub(super) enum Beat {
    /// These bytes.
    Send(Bytes),
    /// A pause.
    Wait(Duration),
    /// Silence until somebody gives up.
    Hang,
    /// The connection breaks.
    Cut,
}

/// Makes ids that no other server of this computer makes: codex keeps them in its history, and a thread
/// may meet several servers.
#[derive(Debug)]
pub(super) struct Ids {
    birth: u128,
    next: AtomicU64,
}

impl Ids {
    pub(super) fn new() -> Self {
        let birth = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        Self {
            birth,
            next: AtomicU64::new(0),
        }
    }

    fn make(&self, kind: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{kind}_{:x}_{number}", self.birth)
    }
}

/// An answer being written.
pub(super) struct Stream<'a> {
    ids: &'a Ids,
    /// Of the response.
    pub(super) id: String,
    /// Of the text item, once it is open.
    message: String,
    pending: String,
    pub(super) beats: Vec<Beat>,
}

impl<'a> Stream<'a> {
    pub(super) fn begin(ids: &'a Ids) -> Self {
        let mut stream = Self {
            ids,
            id: ids.make("resp"),
            message: String::new(),
            pending: String::new(),
            beats: Vec::new(),
        };
        stream.event(
            "response.created",
            json!({"response": {"id": stream.id, "status": "in_progress", "output": []}}),
        );
        stream
    }

    pub(super) fn event(&mut self, kind: &str, mut data: Value) {
        data["type"] = kind.into();
        // Value prints as one line, so it is one `data` field.
        self.pending.push_str(&format!("event: {kind}\ndata: {data}\n\n"));
    }

    pub(super) fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.beats
                .push(Beat::Send(std::mem::take(&mut self.pending).into()));
        }
    }

    pub(super) fn end_with(&mut self, beat: Beat) {
        self.flush();
        self.beats.push(beat);
    }

    pub(super) fn open_text(&mut self) {
        self.message = self.ids.make("msg");
        let item = json!({"type": "message", "id": self.message, "role": "assistant", "status": "in_progress", "content": []});
        self.event(
            "response.output_item.added",
            json!({"output_index": 0, "item": item}),
        );
    }

    pub(super) fn delta(&mut self, delta: &str) {
        let data = json!({"item_id": self.message, "output_index": 0, "content_index": 0, "delta": delta});
        self.event("response.output_text.delta", data);
    }

    pub(super) fn text(&mut self, deltas: impl Iterator<Item = String>, pause: Duration) {
        self.open_text();
        let (mut whole, mut count) = (String::new(), 0);
        for delta in deltas {
            self.delta(&delta);
            whole.push_str(&delta);
            count += 1;
            if !pause.is_zero() {
                self.end_with(Beat::Wait(pause));
            } else if count % BATCH == 0 {
                self.flush();
            }
        }
        let item = json!({
            "type": "message", "id": self.message, "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": whole, "annotations": []}],
        });
        self.event(
            "response.output_item.done",
            json!({"output_index": 0, "item": item}),
        );
        self.complete(&[item], count);
    }

    pub(super) fn calls(&mut self, items: &[Value]) {
        for (index, item) in items.iter().enumerate() {
            let mut added = item.clone();
            added["status"] = "in_progress".into();
            self.event(
                "response.output_item.added",
                json!({"output_index": index, "item": added}),
            );
            self.event(
                "response.output_item.done",
                json!({"output_index": index, "item": item}),
            );
        }
        self.complete(items, items.len());
    }

    pub(super) fn complete(&mut self, items: &[Value], tokens: usize) {
        const INPUT: usize = 100;
        let usage = json!({
            "input_tokens": INPUT, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": tokens, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT + tokens,
        });
        let response = json!({"id": self.id, "status": "completed", "output": items, "usage": usage});
        self.event("response.completed", json!({"response": response}));
    }

    pub(super) fn command(&self, arguments: &Value) -> Value {
        self.function(None, "exec_command", arguments)
    }

    pub(super) fn function(&self, namespace: Option<&str>, name: &str, arguments: &Value) -> Value {
        let mut item = json!({
            "type": "function_call", "id": self.ids.make("fc"), "call_id": self.ids.make("call"), "name": name,
            "arguments": arguments.to_string(), "status": "completed",
        });
        if let Some(namespace) = namespace {
            item["namespace"] = namespace.into();
        }
        item
    }

    pub(super) fn custom(&self, name: &str, input: &str) -> Value {
        json!({
            "type": "custom_tool_call", "id": self.ids.make("ctc"), "call_id": self.ids.make("call"), "name": name,
            "input": input, "status": "completed",
        })
    }

    pub(super) fn patch(&self, hunk: &str) -> Value {
        self.custom("apply_patch", &format!("*** Begin Patch\n{hunk}*** End Patch\n"))
    }
}

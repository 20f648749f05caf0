//! What the fake does when a frame comes.

use serde_json::{Value, json};

/// What is done on one frame of a client, in this order.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub(super) answer: Option<Answer>,
    pub(super) to_caller: Vec<String>,
    pub(super) to_all: Vec<String>,
    pub(super) hang_up: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Answer {
    Result(Value),
    Error { code: i64, message: String },
}

impl Reply {
    /// A result with the request's own id.
    #[must_use]
    pub fn result(result: Value) -> Self {
        Self {
            answer: Some(Answer::Result(result)),
            ..Self::default()
        }
    }

    /// An error with the request's own id.
    #[must_use]
    pub fn error(code: i64, message: impl Into<String>) -> Self {
        Self {
            answer: Some(Answer::Error {
                code,
                message: message.into(),
            }),
            ..Self::default()
        }
    }

    /// Nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self::default()
    }

    /// And this text to the same client, whether it is JSON or not.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Self {
        self.to_caller.push(text.into());
        self
    }

    /// And this text to every client.
    #[must_use]
    pub fn then_all(mut self, text: impl Into<String>) -> Self {
        self.to_all.push(text.into());
        self
    }

    /// And the connection breaks, without a close frame.
    #[must_use]
    pub fn then_hang_up(mut self) -> Self {
        self.hang_up = true;
        self
    }

    /// The answer as a frame; a notification has no id and gets none.
    pub(super) fn answer_frame(&self, id: Option<&Value>) -> Option<String> {
        let id = id?;
        let frame = match self.answer.as_ref()? {
            Answer::Result(result) => json!({"id": id, "result": result}),
            Answer::Error { code, message } => json!({"id": id, "error": {"code": code, "message": message}}),
        };
        Some(frame.to_string())
    }
}

//! What windows are told of a thread. Items pass as the app-server writes them.

use super::last::{fitting, weight_of};
use crate::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Longest `id` and `type`, in bytes.
const LONGEST_NAME: usize = 512;

/// An item as it came; `id` and `type` are sure to be there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ThreadItem(Map<String, Value>);

impl ThreadItem {
    /// None for what has no `id` or no `type`, or one that is no name. Of one that is too long for a window only a part is kept.
    pub(crate) fn of(value: Value) -> Option<Self> {
        let Value::Object(members) = value else {
            return None;
        };
        let is_name = |key: &str| {
            let name = members.get(key).and_then(Value::as_str);
            name.is_some_and(|name| name.len() <= LONGEST_NAME)
        };
        (is_name("id") && is_name("type")).then(|| fitting(Self(members)))
    }

    /// One that the app-server did not write as an item.
    pub(crate) fn made(id: &str, kind: &str, member: &str, value: Value) -> Self {
        let mut members = Map::new();
        members.insert("id".to_owned(), Value::from(id));
        members.insert("type".to_owned(), Value::from(kind));
        members.insert(member.to_owned(), value);
        fitting(Self(members))
    }

    /// A few words of ours in the place of an item.
    pub(crate) fn said(id: &str, words: String) -> Self {
        let members = [
            ("id", id.to_owned()),
            ("type", "notice".to_owned()),
            ("message", words),
        ];
        Self(
            members
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into_iter()
                .collect(),
        )
    }

    /// How many bytes it is written in, about.
    pub(crate) fn weight(&self) -> usize {
        weight_of(&self.0)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("type")
    }

    /// A member that is a text; empty when it is none.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.0.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, member: &str, value: Value) {
        self.0.insert(member.to_owned(), value);
    }

    /// Adds to a member's text. Of more than `most` bytes the older half goes.
    pub(crate) fn grow(&mut self, member: &str, delta: &str, most: usize) {
        match self.0.get_mut(member) {
            Some(Value::String(text)) => {
                text.push_str(delta);
                if text.len() > most {
                    let mut from = text.len() - most / 2;
                    while !text.is_char_boundary(from) {
                        from += 1;
                    }
                    text.drain(..from);
                }
            }
            _ => self.set(member, Value::from(delta)),
        }
    }
}

/// Its TypeScript is written by hand: see `typescript`.
impl JsonSchema for ThreadItem {
    fn schema_name() -> Cow<'static, str> {
        "Item".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TurnState {
    /// Which.
    pub id: String,
    /// `inProgress`, `completed`, `interrupted` or `failed`.
    pub status: String,
}

impl TurnState {
    pub(crate) fn of(turn: &Value) -> Option<Self> {
        let text = |key: &str| turn.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: text("id")?,
            status: text("status")?,
        })
    }

    pub(crate) fn runs(&self) -> bool {
        self.status == "inProgress"
    }
}

/// What stands above the items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct About {
    /// The model, when it is known.
    pub model: Option<String>,
    /// The branch the thread began on.
    pub branch: Option<String>,
    /// Tokens used so far, once they were told.
    pub tokens: Option<u64>,
}

/// A thread as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ThreadItems {
    /// Events with this number or a lower one are contained.
    pub seq: u64,
    /// Items in order.
    pub items: Vec<ThreadItem>,
    /// Whether there are items before these.
    pub earlier: bool,
    /// The turn that runs, or ran last.
    pub turn: Option<TurnState>,
    /// What stands above them.
    #[serde(flatten)]
    pub about: About,
}

/// Why nothing new comes of a thread.
pub type Away = Problem;

/// More text of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemDelta {
    /// Which.
    pub item_id: String,
    /// What is added.
    pub text: String,
}

/// Something that is different now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThreadChange {
    /// A new item, or all of one that was known.
    Item(ThreadItem),
    /// More text.
    Delta(ItemDelta),
    /// A turn began or ended.
    Turn(TurnState),
    /// What stands above the items.
    About(About),
    /// The whole thread anew, after the agent was away.
    Reset(ThreadItems),
    /// Nothing new comes until a `reset`.
    Away(Away),
}

/// What happened in a thread since the last event.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ThreadEvent {
    /// Which thread.
    pub id: String,
    /// One more than that of the last event of this thread.
    pub seq: u64,
    /// In order.
    pub changes: Vec<ThreadChange>,
}

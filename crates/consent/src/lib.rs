//! From a request of the agent to what a person reads.
//!
//! Everything the agent wrote is shown whole, with every character that would not show itself made
//! visible ([`visible`]) and behind a gutter, so that no text of the agent can look like a word of ours.
//! Nothing is shortened in [`Card::body`]. Pure: no IO, no clock, no state.

mod command;
mod confusable;
mod diff;
mod file_change;
mod hidden;
mod names;
mod page;
mod part;
mod permissions;
mod question;
mod shell;
mod unknown;

pub use diff::{Diff, DiffLine, LineKind};
pub use file_change::shows_changes;
pub use hidden::{inert, visible, visible_code, visible_line};
pub use part::Part;

use page::Page;
use serde_json::Value;

/// What kind of request is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Run a command.
    Command,
    /// Change files.
    FileChange,
    /// Wider permissions.
    Permissions,
    /// A question to the user.
    UserInput,
    /// A question of an MCP server, also "may this tool run".
    Elicitation,
    /// Anything else; shown raw.
    Unknown,
}

/// A request as a person reads it. All text is already safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// One line for lists and notices. May stop early, and says so when it does.
    pub headline: String,
    /// The whole request; lines of the agent start with [`GUTTER`], lines of ours do not.
    pub body: String,
    /// What the agent says it wants this for. Its words, not a fact.
    pub claim: Option<String>,
    /// The short facts of the body, as label and value.
    pub facts: Vec<(String, String)>,
    /// The same as the body, in the same order, as parts that a window lays out. One renderer makes both,
    /// so they cannot say different things.
    pub parts: Vec<Part>,
}

/// What every line starts with that holds text of the agent.
pub const GUTTER: &str = "  │ ";

/// Renders a request. `item` is the thread item the request is about, if it is known (a file change
/// cannot be judged without).
#[must_use]
pub fn render(kind: Kind, method: &str, params: &Value, item: Option<&Value>) -> Card {
    let mut page = Page::new(params);
    match kind {
        Kind::Command => command::render(&mut page),
        Kind::FileChange => file_change::render(&mut page, item),
        Kind::Permissions => permissions::render(&mut page),
        Kind::UserInput => question::render_user_input(&mut page),
        Kind::Elicitation => question::render_elicitation(&mut page),
        Kind::Unknown => unknown::render(&mut page, method),
    }
    page.finish()
}

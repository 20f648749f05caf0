//! What the host knows of threads: enough to show them, and to refuse a remote turn on a wide one.
//!
//! *Wide* means: its settings exceed what a remote may have. A thread is wide until a response of the
//! app-server said otherwise; a request that may widen it marks it before it is forwarded.

use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

/// Most file-change items remembered for one thread.
const MOST_ITEMS: usize = 64;

/// Who began a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The user of this computer.
    Local,
    /// A remote client.
    Remote {
        /// Through which bus.
        bus: String,
        /// Which client.
        client: String,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Local => f.write_str("local"),
            Origin::Remote { bus, client } => write!(f, "{bus}/{client}"),
        }
    }
}

/// Settings as the app-server reported them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// `approvalPolicy`.
    pub approval_policy: Option<Value>,
    /// `sandbox`.
    pub sandbox: Option<Value>,
}

/// One thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    /// Id.
    pub id: String,
    /// Name or preview.
    pub title: Option<String>,
    /// Working directory as the app-server spells it: that is the name it goes there by, so whoever judges
    /// it looks up each time where the name leads now.
    pub cwd: Option<PathBuf>,
    /// Status word.
    pub status: String,
    /// Active turn.
    pub turn: Option<String>,
    /// The last turn that was told to have ended.
    pub ended: Option<String>,
    /// Counts what the app-server told of its state: an answer that was asked for before is older.
    pub told: u64,
    /// Whether a remote may not run turns on it.
    pub wide: bool,
    /// Settings last seen.
    pub settings: Settings,
    /// Who began it.
    pub origin: Origin,
    /// Never written to disk; cannot be resumed by another client.
    pub ephemeral: bool,
    /// Whether the observer is subscribed.
    pub observed: bool,
    /// Counts requests that may have changed the settings: what was asked before one of them says
    /// nothing of now.
    pub changes: u64,
    items: VecDeque<(String, Value)>,
}

impl Thread {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: None,
            cwd: None,
            status: "idle".to_owned(),
            turn: None,
            ended: None,
            told: 0,
            wide: true,
            settings: Settings::default(),
            origin: Origin::Local,
            ephemeral: false,
            observed: false,
            changes: 0,
            items: VecDeque::new(),
        }
    }

    /// Remembers a file-change item, whose diff a later approval needs.
    pub fn remember(&mut self, item_id: &str, item: Value) {
        self.items.retain(|(id, _)| id != item_id);
        if self.items.len() == MOST_ITEMS {
            self.items.pop_front();
        }
        self.items.push_back((item_id.to_owned(), item));
    }

    /// An item remembered.
    #[must_use]
    pub fn item(&self, item_id: &str) -> Option<&Value> {
        self.items
            .iter()
            .find(|(id, _)| id == item_id)
            .map(|(_, item)| item)
    }

    /// Takes over the turn that runs, as an answer had it: who follows late was not told that it began. The
    /// answer may be older than what was told since.
    pub fn found_running(&mut self, turn: &str) {
        if self.turn.is_none() && self.is_active() && self.ended.as_deref() != Some(turn) {
            self.turn = Some(turn.to_owned());
        }
    }

    /// Whether the app-server has told its settings.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.settings != Settings::default()
    }

    /// Whether a turn runs.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.turn.is_some() || self.status.starts_with("active") || self.status.starts_with("waiting")
    }
}

/// All threads the host knows to be loaded.
#[derive(Debug, Default)]
pub struct Threads {
    all: BTreeMap<String, Thread>,
}

impl Threads {
    /// The thread, made when it is new (wide until known better).
    pub fn entry(&mut self, id: &str) -> &mut Thread {
        self.all.entry(id.to_owned()).or_insert_with(|| Thread::new(id))
    }
    /// The thread, if known.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Thread> {
        self.all.get(id)
    }
    /// The thread, if known, to be changed.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Thread> {
        self.all.get_mut(id)
    }
    /// Forgets one.
    pub fn remove(&mut self, id: &str) -> Option<Thread> {
        self.all.remove(id)
    }
    /// Forgets all; their ids.
    pub fn clear(&mut self) -> Vec<String> {
        std::mem::take(&mut self.all).into_keys().collect()
    }
    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.all.values()
    }
    /// All, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Thread> {
        self.all.values_mut()
    }
    /// How many have a running turn.
    #[must_use]
    pub fn active_count(&self) -> usize {
        self.all.values().filter(|t| t.is_active()).count()
    }
}

/// The one spelling of a thread id the app-server itself uses: a UUID in lower case with hyphens. It takes
/// other spellings too (observed, 0.169.0), and then two names for one thread would have two fates here.
#[must_use]
pub fn canonical_id(id: &str) -> Option<String> {
    let bare = id.strip_prefix("urn:uuid:").unwrap_or(id);
    let bare = bare
        .strip_prefix('{')
        .and_then(|b| b.strip_suffix('}'))
        .unwrap_or(bare);
    let digits: String = bare
        .chars()
        .filter(|c| *c != '-')
        .collect::<String>()
        .to_ascii_lowercase();
    let hex = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| {
        [
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        ]
        .join("-")
    })
}

/// The status word of a `thread/status/changed` payload.
#[must_use]
pub fn status_word(status: &Value) -> String {
    let kind = status.get("type").and_then(Value::as_str).unwrap_or("unknown");
    let flags = status.get("activeFlags").and_then(Value::as_array);
    let has = |flag: &str| flags.is_some_and(|all| all.iter().any(|f| f == flag));
    match kind {
        "active" if has("waitingOnApproval") => "waiting_on_approval".to_owned(),
        "active" if has("waitingOnUserInput") => "waiting_on_user_input".to_owned(),
        "systemError" => "system_error".to_owned(),
        "notLoaded" => "not_loaded".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_thread_is_wide_until_known_better() {
        assert!(Threads::default().entry("t").wide);
    }

    #[test]
    fn a_turn_is_taken_over_from_an_answer_unless_something_newer_was_told() {
        let mut threads = Threads::default();
        let thread = threads.entry("t");
        thread.found_running("u");
        assert_eq!(thread.turn, None, "an idle thread runs nothing");
        thread.status = "active".to_owned();
        thread.ended = Some("u".to_owned());
        thread.found_running("u");
        assert_eq!(thread.turn, None, "it ended meanwhile");
        thread.found_running("v");
        assert_eq!(thread.turn.as_deref(), Some("v"));
        thread.found_running("w");
        assert_eq!(thread.turn.as_deref(), Some("v"), "what was told stands");
    }

    #[test]
    fn one_thread_has_one_name() {
        let name = "01a1feae-64b9-7fc0-b18e-a2717c8218e9";
        for spelling in [
            name.to_owned(),
            name.to_uppercase(),
            name.replace('-', ""),
            format!("{{{name}}}"),
            format!("urn:uuid:{name}"),
        ] {
            assert_eq!(canonical_id(&spelling).as_deref(), Some(name), "{spelling}");
        }
        assert_eq!(canonical_id("thread-1"), None);
        assert_eq!(canonical_id(""), None);
        assert_eq!(canonical_id("0123456789abcdef0123456789abcdeé"), None);
    }

    #[test]
    fn status_words() {
        let table = [
            (json!({"type":"idle"}), "idle"),
            (json!({"type":"active","activeFlags":[]}), "active"),
            (
                json!({"type":"active","activeFlags":["waitingOnApproval"]}),
                "waiting_on_approval",
            ),
            (
                json!({"type":"active","activeFlags":["waitingOnUserInput"]}),
                "waiting_on_user_input",
            ),
            (json!({"type":"systemError"}), "system_error"),
            (json!({"type":"notLoaded"}), "not_loaded"),
            (json!(3), "unknown"),
        ];
        for (status, word) in table {
            assert_eq!(status_word(&status), word);
        }
    }

    #[test]
    fn items_are_bounded_and_the_newest_stay() {
        let mut threads = Threads::default();
        let thread = threads.entry("t");
        for n in 0..200 {
            thread.remember(&n.to_string(), json!(n));
        }
        assert_eq!(thread.item("0"), None);
        assert_eq!(thread.item("199"), Some(&json!(199)));
        assert_eq!(thread.items.len(), MOST_ITEMS);
    }
}

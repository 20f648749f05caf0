//! Text that a person sees.

use drawbridge_consent::{GUTTER, Kind, Part, inert, render, visible, visible_line};
use serde_json::Value;

/// No character of it moves a cursor, hides text or turns its direction.
pub(crate) fn powerless(text: &str) {
    let bad = |c: &char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}')
    };
    assert_eq!(text.chars().find(bad), None, "{text:?}");
}

fn powerless_part(part: &Part) {
    match part {
        Part::Say(text) | Part::Claim(text) => powerless(text),
        Part::Text { label, text } | Part::Fact { label, value: text } => {
            powerless(label);
            powerless(text);
        }
        Part::Diff { label, diff } => {
            powerless(label);
            diff.lines.iter().for_each(|line| powerless(&line.text));
        }
        Part::Notes(notes) => notes.iter().for_each(|note| powerless(note)),
    }
}

/// A line of a child's stderr.
pub(crate) fn log_line(bytes: &[u8]) {
    let line = String::from_utf8_lossy(bytes);
    let plain = drawbridge_process::fuzz::log_line(&line);
    assert!(!plain.chars().any(|c| c.is_control() && c != '\t'), "{plain:?}");
    assert!(plain.len() <= line.len());
    assert_eq!(drawbridge_process::fuzz::log_line(&plain), plain);
}

/// A request of the agent: the first byte is its kind, the rest its parameters, and after a line break the
/// item it is about.
pub(crate) fn consent(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let kind = match kind % 6 {
        0 => Kind::Command,
        1 => Kind::FileChange,
        2 => Kind::Permissions,
        3 => Kind::UserInput,
        4 => Kind::Elicitation,
        _ => Kind::Unknown,
    };
    let mut parts = rest
        .splitn(2, |byte| *byte == b'\n')
        .map(serde_json::from_slice::<Value>);
    let Some(Ok(params)) = parts.next() else { return };
    let item = parts.next().and_then(Result::ok);
    let method = params
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or("item/unknown");
    let card = render(kind, method, &params, item.as_ref());
    powerless(&card.body);
    powerless(&card.headline);
    assert!(!card.headline.contains('\n'), "{}", card.headline);
    if let Some(claim) = &card.claim {
        powerless(claim);
    }
    for part in &card.parts {
        powerless_part(part);
    }
    for (label, value) in &card.facts {
        powerless(label);
        powerless(value);
    }
    // A marker of text nobody can forge stands on every line of the agent's, so this text, which only the
    // agent can have written, is never at the start of a line.
    let forged = |line: &&str| line.starts_with("canary");
    assert_eq!(
        card.body.lines().find(forged),
        None,
        "outside {GUTTER:?}: {}",
        card.body
    );
}

/// Any text as it is shown.
pub(crate) fn hidden(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for shown in [visible(&text), visible_line(&text), inert(&text)] {
        powerless(&shown);
    }
    assert!(!visible_line(&text).contains(['\n', '\r']));
    let breaks = |text: &str| text.matches('\n').count();
    assert_eq!(
        breaks(&visible(&text)),
        breaks(&text),
        "a line was added or left out"
    );
}

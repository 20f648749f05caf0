//! The head of a skill.

use crate::text::powerless;
use drawbridge_skills::front_matter::{MOST_DESCRIPTION, MOST_NAME, read};

/// What stands between the first two lines of `---` in a file of somebody else.
pub(crate) fn skill_head(bytes: &[u8]) {
    let (head, findings) = read(bytes);
    // Each line is counted once, and the first is 1.
    let lines = u32::try_from(bytes.split(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX);
    for finding in &findings {
        powerless(&finding.message);
        assert!((1..=lines + 1).contains(&finding.line), "{finding:?}");
        assert!(!finding.code.is_empty());
    }
    // A hidden character takes several when it is made visible.
    for (text, most) in [(head.name, MOST_NAME), (head.description, MOST_DESCRIPTION)] {
        let Some(text) = text else { continue };
        powerless(&text);
        assert!(!text.is_empty() && text.chars().count() <= most * 100, "{text:?}");
    }
}

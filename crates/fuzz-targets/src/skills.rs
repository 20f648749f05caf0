//! The head of a skill.

use crate::text::powerless;
use drawbridge_skills::front_matter::{MOST_DESCRIPTION, MOST_NAME, read};

/// What stands between the first two lines of `---` in a file of somebody else.
pub(crate) fn skill_head(bytes: &[u8]) {
    let (head, findings) = read(bytes);
    // Each line is counted once, and the first is 1; its columns likewise.
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for finding in &findings {
        powerless(&finding.message);
        assert!(
            (1..=lines.len() + 1).contains(&(finding.line as usize)),
            "{finding:?}"
        );
        let line = lines.get(finding.line as usize - 1).copied().unwrap_or_default();
        assert!(
            (1..=line.len() + 1).contains(&(finding.column as usize)),
            "{finding:?}"
        );
        assert!(!finding.code.is_empty());
    }
    // A hidden character takes several when it is made visible.
    for (text, most) in [(head.name, MOST_NAME), (head.description, MOST_DESCRIPTION)] {
        let Some(text) = text else { continue };
        powerless(&text);
        assert!(!text.is_empty() && text.chars().count() <= most * 100, "{text:?}");
    }
}

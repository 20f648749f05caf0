//! The configuration file.

use crate::text::powerless;
use drawbridge_config::{has_errors, parse_bytes, set_in_text};

/// The file of a person, and what setting a key makes of it.
pub(crate) fn config_parse(bytes: &[u8]) {
    let (config, problems) = parse_bytes(bytes, "config.toml");
    assert_eq!(config.is_none(), has_errors(&problems));
    for problem in &problems {
        powerless(&problem.to_string());
        if let Some(range) = problem.range {
            assert!(range.start_byte <= range.end_byte && range.start <= range.end);
        }
    }
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|_| config.is_some()) else {
        return;
    };
    // Setting a key of a good file gives a good file that differs in that key only.
    if let Ok((changed, value)) = set_in_text(text, "config.toml", "security.role", "viewer") {
        let (after, problems) = parse_bytes(changed.as_bytes(), "config.toml");
        assert_eq!(problems, []);
        let name = drawbridge_config::Name::Role;
        let without = |config: Option<drawbridge_config::Config>| {
            let mut values = config.map(|config| config.values().clone()).unwrap_or_default();
            let role = values.remove(name);
            (values, role)
        };
        let (rest, role) = without(after);
        assert_eq!(role, Some(value));
        assert_eq!(rest, without(config).0);
    }
}

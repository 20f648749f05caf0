//! Nothing that stands in a file brings the reader down or out of the terminal's lines.

use drawbridge_config::{example, parse_bytes, set_in_text};
use proptest::prelude::*;

/// Pieces that bring random text near the paths of the reader.
const PIECES: [&str; 30] = [
    "[security]\n",
    "[host]\n",
    "role",
    "roots",
    "name",
    " = ",
    "\"",
    "'''",
    "\"\"\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\n",
    "\r\n",
    "\t",
    "#",
    "viewer",
    "\u{1b}[2J",
    "\u{202e}",
    "é",
    "作",
    "\u{feff}",
    "\\u12",
    "token",
    "9e99",
    "=",
    ".",
    "\0",
];

fn near_toml() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..60)
        .prop_map(|pieces| pieces.concat())
}

fn holds(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (config, problems) = parse_bytes(bytes, "c.toml");
    prop_assert_eq!(config.is_none(), drawbridge_config::has_errors(&problems));
    prop_assert!(problems.len() <= 40);
    for problem in problems {
        let shown = problem.to_string();
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{:?}", shown);
        prop_assert!(shown.len() < 8000, "{} bytes", shown.len());
        if let Some(range) = problem.range {
            prop_assert!(range.start_byte <= range.end_byte && range.start <= range.end);
            prop_assert!(range.start.line >= 1 && range.start.column >= 1);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    // proves S5.47
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        holds(&bytes)?;
    }

    #[test]
    fn almost_toml_is_read_or_refused(text in near_toml()) {
        holds(text.as_bytes())?;
    }

    #[test]
    fn a_damaged_example_is_read_or_refused(at in 0usize..4000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = example().replace("\n# ", "\n").into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        holds(&bytes)?;
    }

    #[test]
    fn what_set_writes_is_read_back(name in "\\PC{1,64}") {
        prop_assume!(!name.trim().is_empty() && !name.trim().starts_with(['"', '\'']));
        let (text, _) = set_in_text("# mine\n", "c.toml", "host.name", &name).unwrap();
        let (config, _) = parse_bytes(text.as_bytes(), "c.toml");
        let config = config.unwrap();
        prop_assert_eq!(config.values().text(drawbridge_config::Name::HostName), Some(name.trim()));
        prop_assert!(text.starts_with("# mine\n"));
    }
}

#[test]
fn a_large_file_full_of_mistakes_is_told_of_in_a_few_problems() {
    let text = "x = [\n".repeat(100_000);
    assert!(parse_bytes(text.as_bytes(), "c").1.len() <= 21);
    let text = format!(
        "[host]\n{}",
        (0..50_000).map(|n| format!("k{n} = 1\n")).collect::<String>()
    );
    let (_, problems) = parse_bytes(text.as_bytes(), "c");
    assert_eq!(problems.last().unwrap().message, "and 49980 more problems");
}

//! Every way in which a file can be wrong that we thought of, with what is said about it.
//!
//! `DRAWBRIDGE_WRITE_GOLDEN=1` writes the `.txt` files anew; look at each difference.

use drawbridge_config::{Severity, Source, parse_bytes};
use std::path::{Path, PathBuf};

const WRITE: &str = "DRAWBRIDGE_WRITE_GOLDEN";

fn broken() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
// proves S5.45
fn each_broken_file_gets_its_golden_message() {
    let mut different = Vec::new();
    let files = broken();
    assert!(files.len() >= 40, "{} broken files", files.len());
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let (config, problems) = parse_bytes(&bytes, "config.toml");
        assert!(config.is_none(), "{} counts as good", path.display());
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let said = said.join("\n\n") + "\n";
        let golden = path.with_extension("txt");
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            different.push(format!("--- {}\n{expected}+++ now\n{said}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
// proves S5.45, S5.46
fn each_problem_points_at_the_place_it_names() {
    for path in broken() {
        let bytes = std::fs::read(&path).unwrap();
        let lossy = String::from_utf8_lossy(&bytes).into_owned();
        let (_, problems) = parse_bytes(&bytes, "config.toml");
        assert!(!problems.is_empty(), "{}", path.display());
        for problem in problems {
            assert_eq!(problem.severity, Severity::Error);
            assert_eq!(problem.source, Source::File("config.toml".to_owned()));
            let whole = problem.to_string();
            let (Some(range), Some(excerpt)) = (problem.range, &problem.excerpt) else {
                assert!(whole.starts_with("config.toml: "), "{whole}");
                continue;
            };
            let (line, column) = (range.start.line, range.start.column);
            assert!(
                whole.starts_with(&format!("config.toml:{line}:{column}: ")),
                "{whole}"
            );
            // Counted anew from the text: lines by breaks, columns by characters.
            let start = usize::try_from(range.start_byte).unwrap();
            let before = &lossy[..start];
            assert_eq!(before.matches('\n').count() + 1, line as usize, "{whole}");
            let last = before.rsplit('\n').next().unwrap().trim_start_matches('\u{feff}');
            assert_eq!(last.chars().count() + 1, column as usize, "{whole}");
            assert!(
                range.end_byte >= range.start_byte && range.end >= range.start,
                "{whole}"
            );
            assert_eq!(excerpt.line, line, "{whole}");
            // No line leaves what a terminal can show, and nothing in it moves the cursor.
            for shown in whole.lines().skip(1) {
                assert!(!shown.chars().any(char::is_control), "{whole}");
            }
            assert!(excerpt.skip + excerpt.width <= 110, "{whole}");
        }
    }
}

#[test]
fn no_secret_of_a_file_is_repeated() {
    for path in broken() {
        let bytes = std::fs::read(&path).unwrap();
        let (_, problems) = parse_bytes(&bytes, "config.toml");
        for problem in problems {
            let shown = format!("{problem}{problem:?}{}", serde_json::to_string(&problem).unwrap());
            assert!(!shown.contains("CANARY"), "{}: {problem}", path.display());
        }
    }
}

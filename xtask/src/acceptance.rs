//! `docs/acceptance.md` names tests; a name without a test is worse than an empty cell.

use crate::run::root;

/// Every `` `file.rs`: `test`, `test` `` of the table, and of the windows `` `file.ts`: `what it says` ``.
fn named_tests(table: &str) -> Vec<(String, String)> {
    let mut named = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| S")) {
        let mut file = None;
        // Every second part stands between back ticks.
        for word in row.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") || word.ends_with(".ts") {
                file = Some(word.to_owned());
            } else if let Some(file) = file.as_ref().filter(|file| names_a_test(file, word)) {
                named.push((file.clone(), word.to_owned()));
            }
        }
    }
    named
}

fn names_a_test(file: &str, word: &str) -> bool {
    let sign = if file.ends_with(".rs") { '_' } else { ' ' };
    // A command is none.
    word.contains(sign) && !word.starts_with("cargo ")
}

/// How a test begins, by the language of its file; those of the windows may be one of several cases.
fn beginnings(file: &str, test: &str) -> Vec<String> {
    if file.ends_with(".rs") {
        vec![format!("fn {test}(")]
    } else {
        vec![format!("test(\"{test}\""), format!("])(\"{test}\"")]
    }
}

#[test]
fn every_test_the_table_names_exists() {
    let table = std::fs::read_to_string(root().join("docs/acceptance.md")).unwrap();
    let named = named_tests(&table);
    assert!(named.len() > 10, "the table was not understood: {named:?}");
    for (file, test) in named {
        let source = std::fs::read_to_string(root().join(&file));
        let source = source.unwrap_or_else(|error| panic!("the table names {file}: {error}"));
        assert!(
            beginnings(&file, &test)
                .iter()
                .any(|begin| source.contains(begin)),
            "the table names {test}, which is not in {file}"
        );
    }
}

#[test]
fn the_table_has_each_row_once_and_none_empty() {
    let table = std::fs::read_to_string(root().join("docs/acceptance.md")).unwrap();
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| S")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert!(
            cells.len() == 5 && cells[1..4].iter().all(|cell| !cell.is_empty()),
            "{line}"
        );
        rows.push(cells[1]);
    }
    let mut wanted: Vec<String> = (1..=15).map(|row| format!("S1.{row:02}")).collect();
    wanted.extend((5..=12).map(|row| format!("S5.{row:02}")));
    wanted.push("S5.44".into());
    for row in wanted {
        assert_eq!(rows.iter().filter(|found| **found == row).count(), 1, "{row}");
    }
}

//! What the window shows of files: the record and the configuration.

use crate::{ConfigRow, Problem};
use drawbridge_config::{Store, Values, resolve, show};
use serde_json::Value;
use std::path::Path;

/// How far back the record is read, in bytes.
const BACK: u64 = 2 * 1024 * 1024;
/// Most entries of the record at a time.
const MOST: usize = 2000;

/// The last entries of the record, oldest first.
pub(crate) fn audit_tail(file: &Path, count: usize) -> Result<Vec<Value>, Problem> {
    let wrong =
        |error: std::io::Error| Problem::new("file", format!("cannot read {}: {error}", file.display()));
    let bytes = drawbridge_audit::newest(file, BACK).map_err(wrong)?;
    // A first line that was cut, and a line that is being written, are none.
    let mut entries: Vec<Value> = bytes
        .split(|byte| *byte == b'\n')
        .rev()
        .filter_map(|line| serde_json::from_slice(line).ok())
        .filter(Value::is_object)
        .take(count.min(MOST))
        .collect();
    entries.reverse();
    Ok(entries)
}

/// Every key with its value and who gave it.
pub(crate) fn config_rows(file: &Path, data_dir: &Path, now_ms: u64) -> Vec<ConfigRow> {
    let store = Store::open(file, data_dir, now_ms);
    let state = store.state();
    let name = state.file.display().to_string();
    let resolved = resolve(
        &Values::default(),
        |name| std::env::var_os(name),
        &state.in_force,
        &name,
    );
    show(&resolved.settings)
        .into_iter()
        .map(|shown| ConfigRow {
            key: shown.key.to_owned(),
            value: shown.value,
            otherwise: shown.otherwise.map(str::to_owned),
            origin: shown.origin.to_string(),
        })
        .collect()
}

/// Changes one key; an empty value takes it away.
pub(crate) fn config_set(file: &Path, key: &str, value: &str) -> Result<(), Problem> {
    let done = if value.trim().is_empty() {
        drawbridge_config::unset(file, key).map(|_| ())
    } else {
        drawbridge_config::set(file, key, value).map(|_| ())
    };
    done.map_err(|error| Problem::new(error.code(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_record_comes_without_cut_lines() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("audit.jsonl");
        assert_eq!(audit_tail(&file, 5).unwrap(), Vec::<Value>::new());
        std::fs::write(&file, "{\"n\":1}\n{\"n\":2}\n{\"cut\n{\"n\":3}\n{\"n\":4").unwrap();
        let found = audit_tail(&file, 2).unwrap();
        assert_eq!(found, [serde_json::json!({"n":2}), serde_json::json!({"n":3})]);
    }

    #[test]
    fn a_key_is_set_shown_and_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        config_set(&file, "host.name", "\"Desk\"").unwrap();
        let row = |file: &Path| {
            let rows = config_rows(file, dir.path(), 1);
            rows.into_iter().find(|row| row.key == "host.name").unwrap()
        };
        assert!(row(&file).value.is_some_and(|value| value.contains("Desk")));
        config_set(&file, "host.name", " ").unwrap();
        assert_eq!(row(&file).origin, "default");
        assert_eq!(
            config_set(&file, "no.such", "1").unwrap_err().code,
            "config_no_such_key"
        );
    }
}

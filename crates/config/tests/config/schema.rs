//! The schema and the example that are checked in are those of the table of keys.
//!
//! `DRAWBRIDGE_WRITE_GOLDEN=1` writes them anew.

use drawbridge_config::{KEYS, example, json_schema, parse, parse_bytes};
use serde_json::Value;
use std::path::{Path, PathBuf};

const WRITE: &str = "DRAWBRIDGE_WRITE_GOLDEN";

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

fn in_sync(name: &str, text: &str) {
    let path = docs(name);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/{name} is not what the table of keys says; {WRITE}=1 writes it anew"
    );
}

#[test]
fn the_schema_checked_in_is_that_of_the_keys() {
    let text = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    in_sync("schema/config.schema.json", &text);
}

#[test]
fn the_example_checked_in_is_that_of_the_keys() {
    in_sync("config.example.toml", &example());
}

/// The example with every key in effect.
fn in_effect() -> String {
    let keys: Vec<String> = KEYS.iter().map(|key| format!("# {} = ", key.leaf())).collect();
    let lines: Vec<String> = example()
        .lines()
        .map(|line| {
            let key = keys.iter().any(|key| line.starts_with(key.as_str()));
            let line = if key { &line[2..] } else { line };
            format!("{line}\n")
        })
        .collect();
    lines.concat()
}

fn as_json(text: &str) -> Option<Value> {
    toml::from_str(text).ok()
}

#[test]
fn the_example_is_right_as_it_is_and_with_every_key_in_effect() {
    let schema = jsonschema::validator_for(&json_schema()).unwrap();
    let (config, problems) = parse(&example(), "e.toml");
    assert!(problems.is_empty());
    assert!(config.unwrap().values().is_empty(), "nothing in it is in effect");
    let text = in_effect();
    let (config, problems) = parse(&text, "e.toml");
    assert!(problems.is_empty(), "{}", problems[0]);
    assert_eq!(config.unwrap().values().iter().count(), KEYS.len());
    assert!(schema.is_valid(&as_json(&text).unwrap()), "{text}");
}

#[test]
// What only the program checks: it reads an address or a path more closely than a pattern can.
fn what_is_refused_the_schema_refuses_too() {
    const CLOSER: [&str; 7] = [
        "backslashes",
        "name_control",
        "port_fraction",
        "roots_mixed",
        "url_connect",
        "url_plain",
        "token_as_folder",
    ];
    let schema = jsonschema::validator_for(&json_schema()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|ext| ext != "toml") || CLOSER.contains(&name.as_str()) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        assert!(parse_bytes(&bytes, "c").0.is_none());
        if let Some(value) = std::str::from_utf8(&bytes).ok().and_then(as_json) {
            assert!(!schema.is_valid(&value), "the schema takes {name}");
            checked += 1;
        }
    }
    assert!(checked >= 40, "{checked}");
}

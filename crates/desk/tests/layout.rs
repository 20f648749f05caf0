//! What the repository promised to be made of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

// proves S0.04
#[test]
fn the_entries_that_were_promised_stand_at_the_top() {
    for (entry, folder) in [
        ("Cargo.toml", false),
        ("src-tauri", true),
        ("ui", true),
        ("icons", true),
        ("tauri.conf.json", false),
        ("README.md", false),
    ] {
        let found = std::fs::metadata(root().join(entry)).unwrap_or_else(|error| panic!("{entry}: {error}"));
        assert_eq!(found.is_dir(), folder, "{entry}");
    }
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("name = \"drawbridge-desktop\""),
        "the app is the package at the top"
    );
}

// proves S0.03
#[test]
fn the_packages_that_were_named_are_used() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for package in [
        "tauri",
        "tokio",
        "serde",
        "serde_json",
        // The keyring crate's own parts, as its authors want applications to use them.
        "keyring-core",
        "age",
        "notify",
        "tokio-tungstenite",
        "tracing",
        "dirs",
    ] {
        assert!(lock.contains(&format!("\nname = \"{package}\"\n")), "{package}");
    }
}

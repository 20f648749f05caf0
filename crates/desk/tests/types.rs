//! What the windows' side is compiled against is what the Rust side sends.
//!
//! `cargo xtask schema` writes it anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::path::Path;

#[test]
fn the_types_of_the_windows_are_those_of_the_rust_side() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/generated/types.ts");
    let made = drawbridge_desk::typescript::types();
    if std::env::var_os("DRAWBRIDGE_WRITE_SCHEMA").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &made).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found.replace("\r\n", "\n") == made,
        "ui/src/generated/types.ts is not what the types say: run `cargo xtask schema` and look at the difference"
    );
}

#[test]
fn variants_options_and_lists_have_their_form() {
    let made = drawbridge_desk::typescript::types();
    for line in [
        "export type ApprovalKind = ",
        "  paused_until_ms: number | null;",
        "  host: HostView | null;",
        "  links: LinkView[];",
        "export type ThreadEvent = ",
    ] {
        assert!(made.contains(line), "{line}\n{made}");
    }
    assert!(!made.contains("unknown | "), "{made}");
}

//! Every parser of bytes that others send us, as a function of bytes that must not panic.
//!
//! Each target also asserts what must hold of what its parser lets through. `cargo xtask fuzz` runs them
//! under libFuzzer; the tests of this crate run them on their seeds and on random changes of these.
#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is how a target reports what it found"
)]

mod configuration;
mod frames;
mod http_heads;
mod places;
mod secrets;
mod skills;
mod text;

/// A function of foreign bytes.
pub type Target = fn(&[u8]);

/// All targets by name; each has a file in `fuzz/fuzz_targets` and seeds in `fuzz/seeds`.
pub const TARGETS: &[(&str, Target)] = &[
    ("envelope", frames::envelope),
    ("strict", frames::strict),
    ("control", frames::control),
    ("link", frames::link),
    ("pipe", frames::pipe),
    ("remote_frames", frames::remote_frames),
    ("bus_request", http_heads::bus_request),
    ("upgrade_answer", http_heads::upgrade_answer),
    ("tunnel_request", http_heads::tunnel_request),
    ("bus_refusal", http_heads::bus_refusal),
    ("header_text", http_heads::header_text),
    ("log_line", text::log_line),
    ("consent", text::consent),
    ("hidden", text::hidden),
    ("path", places::path),
    ("verdict", places::verdict),
    ("config_parse", configuration::config_parse),
    ("vault_decode", secrets::vault_decode),
    ("skill_head", skills::skill_head),
];

/// Runs the target of this name.
///
/// # Panics
/// When there is none, or when the target found something.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(target.is_some(), "there is no target {name}");
    if let Some((_, target)) = target {
        target(bytes);
    }
}

//! See `drawbridge_fuzz_targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drawbridge_fuzz_targets::run("skill_head", bytes));

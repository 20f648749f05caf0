//! The targets on their seeds and on random changes of these, without a fuzzer.
#![allow(clippy::unwrap_used, reason = "a test ends where its setup fails")]

use drawbridge_fuzz_targets::{TARGETS, Target};
use proptest::prelude::{Just, Strategy, any};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = fuzz().join("seeds").join(target);
    names(&folder)
        .iter()
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let mut known: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort();
    assert_eq!(names(&fuzz().join("seeds")), known);
    let programs: Vec<String> = known.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), programs);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in known {
        assert!(!seeds(&name).is_empty(), "{name} has no seed");
        let program = std::fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            program.contains(&format!("\"{name}\"")),
            "{name}.rs runs another target"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
    }
}

#[test]
fn no_seed_breaks_its_target() {
    for (name, target) in TARGETS {
        for seed in seeds(name) {
            target(&seed);
        }
        target(b"");
    }
}

/// A piece of a seed put somewhere else in a seed, bytes changed, the end cut off; or any bytes.
fn changed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let pick = (0..seeds.len(), 0..seeds.len());
    let edits = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4);
    let cuts = (any::<[proptest::sample::Index; 4]>(), any::<bool>(), edits);
    let from_seeds = (Just(seeds), pick, cuts).prop_map(|(seeds, (one, other), (cuts, splice, edits))| {
        let (mut bytes, other) = (seeds[one].clone(), &seeds[other]);
        if splice && !other.is_empty() {
            let (a, b) = (cuts[0].index(other.len()), cuts[1].index(other.len()));
            let at = cuts[2].index(bytes.len() + 1);
            bytes.splice(at..at, other[a.min(b)..a.max(b)].iter().copied());
        }
        for (at, byte) in edits {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if !splice {
            bytes.truncate(cuts[3].index(bytes.len() + 1));
        }
        bytes
    });
    proptest::prop_oneof![4 => from_seeds, 1 => proptest::collection::vec(any::<u8>(), 0..256)]
}

#[test]
fn no_change_of_a_seed_breaks_its_target() {
    for (name, target) in TARGETS {
        let target: Target = *target;
        // The same cases each time: looking for new ones is the fuzzer's part.
        let config = Config {
            cases: 1000,
            failure_persistence: None,
            ..Config::default()
        };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let all = changed(seeds(name));
        let found = runner.run(&all, |bytes| {
            target(&bytes);
            Ok(())
        });
        match found {
            Ok(()) => {}
            Err(TestError::Fail(why, bytes)) => panic!("{name}: {why}\n{}", bytes.escape_ascii()),
            Err(TestError::Abort(why)) => panic!("{name}: {why}"),
        }
    }
}

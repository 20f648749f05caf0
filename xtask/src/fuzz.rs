//! `fuzz`: every parser of foreign bytes under libFuzzer, one after the other.

use crate::error::Error;
use crate::run::{self, root};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What libFuzzer says at the end when it is asked for statistics.
const EXECUTIONS: &str = "stat::number_of_executed_units:";

/// Runs each target for so long, all of them or those named; stops at the first that finds something.
///
/// # Errors
/// When `cargo-fuzz` is missing, or a target does not build or finds something.
pub(crate) fn fuzz(seconds: u64, only: &[String]) -> Result<(), Error> {
    if !run::succeeds(&mut run::cargo(&["fuzz", "--version"])) {
        return Err(Error::Missing {
            program: "cargo-fuzz",
            remedy: "get it with `cargo install cargo-fuzz --locked`; \
                     the targets run without it, too: `cargo nextest run -p drawbridge-fuzz-targets`"
                .to_owned(),
        });
    }
    let mut done = Vec::new();
    for target in targets()?
        .iter()
        .filter(|name| only.is_empty() || only.contains(name))
    {
        println!("\n== {target}");
        // The corpus grows beside the seeds and is not checked in.
        let corpus = root().join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| Error::File {
            path: corpus.clone(),
            what: error.to_string(),
        })?;
        let mut command = cargo_fuzz();
        command
            .arg(target)
            .arg(corpus)
            .arg(root().join("fuzz/seeds").join(target))
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .args(["-max_len=8192", "-timeout=10", "-print_final_stats=1"]);
        done.push((target.clone(), executions(&mut command)?));
    }
    println!("\nnothing was found:");
    for (target, executions) in &done {
        println!("  {target}: {executions} executions");
    }
    Ok(())
}

/// The programs in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>, Error> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).map_err(|error| Error::File {
        path: folder,
        what: error.to_string(),
    })?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// `cargo fuzz`. The compiler's flags it needs are not stable ones; the pinned compiler has them when it is
/// told that it may. Without a sanitizer: nothing here is unsafe, and what is looked for is a panic.
fn cargo_fuzz() -> Command {
    let mut command = run::cargo(&["fuzz", "run", "--sanitizer", "none"]);
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Runs a target, passes on what it says, and answers how often it ran.
fn executions(command: &mut Command) -> Result<String, Error> {
    let failed = |source| Error::Start {
        program: "cargo fuzz".to_owned(),
        source,
    };
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut executions = None;
    if let Some(said) = child.stderr.take() {
        for line in BufReader::new(said).lines() {
            let line = line.map_err(failed)?;
            match line.strip_prefix(EXECUTIONS) {
                Some(count) => executions = Some(count.trim().to_owned()),
                // The running commentary of a target that finds nothing is of no use to anyone.
                None if line.starts_with('#') || line.starts_with("stat::") => {}
                None => eprintln!("{line}"),
            }
        }
    }
    let status = child.wait().map_err(failed)?;
    match executions {
        Some(executions) if status.success() => Ok(executions),
        _ => Err(Error::Failed {
            command: run::line(command),
            status,
        }),
    }
}

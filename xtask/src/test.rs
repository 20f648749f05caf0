//! `test`: what has to hold before a change lands, stage by stage.

use crate::error::Error;
use crate::{demo, desktop, package, run, setup};
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs all stages, stops at the first failure.
///
/// # Errors
/// The stage that failed and why.
pub(crate) fn test(quick: bool) -> Result<(), Error> {
    let begin = Instant::now();
    let mut stages = Stages::default();
    stages.run("setup", || setup::setup().map(|_| ()))?;
    stages.run("format", || {
        run::succeed(&mut run::cargo(&["fmt", "--all", "--check"]))
    })?;
    if has_cargo_deny() {
        stages.run("dependencies", || run::succeed(run::cargo(&DENY).args(CHECKS)))?;
    }
    // Before anything is compiled: the windows are part of the desktop program.
    stages.run("windows", desktop::windows)?;
    stages.run("clippy", || {
        run::succeed(cargo(&["clippy", "--workspace", "--all-targets"]).args(["--", "-D", "warnings"]))
    })?;
    if !quick {
        stages.run("docs", || {
            run::succeed(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
        })?;
        stages.run("doc tests", || {
            run::succeed(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]))
        })?;
    }
    stages.run("tests", tests)?;
    if !quick {
        stages.run("windows' tests", desktop::windows_tests)?;
        stages.run("demo", || demo::demo(true, false))?;
        stages.run("desktop", package::packed_and_tried)?;
    }
    println!("\n{}", stages.summary(begin.elapsed(), quick));
    if !has_cargo_deny() {
        println!("left out: dependencies (get it with `cargo install cargo-deny --locked`)");
    }
    Ok(())
}

/// What holds of dependencies without asking the network: nothing forbidden, licenses, where they come from.
const DENY: [&str; 4] = ["deny", "--log-level", "error", "check"];
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

fn has_cargo_deny() -> bool {
    run::succeeds(&mut run::cargo(&["deny", "--version"]))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = run::cargo(arguments);
    if run::on_ci() {
        command.arg("--locked");
    }
    command
}

fn tests() -> Result<(), Error> {
    if run::succeeds(&mut run::cargo(&["nextest", "--version"])) {
        run::succeed(&mut cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]))
    } else {
        run::succeed(&mut cargo(&[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
        ]))
    }
}

#[derive(Default)]
struct Stages(Vec<(&'static str, Duration)>);

impl Stages {
    fn run(&mut self, stage: &'static str, body: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        println!("\n== {stage}");
        let begin = Instant::now();
        match body() {
            Ok(()) => {
                self.0.push((stage, begin.elapsed()));
                println!("== {stage}: ok in {}", seconds(begin.elapsed()));
                Ok(())
            }
            Err(source) => Err(Error::Stage {
                task: "test",
                stage,
                source: Box::new(source),
            }),
        }
    }

    fn summary(&self, all: Duration, quick: bool) -> String {
        let stages: Vec<String> = self
            .0
            .iter()
            .map(|(stage, took)| format!("{stage} {}", seconds(*took)))
            .collect();
        let left_out = if quick {
            " (quick: no docs, doc tests, demo and desktop)"
        } else {
            ""
        };
        format!(
            "all {} stages passed in {}: {}{left_out}",
            self.0.len(),
            seconds(all),
            stages.join(", ")
        )
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_names_its_stage_and_counts_no_pass() {
        let mut stages = Stages::default();
        stages.run("one", || Ok(())).unwrap();
        let error = stages.run("two", || Err(Error::Demo)).unwrap_err();
        assert!(error.to_string().starts_with("test failed at: two"), "{error}");
        let summary = stages.summary(Duration::from_secs(3), false);
        assert!(
            summary.starts_with("all 1 stages passed in 3.0 s: one "),
            "{summary}"
        );
    }
}

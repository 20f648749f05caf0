//! `demo`: builds the programs and runs `xtask/demo` on them.

use crate::error::Error;
use crate::{run, setup};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds, then runs the demo.
///
/// # Errors
/// What could not be built, or that the demo failed (it has said where).
pub(crate) fn demo(yes: bool, live: bool) -> Result<(), Error> {
    let at = |stage| {
        move |source| Error::Stage {
            task: "demo",
            stage,
            source: Box::new(source),
        }
    };
    let codex = setup::agent().map_err(at("setup"))?.codex;
    println!("build: drawbridge and the demo");
    let mut build = run::cargo(&["build", "-p", "drawbridge-cli", "-p", "drawbridge-demo"]);
    if run::on_ci() {
        build.arg("--locked");
    }
    let built = run::output(build.arg("--message-format=json-render-diagnostics")).map_err(at("build"))?;
    let drawbridge = executable(&built, "drawbridge").ok_or(Error::NotBuilt("drawbridge"))?;
    let program = executable(&built, "drawbridge-demo").ok_or(Error::NotBuilt("drawbridge-demo"))?;
    // <target>/debug/drawbridge
    let target = drawbridge
        .ancestors()
        .nth(2)
        .map_or_else(|| run::root().join("target"), Path::to_path_buf);

    let mut command = Command::new(program);
    command
        .arg("--drawbridge")
        .arg(drawbridge)
        .arg("--codex")
        .arg(codex)
        .arg("--target")
        .arg(target);
    command
        .args(yes.then_some("--yes"))
        .args(live.then_some("--live"));
    match run::succeed(&mut command) {
        Err(Error::Failed { .. }) => Err(Error::Demo),
        other => other,
    }
}

/// Where cargo says it put the program `name`: right under every target directory and build setting.
pub(crate) fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| {
            let target = message.get("target")?;
            // Its unit tests have the same name and kind.
            if message.pointer("/profile/test") == Some(&Value::Bool(true)) {
                return None;
            }
            (target.get("name")? == name && target.get("kind")?.as_array()?.iter().any(|kind| kind == "bin"))
                .then(|| message.get("executable")?.as_str().map(PathBuf::from))?
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"drawbridge","kind":["lib"]},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"drawbridge","kind":["bin"]},"profile":{"test":true},"executable":"/t/debug/deps/drawbridge-1"}
{"reason":"compiler-artifact","target":{"name":"drawbridge","kind":["bin"]},"profile":{"test":false},"executable":"/t/debug/drawbridge"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages, "drawbridge"),
            Some(PathBuf::from("/t/debug/drawbridge"))
        );
        assert_eq!(executable(messages, "drawbridge-demo"), None);
    }
}

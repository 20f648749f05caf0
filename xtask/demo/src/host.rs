//! The host as its user sees it: through the `drawbridge` command.

use crate::child::marked;
use crate::hop::Failure;
use crate::places::Places;
use drawbridge_wire::control::HostView;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::time::timeout;

/// One call of the command.
const CALL: Duration = Duration::from_secs(10);

/// The user at the host.
pub(crate) struct Desk<'a> {
    pub(crate) drawbridge: &'a Path,
    pub(crate) places: &'a Places,
}

impl Desk<'_> {
    /// `drawbridge status --json`
    pub(crate) async fn status(&self) -> Result<HostView, Failure> {
        let text = self.call(&["status", "--json"]).await?;
        serde_json::from_str(&text).map_err(|e| {
            Failure::new(
                format!(
                    "`drawbridge status --json` printed no state ({e}): {}",
                    first_line(&text)
                ),
                "report this",
            )
        })
    }

    /// `drawbridge approvals show ID`
    pub(crate) async fn card(&self, id: &str) -> Result<String, Failure> {
        self.call(&["approvals", "show", id]).await
    }

    /// `drawbridge approvals accept|decline ID`
    pub(crate) async fn answer(&self, id: &str, accept: bool) -> Result<String, Failure> {
        self.call(&["approvals", if accept { "accept" } else { "decline" }, id])
            .await
    }

    async fn call(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = marked(self.drawbridge, self.places);
        command.args(arguments).arg("--data-dir").arg(&self.places.data);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = arguments.join(" ");
        let output = timeout(CALL, command.output())
            .await
            .map_err(|_| {
                Failure::new(
                    format!("`drawbridge {name}` did not answer within {} s", CALL.as_secs()),
                    "the host hangs; see its log",
                )
            })?
            .map_err(|e| Failure::new(format!("cannot run `drawbridge {name}` ({e})"), "build it again"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(
            format!(
                "`drawbridge {name}` ended with {}: {}",
                output.status,
                said.trim()
            ),
            "see the host's log",
        ))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("(nothing)")
}

//! `logs`: the last lines a child wrote to stderr.

use crate::args::LogsArgs;
use crate::{CliError, Exit, screen};
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_wire::control::Request;
use serde_json::Value;
use std::path::Path;

pub(crate) async fn run(data_dir: &Path, args: LogsArgs) -> Result<Exit, CliError> {
    let mut client = ControlClient::connect(data_dir, "drawbridge logs", false).await?;
    let answer = client.request(&Request::Logs { child: args.child }).await?;
    let lines = answer
        .get("lines")
        .unwrap_or(&answer)
        .as_array()
        .ok_or_else(|| ControlError::NotUnderstood("logs without lines".to_owned()))?;
    for line in lines.iter().filter_map(Value::as_str) {
        screen::line(&drawbridge_consent::inert(line))?;
    }
    Ok(Exit::Done)
}

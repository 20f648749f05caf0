//! `stop`: end the host, whoever else uses it.

use crate::{CliError, Exit, screen};
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_wire::control::Request;
use std::path::Path;
use std::time::Duration;

/// Longest for the host to end its children and itself.
const ENDS: Duration = Duration::from_secs(20);

pub(crate) async fn run(data_dir: &Path) -> Result<Exit, CliError> {
    let mut client = ControlClient::connect(data_dir, "drawbridge stop", false).await?;
    let view = client.snapshot().await?;
    match client.request(&Request::Stop {}).await {
        Ok(_) | Err(ControlError::Lost(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let closes = async { while client.next().await.is_ok() {} };
    if tokio::time::timeout(ENDS, closes).await.is_err() {
        return Err(ControlError::Silent.into());
    }
    screen::note_line(&format!(
        "host {} has stopped",
        drawbridge_consent::visible_line(&view.host.name)
    ));
    Ok(Exit::Done)
}

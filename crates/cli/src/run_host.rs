//! The one place that knows how the host crate is called.

use crate::CliError;
use drawbridge_host::HostOptions;
use drawbridge_wire::pipe::{HostReady, HostSetup};
use std::path::PathBuf;

pub(crate) async fn run(
    data_dir: PathBuf,
    setup: HostSetup,
    log_level: Box<dyn Fn(&str) + Send>,
    ready: Box<dyn FnOnce(HostReady) + Send>,
) -> Result<(), CliError> {
    let executable = std::env::current_exe().map_err(|source| CliError::File {
        path: PathBuf::from("drawbridge"),
        source,
    })?;
    drawbridge_host::run(HostOptions {
        data_dir,
        setup,
        executable,
        log_level,
        ready,
    })
    .await
    .map_err(|error| CliError::Host {
        code: error.code(),
        message: error.to_string(),
    })
}

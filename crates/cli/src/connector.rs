//! `connector`: the part of a host that faces the network. It speaks with the host over its pipes.

use crate::{CliError, Exit, log};

pub(crate) async fn run() -> Result<Exit, CliError> {
    let _ = log::start();
    Box::pin(drawbridge_connector::run(tokio::io::stdin(), tokio::io::stdout()))
        .await
        .map(|()| Exit::Done)
        .map_err(|error| CliError::Connector {
            code: error.code(),
            message: error.to_string(),
        })
}

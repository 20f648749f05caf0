//! `bus`: the control plane, one process; and what is asked of one that runs.

use crate::args::BusArgs;
use crate::secrets::Secrets;
use crate::system::StopSignal;
use crate::{CliError, Exit, log, screen};
use drawbridge_bus::{Bus, BusError, BusOptions, ClientToken};

mod admin;

/// The variables its tokens come in.
const CONNECT_TOKEN: &str = "CODEX_BUS_CONNECT_TOKEN";
const HTTP_TOKEN: &str = "CODEX_BUS_HTTP_TOKEN";
const CLIENT_TOKEN: &str = "DRAWBRIDGE_BUS_CLIENT_TOKEN";
const ADMIN_TOKEN: &str = "DRAWBRIDGE_BUS_ADMIN_TOKEN";

pub(crate) async fn run(mut args: BusArgs, secrets: &Secrets) -> Result<Exit, CliError> {
    if let Some(action) = args.action.take() {
        return admin::run(action, secrets).await;
    }
    let _ = log::start();
    let mut stop = StopSignal::listen()?;
    let bus = Bus::bind(options(args, secrets)?)
        .await
        .map_err(|error| bus_error(&error))?;
    screen::line(&format!("listening on http://{}", bus.local_addr()))?;
    Box::pin(bus.run(async move { stop.received().await })).await;
    Ok(Exit::Done)
}

fn options(args: BusArgs, secrets: &Secrets) -> Result<BusOptions, CliError> {
    let connect_token = secrets.variable(CONNECT_TOKEN).cloned();
    let admin_token = secrets.variable(ADMIN_TOKEN).cloned();
    if connect_token.is_none() && admin_token.is_none() {
        return Err(CliError::Usage(format!(
            "a bus without {CONNECT_TOKEN} and without {ADMIN_TOKEN} takes no hosts; set the first to a long \
             random string and give hosts the same, or set the second and give each host a code (`drawbridge \
             bus pair`)"
        )));
    }
    if args.state.is_none() && admin_token.is_some() {
        screen::note_line("without --state FILE, enrollments are forgotten when this bus ends");
    }
    let client_tokens = match secrets.variable(CLIENT_TOKEN) {
        Some(list) => ClientToken::parse_list(list.reveal()).map_err(|error| bus_error(&error))?,
        None => Vec::new(),
    };
    if client_tokens.is_empty() {
        screen::note_line(&format!(
            "{CLIENT_TOKEN} is not set: no client can drive a host through this bus"
        ));
    }
    Ok(BusOptions {
        listen: args.listen,
        connect_token,
        http_token: secrets.variable(HTTP_TOKEN).cloned(),
        client_tokens,
        admin_token,
        state_file: args.state,
        public_origin: args.public_origin,
    })
}

fn bus_error(error: &BusError) -> CliError {
    CliError::Bus {
        code: error.code(),
        message: error.to_string(),
    }
}

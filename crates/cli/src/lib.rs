//! The `drawbridge` command: one module for each subcommand, thin.
//!
//! [`main`] first rids the process of secrets in its arguments and variables ([`secrets`]), then reads
//! the arguments, then does what they say.

mod approvals;
pub mod args;
mod bus;
mod config;
mod connect;
mod connector;
mod doctor;
mod enroll;
mod enrollments;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod host;
mod log;
mod logs;
mod place;
mod processes;
mod remote;
mod report;
mod run_host;
mod screen;
pub mod secrets;
mod skills;
mod status;
mod stop;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;
mod threads;
mod vault;
mod visit;

pub use error::{CliError, Exit};

use args::{Arguments, Command};
use clap::Parser;
use doctor::Subject;
use place::Place;
use secrets::Secrets;
use std::process::ExitCode;
use std::time::Duration;

/// How long work that was begun (a write to a closed pipe, a read of the terminal) may hold up the end.
const LAST_WORK: Duration = Duration::from_millis(200);

/// Runs the command with the arguments and variables of this process.
#[must_use]
pub fn main() -> ExitCode {
    // Before anything else, so that no process that stays shows a token to `ps`.
    let outcome = secrets::take_over()
        .map_err(CliError::from)
        .and_then(|(secrets, arguments)| {
            let arguments = Arguments::parse_from(arguments);
            start(arguments, secrets)
        });
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            screen::error(&error);
            error.exit().into()
        }
    }
}

fn start(arguments: Arguments, secrets: Secrets) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    let outcome = runtime.block_on(Box::pin(dispatch(arguments, secrets)));
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

async fn dispatch(arguments: Arguments, secrets: Secrets) -> Result<Exit, CliError> {
    let place = Place::of(&arguments)?;
    let data_dir = place.data_dir.clone();
    let config_file = config::path(arguments.config.as_deref());
    match arguments.command {
        // Without a folder for settings there is no file, and that stops no connection.
        Command::Connect(args) => connect::run(&place, &args, &secrets).await,
        Command::Enroll(args) => enroll::run(&place, *args, &secrets).await,
        Command::Enrollments(args) => enrollments::run(&place, args).await,
        Command::Forget { bus } => enrollments::forget(&place, bus).await,
        Command::Vault(args) => vault::run(&place, args.action).await,
        Command::Config(args) => config::run(&place, &config_file?, args.action).await,
        Command::Doctor(args) => {
            let subject = Subject::of(&place, config_file.ok().as_deref(), &args.subject, &secrets);
            Box::pin(doctor::run(&subject, &args)).await
        }
        Command::Report(args) => {
            let subject = Subject::of(&place, config_file.ok().as_deref(), &args.subject, &secrets);
            Box::pin(report::run(&subject, &args, &secrets)).await
        }
        Command::Status(args) => status::run(&data_dir, args.json).await,
        Command::Threads(args) => threads::run(&data_dir, args.json).await,
        Command::Approvals(args) => approvals::run(&data_dir, args).await,
        Command::Skills(args) => skills::run(&place, args).await,
        Command::Processes(args) => processes::run(&data_dir, args).await,
        Command::Stop => stop::run(&data_dir).await,
        Command::Logs(args) => logs::run(&data_dir, args).await,
        Command::Remote(args) => remote::run(args, &secrets).await,
        Command::Bus(args) => bus::run(args, &secrets).await,
        Command::Host(args) => host::run(data_dir, args.service).await,
        Command::Connector => connector::run().await,
    }
}

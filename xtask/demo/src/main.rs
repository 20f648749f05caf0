//! The main job end to end on one computer: a remote client drives the real Codex through bus,
//! connector and gate, and a person at the host answers its approvals. Run by `cargo xtask demo`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod answers;
mod child;
mod hop;
mod host;
mod job;
mod listening;
mod places;
mod remote;
mod stage;
mod sweep;

use clap::Parser;
use hop::Failure;
use stage::Stage;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Longest a demo may take when nobody is asked.
const UNATTENDED: Duration = Duration::from_secs(180);
/// Longest a demo may take with a person who reads and answers.
const ATTENDED: Duration = Duration::from_secs(30 * 60);

#[derive(Parser)]
#[command(name = "drawbridge-demo", about = "Run it with `cargo xtask demo`")]
pub(crate) struct Options {
    /// The `drawbridge` program
    #[arg(long)]
    drawbridge: PathBuf,
    /// The native Codex program
    #[arg(long)]
    codex: PathBuf,
    /// Folder for homes and working directories
    #[arg(long)]
    target: PathBuf,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// The user's own Codex login and model
    #[arg(long, conflicts_with = "yes")]
    live: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !options.yes && !terminal {
        eprintln!(
            "demo failed at: start: it asks you for answers and this is no terminal; run it with --yes"
        );
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("demo failed at: start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let succeeded = runtime.block_on(run(&options));
    // A thread may still wait for a key press; it must not hold up the end.
    runtime.shutdown_background();
    if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(options: &Options) -> bool {
    let mut stage = match Stage::new(options) {
        Ok(stage) => stage,
        Err(failure) => {
            eprintln!("{failure}");
            return false;
        }
    };
    let limit = if options.yes { UNATTENDED } else { ATTENDED };
    let interrupt = interrupted();
    let performed = tokio::select! {
        done = Box::pin(stage.perform(options)) => done,
        signal = interrupt => Err(Failure::new(signal, "start it again when you like")),
        () = tokio::time::sleep(limit) => Err(Failure::new(
            format!("not done after {} s", limit.as_secs()),
            "the log tails below show who waits for whom",
        )),
    };
    // The hop has to be named before taking down begins another one.
    let performed = performed.map_err(|failure| {
        stage.show_logs();
        stage.report(failure);
    });
    let down = stage.take_down().await;
    if performed.is_ok() && down.is_ok() {
        stage.forget_folders();
        return true;
    }
    if let Err(failure) = down {
        if performed.is_ok() {
            stage.show_logs();
        }
        stage.report(failure);
    }
    stage.keep_folders();
    false
}

/// Ends when the user or the system asks this program to end.
async fn interrupted() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut int), Ok(mut term)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            return "interrupted";
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    "interrupted"
}

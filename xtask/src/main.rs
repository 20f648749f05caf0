//! Everything a person or CI runs: `cargo xtask setup | test | demo | desktop | package | schema | fuzz |
//! check-windows | bench`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

#[cfg(test)]
mod acceptance;
mod bench;
mod deb;
mod demo;
mod desktop;
mod error;
mod fuzz;
mod package;
mod run;
mod schema;
mod setup;
mod system;
mod test;
mod windows;

use clap::{Parser, Subcommand};
use error::Error;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Everything a person or CI runs"
)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the pinned Codex and name what else is missing
    Setup,
    /// Format, clippy, docs, all tests, then the demo as end-to-end test
    Test {
        /// Only format, clippy and tests
        #[arg(long)]
        quick: bool,
    },
    /// Bring up bus, host and a remote client on this computer and answer its agent's approvals
    Demo {
        /// Ask nothing: accept the first two approvals, decline the third
        #[arg(long)]
        yes: bool,
        /// Use your own Codex login and model instead of the scripted model
        #[arg(long, conflicts_with = "yes")]
        live: bool,
    },
    /// Measure what people wait for and hold it to its budget
    Bench {
        /// What to measure
        subject: bench::Subject,
        /// Measure an optimized build (takes minutes to build)
        #[arg(long)]
        release: bool,
    },
    /// Run the app on an X server of its own, with a real tray, web view and Codex (Linux)
    Desktop,
    /// Make the installers of this system (Linux: .deb and .rpm; macOS: .dmg; Windows: NSIS and MSI)
    Package {
        /// What to make instead: deb, rpm, appimage, app, dmg, nsis, msi
        #[arg(long, value_delimiter = ',')]
        bundles: Vec<String>,
        /// Pack the unoptimized build of the tests
        #[arg(long)]
        debug: bool,
        /// Then unpack the .deb and run the tests of the desktop on what is in it
        #[arg(long)]
        check: bool,
        /// Then install the .deb, run the tests of the desktop on what is installed, and remove it (as root)
        #[arg(long)]
        install: bool,
        /// Copy the installers to this folder, too
        #[arg(long)]
        to: Option<std::path::PathBuf>,
    },
    /// Write the JSON Schema of the protocols anew (docs/schema)
    Schema,
    /// Type-check everything for Windows, with Debian's packages for it
    CheckWindows,
    /// Run every parser of foreign bytes under libFuzzer (needs cargo-fuzz)
    Fuzz {
        /// How long each runs
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Only these targets
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Options::parse().task {
        Task::Setup => setup::setup().map(|_| ()).map_err(|source| Error::Stage {
            task: "setup",
            stage: "programs",
            source: Box::new(source),
        }),
        Task::Test { quick } => test::test(quick),
        Task::Bench { subject, release } => bench::bench(subject, release),
        Task::Demo { yes, live } => demo::demo(yes, live),
        Task::Desktop => desktop::desktop(),
        Task::Package {
            bundles,
            debug,
            check,
            install,
            to,
        } => package::package(&package::Wanted {
            bundles,
            debug,
            check,
            install,
            to,
        }),
        Task::Schema => schema::schema(),
        Task::CheckWindows => windows::check(),
        Task::Fuzz { seconds, targets } => fuzz::fuzz(seconds, &targets),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

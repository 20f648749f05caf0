//! The `drawbridge` command.

fn main() -> std::process::ExitCode {
    drawbridge_cli::main()
}

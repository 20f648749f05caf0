//! A codex that starts and ends as the environment says; see `drawbridge_testkit::fake_codex`.

use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match drawbridge_testkit::fake_codex::run(&arguments).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // With stderr closed there is nobody left to tell.
            let _unheard = writeln!(std::io::stderr(), "Error: {error}");
            ExitCode::from(2)
        }
    }
}

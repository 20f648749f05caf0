//! The program `fake-codex`: a codex that starts and ends as the environment says.
//!
//! Arguments as for the real one: `app-server --listen ws://127.0.0.1:0 [--ws-auth capability-token
//! --ws-token-sha256 HEX] [-c key=value]...`, or `--version`.
//!
//! | variable | meaning |
//! |--|--|
//! | [`MODE`] | [`Mode`], by its word; `ok` without it |
//! | [`RECORD`] | a file that gets `{"args": [...], "env": {...}}` before anything else happens |

use crate::Error;
use crate::fake_app_server::{FakeAppServer, Reply, Start, Token};
use serde_json::json;
use std::io::Write;

/// Names the [`Mode`].
pub const MODE: &str = "FAKE_CODEX_MODE";
/// Names a file for the arguments and the environment.
pub const RECORD: &str = "FAKE_CODEX_RECORD";
/// Exit code of [`Mode::ExitAfterReady`].
pub const EXIT_AFTER_READY: u8 = 3;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `ok`: serves until it is told to end; then ends with 0.
    Ok,
    /// `crash_on_start`: an error on stderr, exit code 1, no banner.
    CrashOnStart,
    /// `no_banner`: runs, prints nothing, listens nowhere.
    NoBanner,
    /// `never_ready`: prints its banner and takes connections, but answers no handshake.
    NeverReady,
    /// `exit_after_ready`: ends with [`EXIT_AFTER_READY`] once a client has said `initialized`.
    ExitAfterReady,
    /// `ignore_term`: as `ok`, but only force ends it.
    IgnoreTerm,
}

impl Mode {
    /// The mode of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "ok" => Mode::Ok,
            "crash_on_start" => Mode::CrashOnStart,
            "no_banner" => Mode::NoBanner,
            "never_ready" => Mode::NeverReady,
            "exit_after_ready" => Mode::ExitAfterReady,
            "ignore_term" => Mode::IgnoreTerm,
            _ => return None,
        })
    }
}

/// Runs the program; returns its exit code.
///
/// # Errors
/// Arguments the real one would not take, a mode that does not exist, a record that cannot be written.
pub async fn run(arguments: &[String]) -> Result<u8, Error> {
    record(arguments)?;
    let mode = std::env::var(MODE).unwrap_or_else(|_| "ok".to_owned());
    let mode = Mode::parse(&mode).ok_or(Error::Argument {
        argument: format!("{MODE}={mode}"),
    })?;
    if arguments == ["--version"] {
        say(&mut std::io::stdout(), "codex-cli 0.169.0\n")?;
        return Ok(0);
    }
    let token = parse(arguments)?;
    match mode {
        Mode::CrashOnStart => {
            say(&mut std::io::stderr(), "Error: crash on start, as asked\n")?;
            return Ok(1);
        }
        Mode::NoBanner => {
            told_to_end(false).await;
            return Ok(0);
        }
        Mode::Ok | Mode::NeverReady | Mode::ExitAfterReady | Mode::IgnoreTerm => {}
    }
    let start = Start {
        token,
        never_ready: mode == Mode::NeverReady,
    };
    let mut server = FakeAppServer::start_with(start).await?;
    server.forget_clients();
    server.with_basic_threads();
    let (ready, mut is_ready) = tokio::sync::mpsc::channel(1);
    server.on("initialized", move |_| {
        let _already = ready.try_send(());
        Reply::silent()
    });
    banner(&server.url())?;
    if mode == Mode::ExitAfterReady {
        let _never_closed = is_ready.recv().await;
        return Ok(EXIT_AFTER_READY);
    }
    told_to_end(mode == Mode::IgnoreTerm).await;
    server.shutdown().await;
    Ok(0)
}

fn record(arguments: &[String]) -> Result<(), Error> {
    let Some(file) = std::env::var_os(RECORD) else {
        return Ok(());
    };
    let environment: serde_json::Map<String, serde_json::Value> = std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into(),
            )
        })
        .collect();
    let text = json!({"args": arguments, "env": environment}).to_string();
    std::fs::write(file, text).map_err(|error| Error::io(format!("writing the file of {RECORD}"), error))
}

/// Takes the arguments of `app-server`; returns what they say about the token.
fn parse(arguments: &[String]) -> Result<Token, Error> {
    let unknown = |argument: &str| Error::Argument {
        argument: argument.to_owned(),
    };
    let mut rest = arguments.iter().map(String::as_str);
    let (mut command, mut listen, mut auth, mut hash) = (false, None, None, None);
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .ok_or_else(|| unknown(&format!("{argument} without a value")))
        };
        match argument {
            "app-server" if !command => command = true,
            "--listen" => listen = Some(value()?),
            "--ws-auth" => auth = Some(value()?),
            "--ws-token-sha256" => hash = Some(value()?),
            "-c" | "--config" => {
                let setting = value()?;
                setting
                    .split_once('=')
                    .ok_or_else(|| unknown(&format!("-c {setting}")))?;
            }
            other => return Err(unknown(other)),
        }
    }
    match listen {
        Some("ws://127.0.0.1:0") if command => {}
        other => return Err(unknown(&format!("--listen {}", other.unwrap_or("stdio://")))),
    }
    match (auth, hash) {
        (None, None) => Ok(Token::None),
        (Some("capability-token"), Some(hash)) if hex::decode(hash).is_ok_and(|bytes| bytes.len() == 32) => {
            Ok(Token::Sha256(hash.to_owned()))
        }
        _ => Err(unknown("this --ws-auth")),
    }
}

fn banner(url: &str) -> Result<(), Error> {
    let http = url.replacen("ws:", "http:", 1);
    let text = format!(
        "codex app-server (WebSockets)\n  listening on: {url}\n  readyz: {http}/readyz\n  healthz: {http}/healthz\n  \
         note: this is the fake one\n"
    );
    say(&mut std::io::stderr(), &text)
}

fn say(stream: &mut impl Write, text: &str) -> Result<(), Error> {
    stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
        .map_err(|error| Error::io("printing", error))
}

/// Returns at the first polite signal, unless they are to be ignored.
#[cfg(unix)]
async fn told_to_end(ignore: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    // Without a handler the signal ends the process all the same.
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if !ignore {
            return;
        }
    }
}

/// Returns at Ctrl-C, unless it is to be ignored.
#[cfg(not(unix))]
async fn told_to_end(ignore: bool) {
    // Without a handler the signal ends the process all the same.
    while tokio::signal::ctrl_c().await.is_ok() {
        if !ignore {
            return;
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Token, Error> {
        parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_of_the_real_one_are_taken_and_others_are_not() {
        let hash = "ab".repeat(32);
        let line = format!(
            "app-server --listen ws://127.0.0.1:0 --ws-auth capability-token --ws-token-sha256 {hash} -c a=1 -c b.c=[]"
        );
        assert!(matches!(parsed(&line), Ok(Token::Sha256(taken)) if taken == hash));
        assert!(matches!(
            parsed("-c a=1 app-server --listen ws://127.0.0.1:0"),
            Ok(Token::None)
        ));
        for wrong in [
            "app-server",
            "--listen ws://127.0.0.1:0",
            "app-server --listen",
            "app-server --listen ws://127.0.0.1:0 --ws-auth capability-token",
            "app-server --listen ws://127.0.0.1:0 --ws-auth capability-token --ws-token-sha256 abc",
            "app-server --listen ws://127.0.0.1:0 -c novalue",
            "app-server --listen ws://127.0.0.1:0 --verbose",
        ] {
            assert_eq!(
                parsed(wrong).map_err(|error| error.code()).err(),
                Some("argument"),
                "{wrong}"
            );
        }
    }
}

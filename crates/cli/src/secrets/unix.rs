//! Unix: secrets go through a pipe to the image that replaces this one.

use super::{Found, LONGEST, PIPE_FLAG, SECRET_FLAGS, Secrets, SecretsError, WANTED};
use drawbridge_wire::Secret;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use zeroize::Zeroizing;

/// What the image before this one passed on.
pub(super) fn carried(arguments: &[OsString]) -> Result<Option<Secrets>, SecretsError> {
    match arguments.get(1).filter(|argument| *argument == PIPE_FLAG) {
        Some(_) => read_pipe(arguments.get(2).map(OsString::as_os_str)).map(Some),
        None => Ok(None),
    }
}

/// Replaces this process by one without them; returns only when that cannot be.
#[allow(clippy::needless_pass_by_value, reason = "one signature on all systems")]
pub(super) fn without(
    found: Found,
    arguments: Vec<OsString>,
) -> Result<(Secrets, Vec<OsString>), SecretsError> {
    Err(found.restart(&arguments))
}

/// What comes after so many bytes of ASCII.
pub(super) fn rest_of(text: &OsStr, after: usize) -> OsString {
    OsString::from_vec(text.as_bytes().iter().skip(after).copied().collect())
}

/// A variable's name as the system compares it.
pub(super) fn as_compared(name: &OsStr) -> &[u8] {
    name.as_bytes()
}

impl Found {
    /// Replaces the process; returns only with the reason why it could not.
    fn restart(self, arguments: &[OsString]) -> SecretsError {
        match self.exec(arguments) {
            Err(error) => SecretsError::Restart(error),
            Ok(never) => match never {},
        }
    }

    fn exec(self, arguments: &[OsString]) -> std::io::Result<std::convert::Infallible> {
        let program = std::env::current_exe()?;
        let pipe = write_pipe(&self.secrets)?;
        let mut command = std::process::Command::new(program);
        if let Some(own_name) = arguments.first() {
            command.arg0(own_name);
        }
        command
            .arg(PIPE_FLAG)
            .arg(pipe.into_raw_fd().to_string())
            .args(arguments.iter().skip(1));
        for name in &self.names {
            command.env_remove(name);
        }
        Err(command.exec())
    }
}

/// What travels through the pipe.
#[derive(Serialize)]
struct Outgoing<'a> {
    flags: BTreeMap<&'a str, &'a str>,
    variables: BTreeMap<&'a str, &'a str>,
}

/// The same, read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    flags: BTreeMap<String, Secret>,
    variables: BTreeMap<String, Secret>,
}

/// Writes the secrets to a new pipe and gives the end to read from, which a new image inherits.
pub(super) fn write_pipe(secrets: &Secrets) -> std::io::Result<OwnedFd> {
    let (read, write) = nix::unistd::pipe()?;
    // Nobody reads yet: a pipe that does not take everything must fail, not wait for ever.
    fcntl(&write, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let reveal = |map: &'_ BTreeMap<String, Secret>| -> Vec<(String, Zeroizing<String>)> {
        map.iter()
            .map(|(name, secret)| (name.clone(), Zeroizing::new(secret.reveal().to_owned())))
            .collect()
    };
    let (flags, variables) = (reveal(&secrets.flags), reveal(&secrets.variables));
    let outgoing = Outgoing {
        flags: flags
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        variables: variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
    };
    let text = Zeroizing::new(serde_json::to_vec(&outgoing)?);
    File::from(write).write_all(&text)?;
    Ok(read)
}

/// Reads the secrets from an inherited pipe and closes it, so that no child inherits it too.
pub(super) fn read_pipe(number: Option<&OsStr>) -> Result<Secrets, SecretsError> {
    let wrong = |why: &str| SecretsError::Pipe(why.to_owned());
    let number: i32 = number
        .and_then(OsStr::to_str)
        .and_then(|text| text.parse().ok())
        .filter(|number| *number > 2)
        .ok_or_else(|| wrong("it takes the number of a pipe"))?;
    let file = File::open(format!("/dev/fd/{number}")).map_err(|_| wrong("there is no such pipe"))?;
    if !file
        .metadata()
        .is_ok_and(|metadata| metadata.file_type().is_fifo())
    {
        return Err(wrong("it is not a pipe"));
    }
    // The writer has closed its end; should another process hold one, nothing is there to wait for.
    fcntl(&file, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|_| wrong("the pipe cannot be read"))?;
    nix::unistd::close(number).map_err(|_| wrong("the pipe cannot be closed"))?;
    let mut text = Zeroizing::new(Vec::new());
    let most = (LONGEST * (WANTED.len() + SECRET_FLAGS.len()) * 2) as u64;
    file.take(most)
        .read_to_end(&mut text)
        .map_err(|_| wrong("the pipe cannot be read"))?;
    let incoming: Incoming = serde_json::from_slice(&text).map_err(|_| wrong("the pipe holds no secrets"))?;
    Ok(Secrets {
        flags: incoming.flags,
        variables: incoming.variables,
    })
}

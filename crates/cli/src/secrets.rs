//! No process of ours that stays shows a token: arguments and variables of a process can be read by
//! every process of the same user for as long as it runs.
//!
//! A token that came in as an argument or variable is written to a pipe, and the process replaces itself
//! (same pid) by the same program without it. The new image reads the pipe before it does anything else.

use drawbridge_wire::Secret;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use zeroize::Zeroizing;

#[cfg_attr(unix, path = "secrets/unix.rs")]
#[cfg_attr(windows, path = "secrets/windows.rs")]
mod system;

/// Flags whose value is a token, or good for one.
const SECRET_FLAGS: [&str; 3] = ["token", "mcp-token", "code"];
/// Variables whose value is wanted. Others of the same pattern are removed all the same.
const WANTED: [&str; 8] = [
    "FORGE_CODEX_CONNECTOR_TOKEN",
    "FORGE_CODEX_CONNECTOR_MCP_TOKEN",
    "CODEX_APP_CONNECTOR_TOKEN",
    "CODEX_APP_CONNECTOR_MCP_TOKEN",
    "CODEX_BUS_CONNECT_TOKEN",
    "CODEX_BUS_HTTP_TOKEN",
    "DRAWBRIDGE_BUS_CLIENT_TOKEN",
    "DRAWBRIDGE_BUS_ADMIN_TOKEN",
];
/// The hidden flag that names the pipe.
const PIPE_FLAG: &str = "--secrets-fd";
/// More than this is no token, and might not fit into the pipe.
const LONGEST: usize = 16 * 1024;

/// What was taken out of arguments and variables.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    flags: BTreeMap<String, Secret>,
    variables: BTreeMap<String, Secret>,
}

impl Secrets {
    /// The token given as `--<name>`; an empty one counts as not given.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&Secret> {
        self.flags.get(name).filter(|secret| !secret.is_empty())
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        self.flags.values().chain(self.variables.values())
    }

    /// The token given as a variable; an empty one counts as not given.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Secret> {
        self.variables.get(name).filter(|secret| !secret.is_empty())
    }
}

/// Why secrets could not be taken over.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Not a text a token can be.
    #[error("the token in {0} is not plain text; copy it again")]
    NotText(String),
    /// Far too long for a token.
    #[error("the token in {0} is longer than {LONGEST} bytes; copy it again")]
    TooLong(String),
    /// The pipe that the hidden flag names holds no secrets.
    #[error("{PIPE_FLAG} is for drawbridge itself; leave it out ({0})")]
    Pipe(String),
    /// The process could not replace itself.
    #[error(
        "cannot start again without the token in arguments and variables: {0}; remove it from there, or free system resources"
    )]
    Restart(std::io::Error),
}

impl SecretsError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SecretsError::NotText(_) => "secret_not_text",
            SecretsError::TooLong(_) => "secret_too_long",
            SecretsError::Pipe(_) => "secrets_pipe",
            SecretsError::Restart(_) => "secrets_restart",
        }
    }
}

/// Takes the secrets of this process, and gives them and the arguments without them. Does not return on Unix when
/// there were any in arguments or variables: the process is then replaced, and the call in the new image returns.
///
/// # Errors
/// When a secret has an impossible form or the system refuses the pipe or the new image.
pub fn take_over() -> Result<(Secrets, Vec<OsString>), SecretsError> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let carried = system::carried(&arguments)?;
    let found = Found::take(&mut arguments, std::env::vars_os())?;
    match carried {
        // Whoever passes both is not us: the replaced image has none left.
        Some(_) if found.anything() => Err(SecretsError::Pipe("there are tokens besides it".to_owned())),
        Some(carried) => Ok((carried, arguments)),
        None if found.anything() => system::without(found, arguments),
        None => Ok((Secrets::default(), arguments)),
    }
}

/// What arguments and variables hold.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    secrets: Secrets,
    /// All variables to be removed, also those whose value nobody wants.
    names: Vec<OsString>,
}

impl Found {
    /// Removes secret flags from the arguments and collects them and the secret variables.
    fn take(
        arguments: &mut Vec<OsString>,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SecretsError> {
        let mut found = Found::default();
        let mut kept = Vec::with_capacity(arguments.len());
        let mut rest = arguments.drain(..).peekable();
        kept.extend(rest.next());
        while let Some(argument) = rest.next() {
            if argument == "--" {
                kept.push(argument);
                kept.extend(rest.by_ref());
                break;
            }
            match secret_flag(&argument) {
                Some((flag, Some(value))) => {
                    found
                        .secrets
                        .flags
                        .insert(flag.to_owned(), checked(&format!("--{flag}"), value)?);
                }
                // Without a value that looks like one, the argument parser says what is missing.
                Some((flag, None)) => match rest.next_if(|next| !next.as_encoded_bytes().starts_with(b"-")) {
                    Some(value) => {
                        found
                            .secrets
                            .flags
                            .insert(flag.to_owned(), checked(&format!("--{flag}"), value)?);
                    }
                    None => kept.push(argument),
                },
                None => kept.push(argument),
            }
        }
        drop(rest);
        *arguments = kept;
        for (name, value) in variables {
            if !is_secret_variable(&name) {
                continue;
            }
            if let Some(known) = name.to_str().filter(|name| WANTED.contains(name)) {
                found
                    .secrets
                    .variables
                    .insert(known.to_owned(), checked(known, value)?);
            }
            found.names.push(name);
        }
        Ok(found)
    }

    fn anything(&self) -> bool {
        !self.names.is_empty() || !self.secrets.flags.is_empty()
    }
}

/// The flag, and its value if it is part of the argument.
fn secret_flag(argument: &OsStr) -> Option<(&'static str, Option<OsString>)> {
    let text = argument.as_encoded_bytes().strip_prefix(b"--")?;
    SECRET_FLAGS
        .into_iter()
        .find_map(|flag| match text.strip_prefix(flag.as_bytes())? {
            [] => Some((flag, None)),
            [b'=', ..] => Some((flag, Some(system::rest_of(argument, "--=".len() + flag.len())))),
            _ => None,
        })
}

fn is_secret_variable(name: &OsStr) -> bool {
    let name = system::as_compared(name);
    let between = |prefix: &[u8]| name.starts_with(prefix) && name.ends_with(b"TOKEN");
    between(b"FORGE_CODEX_CONNECTOR_")
        || between(b"CODEX_APP_CONNECTOR_")
        || between(b"CODEX_BUS_")
        || (name.starts_with(b"DRAWBRIDGE_") && name.windows(5).any(|part| part == b"TOKEN"))
}

fn checked(place: &str, value: OsString) -> Result<Secret, SecretsError> {
    let bytes = Zeroizing::new(value.into_encoded_bytes());
    if bytes.len() > LONGEST {
        return Err(SecretsError::TooLong(place.to_owned()));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains(char::is_control) => Ok(Secret::new(text)),
        _ => Err(SecretsError::NotText(place.to_owned())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::system::{read_pipe, write_pipe};
    use super::{Found, Secrets, is_secret_variable};
    use drawbridge_wire::Secret;
    use std::ffi::{OsStr, OsString};
    use std::os::fd::IntoRawFd;
    use std::os::unix::ffi::OsStringExt;

    /// Secrets as another module's tests need them.
    pub(crate) fn secrets(flags: &[(&str, &str)], variables: &[(&str, &str)]) -> Secrets {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new(value)))
                .collect()
        };
        Secrets {
            flags: map(flags),
            variables: map(variables),
        }
    }

    fn take(arguments: &[&str], variables: &[(&str, &str)]) -> (Found, Vec<OsString>) {
        let mut arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let variables = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        (Found::take(&mut arguments, variables).unwrap(), arguments)
    }

    // proves S1.22, S1.24
    #[test]
    fn token_flags_are_taken_in_either_form() {
        let (found, rest) = take(
            &[
                "drawbridge",
                "connect",
                "--token",
                "t1",
                "--name",
                "n",
                "--mcp-token=t2",
                "--cwd",
                "/w",
            ],
            &[],
        );
        assert_eq!(
            found.secrets,
            secrets(&[("token", "t1"), ("mcp-token", "t2")], &[])
        );
        assert_eq!(rest, ["drawbridge", "connect", "--name", "n", "--cwd", "/w"]);
    }

    #[test]
    fn what_is_no_token_flag_is_left_alone() {
        for arguments in [
            &["drawbridge", "remote", "send", "--", "--token", "x"][..],
            &["drawbridge", "connect", "--token"][..],
            &["drawbridge", "connect", "--token", "--name", "n"][..],
            &["drawbridge", "remote", "send", "--token-file", "f"][..],
        ] {
            let (found, rest) = take(arguments, &[]);
            assert!(!found.anything(), "{arguments:?}");
            assert_eq!(rest, arguments);
        }
    }

    // proves S1.42, S1.45, S1.47, S1.48
    #[test]
    fn all_token_variables_are_removed_and_the_known_ones_kept() {
        let variables = [
            ("FORGE_CODEX_CONNECTOR_TOKEN", "a"),
            ("FORGE_CODEX_CONNECTOR_MCP_TOKEN", "b"),
            ("FORGE_CODEX_CONNECTOR_MCP_HTTP_TOKEN", "dropped"),
            ("CODEX_APP_CONNECTOR_TOKEN", "c"),
            ("CODEX_APP_CONNECTOR_MCP_TOKEN", "d"),
            ("CODEX_BUS_CONNECT_TOKEN", "e"),
            ("CODEX_BUS_HTTP_TOKEN", "f"),
            ("DRAWBRIDGE_BUS_CLIENT_TOKEN", "g"),
            ("DRAWBRIDGE_TOKENS_OLD", "dropped"),
        ];
        let others = [
            ("FORGE_CODEX_CONNECTOR_API", "x"),
            ("DRAWBRIDGE_DATA_DIR", "y"),
            ("TOKEN", "z"),
            ("PATH", "p"),
        ];
        let all: Vec<(&str, &str)> = variables.iter().chain(&others).copied().collect();
        let (found, _) = take(&["drawbridge", "status"], &all);
        assert_eq!(found.names, variables.map(|(name, _)| OsString::from(name)));
        let kept: Vec<(&str, &str)> = variables
            .iter()
            .filter(|(_, value)| *value != "dropped")
            .copied()
            .collect();
        assert_eq!(found.secrets, secrets(&[], &kept));
        for (name, _) in others {
            assert!(!is_secret_variable(OsStr::new(name)));
        }
    }

    #[test]
    fn impossible_tokens_are_named_by_their_place_and_not_shown() {
        for (value, code) in [
            (vec![b'x', 0xff], "secret_not_text"),
            (b"a\nb".to_vec(), "secret_not_text"),
            (vec![b'x'; 20_000], "secret_too_long"),
        ] {
            let variables = [(OsString::from("CODEX_BUS_HTTP_TOKEN"), OsString::from_vec(value))];
            let error =
                Found::take(&mut vec![OsString::from("drawbridge")], variables.into_iter()).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(
                error.to_string().contains("CODEX_BUS_HTTP_TOKEN") && !error.to_string().contains('\u{fffd}')
            );
        }
    }

    #[test]
    fn the_pipe_carries_every_secret_and_is_closed_after_reading() {
        let many = secrets(
            &[("token", "ä \"quoted\""), ("mcp-token", "")],
            &[("CODEX_BUS_HTTP_TOKEN", &"x".repeat(15_000))],
        );
        let number = write_pipe(&many).unwrap().into_raw_fd();
        assert_eq!(read_pipe(Some(OsStr::new(&number.to_string()))).unwrap(), many);
        assert_eq!(many.flag("mcp-token"), None);
    }

    #[test]
    fn anything_but_such_a_pipe_is_refused_without_waiting() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let number = read.into_raw_fd().to_string();
        for bad in [
            None,
            Some("0"),
            Some("-3"),
            Some("x"),
            Some("99999"),
            Some(number.as_str()),
        ] {
            assert_eq!(
                read_pipe(bad.map(OsStr::new)).unwrap_err().code(),
                "secrets_pipe",
                "{bad:?}"
            );
        }
        drop(write);
    }
}

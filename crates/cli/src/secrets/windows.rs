//! Windows: a process cannot replace itself and keep its number. It goes on with the arguments it was given, and
//! says so; what it starts gets none of them.

use super::{Found, PIPE_FLAG, Secrets, SecretsError};
use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};

/// No process of ours is started with secrets here.
pub(super) fn carried(arguments: &[OsString]) -> Result<Option<Secrets>, SecretsError> {
    match arguments.get(1).filter(|argument| *argument == PIPE_FLAG) {
        Some(_) => Err(SecretsError::Pipe("it is not used on this system".to_owned())),
        None => Ok(None),
    }
}

/// Goes on in this process.
#[allow(clippy::unnecessary_wraps, reason = "one signature on all systems")]
pub(super) fn without(
    found: Found,
    arguments: Vec<OsString>,
) -> Result<(Secrets, Vec<OsString>), SecretsError> {
    if found.secrets.flags.keys().any(|flag| flag != "code") {
        crate::screen::note_line(
            "WARNING: on Windows every program of yours can read a token in the arguments as long as this runs. \
             Keep it in the vault instead: `drawbridge enroll --token-stdin`",
        );
    }
    Ok((found.secrets, arguments))
}

/// What comes after so many bytes of ASCII.
pub(super) fn rest_of(text: &OsStr, after: usize) -> OsString {
    OsString::from_wide(&text.encode_wide().skip(after).collect::<Vec<_>>())
}

/// A variable's name as the system compares it.
pub(super) fn as_compared(name: &OsStr) -> Vec<u8> {
    name.as_encoded_bytes().to_ascii_uppercase()
}

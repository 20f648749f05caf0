//! What can go wrong, each with a stable code and what to do about it.

use drawbridge_wire::link::ByeReason;
use std::borrow::Cow;

/// Why the connector ended, or why an address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorError {
    /// The address is none. It is not repeated, because it may carry a password.
    #[error("the bus address cannot be used ({why}): give it as https://HOST[:PORT]")]
    InvalidUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Tokens would cross a network unencrypted.
    #[error("{host} is another computer and the address is unencrypted: use https:// (wss://)")]
    InsecureUrl {
        /// Host of the address.
        host: String,
    },
    /// Nothing came on stdin.
    #[error("no setup arrived on stdin: the connector is started by `drawbridge host`, not by hand")]
    NoSetup,
    /// A line on stdin is longer than [`crate::MAX_LINE`].
    #[error("a line on stdin is longer than 64 KiB: host and connector must be of the same version")]
    LineTooLong,
    /// A line on stdin is not the protocol. Its text is not repeated: it may hold a token.
    #[error("a line on stdin is not understood: host and connector must be of the same version")]
    BadLine,
    /// The pipe to the host broke.
    #[error("the pipe to the host broke ({0}): start the host again")]
    Pipe(#[source] std::io::Error),
    /// The host does not read what the connector says.
    #[error("the host did not read from its connector for 30 s: start the host again")]
    HostStalled,
}

impl ConnectorError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => "invalid_url",
            Self::InsecureUrl { .. } => "insecure_url",
            Self::NoSetup => "no_setup",
            Self::LineTooLong => "line_too_long",
            Self::BadLine => "bad_line",
            Self::Pipe(_) => "pipe",
            Self::HostStalled => "host_stalled",
        }
    }
}

/// Why there is no link (any more), or why a socket could not be dialled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the name {host} was not found: check the bus address and this computer's network")]
    Dns { host: String },
    #[error("{at} refuses connections: check that the bus runs there and that the port is right")]
    Refused { at: String },
    #[error("{at} cannot be reached ({kind}): check this computer's network")]
    Unreachable { at: String, kind: std::io::ErrorKind },
    #[error("{who} did not answer in time: check the network and whether the bus is well")]
    Timeout { who: String },
    #[error("no trusted connection to {at}: {why}")]
    Tls { at: String, why: String },
    #[error("the file of trusted authorities {} cannot be used ({why}): correct it and connect again", path.display())]
    CaFile { path: std::path::PathBuf, why: String },
    #[error("the token cannot be sent: it is empty or has characters that no token has; copy it again")]
    BadToken,
    #[error("{at} answered HTTP {status}: {}", http_remedy(*status))]
    Http { at: String, status: u16 },
    #[error(
        "the control plane at {at} has no /connect enabled (HTTP 404): check the bus address, or enable it there"
    )]
    NoConnectRoute { at: String },
    #[error("{at} does not accept the enrollment token (HTTP 401): get a valid one and connect again")]
    Unauthorized { at: String },
    #[error("{at} does not allow this host to connect (HTTP 403): ask who runs the bus, then connect again")]
    Forbidden { at: String },
    #[error("{at} does not speak drawbridge.v1: update Drawbridge or the bus, then connect again")]
    Unsupported { at: String },
    #[error("{at} broke the protocol ({what}): if this stays, update Drawbridge and the bus")]
    Protocol { at: String, what: &'static str },
    #[error("the connection to {at} broke: nothing to do if it comes back, else check the network")]
    Lost { at: String },
    #[error("{at} ended the link: {}", bye_remedy(*reason))]
    Bye { at: String, reason: ByeReason },
    #[error(transparent)]
    Setup(#[from] ConnectorError),
}

impl LinkError {
    /// Stable code.
    pub(crate) fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Dns { .. } => "dns",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Tls { .. } => "tls",
            Self::CaFile { .. } => "ca_file",
            Self::BadToken => "bad_token",
            Self::Http { status, .. } => return Cow::Owned(format!("http_{status}")),
            Self::NoConnectRoute { .. } => "no_connect_route",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::Unsupported { .. } => "unsupported",
            Self::Protocol { .. } => "protocol",
            Self::Lost { .. } => "link_lost",
            Self::Bye { reason, .. } => match reason {
                ByeReason::Revoked => "revoked",
                ByeReason::Replaced => "replaced",
                ByeReason::Unsupported => "unsupported",
                ByeReason::Draining => "draining",
                ByeReason::Protocol => "protocol",
                ByeReason::Disconnected => "disconnected",
            },
            Self::Setup(error) => error.code(),
        })
    }

    /// Whether trying again can help without a person doing something.
    pub(crate) fn retry(&self) -> bool {
        match self {
            Self::Dns { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Http { .. }
            | Self::Protocol { .. }
            | Self::Lost { .. } => true,
            Self::CaFile { .. }
            | Self::BadToken
            | Self::NoConnectRoute { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Unsupported { .. }
            | Self::Setup(_) => false,
            Self::Bye { reason, .. } => reason.retry(),
        }
    }
}

fn http_remedy(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed; give the final address of the bus",
        400 => {
            "if the bus speaks https, give its address as https://HOST; otherwise check any proxy before it"
        }
        429 => "it is asked too often; wait",
        500..=599 => "the bus or a proxy before it is not well; look at its log if this stays",
        _ => "check the bus address and any proxy before it",
    }
}

fn bye_remedy(reason: ByeReason) -> &'static str {
    match reason {
        ByeReason::Revoked => {
            "the enrollment was taken back or the host key is not accepted, and a token that several share does not \
             change that; ask for a code there (`drawbridge bus pair`), then `drawbridge enroll --api URL --code CODE`"
        }
        ByeReason::Replaced => {
            "the same host connected again, from elsewhere or to this bus under another address; end one of the two, \
             then connect again"
        }
        ByeReason::Unsupported => "there is no common protocol version; update Drawbridge or the bus",
        ByeReason::Draining => "it is going down; nothing to do, the host comes back by itself",
        ByeReason::Protocol => {
            "it did not understand this host; if this stays, update Drawbridge and the bus"
        }
        ByeReason::Disconnected => "this host was disconnected there; connect again when it is wanted",
    }
}

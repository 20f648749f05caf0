//! What a request is refused with: a status, a stable code and a sentence that says what to do.

use axum::response::{IntoResponse, Response};
use drawbridge_wire::enroll::LONGEST_CODE_SECS;
use drawbridge_wire::link::{SUBPROTOCOL, TUNNEL_HOST_HEADER, TunnelEnd};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// A group of routes with a token of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// `/connect` and `/connect/{tunnel}`.
    Connect,
    /// `/hosts/{id}/app-server` and `/`.
    AppServer,
    /// `/mcp`.
    Mcp,
    /// `/api/hosts` and what is below it.
    Api,
    /// `/api/pair` and `/api/enrollments`.
    Admin,
}

impl Door {
    fn variable(self) -> &'static str {
        match self {
            Door::Connect => "CODEX_BUS_CONNECT_TOKEN",
            Door::AppServer => "DRAWBRIDGE_BUS_CLIENT_TOKEN",
            Door::Mcp => "CODEX_BUS_HTTP_TOKEN",
            Door::Api => "CODEX_BUS_HTTP_TOKEN or DRAWBRIDGE_BUS_CLIENT_TOKEN",
            Door::Admin => "DRAWBRIDGE_BUS_ADMIN_TOKEN",
        }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("requests from web pages are refused. Use a client that sends no Origin header")]
    OriginRefused,
    #[error("this bus is not reached under that name. Use its address, or start it with that public origin")]
    ForeignHost,
    #[error("send `Authorization: Bearer TOKEN` with a token this bus knows")]
    Unauthorized,
    #[error("this door is closed, no token is set for it. Start the bus with {} set", .0.variable())]
    DoorClosed(Door),
    #[error("this token is for another door. Use one from {} here", .0.variable())]
    WrongScope(Door),
    #[error("this address speaks WebSocket only. Connect with a WebSocket client (HTTP/1.1, version 13)")]
    UpgradeRequired,
    #[error("offer the WebSocket subprotocol {SUBPROTOCOL}. Update the host, or the bus")]
    BadSubprotocol,
    #[error("no host of that id is known here. Ask /api/hosts for the ids, or connect the host first")]
    UnknownHost,
    #[error("host `{0}` is known but not connected. Start `drawbridge connect` on it")]
    HostOffline(String),
    #[error("no host is connected. Start `drawbridge connect` on one")]
    NoHostOnline,
    #[error("several hosts are connected. Name one: /hosts/<id>/app-server, or use a token bound to one")]
    SeveralHosts(Vec<String>),
    #[error("the host did not open a tunnel in time. Try again; look at the connector's log if it stays so")]
    DialTimeout,
    #[error("the host's tunnel broke before it stood. Try again")]
    TunnelFailed,
    #[error("{}", ended_message(*.0))]
    Ended(TunnelEnd),
    #[error("this host serves as many clients as it may. Close one, or try again later")]
    TooManyTunnels,
    #[error("this bus serves as many hosts as it may. Try again later")]
    TooManyHosts,
    #[error("the link to the host is congested. Try again")]
    HostBusy,
    #[error("the bus is going down. Connect again in a moment")]
    Draining,
    #[error(
        "no such tunnel. Dial the one the bus asked for, once, within 10 s, with {TUNNEL_HOST_HEADER} set to \
         the host's id"
    )]
    UnknownTunnel,
    #[error(
        "no such address. There are /connect, /hosts/<id>/app-server, /, /mcp, /api/hosts, /api/pair, \
         /api/enroll, /api/enrollments, /healthz, /readyz"
    )]
    NotFound,
    #[error("this address does not take that method")]
    MethodNotAllowed,
    #[error("the request took too long. Send it again, whole")]
    RequestTimeout,
    #[error("the body is not what this address takes: {0}")]
    BadBody(String),
    #[error("this code does not count (any more). Ask the bus for a new one: `drawbridge bus pair`")]
    BadCode,
    #[error("too many wrong codes were tried. Try again in {} s", .0.as_secs().max(1))]
    TooManyTries(Duration),
    #[error("too many codes wait to be used. Wait until some of them expire")]
    TooManyCodes,
    #[error("a code counts at most {LONGEST_CODE_SECS} s, and at least 1. Ask for less")]
    CodeTooLong,
    #[error(
        "the request is not signed by the key it names, for this bus's address. Use the address the bus has"
    )]
    BadSignature,
    #[error(
        "another host has the id `{0}`. Choose another with --id, or take it back there first: `drawbridge bus \
         revoke {0} --forget`"
    )]
    IdTaken(String),
    #[error("the bus could not save it and forgot it. Look at the bus's log, then try again")]
    NotSaved,
}

fn ended_message(end: TunnelEnd) -> &'static str {
    match end {
        TunnelEnd::ClientGone => "the client went away",
        TunnelEnd::LinkLost => {
            "the host's connection broke. It connects again by itself; try again in a moment"
        }
        TunnelEnd::Lagged => {
            "the app-server dropped the connection because it was read too slowly. Connect again"
        }
        TunnelEnd::AgentRestarted => "the app-server was started again. Connect again",
        TunnelEnd::AgentDown => {
            "the host is connected but its app-server is not ready. Try again in a moment"
        }
        TunnelEnd::DialTimeout => "the host did not open a tunnel in time. Try again",
        TunnelEnd::Refused => "the host refused this client. Ask the person at the host",
        TunnelEnd::HostStopping => "the host is stopping",
        TunnelEnd::NotInitialized => {
            "the client sent no `initialize` in time. Send it at once after connecting"
        }
        TunnelEnd::PolicyChanged => "the host allows less than before. Connect again",
    }
}

impl Refusal {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::OriginRefused => "origin_refused",
            Self::ForeignHost => "foreign_host",
            Self::Unauthorized => "unauthorized",
            Self::DoorClosed(_) => "door_closed",
            Self::WrongScope(_) => "wrong_scope",
            Self::UpgradeRequired => "upgrade_required",
            Self::BadSubprotocol => "bad_subprotocol",
            Self::UnknownHost => "unknown_host",
            Self::HostOffline(_) => "host_offline",
            Self::NoHostOnline => "no_host_online",
            Self::SeveralHosts(_) => "several_hosts",
            Self::DialTimeout => "dial_timeout",
            Self::TunnelFailed => "tunnel_failed",
            Self::Ended(end) => end.word(),
            Self::TooManyTunnels => "too_many_tunnels",
            Self::TooManyHosts => "too_many_hosts",
            Self::HostBusy => "host_busy",
            Self::Draining => "draining",
            Self::UnknownTunnel => "unknown_tunnel",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::BadBody(_) => "bad_request",
            Self::BadCode => "bad_code",
            Self::TooManyTries(_) => "too_many_tries",
            Self::TooManyCodes => "too_many_codes",
            Self::CodeTooLong => "code_too_long",
            Self::BadSignature => "bad_signature",
            Self::IdTaken(_) => "id_taken",
            Self::NotSaved => "not_saved",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::OriginRefused | Self::WrongScope(_) | Self::BadCode | Self::Ended(TunnelEnd::Refused) => {
                StatusCode::FORBIDDEN
            }
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::BadSubprotocol | Self::BadBody(_) | Self::CodeTooLong | Self::BadSignature => {
                StatusCode::BAD_REQUEST
            }
            Self::TooManyTries(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotSaved => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UnknownHost | Self::UnknownTunnel | Self::NotFound => StatusCode::NOT_FOUND,
            Self::SeveralHosts(_) | Self::IdTaken(_) => StatusCode::CONFLICT,
            Self::DialTimeout | Self::Ended(TunnelEnd::DialTimeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::TunnelFailed | Self::Ended(TunnelEnd::LinkLost) => StatusCode::BAD_GATEWAY,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::DoorClosed(_)
            | Self::HostOffline(_)
            | Self::NoHostOnline
            | Self::Ended(_)
            | Self::TooManyTunnels
            | Self::TooManyHosts
            | Self::TooManyCodes
            | Self::HostBusy
            | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        if let Self::SeveralHosts(ids) = &self {
            error["hosts"] = json!(ids);
        }
        let mut response = (self.status(), axum::Json(json!({ "error": error }))).into_response();
        match self {
            Self::Unauthorized => {
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooManyTries(wait) => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
            }
            Self::UpgradeRequired => {
                let headers = response.headers_mut();
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            _ => {}
        }
        response
    }
}

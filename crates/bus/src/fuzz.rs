//! Doors for the fuzz targets, which must not be in the way of what this crate offers.

use crate::names::Names;
use crate::refusal::Door;
use crate::tokens::Tokens;
use crate::upgrade::Upgrade;
use crate::{BusOptions, ClientToken, handshake};
use axum::body::Body;
use drawbridge_wire::link::FromHost;
use drawbridge_wire::{Role, Secret};
use http::Request;

/// What the bus makes of a request.
#[derive(Debug)]
pub struct Taken {
    /// The origin it came by, if that is one of ours.
    pub origin: Option<String>,
    /// For each door, whether the request's token opens it: hosts, clients, MCP, API.
    pub doors: [bool; 4],
    /// Whether it may become a WebSocket.
    pub upgrade: bool,
}

/// The tokens of [`request`]'s bus: of hosts, of MCP clients, of a client.
pub const TOKENS: [&str; 3] = ["token-of-hosts", "token-of-mcp", "token-of-a-client"];

/// Takes a request at a bus with [`TOKENS`] that is `https://bus.example` and listens on
/// `127.0.0.1:7300`. `None` when there is no such bus.
#[must_use]
pub fn request(request: Request<()>) -> Option<Taken> {
    let options = BusOptions {
        connect_token: Some(Secret::new(TOKENS[0])),
        http_token: Some(Secret::new(TOKENS[1])),
        client_tokens: vec![ClientToken {
            name: "client".to_owned(),
            host: None,
            token: Secret::new(TOKENS[2]),
            role: Role::Viewer,
        }],
        public_origin: Some("https://bus.example".to_owned()),
        ..BusOptions::default()
    };
    let names = Names::new(options.listen, options.public_origin.as_deref()).ok()?;
    let tokens = Tokens::new(&options).ok()?;
    let mut request = request.map(|()| Body::empty());
    let origin = names.reached_as(request.uri(), request.headers()).ok();
    let opens = |door| tokens.admit(door, request.headers()).is_ok();
    let doors = [
        opens(Door::Connect),
        opens(Door::AppServer),
        opens(Door::Mcp),
        opens(Door::Api),
    ];
    Some(Taken {
        origin: origin.map(|reached| reached.0),
        doors,
        upgrade: Upgrade::take(&mut request).is_ok(),
    })
}

/// Checks a host's answer to the challenge `nonce`: the id it proved.
#[must_use]
pub fn hello(nonce: &str, answer: FromHost) -> Option<String> {
    handshake::prove(nonce, "https://bus.example", answer)
        .ok()
        .map(|proven| proven.id)
}

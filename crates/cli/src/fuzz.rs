//! Doors for the fuzz targets, which must not be in the way of what this crate offers.

use crate::args::{Arguments, Command, RemoteAction};
use crate::remote::{self, dial};
use clap::Parser;

/// What is printed of the frames (one a line) that a bus sends to `remote send`.
#[must_use]
pub fn remote_frames(frames: &str) -> Vec<String> {
    let line = [
        "drawbridge",
        "remote",
        "send",
        "--bus",
        "https://bus.example",
        "hello",
    ];
    let Ok(Arguments {
        command: Command::Remote(remote),
        ..
    }) = Arguments::try_parse_from(line)
    else {
        return Vec::new();
    };
    let RemoteAction::Send(args) = remote.action;
    remote::printed(&args, frames.lines())
}

/// What a bus's refusal is told as.
#[must_use]
pub fn bus_refusal(body: &[u8]) -> String {
    dial::refusal(409, body).to_string()
}

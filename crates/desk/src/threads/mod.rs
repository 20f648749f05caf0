//! Open threads: what a window shows of them as it happens. The app is one more client of the app-server,
//! through the host's gate; it answers no request there, because any answer, an error too, would count.

mod connection;
mod feed;
mod last;
mod owner;
mod told;
mod types;
mod wish;

pub(crate) use owner::{Owner, Threads};
pub use types::{About, Away, ItemDelta, ThreadChange, ThreadEvent, ThreadItem, ThreadItems, TurnState};
pub(crate) use wish::Wish;

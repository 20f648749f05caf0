//! The messages we send or read, as types: only those, and of each only the members that matter here.
//!
//! Reading is lenient: a member we do not know is kept in `rest` and comes out again, and a member that
//! may be missing has a default. Whether these shapes are those of the installed app-server is tested
//! against the schema it generates.

pub use crate::typed_approvals::*;
pub use crate::typed_client::*;
pub use crate::typed_server::*;

use crate::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Members of an object that its type does not name.
pub type Rest = Map<String, Value>;

/// Parameters of a request that a client makes.
pub trait Request: Serialize {
    /// Name of the method.
    const METHOD: &'static str;
    /// What a successful answer holds.
    type Response: for<'de> Deserialize<'de>;
}

/// Parameters of a notification or request that the app-server sends.
pub trait FromServer: for<'de> Deserialize<'de> {
    /// Name of the method.
    const METHOD: &'static str;
}

#[derive(Serialize)]
struct RequestFrame<'a, P> {
    id: &'a RequestId,
    method: &'static str,
    params: &'a P,
}

/// The frame of a request.
///
/// # Errors
/// When the parameters cannot be written as JSON (a map with keys that are no text).
pub fn request<P: Request>(id: &RequestId, params: &P) -> Result<String, serde_json::Error> {
    serde_json::to_string(&RequestFrame {
        id,
        method: P::METHOD,
        params,
    })
}

#[derive(Serialize)]
struct AnswerFrame<'a, A> {
    id: &'a RequestId,
    result: &'a A,
}

/// The frame that answers a request of the app-server. The id must be written as it came: `5` is not
/// `"5"` (observed, 0.169.0).
///
/// # Errors
/// When the answer cannot be written as JSON.
pub fn answer<A: Serialize>(id: &RequestId, result: &A) -> Result<String, serde_json::Error> {
    serde_json::to_string(&AnswerFrame { id, result })
}

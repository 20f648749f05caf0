//! Where serde's own strictness has a hole.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// For a variant without content in an internally tagged enum: `deny_unknown_fields` does not reach it,
/// so that any member beside the tag would be taken.
pub(crate) fn nothing_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}

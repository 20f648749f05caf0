//! The files of the vault.

use drawbridge_vault::{BusId, Content, decode, decode_sealed};
use drawbridge_wire::Secret;

/// Of nothing but the seed `sealed`.
const IDENTITY: &str = "AGE-SECRET-KEY-1KMEYX0FNQ3US9UY6N6VJGNHS2VYCQSJS288LRASMSK7U252VFF4SNK6N5V";

/// What is inside the encryption, which somebody with the key could have written; and an age file itself.
pub(crate) fn vault_decode(bytes: &[u8]) {
    match decode(bytes) {
        Ok((content, _)) => named_safely(&content),
        Err(fault) => assert!(["file_damaged", "file_newer"].contains(&fault.code()), "{fault}"),
    }
    match decode_sealed(bytes, &Secret::new(IDENTITY)) {
        Ok(content) => named_safely(&content),
        Err(error) => assert!(
            ["file_damaged", "file_newer", "wrong_key"].contains(&error.code()),
            "{error}"
        ),
    }
}

/// An id becomes the name of a file.
fn named_safely(content: &Content) {
    let ids: Vec<&BusId> = match content {
        Content::Enrollment(enrollment) => vec![&enrollment.id],
        Content::Export(enrollments) => enrollments.iter().map(|enrollment| &enrollment.id).collect(),
        Content::Confirmed(_) => Vec::new(),
    };
    for id in ids {
        assert!(BusId::new(id.as_str()).is_ok_and(|same| same == *id));
    }
}

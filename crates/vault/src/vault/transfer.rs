//! To another vault and back, encrypted for somebody's age key all the way.

use super::{Vault, now};
use crate::content::{decode, encode};
use crate::keys::{Keys, seal_for_text};
use crate::{BusId, Content, FileFault, VaultError};
use drawbridge_wire::Secret;

/// Reads what was sealed for `identity` (the text of an age identity file), e.g. an export.
///
/// # Errors
/// `bad_identity`, or what is wrong with it.
pub fn decode_sealed(sealed: &[u8], identity: &Secret) -> Result<Content, VaultError> {
    let keys = Keys::parse(identity.reveal()).map_err(|_| VaultError::BadIdentity)?;
    let decoded = keys.unseal(sealed).and_then(|plain| decode(&plain));
    decoded.map(|(content, _)| content).map_err(of_the_export)
}

fn of_the_export(fault: FileFault) -> VaultError {
    VaultError::Export { fault }
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// New here.
    pub added: Vec<BusId>,
    /// Were here, and have the imported content now.
    pub replaced: Vec<BusId>,
    /// Were here, and were left as they are.
    pub kept: Vec<BusId>,
}

impl Vault {
    /// All enrollments, encrypted for an age recipient (`age1...`). The confirmed settings stay here: on
    /// another computer somebody has to confirm them there.
    ///
    /// # Errors
    /// `bad_recipient`; the fault of a file that cannot be read, because the export would lack it; `unfit`
    /// when there is too much.
    pub fn export(&self, recipient: &str) -> Result<Vec<u8>, VaultError> {
        for stem in self.files.keys() {
            self.refuse_unreadable(stem)?;
        }
        let enrollments = self.enrollments.values().cloned().collect();
        let plain = encode(&Content::Export(enrollments), now(), false)?;
        seal_for_text(recipient, &plain)
    }

    /// Takes the enrollments of an export that was encrypted for `identity` (the text of an age identity
    /// file). What is here already stays, unless `replace`.
    ///
    /// # Errors
    /// `bad_identity`, or what is wrong with the export; then nothing was imported. A failed write ends the
    /// import: what came before it is saved.
    pub fn import(
        &mut self,
        exported: &[u8],
        identity: &Secret,
        replace: bool,
    ) -> Result<ImportReport, VaultError> {
        let Content::Export(enrollments) = decode_sealed(exported, identity)? else {
            return Err(of_the_export(FileFault::Damaged {
                what: "it is a file of a vault and no export",
            }));
        };
        for enrollment in &enrollments {
            self.refuse_unreadable(enrollment.id.as_str())?;
        }
        let mut report = ImportReport::default();
        for enrollment in enrollments {
            let id = enrollment.id.clone();
            let here = self.enrollments.contains_key(&id);
            if here && !replace {
                report.kept.push(id);
                continue;
            }
            self.put(enrollment)?;
            if here {
                report.replaced.push(id);
            } else {
                report.added.push(id);
            }
        }
        Ok(report)
    }
}

//! The confirmed settings, and what makes their loss noticed: every enrollment beside them says inside its own
//! encryption that there are some. Without that, who removes their files would be back at the defaults.

use super::{CONFIRMED, FileCondition, Vault};
use crate::{BusId, Confirmed, Content, FileFault, VaultError};

/// There is no file of them, and it is known that there was one.
pub(super) const CONFIRMED_GONE: FileFault = FileFault::Damaged {
    what: "it is gone, and settings had been confirmed",
};

impl Vault {
    /// The security settings as last confirmed; `None` when none were.
    ///
    /// # Errors
    /// What is wrong with their file, or that it is gone. Then nothing counts as confirmed.
    pub fn confirmed(&self) -> Result<Option<&Confirmed>, VaultError> {
        self.refuse_unreadable(CONFIRMED)?;
        Ok(self.confirmed.as_ref())
    }

    /// Saves the security settings that a person confirmed, and has every enrollment remember that there are
    /// some.
    ///
    /// # Errors
    /// When they were not saved; `confirmed_unguarded` when they were, and an enrollment does not say so.
    pub fn confirm(&mut self, confirmed: Confirmed) -> Result<(), VaultError> {
        self.refuse_unreadable(CONFIRMED)?;
        self.write(CONFIRMED, &Content::Confirmed(confirmed))?;
        self.have_it_witnessed()
            .map_err(|why| VaultError::ConfirmedUnguarded { why: Box::new(why) })
    }

    /// Removes the confirmed settings, also when they cannot be read, so that others can be confirmed. That
    /// there were some is still known: to the next who opens or rereads a vault with enrollments they are gone.
    ///
    /// # Errors
    /// When they may still be there.
    pub fn forget_confirmed(&mut self) -> Result<(), VaultError> {
        self.remove_files(CONFIRMED)?;
        self.files.remove(CONFIRMED);
        self.confirmed = None;
        Ok(())
    }

    /// Whether settings are or were confirmed here, readable or not.
    pub(super) fn knows_of_confirmed(&self) -> bool {
        self.files.contains_key(CONFIRMED) || !self.witnesses.is_empty()
    }

    /// Everything was read: settings that an enrollment says there are, and are not, are lost.
    pub(super) fn miss_confirmed(&mut self) {
        if !self.witnesses.is_empty() {
            self.files
                .entry(CONFIRMED.to_owned())
                .or_insert(FileCondition::Unreadable(CONFIRMED_GONE));
        }
    }

    /// Saves again the enrollments that do not say yet that settings were confirmed.
    pub(super) fn have_it_witnessed(&mut self) -> Result<(), VaultError> {
        if !self.knows_of_confirmed() {
            return Ok(());
        }
        let silent = |id: &&BusId| !self.witnesses.contains(*id);
        let silent: Vec<BusId> = self.enrollments.keys().filter(silent).cloned().collect();
        for id in silent {
            let Some(enrollment) = self.enrollments.get(&id).cloned() else {
                continue;
            };
            let before = self.files.get(id.as_str()).cloned();
            self.write(id.as_str(), &Content::Enrollment(Box::new(enrollment)))?;
            // Its content is what it was: changes that a restored file had lost stay worth telling.
            if let Some(restored @ FileCondition::Restored { .. }) = before {
                self.files.insert(id.as_str().to_owned(), restored);
            }
        }
        Ok(())
    }
}

//! The X25519 identities and what is encrypted for them.

use crate::content::LARGEST;
use crate::{FileFault, VaultError};
use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use drawbridge_wire::Secret;
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// Most identities that one key text may hold: the current one and those of a rotation under way.
const MOST: usize = 8;

/// The key: the identity that files are encrypted for, then those that files may still be encrypted for.
pub(crate) struct Keys(Vec<Identity>);

impl Keys {
    /// A new one.
    pub(crate) fn generate() -> Self {
        Self(vec![Identity::generate()])
    }

    /// Reads identities, one a line, `#` begins a comment: as `age-keygen` writes them.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut identities = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if identities.len() == MOST {
                return Err("it has too many identities");
            }
            identities.push(line.parse().map_err(|_| "a line of it is no X25519 identity")?);
        }
        if identities.is_empty() {
            return Err("it has no identity");
        }
        Ok(Self(identities))
    }

    /// What [`Keys::parse`] reads.
    pub(crate) fn text(&self) -> Secret {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * 80));
        for identity in &self.0 {
            text.push_str(identity.to_string().expose_secret());
            text.push('\n');
        }
        Secret::new(&text)
    }

    /// The same with a new identity in front.
    pub(crate) fn with_new(&self) -> Self {
        let mut identities = vec![Identity::generate()];
        identities.extend(self.0.iter().cloned());
        identities.truncate(MOST);
        Self(identities)
    }

    /// Only the identity that files are encrypted for.
    pub(crate) fn current(&self) -> Self {
        Self(self.0.iter().take(1).cloned().collect())
    }

    /// Whether there are older ones beside it.
    pub(crate) fn has_older(&self) -> bool {
        self.0.len() > 1
    }

    /// Encrypts for the current identity.
    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let identity = self.0.first().ok_or(VaultError::BadIdentity)?;
        seal_for(&identity.to_public(), plain)
    }

    /// Decrypts with whichever identity fits.
    pub(crate) fn unseal(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, FileFault> {
        let damaged = |what| FileFault::Damaged { what };
        let decryptor = Decryptor::new_buffered(sealed).map_err(|error| match error {
            DecryptError::UnknownFormat => damaged("it is no age file of a known format"),
            _ => damaged("its header is broken off or no age header"),
        })?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        let reader = decryptor.decrypt(identities).map_err(|error| match error {
            DecryptError::NoMatchingKeys => FileFault::WrongKey,
            DecryptError::InvalidMac => damaged("its header was changed"),
            _ => damaged("its header cannot be decrypted"),
        })?;
        // Plain text is never longer than what it was sealed as: the buffer does not move, no copy stays behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len() + 1));
        reader
            .take(LARGEST as u64 + 1)
            .read_to_end(&mut plain)
            .map_err(|_| damaged("its content is broken off or was changed"))?;
        Ok(plain)
    }
}

/// Encrypts for a recipient that is given as text.
pub(crate) fn seal_for_text(recipient: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let recipient: Recipient = recipient.trim().parse().map_err(|_| VaultError::BadRecipient)?;
    seal_for(&recipient, plain)
}

fn seal_for(recipient: &Recipient, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let io = |source| VaultError::Io {
        what: "encrypting in memory",
        path: "".into(),
        source,
    };
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient))
        .map_err(|_| VaultError::BadRecipient)?;
    let mut sealed = Vec::with_capacity(plain.len() + 512);
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(io)?;
    writer.write_all(plain).map_err(io)?;
    writer.finish().map_err(io)?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_age_keygen() {
        let keys = Keys::generate().with_new();
        let text = keys.text();
        let commented = format!("# created: today\n\n{}\n", text.reveal());
        let again = Keys::parse(&commented).unwrap();
        assert!(again.text() == text && again.has_older() && !again.current().has_older());
        for bad in [
            "",
            "# only\n",
            "AGE-SECRET-KEY-1QQQ",
            "age1xyz",
            &"\u{0}".repeat(9),
        ] {
            assert!(Keys::parse(bad).is_err(), "{bad:?}");
        }
        let many = format!("{}\n", Keys::generate().text().reveal()).repeat(9);
        assert!(Keys::parse(&many).is_err());
    }

    #[test]
    fn older_identities_read_and_the_current_one_writes() {
        let old = Keys::generate();
        let both = old.with_new();
        let sealed_old = old.seal(b"content").unwrap();
        let sealed_new = both.seal(b"content").unwrap();
        assert_eq!(&**both.unseal(&sealed_old).unwrap(), b"content");
        assert_eq!(&**both.current().unseal(&sealed_new).unwrap(), b"content");
        assert_eq!(old.unseal(&sealed_new).unwrap_err().code(), "wrong_key");
        assert_eq!(
            both.current().unseal(&sealed_old).unwrap_err().code(),
            "wrong_key"
        );
    }
}

//! Who this host is at buses: a stable id and an Ed25519 key that the bus pins at first use, so that a
//! token shared by several hosts lets none of them take another's id.

use crate::HostError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drawbridge_wire::Secret;
use drawbridge_wire::enroll::{EnrollRequest, enroll_bytes};
use drawbridge_wire::link::{signed_bytes, valid_host_id};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Id, name and key.
pub(crate) struct Identity {
    /// Stable id.
    pub id: String,
    /// Display name.
    pub name: String,
    key: SigningKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    host_id: String,
    signing_key: String,
}

impl Identity {
    /// Reads the identity, or makes one at the first start. A given `id` is kept from then on.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is damaged.
    pub(crate) fn load(path: &Path, id: Option<&str>, name: Option<&str>) -> Result<Self, HostError> {
        let name = name.map_or_else(computer_name, str::to_owned);
        if let Some(id) = id.filter(|id| !valid_host_id(id)) {
            return Err(HostError::Bus(format!(
                "`{id}` cannot be a host id: use 1 to 64 of a-z, 0-9, dot, dash, underscore, first a letter or digit"
            )));
        }
        let stored = match std::fs::read(path) {
            Ok(bytes) => Some(Zeroizing::new(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(HostError::files(path)(error)),
        };
        let (mut host_id, key) = match &stored {
            Some(bytes) => parse(bytes).ok_or_else(|| HostError::Identity(path.to_owned()))?,
            None => fresh(&name)?,
        };
        let renamed = id.is_some_and(|id| id != host_id);
        if let Some(id) = id {
            id.clone_into(&mut host_id);
        }
        if stored.is_none() || renamed {
            store(path, &host_id, &key).map_err(HostError::files(path))?;
        }
        Ok(Self {
            id: host_id,
            name,
            key,
        })
    }

    /// Public key, base64url.
    #[must_use]
    pub(crate) fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes())
    }

    /// Answers a bus's challenge. The origin is the host's own idea of where the bus is, never the
    /// connector's or the bus's word, so that an answer for one bus is worth nothing at another.
    #[must_use]
    pub(crate) fn sign(&self, nonce: &str, bus_origin: &str) -> String {
        let signature = self.key.sign(&signed_bytes(nonce, bus_origin, &self.id));
        URL_SAFE_NO_PAD.encode(signature.to_bytes())
    }

    /// A request that trades a code at one bus, complete and signed.
    #[must_use]
    pub(crate) fn trade(&self, code: &Secret, bus_origin: &str) -> EnrollRequest {
        let signature = self.key.sign(&enroll_bytes(code.reveal(), bus_origin, &self.id));
        EnrollRequest {
            code: code.clone(),
            host_id: self.id.clone(),
            host_name: self.name.clone(),
            public_key: self.public_key(),
            signature: URL_SAFE_NO_PAD.encode(signature.to_bytes()),
        }
    }
}

/// Why a host with this data directory would not start for the sake of its own key. Makes nothing.
#[must_use]
pub fn identity_trouble(data_dir: &Path) -> Option<HostError> {
    let path = crate::layout::identity_in(data_dir);
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Ok(found) if !found.is_file() => return Some(HostError::Identity(path)),
        _ => {}
    }
    match std::fs::read(&path).map(Zeroizing::new) {
        Ok(bytes) => parse(&bytes).is_none().then_some(HostError::Identity(path)),
        Err(error) => Some(HostError::files(&path)(error)),
    }
}

fn parse(bytes: &[u8]) -> Option<(String, SigningKey)> {
    let stored: Stored = serde_json::from_slice(bytes).ok()?;
    let key = Zeroizing::new(URL_SAFE_NO_PAD.decode(stored.signing_key.as_bytes()).ok()?);
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(key.as_slice().try_into().ok()?);
    (stored.version == 1 && valid_host_id(&stored.host_id))
        .then(|| (stored.host_id, SigningKey::from_bytes(&key)))
}

fn fresh(name: &str) -> Result<(String, SigningKey), HostError> {
    let mut seed = Zeroizing::new([0u8; 32]);
    let mut tail = [0u8; 4];
    getrandom::fill(seed.as_mut()).map_err(|e| HostError::Random(e.to_string()))?;
    getrandom::fill(&mut tail).map_err(|e| HostError::Random(e.to_string()))?;
    let slug: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let slug = slug.trim_matches('-');
    let slug = if slug.is_empty() { "host" } else { slug };
    Ok((
        format!("{slug}-{}", hex::encode(tail)),
        SigningKey::from_bytes(&seed),
    ))
}

fn store(path: &Path, host_id: &str, key: &SigningKey) -> std::io::Result<()> {
    let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(Zeroizing::new(key.to_bytes()).as_slice()));
    let stored = Stored {
        version: 1,
        host_id: host_id.to_owned(),
        signing_key: encoded.to_string(),
    };
    let text = Zeroizing::new(serde_json::to_vec(&stored)?);
    let temporary = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    let mut file = drawbridge_local::files::private(&mut options).open(&temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

fn computer_name() -> String {
    crate::system::computer_name()
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| "host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Verifier as _, VerifyingKey};

    #[test]
    fn an_identity_stays_and_its_answers_verify_for_one_bus_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id.json");
        let first = Identity::load(&path, None, Some("My Laptop!")).unwrap();
        assert!(first.id.starts_with("my-laptop-"), "{}", first.id);
        let again = Identity::load(&path, None, None).unwrap();
        assert_eq!(
            (first.id.as_str(), first.public_key()),
            (again.id.as_str(), again.public_key())
        );
        let key: [u8; 32] = URL_SAFE_NO_PAD
            .decode(first.public_key())
            .unwrap()
            .try_into()
            .unwrap();
        let key = VerifyingKey::from_bytes(&key).unwrap();
        let bytes: [u8; 64] = URL_SAFE_NO_PAD
            .decode(first.sign("n", "https://a"))
            .unwrap()
            .try_into()
            .unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&bytes);
        assert!(
            key.verify(&signed_bytes("n", "https://a", &first.id), &signature)
                .is_ok()
        );
        assert!(
            key.verify(&signed_bytes("n", "https://b", &first.id), &signature)
                .is_err()
        );
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id.json");
        std::fs::write(&path, b"\0garbage").unwrap();
        assert!(matches!(
            Identity::load(&path, None, None),
            Err(HostError::Identity(_))
        ));
        std::fs::rename(&path, crate::layout::identity_in(dir.path())).unwrap();
        let trouble = identity_trouble(dir.path());
        assert_eq!(trouble.map(|error| error.code()), Some("identity_damaged"));
        let path = crate::layout::identity_in(dir.path());
        assert_eq!(std::fs::read(&path).unwrap(), b"\0garbage");
    }

    #[test]
    fn a_given_id_is_kept_and_a_bad_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id.json");
        assert_eq!(Identity::load(&path, Some("studio"), None).unwrap().id, "studio");
        assert_eq!(Identity::load(&path, None, None).unwrap().id, "studio");
        assert_eq!(
            Identity::load(&path, Some("No/Way"), None).err().unwrap().code(),
            "bad_bus"
        );
    }
}

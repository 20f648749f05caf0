//! A string that does not show itself.

use zeroize::Zeroizing;

/// A token. Neither `Debug` nor `Display` nor `Serialize` show it; reading it is a visible act
/// ([`Secret::reveal`]). Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a token; surrounding white space is no part of it.
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(Zeroizing::new(value.trim().to_owned()))
    }

    /// The token itself, for the one place that must send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(<String as serde::Deserialize>::deserialize(deserializer)?);
        Ok(Self::new(&text))
    }
}

/// Only what it looks like on the pipe: a string that is written, never read back.
impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A token. Travels over private pipes only.",
            "type": "string",
            "writeOnly": true,
        })
    }
}

/// Serialises a secret on purpose: only for fields that travel over a private pipe
/// (`#[serde(serialize_with = "drawbridge_wire::secret::expose")]`).
///
/// # Errors
/// Only those of the serializer.
pub fn expose<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}

/// As [`expose`], for a secret that may be absent.
///
/// # Errors
/// Only those of the serializer.
pub fn expose_option<S: serde::Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_some(secret.reveal()),
        None => serializer.serialize_none(),
    }
}

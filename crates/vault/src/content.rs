//! The JSON inside the encryption: versioned, strict, and written only here.

use crate::{BusId, Confirmed, Disabled, Enrollment, FileFault, McpServer, VaultError};
use drawbridge_wire::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The version that is written.
pub(crate) const VERSION: u64 = 1;

/// Largest content. Far more than tokens and settings need; it keeps a damaged length from mattering.
pub(crate) const LARGEST: usize = 128 * 1024;

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// One enrolled bus.
    Enrollment(Box<Enrollment>),
    /// The confirmed security settings.
    Confirmed(Confirmed),
    /// Enrollments on their way to another vault.
    Export(Vec<Enrollment>),
}

/// Only what every version has.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u64,
    saved_at: u64,
    // Exactly one of these. Not a flattened enum: that would not be strict, and would buffer secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enrollment: Option<Box<StoredEnrollment>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed: Option<StoredConfirmed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    export: Option<Vec<StoredEnrollment>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredEnrollment {
    id: String,
    name: String,
    api_origin: String,
    host_id: Option<String>,
    #[serde(serialize_with = "drawbridge_wire::secret::expose")]
    token: Secret,
    on: bool,
    disabled: Option<StoredDisabled>,
    mcp: Option<StoredMcp>,
    ca_file: Option<PathBuf>,
    made_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDisabled {
    reason: String,
    at: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMcp {
    name: String,
    url: String,
    #[serde(serialize_with = "drawbridge_wire::secret::expose_option")]
    token: Option<Secret>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredConfirmed {
    settings: BTreeMap<String, Value>,
    at: u64,
}

/// Writes a content. The buffer is as large as it can get from the start, so that no copy of it stays behind.
pub(crate) fn encode(content: &Content, saved_at: u64) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut stored = Stored {
        version: VERSION,
        saved_at,
        enrollment: None,
        confirmed: None,
        export: None,
    };
    match content {
        Content::Enrollment(enrollment) => stored.enrollment = Some(Box::new(enrollment.as_ref().into())),
        Content::Confirmed(confirmed) => {
            stored.confirmed = Some(StoredConfirmed {
                settings: confirmed.settings.clone(),
                at: confirmed.at,
            });
        }
        Content::Export(enrollments) => stored.export = Some(enrollments.iter().map(Into::into).collect()),
    }
    let mut plain = Zeroizing::new(vec![0; LARGEST]);
    let mut left: &mut [u8] = &mut plain;
    serde_json::to_writer(&mut left, &stored).map_err(|error| VaultError::Unfit {
        what: if error.is_io() {
            "it is too large"
        } else {
            "a path in it is not valid Unicode"
        },
    })?;
    let length = LARGEST - left.len();
    plain.truncate(length);
    Ok(plain)
}

/// Reads what [`Content`] was written as, and when it was saved.
///
/// # Errors
/// `file_newer` for a later version, `file_damaged` for everything else that this version would not write.
pub fn decode(plain: &[u8]) -> Result<(Content, u64), FileFault> {
    let damaged = |what| FileFault::Damaged { what };
    if plain.len() > LARGEST {
        return Err(damaged("its content is too large"));
    }
    let head: Head = serde_json::from_slice(plain).map_err(|_| damaged("its content has no version"))?;
    if head.version > VERSION {
        return Err(FileFault::Newer {
            version: head.version,
            ours: VERSION,
        });
    }
    let stored: Stored =
        serde_json::from_slice(plain).map_err(|_| damaged("its content is not what this version writes"))?;
    if stored.version != VERSION {
        return Err(damaged("its content has a version that never was"));
    }
    let content = match (stored.enrollment, stored.confirmed, stored.export) {
        (Some(enrollment), None, None) => Content::Enrollment(Box::new((*enrollment).try_into()?)),
        (None, Some(confirmed), None) => Content::Confirmed(Confirmed {
            settings: confirmed.settings,
            at: confirmed.at,
        }),
        (None, None, Some(enrollments)) => Content::Export(
            enrollments
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        ),
        _ => return Err(damaged("its content is not one thing")),
    };
    Ok((content, stored.saved_at))
}

impl From<&Enrollment> for StoredEnrollment {
    fn from(from: &Enrollment) -> Self {
        Self {
            id: from.id.as_str().to_owned(),
            name: from.name.clone(),
            api_origin: from.api_origin.clone(),
            host_id: from.host_id.clone(),
            token: from.token.clone(),
            on: from.on,
            disabled: from.disabled.as_ref().map(|disabled| StoredDisabled {
                reason: disabled.reason.clone(),
                at: disabled.at,
            }),
            mcp: from.mcp.as_ref().map(|mcp| StoredMcp {
                name: mcp.name.clone(),
                url: mcp.url.clone(),
                token: mcp.token.clone(),
            }),
            ca_file: from.ca_file.clone(),
            made_at: from.made_at,
        }
    }
}

impl TryFrom<StoredEnrollment> for Enrollment {
    type Error = FileFault;

    fn try_from(from: StoredEnrollment) -> Result<Self, FileFault> {
        Ok(Self {
            id: BusId::new(&from.id).map_err(|_| FileFault::Damaged {
                what: "its content has a bad id",
            })?,
            name: from.name,
            api_origin: from.api_origin,
            host_id: from.host_id,
            token: from.token,
            on: from.on,
            disabled: from.disabled.map(|disabled| Disabled {
                reason: disabled.reason,
                at: disabled.at,
            }),
            mcp: from.mcp.map(|mcp| McpServer {
                name: mcp.name,
                url: mcp.url,
                token: mcp.token,
            }),
            ca_file: from.ca_file,
            made_at: from.made_at,
        })
    }
}

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

/// A content as it stands in a file.
pub(crate) struct Filed {
    pub(crate) content: Content,
    pub(crate) saved_at: u64,
    /// Whether settings had been confirmed when this enrollment was saved, so that they cannot be removed
    /// without a trace.
    pub(crate) confirmed_beside: bool,
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
    /// Only beside an enrollment: there are confirmed settings in this vault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    confirmed_beside: bool,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bus: Option<String>,
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
pub(crate) fn encode(
    content: &Content,
    saved_at: u64,
    confirmed_beside: bool,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut stored = Stored {
        version: VERSION,
        saved_at,
        confirmed_beside: confirmed_beside && matches!(content, Content::Enrollment(_)),
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
    read(plain).map(|filed| (filed.content, filed.saved_at))
}

/// As [`decode`], with what the file says besides.
pub(crate) fn read(plain: &[u8]) -> Result<Filed, FileFault> {
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
    if stored.confirmed_beside && !matches!(content, Content::Enrollment(_)) {
        return Err(damaged("its content says what only an enrollment says"));
    }
    Ok(Filed {
        content,
        saved_at: stored.saved_at,
        confirmed_beside: stored.confirmed_beside,
    })
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
            bus: from.bus.clone(),
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
            bus: from.bus,
            ca_file: from.ca_file,
            made_at: from.made_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;
    use proptest::prelude::*;

    fn option<T: Clone + std::fmt::Debug + 'static>(
        strategy: impl Strategy<Value = T> + 'static,
    ) -> impl Strategy<Value = Option<T>> {
        proptest::option::of(strategy)
    }

    prop_compose! {
        fn enrollment()(
            id in "[a-z0-9]{1,20}",
            texts in proptest::collection::vec(any::<String>(), 6),
            token in any::<String>(),
            host_id in option(any::<String>()),
            on in any::<bool>(),
            disabled_at in option(option(any::<u64>())),
            mcp_token in option(option(any::<String>())),
            ca_file in option("[a-z/ äöü\"\\\\]{0,30}"),
            made_at in any::<u64>(),
        ) -> Enrollment {
            Enrollment {
                id: BusId::new(&format!("x{id}")).unwrap(),
                name: texts[0].clone(),
                api_origin: texts[1].clone(),
                host_id,
                token: Secret::new(&token),
                on,
                disabled: disabled_at.map(|at| Disabled { reason: texts[2].clone(), at }),
                mcp: mcp_token.map(|token| McpServer {
                    name: texts[3].clone(),
                    url: texts[4].clone(),
                    token: token.map(|token| Secret::new(&token)),
                }),
                bus: on.then(|| texts[5].clone()),
                ca_file: ca_file.map(PathBuf::from),
                made_at,
            }
        }
    }

    /// Everything, with the secrets: what `Debug` does not show.
    fn whole(enrollment: &Enrollment) -> String {
        serde_json::to_string(&StoredEnrollment::from(enrollment)).unwrap()
    }

    fn example() -> Enrollment {
        Enrollment {
            id: BusId::new("bus").unwrap(),
            name: "Bus".into(),
            api_origin: "https://bus.example.org".into(),
            host_id: None,
            token: Secret::new("token"),
            on: true,
            disabled: None,
            mcp: None,
            bus: None,
            ca_file: None,
            made_at: 1,
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            enrollment in enrollment(),
            saved_at in any::<u64>(),
            beside in any::<bool>(),
        ) {
            let content = Content::Enrollment(Box::new(enrollment.clone()));
            let filed = read(&encode(&content, saved_at, beside).unwrap()).unwrap();
            let Content::Enrollment(back) = filed.content else { panic!("another kind") };
            prop_assert_eq!(whole(&back), whole(&enrollment));
            prop_assert_eq!((filed.saved_at, filed.confirmed_beside), (saved_at, beside));
        }

        #[test]
        fn any_bytes_are_content_or_a_named_fault(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Err(fault) = decode(&bytes) {
                prop_assert!(["file_damaged", "file_newer"].contains(&fault.code()));
            }
        }

        #[test]
        fn changed_content_is_content_or_a_named_fault(
            at in any::<prop::sample::Index>(),
            with in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let plain = encode(&Content::Export(vec![example()]), 1, false).unwrap();
            let mut changed = plain.to_vec();
            let at = at.index(changed.len());
            let end = (at + with.len()).min(changed.len());
            changed.splice(at..end, with);
            if let Err(fault) = decode(&changed) {
                prop_assert!(["file_damaged", "file_newer"].contains(&fault.code()));
            }
        }

        #[test]
        fn any_bytes_are_no_age_file(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Keys::generate().unseal(&bytes).unwrap_err().code(), "file_damaged");
        }
    }

    #[test]
    fn a_later_version_is_named_whatever_else_it_holds() {
        let later = br#"{"version":7,"saved_at":"yesterday","boxes":[1,2],"enrollment":{}}"#;
        assert_eq!(
            decode(later).unwrap_err(),
            FileFault::Newer {
                version: 7,
                ours: VERSION
            }
        );
    }

    #[test]
    fn what_this_version_would_not_write_is_damaged() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"version":"1"}"#,
            r#"{"version":-1}"#,
            r#"{"version":0,"saved_at":1}"#,
            r#"{"version":1}"#,
            r#"{"version":1,"saved_at":1}"#,
            r#"{"version":1,"saved_at":1,"more":1,"export":[]}"#,
            r#"{"version":1,"version":1,"saved_at":1,"export":[]}"#,
            r#"{"version":1,"saved_at":1,"export":[],"confirmed":{"settings":{},"at":1}}"#,
            r#"{"version":1,"saved_at":1,"enrollment":{"id":"../x"}}"#,
            r#"{"version":1,"saved_at":1,"export":[]} and more"#,
            r#"{"version":1,"saved_at":1,"confirmed_beside":true,"export":[]}"#,
            r#"{"version":1,"saved_at":1,"confirmed_beside":true,"confirmed":{"settings":{},"at":1}}"#,
        ] {
            assert_eq!(
                decode(text.as_bytes()).unwrap_err().code(),
                "file_damaged",
                "{text}"
            );
        }
        let deep = format!(
            r#"{{"version":1,"saved_at":1,"confirmed":{{"settings":{{"x":{}}},"at":1}}}}"#,
            "[".repeat(50_000)
        );
        assert_eq!(decode(deep.as_bytes()).unwrap_err().code(), "file_damaged");
        assert_eq!(
            decode(&vec![b' '; LARGEST + 1]).unwrap_err().code(),
            "file_damaged"
        );
    }

    #[test]
    fn an_id_that_is_no_file_name_is_never_read() {
        let plain = encode(&Content::Enrollment(Box::new(example())), 1, false).unwrap();
        let text = String::from_utf8(plain.to_vec()).unwrap();
        let changed = text.replace(r#""id":"bus""#, r#""id":"../bus""#);
        assert!(changed != text);
        assert_eq!(decode(changed.as_bytes()).unwrap_err().code(), "file_damaged");
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_written() {
        let mut large = example();
        large.name = "x".repeat(LARGEST);
        let error = encode(&Content::Enrollment(Box::new(large)), 1, false).unwrap_err();
        assert_eq!(error.code(), "unfit");
        assert!(error.to_string().contains("too large"), "{error}");
    }

    /// Every bit of a sealed file.
    #[test]
    fn a_flipped_bit_is_a_named_fault_and_never_other_content() {
        let keys = Keys::generate();
        let plain = encode(&Content::Enrollment(Box::new(example())), 1, false).unwrap();
        let sealed = keys.seal(&plain).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match keys.unseal(&flipped) {
                Ok(back) => assert_eq!(*back, *plain, "bit {bit} changed the content"),
                Err(fault) => assert!(
                    ["file_damaged", "wrong_key"].contains(&fault.code()),
                    "bit {bit}: {fault}"
                ),
            }
        }
        for length in 0..sealed.len() {
            let fault = keys.unseal(&sealed[..length]).unwrap_err();
            assert_eq!(fault.code(), "file_damaged", "cut at {length}: {fault}");
        }
    }
}

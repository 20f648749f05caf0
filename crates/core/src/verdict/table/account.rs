//! The account: as little as a client needs to know whether a turn can run.

use super::super::rule::{Cut, Handling, Kind, Scope};
use super::{Family, allow, may, unset};
use drawbridge_wire::Role::{Operator, Viewer};

pub(super) const TABLE: Family = &[
    allow(
        "account/read",
        Viewer,
        // A refresh would spend the user's refresh token at a remote's wish.
        &[unset("refreshToken")],
        Scope::None,
        Handling::Redact(&[
            Cut::Keep("", &["account", "requiresOpenaiAuth"]),
            Cut::Keep("/account", &["type", "planType", "email"]),
            Cut::Null("/account/email"),
        ]),
        "whether someone is logged in, and with what kind of account; not who",
    ),
    allow(
        "account/rateLimits/read",
        Operator,
        &[
            may("excludeResetCreditDetails", Kind::Bool),
            unset("supportsLunaReserve"),
        ],
        Scope::None,
        Handling::Redact(&[Cut::Keep("", &["rateLimits", "rateLimitsByLimitId"])]),
        "how much of the limit is left decides whether a turn can run",
    ),
    allow(
        "account/bedrock/checkGovCloudRequirements",
        Viewer,
        &[],
        Scope::None,
        Handling::Pass,
        "the official terminal client asks for it at start; two flags",
    ),
];

//! The connection itself, and what is read of this computer as a whole.

use super::super::rule::{Cut, Handling, Kind, Member, Scope};
use super::{CURSOR, Family, IN_THREAD, LIMIT, THREAD, allow, may, must, unset};
use drawbridge_wire::Role::{Operator, Viewer};

const CLIENT_INFO: &[Member] = &[
    Member {
        name: "name",
        kind: Kind::Text,
    },
    Member {
        name: "title",
        kind: Kind::Text,
    },
    Member {
        name: "version",
        kind: Kind::Text,
    },
];

/// What a client may declare; the host rewrites it before it goes on. OAuth of the gateway concerns the
/// whole process and attestation is the local owner's: neither can be declared.
const CAPABILITIES: &[Member] = &[
    Member {
        name: "experimentalApi",
        kind: Kind::Bool,
    },
    Member {
        name: "optOutNotificationMethods",
        kind: Kind::Texts,
    },
    Member {
        name: "requiredHumanApproval",
        kind: Kind::Bool,
    },
    Member {
        name: "requestAttestation",
        kind: Kind::Unset,
    },
    Member {
        name: "explicitGatewayOauth",
        kind: Kind::Unset,
    },
    Member {
        name: "mcpServerOpenaiFormElicitation",
        kind: Kind::Unset,
    },
    Member {
        name: "extensions",
        kind: Kind::Unset,
    },
];

/// What a client needs of the effective configuration to draw its first screen. Everything else can
/// hold addresses, tokens, headers, commands: it stays here, whatever its name will be.
const CONFIG_SHOWN: &[&str] = &[
    "approval_policy",
    "approvals_reviewer",
    "model",
    "model_auto_compact_token_limit",
    "model_context_window",
    "model_provider",
    "model_reasoning_effort",
    "model_reasoning_summary",
    "model_verbosity",
    "review_model",
    "sandbox_mode",
    "service_tier",
    "web_search",
];

const REQUIREMENTS_SHOWN: &[&str] = &[
    "allowedApprovalPolicies",
    "allowedApprovalsReviewers",
    "allowedPermissionProfiles",
    "allowedSandboxModes",
    "allowedWebSearchModes",
    "featureRequirements",
    "models",
];

pub(super) const TABLE: Family = &[
    allow(
        "initialize",
        Viewer,
        &[
            must("clientInfo", Kind::Object(CLIENT_INFO)),
            may("capabilities", Kind::Object(CAPABILITIES)),
        ],
        Scope::None,
        Handling::Initialize,
        "every connection begins with it",
    ),
    allow(
        "model/list",
        Viewer,
        &[
            CURSOR,
            LIMIT,
            may("includeHidden", Kind::Bool),
            may("modelProvider", Kind::Text),
        ],
        Scope::None,
        Handling::Pass,
        "names of models",
    ),
    allow(
        "modelProvider/capabilities/read",
        Viewer,
        &[],
        Scope::None,
        Handling::Pass,
        "flags of the provider in use",
    ),
    allow(
        "collaborationMode/list",
        Viewer,
        &[],
        Scope::None,
        Handling::Pass,
        "the modes a turn may be started in",
    ),
    allow(
        "experimentalFeature/list",
        Viewer,
        &[CURSOR, LIMIT, must("threadId", Kind::Text)],
        IN_THREAD,
        Handling::Pass,
        "names of features and whether they are on",
    ),
    allow(
        "permissionProfile/list",
        Viewer,
        &[CURSOR, LIMIT, must("cwd", Kind::Path)],
        Scope::Cwd { params: &["cwd"] },
        Handling::Pass,
        "names of profiles; none can be chosen",
    ),
    allow(
        "config/read",
        Viewer,
        &[may("cwd", Kind::Path), may("includeLayers", Kind::Bool)],
        Scope::Cwd { params: &["cwd"] },
        Handling::Redact(&[
            Cut::Keep("", &["config", "origins", "layers"]),
            Cut::Keep("/config", CONFIG_SHOWN),
            Cut::EmptyObject("/origins"),
            Cut::EmptyList("/layers"),
        ]),
        "the official terminal client does not start without it; only model, policy and sandbox remain",
    ),
    allow(
        "configRequirements/read",
        Viewer,
        &[],
        Scope::None,
        Handling::Redact(&[
            Cut::Keep("", &["requirements", "supportsIndependentSpeedModes"]),
            Cut::Keep("/requirements", REQUIREMENTS_SHOWN),
        ]),
        "which policies an administrator allows; the rest is taken out",
    ),
    allow(
        "skills/list",
        Viewer,
        &[may("cwds", Kind::Paths), may("forceReload", Kind::Bool)],
        Scope::Cwd { params: &["cwds"] },
        Handling::Pass,
        "names and descriptions of skills; needed to mention one",
    ),
    allow(
        "hooks/list",
        Viewer,
        &[may("cwds", Kind::Paths), unset("threadId")],
        Scope::Cwd { params: &["cwds"] },
        Handling::Redact(&[Cut::Keep("", &["data"]), Cut::EmptyList("/data")]),
        "the official terminal client asks for it at start; hooks hold commands, so it sees none",
    ),
    allow(
        "mcpServerStatus/list",
        Viewer,
        &[
            CURSOR,
            LIMIT,
            THREAD,
            may("detail", Kind::Word(&["full", "toolsAndAuthOnly"])),
            may("serverName", Kind::Text),
        ],
        IN_THREAD,
        Handling::Pass,
        "which tools the thread has",
    ),
    allow(
        "fuzzyFileSearch",
        Operator,
        &[
            must("query", Kind::Text),
            must("roots", Kind::SomePaths),
            may("cancellationToken", Kind::Text),
        ],
        Scope::Cwd { params: &["roots"] },
        Handling::Pass,
        "names of files inside the roots, to mention one",
    ),
];

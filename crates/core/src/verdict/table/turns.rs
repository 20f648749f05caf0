//! Turns.

use super::super::rule::{Handling, Kind};
use super::{Family, IN_THREAD, REVIEWER, THREAD, allow, may, must, unset};
use drawbridge_wire::Role::Operator;

pub(super) const TABLE: Family = &[
    allow(
        "turn/start",
        Operator,
        &[
            THREAD,
            must("input", Kind::Input),
            may("approvalPolicy", Kind::CeilingPolicy),
            may("sandboxPolicy", Kind::CeilingSandboxPolicy),
            REVIEWER,
            may("cwd", Kind::Path),
            may("runtimeWorkspaceRoots", Kind::OwnFolder),
            may("clientUserMessageId", Kind::Text),
            may("collaborationMode", Kind::CollaborationMode),
            may("effort", Kind::Text),
            may("model", Kind::Text),
            may("outputSchema", Kind::Any),
            may("personality", Kind::Word(&["none", "friendly", "pragmatic"])),
            may("serviceTier", Kind::Text),
            may("serviceTierForTurn", Kind::Text),
            may("summary", Kind::Word(&["auto", "concise", "detailed", "none"])),
            may("turnTrigger", Kind::Text),
            may(
                "multiAgentMode",
                Kind::Word(&["explicitRequestOnly", "proactive"]),
            ),
            // Profiles and environments move the walls of the sandbox.
            unset("permissions"),
            unset("environments"),
            // Text the model would take for something other than a person's words.
            unset("additionalContext"),
            unset("toolOutput"),
            // Headers and bookkeeping of the vendor's own clients.
            unset("responsesapiClientMetadata"),
            unset("responsesapiClientMetadataPatch"),
            unset("cyberAccessProgram"),
            unset("disabledPluginIds"),
            // Other turns, perhaps of threads outside the roots.
            unset("parentTurnId"),
            unset("rootTurnId"),
        ],
        IN_THREAD,
        Handling::TurnStart,
        "the main job",
    ),
    allow(
        "turn/steer",
        Operator,
        &[
            THREAD,
            must("input", Kind::Input),
            must("expectedTurnId", Kind::Text),
            may("clientUserMessageId", Kind::Text),
            unset("additionalContext"),
            unset("responsesapiClientMetadata"),
            unset("responsesapiClientMetadataPatch"),
        ],
        IN_THREAD,
        Handling::TurnSteer,
        "more words for a running turn",
    ),
    allow(
        "turn/interrupt",
        Operator,
        &[THREAD, must("turnId", Kind::Text)],
        IN_THREAD,
        Handling::TurnInterrupt,
        "it can only end something",
    ),
    allow(
        "review/start",
        Operator,
        &[
            THREAD,
            must("target", Kind::ReviewTarget),
            may("delivery", Kind::Word(&["inline"])),
        ],
        IN_THREAD,
        Handling::OtherTurn,
        "a turn that reads; under the thread's own policy and sandbox",
    ),
    allow(
        "thread/compact/start",
        Operator,
        &[THREAD],
        IN_THREAD,
        Handling::OtherTurn,
        "a turn without tools",
    ),
];

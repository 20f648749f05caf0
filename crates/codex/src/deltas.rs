//! Which notifications carry pieces of text that only a screen needs.

/// Every notification of the installed schema that streams a piece at a time. A connection that shows no
/// text opts out of them: one long answer is twenty thousand of these. Nothing but pieces of text and sound belongs here: the gate
/// takes its word for two seconds on whether a remote may see their thread, where it looks anew for anything else.
pub const DELTA_NOTIFICATIONS: [&str; 11] = [
    "command/exec/outputDelta",
    "item/agentMessage/delta",
    "item/commandExecution/outputDelta",
    "item/fileChange/outputDelta",
    "item/plan/delta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "process/outputDelta",
    "thread/realtime/item/transcript/delta",
    "thread/realtime/outputAudio/delta",
    "thread/realtime/transcript/delta",
];

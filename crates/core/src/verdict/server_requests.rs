//! What happens to the requests the app-server makes of its clients.

use drawbridge_wire::control::ApprovalKind;

/// How a request of the app-server is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRequest {
    /// Becomes an approval of this kind, for the approvers of the thread.
    Approval(ApprovalKind),
    /// Goes only to the connection that declared the tool. Remotes may declare none, so from a remote's
    /// view there is no such connection.
    DynamicTool,
    /// Never goes to a remote: the local owner answers, or it is refused by name.
    LocalOwner(LocalOwner),
    /// Not known: shown raw to local approvers; at the deadline an error.
    Unknown,
}

/// What only the local owner may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LocalOwner {
    /// Tokens of the account.
    AccountTokens,
    /// An attestation of this device.
    Attestation,
}

/// The table. Every request of the app-server's schema stands in it, or is named in a comment here:
///
/// * `execCommandApproval`, `applyPatchApproval` are the approvals of the first protocol. The app-server
///   does not send them to clients that speak the present one; their answers have another shape. They
///   are therefore handled as unknown: a person sees them raw, nothing is answered by guess.
/// * `currentTime/read` asks for the clock of the client. It concerns one thread, is harmless and has no
///   person to ask, but which client's clock is meant is not ours to guess: unknown as well.
#[must_use]
pub fn server_request(method: &str) -> ServerRequest {
    match method {
        "item/commandExecution/requestApproval" => ServerRequest::Approval(ApprovalKind::Command),
        "item/fileChange/requestApproval" => ServerRequest::Approval(ApprovalKind::FileChange),
        "item/permissions/requestApproval" => ServerRequest::Approval(ApprovalKind::Permissions),
        "item/tool/requestUserInput" => ServerRequest::Approval(ApprovalKind::UserInput),
        "mcpServer/elicitation/request" => ServerRequest::Approval(ApprovalKind::Elicitation),
        "item/tool/call" => ServerRequest::DynamicTool,
        "account/chatgptAuthTokens/refresh" => ServerRequest::LocalOwner(LocalOwner::AccountTokens),
        "attestation/generate" => ServerRequest::LocalOwner(LocalOwner::Attestation),
        _ => ServerRequest::Unknown,
    }
}

/// Requests of the schema that [`server_request`] leaves unknown on purpose.
pub const UNKNOWN_ON_PURPOSE: &[&str] = &["applyPatchApproval", "currentTime/read", "execCommandApproval"];

//! What happens to the requests the app-server makes of its clients.

use drawbridge_core::verdict::server_requests::{
    LocalOwner, ServerRequest, UNKNOWN_ON_PURPOSE, server_request,
};
use drawbridge_wire::control::ApprovalKind;

#[test]
fn each_request_of_the_server_has_its_place() {
    let table = [
        (
            "item/commandExecution/requestApproval",
            ServerRequest::Approval(ApprovalKind::Command),
        ),
        (
            "item/fileChange/requestApproval",
            ServerRequest::Approval(ApprovalKind::FileChange),
        ),
        (
            "item/permissions/requestApproval",
            ServerRequest::Approval(ApprovalKind::Permissions),
        ),
        (
            "item/tool/requestUserInput",
            ServerRequest::Approval(ApprovalKind::UserInput),
        ),
        (
            "mcpServer/elicitation/request",
            ServerRequest::Approval(ApprovalKind::Elicitation),
        ),
        ("item/tool/call", ServerRequest::DynamicTool),
        (
            "account/chatgptAuthTokens/refresh",
            ServerRequest::LocalOwner(LocalOwner::AccountTokens),
        ),
        (
            "attestation/generate",
            ServerRequest::LocalOwner(LocalOwner::Attestation),
        ),
        ("something/new", ServerRequest::Unknown),
        ("", ServerRequest::Unknown),
    ];
    for (method, expected) in table {
        assert_eq!(server_request(method), expected, "{method}");
    }
    for method in UNKNOWN_ON_PURPOSE {
        assert_eq!(server_request(method), ServerRequest::Unknown, "{method}");
    }
}

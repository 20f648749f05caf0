//! The MCP door: read-only so far.

use crate::names::Names;
use crate::registry::Registry;
use crate::roster::HostView;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Json;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Largest request of an MCP client.
const BODY: usize = 256 * 1024;

/// Answer of `hosts_list`.
#[derive(Debug, Serialize, JsonSchema)]
struct HostsList {
    /// All hosts this bus knows, connected or not.
    hosts: Vec<HostView>,
}

/// The MCP server.
#[derive(Clone)]
pub(crate) struct Mcp {
    registry: Registry,
    tool_router: ToolRouter<Self>,
}

#[tool_router(router = tool_router)]
impl Mcp {
    fn new(registry: Registry) -> Self {
        Self {
            registry,
            tool_router: Self::tool_router(),
        }
    }

    /// Lists the hosts that connect to this bus: id, name, whether each is online and its app-server
    /// ready, running threads, approvals that wait for a person.
    #[tool(
        name = "hosts_list",
        annotations(
            title = "List hosts",
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn hosts_list(&self) -> Result<Json<HostsList>, ErrorData> {
        match self.registry.view(None).await {
            Ok(hosts) => Ok(Json(HostsList { hosts })),
            Err(refusal) => Err(ErrorData::internal_error(refusal.to_string(), None)),
        }
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Mcp {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("drawbridge-bus", env!("CARGO_PKG_VERSION")))
    }
}

/// The door as a service. Without sessions: each request stands for itself and leaves nothing behind.
pub(crate) fn service(
    registry: &Registry,
    names: &Names,
    shutdown: CancellationToken,
) -> StreamableHttpService<Mcp, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(names.authorities())
        .enforce_origin_validation()
        .with_max_request_body_bytes(BODY)
        .with_cancellation_token(shutdown);
    let mcp = Mcp::new(registry.clone());
    StreamableHttpService::new(
        move || Ok(mcp.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    )
}

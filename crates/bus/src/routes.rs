//! What is answered where.

use crate::link::{self, LinkContext};
use crate::names::{Names, ReachedAs};
use crate::refusal::{Door, Refusal};
use crate::registry::Registry;
use crate::tokens::{Bearer, Tokens, offered};
use crate::upgrade::{Upgrade, lists};
use crate::{BusLimits, HostView, enrollments, mcp, tunnel};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post, post_service};
use axum::{Extension, Json, Router};
use drawbridge_wire::link::{
    BUS_HEADER, MAX_APP_SERVER_MESSAGE, MAX_LINK_MESSAGE, MAX_REMOTE_MESSAGE, SUBPROTOCOL, TUNNEL_HOST_HEADER,
};
use drawbridge_wire::skills::SkillNames;
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What every route needs.
pub(crate) struct Doors {
    pub(crate) tokens: Tokens,
    pub(crate) names: Names,
    pub(crate) registry: Registry,
    pub(crate) limits: BusLimits,
    /// Places for links.
    pub(crate) links: Arc<Semaphore>,
    /// Tasks of upgraded connections.
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    /// Of this bus, at whichever address; see [`BUS_HEADER`].
    pub(crate) id: Option<HeaderValue>,
}

impl Doors {
    /// Lets a host in at `/connect`. `Some` when its token is its own, from a code, and names it.
    async fn host(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        let Err(refusal) = self.tokens.admit(Door::Connect, headers) else {
            return Ok(None);
        };
        match offered(headers) {
            Some(token) if !matches!(refusal, Refusal::WrongScope(_)) => {
                self.registry.owner(token).await.map(Some).ok_or(refusal)
            }
            _ => Err(refusal),
        }
    }
}

/// All routes.
pub(crate) fn router(doors: &Arc<Doors>) -> Router {
    let mcp = mcp::service(&doors.registry, &doors.names, doors.shutdown.clone());
    let mcp = post_service(mcp)
        .fallback(|| async { Refusal::MethodNotAllowed })
        .layer(from_fn_with_state(doors.clone(), mcp_door));
    Router::new()
        .route("/connect", any(connect))
        .route("/connect/{tunnel}", any(dial))
        .route("/hosts/{id}/app-server", any(app_server))
        .route("/", any(only_app_server))
        .route("/mcp", mcp)
        .route("/api/hosts", get(hosts))
        .route("/api/hosts/{id}/skills", get(skills))
        .route("/api/pair", post(enrollments::pair))
        .route("/api/enroll", post(enrollments::enroll))
        .route("/api/enrollments", get(enrollments::list))
        .route("/api/enrollments/{id}", delete(enrollments::revoke))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::MethodNotAllowed })
        .layer(from_fn_with_state(doors.clone(), threshold))
        .with_state(doors.clone())
}

/// Before every route: no web pages, no foreign names, no caching.
async fn threshold(State(doors): State<Arc<Doors>>, mut request: Request, next: Next) -> Response {
    let checked = if request.headers().contains_key(header::ORIGIN) {
        Err(Refusal::OriginRefused)
    } else {
        doors.names.reached_as(request.uri(), request.headers())
    };
    let to_hosts = request.uri().path() == "/connect";
    let mut response = match checked {
        Ok(reached_as) => {
            request.extensions_mut().insert(reached_as);
            let mut response = next.run(request).await;
            if let Some(id) = doors.id.as_ref().filter(|_| to_hosts) {
                response.headers_mut().insert(BUS_HEADER, id.clone());
            }
            response
        }
        Err(refusal) => {
            tracing::info!(code = refusal.code(), "request refused");
            refusal.into_response()
        }
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn mcp_door(State(doors): State<Arc<Doors>>, request: Request, next: Next) -> Response {
    if let Err(refusal) = doors.tokens.admit(Door::Mcp, request.headers()) {
        return refusal.into_response();
    }
    match timeout(doors.limits.request, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::RequestTimeout.into_response(),
    }
}

async fn connect(
    State(doors): State<Arc<Doors>>,
    Extension(ReachedAs(origin)): Extension<ReachedAs>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let own = doors.host(request.headers()).await?;
    let upgrade = Upgrade::take(&mut request)?;
    if !lists(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(Refusal::BadSubprotocol);
    }
    let place = doors
        .links
        .clone()
        .try_acquire_owned()
        .map_err(|_| Refusal::TooManyHosts)?;
    let context = LinkContext {
        registry: doors.registry.clone(),
        limits: doors.limits.clone(),
        origin,
        shutdown: doors.shutdown.clone(),
        own,
        place,
    };
    Ok(
        upgrade.answer(&doors.tasks, Some(SUBPROTOCOL), MAX_LINK_MESSAGE, |socket| {
            link::serve(socket, context)
        }),
    )
}

async fn dial(
    State(doors): State<Arc<Doors>>,
    tunnel: Result<Path<String>, PathRejection>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let own = doors.host(request.headers()).await?;
    let upgrade = Upgrade::take(&mut request)?;
    let Path(tunnel) = tunnel.map_err(|_| Refusal::UnknownTunnel)?;
    let host = request
        .headers()
        .get(TUNNEL_HOST_HEADER)
        .and_then(|host| host.to_str().ok());
    let host = host.ok_or(Refusal::UnknownTunnel)?.to_owned();
    if own.is_some_and(|own| own != host) {
        return Err(Refusal::UnknownTunnel);
    }
    let claim = doors
        .registry
        .claim(host, tunnel)
        .await
        .ok_or(Refusal::UnknownTunnel)?;
    let limits = doors.limits.clone();
    Ok(
        upgrade.answer(&doors.tasks, None, MAX_APP_SERVER_MESSAGE, |socket| {
            tunnel::serve(socket, claim, limits)
        }),
    )
}

async fn app_server(
    State(doors): State<Arc<Doors>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let id = id.map(|Path(id)| id).map_err(|_| Refusal::UnknownHost);
    open(&doors, id.map(Some), request).await
}

async fn only_app_server(State(doors): State<Arc<Doors>>, request: Request) -> Result<Response, Refusal> {
    open(&doors, Ok(None), request).await
}

/// A client is answered when its tunnel stands, so that it learns here, with a status, why it does not.
async fn open(
    doors: &Doors,
    named: Result<Option<String>, Refusal>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let Bearer::Client(grant) = doors.tokens.admit(Door::AppServer, request.headers())? else {
        return Err(Refusal::WrongScope(Door::AppServer));
    };
    let upgrade = Upgrade::take(&mut request)?;
    let mut wait = doors.registry.open(grant, named?).await?;
    let bring = match timeout(doors.limits.dial, wait.dialled()).await {
        Ok(Some(dialled)) => dialled.map_err(Refusal::Ended)?,
        Ok(None) if doors.shutdown.is_cancelled() => return Err(Refusal::Draining),
        Ok(None) => return Err(Refusal::TunnelFailed),
        Err(_) => return Err(Refusal::DialTimeout),
    };
    Ok(
        upgrade.answer(&doors.tasks, None, MAX_REMOTE_MESSAGE, |client| async move {
            // When the tunnel has ended meanwhile, the socket comes back and is dropped, which closes it.
            let _ = bring.send(client);
        }),
    )
}

async fn hosts(State(doors): State<Arc<Doors>>, request: Request) -> Result<Json<Vec<HostView>>, Refusal> {
    let bearer = doors.tokens.admit(Door::Api, request.headers())?;
    Ok(Json(
        doors.registry.view(bearer.only_host().map(str::to_owned)).await?,
    ))
}

/// Names, scopes and hashes, which is all that a host tells of its skills.
async fn skills(
    State(doors): State<Arc<Doors>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<SkillNames>, Refusal> {
    let bearer = doors.tokens.admit(Door::Api, request.headers())?;
    let Path(id) = id.map_err(|_| Refusal::UnknownHost)?;
    let only = bearer.only_host().map(str::to_owned);
    let told = doors.registry.skills(id, only).await?;
    Ok(Json(SkillNames::clone(&told)))
}

async fn ready(State(doors): State<Arc<Doors>>) -> Result<&'static str, Refusal> {
    if doors.shutdown.is_cancelled() {
        Err(Refusal::Draining)
    } else {
        Ok("ready\n")
    }
}

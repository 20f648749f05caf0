//! `/api/pair`, `/api/enroll` and `/api/enrollments`: how hosts get a token of their own, and how it is
//! taken back.

use crate::handshake::prove_trade;
use crate::names::ReachedAs;
use crate::refusal::{Door, Refusal};
use crate::routes::Doors;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::{Extension, Json};
use drawbridge_wire::enroll::{
    CODE_SECS, EnrollAnswer, EnrollRequest, EnrollmentView, LONGEST_CODE_SECS, MAX_BODY, PairAnswer,
    PairRequest, normal_code,
};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

pub(crate) async fn pair(
    State(doors): State<Arc<Doors>>,
    request: Request,
) -> Result<Json<PairAnswer>, Refusal> {
    doors.tokens.admit(Door::Admin, request.headers())?;
    let body = bytes(&doors, request).await?;
    let asked: PairRequest = if body.is_empty() {
        PairRequest::default()
    } else {
        read(&body)?
    };
    let secs = asked.valid_secs.unwrap_or(CODE_SECS);
    if !(1..=LONGEST_CODE_SECS).contains(&secs) {
        return Err(Refusal::CodeTooLong);
    }
    let valid = Duration::from_secs(u64::from(secs));
    let code = doors.registry.pair(valid).await?;
    let until = SystemTime::now() + valid;
    let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Json(PairAnswer {
        code,
        expires_at_ms: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
    }))
}

pub(crate) async fn enroll(
    State(doors): State<Arc<Doors>>,
    Extension(ReachedAs(origin)): Extension<ReachedAs>,
    request: Request,
) -> Result<Json<EnrollAnswer>, Refusal> {
    let asked: EnrollRequest = read(&bytes(&doors, request).await?)?;
    let code = normal_code(asked.code.reveal()).ok_or(Refusal::BadCode)?;
    let proven = prove_trade(&asked, &code, &origin);
    let token = doors.registry.trade(code, proven).await?;
    Ok(Json(EnrollAnswer {
        token,
        host_id: asked.host_id,
    }))
}

pub(crate) async fn list(
    State(doors): State<Arc<Doors>>,
    request: Request,
) -> Result<Json<Vec<EnrollmentView>>, Refusal> {
    doors.tokens.admit(Door::Admin, request.headers())?;
    doors.registry.enrollments().await.map(Json)
}

/// `?forget=true` also lets go of the key, so that another host may take the id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revocation {
    #[serde(default)]
    forget: bool,
}

pub(crate) async fn revoke(
    State(doors): State<Arc<Doors>>,
    id: Result<Path<String>, PathRejection>,
    how: Result<Query<Revocation>, QueryRejection>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    doors.tokens.admit(Door::Admin, request.headers())?;
    let Path(id) = id.map_err(|_| Refusal::UnknownHost)?;
    let Query(how) = how.map_err(|error| Refusal::BadBody(error.body_text()))?;
    doors.registry.revoke(id, how.forget).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn bytes(doors: &Doors, request: Request) -> Result<Bytes, Refusal> {
    let read = axum::body::to_bytes(request.into_body(), MAX_BODY);
    match timeout(doors.limits.request, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Refusal::BadBody(format!(
            "it is larger than {MAX_BODY} bytes, or broke off"
        ))),
        Err(_) => Err(Refusal::RequestTimeout),
    }
}

/// The error is told without what was sent: that may hold a code.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::BadBody(format!(
            "no such JSON object, at line {} column {}",
            error.line(),
            error.column()
        ))
    })
}

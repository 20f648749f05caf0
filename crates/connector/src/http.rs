//! One HTTP request and its answer, over the same names, trust and deadlines as the link. Redirects are
//! not followed.

use crate::client::{ClientError, place};
use crate::dial::{CONNECT_WITHIN, Dialer};
use crate::error::LinkError;
use crate::tls;
use drawbridge_wire::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::{Position, Url};

/// How long the answer may take, once connected.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Longest body that is read, in bytes.
pub(crate) const MAX_BODY: usize = 256 * 1024;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, cut at 256 KiB.
    pub body: Vec<u8>,
}

impl Answer {
    /// Code and message of a bus's error, when it is one.
    #[must_use]
    pub fn error(&self) -> Option<(String, String)> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let text = |name: &str| Some(body.get("error")?.get(name)?.as_str()?.to_owned());
        Some((text("code")?, text("message")?))
    }
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    pub(crate) token: Option<&'a Secret>,
    pub(crate) headers: &'a [(HeaderName, &'a str)],
    pub(crate) body: Vec<u8>,
    /// Whether the body read so far is all that is wanted; an event stream need not end.
    pub(crate) enough: fn(&HeaderMap, &[u8]) -> bool,
}

/// Asks a bus. `method` is `GET`, `POST` or `DELETE`; a body is JSON.
///
/// # Errors
/// [`ClientError`], but not for an answer that is an error of HTTP.
pub async fn ask_http(
    method: Method,
    url: Url,
    token: Option<&Secret>,
    ca_file: Option<&Path>,
    body: Option<Vec<u8>>,
) -> Result<Answer, ClientError> {
    let at = place(&url);
    let headers: &[_] = if body.is_some() {
        &[(header::CONTENT_TYPE, "application/json")]
    } else {
        &[]
    };
    let question = Question {
        method,
        token,
        headers,
        body: body.unwrap_or_default(),
        enough: |_, _| false,
    };
    Ok(ask(&at, url, ca_file, question).await?)
}

pub(crate) async fn ask(
    at: &str,
    url: Url,
    ca_file: Option<&Path>,
    question: Question<'_>,
) -> Result<Answer, LinkError> {
    let who = || LinkError::Timeout { who: at.to_owned() };
    let encrypted = matches!(url.scheme(), "https" | "wss");
    let broken = |error: hyper::Error| {
        // What is no HTTP at a plain address is most often an answer of TLS.
        if error.is_parse() && !encrypted {
            tls::wanted(at)
        } else {
            LinkError::Lost { at: at.to_owned() }
        }
    };
    let request = request(&url, &question)?;
    // The dialer's own token is for upgrades only.
    let dialer = timeout(CONNECT_WITHIN, Dialer::new(url, Secret::new(""), ca_file, at));
    let dialer = dialer.await.map_err(|_| who())??;
    let io = dialer.stream(Instant::now() + CONNECT_WITHIN).await?;
    let exchange = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io))
            .await
            .map_err(broken)?;
        let answering = async {
            let mut response = sender.send_request(request).await.map_err(broken)?;
            let mut body = Vec::new();
            while body.len() < MAX_BODY && !(question.enough)(response.headers(), &body) {
                match response.frame().await {
                    Some(Ok(frame)) => {
                        body.extend_from_slice(frame.data_ref().map_or(&[][..], Bytes::as_ref));
                    }
                    Some(Err(error)) => return Err(broken(error)),
                    None => break,
                }
            }
            body.truncate(MAX_BODY);
            Ok(Answer {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body,
            })
        };
        let mut connection = std::pin::pin!(connection);
        let mut answering = std::pin::pin!(answering);
        tokio::select! {
            answer = &mut answering => answer,
            // It may end before the last part of the answer was taken; that part is there already.
            _ = &mut connection => answering.await,
        }
    };
    timeout(ANSWER_WITHIN, exchange).await.map_err(|_| who())?
}

fn request(url: &Url, question: &Question<'_>) -> Result<Request<Full<Bytes>>, LinkError> {
    let unsendable = || LinkError::Protocol {
        at: String::new(),
        what: "the request cannot be written",
    };
    let mut request = Request::builder()
        .method(question.method.clone())
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(header::CONNECTION, "close");
    for (name, value) in question.headers {
        request = request.header(name, *value);
    }
    if let Some(token) = question.token {
        let value = zeroize::Zeroizing::new(format!("Bearer {}", token.reveal()));
        let mut value = HeaderValue::from_str(&value).map_err(|_| LinkError::BadToken)?;
        if token.is_empty() || !token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(LinkError::BadToken);
        }
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    request
        .body(Full::new(Bytes::from(question.body.clone())))
        .map_err(|_| unsendable())
}

//! A connector that finds one thing out: does a token count, what is a code worth, does an MCP server
//! answer. It keeps no link and touches no socket of the host.

use crate::error::LinkError;
use crate::http::{Answer, Question, ask};
use crate::lines::{LineReader, Lines};
use crate::{ConnectorError, urls};
use drawbridge_wire::Secret;
use drawbridge_wire::enroll::{EnrollAnswer, EnrollRequest};
use drawbridge_wire::link::{BUS_HEADER, LONGEST_BUS_ID};
use drawbridge_wire::pipe::{Ask, AskAnswer, FromConnector};
use http::{HeaderMap, HeaderName, Method, header};
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::AsyncRead;
use url::Url;

/// Longest message of another side that is passed on, in characters.
const QUOTED: usize = 300;
/// MCP protocol version that is asked for; a server answers with the one it speaks.
const MCP_VERSION: &str = "2025-06-18";

/// Answers and ends; ends at once when the host is gone.
pub(crate) async fn answer<R: AsyncRead + Unpin>(
    at: &str,
    ca_file: Option<&Path>,
    what: Ask,
    reader: &mut LineReader<R>,
    lines: Lines,
    writing: impl Future<Output = Result<(), ConnectorError>>,
) -> Result<(), ConnectorError> {
    let asking = async {
        let answer = find_out(at, ca_file, what)
            .await
            .unwrap_or_else(|error| AskAnswer::Bad {
                code: error.code().into_owned(),
                message: error.to_string(),
            });
        // Fails only when the pipe is broken, which the writer says.
        let _ = lines.send(FromConnector::Answer { answer }).await;
        drop(lines);
    };
    let work = async { tokio::join!(asking, writing).1 };
    tokio::select! {
        written = work => written,
        // A line, too: there is nothing to be told.
        _ = reader.next() => Ok(()),
    }
}

async fn find_out(at: &str, ca_file: Option<&Path>, what: Ask) -> Result<AskAnswer, LinkError> {
    match what {
        Ask::Token { connect_url, token } => token_counts(at, ca_file, &connect_url, &token).await,
        Ask::Bus { connect_url } => which_bus(at, ca_file, &connect_url).await,
        Ask::Trade { enroll_url, request } => trade(at, ca_file, &enroll_url, &request).await,
        Ask::Mcp { url, token } => mcp(at, ca_file, &url, token.as_ref()).await,
    }
}

/// The address of a link for a request that opens none.
fn plain(connect_url: &str) -> Result<Url, LinkError> {
    let mut url = urls::link_url(connect_url)?;
    let scheme = if url.scheme() == "wss" { "https" } else { "http" };
    // Between these schemes it always works.
    let _ = url.set_scheme(scheme);
    Ok(url)
}

/// A bus says which one it is also where it lets nobody in.
async fn which_bus(at: &str, ca_file: Option<&Path>, connect_url: &str) -> Result<AskAnswer, LinkError> {
    let answer = ask(at, plain(connect_url)?, ca_file, question(Method::GET, None)).await?;
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let id = answer
        .headers
        .get(BUS_HEADER)
        .and_then(|id| id.to_str().ok())
        .filter(|id| (1..=LONGEST_BUS_ID).contains(&id.len()) && id.chars().all(sign));
    Ok(AskAnswer::Bus {
        id: id.map(str::to_owned),
    })
}

/// A plain request to `/connect`: a bus checks the token first and then asks for an upgrade.
async fn token_counts(
    at: &str,
    ca_file: Option<&Path>,
    connect_url: &str,
    token: &Secret,
) -> Result<AskAnswer, LinkError> {
    let url = plain(connect_url)?;
    let answer = ask(at, url, ca_file, question(Method::GET, Some(token))).await?;
    let at = at.to_owned();
    match answer.status {
        426 => Ok(AskAnswer::Good),
        401 => Err(LinkError::Unauthorized { at }),
        403 => Err(LinkError::Forbidden { at }),
        404 => Err(LinkError::NoConnectRoute { at }),
        200..=299 => Err(LinkError::Protocol {
            at,
            what: "its /connect is no place for hosts",
        }),
        status => Err(LinkError::Http { at, status }),
    }
}

async fn trade(
    at: &str,
    ca_file: Option<&Path>,
    enroll_url: &str,
    request: &EnrollRequest,
) -> Result<AskAnswer, LinkError> {
    let url = urls::web_url(enroll_url)?;
    let unusable = |what| LinkError::Protocol {
        at: at.to_owned(),
        what,
    };
    let body = serde_json::to_vec(request).map_err(|_| unusable("the request cannot be written"))?;
    let question = Question {
        headers: &[(header::CONTENT_TYPE, "application/json")],
        body,
        ..question(Method::POST, None)
    };
    let answer = ask(at, url, ca_file, question).await?;
    if answer.status == 200 {
        let traded: EnrollAnswer =
            serde_json::from_slice(&answer.body).map_err(|_| unusable("its answer is no token"))?;
        if traded.host_id != request.host_id || traded.token.is_empty() {
            return Err(unusable("its answer is for another host"));
        }
        return Ok(AskAnswer::Traded { token: traded.token });
    }
    Ok(refused(at, &answer).unwrap_or_else(|| AskAnswer::Bad {
        code: if answer.status == 404 {
            "no_pairing"
        } else {
            "bad_answer"
        }
        .to_owned(),
        message: format!(
            "{at} answered HTTP {} and no token; check the address, or use a token instead of a code",
            answer.status
        ),
    }))
}

/// `initialize` of Streamable HTTP, and the end of the session that it began.
async fn mcp(
    at: &str,
    ca_file: Option<&Path>,
    text: &str,
    token: Option<&Secret>,
) -> Result<AskAnswer, LinkError> {
    let url = urls::web_url(text)?;
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": MCP_VERSION, "capabilities": {},
            "clientInfo": {"name": "drawbridge", "version": env!("CARGO_PKG_VERSION")},
        },
    });
    let question = Question {
        headers: &[
            (header::CONTENT_TYPE, "application/json"),
            (header::ACCEPT, "application/json, text/event-stream"),
        ],
        body: body.to_string().into_bytes(),
        enough: |headers, body| initialized(headers, body).is_some(),
        ..question(Method::POST, token)
    };
    let answer = ask(at, url.clone(), ca_file, question).await?;
    let bad = |code: &str, message: String| {
        Ok(AskAnswer::Bad {
            code: code.to_owned(),
            message,
        })
    };
    match (answer.status, token) {
        (401 | 403, None) => bad(
            "mcp_no_token",
            format!("the MCP server at {at} wants a token and none is set; set one with --mcp-token-stdin"),
        ),
        (401 | 403, Some(_)) => bad(
            "mcp_unauthorized",
            format!(
                "the MCP server at {at} does not take the token (HTTP {}); get a valid one",
                answer.status
            ),
        ),
        (200..=299, _) if initialized(&answer.headers, &answer.body) == Some(true) => {
            end_session(at, url, ca_file, token, &answer.headers).await;
            Ok(AskAnswer::Good)
        }
        // A bus without a token for its MCP says so, and what to do.
        (500.., _) => refused(at, &answer).ok_or_else(|| LinkError::Http {
            at: at.to_owned(),
            status: answer.status,
        }),
        _ => bad(
            "not_mcp",
            format!(
                "what answers at {at} is no MCP server (HTTP {}); check the MCP address",
                answer.status
            ),
        ),
    }
}

async fn end_session(
    at: &str,
    url: Url,
    ca_file: Option<&Path>,
    token: Option<&Secret>,
    answered: &HeaderMap,
) {
    const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
    let Some(session) = answered.get(&SESSION).and_then(|id| id.to_str().ok()) else {
        return;
    };
    let question = Question {
        headers: &[(SESSION, session)],
        ..question(Method::DELETE, token)
    };
    // Servers end sessions by themselves as well.
    let _ = ask(at, url, ca_file, question).await;
}

/// Whether what was read is an answer to `initialize`, good or not; `None` while more is needed.
pub(crate) fn initialized(headers: &HeaderMap, body: &[u8]) -> Option<bool> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let good = |message: &Value| {
        message.get("jsonrpc") == Some(&json!("2.0")) && message["result"].get("protocolVersion").is_some()
    };
    if kind.starts_with("text/event-stream") {
        // Half a line is no JSON yet.
        let text = String::from_utf8_lossy(body);
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        return data
            .filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok())
            .find(|message| message.get("id") == Some(&json!(1)))
            .map(|message| good(&message));
    }
    serde_json::from_slice::<Value>(body)
        .ok()
        .map(|message| good(&message))
}

fn question<'a>(method: Method, token: Option<&'a Secret>) -> Question<'a> {
    Question {
        method,
        token,
        headers: &[],
        body: Vec::new(),
        enough: |_, _| false,
    }
}

/// An error that the bus named, in its own words as far as they are words.
fn refused(at: &str, answer: &Answer) -> Option<AskAnswer> {
    let (code, message) = answer.error()?;
    let plain = |c: &char| !c.is_control();
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if code.is_empty() || code.len() > 40 || !code.chars().all(word) {
        return None;
    }
    let message: String = message.chars().filter(plain).take(QUOTED).collect();
    Some(AskAnswer::Bad {
        code,
        message: format!("{at} says: {message}"),
    })
}

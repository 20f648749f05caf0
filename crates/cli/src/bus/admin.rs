//! `bus pair`, `bus hosts`, `bus revoke`: asked of a bus that runs.

use super::ADMIN_TOKEN;
use crate::args::{BusAction, BusAddress};
use crate::remote::{RemoteError, dial};
use crate::secrets::Secrets;
use crate::{CliError, Exit, screen};
use drawbridge_connector::{Answer, api_url, ask_http, place};
use drawbridge_consent::visible_line;
use drawbridge_wire::Secret;
use drawbridge_wire::enroll::{EnrollmentView, PairAnswer, PairRequest};
use drawbridge_wire::link::valid_host_id;
use http::Method;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) async fn run(action: BusAction, secrets: &Secrets) -> Result<Exit, CliError> {
    let token = secrets.variable(ADMIN_TOKEN).ok_or_else(|| {
        CliError::Usage(format!(
            "set {ADMIN_TOKEN} to what the bus was started with; a bus that was started without it gives out no codes"
        ))
    })?;
    match action {
        BusAction::Pair { at, valid, json } => pair(&at, token, valid, json).await,
        BusAction::Hosts { at, json } => hosts(&at, token, json).await,
        BusAction::Revoke { host, forget, at } => revoke(&at, token, &host, forget).await,
    }
}

async fn pair(at: &BusAddress, token: &Secret, valid: Option<u32>, json: bool) -> Result<Exit, CliError> {
    let asked = PairRequest { valid_secs: valid };
    let body = serde_json::to_vec(&asked).map_err(|error| CliError::Output(error.into()))?;
    let answer = ask(at, token, Method::POST, &["api", "pair"], None, Some(body)).await?;
    let pair: PairAnswer = read(&answer)?;
    if json {
        screen::json(&pair)?;
        return Ok(Exit::Done);
    }
    let code = pair.code.reveal();
    let until = UNIX_EPOCH + Duration::from_millis(pair.expires_at_ms);
    let left = until.duration_since(SystemTime::now()).unwrap_or_default();
    screen::line(&format!("Code: {code}"))?;
    if std::io::stdout().is_terminal()
        && let Ok(picture) = QrCode::new(link(&at.bus, code))
    {
        let picture = picture.render::<Dense1x2>().quiet_zone(true).build();
        screen::line(&picture)?;
    }
    screen::line(&format!(
        "It lets one host enroll, once, within {}:",
        whole_minutes(left)
    ))?;
    screen::line(&format!("  drawbridge enroll --api {} --code {code}", at.bus))?;
    Ok(Exit::Done)
}

/// What the picture says: a link the desktop app opens.
fn link(bus: &str, code: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("api", bus)
        .append_pair("code", code)
        .finish();
    format!("drawbridge://enroll?{query}")
}

fn whole_minutes(left: Duration) -> String {
    match (left.as_secs() + 30) / 60 {
        0 => format!("{} s", left.as_secs()),
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

async fn hosts(at: &BusAddress, token: &Secret, json: bool) -> Result<Exit, CliError> {
    let answer = ask(at, token, Method::GET, &["api", "enrollments"], None, None).await?;
    let hosts: Vec<EnrollmentView> = read(&answer)?;
    if json {
        screen::json(&hosts)?;
        return Ok(Exit::Done);
    }
    if hosts.is_empty() {
        screen::note_line("this bus knows no host yet; `drawbridge bus pair` lets one enroll");
    }
    let widest = hosts.iter().map(|host| host.host_id.len()).max().unwrap_or(0);
    for host in hosts {
        let state = match (host.revoked, host.online) {
            (true, _) => "taken back",
            (false, true) => "connected",
            (false, false) => "offline",
        };
        let how = if host.paired { "own token" } else { "shared token" };
        let (id, name) = (visible_line(&host.host_id), visible_line(&host.name));
        screen::line(&format!("{id:<widest$}  {state:<10}  {how:<12}  {name}"))?;
    }
    Ok(Exit::Done)
}

async fn revoke(at: &BusAddress, token: &Secret, host: &str, forget: bool) -> Result<Exit, CliError> {
    if !valid_host_id(host) {
        return Err(RemoteError::HostId.into());
    }
    let query = forget.then_some("forget=true");
    let path = ["api", "enrollments", host];
    ask(at, token, Method::DELETE, &path, query, None).await?;
    screen::note_line(&if forget {
        format!("`{host}` is forgotten; any host may take that id now")
    } else {
        format!(
            "`{host}` is taken back: its link has ended and it is not let in again until it is paired anew"
        )
    });
    Ok(Exit::Done)
}

async fn ask(
    at: &BusAddress,
    token: &Secret,
    method: Method,
    path: &[&str],
    query: Option<&str>,
    body: Option<Vec<u8>>,
) -> Result<Answer, RemoteError> {
    let mut url = api_url(&at.bus, path).map_err(RemoteError::Address)?;
    url.set_query(query);
    let name = place(&url);
    let answer = ask_http(method, url, Some(token), at.ca.as_deref(), body)
        .await
        .map_err(|error| dial::not_reached(name, error))?;
    if (200..300).contains(&answer.status) {
        Ok(answer)
    } else {
        Err(dial::refusal(answer.status, &answer.body))
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, RemoteError> {
    // The parser's words may quote what was answered, and that may be a code.
    serde_json::from_slice(&answer.body)
        .map_err(|_| RemoteError::NotUnderstood("an answer of the bus".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{link, whole_minutes};
    use std::time::Duration;

    #[test]
    fn the_picture_holds_what_enroll_needs() {
        assert_eq!(
            link("https://bus.example/a b", "AAAAA-AAAAA"),
            "drawbridge://enroll?api=https%3A%2F%2Fbus.example%2Fa+b&code=AAAAA-AAAAA"
        );
    }

    #[test]
    fn what_is_left_is_said_in_minutes() {
        for (secs, said) in [
            (20, "20 s"),
            (60, "1 minute"),
            (599, "10 minutes"),
            (86_400, "1440 minutes"),
        ] {
            assert_eq!(whole_minutes(Duration::from_secs(secs)), said);
        }
    }
}

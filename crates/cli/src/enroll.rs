//! `enroll`: a token or a code is typed here, tried at the bus and kept by the host's vault.

use crate::args::EnrollArgs;
use crate::connect::report;
use crate::place::{Place, absolute};
use crate::secrets::Secrets;
use crate::system::Unseen;
use crate::visit::Visit;
use crate::{CliError, Exit, screen};
use drawbridge_consent::visible_line;
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{BusSource, Enroll, LinkView, McpSetting, Permission};
use drawbridge_wire::control::Request;
use drawbridge_wire::enroll::normal_code;
use drawbridge_wire::pipe::LinkState;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

const CLIENT: &str = "drawbridge enroll";
/// Longest for the link that follows, before it is left to itself.
const CONNECTS: Duration = Duration::from_secs(10);
/// Longest input with tokens.
const LONGEST: u64 = 64 * 1024;

pub(crate) async fn run(place: &Place, args: EnrollArgs, secrets: &Secrets) -> Result<Exit, CliError> {
    let json = args.json;
    let enroll = wish(args, secrets).await?;
    let mut visit = Visit::begin_whole(place, CLIENT).await?;
    let mut view = visit.settled().await?;
    let link: LinkView = match visit.ask_for(&Request::Enroll(Box::new(enroll))).await {
        Ok(link) => link,
        Err(error) => {
            // What came of it counts more than a farewell.
            let _ = visit.end().await;
            return Err(error);
        }
    };
    let known = |known: &LinkView| known.id == link.id && known.source == BusSource::Vault;
    let before = view
        .links
        .iter()
        .find(|link| known(link))
        .map(|link| link.api.clone());
    let there = |view: &drawbridge_wire::control::HostView| {
        // Not the link of an earlier enrollment there, whose end may be told only now.
        let anew = |known: &&LinkView| known.id == link.id && known.since_ms >= link.since_ms;
        let found = view.links.iter().find(anew);
        // A host without codex dials nobody.
        found.is_some_and(|known| {
            matches!(
                known.link,
                LinkState::Connected { .. } | LinkState::Failed { .. } | LinkState::Disconnected
            )
        })
    };
    visit.until(&mut view, CONNECTS, there).await?;
    let link = view
        .links
        .iter()
        .find(|known| known.id == link.id)
        .cloned()
        .unwrap_or(link);
    let host = view.host.id.clone();
    visit.end().await?;
    // The token counts and is kept, and yet the bus does not let this host in.
    let refused = matches!(link.link, LinkState::Failed { .. }) || link.disabled.is_some();
    let exit = if refused { Exit::Failed } else { Exit::Done };
    if json {
        screen::json(&link)?;
        return Ok(exit);
    }
    let (bus, host) = (visible_line(&link.bus), visible_line(&host));
    let place = visible_line(&view.vault.place);
    screen::line(&if refused {
        format!(
            "the token is good at {bus} and in the vault ({place}), but {bus} does not let host {host} in"
        )
    } else {
        format!("enrolled at {bus} as host {host}; its token is in the vault ({place})")
    })?;
    if let Some(before) = before {
        screen::line(&format!(
            "it was enrolled here already, as {} under {}; that address and its token are replaced",
            visible_line(&link.name),
            visible_line(&before)
        ))?;
    }
    screen::line(&report::link(&link))?;
    if !refused {
        screen::line("`drawbridge connect` connects to every bus this computer is enrolled at")?;
    }
    Ok(exit)
}

/// What the host is asked for, once all that a person must say is there.
async fn wish(args: EnrollArgs, secrets: &Secrets) -> Result<Enroll, CliError> {
    // Before anything is asked for: a wrong address is no reason to type a token.
    drawbridge_connector::connect_url(&args.api)
        .map_err(|error| CliError::Usage(format!("--api: {error}")))?;
    if args.token_stdin && secrets.flag("code").is_some() {
        return Err(CliError::Usage(
            "a code and a token were given; one of them is enough".to_owned(),
        ));
    }
    let mut from_stdin = match args.token_stdin || args.mcp_token_stdin {
        true => read_lines().await?,
        false => Vec::new(),
    }
    .into_iter();
    let by = if args.token_stdin {
        Permission::Token(next(&mut from_stdin, "the enrollment token")?)
    } else if let Some(code) = secrets.flag("code") {
        Permission::Code(code.clone())
    } else {
        typed(&args.api).await?
    };
    let mcp_token = match args.mcp_token_stdin {
        true => Some(next(&mut from_stdin, "the MCP token")?),
        false => None,
    };
    let ca_file = args.ca.map(absolute).transpose()?;
    Ok(Enroll {
        api: args.api,
        by,
        name: args.name,
        ca_file,
        mcp: McpSetting {
            name: args.mcp_name,
            url: args.mcp_url,
            token: mcp_token,
        },
    })
}

/// What is typed is not shown. Either will do: a code has a form no token has.
async fn typed(api: &str) -> Result<Permission, CliError> {
    if !screen::can_ask() {
        return Err(CliError::Usage(
            "nobody can be asked for the token here; give it with --token-stdin, or a code with --code"
                .to_owned(),
        ));
    }
    let prompt = format!("Enrollment token or code for {}: ", visible_line(api));
    let asked = tokio::task::spawn_blocking(move || {
        let _unseen = Unseen::begin()?;
        rpassword::prompt_password(prompt)
    });
    let typed = asked
        .await
        .map_err(|error| CliError::Output(std::io::Error::other(error)))?
        .map_err(CliError::Output)?;
    let typed = Secret::new(&Zeroizing::new(typed));
    if typed.is_empty() {
        return Err(CliError::Usage("nothing was typed; nothing was done".to_owned()));
    }
    Ok(match normal_code(typed.reveal()) {
        Some(code) => Permission::Code(code),
        None => Permission::Token(typed),
    })
}

/// The lines of stdin.
pub(crate) async fn read_lines() -> Result<Vec<Secret>, CliError> {
    let text = read_stdin(LONGEST).await?;
    let lines = text.lines().map(Secret::new);
    Ok(lines.filter(|line| !line.is_empty()).collect())
}

/// So much of stdin, in bytes, at the most.
pub(crate) async fn read_stdin(most: u64) -> Result<Zeroizing<String>, CliError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin().take(most).read_to_string(&mut text)?;
        Ok(text)
    });
    read.await
        .map_err(std::io::Error::other)
        .and_then(|read| read)
        .map_err(|source| CliError::File {
            path: PathBuf::from("stdin"),
            source,
        })
}

/// The next of them.
pub(crate) fn next(lines: &mut impl Iterator<Item = Secret>, what: &str) -> Result<Secret, CliError> {
    lines.next().ok_or_else(|| {
        CliError::Usage(format!(
            "stdin ended before {what} came; write it there on a line of its own"
        ))
    })
}

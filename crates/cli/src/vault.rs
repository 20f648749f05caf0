//! `vault`: what a person can do with it. The host does it; nothing here sees a token.

use crate::args::VaultAction;
use crate::connect::report;
use crate::place::Place;
use crate::visit::Visit;
use crate::{CliError, Exit, screen};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drawbridge_consent::visible_line;
use drawbridge_wire::Secret;
use drawbridge_wire::buses::{VaultCondition, VaultView};
use drawbridge_wire::control::{Exported, Import, Imported, Request};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

const CLIENT: &str = "drawbridge vault";
/// The vault's file with what was confirmed.
const CONFIRMED: &str = "confirmed";
/// Largest export or identity that is read.
const LARGEST: u64 = 8 * 1024 * 1024;

pub(crate) async fn run(place: &Place, action: VaultAction) -> Result<Exit, CliError> {
    // Read first: what is wrong with a file is said without starting anything.
    let import = match &action {
        VaultAction::Import {
            file,
            identity,
            replace,
        } => Some(Import {
            file: STANDARD.encode(read(file)?),
            identity: Secret::new(&identity_of(&read(identity)?)?),
            replace: *replace,
        }),
        _ => None,
    };
    let mut visit = Visit::begin(place, CLIENT).await?;
    let done = act(&mut visit, action, import).await;
    let ended = visit.end().await;
    let exit = done?;
    ended?;
    Ok(exit)
}

async fn act(visit: &mut Visit, action: VaultAction, import: Option<Import>) -> Result<Exit, CliError> {
    let view = visit.settled().await?;
    match action {
        VaultAction::Status(args) => {
            // The host read the files when it opened the vault, which may be long ago.
            let vault: VaultView = match view.vault.state {
                VaultCondition::Open => visit.ask_for(&Request::CheckVault {}).await?,
                _ => view.vault,
            };
            if args.json {
                screen::json(&vault)?;
            } else {
                screen::out(&text(&vault))?;
            }
            let failed = matches!(vault.state, VaultCondition::Failed { .. });
            let good = vault.files.iter().all(|file| file.code == "good");
            return Ok(if failed || !good { Exit::Failed } else { Exit::Done });
        }
        VaultAction::Open => {
            visit.ask(&Request::OpenVault {}).await?;
            screen::note_line("the vault is open");
        }
        VaultAction::Rotate => {
            visit.ask(&Request::RotateVault {}).await?;
            screen::note_line("the vault has a new key, and every file was encrypted anew");
        }
        VaultAction::Export { to, file } => {
            let exported: Exported = visit.ask_for(&Request::ExportVault { recipient: to }).await?;
            let bytes = STANDARD
                .decode(exported.file)
                .map_err(|error| CliError::Output(std::io::Error::other(error)))?;
            write_new(&file, &bytes)?;
            screen::note_line(&format!("written to {}", file.display()));
        }
        VaultAction::Import { .. } => {
            let Some(import) = import else {
                return Ok(Exit::Failed);
            };
            let report: Imported = visit.ask_for(&Request::ImportVault(Box::new(import))).await?;
            for (what, ids) in [
                ("new here", report.added),
                ("replaced", report.replaced),
                ("left as they were (--replace replaces them)", report.kept),
            ] {
                if !ids.is_empty() {
                    screen::line(&format!("{what}: {}", visible_line(&ids.join(", "))))?;
                }
            }
        }
        VaultAction::Reset => {
            visit.ask(&Request::ResetVault {}).await?;
            screen::note_line("the old files were put aside beside the vault; it is empty and has a new key");
            let vault: VaultView = visit.ask_for(&Request::CheckVault {}).await?;
            if vault.files.iter().any(|file| file.name == CONFIRMED) {
                screen::note_line(
                    "what was confirmed of the configuration was put aside too: until `drawbridge config accept` \
                     confirms it anew, remote clients may do the least there is",
                );
            }
        }
    }
    Ok(Exit::Done)
}

fn text(view: &VaultView) -> String {
    let state = match &view.state {
        VaultCondition::None => "there is none yet; the first enrollment makes it",
        VaultCondition::Opening => "being opened",
        VaultCondition::Open => "open",
        VaultCondition::Failed { .. } => "closed",
    };
    let mut lines = vec![
        format!("vault: {state}"),
        format!("key: {} ({})", visible_line(&view.place), view.key),
    ];
    lines.extend(
        view.files
            .iter()
            .map(|file| format!("file {}: {}", visible_line(&file.name), file.code)),
    );
    lines.extend(report::vault(view));
    lines.join("\n") + "\n"
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let file = |source| CliError::File {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    if path.as_os_str() == "-" {
        std::io::stdin()
            .take(LARGEST)
            .read_to_end(&mut bytes)
            .map_err(file)?;
    } else {
        std::fs::File::open(path)
            .and_then(|open| open.take(LARGEST).read_to_end(&mut bytes))
            .map_err(file)?;
    }
    Ok(bytes)
}

fn identity_of(bytes: &[u8]) -> Result<Zeroizing<String>, CliError> {
    std::str::from_utf8(bytes)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| CliError::Usage("--identity names no file with an age identity".to_owned()))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    drawbridge_local::files::private(options.write(true).create_new(true))
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|source| CliError::File {
            path: path.to_owned(),
            source,
        })
}

//! `skills`: what there is, what changes, what is wrong, and what Codex uses.

mod text;

pub(crate) use text::{summary, unwatched_news, watching_news};

use crate::args::skills::{SkillsAction, SkillsArgs};
use crate::place::Place;
use crate::{CliError, Exit, screen};
use drawbridge_config::Name;
use drawbridge_control::{ControlClient, ControlError};
use drawbridge_skills::Places;
use drawbridge_wire::control::{Change, HostView, Request};
use drawbridge_wire::skills::{SetSkill, SkillChangeView, SkillView, SkillsView};
use serde::Serialize;
use std::ffi::OsString;
use std::path::Path;

const CLIENT: &str = "drawbridge skills";

pub(crate) async fn run(place: &Place, args: SkillsArgs) -> Result<Exit, CliError> {
    match args.action {
        SkillsAction::List { rescan, json } => list(place, rescan, json).await,
        SkillsAction::Watch { json } => watch(&place.data_dir, json).await,
        SkillsAction::Show { skill, json } => show(place, &skill, json).await,
        SkillsAction::Enable { skill, json } => set(&place.data_dir, &skill, true, json).await,
        SkillsAction::Disable { skill, json } => set(&place.data_dir, &skill, false, json).await,
        SkillsAction::Check(args) => check(place, args.json).await,
        SkillsAction::Roots(args) => roots(place, args.json).await,
    }
}

/// What the host knows, or what is read here when none runs.
async fn known(place: &Place, rescan: bool) -> Result<SkillsView, CliError> {
    let mut client = match ControlClient::connect(&place.data_dir, CLIENT, false).await {
        Ok(client) => client,
        Err(ControlError::NotRunning(_)) => return without_host(place).await,
        Err(error) => return Err(error.into()),
    };
    if rescan {
        client.request(&Request::RescanSkills {}).await?;
    }
    Ok(client.snapshot().await?.skills)
}

async fn without_host(place: &Place) -> Result<SkillsView, CliError> {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let codex_home =
        drawbridge_codex::codex_home(&environment).map_err(|error| CliError::Usage(error.to_string()))?;
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let file = place.config.clone();
    let read = move || {
        let extra = file
            .map(|file| extra_roots(&file, home.as_deref()))
            .unwrap_or_default();
        let places = Places {
            codex_home,
            home,
            folders: here.into_iter().collect(),
            extra,
        };
        drawbridge_host::look_at_skills(&places)
    };
    let view = tokio::task::spawn_blocking(read).await;
    let view = view.map_err(|error| CliError::Runtime(std::io::Error::other(error)))?;
    screen::note_line(
        "no host runs: read just now, for the folder you are in; which ones Codex uses is not known",
    );
    Ok(view)
}

fn extra_roots(file: &Path, home: Option<&Path>) -> Vec<std::path::PathBuf> {
    let bytes = drawbridge_config::read_bounded(file)
        .ok()
        .flatten()
        .unwrap_or_default();
    let (config, _) = drawbridge_config::parse_bytes(&bytes, &file.display().to_string());
    let config = config.unwrap_or_default();
    let paths = config.values().paths(Name::SkillRoots);
    let expanded = paths.into_iter().flatten().filter_map(|path| path.expanded(home));
    expanded.collect()
}

async fn list(place: &Place, rescan: bool, json: bool) -> Result<Exit, CliError> {
    let view = known(place, rescan).await?;
    if json {
        screen::json(&view)?;
    } else {
        screen::out(&text::list(&view))?;
    }
    Ok(Exit::Done)
}

async fn roots(place: &Place, json: bool) -> Result<Exit, CliError> {
    #[derive(Serialize)]
    struct Report<'a> {
        watching: &'a drawbridge_wire::skills::SkillWatching,
        roots: &'a [drawbridge_wire::skills::SkillRootView],
        instructions: &'a [drawbridge_wire::skills::InstructionsView],
    }
    let view = known(place, false).await?;
    if json {
        screen::json(&Report {
            watching: &view.watching,
            roots: &view.roots,
            instructions: &view.instructions,
        })?;
    } else {
        screen::out(&text::roots(&view))?;
    }
    Ok(Exit::Done)
}

async fn check(place: &Place, json: bool) -> Result<Exit, CliError> {
    let view = known(place, false).await?;
    let problems = text::problems(&view);
    if json {
        screen::json(&problems)?;
    } else if problems.is_empty() {
        screen::line(&format!(
            "{} skills, nothing is wrong with them",
            view.skills.len()
        ))?;
    } else {
        for problem in &problems {
            screen::line(&text::problem(problem))?;
        }
    }
    let bad = problems.iter().any(|problem| problem.severity == "error");
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

async fn show(place: &Place, wanted: &str, json: bool) -> Result<Exit, CliError> {
    let view = known(place, false).await?;
    let skill = find(&view, wanted)?;
    if json {
        screen::json(skill)?;
    } else {
        screen::out(&text::whole(skill))?;
    }
    Ok(Exit::Done)
}

async fn set(data_dir: &Path, wanted: &str, enabled: bool, json: bool) -> Result<Exit, CliError> {
    let mut client = ControlClient::connect(data_dir, CLIENT, false).await?;
    let view = client.snapshot().await?;
    let path = find(&view.skills, wanted)?.path.clone();
    let set = SetSkill {
        path: path.clone(),
        enabled,
    };
    client.request(&Request::SetSkill(set)).await?;
    let view = client.snapshot().await?;
    let skill = view.skills.skills.into_iter().find(|skill| skill.path == path);
    if json {
        screen::json(&skill)?;
    } else {
        let word = if enabled { "on" } else { "off" };
        let later = skill.and_then(|skill| text::later(&skill.next_turn));
        let later = later.map(|later| format!("; {later}")).unwrap_or_default();
        screen::line(&format!("{word}{later}"))?;
    }
    Ok(Exit::Done)
}

/// The skill a person means: by its path, or by its name where only one has it.
fn find<'a>(view: &'a SkillsView, wanted: &str) -> Result<&'a SkillView, CliError> {
    let path = std::path::absolute(wanted).unwrap_or_else(|_| wanted.into());
    if let Some(skill) = view.skills.iter().find(|skill| skill.path == path) {
        return Ok(skill);
    }
    let named: Vec<&SkillView> = view.skills.iter().filter(|skill| skill.name == wanted).collect();
    match named[..] {
        [one] => Ok(one),
        [] => Err(CliError::NoSkill(wanted.to_owned())),
        _ => {
            let paths = named.iter().map(|skill| text::path(&skill.path)).collect();
            Err(CliError::SeveralSkills(wanted.to_owned(), paths))
        }
    }
}

async fn watch(data_dir: &Path, json: bool) -> Result<Exit, CliError> {
    let mut client = ControlClient::connect(data_dir, CLIENT, false).await?;
    let mut view: HostView = client.snapshot().await?;
    if !json {
        screen::line(&summary(&view.skills))?;
    }
    loop {
        let delta = client.next().await?;
        let before = view.skills.clone();
        drawbridge_control::apply(&mut view, delta.seq, &delta.change);
        match &delta.change {
            Change::Skills(_) | Change::SkillsPart(_) => tell(&before, &view.skills, json)?,
            Change::Stopping { .. } => return Ok(Exit::Done),
            _ => {}
        }
    }
}

fn tell(before: &SkillsView, now: &SkillsView, json: bool) -> Result<(), CliError> {
    let (changes, more) = news(before, now);
    if json {
        for change in changes {
            object(change)?;
        }
        if more > 0 {
            object(&serde_json::json!({ "more": more }))?;
        }
        return text::switched(before, now)
            .iter()
            .try_for_each(|skill| object(&text::switch(skill)));
    }
    for change in changes {
        screen::line(&text::change(change, now))?;
    }
    if more > 0 {
        screen::line(&format!(
            "... and {more} more before these; `drawbridge skills list` has what there is now"
        ))?;
    }
    for skill in text::switched(before, now) {
        screen::line(&text::switch_line(skill))?;
    }
    if let Some(line) = text::codex_news(&before.codex, &now.codex) {
        screen::line(&line)?;
    }
    let lines = [
        watching_news(&before.watching, &now.watching),
        unwatched_news(before.unwatched.as_ref(), now.unwatched.as_ref()),
    ];
    lines.iter().flatten().try_for_each(|line| screen::line(line))
}

fn object(value: &impl Serialize) -> Result<(), CliError> {
    let line = serde_json::to_string(value).map_err(|error| CliError::Output(error.into()))?;
    screen::line(&line)
}

/// The changes that are new, and how many more there were that are listed no more.
fn news<'a>(before: &SkillsView, now: &'a SkillsView) -> (&'a [SkillChangeView], u64) {
    let new = now.changes.saturating_sub(before.changes);
    let listed = now.recent.len();
    let shown = usize::try_from(new).unwrap_or(usize::MAX).min(listed);
    (&now.recent[listed - shown..], new - shown as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what it needs by failing")]

    use super::*;
    use drawbridge_wire::skills::{CodexSkills, SkillProblemView};

    /// After so many changes, each at its own time.
    fn after(changes: u64, next_turn: &[&str]) -> SkillsView {
        let change = |at_ms| SkillChangeView {
            kind: "modified".to_owned(),
            name: Some("a".to_owned()),
            path: "/a/SKILL.md".into(),
            from: None,
            at_ms,
            next_turn: next_turn.iter().map(|id| (*id).to_owned()).collect(),
        };
        SkillsView {
            changes,
            recent: (changes.saturating_sub(50)..changes).map(change).collect(),
            ..SkillsView::default()
        }
    }

    #[test]
    fn a_skill_is_shown_with_when_it_changed_whatever_its_file_says() {
        let changed = |at: Option<u64>| {
            let skill = SkillView {
                name: "a".to_owned(),
                description: String::new(),
                scope: "user".to_owned(),
                root: "/a".into(),
                path: "/a/SKILL.md".into(),
                enabled: None,
                hash: None,
                size: 0,
                changed_at_ms: at,
                problems: Vec::new(),
                next_turn: Vec::new(),
            };
            let shown = text::whole(&skill);
            let mut lines = shown.lines().filter_map(|line| line.strip_prefix("Changed: "));
            lines.next().unwrap().to_owned()
        };
        assert_eq!(changed(Some(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(
            changed(Some(253_402_300_799_999)),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
        for unknown in [None, Some(253_402_300_800_000), Some(u64::MAX)] {
            assert_eq!(changed(unknown), "not known");
        }
    }

    // proves S5.33
    #[test]
    fn the_place_of_a_mistake_is_as_exact_as_it_is_known() {
        let at = |line, column| {
            let problem = SkillProblemView {
                severity: "error".to_owned(),
                code: "bad_yaml".to_owned(),
                path: "/a/SKILL.md".into(),
                line,
                column,
                message: "no".to_owned(),
            };
            text::problem(&problem)
        };
        assert_eq!(at(Some(3), Some(15)), "/a/SKILL.md:3:15: error: no [bad_yaml]");
        assert_eq!(at(Some(3), None), "/a/SKILL.md:3: error: no [bad_yaml]");
        assert_eq!(at(None, None), "/a/SKILL.md: error: no [bad_yaml]");
    }

    #[test]
    fn what_a_mistake_quotes_is_made_visible_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("skills");
        for name in ["a", "x\u{202e}y"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
            std::fs::write(
                root.join(name).join("SKILL.md"),
                "---\nname: n\ndescription: d\n---\n",
            )
            .unwrap();
        }
        let places = Places {
            codex_home: folder.path().canonicalize().unwrap(),
            ..Places::default()
        };
        let view = drawbridge_host::look_at_skills(&places);
        let lines: Vec<String> = text::problems(&view).into_iter().map(text::problem).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in lines {
            assert_eq!(
                line.matches("x‹U+202E RIGHT-TO-LEFT OVERRIDE›y/").count(),
                1,
                "{line}"
            );
            assert!(!line.contains("U+2039"), "{line}");
        }
    }

    #[test]
    fn that_codex_did_not_list_its_own_is_told_once_and_that_it_has() {
        let failed = CodexSkills::Failed {
            message: "too \u{1b}late".to_owned(),
        };
        let view = SkillsView {
            codex: failed.clone(),
            ..SkillsView::default()
        };
        let listed = text::list(&view);
        let line = listed
            .lines()
            .find(|line| line.contains("codex did not list its own: too "));
        let line = line.unwrap();
        assert!(!line.contains('\u{1b}'), "{line}");
        assert!(!text::list(&SkillsView::default()).contains("codex did not"));
        let news = |before: &CodexSkills, now: &CodexSkills| text::codex_news(before, now);
        assert_eq!(news(&CodexSkills::Refreshing, &failed).as_deref(), Some(line));
        assert_eq!(news(&failed, &failed), None);
        assert_eq!(
            news(&failed, &CodexSkills::Fresh).as_deref(),
            Some("codex has listed its own again")
        );
        assert_eq!(news(&CodexSkills::Refreshing, &CodexSkills::Fresh), None);
    }

    #[test]
    fn each_change_is_told_once_and_those_that_are_kept_no_more_are_counted() {
        let told = |before: u64, now: u64| {
            let now = after(now, &["T"]);
            let (changes, more) = news(&after(before, &["T"]), &now);
            (
                changes.iter().map(|change| change.at_ms).collect::<Vec<_>>(),
                more,
            )
        };
        assert_eq!(told(0, 2), (vec![0, 1], 0));
        assert_eq!(told(2, 5), (vec![2, 3, 4], 0));
        assert_eq!(told(50, 60), ((50..60).collect(), 0));
        assert_eq!(told(50, 100), ((50..100).collect(), 0));
        assert_eq!(told(50, 107), ((57..107).collect(), 7));
        // A turn ended.
        assert_eq!(news(&after(3, &["T"]), &after(3, &[])).0.len(), 0);
        // Another host.
        assert_eq!(news(&after(3, &[]), &after(0, &[])), (&[][..], 0));
    }
}

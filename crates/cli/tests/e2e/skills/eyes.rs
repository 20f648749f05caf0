//! Somebody who looks through the control socket.

use crate::world::{SOON, World};
use drawbridge_control::ControlClient;

use drawbridge_wire::control::{Change, HostView};
use drawbridge_wire::skills::{SkillChangeView, SkillView, SkillsView};
use std::path::{Path, PathBuf};
use tokio::time::{Instant, timeout_at};

pub(crate) struct Eyes {
    client: ControlClient,
    pub(crate) view: HostView,
    /// How often skills were told of.
    pub(crate) told: usize,
}

impl Eyes {
    pub(crate) async fn at(world: &World) -> Self {
        let mut client = ControlClient::connect(&world.data, "test", false).await.unwrap();
        let view = client.snapshot().await.unwrap();
        let mut eyes = Self {
            client,
            view,
            told: 0,
        };
        // Looked at, and Codex has had its say.
        eyes.until(|view| view.skills.codex == drawbridge_wire::skills::CodexSkills::Fresh)
            .await;
        eyes
    }

    /// Waits until the view fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&HostView) -> bool) {
        let deadline = Instant::now() + SOON;
        while !fits(&self.view) {
            let Ok(delta) = timeout_at(deadline, self.client.next()).await else {
                panic!("never told: {:#?}", self.view.skills);
            };
            let delta = delta.unwrap();
            self.told += usize::from(matches!(delta.change, Change::Skills(_) | Change::SkillsPart(_)));
            drawbridge_control::apply(&mut self.view, delta.seq, &delta.change);
        }
    }

    /// Waits for a skill.
    pub(crate) async fn skill(&mut self, path: &Path, fits: impl Fn(&SkillView) -> bool) -> SkillView {
        self.until(|view| find(&view.skills, path).is_some_and(&fits))
            .await;
        find(&self.view.skills, path).unwrap().clone()
    }

    /// Waits until its file is another and good.
    pub(crate) async fn edited(&mut self, path: &Path, before: &SkillView) {
        self.skill(path, |skill| {
            skill.hash != before.hash && skill.problems.is_empty()
        })
        .await;
    }

    /// Waits for a change of this kind that is not among the first ones, and answers it.
    pub(crate) async fn change(&mut self, after: u64, kind: &str, path: &Path) -> SkillChangeView {
        let find = |view: &HostView| {
            let skills = &view.skills;
            let new = usize::try_from(skills.changes - after).unwrap();
            let mut new = skills.recent.iter().rev().take(new);
            new.find(|one| one.kind == kind && one.path == path).cloned()
        };
        self.until(|view| find(view).is_some()).await;
        find(&self.view).unwrap()
    }

    /// Waits until there is none of this path.
    pub(crate) async fn without(&mut self, path: &Path) {
        self.until(|view| find(&view.skills, path).is_none()).await;
    }
}

pub(crate) fn find<'a>(view: &'a SkillsView, path: &Path) -> Option<&'a SkillView> {
    view.skills.iter().find(|skill| skill.path == path)
}

pub(crate) fn text(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: about {name}\n---\n{body}\n")
}

/// Makes a skill and answers the path of its file.
pub(crate) fn put(root: &Path, name: &str, body: &str) -> PathBuf {
    std::fs::create_dir_all(root.join(name)).unwrap();
    let path = root.join(name).join("SKILL.md");
    std::fs::write(&path, text(name, body)).unwrap();
    path
}

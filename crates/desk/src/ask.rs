//! What a window may ask for.

use crate::Window;
use drawbridge_wire::buses::{Enroll, McpSetting, Permission, SetEnrollment};
use drawbridge_wire::processes::Restart;
use drawbridge_wire::{Decision, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// A wish of a window. What is written of it, tokens too, travels over the pipe of the windows' process only.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// How things are. Answered with a [`crate::DesktopView`].
    Snapshot,
    /// Connect a bus, or disconnect from it.
    SetBus {
        /// Which.
        id: String,
        /// Whether it is to be connected.
        on: bool,
    },
    /// Enroll at a bus. Answered with its view.
    Enroll(Box<EnrollForm>),
    /// Let go of an enrollment.
    Forget {
        /// Which.
        id: String,
    },
    /// Change an enrollment. Answered with its view.
    SetEnrollment(Box<SetEnrollment>),
    /// Look again whether an MCP server answers.
    CheckMcp {
        /// Of which bus; of all without.
        id: Option<String>,
    },
    /// Show the approval dialog.
    OpenApprovals,
    /// Leave all buses alone for so many minutes; 0 ends that.
    Pause {
        /// How long.
        minutes: u32,
    },
    /// Start with the session, or do not.
    SetStartAtLogin {
        /// Whether.
        on: bool,
    },
    /// What a child wrote last. Answered with lines.
    Logs {
        /// As the host names it.
        child: String,
    },
    /// What runs, the app first. Answered with a [`drawbridge_wire::processes::ProcessesView`].
    Processes,
    /// Start the app-server or a connector anew.
    Restart(Restart),
    /// The end of the record. Answered with its entries.
    AuditTail {
        /// How many.
        count: usize,
    },
    /// The configuration. Answered with rows.
    ConfigShow,
    /// Change a key of the configuration; an empty value takes it away.
    ConfigSet {
        /// Which.
        key: String,
        /// As a person writes it.
        value: String,
    },
    /// Open the configuration file in an editor.
    OpenConfig,
    /// Confirm the security settings that wait.
    ConfigAccept {
        /// Of what the person saw.
        digest: String,
    },
    /// Show a thread from now on. Answered with [`crate::ThreadItems`].
    ThreadOpen {
        /// Which.
        id: String,
    },
    /// Show it no more.
    ThreadClose {
        /// Which.
        id: String,
    },
    /// Begin a turn.
    ThreadSend {
        /// Of which thread.
        id: String,
        /// What the person says.
        text: String,
    },
    /// Say something to the turn that runs.
    ThreadSteer {
        /// Of which thread.
        id: String,
        /// What the person says.
        text: String,
    },
    /// End the turn that runs.
    ThreadInterrupt {
        /// Of which thread.
        id: String,
    },
    /// A new thread. Answered with its `id`.
    ThreadStart {
        /// What the person says first.
        text: String,
        /// Where it works.
        cwd: Option<PathBuf>,
    },
    /// Have Codex use a skill, or not.
    SkillSet {
        /// Its path, as the host names it.
        id: String,
        /// Whether.
        on: bool,
    },
    /// Look at all skills again.
    SkillsRescan,
    /// Open the file of a skill or of instructions, or the folder of anything that is named with the skills.
    SkillOpen {
        /// Its path, as the host names it; anything else is refused.
        id: String,
        /// Its folder instead of itself.
        folder: bool,
    },
    /// Open the vault again.
    OpenVault,
    /// End the app. Answered with a [`crate::QuitAnswer`].
    Quit {
        /// Although turns run.
        really: bool,
    },
    /// The card on display. Answered with it or nothing.
    CurrentCard,
    /// Another card. Answered with it or nothing.
    StepCard {
        /// How many on, or back.
        by: i32,
    },
    /// Answer the card on display. Answered with what the host made of it.
    Answer {
        /// Of the card.
        id: String,
        /// Of the card.
        digest: String,
        /// Of the card.
        nonce: String,
        /// What was decided.
        decision: Decision,
        /// Answers to questions, by id.
        replies: Option<Map<String, Value>>,
    },
}

impl Ask {
    /// Whether a window may ask for this.
    #[must_use]
    pub fn is_for(&self, window: Window) -> bool {
        match self {
            Ask::Snapshot => true,
            Ask::CurrentCard | Ask::StepCard { .. } | Ask::Answer { .. } => window == Window::Approval,
            _ => window == Window::Main,
        }
    }
}

/// What a person fills in to enroll.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollForm {
    /// Address of the bus.
    pub api: String,
    /// Enrollment token.
    #[serde(serialize_with = "drawbridge_wire::secret::expose_option")]
    pub token: Option<Secret>,
    /// Or a code.
    #[serde(serialize_with = "drawbridge_wire::secret::expose_option")]
    pub code: Option<Secret>,
    /// What the bus is called here.
    pub name: Option<String>,
    /// Trust anchors besides those of the system.
    pub ca_file: Option<PathBuf>,
}

impl EnrollForm {
    /// As the host wants it; none when there is not exactly one of token and code.
    pub(crate) fn into_wire(self) -> Option<Enroll> {
        let given = |secret: Option<Secret>| secret.filter(|secret| !secret.is_empty());
        let by = match (given(self.token), given(self.code)) {
            (Some(token), None) => Permission::Token(token),
            (None, Some(code)) => Permission::Code(code),
            _ => return None,
        };
        Some(Enroll {
            api: self.api.trim().to_owned(),
            by,
            name: self
                .name
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty()),
            ca_file: self.ca_file.filter(|file| !file.as_os_str().is_empty()),
            mcp: McpSetting::default(),
        })
    }
}

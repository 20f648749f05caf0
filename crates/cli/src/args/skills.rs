//! Arguments of `skills`.

use super::JsonArgs;
use clap::{Args, Subcommand};

/// Arguments of `skills`.
#[derive(Debug, Args)]
pub struct SkillsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub action: SkillsAction,
}

/// What to do with skills.
#[derive(Debug, Subcommand)]
pub enum SkillsAction {
    /// Show all skills by folder, and whether Codex uses them. Without a host they are read from here.
    List {
        /// Have the host read everything again first.
        #[arg(long)]
        rescan: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell of each change as it happens, until interrupted.
    Watch {
        /// Print a JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show one skill.
    Show {
        /// Its name, or the path of its SKILL.md.
        skill: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have Codex use a skill, from the next turn on.
    Enable {
        /// Its name, or the path of its SKILL.md.
        skill: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have Codex not use a skill, from the next turn on.
    Disable {
        /// Its name, or the path of its SKILL.md.
        skill: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with skills, and where; ends with 1 when one cannot be used.
    Check(JsonArgs),
    /// Show which folders skills are read from, and how changes in them are noticed.
    Roots(JsonArgs),
}

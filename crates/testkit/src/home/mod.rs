//! Folders and programs a test with codex needs.
//!
//! codex refuses to make its helper programs below the system's temporary folder, and its sandbox may
//! write there; so neither `CODEX_HOME` nor a thread's folder may lie in it.

mod programs;
mod scratch;

use crate::Error;
use scratch::make_folder;
use std::path::{Path, PathBuf};

pub use programs::{fake_codex, find_real_codex, real_codex};
pub use scratch::{Scratch, scratch_dir};

/// More lines for [`CodexHome::create_with`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtraConfig<'a> {
    /// Lines before the first table, e.g. `features.x = true` (`features` and `analytics` are written as
    /// dotted keys, so they cannot be opened as tables).
    pub keys: &'a str,
    /// Whole tables, e.g. `[shell_environment_policy]` and what belongs to it.
    pub tables: &'a str,
}

/// A `CODEX_HOME` whose codex asks a scripted model and nobody else.
#[derive(Debug, Clone)]
pub struct CodexHome {
    path: PathBuf,
}

impl CodexHome {
    /// Makes `codex-home` in `base_dir` (see [`scratch_dir`]); `model_base_url` is that of
    /// [`ScriptedModel::base_url`](crate::model::ScriptedModel::base_url).
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(base_dir: &Path, model_base_url: &str) -> Result<Self, Error> {
        Self::create_with(base_dir, model_base_url, ExtraConfig::default())
    }

    /// As [`CodexHome::create`], with more lines in `config.toml`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_with(base_dir: &Path, model_base_url: &str, extra: ExtraConfig<'_>) -> Result<Self, Error> {
        let path = base_dir.join("codex-home");
        make_folder(&path)?;
        let file = path.join("config.toml");
        std::fs::write(&file, config(model_base_url, extra))
            .map_err(|error| Error::io(format!("writing {}", file.display()), error))?;
        Ok(Self { path })
    }

    /// What `CODEX_HOME` is set to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn config(model_base_url: &str, extra: ExtraConfig<'_>) -> String {
    // The model's name decides which tools codex offers: this one has commands and patches as plain calls.
    // Without the plugins' line every start would look for a catalogue on the network; without the last
    // two a failure is first tried again.
    format!(
        r#"model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false
analytics.enabled = false
features.plugins = false
{keys}

[model_providers.scripted]
name = "scripted"
base_url = "{model_base_url}"
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0

{tables}
"#,
        keys = extra.keys,
        tables = extra.tables,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_lines_stand_where_toml_wants_them() {
        let extra = ExtraConfig {
            keys: "features.more = true",
            tables: "[extra]\nx = 1",
        };
        let text = config("http://127.0.0.1:1/v1", extra);
        let first_table = text.find("\n[").unwrap();
        assert!(text.find("features.more").unwrap() < first_table);
        assert!(text.find("[extra]").unwrap() > text.find("stream_max_retries").unwrap());
        assert!(text.contains("base_url = \"http://127.0.0.1:1/v1\""));
    }
}

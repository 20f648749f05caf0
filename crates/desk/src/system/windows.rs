//! Windows: every program has the person's search path, and the ending of a name says what is run.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;

/// Nothing else than this process has already.
pub(crate) async fn search_path(_shell: Option<OsString>) -> Option<OsString> {
    std::future::ready(None).await
}

/// Nothing about a file but its name, which is looked at before.
pub(crate) fn may_be_run(_found: &Metadata) -> bool {
    false
}

/// A link can be opened, as what it is.
pub(crate) fn is_link(_error: &io::Error) -> bool {
    false
}

//! `schema`: writes the JSON Schema of our own protocols, and the types of the windows, from the types
//! that are spoken.

use crate::error::Error;
use crate::run;

/// Writes `docs/schema` and `ui/src/generated` anew. The test that compares is the one that writes, so that both see the same.
///
/// # Errors
/// When it cannot be built or a file not written.
pub(crate) fn schema() -> Result<(), Error> {
    for (package, test) in [("drawbridge-wire", "schema"), ("drawbridge-desk", "types")] {
        run::succeed(
            run::cargo(&["test", "--quiet", "--package", package, "--test", test])
                .env("DRAWBRIDGE_WRITE_SCHEMA", "1"),
        )?;
    }
    println!(
        "docs/schema and ui/src/generated are what the types say; look at the difference and commit it with them"
    );
    Ok(())
}

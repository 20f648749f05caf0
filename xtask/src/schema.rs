//! `schema`: writes the JSON Schema of our own protocols from the types that are spoken.

use crate::error::Error;
use crate::run;

/// Writes `docs/schema` anew. The test that compares is the one that writes, so that both see the same.
///
/// # Errors
/// When it cannot be built or a file not written.
pub(crate) fn schema() -> Result<(), Error> {
    run::succeed(
        run::cargo(&[
            "test",
            "--quiet",
            "--package",
            "drawbridge-wire",
            "--test",
            "schema",
        ])
        .env("DRAWBRIDGE_WRITE_SCHEMA", "1"),
    )?;
    println!("docs/schema is what the types say; look at the difference and commit it with them");
    Ok(())
}

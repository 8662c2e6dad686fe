//! The file of `--baseline` and `--write-baseline`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::exit::Failure;
use crate::checks::baseline::Baseline;

/// Changes when this version could not read what an older one wrote, or the other way round.
const FORMAT: u32 = 1;

/// The whole file.
#[derive(Serialize, Deserialize)]
struct Saved {
    /// [`FORMAT`].
    baseline_version: u32,
    /// The accepted findings, sorted, so that two versions of the file can be compared.
    findings: Baseline,
}

/// Writes `baseline`, for the repository: it holds no secret.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, baseline: &Baseline) -> Result<(), Failure> {
    let saved = Saved {
        baseline_version: FORMAT,
        findings: baseline.clone(),
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(
            format!("cannot write the baseline to `{}`: {error}", path.display()),
            "name another file with `--write-baseline`",
        )
    };
    let text = serde_json::to_string_pretty(&saved).map_err(|error| failed(&error))?;
    std::fs::write(path, text + "\n").map_err(|error| failed(&error))
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// A file that cannot be read, is no baseline, or is of another version.
pub fn read(path: &Path) -> Result<Baseline, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(
            format!("cannot read the baseline `{shown}`: {error}"),
            format!("`--write-baseline {shown}` writes it"),
        )
    })?;
    let saved: Saved = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(
            format!("`{shown}` is no baseline: {error}"),
            format!("`--write-baseline {shown}` writes it again"),
        )
    })?;
    if saved.baseline_version != FORMAT {
        return Err(Failure::usage(
            format!(
                "`{shown}` is a baseline of version {}, and this envsim reads version {FORMAT}",
                saved.baseline_version
            ),
            format!("`--write-baseline {shown}` writes it again"),
        ));
    }
    Ok(saved.findings)
}

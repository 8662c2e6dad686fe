//! The file that `prod-check --evidence` writes and `check --from` reads.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::exit::Failure;
use crate::evidence::Evidence;

/// Changes when this version could not read what an older one wrote, or the other way round.
const FORMAT: u32 = 1;

/// The whole file.
#[derive(Serialize, Deserialize)]
struct Saved<E> {
    /// [`FORMAT`].
    evidence_version: u32,
    /// What was seen.
    evidence: E,
}

/// A larger file is no evidence: that of an app with thousands of findings has some megabytes.
const LARGEST: u64 = 512 << 20;

/// Only what is needed to tell whether the rest can be read.
#[derive(Deserialize)]
struct Version {
    evidence_version: u32,
}

/// Saves `evidence`; only its owner may read the file, for it names the app's inside.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, evidence: &Evidence) -> Result<(), Failure> {
    let saved = Saved {
        evidence_version: FORMAT,
        evidence,
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(
            format!("cannot write the evidence to `{}`: {error}", path.display()),
            "name another file with `--evidence`",
        )
    };
    let text = serde_json::to_string_pretty(&saved).map_err(|error| failed(&error))?;
    private_file(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|error| failed(&error))
}

fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // The mode counts for new files alone. A pipe keeps its own.
    if file.metadata()?.is_file() {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// A text of at most [`LARGEST`] bytes.
fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    let length =
        std::io::Read::read_to_string(&mut std::io::Read::take(file, LARGEST + 1), &mut text)?;
    match length as u64 > LARGEST {
        true => Err(std::io::Error::other(format!(
            "it has more than {LARGEST} bytes"
        ))),
        false => Ok(text),
    }
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// A file that cannot be read, is no evidence, or is of another version.
pub fn read(path: &Path) -> Result<Evidence, Failure> {
    let shown = path.display();
    let text = read_text(path).map_err(|error| {
        Failure::usage(
            format!("cannot read the evidence `{shown}`: {error}"),
            "`envsim prod-check --evidence FILE` writes it",
        )
    })?;
    let wrong = |error: serde_json::Error| {
        Failure::usage(
            format!("`{shown}` is not the evidence of a prod-check: {error}"),
            "`envsim prod-check --evidence FILE` writes it",
        )
    };
    let Version { evidence_version } = serde_json::from_str(&text).map_err(wrong)?;
    if evidence_version != FORMAT {
        return Err(Failure::usage(
            format!(
                "`{shown}` has evidence of version {evidence_version}, and this envsim reads version {FORMAT}"
            ),
            "write it again with this envsim: `envsim prod-check --evidence FILE`",
        ));
    }
    let saved: Saved<Evidence> = serde_json::from_str(&text).map_err(wrong)?;
    Ok(saved.evidence)
}

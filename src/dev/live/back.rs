//! Brings files that a container generates back to the host: lock files, migrations. Only those that the user named,
//! and never over something that the host has changed itself.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::build::ignore::{Ignore, IgnoreError};
use crate::dev::watch::mirror::SinceSent;

/// Bytes of the largest file that is brought back.
pub const MOST: u64 = 64 * 1024 * 1024;

/// What the user named, in the syntax of `.dockerignore`, relative to the project.
#[derive(Debug, Default)]
pub struct Wanted(Option<Ignore>);

impl Wanted {
    /// Reads the patterns.
    ///
    /// # Errors
    /// A pattern that is not valid.
    pub fn new(patterns: &[String]) -> Result<Self, IgnoreError> {
        match patterns.is_empty() {
            true => Ok(Self(None)),
            false => {
                Ignore::parse(patterns.join("\n"), "--remote-sync-back").map(|all| Self(Some(all)))
            }
        }
    }

    /// Whether anything is wanted.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the file at `path`, relative to the project, is.
    pub fn has(&self, path: &str) -> bool {
        let verdict = self.0.as_ref().map(|patterns| patterns.decide(path));
        verdict.is_some_and(|verdict| verdict.is_ok_and(|verdict| verdict.excluded))
    }
}

/// What becomes of a file that the container has otherwise than the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The host has what it sent: the container's is newer.
    Take,
    /// Both have changed it: the container's is laid beside.
    Conflict,
}

/// Decides by what the host has done since it sent the file.
pub fn decide(host: SinceSent) -> Decision {
    match host {
        SinceSent::NeverThere | SinceSent::AsSent => Decision::Take,
        SinceSent::Changed => Decision::Conflict,
    }
}

/// Writes a file beside and moves it into place; returns where it is. In a conflict that is beside the host's own,
/// under a name that nothing has.
///
/// # Errors
/// A place that is not below `top`, links resolved, or one that cannot be written.
pub fn write(
    top: &Path,
    path: &Path,
    content: &[u8],
    mode: u32,
    decision: Decision,
) -> io::Result<PathBuf> {
    let parent = path
        .parent()
        .ok_or_else(|| io::Error::other("it has no directory"))?;
    let top = top.canonicalize()?;
    let there = parent.ancestors().find(|one| one.exists());
    let outside = || io::Error::other("a link leads out of the project");
    if !there.ok_or_else(outside)?.canonicalize()?.starts_with(&top) {
        return Err(outside());
    }
    std::fs::create_dir_all(parent)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let path = match decision {
        Decision::Take => path.to_owned(),
        Decision::Conflict => {
            let numbered = |number: u32| match number {
                1 => parent.join(format!("{name}.from-container")),
                number => parent.join(format!("{name}.from-container-{number}")),
            };
            let free = |path: &PathBuf| {
                let same = std::fs::read(path).is_ok_and(|there| there == content);
                same || path.symlink_metadata().is_err()
            };
            (1..)
                .map(numbered)
                .find(free)
                .unwrap_or_else(|| numbered(1))
        }
    };
    let temporary = parent.join(format!(".{name}.envsim-{}", std::process::id()));
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777))?;
        std::fs::rename(&temporary, &path)
    });
    if written.is_err() {
        // Nothing else of it is left.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_files_are_wanted() {
        let patterns = ["package-lock.json", "**/migrations/*.py"].map(str::to_owned);
        let wanted = Wanted::new(&patterns).expect("valid patterns");
        assert!(wanted.has("package-lock.json"));
        assert!(wanted.has("shop/migrations/0002_goal.py"));
        assert!(!wanted.has("shop/models.py"));
        assert!(Wanted::new(&[]).expect("none").is_empty());
    }

    #[test]
    fn a_file_that_the_host_changed_too_stays_and_the_other_is_laid_beside() {
        let top = tempfile::tempdir().expect("a directory");
        let path = top.path().join("lock.json");
        std::fs::write(&path, "the host's").expect("a file");
        let decision = decide(SinceSent::Changed);
        let beside =
            write(top.path(), &path, b"the container's", 0o644, decision).expect("written");
        assert_eq!(
            std::fs::read_to_string(&path).expect("a file"),
            "the host's"
        );
        assert_eq!(beside, top.path().join("lock.json.from-container"));
        let other = write(top.path(), &path, b"another", 0o644, decision).expect("written");
        assert_eq!(other, top.path().join("lock.json.from-container-2"));
        let taken = write(
            top.path(),
            &path,
            b"newer",
            0o600,
            decide(SinceSent::AsSent),
        );
        assert_eq!(taken.expect("written"), path);
        assert_eq!(std::fs::read(&path).expect("a file"), b"newer");
    }

    #[test]
    fn nothing_is_written_through_a_link_that_leads_out_of_the_project() {
        let (top, out) = (tempfile::tempdir(), tempfile::tempdir());
        let (top, out) = (top.expect("a directory"), out.expect("a directory"));
        std::os::unix::fs::symlink(out.path(), top.path().join("link")).expect("a link");
        let path = top.path().join("link/new/lock.json");
        assert!(write(top.path(), &path, b"x", 0o644, Decision::Take).is_err());
        assert_eq!(
            std::fs::read_dir(out.path()).expect("a directory").count(),
            0
        );
    }
}

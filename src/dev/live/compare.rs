//! Compares a container with the host by hash.

use std::io::Read;
use std::path::Path;

use super::work::RootStep;
use crate::dev::link::{Coming, Link, LinkError};
use crate::dev::watch::mirror::What;
use crate::wire::frame::{EntryKind, Request};
use crate::wire::hash::ContentHash;

/// The steps of `all` that the container does not have as they are on the host.
pub async fn differing(link: &Link, all: Vec<RootStep>) -> Result<Vec<RootStep>, LinkError> {
    let asked: Vec<(RootStep, Coming)> = all
        .into_iter()
        .filter(|step| !matches!(step.step.what, What::Gone { .. }))
        .map(|step| {
            let coming = link.ask(Request::Tree {
                at: step.at(),
                skip: vec![Vec::new()],
                hash: true,
            });
            (step, coming)
        })
        .collect();
    let mut differing = Vec::new();
    for (step, coming) in asked {
        let answer = coming.get().await?;
        let found = answer.entries.first();
        let same = match (&step.step.what, found.map(|entry| &entry.kind)) {
            (What::File { size, .. }, Some(EntryKind::File { size: there, hash })) => {
                size == there && *hash == hash_of(&step.step.source)
            }
            (What::Directory { .. }, Some(EntryKind::Directory)) => true,
            (What::Link { to }, Some(EntryKind::Link { to: there })) => to == there,
            _ => false,
        };
        let mode = match &step.step.what {
            What::File { mode, .. } | What::Directory { mode } => Some(*mode),
            _ => None,
        };
        let same_mode = mode.is_none_or(|mode| found.is_some_and(|entry| entry.mode == mode));
        if !(same && same_mode) {
            differing.push(step);
        }
    }
    Ok(differing)
}

/// The hash of a file; none when it cannot be read.
pub fn hash_of(path: &Path) -> Option<[u8; 16]> {
    let mut file = std::fs::File::open(path).ok()?;
    let mut hash = ContentHash::default();
    let mut bytes = vec![0; 128 * 1024];
    loop {
        match file.read(&mut bytes).ok()? {
            0 => return Some(hash.finish()),
            count => hash.update(&bytes[..count]),
        }
    }
}

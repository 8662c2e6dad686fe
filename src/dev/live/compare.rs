//! Compares a container with the host: what is there, and the content by hash.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;

use super::work::RootStep;
use crate::dev::link::{Answer, Coming, Link, LinkError};
use crate::dev::watch::mirror::What;
use crate::wire::frame::{At, Entry, EntryKind, Request};
use crate::wire::hash::ContentHash;

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Difference {
    /// What the container lacks or has otherwise, with what is wrong with it.
    pub steps: Vec<(RootStep, Wrong)>,
    /// What only the container has.
    pub more: Vec<(At, EntryKind)>,
    /// How many files were compared.
    pub files: usize,
}

/// What is wrong with a path of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing is there.
    Missing,
    /// A directory where a file should be, or the like.
    Kind,
    /// Another content.
    Content,
    /// Other permission bits.
    Mode,
}

impl Wrong {
    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Kind => "kind",
            Self::Content => "content",
            Self::Mode => "mode",
        }
    }
}

/// Compares `all`, everything that the container should have of its rules, with what it has.
///
/// # Errors
/// The stream ended before the comparison did.
pub async fn compare(link: &Link, all: Vec<RootStep>) -> Result<Difference, LinkError> {
    let there = listed(link, &all).await?;
    let mut difference = Difference::default();
    let mut hashed: Vec<(RootStep, Coming)> = Vec::new();
    let mut expected = BTreeSet::new();
    for step in all {
        let at = step.at();
        // The root itself was made when it was declared, and is not listed.
        if at.path.is_empty() {
            continue;
        }
        let entry = there.get(&at);
        difference.files += usize::from(matches!(step.step.what, What::File { .. }));
        match wrong(&step.step.what, entry) {
            Some(wrong) => difference.steps.push((step, wrong)),
            None if matches!(step.step.what, What::File { .. }) => {
                let coming = link.ask(Request::Tree {
                    at: at.clone(),
                    skip: Vec::new(),
                    hash: true,
                });
                hashed.push((step, coming));
            }
            None => {}
        }
        expected.insert(at);
    }
    for (step, coming) in hashed {
        let answer = coming.get().await?;
        let entry = answer.entries.first().map(|entry| &entry.kind);
        let same = matches!(entry, Some(EntryKind::File { hash, .. })
            if *hash == hash_of(&step.step.source));
        if !same {
            difference.steps.push((step, Wrong::Content));
        }
    }
    let more = there.into_iter().filter(|(at, _)| !expected.contains(at));
    difference.more = more.map(|(at, entry)| (at, entry.kind)).collect();
    difference
        .more
        .sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(difference)
}

/// What the container has at the places of the rules.
async fn listed(link: &Link, all: &[RootStep]) -> Result<HashMap<At, Entry>, LinkError> {
    let tops = all.iter().map(|step| At {
        root: step.root,
        path: step.prefix.clone(),
    });
    let tops: BTreeSet<At> = tops.collect();
    let asked = tops.into_iter().map(|at| {
        let request = Request::Tree {
            at: at.clone(),
            skip: Vec::new(),
            hash: false,
        };
        (at, link.ask(request))
    });
    let asked: Vec<(At, Coming)> = asked.collect();
    let mut there = HashMap::new();
    for (top, coming) in asked {
        let Answer { entries, .. } = coming.get().await?;
        for entry in entries {
            let at = At {
                root: top.root,
                path: entry.path.clone(),
            };
            there.insert(at, entry);
        }
    }
    Ok(there)
}

/// What is wrong with an entry, as far as can be told without its content.
fn wrong(what: &What, entry: Option<&Entry>) -> Option<Wrong> {
    let Some(entry) = entry else {
        return (!matches!(what, What::Gone { .. })).then_some(Wrong::Missing);
    };
    let mode = match (what, &entry.kind) {
        (What::File { mode, size, .. }, EntryKind::File { size: there, .. }) => {
            if size != there {
                return Some(Wrong::Content);
            }
            mode
        }
        (What::Directory { mode }, EntryKind::Directory) => mode,
        (What::Link { to }, EntryKind::Link { to: there }) => {
            return (to != there).then_some(Wrong::Content);
        }
        _ => return Some(Wrong::Kind),
    };
    (*mode != entry.mode).then_some(Wrong::Mode)
}

/// The hash of a file; none when it cannot be read.
fn hash_of(path: &Path) -> Option<[u8; 16]> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::watch::mirror::Kind;

    fn entry(kind: EntryKind) -> Entry {
        Entry {
            path: b"x".to_vec(),
            kind,
            mode: 0o644,
            user: 0,
            group: 0,
        }
    }

    #[test]
    fn what_differs_is_told_without_reading_where_that_can_be() {
        let file = |mode, size| What::File {
            mode,
            size,
            modified_ns: 0,
        };
        let there = entry(EntryKind::File {
            size: 3,
            hash: None,
        });
        assert_eq!(wrong(&file(0o644, 3), Some(&there)), None);
        assert_eq!(wrong(&file(0o600, 3), Some(&there)), Some(Wrong::Mode));
        assert_eq!(wrong(&file(0o644, 4), Some(&there)), Some(Wrong::Content));
        assert_eq!(wrong(&file(0o644, 3), None), Some(Wrong::Missing));
        let directory = entry(EntryKind::Directory);
        assert_eq!(wrong(&file(0o644, 3), Some(&directory)), Some(Wrong::Kind));
        let link = entry(EntryKind::Link { to: b"a".to_vec() });
        let wanted = What::Link { to: b"b".to_vec() };
        assert_eq!(wrong(&wanted, Some(&link)), Some(Wrong::Content));
        assert_eq!(wrong(&What::Gone { was: Kind::File }, None), None);
    }
}

//! Reads what an image has at a mount's place, as an archive that streams by, and compares it with what the mount brings.
//!
//! Nothing is unpacked. What is kept grows with the number of files, not with their size: the paths, and the facts of some
//! dozens that differ.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::evidence::{FileFacts, MountSeen};

/// Content is read in pieces of this size.
const PIECE: usize = 64 * 1024;

/// Examples that are kept of one directory's files.
const EXAMPLES: usize = 3;

/// What to compare with what.
pub struct Ground<'a> {
    /// The mount's path on the host.
    pub source: &'a Path,
    /// The mount's path in the container, without a slash at its end.
    pub target: &'a str,
    /// Absolute paths of the image that a COPY of the context filled: these are the project's own files, all others are
    /// what the build or the base image made.
    pub copied: &'a HashSet<String>,
    /// What nobody compares: a path relative to the mount that is covered by another mount or that no app needs.
    pub skipped: &'a (dyn Fn(&str) -> bool + Sync),
}

/// What was found; paths are relative to the mount (empty for a mounted file itself).
#[derive(Debug, Default)]
pub struct ImageFiles {
    /// Every file of the image at or below the mount's place.
    pub present: HashSet<String>,
    /// Directories of the image there.
    pub directories: HashSet<String>,
    /// Copied files that the mount has with another content; some dozens.
    pub differing: Vec<Differing>,
    /// How many there are.
    pub differing_count: usize,
    /// What the image made itself, by the topmost path that holds nothing copied.
    pub own: BTreeMap<String, Own>,
}

/// A file with another content.
#[derive(Debug)]
pub struct Differing {
    pub path: String,
    pub in_image: FileFacts,
    pub in_dev: FileFacts,
}

/// A directory or file that the image made itself.
#[derive(Debug, Default)]
pub struct Own {
    /// How many files the image has there.
    pub files: usize,
    /// How many of them the mount does not have.
    pub lacking: usize,
    /// How many of them the mount has with another content.
    pub differing: usize,
    /// Some of those that the mount does not have.
    pub examples: Vec<String>,
    /// The first that differs.
    pub facts: Option<(FileFacts, FileFacts)>,
}

/// Where the archive leads.
pub enum Outcome {
    /// It was compared.
    Compared(ImageFiles),
    /// The mount's place is a symbolic link, which a mount follows and the archive does not: the absolute path that it
    /// points to.
    Link(String),
}

/// Compares an archive of the image's `ground.target` with the host.
///
/// Blocking.
///
/// # Errors
/// An archive that breaks off. A file of the host that cannot be read counts as another content.
pub fn compare(archive: impl Read, ground: &Ground<'_>) -> io::Result<Outcome> {
    let mut found = ImageFiles::default();
    let open = open_directories(ground);
    let mut archive = tar::Archive::new(archive);
    let mut buffer = vec![0; PIECE];
    for (index, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        // The first entry is named after the target; all others are below it.
        let below = path.trim_end_matches('/').split_once('/');
        let below = below.map_or(String::new(), |(_, below)| below.to_owned());
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            found.directories.insert(below);
            continue;
        }
        let link = entry
            .link_name()?
            .map(|to| to.to_string_lossy().into_owned());
        if index == 0 && kind.is_symlink() {
            let to = link.unwrap_or_default();
            let parent = ground
                .target
                .rsplit_once('/')
                .map_or("", |(parent, _)| parent);
            return Ok(Outcome::Link(match to.starts_with('/') {
                true => to,
                false => format!("{parent}/{to}"),
            }));
        }
        if !(kind.is_file() || kind.is_symlink() || kind.is_hard_link() || kind.is_contiguous()) {
            continue;
        }
        found.present.insert(below.clone());
        // The content of a hard link came with another name.
        if kind.is_hard_link() || (ground.skipped)(&below) {
            continue;
        }
        let size = entry.header().size()?;
        let mode = entry.header().mode()? & 0o7777;
        let content = match link.filter(|_| kind.is_symlink()) {
            Some(to) => to,
            None => hash(&mut entry, &mut buffer)?,
        };
        let in_image = FileFacts {
            size,
            mode,
            content,
        };
        let in_dev = host_facts(&on_host(ground.source, &below), &mut buffer);
        found.take(ground, &open, below, in_image, in_dev);
    }
    Ok(Outcome::Compared(found))
}

/// The mount's path on the host, or what is below it.
pub fn on_host(source: &Path, below: &str) -> PathBuf {
    match below {
        "" => source.to_owned(),
        below => source.join(below),
    }
}

/// Directories, relative to the mount, that hold something copied.
fn open_directories(ground: &Ground<'_>) -> BTreeSet<String> {
    let below = ground.copied.iter().filter_map(|path| {
        let below = path.strip_prefix(ground.target)?;
        below.strip_prefix('/')
    });
    let parents =
        below.flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
    parents.collect()
}

/// The topmost path above `path` that holds nothing copied.
fn topmost_own<'a>(open: &BTreeSet<String>, path: &'a str) -> &'a str {
    let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
    let mut parents = parents.filter(|parent| !open.contains(*parent));
    parents.next().unwrap_or(path)
}

/// What the host has in a file's place; none when it has nothing.
fn host_facts(path: &Path, buffer: &mut [u8]) -> Option<FileFacts> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let mode = metadata.mode() & 0o7777;
    let size = metadata.len();
    if metadata.is_symlink() {
        let to = fs::read_link(path).ok()?;
        return Some(FileFacts {
            size: 0,
            mode,
            content: to.to_string_lossy().into_owned(),
        });
    }
    let content = match metadata.is_file() {
        true => File::open(path).and_then(|mut file| hash(&mut file, buffer)),
        false => Err(io::Error::other("no file")),
    };
    let content = content.unwrap_or_else(|error| format!("not read: {error}"));
    Some(FileFacts {
        size,
        mode,
        content,
    })
}

/// The SHA-256 of all that `from` has, in hexadecimal.
fn hash(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<String> {
    let mut hasher = Sha256::new();
    loop {
        match from.read(buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    Ok(text)
}

impl ImageFiles {
    fn take(
        &mut self,
        ground: &Ground<'_>,
        open: &BTreeSet<String>,
        path: String,
        in_image: FileFacts,
        in_dev: Option<FileFacts>,
    ) {
        let same = in_dev
            .as_ref()
            .is_some_and(|in_dev| in_dev.content == in_image.content);
        let absolute = match &*path {
            "" => ground.target.to_owned(),
            path => format!("{}/{path}", ground.target),
        };
        if ground.copied.contains(&absolute) {
            let Some(in_dev) = in_dev.filter(|_| !same) else {
                return;
            };
            self.differing_count += 1;
            if self.differing.len() < MountSeen::KEPT {
                self.differing.push(Differing {
                    path,
                    in_image,
                    in_dev,
                });
            }
            return;
        }
        let own = self
            .own
            .entry(topmost_own(open, &path).to_owned())
            .or_default();
        own.files += 1;
        match in_dev {
            None => {
                own.lacking += 1;
                if own.examples.len() < EXAMPLES {
                    own.examples.push(path);
                }
            }
            Some(_) if same => {}
            Some(in_dev) => {
                own.differing += 1;
                own.facts.get_or_insert((in_image, in_dev));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive as the engine makes it of a directory `app`.
    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        archive
            .append_data(&mut header, "app/", io::empty())
            .expect("an entry");
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            match content.strip_prefix("-> ") {
                Some(to) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_size(0);
                    archive
                        .append_link(&mut header, format!("app/{path}"), to)
                        .expect("a link");
                }
                None => {
                    header.set_size(content.len() as u64);
                    archive
                        .append_data(&mut header, format!("app/{path}"), content.as_bytes())
                        .expect("a file");
                }
            }
        }
        archive.into_inner().expect("an archive")
    }

    fn compared(image: &[(&str, &str)], host: &[(&str, &str)], copied: &[&str]) -> ImageFiles {
        let folder = tempfile::tempdir().expect("a directory");
        for (path, content) in host {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            match content.strip_prefix("-> ") {
                Some(to) => std::os::unix::fs::symlink(to, path).expect("a link"),
                None => fs::write(path, content).expect("a file"),
            }
        }
        let copied: HashSet<String> = copied.iter().map(|path| format!("/app/{path}")).collect();
        let ground = Ground {
            source: folder.path(),
            target: "/app",
            copied: &copied,
            skipped: &|path| path == "skipped",
        };
        match compare(&archive(image)[..], &ground).expect("a whole archive") {
            Outcome::Compared(found) => found,
            Outcome::Link(to) => panic!("a link to {to}"),
        }
    }

    #[test]
    fn copied_files_are_compared_by_content() {
        let found = compared(
            &[
                ("same.js", "1"),
                ("other.js", "22"),
                ("longer.js", "333"),
                ("link", "-> a"),
                ("skipped", "x"),
            ],
            &[
                ("same.js", "1"),
                ("other.js", "23"),
                ("longer.js", "1"),
                ("link", "-> b"),
                ("skipped", "y"),
            ],
            &["same.js", "other.js", "longer.js", "link"],
        );
        let paths: Vec<&str> = found.differing.iter().map(|one| &*one.path).collect();
        assert_eq!(paths, ["other.js", "longer.js", "link"]);
        assert_eq!(found.differing_count, 3);
        let other = &found.differing[0];
        assert_eq!(
            (
                other.in_image.size,
                other.in_image.mode,
                other.in_image.content.len()
            ),
            (2, 0o644, 64)
        );
        assert!(found.own.is_empty());
        assert_eq!(found.present.len(), 5);
    }

    #[test]
    fn what_the_image_made_is_grouped_by_the_topmost_directory_without_copies() {
        let found = compared(
            &[
                ("src/a.js", "1"),
                ("src/generated/x.js", "1"),
                ("src/generated/y.js", "1"),
                ("node_modules/a/index.js", "1"),
                ("node_modules/b/index.js", "1"),
                ("version", "1"),
            ],
            &[
                ("src/a.js", "1"),
                ("node_modules/a/index.js", "2"),
                ("src/generated/x.js", "1"),
            ],
            &["src/a.js"],
        );
        let told: Vec<_> = found
            .own
            .iter()
            .map(|(path, own)| (&**path, own.files, own.lacking, own.differing))
            .collect();
        assert_eq!(
            told,
            [
                ("node_modules", 2, 1, 1),
                ("src/generated", 2, 1, 0),
                ("version", 1, 1, 0)
            ]
        );
        assert_eq!(
            found.own["node_modules"].examples,
            ["node_modules/b/index.js"]
        );
    }

    #[test]
    fn a_mounted_file_is_the_archive_itself() {
        let folder = tempfile::tempdir().expect("a directory");
        let host = folder.path().join("nginx.conf");
        fs::write(&host, "mine").expect("a file");
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o644);
        let mut archive = tar::Builder::new(Vec::new());
        archive
            .append_data(&mut header, "nginx.conf", &b"its!"[..])
            .expect("a file");
        let archive = archive.into_inner().expect("an archive");
        let copied = HashSet::new();
        let ground = Ground {
            source: &host,
            target: "/etc/nginx/nginx.conf",
            copied: &copied,
            skipped: &|_| false,
        };
        let Ok(Outcome::Compared(found)) = compare(&archive[..], &ground) else {
            panic!("it is no link");
        };
        assert!(found.present.contains(""));
        assert_eq!(found.own[""].differing, 1);
    }

    #[test]
    fn a_link_in_the_mounts_place_is_followed() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        let mut archive = tar::Builder::new(Vec::new());
        archive
            .append_link(&mut header, "html", "../srv")
            .expect("a link");
        let archive = archive.into_inner().expect("an archive");
        let copied = HashSet::new();
        let ground = Ground {
            source: Path::new("/nowhere"),
            target: "/var/www/html",
            copied: &copied,
            skipped: &|_| false,
        };
        assert!(
            matches!(compare(&archive[..], &ground), Ok(Outcome::Link(to)) if to == "/var/www/../srv")
        );
    }

    #[test]
    fn an_archive_that_breaks_off_is_an_error() {
        let whole = archive(&[("a", &"x".repeat(2000))]);
        let copied = HashSet::new();
        let ground = Ground {
            source: Path::new("/nowhere"),
            target: "/app",
            copied: &copied,
            skipped: &|_| false,
        };
        assert!(compare(&whole[..1500], &ground).is_err());
    }
}

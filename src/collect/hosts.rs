//! Searches files for hosts of Docker's networks. Several threads read them; a file in which no name
//! occurs costs no more than reading it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::OFlags;

use super::own_name::InFile;
use crate::app::{App, Place};
use crate::evidence::{HostInFile, OwnName, OwnNameFor};
use crate::mask::mask;
use crate::scan::{self, HostnameFor, Scanner};

/// Text of files that is kept for other questions than this one, in bytes.
const KEPT_TEXT: usize = 16 << 20;
/// More threads than this only wait for the disk.
const MOST_THREADS: usize = 8;
/// What tells a text from other files, in bytes.
const HEAD: usize = 4096;

/// What to look for.
pub struct Search {
    names: Vec<(String, String)>,
    scanner: Scanner,
}

/// One file to look at.
pub struct Job<'a> {
    /// Where it is on disk.
    pub path: &'a Path,
    /// Path as shown to the user.
    pub shown: String,
    /// The services that have it.
    pub services: &'a [String],
    /// How they come to it, in a fragment.
    pub via: &'a str,
    /// A bind mount alone brings it.
    pub mounted: bool,
    /// Its text is wanted as well.
    pub keep: bool,
}

impl Job<'_> {
    /// How the file comes to its services, in a sentence.
    fn comes(&self) -> String {
        let services: Vec<String> = self
            .services
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let services = services.join(", ");
        match self.mounted {
            true => format!("{services} has the file through {} only", self.via),
            false => format!("the file is in the image of {services}: {}", self.via),
        }
    }
}

/// What a file showed.
#[derive(Default)]
pub struct Seen {
    /// The hosts in it, in their order.
    pub hosts: Vec<HostInFile>,
    /// Where it takes the container's own host name for an address or an identity.
    pub own_names: Vec<InFile>,
    /// Its text, where it was wanted and is one.
    pub text: Option<String>,
    /// Why it could not be read, in a sentence.
    pub unreadable: Option<String>,
}

impl Seen {
    fn is_empty(&self) -> bool {
        self.hosts.is_empty()
            && self.own_names.is_empty()
            && self.text.is_none()
            && self.unreadable.is_none()
    }
}

impl Search {
    /// Looks for the names of the containers of `app` and for what Docker alone resolves.
    pub fn new(app: &App) -> Self {
        let names = app.host_names();
        let words: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
        Self {
            scanner: Scanner::new(&words),
            names,
        }
    }

    /// The searcher itself.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// The service that answers to `host` in dev.
    pub fn target(&self, host: &str) -> Option<String> {
        let known = self.names.iter();
        let mut known = known.filter(|(name, _)| name.eq_ignore_ascii_case(host));
        known.next().map(|(_, service)| service.clone())
    }

    /// What each file shows, in the order of `jobs`.
    pub fn files(&self, jobs: &[Job]) -> Vec<Seen> {
        let next = AtomicUsize::new(0);
        let kept = AtomicUsize::new(0);
        let told = Mutex::new(Vec::new());
        let work = || {
            let mut buffer = Vec::new();
            let mut own = Vec::new();
            while let Some((at, job)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                jobs.get(at).map(|job| (at, job))
            } {
                let seen = self.file(job, &mut buffer, &kept);
                if !seen.is_empty() {
                    own.push((at, seen));
                }
            }
            if let Ok(mut told) = told.lock() {
                told.append(&mut own);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads(jobs.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut all: Vec<Seen> = jobs.iter().map(|_| Seen::default()).collect();
        for (at, seen) in told.into_inner().unwrap_or_default() {
            all[at] = seen;
        }
        all
    }

    fn file(&self, job: &Job, buffer: &mut Vec<u8>, kept: &AtomicUsize) -> Seen {
        let mut seen = Seen::default();
        match read(job.path, &job.shown, buffer) {
            Ok(true) => {}
            Ok(false) => return seen,
            Err(error) => {
                seen.unreadable = Some(format!("{}: {error}", job.shown));
                return seen;
            }
        }
        let wanted = job.keep && kept.fetch_add(buffer.len(), Ordering::Relaxed) < KEPT_TEXT;
        let of_interest = self.scanner.is_of_interest(buffer);
        if !wanted && !of_interest {
            return seen;
        }
        let text = String::from_utf8_lossy(buffer);
        if of_interest {
            let lines: Vec<&str> = text.lines().collect();
            seen.hosts = self.hosts(job, &text, &lines);
            seen.own_names = own_names(job, &text, &lines);
        }
        seen.text = wanted.then(|| text.into_owned());
        seen
    }

    fn hosts(&self, job: &Job, text: &str, lines: &[&str]) -> Vec<HostInFile> {
        let found = self.scanner.mentions(&job.shown, text).into_iter();
        let hosts = found.map(|mention| {
            let line = lines.get(mention.line as usize - 1).unwrap_or(&"");
            HostInFile {
                services: job.services.to_vec(),
                target: self.target(&mention.host),
                place: Place {
                    path: job.shown.as_str().into(),
                    line: mention.line,
                    column: mention.column,
                    end_column: mention.end_column,
                },
                text: mask(line).into_owned(),
                host: mention.host,
                variable: mention.variable,
                via: job.via.to_owned(),
                mounted: job.mounted,
            }
        });
        hosts.collect()
    }
}

fn own_names(job: &Job, text: &str, lines: &[&str]) -> Vec<InFile> {
    let found = scan::hostname_uses(&job.shown, text).into_iter();
    let uses = found.map(|found| InFile {
        by_variable: found.by_variable,
        seen: OwnName {
            services: job.services.to_vec(),
            used_for: match found.used_for {
                HostnameFor::Listening => OwnNameFor::Listening,
                HostnameFor::Identity => OwnNameFor::Identity,
            },
            place: Place {
                path: job.shown.as_str().into(),
                line: found.line,
                column: found.column,
                end_column: found.end_column,
            },
            text: mask(lines.get(found.line as usize - 1).unwrap_or(&"")).into_owned(),
            via: job.comes(),
        },
    });
    uses.collect()
}

fn threads(jobs: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // A thread for a handful of files costs more than it saves.
    processors.min(MOST_THREADS).min(jobs / 32 + 1)
}

/// The text of the file; none for what [`Search::files`] does not search either.
///
/// # Errors
/// A file that cannot be read.
pub fn text(path: &Path, shown: &str) -> io::Result<Option<String>> {
    let mut buffer = Vec::new();
    let is_text = read(path, shown, &mut buffer)?;
    Ok(is_text.then(|| String::from_utf8_lossy(&buffer).into_owned()))
}

/// Reads the file into `buffer`; false for what is worth no search: links, pipes, binaries, archives,
/// lock files, data, and everything too large.
fn read(path: &Path, shown: &str, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    if !scan::worth_opening(shown) {
        return Ok(false);
    }
    let Some((file, size)) = open(path)? else {
        return Ok(false);
    };
    if !scan::worth_reading(size) {
        return Ok(false);
    }
    let head = usize::try_from(size).unwrap_or(HEAD).min(HEAD);
    (&file).take(head as u64).read_to_end(buffer)?;
    if !scan::worth_searching(shown, buffer) {
        return Ok(false);
    }
    // What grows while it is read is cut where it ended.
    (&file)
        .take(size.saturating_sub(head as u64))
        .read_to_end(buffer)?;
    Ok(true)
}

/// The regular file at `path` and its size; none for anything else. Never waits, as for the writer of
/// a pipe that has just taken the file's place.
fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
    let flags = i32::try_from(flags).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_no_file(path, &error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata.len())))
}

/// A link, a socket or a device cannot be opened like a file; that is no fault of it.
fn is_no_file(path: &Path, error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::NotFound
        && std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    const APP: &str = "services: {web: {image: web}, db: {image: db}}";

    fn look(paths: &[&Path]) -> Vec<Seen> {
        let search = Search::new(&app_for(APP, Mode::Dev));
        let jobs: Vec<Job> = paths
            .iter()
            .map(|path| Job {
                path,
                shown: path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into(),
                services: &[],
                via: "",
                mounted: false,
                keep: false,
            })
            .collect();
        search.files(&jobs)
    }

    #[test]
    fn many_files_are_told_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths: Vec<_> = (0..500)
            .map(|number| {
                let path = folder.path().join(format!("{number}.py"));
                let host = if number % 7 == 0 { "db" } else { "no" };
                std::fs::write(&path, format!("\nhost = '{host}'\n")).expect("a file");
                path
            })
            .collect();
        let seen = look(&paths.iter().map(|path| &**path).collect::<Vec<_>>());
        for (number, seen) in seen.iter().enumerate() {
            let found: Vec<_> = seen.hosts.iter().map(|host| host.place.line).collect();
            let expected: &[u32] = if number % 7 == 0 { &[2] } else { &[] };
            assert_eq!(found, expected, "{number}");
        }
    }

    #[test]
    fn what_is_no_file_is_passed_over_and_what_is_gone_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link.py");
        std::os::unix::fs::symlink("link.py", &link).expect("a link");
        let pipe = folder.path().join("pipe.py");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("a pipe");
        let gone = folder.path().join("gone.py");
        let seen = look(&[&link, &pipe, Path::new("/dev/null"), folder.path(), &gone]);
        let told: Vec<bool> = seen.iter().map(|seen| seen.unreadable.is_some()).collect();
        assert_eq!(told, [false, false, false, false, true]);
    }
}

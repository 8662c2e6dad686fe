//! Searches files for hosts of Docker's networks, and for secrets. Several threads read them, each file
//! once; a file in which nothing occurs that is looked for costs no more than reading it.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::own_name::InFile;
use super::read::{HEAD, Opened};
use super::secrets::judge_link;
use super::threads;
use crate::app::{App, Place};
use crate::evidence::{HostInFile, OwnName, OwnNameFor};
use crate::mask::mask;
use crate::scan::{self, HostnameFor, Scanner};
use crate::secrets::{self, LOOKED_INTO, Verdict};

/// Text of files that is kept for other questions than this one, in bytes.
const KEPT_TEXT: usize = 16 << 20;

/// What to look for.
pub struct Search {
    names: Vec<(String, String)>,
    scanner: Scanner,
}

/// One file to look at.
pub struct Job<'a> {
    /// Where it is on disk.
    pub path: &'a Path,
    /// The services that have it.
    pub services: &'a [String],
    /// How they come to it, in a fragment.
    pub via: &'a str,
    /// A bind mount alone brings it.
    pub mounted: bool,
    /// Its text is wanted as well.
    pub keep: bool,
    /// Its paths in images, when it is looked into for secrets.
    pub targets: Vec<&'a str>,
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
    /// Which of its targets hold a secret.
    pub secrets: Vec<(usize, Verdict)>,
    /// Why it could not be read, in a sentence.
    pub unreadable: Option<String>,
}

impl Seen {
    fn is_empty(&self) -> bool {
        self.hosts.is_empty()
            && self.own_names.is_empty()
            && self.text.is_none()
            && self.secrets.is_empty()
            && self.unreadable.is_none()
    }
}

impl Search {
    /// Looks for the names of the containers of `app` and for what Docker alone resolves.
    pub fn new(app: &App) -> Self {
        let names = app.host_names();
        let words: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
        Self {
            scanner: Scanner::with_signs(&words, secrets::SIGNS),
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

    /// What files show, with the place of each in `jobs` and in that order; most show nothing. `shown`
    /// gives the path for people.
    pub fn files(
        &self,
        jobs: &[Job],
        shown: &(dyn Fn(&Path) -> String + Sync),
    ) -> Vec<(usize, Seen)> {
        let kept = AtomicUsize::new(0);
        threads::each(jobs, Vec::new, |buffer, job| {
            let seen = self.file(job, &shown(job.path), buffer, &kept);
            (!seen.is_empty()).then_some(seen)
        })
    }

    fn file(&self, job: &Job, shown: &str, buffer: &mut Vec<u8>, kept: &AtomicUsize) -> Seen {
        let mut seen = Seen::default();
        let searched = scan::worth_opening(shown);
        if !searched && job.targets.is_empty() {
            return seen;
        }
        match self.read(job, shown, buffer, kept, &mut seen) {
            // What cannot be read is told where hosts are looked for.
            Err(error) if searched => seen.unreadable = Some(format!("{shown}: {error}")),
            Err(_) | Ok(()) => {}
        }
        seen
    }

    fn read(
        &self,
        job: &Job,
        shown: &str,
        buffer: &mut Vec<u8>,
        kept: &AtomicUsize,
        seen: &mut Seen,
    ) -> io::Result<()> {
        let targets = || job.targets.iter().copied().enumerate();
        let Some(mut file) = Opened::new(job.path, buffer)? else {
            let linked =
                targets().filter_map(|(at, target)| Some((at, judge_link(job.path, target)?)));
            seen.secrets = linked.collect();
            return Ok(());
        };
        let searched = scan::worth_opening(shown) && scan::worth_reading(file.size);
        let size = file.size;
        let judged = |target: &str| secrets::worth_reading(target, size);
        let is_judged = job.targets.iter().any(|target| judged(target));
        if !(searched || is_judged) {
            return Ok(());
        }
        let beginning = match is_judged {
            true => LOOKED_INTO,
            false => HEAD,
        };
        let head = file.first(beginning)?;
        let head = &head[..head.len().min(HEAD)];
        let searched = searched && scan::worth_searching(shown, head);
        let bytes = match searched {
            true => file.first(usize::MAX)?,
            false if is_judged => file.first(beginning)?,
            false => return Ok(()),
        };
        let of_interest = self.scanner.is_of_interest(bytes);
        for (at, target) in targets().filter(|(_, target)| judged(target)) {
            if of_interest || secrets::is_told_by_name(target) {
                let beginning = &bytes[..bytes.len().min(LOOKED_INTO)];
                let verdict = secrets::judge(target, beginning);
                seen.secrets.extend(verdict.map(|verdict| (at, verdict)));
            }
        }
        if !searched {
            return Ok(());
        }
        let wanted = job.keep && kept.fetch_add(bytes.len(), Ordering::Relaxed) < KEPT_TEXT;
        if !wanted && !of_interest {
            return Ok(());
        }
        let text = String::from_utf8_lossy(bytes);
        if of_interest {
            let lines: Vec<&str> = text.lines().collect();
            seen.hosts = self.hosts(job, shown, &text, &lines);
            seen.own_names = own_names(job, shown, &text, &lines);
        }
        seen.text = wanted.then(|| text.into_owned());
        Ok(())
    }

    fn hosts(&self, job: &Job, shown: &str, text: &str, lines: &[&str]) -> Vec<HostInFile> {
        let found = self.scanner.mentions(shown, text).into_iter();
        let hosts = found.map(|mention| {
            let line = lines.get(mention.line as usize - 1).unwrap_or(&"");
            HostInFile {
                services: job.services.to_vec(),
                target: self.target(&mention.host),
                place: Place {
                    path: shown.into(),
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

fn own_names(job: &Job, shown: &str, text: &str, lines: &[&str]) -> Vec<InFile> {
    let found = scan::hostname_uses(shown, text).into_iter();
    let uses = found.map(|found| InFile {
        by_variable: found.by_variable,
        seen: OwnName {
            services: job.services.to_vec(),
            used_for: match found.used_for {
                HostnameFor::Listening => OwnNameFor::Listening,
                HostnameFor::Identity => OwnNameFor::Identity,
            },
            place: Place {
                path: shown.into(),
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
                services: &[],
                via: "",
                mounted: false,
                keep: false,
                targets: Vec::new(),
            })
            .collect();
        let name = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let mut all: Vec<Seen> = paths.iter().map(|_| Seen::default()).collect();
        for (at, seen) in search.files(&jobs, &name) {
            all[at] = seen;
        }
        all
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

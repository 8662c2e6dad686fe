//! Files of a service's image by their path in the container, looked up on the project's disk.

use std::path::{Path, PathBuf};

use crate::app::{App, Mount, MountKind, Place, Service};
use crate::build::copied::Copies;
use crate::build::paths;
use crate::mask::mask;
use crate::run::image::Source;

/// Larger files are no scripts that somebody wrote.
const LARGEST: u64 = 128 << 10;
/// Where a program without a directory is looked for, as the images' PATH has it.
const PATH: &[&str] = &[
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// What is known of the files of one service.
pub struct Files<'a> {
    app: &'a App,
    mounts: Vec<&'a Mount>,
    context: Option<&'a Path>,
    copies: Option<&'a Copies>,
    /// Working directory of the container.
    pub workdir: String,
    /// The working directory is only assumed, since the image is not known.
    assumed: bool,
}

/// A file that was found and read.
pub struct Found {
    /// Its path as shown.
    pub shown: String,
    /// Its text.
    pub text: String,
}

impl Found {
    /// The place of a line, counted from 0, and its text without secrets.
    pub fn line(&self, line: usize) -> (Place, String) {
        let text = self.text.lines().nth(line).unwrap_or_default();
        let indent = text.chars().take_while(|c| c.is_whitespace()).count();
        let place = Place {
            path: self.shown.as_str().into(),
            line: line as u32 + 1,
            column: indent as u32 + 1,
            end_column: text.trim_end().chars().count().max(indent) as u32 + 1,
        };
        (place, mask(text.trim()).into_owned())
    }
}

impl<'a> Files<'a> {
    /// The files of `service`, whose image comes from `source`; `dev` is the service of the dev run,
    /// whose bind mounts show the same files. `image_workdir` is known once there is an image.
    pub fn of(
        app: &'a App,
        service: &'a Service,
        dev: Option<&'a Service>,
        source: &'a Source,
        image_workdir: Option<&str>,
    ) -> Self {
        let built = source.built.as_ref();
        let target = built.map(|input| input.resolved.target_stage());
        let from_dockerfile = target.map(|stage| (stage.workdir.clone(), stage.workdir_assumed));
        let (below, assumed) = match image_workdir.filter(|path| !path.is_empty()) {
            Some(path) => (path.to_owned(), false),
            None => from_dockerfile.unwrap_or_else(|| ("/".to_owned(), true)),
        };
        let written = service.working_dir.as_deref();
        let workdir = written.map_or(below.clone(), |path| paths::absolute(&below, path));
        let mounts = service
            .volumes
            .iter()
            .chain(dev.into_iter().flat_map(|dev| &dev.volumes));
        Self {
            app,
            mounts: mounts.collect(),
            context: service.build.as_ref().map(|build| &*build.context),
            copies: built.and_then(|input| input.copies().ok()),
            workdir,
            assumed: assumed && !written.is_some_and(|path| path.starts_with('/')),
        }
    }

    /// The file that `path` means in directory `cwd` of the container.
    pub fn read(&self, cwd: &str, path: &str) -> Option<Found> {
        let absolute = paths::absolute(cwd, path);
        let copied = self.copies.and_then(|copies| copies.at(&absolute));
        let in_image = copied.and_then(|copied| Some(self.context?.join(&copied.source)));
        let mounted = || {
            self.mounts
                .iter()
                .find_map(|mount| mounted(mount, &absolute))
        };
        // A RUN can have moved what COPY brought, and a base image can have its own directory: then
        // the file of that name in the context is most likely the one.
        let near = || {
            let name = path.trim_start_matches("./");
            let inside = match path.starts_with('/') {
                true => absolute
                    .strip_prefix(self.workdir.trim_end_matches('/'))?
                    .trim_start_matches('/'),
                false if cwd == self.workdir || self.assumed => name,
                false => return None,
            };
            Some(self.context?.join(inside))
        };
        let found = in_image
            .filter(|path| path.is_file())
            .or_else(mounted)
            .or_else(|| near().filter(|path| path.is_file()))?;
        self.take(&found)
    }

    /// The program that `word` means in directory `cwd`: a path, or a name in PATH.
    pub fn program(&self, cwd: &str, word: &str) -> Option<Found> {
        if word.contains('/') {
            return self.read(cwd, word);
        }
        PATH.iter().find_map(|directory| {
            let absolute = format!("{directory}/{word}");
            let copied = self.copies.and_then(|copies| copies.at(&absolute));
            let in_image = copied.and_then(|copied| Some(self.context?.join(&copied.source)));
            let path = in_image.or_else(|| {
                let mut mounts = self.mounts.iter();
                mounts.find_map(|mount| mounted(mount, &absolute))
            })?;
            self.take(&path)
        })
    }

    fn take(&self, path: &Path) -> Option<Found> {
        let length = std::fs::metadata(path).ok()?.len();
        if length > LARGEST {
            return None;
        }
        let bytes = std::fs::read(path).ok()?;
        if bytes.contains(&0) {
            return None;
        }
        Some(Found {
            shown: self.app.relative(path),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}

/// The file on the host that a bind mount shows at `path`.
fn mounted(mount: &Mount, path: &str) -> Option<PathBuf> {
    let MountKind::Bind { source, .. } = &mount.kind else {
        return None;
    };
    let rest = path.strip_prefix(mount.target.trim_end_matches('/'))?;
    let file = match rest.strip_prefix('/') {
        Some(rest) => source.join(rest),
        None if rest.is_empty() => source.clone(),
        None => return None,
    };
    file.is_file().then_some(file)
}

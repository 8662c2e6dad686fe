//! One project's files to one canonical document.
//!
//! Every file goes through the same steps, in Compose's order: variables, `include`, `!reset`,
//! `extends`, merging over what came before, doubles, the check of the types, long forms.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::disk::Disk;
use super::host_path::{self, Base};
use super::reset::Resets;
use super::{
    Context, Node, Place, canonical, defaults, extends, include, interpolate, merge, parse_all,
    unique, validate,
};

/// Something is wrong that leaves nothing to go on with; the problems are in the context.
#[derive(Clone, Copy, Debug)]
pub struct Stop;

/// What a file's paths and variables refer to.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The directory of relative paths.
    pub directory: PathBuf,
    /// The variables for interpolation.
    pub environment: Rc<HashMap<String, String>>,
}

impl Scope {
    /// What relative paths are relative to.
    pub fn base(&self, reader: &Reader) -> Base {
        Base {
            directory: self.directory.clone(),
            home: reader.home.clone(),
        }
    }
}

/// Reads files and collects what is wrong with them.
pub struct Reader<'a> {
    /// Where files are read from.
    pub disk: &'a dyn Disk,
    /// What was found.
    pub cx: Context,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// Paths are shown relative to this directory.
    pub root: PathBuf,
    /// Variables are replaced; else the text is kept as it is.
    pub interpolates: bool,
    /// Paths are made absolute.
    pub absolute_paths: bool,
    /// Text of files that were read before they are asked for: standard input.
    pub given: HashMap<PathBuf, String>,
    /// Documents that were read for the project's name; none when there was an error, which is
    /// told already.
    pub opened: HashMap<PathBuf, Option<Vec<Node>>>,
    /// Files that services are extended from.
    pub extended: extends::Extended,
}

impl Reader<'_> {
    /// A file's path as the user would name it.
    pub fn shown(&self, file: &Path) -> String {
        let relative = file.strip_prefix(&self.root).unwrap_or(file);
        relative.to_string_lossy().into_owned()
    }

    /// The text of `file`.
    ///
    /// # Errors
    /// Why it cannot be read, as a fragment.
    pub fn text(&mut self, file: &Path) -> Result<String, String> {
        let text = match self.given.get(file) {
            Some(text) => text.clone(),
            None => self.disk.read(file)?,
        };
        self.cx.admit(text.len())?;
        Ok(text)
    }

    /// The documents of `file`; `place` is where it is named, if it is named in a file.
    fn open(&mut self, file: &Path, place: Option<&Place>) -> Result<Vec<Node>, Stop> {
        if let Some(documents) = self.opened.remove(file) {
            return documents.ok_or(Stop);
        }
        let shown = self.shown(file);
        let read = self.text(file);
        let text = match (read, place) {
            (Ok(text), _) => text,
            (Err(why), Some(place)) => {
                self.cx
                    .error(place, format!("cannot read `{shown}`: {why}"));
                return Err(Stop);
            }
            (Err(why), None) => {
                self.cx
                    .error_without_place(format!("cannot read `{shown}`: {why}"));
                return Err(Stop);
            }
        };
        self.cx.enter(&shown, &text);
        let documents = parse_all(&text, &mut self.cx).ok_or(Stop)?;
        let values = documents.iter().map(Node::size).sum();
        match documents.first() {
            Some(first) if !self.cx.spend(values, &first.place) => Err(Stop),
            _ => Ok(documents),
        }
    }

    /// The last `name:` of the files, its variables replaced. The files are kept for the reading
    /// that follows.
    pub fn names(&mut self, scope: &Scope, files: &[PathBuf]) -> Option<String> {
        let mut name = None;
        for file in files {
            let documents = self.open(file, None).ok();
            for document in documents.iter().flatten() {
                let written = document
                    .get("name")
                    .and_then(Node::text)
                    .unwrap_or_default();
                let lookup = |name: &str| scope.environment.get(name).cloned();
                let text = match self.interpolates {
                    true => interpolate::expand(written, &lookup, &mut Vec::new()),
                    false => Ok(written.to_owned()),
                };
                name = text.ok().filter(|text| !text.is_empty()).or(name);
            }
            self.opened.insert(file.clone(), documents);
        }
        name
    }

    /// All of `files`, each laid over those before, with defaults and absolute paths.
    pub fn read_model(
        &mut self,
        scope: &Scope,
        files: &[(PathBuf, Place)],
        trail: &[PathBuf],
    ) -> Result<Node, Stop> {
        let named = files.iter().map(|(file, place)| (file, Some(place)));
        self.read_files(scope, named, trail)
    }

    /// The same for the files of the command line, which are named in no file.
    pub fn read_main(&mut self, scope: &Scope, files: &[PathBuf]) -> Result<Node, Stop> {
        self.read_files(scope, files.iter().map(|file| (file, None)), &[])
    }

    fn read_files<'f>(
        &mut self,
        scope: &Scope,
        files: impl Iterator<Item = (&'f PathBuf, Option<&'f Place>)>,
        trail: &[PathBuf],
    ) -> Result<Node, Stop> {
        let is_included = !trail.is_empty();
        let mut model: Option<Node> = None;
        for (file, place) in files {
            // The files beside it are not on the way to what this one includes.
            let trail = [trail, std::slice::from_ref(file)].concat();
            for document in self.open(file, place)? {
                model = Some(self.add(scope, file, &trail, model, document)?);
            }
        }
        let mut model = model.unwrap_or_else(|| Node::mapping(self.cx.place(1, 0, 0)));
        defaults::defaults(&mut model);
        // What an included file names is relative to a directory that the result does not show.
        if self.absolute_paths || is_included {
            host_path::absolute(&mut model, &scope.base(self), self.disk);
        }
        Ok(model)
    }

    /// Lays `document` on `model`.
    fn add(
        &mut self,
        scope: &Scope,
        file: &Path,
        trail: &[PathBuf],
        model: Option<Node>,
        mut document: Node,
    ) -> Result<Node, Stop> {
        if document.as_mapping().is_none() {
            let message = format!(
                "a Compose file is a mapping with `services`, not {}",
                document.kind()
            );
            self.cx.error(&document.place, message);
            return Err(Stop);
        }
        let resets = Resets::take(&mut document);
        self.interpolate(scope, &mut document);
        // What is wrong with another file is told there; this one is checked all the same.
        let _ = include::apply(self, scope, &mut document, trail, &resets);
        let model = model.map(|mut model| {
            resets.apply(&mut model);
            model
        });
        let _ = extends::apply(self, scope, file, &mut document, &resets);
        let mut merged = match model {
            Some(model) => {
                let place = document.place.clone();
                let merged = merge::merge(model, document, &mut self.cx);
                // All of it is checked again with every document.
                if !self.cx.spend(merged.size(), &place) {
                    return Err(Stop);
                }
                merged
            }
            None => document,
        };
        unique::unique(&mut merged);
        validate::validate(&merged, &mut self.cx);
        merged.remove("version");
        canonical::canonical(&mut merged, self.interpolates, &mut self.cx);
        unique::unique(&mut merged);
        Ok(merged)
    }

    fn interpolate(&mut self, scope: &Scope, document: &mut Node) {
        if self.interpolates {
            let lookup = |name: &str| scope.environment.get(name).cloned();
            interpolate::interpolate(document, &lookup, &mut self.cx);
        }
    }

    /// A file that a service is extended from: long forms, neither checked nor completed.
    pub fn read_extended(
        &mut self,
        scope: &Scope,
        file: &Path,
        place: &Place,
    ) -> Result<(Node, Resets), Stop> {
        let mut model: Option<Node> = None;
        let mut last = Resets::default();
        for mut document in self.open(file, Some(place))? {
            last = Resets::take(&mut document);
            self.interpolate(scope, &mut document);
            model = Some(match model {
                None => document,
                Some(mut model) => {
                    last.apply(&mut model);
                    merge::merge(model, document, &mut self.cx)
                }
            });
        }
        let mut model = model.unwrap_or_else(|| Node::mapping(place.clone()));
        unique::unique(&mut model);
        canonical::canonical(&mut model, self.interpolates, &mut self.cx);
        unique::unique(&mut model);
        Ok((model, last))
    }
}

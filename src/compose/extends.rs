//! `extends`: a service that begins as a copy of another one.
//!
//! Source: Compose Specification, "extends".

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::document::{Reader, Scope, Stop};
use super::host_path::Base;
use super::merge::Index;
use super::reset::Resets;
use super::{Node, Place, Value, host_path, merge};

/// Services that may extend one another in a row. Reading goes by recursion, and people write two
/// or three.
const MAX_DEPTH: usize = 100;

/// The services that extend one another on the way to the present one.
type Trail = Vec<(PathBuf, String)>;

/// The files that were opened for services to extend, for each set of variables: what a hundred
/// services extend is read once.
pub type Extended = HashMap<(PathBuf, *const HashMap<String, String>), (Scope, Rc<Services>)>;

/// The services of a file, as they are written.
pub struct Services {
    node: Node,
    index: Index,
    resets: Resets,
    /// Those that cannot be had, which is told: thousands may lead to the same mistake.
    failed: RefCell<HashSet<String>>,
}

impl Services {
    fn new(node: Node, resets: Resets) -> Self {
        let index = Index::of(node.as_mapping().unwrap_or(&[]));
        Self {
            node,
            index,
            resets,
            failed: RefCell::default(),
        }
    }

    fn get(&self, name: &str) -> Option<&Node> {
        let at = self.index.get(name)?;
        Some(&self.node.as_mapping()?.get(at)?.1)
    }
}

/// Where the services of one file are looked up.
struct Source {
    file: PathBuf,
    services: Rc<Services>,
    /// Those that are what they extend and what they say themselves already.
    resolved: HashMap<String, Node>,
}

impl Source {
    fn new(file: PathBuf, services: Rc<Services>) -> Self {
        Self {
            file,
            services,
            resolved: HashMap::new(),
        }
    }

    fn get(&self, name: &str) -> Option<&Node> {
        let resolved = self.resolved.get(name);
        resolved.or_else(|| self.services.get(name))
    }
}

/// Replaces every service of `document` that extends another one by the result.
pub fn apply(
    reader: &mut Reader,
    scope: &Scope,
    file: &Path,
    document: &mut Node,
    resets: &Resets,
) -> Result<(), Stop> {
    let Some(services) = document.get_mut("services") else {
        return Ok(());
    };
    let entries = services.as_mapping().unwrap_or(&[]).iter();
    let extending = entries.filter(|(_, service)| service.get("extends").is_some());
    let names: Vec<String> = extending
        .filter_map(|(name, _)| name.text().map(str::to_owned))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let place = services.place.clone();
    let written = std::mem::replace(services, Node::null(&place));
    let written = Rc::new(Services::new(written, resets.clone()));
    let mut source = Source::new(file.to_owned(), written);
    // One that cannot be had leaves the others, and its own service as it is written.
    let mut stopped = false;
    for name in names {
        if reader.cx.is_spent() {
            break;
        }
        stopped |= resolve(reader, scope, &mut source, &name, &mut Vec::new()).is_err();
    }
    let Source {
        services: written,
        resolved,
        ..
    } = source;
    let mut written = Rc::try_unwrap(written).map_err(|_| Stop)?;
    if let Value::Mapping(entries) = &mut written.node.value {
        for (name, service) in resolved {
            if let Some(at) = written.index.get(&name) {
                entries[at].1 = service;
            }
        }
    }
    if let Some(services) = document.get_mut("services") {
        *services = written.node;
    }
    match stopped {
        true => Err(Stop),
        false => Ok(()),
    }
}

/// What `extends` of a service names.
struct Reference {
    service: String,
    /// The file that has the service, when it is another one, and where it is named.
    file: Option<(String, Place)>,
    /// Where the service is named.
    place: Place,
}

impl Reference {
    fn read(extends: &Node, reader: &mut Reader) -> Result<Self, Stop> {
        let (service, file) = match &extends.value {
            Value::Mapping(_) => (extends.get("service"), extends.get("file")),
            _ => (Some(extends), None),
        };
        let named = service.and_then(|node| Some((node.as_string()?, &node.place)));
        let Some((service, place)) = named else {
            let problem = reader
                .cx
                .error(&extends.place, "`extends` names no `service`");
            problem.help = Some("write `extends: {service: NAME}`".to_owned());
            return Err(Stop);
        };
        let file = file.and_then(|node| Some((node.as_string()?.to_owned(), node.place.clone())));
        Ok(Self {
            service: service.to_owned(),
            file,
            place: place.clone(),
        })
    }
}

/// The service `name` with all that it extends.
fn resolve(
    reader: &mut Reader,
    scope: &Scope,
    source: &mut Source,
    name: &str,
    trail: &mut Trail,
) -> Result<Node, Stop> {
    if source.services.failed.borrow().contains(name) {
        return Err(Stop);
    }
    let resolved = resolve_new(reader, scope, source, name, trail);
    if resolved.is_err() {
        let mut failed = source.services.failed.borrow_mut();
        failed.insert(name.to_owned());
    }
    resolved
}

/// The same for one that was not looked at before.
fn resolve_new(
    reader: &mut Reader,
    scope: &Scope,
    source: &mut Source,
    name: &str,
    trail: &mut Trail,
) -> Result<Node, Stop> {
    let service = source.get(name).cloned();
    let service = service.unwrap_or_else(|| Node::null(&source.services.node.place));
    let Some(extends) = service.get("extends") else {
        return Ok(service);
    };
    let wanted = Reference::read(extends, reader)?;
    let step = (source.file.clone(), name.to_owned());
    check_way(reader, trail, &step, &wanted.place)?;
    trail.push(step);
    let mut base = match &wanted.file {
        Some((file, place)) => {
            let mut other = open(reader, scope, file, place)?;
            find(reader, &other, &wanted.service, &wanted.place)?;
            resolve(reader, scope, &mut other, &wanted.service, trail)?
        }
        None => {
            find(reader, source, &wanted.service, &wanted.place)?;
            resolve(reader, scope, source, &wanted.service, trail)?
        }
    };
    trail.pop();
    // Compose leaves a service that extends an empty one as it is written.
    if base.is_null() {
        return Ok(service);
    }
    source.services.resets.apply_to(&mut base, "services", name);
    let mut merged = merge::merge_service(base, service, &mut reader.cx);
    merged.remove("extends");
    if !reader.cx.spend(merged.size(), &wanted.place) {
        return Err(Stop);
    }
    source.resolved.insert(name.to_owned(), merged.clone());
    Ok(merged)
}

/// An error when the way to the service of `step` is a circle or too long; `place` is where that
/// service names the next one.
fn check_way(
    reader: &mut Reader,
    trail: &Trail,
    step: &(PathBuf, String),
    place: &Place,
) -> Result<(), Stop> {
    // The name first: paths take longer to compare, and nearly all names differ.
    let is_step = |known: &(PathBuf, String)| known.1 == step.1 && known.0 == step.0;
    if trail.iter().any(is_step) {
        let names = trail.iter().chain([step]).map(|(_, name)| name.as_str());
        let names: Vec<&str> = names.collect();
        let message = format!("`extends` goes in a circle: {}", names.join(" → "));
        reader.cx.error(place, message);
        return Err(Stop);
    }
    if trail.len() >= MAX_DEPTH {
        let message = format!("more than {MAX_DEPTH} services extend one another in a row");
        reader.cx.error(place, message).help =
            Some("extend the first of them from fewer steps".to_owned());
        return Err(Stop);
    }
    Ok(())
}

/// An error unless the service that is to be extended exists.
fn find(reader: &mut Reader, source: &Source, name: &str, place: &Place) -> Result<(), Stop> {
    if source.get(name).is_some() {
        return Ok(());
    }
    let entries = source.services.node.as_mapping().unwrap_or(&[]);
    let names = entries.iter().filter_map(|(key, _)| key.text());
    let near = reader.cx.guess(name, names).map(str::to_owned);
    let shown = reader.shown(&source.file);
    let problem = reader.cx.error(
        place,
        format!("`{shown}` has no service `{name}` to extend"),
    );
    problem.help = near.map(|near| format!("did you mean `{near}`?"));
    Err(Stop)
}

/// Reads another file for a service to extend: its services with absolute paths, and what it
/// resets.
fn open(reader: &mut Reader, scope: &Scope, text: &str, place: &Place) -> Result<Source, Stop> {
    let file = scope.base(reader).absolute(text);
    let key = (file.clone(), Rc::as_ptr(&scope.environment));
    if let Some((_, services)) = reader.extended.get(&key) {
        return Ok(Source::new(file, services.clone()));
    }
    let (mut document, resets) = reader.read_extended(scope, &file, place)?;
    let base = Base {
        directory: file.parent().map(Path::to_owned).unwrap_or_default(),
        home: reader.home.clone(),
    };
    host_path::absolute(&mut document, &base, reader.disk);
    match document.remove("services") {
        Some(services) if services.as_mapping().is_some() => {
            let services = Rc::new(Services::new(services, resets));
            // The scope keeps the variables, whose address is the key.
            let known = (scope.clone(), services.clone());
            reader.extended.insert(key, known);
            Ok(Source::new(file, services))
        }
        _ => {
            let shown = reader.shown(&file);
            reader
                .cx
                .error(place, format!("`{shown}` has no `services` to extend"));
            Err(Stop)
        }
    }
}

//! Which steps mend which finding.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{BuildFiles, Reason, Repair, Step, Texts, Variable, apply, compose_file};
use crate::app::Place;
use crate::build::copied::{self, ContextFile, FileKind};
use crate::build::dockerfile as reader;
use crate::evidence::{Evidence, HostInFile};
use crate::finding::{Finding, Judgement};
use crate::scan::{hosts_in_value, is_docker_host};
use crate::secrets::path::holds_credentials;

/// The address of a neighbour in the task.
const LOOPBACK: &str = "127.0.0.1";

/// What repairs are made from besides the findings.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// How each service is built.
    pub builds: BTreeMap<String, BuildFiles>,
    /// Digests of image references, as far as the engine knows them.
    pub digests: BTreeMap<String, String>,
    /// Which paths that findings name are directories.
    pub directories: BTreeSet<String>,
}

/// Repairs of a judgement, and the findings that have none although a repair of their kind is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What can be done.
    pub repairs: Vec<Repair>,
    /// Number of a finding, and why a person has to mend it.
    pub by_hand: Vec<(usize, Reason)>,
}

/// The files that [`plan`] and [`apply`] need the texts of.
pub fn files(evidence: &Evidence, judgement: &Judgement, ground: &Ground) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let services = evidence.prod.services.values();
    files.extend(services.map(|service| service.place.path.to_string()));
    for finding in judgement.counted() {
        let places = finding.locations.iter().map(|location| &location.place);
        files.extend(places.map(|place| place.path.to_string()));
    }
    for build in ground.builds.values() {
        files.extend(build.dockerfile.iter().chain(&build.ignore_file).cloned());
    }
    files
}

/// Plans the repairs of all findings that count.
pub fn plan(evidence: &Evidence, judgement: &Judgement, ground: &Ground, texts: &Texts) -> Plan {
    let mut plan = Plan::default();
    for (number, finding) in judgement.findings.iter().enumerate() {
        if finding.ignored.is_some() {
            continue;
        }
        let steps = match finding.rule.code {
            "H001" | "H004" if is_in_file(evidence, finding) => in_source(evidence, finding, texts),
            "H002" | "H004" => in_environment(evidence, finding, texts),
            "E001" => missing(finding, ground, texts),
            "E010" => mutable_tag(finding, ground),
            "T006" => shell_form(finding, texts),
            _ => continue,
        };
        match steps {
            Ok((title, steps)) => plan.repairs.push(Repair {
                finding: number,
                title,
                steps,
            }),
            Err(reason) => plan.by_hand.push((number, reason)),
        }
    }
    plan
}

type Steps = Result<(String, Vec<Step>), Reason>;

fn text_of<'f>(finding: &'f Finding, key: &str) -> Option<&'f str> {
    finding.data.get(key)?.as_str()
}

fn place_of(finding: &Finding) -> Result<&Place, Reason> {
    let first = finding.locations.first();
    first
        .map(|location| &location.place)
        .ok_or_else(|| "the finding has no place".to_owned())
}

/// Whether `service` reaches `target` at the loopback address: both are in one task.
fn is_neighbour(evidence: &Evidence, service: &str, target: &str) -> bool {
    let services = &evidence.prod.services;
    match (services.get(service), services.get(target)) {
        (Some(a), Some(b)) => evidence.prod.task_name(a) == evidence.prod.task_name(b),
        _ => false,
    }
}

/// The production address of `target` for all of `services`.
fn address(evidence: &Evidence, services: &[String], target: &str) -> Result<String, Reason> {
    if let Some(external) = evidence.prod.elsewhere.get(target) {
        return Ok(external.host.value.clone());
    }
    let all = services
        .iter()
        .all(|service| is_neighbour(evidence, service, target));
    if is_docker_host(target) {
        return Err(format!(
            "only you know what stands for `{target}` in production"
        ));
    }
    match all {
        true => Ok(LOOPBACK.to_owned()),
        false => Err(format!(
            "`{target}` is in another task: only you know its address in production"
        )),
    }
}

/// Whether the finding is about a file of an image, and not about a value of the Compose file.
fn is_in_file(evidence: &Evidence, finding: &Finding) -> bool {
    let place = finding.locations.first().map(|location| &location.place);
    let mut seen = evidence.hosts_in_files.iter();
    place.is_some_and(|place| seen.any(|seen| seen.place == *place))
}

/// H001, H004 in a file: the host moves to a variable, or the variable that it is the default of gets
/// its production value.
fn in_source(evidence: &Evidence, finding: &Finding, texts: &Texts) -> Steps {
    let place = place_of(finding)?;
    let mut seen = evidence.hosts_in_files.iter();
    let seen = seen
        .find(|seen| seen.place == *place)
        .ok_or("the finding is not about a file")?;
    let target = seen.target.as_deref().unwrap_or(&seen.host);
    let address = address(evidence, &seen.services, target)?;
    let file = |service: &str| -> Result<String, Reason> {
        let service = evidence.prod.services.get(service);
        let service = service.ok_or("a service of the finding is not in the project")?;
        Ok(service.place.path.to_string())
    };
    let mut steps = Vec::new();
    if let Some(name) = &seen.variable {
        let value = default_with(seen, &address, texts)?;
        for service in &seen.services {
            let service = &evidence.prod.services[service];
            if service.environment.iter().any(|other| other.name == *name) {
                continue;
            }
            steps.push(Step::ProdVariable(Variable {
                file: file(&service.name)?,
                service: service.name.clone(),
                name: name.clone(),
                value: value.clone(),
            }));
        }
        return match steps.is_empty() {
            true => Err(format!("production sets `{name}` already")),
            false => Ok((format!("set `{name}` for production"), steps)),
        };
    }
    let name = variable_name(&seen.host);
    steps.push(Step::Host {
        file: place.path.to_string(),
        line: place.line,
        column: place.column,
        host: seen.host.clone(),
        variable: name.clone(),
    });
    for service in &seen.services {
        let variable = |value: &str| {
            Ok::<_, Reason>(Variable {
                file: file(service)?,
                service: service.clone(),
                name: name.clone(),
                value: value.to_owned(),
            })
        };
        steps.push(Step::DevVariable(variable(&seen.host)?));
        steps.push(Step::ProdVariable(variable(&address)?));
    }
    Ok((
        format!(
            "read `{name}` in place of `{}`, and set it for dev and production",
            seen.host
        ),
        steps,
    ))
}

/// `MONGODB_HOST` for `mongodb`.
fn variable_name(host: &str) -> String {
    let word = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    let name: String = host.chars().map(word).collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{name}_HOST"),
        false => format!("{name}_HOST"),
    }
}

/// The default of a variable as the file has it, with `address` in the place of the host.
fn default_with(seen: &HostInFile, address: &str, texts: &Texts) -> Result<String, Reason> {
    let unclear = || "what the default is cannot be told by machine".to_owned();
    let text = texts.get(&*seen.place.path).ok_or_else(unclear)?;
    let line = text
        .lines()
        .nth(seen.place.line as usize - 1)
        .ok_or_else(unclear)?;
    let at = line.char_indices().nth(seen.place.column as usize - 1);
    let at = at.map(|(at, _)| at).ok_or_else(unclear)?;
    if !line[at..].starts_with(&seen.host) {
        return Err(unclear());
    }
    // The value ends at its quote, or where a word of a shell, a Dockerfile or a `${X:-…}` ends.
    let quote = |c: char| matches!(c, '"' | '\'' | '`');
    let quoted_from = line[..at].rfind(quote);
    let open = quoted_from.and_then(|from| line[from..].chars().next());
    let end_of = |open: char| line[at..].find(open).map(|end| at + end);
    let quoted = quoted_from.zip(open.and_then(end_of));
    let (start, end) = match quoted {
        Some((from, to)) if !line[from + 1..to].contains(quote) => (from + 1, to),
        _ => {
            let stops = |c: char| c.is_whitespace() || quote(c) || "{}=,;()".contains(c);
            let from = line[..at].rfind(stops).map_or(0, |from| from + 1);
            let from = line[from..at]
                .find(":-")
                .map_or(from, |dash| from + dash + 2);
            let to = line[at..].find(stops).map_or(line.len(), |to| at + to);
            (from, to)
        }
    };
    let (before, after) = (&line[start..at], &line[at + seen.host.len()..end]);
    let plain = |part: &str| !part.contains(['$', '{', '}', '%', '*', '#', '\\', ' ']);
    match plain(before) && plain(after) {
        true => Ok(format!("{before}{address}{after}")),
        false => Err(unclear()),
    }
}

/// H002, H004 in a value: a variable of the Compose file gets a production value for each service that
/// has it, the same with the neighbours' address.
fn in_environment(evidence: &Evidence, finding: &Finding, texts: &Texts) -> Steps {
    let name = text_of(finding, "variable").ok_or("only variables are mended by machine")?;
    let services = finding.data.get("services").and_then(|all| all.as_array());
    let services: Vec<&str> = services
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str())
        .collect();
    let mut steps = Vec::new();
    for service in &services {
        let variable = production_variable(evidence, service, name, texts)?;
        steps.push(Step::ProdVariable(variable));
    }
    let whose: Vec<String> = services
        .iter()
        .map(|service| format!("`{service}`"))
        .collect();
    Ok((
        format!("give `{name}` of {} its production value", whose.join(", ")),
        steps,
    ))
}

/// The variable `name` of `service` with the addresses of production in it.
fn production_variable(
    evidence: &Evidence,
    service: &str,
    name: &str,
    texts: &Texts,
) -> Result<Variable, Reason> {
    let service = evidence.prod.services.get(service);
    let service = service.ok_or("a service of the finding is not in the project")?;
    let file = service.place.path.to_string();
    let text = texts.get(&file).ok_or("its Compose file cannot be read")?;
    let value = match compose_file::written(text, &file, &service.name, name) {
        Some(written) => written,
        None => {
            let mut known = service.environment.iter();
            let known = known.find(|other| other.name == name);
            let known = known.ok_or("its value is not in the Compose file")?;
            known.value.replace('$', "$$")
        }
    };
    if value.contains("**") {
        return Err("its value has a secret that does not belong into a Compose file".to_owned());
    }
    Ok(Variable {
        value: with_addresses(evidence, &service.name, name, &value)?,
        file,
        service: service.name.clone(),
        name: name.to_owned(),
    })
}

/// `value` with every service name in it replaced.
fn with_addresses(
    evidence: &Evidence,
    service: &str,
    name: &str,
    value: &str,
) -> Result<String, Reason> {
    let names = evidence.dev.host_names();
    let hosts: Vec<String> = names.iter().map(|(host, _)| host.clone()).collect();
    let mut text = String::new();
    let mut from = 0;
    for found in hosts_in_value(name, value, &hosts) {
        if found.start < from {
            continue;
        }
        let target = names.iter().find(|(host, _)| *host == found.host);
        let target = target.map_or(&*found.host, |(_, service)| &**service);
        text.push_str(&value[from..found.start]);
        text.push_str(&address(evidence, &[service.to_owned()], target)?);
        from = found.end;
    }
    if from == 0 {
        return Err(format!(
            "the host comes to `{name}` through another variable"
        ));
    }
    text.push_str(&value[from..]);
    Ok(text)
}

/// E001: the ignore file keeps the path, and the Dockerfile copies it.
fn missing(finding: &Finding, ground: &Ground, texts: &Texts) -> Steps {
    let service = finding.service.as_deref().unwrap_or_default();
    let (path, target) = text_of(finding, "path")
        .zip(text_of(finding, "target"))
        .ok_or("the finding names no path")?;
    if finding.data.contains_key("secret") || is_secret(path) {
        return Err(
            "what it holds may be a secret, which does not belong into an image".to_owned(),
        );
    }
    if finding.data.contains_key("paths") {
        return Err("which of the paths production needs is for you to say".to_owned());
    }
    if let Some(line) = text_of(finding, "ignored_by_git") {
        return Err(format!(
            "git ignores it ({line}): a clean checkout has nothing to copy, so let the build make it"
        ));
    }
    let build = ground.builds.get(service);
    let build = build.ok_or_else(|| {
        format!(
            "`{service}` has no build: `envsim dockerfile {service}` writes a Dockerfile for it"
        )
    })?;
    let file = build.dockerfile.as_deref();
    let file = file.ok_or("its Dockerfile is not a file of the project")?;
    let inside = match &*build.context {
        "" => Some(path),
        context => path
            .strip_prefix(context)
            .and_then(|rest| rest.strip_prefix('/')),
    };
    let source = inside.filter(|inside| !matches!(*inside, "" | "."));
    let source = source.ok_or_else(|| format!("`{path}` is not below the build context"))?;
    let directory = ground.directories.contains(path);
    // The steps are tried on these alone: a project can have very many others.
    let tried = texts
        .iter()
        .filter(|(name, _)| name.as_str() == file || build.ignore_file.as_ref() == Some(*name));
    let texts: &Texts = &tried
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    let mut steps = Vec::new();
    if let Some(ignore) = &build.ignore_file {
        steps.push(Step::Keep {
            file: ignore.clone(),
            path: source.to_owned(),
        });
    }
    // With the path in the context, a COPY that is there may bring it already.
    let kept = outcome(&steps, texts)?;
    if !brings(build, file, &kept, (source, target), directory)? {
        let stage = stage_of(build, file, &kept)?;
        steps.push(Step::Copy {
            file: file.to_owned(),
            stage,
            source: source.to_owned(),
            target: target.to_owned(),
            directory,
        });
        let after = outcome(&steps, texts)?;
        if !brings(build, file, &after, (source, target), directory)? {
            return Err(format!(
                "a COPY of `{source}` would not bring it to `{target}`"
            ));
        }
    }
    // An ignore file that says nothing of the path stays as it is.
    let changed = outcome(&steps, texts)?;
    steps.retain(|step| {
        let file = apply::file_of(step);
        changed.get(file) != texts.get(file)
    });
    match steps.is_empty() {
        true => Err(format!(
            "the Dockerfile copies `{source}` to `{target}` already"
        )),
        false => Ok((
            format!("bring `{path}` into the image of `{service}`"),
            steps,
        )),
    }
}

/// The texts after `steps`.
fn outcome(steps: &[Step], texts: &Texts) -> Result<Texts, Reason> {
    let repair = Repair {
        finding: 0,
        title: String::new(),
        steps: steps.to_vec(),
    };
    let outcome = apply::apply(&[repair], texts);
    if let Some((_, reason)) = outcome.refused.into_iter().next() {
        return Err(reason);
    }
    let mut after = texts.clone();
    after.extend(outcome.texts);
    Ok(after)
}

fn stage_of(build: &BuildFiles, file: &str, texts: &Texts) -> Result<usize, Reason> {
    let text = texts.get(file).ok_or("the Dockerfile cannot be read")?;
    let read = reader::read(text, file).map_err(|error| error.to_string())?;
    let target = build.inputs.target.as_deref();
    read.target(target).map_err(|error| error.to_string())
}

/// Whether the image has the path of the context at `target`, when the context has it.
fn brings(
    build: &BuildFiles,
    file: &str,
    texts: &Texts,
    (source, target): (&str, &str),
    directory: bool,
) -> Result<bool, Reason> {
    let text = texts.get(file).ok_or("the Dockerfile cannot be read")?;
    let read = reader::read(text, file).map_err(|error| error.to_string())?;
    let resolved = read
        .resolve(&build.inputs)
        .map_err(|error| error.to_string())?;
    // One file stands for those of a directory that the ignore file kept out so far.
    let (inner, place) = match directory {
        true => (
            format!("{source}/.envsim-any"),
            format!("{}/.envsim-any", target.trim_end_matches('/')),
        ),
        false => (source.to_owned(), target.to_owned()),
    };
    let mut context = build.files.clone();
    let mut parents: Vec<String> = Vec::new();
    let mut above = Path::new(&inner).parent();
    while let Some(directory) = above.filter(|path| !path.as_os_str().is_empty()) {
        parents.push(directory.to_string_lossy().into_owned());
        above = directory.parent();
    }
    let added = parents.into_iter().rev().map(|path| (path, FileKind::Dir));
    for (path, kind) in added.chain([(inner.clone(), FileKind::File)]) {
        if !context.iter().any(|known| known.path == path) {
            context.push(ContextFile { path, kind });
        }
    }
    let copies = copied::copied(&resolved, &context).map_err(|error| error.to_string())?;
    Ok(copies
        .at(&place)
        .is_some_and(|copied| copied.source == inner))
}

/// Names that a secret can go by: wider than [`holds_credentials`], for here a doubt costs nothing.
fn is_secret(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let words = [
        "secret",
        "credential",
        "password",
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
    ];
    holds_credentials(path)
        || (name.starts_with(".env.") && !name.contains("example") && !name.contains("sample"))
        || name.ends_with(".pem")
        || words.iter().any(|word| name.contains(word))
}

/// E010: the reference gets the digest that the engine has for it.
fn mutable_tag(finding: &Finding, ground: &Ground) -> Steps {
    let place = place_of(finding)?;
    let reference = text_of(finding, "image").ok_or("the finding names no image")?;
    let digest = ground.digests.get(reference).ok_or_else(|| {
        format!("the engine knows no digest of `{reference}`: it was not pulled from a registry")
    })?;
    let step = Step::Pin {
        file: place.path.to_string(),
        line: place.line,
        reference: reference.to_owned(),
        digest: digest.clone(),
    };
    Ok((format!("pin `{reference}` to its digest"), vec![step]))
}

/// T006: a command in shell form becomes a list of words, so that PID 1 is the program.
fn shell_form(finding: &Finding, texts: &Texts) -> Steps {
    if !finding.data.contains_key("shell") {
        return Err(
            "no shell alone keeps the signal: the program has to take it, or its command must start the program itself"
                .to_owned(),
        );
    }
    let place = place_of(finding)?;
    let file = place.path.to_string();
    let text = texts.get(&file).ok_or("its file cannot be read")?;
    let line = text
        .lines()
        .nth(place.line as usize - 1)
        .unwrap_or_default();
    let word = line.split_whitespace().next().unwrap_or_default();
    if !matches!(&*word.to_ascii_uppercase(), "CMD" | "ENTRYPOINT") {
        return Err("only the shell form of a Dockerfile's CMD is mended by machine".to_owned());
    }
    let step = Step::Exec {
        file,
        line: place.line,
    };
    Ok(("start the program without a shell".to_owned(), vec![step]))
}

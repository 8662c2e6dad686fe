//! Variables: `environment`, `secrets` and `environmentFiles`, and what they are in dev.

use super::fields::{Fields, Findings};
use super::localhost::{Neighbours, is_loopback};
use crate::init::compose_file::{Item, Map, Yaml};
use crate::init::project::Project;
use crate::init::service::Service;

/// Variables of the file to be written, shared by its services: name to where its value comes from.
#[derive(Debug, Default)]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    /// A variable for the value that `origin` holds: the same name for the same origin only.
    fn for_origin(&mut self, wanted: &str, service: &str, origin: &str) -> String {
        let own = |text: &str| -> String {
            let kept = text.chars().map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            });
            let name: String = kept.collect();
            match name.starts_with(|c: char| c.is_ascii_digit()) {
                true => format!("_{name}"),
                false => name,
            }
        };
        let valid = !wanted.is_empty()
            && wanted
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !wanted.starts_with(|c: char| c.is_ascii_digit());
        let first = if valid {
            wanted.to_owned()
        } else {
            own(wanted)
        };
        let taken = |known: &(String, String)| known.0 == first && known.1 != origin;
        let name = match self.0.iter().any(taken) {
            true => own(&format!("{service}_{first}")),
            false => first,
        };
        self.0.push((name.clone(), origin.to_owned()));
        name
    }

    /// `${NAME:?…}` for the value that `origin` holds.
    pub fn required(&mut self, wanted: &str, service: &str, origin: &str) -> Yaml {
        let name = self.for_origin(wanted, service, origin);
        Yaml::Text(format!("${{{name}:?set it in .env or in the shell}}"))
    }
}

/// Reads all three into the service.
pub fn read(
    container: &mut Fields<'_>,
    service: &mut Service,
    neighbours: Option<Neighbours<'_>>,
    variables: &mut Variables,
    project: &Project,
    findings: &mut Findings,
) {
    files(container, service, project, findings);
    let mut pairs: Vec<(String, Option<String>)> = Vec::new();
    for mut one in container.objects("environment", findings) {
        let Some(name) = one.text("name", findings) else {
            findings.error(&one.path("name"), "a variable needs a name");
            continue;
        };
        // A value that only CloudFormation knows has been told; an empty one is a value.
        let known = one.value("value").is_none_or(|value| !value.is_object());
        let value = one
            .text("value", findings)
            .or_else(|| known.then(String::new));
        one.rest(Some(&service.name), findings);
        pairs.push((name, value));
    }
    let mut environment = Map::default();
    let mut production = Map::default();
    for (name, value) in &pairs {
        let Some(value) = value else {
            environment.put(
                name.clone(),
                variables.required(name, &service.name, &format!("{}.{name}", service.name)),
            );
            continue;
        };
        let port_of = |wanted: &str| {
            let found = pairs
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.clone())
        };
        let dev =
            neighbours.and_then(|all| all.named(value).or_else(|| all.host(name, value, &port_of)));
        if dev.is_none() {
            unknown(name, value, neighbours, service, findings);
        }
        if let Some(dev) = &dev {
            production.put(name.clone(), Yaml::literal(value));
            environment.put(name.clone(), Yaml::literal(dev));
        } else {
            environment.put(name.clone(), Yaml::literal(value));
        }
    }
    secrets(container, service, variables, &mut environment, findings);
    if !environment.is_empty() {
        let entry = service.keys.put("environment", environment);
        if !production.is_empty() {
            entry.comment(
                "In dev a neighbour has a name; in the task it is localhost: see x-envsim below.",
            );
        }
    }
    if !production.is_empty() {
        service.settings.map("prod").put("environment", production);
    }
}

/// Says that a variable may mean a neighbour that nobody can tell.
fn unknown(
    name: &str,
    value: &str,
    neighbours: Option<Neighbours<'_>>,
    service: &Service,
    findings: &mut Findings,
) {
    let Some(neighbours) = neighbours.filter(|neighbours| neighbours.all.len() > 1) else {
        return;
    };
    let what = match neighbours.unknown(value) {
        Some(port) => {
            format!("`{name}` names port {port} of localhost, and no container declares it")
        }
        None if is_loopback(value) => format!("`{name}` is `{value}`, in dev the container itself"),
        None => return,
    };
    let text = format!(
        "{what}: if it means another container, write its service name in `environment` and the address in `x-envsim.prod.environment`"
    );
    findings.notes.service(&service.name, "environment", text);
}

/// A secret is only named: its value is in AWS.
fn secrets(
    container: &mut Fields<'_>,
    service: &Service,
    variables: &mut Variables,
    environment: &mut Map,
    findings: &mut Findings,
) {
    for mut one in container.objects("secrets", findings) {
        let name = one.text("name", findings);
        let origin = one
            .text("valueFrom", findings)
            .unwrap_or_else(|| "a value that CloudFormation knows".to_owned());
        let Some(name) = name else {
            findings.error(&one.path("name"), "a secret needs a name");
            continue;
        };
        one.rest(Some(&service.name), findings);
        let value = variables.required(&name, &service.name, &origin);
        let variable = match &value {
            Yaml::Text(text) => text[2..].split(':').next().unwrap_or_default().to_owned(),
            _ => name.clone(),
        };
        if environment.get(&name).is_some() {
            let text = format!(
                "`{name}` is in `environment` too: ECS refuses that; only the secret is written"
            );
            findings.notes.service(&service.name, "secrets", text);
        }
        environment
            .put(name.clone(), value)
            .comment(format!("from {origin}"));
        let text = format!(
            "`{name}` comes from `{origin}`: set `{variable}` in `.env` (kept out of version control) or in the shell, with a value for development"
        );
        findings.notes.service(&service.name, "secrets", text);
    }
}

/// Files in S3 to files of the project that may be missing.
fn files(
    container: &mut Fields<'_>,
    service: &mut Service,
    project: &Project,
    findings: &mut Findings,
) {
    let mut items: Vec<Item> = Vec::new();
    for mut one in container.objects("environmentFiles", findings) {
        let arn = one.text("value", findings);
        let kind = one
            .text("type", findings)
            .unwrap_or_else(|| "s3".to_owned());
        let path = one.path("value");
        one.rest(Some(&service.name), findings);
        let Some(arn) = arn else { continue };
        if kind != "s3" {
            findings.notes.service(
                &service.name,
                path.clone(),
                format!("the type `{kind}` of this file is not known"),
            );
        }
        let object = arn
            .split_once(":::")
            .map_or(arn.as_str(), |(_, object)| object);
        let name = object.rsplit('/').next().unwrap_or(object).to_owned();
        let mut map = Map::default();
        map.put("path", Yaml::literal(&project.written(&name)));
        map.put("required", false);
        items.push(Item {
            comment: vec![format!("from {arn}")],
            value: Yaml::Map(map),
        });
        let text = format!(
            "fetch it once: `aws s3 cp s3://{object} {name}`. ECS takes everything after `=` as it is; Compose strips quotes and trailing comments"
        );
        findings
            .notes
            .service(&service.name, "environmentFiles", text);
    }
    if items.is_empty() {
        return;
    }
    // ECS keeps the first file that sets a variable, Compose the last one.
    items.reverse();
    let several = items.len() > 1;
    let entry = service.keys.put("env_file", Yaml::List(items));
    if several {
        entry.comment("In the reverse order: in ECS the first file wins, in Compose the last.");
    }
}

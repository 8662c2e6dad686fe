//! An ECS task definition to services: containers that share `localhost` in the task, and have names in dev.
//!
//! Read is what `aws ecs describe-task-definition` prints and what `aws ecs register-task-definition` takes (ECS API
//! reference, "RegisterTaskDefinition"), a list of container definitions as Terraform writes them, and the resource of
//! a CloudFormation template in JSON. Every field is written, or noted with the reason why not.

mod container;
mod environment;
mod fields;
mod linux;
mod localhost;
mod network;
mod storage;
mod task;

use serde_json::{Map, Value};

use super::notes::Notes;
use super::project::Project;
use super::service::Parts;
use super::{Draft, dockerfile};
use crate::compose::{Place, Problem, Problems};
use container::{Shared, Task};
use fields::{Fields, Findings};

/// The Compose file for a task definition.
///
/// # Errors
/// The first syntax error of the JSON, or every field of the wrong type.
pub fn draft(project: &Project, file: &str, text: &str, notes: Notes) -> Result<Draft, Problems> {
    let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| syntax(file, text, &error))?;
    let (map, outside) = unwrap(json, file)?;
    let mut shared = Shared {
        findings: Findings {
            file: file.to_owned(),
            problems: Vec::new(),
            notes,
        },
        ..Shared::default()
    };
    if let Some(outside) = outside {
        shared.findings.notes.general(outside);
    }
    let parts = parts(project, &map, &mut shared);
    if !shared.findings.problems.is_empty() {
        return Err(Problems(shared.findings.problems));
    }
    Ok(parts.draft(project))
}

/// The place where the JSON ends to be JSON.
fn syntax(file: &str, text: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let line = error.line().max(1);
    let column = error.column().max(1) as u32;
    Problem {
        place: Some(Place {
            path: file.into(),
            line: line as u32,
            column,
            end_column: column + 1,
        }),
        line: text.lines().nth(line - 1).map(Into::into),
        ..Problem::error(format!(
            "{file}:{line}:{column}: this is not JSON: {message}"
        ))
    }
}

/// The task definition itself, and what to say about what stands around it.
fn unwrap(json: Value, file: &str) -> Result<(Map<String, Value>, Option<String>), Problem> {
    let unknown = || {
        let problem = Problem::error(format!("{file}: there is no `containerDefinitions` in it"));
        problem.help(
            "`aws ecs describe-task-definition --task-definition NAME` prints a task definition",
        )
    };
    let map = match json {
        Value::Array(_) => {
            let mut map = Map::new();
            map.insert("containerDefinitions".to_owned(), json);
            return Ok((map, Some("the file is a list of containers: size, volumes and roles of the task are not in it".to_owned())));
        }
        Value::Object(map) => map,
        _ => return Err(unknown()),
    };
    let has =
        |map: &Map<String, Value>, name: &str| map.keys().any(|key| key.eq_ignore_ascii_case(name));
    if has(&map, "containerDefinitions") {
        return Ok((map, None));
    }
    if let Some(Value::Object(inner)) = map.get("taskDefinition") {
        let mut inner = inner.clone();
        // `--include TAGS` puts them beside the definition.
        if let Some(tags) = map.get("tags") {
            inner.insert("tags".to_owned(), tags.clone());
        }
        let known = ["taskDefinition", "tags", "failures"];
        let others: Vec<&String> = map
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .collect();
        let note = (!others.is_empty()).then(|| {
            format!(
                "{} beside `taskDefinition` is left out",
                super::notes::listed(&others)
            )
        });
        return Ok((inner, note));
    }
    let resources = map.get("Resources").and_then(Value::as_object);
    let mut definitions = resources
        .into_iter()
        .flatten()
        .filter(|(_, resource)| resource["Type"] == "AWS::ECS::TaskDefinition");
    match (definitions.next(), definitions.next()) {
        (Some((name, resource)), None) => {
            let properties = resource["Properties"]
                .as_object()
                .cloned()
                .ok_or_else(unknown)?;
            Ok((
                properties,
                Some(format!(
                    "of the CloudFormation template only the resource `{name}` is read"
                )),
            ))
        }
        (Some((first, _)), Some((second, _))) => {
            let problem = Problem::error(format!(
                "{file}: the template has several task definitions: `{first}`, `{second}`"
            ));
            Err(problem.help("put the `Properties` of one into a file of its own"))
        }
        _ if map.is_empty() || resources.is_none() => Err(unknown()),
        _ => Err(Problem::error(format!(
            "{file}: the template has no `AWS::ECS::TaskDefinition`"
        ))),
    }
}

fn parts(project: &Project, map: &Map<String, Value>, shared: &mut Shared) -> Parts {
    let mut task = Fields::new("", map);
    let mut parts = Parts {
        sources: vec![shared.findings.file.clone()],
        ..Parts::default()
    };
    let about = task::read(&mut task, &mut parts, &mut shared.findings);
    shared.storage.volumes(&mut task, &mut shared.findings);
    let containers = || {
        let mut quiet = Findings::default();
        Fields::new("", map).objects("containerDefinitions", &mut quiet)
    };
    let peers: Vec<localhost::Peer> = containers().iter_mut().map(network::peer).collect();
    let names: Vec<String> = peers.iter().map(|peer| peer.name.clone()).collect();
    let found = dockerfile::find(project, &mut Notes::default());
    let context = Task {
        project,
        peers: &peers,
        shares_network: about.shares_network,
        platform: about.platform,
        awaited: containers().iter_mut().flat_map(awaited).collect(),
        checked: names_with(containers(), "healthCheck"),
        built: container::built(&peers, found),
    };
    check_names(&names, &mut shared.findings);
    for one in task.objects("containerDefinitions", &mut shared.findings) {
        parts
            .services
            .extend(container::service(one, &context, shared));
    }
    let mut containers = containers();
    let taken: Vec<_> = containers
        .iter_mut()
        .flat_map(|one| storage::taken(one, &names, &mut shared.findings))
        .collect();
    shared
        .storage
        .finish(&taken, &mut parts.services, &mut shared.findings);
    task.rest(None, &mut shared.findings);
    parts.volumes = std::mem::take(&mut shared.storage.written);
    if context.shares_network && peers.len() > 1 {
        parts.comment.push("In the task all containers share one network: a neighbour is at localhost. In dev each has its own, and a neighbour is at its service name.".to_owned());
    }
    parts.notes = std::mem::take(&mut shared.findings.notes);
    parts
}

fn check_names(names: &[String], findings: &mut Findings) {
    if names.is_empty() {
        findings.error(
            "containerDefinitions",
            "a task needs at least one container",
        );
    }
    for (index, name) in names.iter().enumerate() {
        let path = format!("containerDefinitions[{index}].name");
        let valid = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !valid {
            findings.error(
                &path,
                format!("`{name}` is not the name of a container: letters, digits, `-` and `_`"),
            );
        } else if names[..index].contains(name) {
            findings.error(&path, format!("there are two containers `{name}`"));
        }
    }
}

fn names_with(containers: Vec<Fields<'_>>, field: &str) -> Vec<String> {
    let mut quiet = Findings::default();
    let with = containers.into_iter().filter(|one| one.has(field));
    with.filter_map(|mut one| one.text("name", &mut quiet))
        .collect()
}

/// Containers for whose end this one waits.
fn awaited(container: &mut Fields<'_>) -> Vec<String> {
    let mut quiet = Findings::default();
    let all = container.objects("dependsOn", &mut quiet);
    let ends = all.into_iter().filter_map(|mut one| {
        let condition = one.text("condition", &mut quiet)?;
        let waits = condition == "SUCCESS" || condition == "COMPLETE";
        one.text("containerName", &mut quiet).filter(|_| waits)
    });
    ends.collect()
}

#[cfg(test)]
mod tests;

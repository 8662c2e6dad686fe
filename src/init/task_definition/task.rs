//! The fields of the task itself (ECS API reference, "RegisterTaskDefinition").

use super::fields::{Fields, Findings, text_of};
use crate::app::TaskSize;
use crate::init::compose_file::Yaml;
use crate::init::notes::listed;
use crate::init::project::service_name;
use crate::init::service::Parts;

/// What the containers have to know of the task.
pub struct About {
    pub shares_network: bool,
    pub platform: Option<&'static str>,
}

/// Reads everything but the containers and volumes.
pub fn read(task: &mut Fields<'_>, parts: &mut Parts, findings: &mut Findings) -> About {
    family(task, parts, findings);
    let launch = launch_type(task, parts, findings);
    size(task, launch, parts, findings);
    let shares_network = network_mode(task, launch, findings);
    let platform = platform(task, findings);
    roles(task, findings);
    namespaces(task, findings);
    noted(task, findings);
    registration(task, findings);
    About {
        shares_network,
        platform,
    }
}

fn family(task: &mut Fields<'_>, parts: &mut Parts, findings: &mut Findings) {
    let Some(family) = task.text("family", findings) else {
        return;
    };
    let name = service_name(&family);
    if name.as_deref() != Some(family.as_str()) {
        findings.notes.field(
            "family",
            format!(
                "`{family}` is written as `{}`: names of Compose projects are in lower case",
                name.as_deref().unwrap_or_default()
            ),
        );
    }
    parts.name = name;
}

fn launch_type(
    task: &mut Fields<'_>,
    parts: &mut Parts,
    findings: &mut Findings,
) -> Option<&'static str> {
    let required = task.texts("requiresCompatibilities", findings);
    let possible = task.texts("compatibilities", findings);
    let has = |list: &[String], name: &str| list.iter().any(|one| one == name);
    let known = ["FARGATE", "EC2", "EXTERNAL"];
    let chosen = known.into_iter().find(|name| has(&required, name));
    for other in required.iter().filter(|one| Some(one.as_str()) != chosen) {
        let text = match chosen {
            Some(chosen) => format!(
                "`{other}` is asked for too; `launch_type` can only be one, and is {chosen}"
            ),
            None => format!("envsim does not simulate `{other}`; `launch_type` is left out"),
        };
        findings.notes.field("requiresCompatibilities", text);
    }
    let chosen = match chosen {
        None if required.is_empty() => {
            let fargate = has(&possible, "FARGATE");
            let text = match fargate {
                true => {
                    "is not there; ECS found the definition fit for Fargate, so `launch_type` is FARGATE"
                }
                false => {
                    "is not there, so the launch type is not known: add `launch_type: EC2` to `x-envsim` if it is EC2"
                }
            };
            findings.notes.field("requiresCompatibilities", text);
            fargate.then_some("FARGATE")
        }
        chosen => chosen,
    };
    if let Some(chosen) = chosen {
        parts.settings.put("launch_type", Yaml::literal(chosen));
    }
    chosen
}

/// `cpu` and `memory`, unless they are a pair that Fargate does not have.
fn size(task: &mut Fields<'_>, launch: Option<&str>, parts: &mut Parts, findings: &mut Findings) {
    let cpu = task
        .value("cpu")
        .and_then(|value| quantity(value, "cpu", &[("vcpu", 1024.0)], findings));
    let memory = task
        .value("memory")
        .and_then(|value| quantity(value, "memory", &[("gb", 1024.0), ("mb", 1.0)], findings));
    let choices = cpu.and_then(TaskSize::memory_choices);
    let offered = match (&choices, memory) {
        (Some(choices), Some(memory)) => choices.contains(&memory),
        (None, _) => cpu.is_none(),
        (Some(_), None) => true,
    };
    if launch == Some("FARGATE") && (cpu.is_none() || memory.is_none()) {
        findings.notes.field(
            "cpu and memory",
            "Fargate needs both for the task; envsim takes its own defaults for what is missing",
        );
    }
    if !offered && launch == Some("FARGATE") {
        let said = |value: Option<u32>| value.map_or("none".to_owned(), |value| value.to_string());
        findings.notes.field(
            "cpu and memory",
            format!(
                "Fargate has no task of {} CPU units and {} MiB, so they are not written",
                said(cpu),
                said(memory)
            ),
        );
        return;
    }
    for (key, value) in [("cpu", cpu), ("memory", memory)] {
        if let Some(value) = value {
            parts.settings.put(key, i64::from(value));
        }
    }
}

/// `1024`, `1 vCPU` or `2 GB` in CPU units or MiB.
fn quantity(
    value: &serde_json::Value,
    field: &str,
    units: &[(&str, f64)],
    findings: &mut Findings,
) -> Option<u32> {
    let text = text_of(value, field, findings)?;
    let lower = text.to_ascii_lowercase().replace(' ', "");
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)))
        .unwrap_or((&lower, 1.0));
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number * factor < f64::from(u32::MAX) => {
            Some((number * factor).round() as u32)
        }
        _ => {
            findings.error(
                field,
                format!(
                    "`{text}` is no size: a number, or a number with {}",
                    if field == "cpu" { "`vCPU`" } else { "`GB`" }
                ),
            );
            None
        }
    }
}

/// Whether containers reach each other at localhost.
fn network_mode(task: &mut Fields<'_>, launch: Option<&str>, findings: &mut Findings) -> bool {
    let written = task.text("networkMode", findings);
    let usual = if launch == Some("FARGATE") {
        "awsvpc"
    } else {
        "bridge"
    };
    let mode = written.as_deref().unwrap_or(usual);
    match mode {
        "awsvpc" => true,
        "host" => {
            findings.notes.field("networkMode", "with `host` the containers use the instance's own network; envsim's task has one of its own, shared by them as with `awsvpc`");
            true
        }
        "none" => {
            findings.notes.field("networkMode", "with `none` the containers reach nothing; here they have a network, write `network_mode: none` for those that must not");
            false
        }
        mode => {
            let why = if written.is_some() {
                ""
            } else {
                " (the default)"
            };
            findings.notes.field("networkMode", format!("with `{mode}`{why} the containers have addresses of their own and find each other by `links`; envsim's task has one network for all, as with `awsvpc`"));
            false
        }
    }
}

fn platform(task: &mut Fields<'_>, findings: &mut Findings) -> Option<&'static str> {
    let mut runtime = task.object("runtimePlatform", findings)?;
    let architecture = runtime.text("cpuArchitecture", findings);
    let system = runtime.text("operatingSystemFamily", findings);
    runtime.rest(None, findings);
    if let Some(system) = system.filter(|system| system != "LINUX") {
        findings.notes.field(
            "runtimePlatform",
            format!("`{system}` containers cannot be run by envsim, which is for Linux"),
        );
        return None;
    }
    match architecture.as_deref() {
        Some("X86_64") => Some("linux/amd64"),
        Some("ARM64") => Some("linux/arm64"),
        Some(other) => {
            findings.notes.field(
                "runtimePlatform",
                format!("the architecture `{other}` is not known"),
            );
            None
        }
        None => None,
    }
}

fn roles(task: &mut Fields<'_>, findings: &mut Findings) {
    if let Some(role) = task.text("taskRoleArn", findings) {
        findings.notes.field("taskRoleArn", format!("the app has the rights of `{role}` in AWS; here it has none, unless you pass credentials"));
    }
    if let Some(role) = task.text("executionRoleArn", findings) {
        findings.notes.field("executionRoleArn", format!("ECS uses `{role}` to fetch images and secrets; here your own logins and `.env` take its place"));
    }
}

fn namespaces(task: &mut Fields<'_>, findings: &mut Findings) {
    for (field, what) in [("pidMode", "processes"), ("ipcMode", "shared memory")] {
        if let Some(mode) = task.text(field, findings) {
            findings.notes.field(field, format!("`{mode}` decides which containers see each other's {what}; here each sees its own only"));
        }
    }
}

/// Fields that concern AWS alone.
fn noted(task: &mut Fields<'_>, findings: &mut Findings) {
    if let Some(mut storage) = task.object("ephemeralStorage", findings) {
        let size = storage.number("sizeInGiB", findings).unwrap_or_default();
        storage.rest(None, findings);
        findings.notes.field(
            "ephemeralStorage",
            format!("{size} GiB of disk; here the disk is your machine's"),
        );
    }
    if let Some(mut proxy) = task.object("proxyConfiguration", findings) {
        let name = proxy.text("containerName", findings).unwrap_or_default();
        let kind = proxy
            .text("type", findings)
            .unwrap_or_else(|| "APPMESH".to_owned());
        for mut property in proxy.objects("properties", findings) {
            property.text("name", findings);
            property.text("value", findings);
            property.rest(None, findings);
        }
        proxy.rest(None, findings);
        findings.notes.field("proxyConfiguration", format!("in AWS `{name}` is a proxy ({kind}) for all traffic; here it only runs beside the others"));
    }
    let mut rules = Vec::new();
    for mut rule in task.objects("placementConstraints", findings) {
        rules.extend(
            rule.text("expression", findings)
                .or_else(|| rule.text("type", findings)),
        );
        rule.text("type", findings);
        rule.rest(None, findings);
    }
    if !rules.is_empty() {
        findings.notes.field(
            "placementConstraints",
            format!(
                "{}: which instances may run the task has no meaning here",
                listed(&rules)
            ),
        );
    }
    let mut devices = Vec::new();
    for mut one in task.objects("inferenceAccelerators", findings) {
        devices.extend(one.text("deviceType", findings));
        one.text("deviceName", findings);
        one.rest(None, findings);
    }
    if !devices.is_empty() {
        findings.notes.field(
            "inferenceAccelerators",
            format!("{} is not there on your machine", listed(&devices)),
        );
    }
    if task.boolean("enableFaultInjection", findings) == Some(true) {
        findings
            .notes
            .field("enableFaultInjection", "faults are not injected here");
    }
    let mut tags = Vec::new();
    for mut tag in task.objects("tags", findings) {
        tags.extend(tag.text("key", findings));
        tag.text("value", findings);
        tag.rest(None, findings);
    }
    if !tags.is_empty() {
        findings.notes.field(
            "tags",
            format!("{} are for AWS; they are left out", listed(&tags)),
        );
    }
}

/// What `describe-task-definition` adds to what was registered.
fn registration(task: &mut Fields<'_>, findings: &mut Findings) {
    let fields = [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
        "deleteRequestedAt",
    ];
    let there: Vec<&str> = fields
        .into_iter()
        .filter(|field| task.value(field).is_some())
        .collect();
    if !there.is_empty() {
        findings.notes.general(format!(
            "{} only describe this registration in AWS; they are left out",
            listed(&there)
        ));
    }
}

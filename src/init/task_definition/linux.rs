//! `linuxParameters`, `ulimits`, `systemControls` and `resourceRequirements` of a container.

use super::fields::{Fields, Findings};
use crate::init::compose_file::{Map, Yaml};
use crate::init::service::Service;

/// Reads all four.
pub fn read(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    let memory = match s.settings.get("memory") {
        Some(Yaml::Plain(text)) => text.parse().ok(),
        _ => None,
    };
    if let Some(parameters) = c.object("linuxParameters", findings) {
        linux_parameters(parameters, s, memory, findings);
    }
    ulimits(c, s, findings);
    let mut sysctls = Map::default();
    for mut one in c.objects("systemControls", findings) {
        let (name, value) = (one.text("namespace", findings), one.text("value", findings));
        one.rest(Some(&s.name), findings);
        if let (Some(name), Some(value)) = (name, value) {
            sysctls.put(name, Yaml::literal(&value));
        }
    }
    s.keys.put_some("sysctls", Yaml::Map(sysctls));
    requirements(c, s, findings);
}

fn linux_parameters(
    mut parameters: Fields<'_>,
    s: &mut Service,
    memory: Option<i64>,
    findings: &mut Findings,
) {
    let p = &mut parameters;
    if let Some(mut capabilities) = p.object("capabilities", findings) {
        let add = capabilities.texts("add", findings);
        let drop = capabilities.texts("drop", findings);
        capabilities.rest(Some(&s.name), findings);
        s.keys.put_some("cap_add", Yaml::literal_words(&add));
        s.keys.put_some("cap_drop", Yaml::literal_words(&drop));
    }
    let mut devices = Vec::new();
    for mut one in p.objects("devices", findings) {
        let host = one.text("hostPath", findings);
        let inside = one.text("containerPath", findings).or_else(|| host.clone());
        let letters: String = one
            .texts("permissions", findings)
            .iter()
            .filter_map(|word| word.chars().next())
            .collect();
        one.rest(Some(&s.name), findings);
        if let (Some(host), Some(inside)) = (host, inside) {
            // "Device": by default read, write and mknod.
            let letters = if letters.is_empty() {
                "rwm".to_owned()
            } else {
                letters
            };
            devices.push(Yaml::literal(&format!("{host}:{inside}:{letters}")));
        }
    }
    s.keys.put_some("devices", devices);
    if p.boolean("initProcessEnabled", findings) == Some(true) {
        s.keys.put("init", true);
    }
    if let Some(size) = p.number("sharedMemorySize", findings) {
        s.keys.put("shm_size", Yaml::literal(&format!("{size}m")));
    }
    tmpfs(p, s, findings);
    if let Some(value) = p.number("swappiness", findings) {
        s.keys.put("mem_swappiness", value);
    }
    match (p.number("maxSwap", findings), memory) {
        (Some(swap), Some(memory)) => {
            // Docker counts memory and swap together; ECS only the swap ("LinuxParameters", maxSwap).
            s.keys
                .put("mem_limit", Yaml::literal(&format!("{memory}m")));
            s.keys.put(
                "memswap_limit",
                Yaml::literal(&format!("{}m", memory + swap)),
            );
        }
        (Some(swap), None) => {
            findings.notes.service(
                &s.name,
                "linuxParameters.maxSwap",
                format!("{swap} MiB of swap cannot be written without `memory`"),
            );
        }
        (None, _) => {}
    }
    parameters.rest(Some(&s.name), findings);
}

fn tmpfs(p: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    let mut short = Vec::new();
    for mut one in p.objects("tmpfs", findings) {
        let path = one.text("containerPath", findings);
        let size = one.number("size", findings);
        let options = one.texts("mountOptions", findings);
        one.rest(Some(&s.name), findings);
        let Some(path) = path else { continue };
        let size = size.map(|size| format!("size={size}m"));
        let all: Vec<String> = size.into_iter().chain(options).collect();
        let text = match all.is_empty() {
            true => path,
            false => format!("{path}:{}", all.join(",")),
        };
        short.push(Yaml::literal(&text));
    }
    s.keys.put_some("tmpfs", short);
}

fn ulimits(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    let mut all = Map::default();
    for mut one in c.objects("ulimits", findings) {
        let name = one.text("name", findings);
        let soft = one.number("softLimit", findings);
        let hard = one.number("hardLimit", findings);
        one.rest(Some(&s.name), findings);
        if let (Some(name), Some(soft), Some(hard)) = (name, soft.or(hard), hard.or(soft)) {
            let mut limit = Map::default();
            limit.put("soft", soft);
            limit.put("hard", hard);
            all.put(name, limit);
        }
    }
    s.keys.put_some("ulimits", Yaml::Map(all));
}

fn requirements(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    for mut one in c.objects("resourceRequirements", findings) {
        let kind = one.text("type", findings).unwrap_or_default();
        let value = one.text("value", findings).unwrap_or_default();
        one.rest(Some(&s.name), findings);
        match (kind.as_str(), value.parse::<i64>()) {
            ("GPU", Ok(count)) => {
                let mut device = Map::default();
                device.put("driver", Yaml::literal("nvidia"));
                device.put("count", count);
                device.put("capabilities", Yaml::literal_words(&["gpu"]));
                let reservations = s.keys.map("deploy").map("resources").map("reservations");
                reservations.put("devices", vec![Yaml::Map(device)]);
                findings.notes.service(&s.name, "resourceRequirements", "Docker Compose needs this GPU on your machine, or does not start the service; remove `devices` if it can do without");
            }
            _ => findings.notes.service(
                &s.name,
                "resourceRequirements",
                format!("`{kind}` `{value}` has no place in Compose"),
            ),
        }
    }
}

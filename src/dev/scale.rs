//! Several containers of one service: each further one is a service of its own that shares the
//! first one's name on the networks. Pure.

use indexmap::IndexMap;

use crate::app::{App, Problem, Replica, Service};

/// Containers of `service` in the dev run.
fn count(service: &Service) -> u32 {
    let deploy = service.settings.deploy.as_ref();
    match deploy.and_then(|deploy| deploy.mode.as_deref()) {
        Some("global") => 1,
        _ => service.settings.replicas(),
    }
}

/// The app with as many services as there are containers; one that is scaled to none is left out.
pub fn expand(app: App) -> App {
    if app.services.values().all(|service| count(service) == 1) {
        return app;
    }
    let mut further: IndexMap<String, Vec<String>> = IndexMap::new();
    let mut services: IndexMap<String, Service> = IndexMap::new();
    for (name, service) in &app.services {
        let wanted = count(service);
        if wanted == 0 {
            continue;
        }
        services.insert(name.clone(), service.clone());
        for number in 2..=wanted {
            let mut own = format!("{name}-{number}");
            while app.services.contains_key(&own) {
                own.push('_');
            }
            let mut copy = service.clone();
            copy.name.clone_from(&own);
            copy.container_name = None;
            copy.pre_start.retain(|hook| hook.per_replica);
            copy.replica = Some(Replica {
                of: name.clone(),
                number,
            });
            further.entry(name.clone()).or_default().push(own.clone());
            services.insert(own, copy);
        }
    }
    for service in services.values_mut() {
        let mut more = Vec::new();
        for dependency in &service.depends_on {
            for name in further.get(&dependency.service.value).into_iter().flatten() {
                let mut copy = dependency.clone();
                copy.service.value.clone_from(name);
                more.push(copy);
            }
        }
        service.depends_on.extend(more);
    }
    App { services, ..app }
}

/// What several containers of a service cannot share.
pub fn problems(app: &App) -> Vec<Problem> {
    let mut all = Vec::new();
    for service in app.services.values() {
        let wanted = count(service);
        if wanted < 2 {
            continue;
        }
        let name = &service.name;
        let mut error = |message: String, place: &crate::app::Place, help: &str| {
            let mut problem = Problem::error(message);
            problem.place = Some(place.clone());
            all.push(problem.help(help));
        };
        for port in &service.ports {
            let Some(first) = port.published else {
                continue;
            };
            let room = u32::from(port.published_last.unwrap_or(first) - first) + 1;
            if room < wanted {
                error(
                    format!(
                        "{wanted} containers of `{name}` cannot share {room} published port(s)"
                    ),
                    &port.place,
                    "publish a range, as in \"8080-8089:80\", or only the container's port",
                );
            }
        }
        let fixed = service.networks.iter().find(|attachment| {
            attachment.ipv4_address.is_some() || attachment.ipv6_address.is_some()
        });
        if let Some(attachment) = fixed {
            error(
                format!("{wanted} containers of `{name}` cannot share one fixed address"),
                &attachment.name.place,
                "leave the address out, or run one container",
            );
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    const SHOP: &str = "services:
  web: {image: web, scale: 3, ports: ['80', '8000-8002:81', '9000:82']}
  proxy: {image: proxy, depends_on: [web, off]}
  off: {image: off, deploy: {replicas: 0}}
";

    #[test]
    fn each_container_is_a_service_that_others_wait_for() {
        let app = expand(app(SHOP));
        let names: Vec<&str> = app.services.keys().map(String::as_str).collect();
        assert_eq!(names, ["web", "web-2", "web-3", "proxy"]);
        let waits: Vec<&str> = app.services["proxy"]
            .depends_on
            .iter()
            .map(|dependency| &*dependency.service.value)
            .collect();
        assert_eq!(waits, ["web", "off", "web-2", "web-3"]);
    }

    #[test]
    fn one_published_port_is_too_few_for_three() {
        let found = problems(&app(SHOP));
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "3 containers of `web` cannot share 1 published port(s)"
        );
    }
}

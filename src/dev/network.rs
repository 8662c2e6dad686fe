//! The networks of the dev run and how a service appears in each. Pure.

use super::Ground;
use super::plan::container_name;
use super::settings::container_of;
use crate::app::{App, NetworkAttachment, NetworkMode as AppNetworkMode, Problem, Service};
use crate::engine::{AddressPool, Endpoint, ExtraNetwork, NetworkMode, NetworkSpec};
use crate::labels::{Labels, RunKind};

/// The interface's name in the container, as an option of the endpoint (API 1.49 and later).
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

/// Name in the engine of the network `key`. A name that the file fixes counts only in the dev run:
/// two runs cannot both have it.
pub fn name(app: &App, labels: &Labels, key: &str) -> String {
    let written = app.networks.get(key);
    match written {
        Some(network) if network.external => network.name.clone().unwrap_or_else(|| key.to_owned()),
        Some(network) if labels.run == RunKind::Dev && network.name.is_some() => {
            network.name.clone().unwrap_or_default()
        }
        _ => labels.name(&format!("network-{key}")),
    }
}

/// Keys of the networks that must be made: used by a service and not external.
pub fn to_make(app: &App) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let used = app.services.values().flat_map(|service| &service.networks);
    for attachment in used {
        let key = &attachment.name.value;
        let external = app
            .networks
            .get(key)
            .is_some_and(|network| network.external);
        if !external && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

/// The network `key` as the file has it.
pub fn spec(app: &App, labels: &Labels, key: &str) -> NetworkSpec {
    let mut made = NetworkSpec {
        name: name(app, labels, key),
        labels: labels.of("network", None),
        ..NetworkSpec::default()
    };
    let Some(written) = app.networks.get(key) else {
        return made;
    };
    for (label, value) in &written.labels {
        made.labels
            .entry(label.clone())
            .or_insert_with(|| value.clone());
    }
    made.internal = written.internal;
    made.attachable = written.attachable;
    made.driver.clone_from(&written.driver);
    made.driver_opts = written.driver_opts.clone().into_iter().collect();
    made.enable_ipv6 = written.enable_ipv6 == Some(true);
    made.enable_ipv4 = written.enable_ipv4;
    made.ipam_driver.clone_from(&written.ipam.driver);
    made.ipam_options = written.ipam.options.clone().into_iter().collect();
    made.pools = written
        .ipam
        .config
        .iter()
        .map(|pool| AddressPool {
            subnet: pool.subnet.clone(),
            gateway: pool.gateway.clone(),
            ip_range: pool.ip_range.clone(),
            aux_addresses: pool.aux_addresses.clone().into_iter().collect(),
        })
        .collect();
    made
}

/// The network that `service` starts in and those it is connected to besides.
pub fn of_service(
    app: &App,
    labels: &Labels,
    ground: &Ground,
    service: &Service,
) -> (NetworkMode, Vec<ExtraNetwork>) {
    let alone = |mode| (mode, Vec::new());
    match service.network_mode.as_ref().map(|mode| &mode.value) {
        Some(AppNetworkMode::Host) => return alone(NetworkMode::Host),
        Some(AppNetworkMode::None) => return alone(NetworkMode::None),
        Some(AppNetworkMode::Bridge) => return alone(NetworkMode::Bridge),
        Some(AppNetworkMode::Container(name)) => {
            return alone(NetworkMode::Container(name.clone()));
        }
        Some(AppNetworkMode::Service(name)) => {
            let other = container_of(app, labels, name);
            return alone(NetworkMode::Container(other));
        }
        None => {}
    }
    let mut all = service.networks.iter().enumerate().map(|(at, attachment)| {
        let mut endpoint = endpoint(app, labels, ground, service, attachment);
        if at == 0 && endpoint.mac_address.is_none() {
            endpoint
                .mac_address
                .clone_from(&service.settings.mac_address);
        }
        ExtraNetwork {
            name: name(app, labels, &attachment.name),
            endpoint,
        }
    });
    let Some(first) = all.next() else {
        return alone(NetworkMode::None);
    };
    let mode = NetworkMode::Network {
        name: first.name,
        endpoint: first.endpoint,
    };
    (mode, all.collect())
}

fn endpoint(
    app: &App,
    labels: &Labels,
    ground: &Ground,
    service: &Service,
    attachment: &NetworkAttachment,
) -> Endpoint {
    let own = service
        .replica
        .as_ref()
        .map_or(&service.name, |replica| &replica.of);
    let mut aliases = vec![own.clone()];
    aliases.extend(service.container_name.iter().map(|name| name.value.clone()));
    aliases.extend(attachment.aliases.iter().cloned());
    let mut driver_opts: std::collections::BTreeMap<String, String> =
        attachment.driver_opts.clone().into_iter().collect();
    if let Some(interface) = &attachment.interface_name
        && ground.api >= (1, 49)
    {
        driver_opts.insert(INTERFACE_NAME.to_owned(), interface.clone());
    }
    // A network that had to move has other addresses than the file says.
    let moved = ground.moved.contains(&attachment.name.value);
    let fixed = |address: &Option<String>| address.clone().filter(|_| !moved);
    Endpoint {
        aliases,
        ipv4: fixed(&attachment.ipv4_address),
        ipv6: fixed(&attachment.ipv6_address),
        link_local: attachment.link_local_ips.clone(),
        mac_address: attachment.mac_address.clone(),
        driver_opts,
        gateway_priority: (attachment.gateway_priority != 0 && ground.api >= (1, 48))
            .then_some(attachment.gateway_priority),
        links: links(app, labels, service),
    }
}

/// `links` and `external_links` as `CONTAINER:NAME`.
fn links(app: &App, labels: &Labels, service: &Service) -> Vec<String> {
    let own = service.settings.links.iter().map(|link| {
        let (name, alias) = link.split_once(':').unwrap_or((link, link));
        let container = match app.services.get(name) {
            Some(other) => container_name(labels, other),
            None => name.to_owned(),
        };
        format!("{container}:{alias}")
    });
    let other = service
        .settings
        .external_links
        .iter()
        .map(|link| match link.contains(':') {
            true => link.clone(),
            false => format!("{link}:{link}"),
        });
    own.chain(other).collect()
}

/// What the engine would only say in words of its own about the addresses.
pub fn problems(app: &App) -> Vec<Problem> {
    let mut all = Vec::new();
    for service in app.services.values() {
        for attachment in &service.networks {
            let key = &attachment.name.value;
            let Some(network) = app.networks.get(key) else {
                continue;
            };
            let fixed = attachment.ipv4_address.is_some() || attachment.ipv6_address.is_some();
            let ranges = network.ipam.config.iter().any(|pool| pool.subnet.is_some());
            if fixed && !ranges && !network.external {
                let message = format!(
                    "`{}` has a fixed address on the network `{key}`, which has no subnet",
                    service.name
                );
                let mut problem = Problem::error(message);
                problem.place = Some(attachment.name.place.clone());
                all.push(problem.help(format!(
                    "give `{key}` an address range: `ipam: {{config: [{{subnet: 172.28.0.0/16}}]}}`"
                )));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    const SHOP: &str = "services:
  web:
    image: web
    mac_address: 02:42:ac:11:00:09
    links: ['db:store']
    external_links: [old-db]
    networks:
      back: {ipv4_address: 172.28.5.9, aliases: [inner]}
      front: {priority: 10}
  db: {image: db, networks: [back]}
networks:
  front: {internal: true, labels: {tier: outer}, driver_opts: {com.docker.network.bridge.name: br9}}
  back:
    name: fixed-back
    ipam: {config: [{subnet: 172.28.0.0/16, gateway: 172.28.0.1, ip_range: 172.28.5.0/24}]}
";

    fn labels(run: RunKind) -> Labels {
        Labels {
            project: "shop".to_owned(),
            run,
            owner: "host:1".to_owned(),
            task: None,
        }
    }

    #[test]
    fn a_network_is_made_as_the_file_has_it() {
        let app = app(SHOP);
        let labels = labels(RunKind::Dev);
        let back = spec(&app, &labels, "back");
        assert_eq!(back.name, "fixed-back");
        assert_eq!(back.pools[0].subnet.as_deref(), Some("172.28.0.0/16"));
        assert_eq!(back.pools[0].ip_range.as_deref(), Some("172.28.5.0/24"));
        let front = spec(&app, &labels, "front");
        assert!(front.internal);
        assert_eq!(front.labels["tier"], "outer");
        assert_eq!(front.driver_opts["com.docker.network.bridge.name"], "br9");
    }

    #[test]
    fn the_network_of_the_highest_priority_is_the_first_and_has_the_hardware_address() {
        let app = app(SHOP);
        let labels = labels(RunKind::Dev);
        let (mode, extra) = of_service(&app, &labels, &Ground::default(), &app.services["web"]);
        let NetworkMode::Network { name, endpoint } = mode else {
            panic!("a network");
        };
        assert_eq!(name, "envsim-shop-network-front");
        assert_eq!(endpoint.mac_address.as_deref(), Some("02:42:ac:11:00:09"));
        assert_eq!(endpoint.links, ["envsim-shop-db:store", "old-db:old-db"]);
        assert_eq!(extra[0].name, "fixed-back");
        assert_eq!(extra[0].endpoint.ipv4.as_deref(), Some("172.28.5.9"));
        assert_eq!(extra[0].endpoint.aliases, ["web", "inner"]);
    }

    #[test]
    fn on_a_network_that_had_to_move_addresses_are_free() {
        let app = app(SHOP);
        let ground = Ground {
            moved: vec!["back".to_owned()],
            ..Ground::default()
        };
        let (_, extra) = of_service(
            &app,
            &labels(RunKind::Compare),
            &ground,
            &app.services["web"],
        );
        assert_eq!(extra[0].name, "envsim-shop-compare-network-back");
        assert_eq!(extra[0].endpoint.ipv4, None);
    }

    #[test]
    fn a_fixed_address_needs_a_subnet() {
        let app = app("services:
  web: {image: web, networks: {back: {ipv4_address: 10.0.0.9}}}
networks: {back: {}}
");
        let found = problems(&app);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place.as_ref().map(|place| place.line), Some(2));
    }
}

//! The resolved tree as the dev run uses it. Pure.

use crate::compose::{Node, Value};

/// Where a port is published when the file names no address.
const LOOPBACK: &str = "127.0.0.1";

/// Writes envsim's own choices into the tree: ports are published on the loopback.
pub fn rewrite(document: &mut Node) {
    let services = document.get_mut("services").map(|node| &mut node.value);
    let Some(Value::Mapping(services)) = services else {
        return;
    };
    for (_, service) in services {
        service.remove("x-envsim");
        let ports = service.get_mut("ports").map(|node| &mut node.value);
        let Some(Value::Sequence(ports)) = ports else {
            continue;
        };
        for port in ports {
            let written = port.get("host_ip").and_then(Node::text);
            if written.is_none_or(str::is_empty) {
                let address = Node::string(LOOPBACK, &port.place.clone());
                port.set("host_ip", address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::project_for;
    use crate::compose::normal;

    #[test]
    fn a_port_without_an_address_is_published_on_the_loopback() {
        let text = "services: {web: {image: web, ports: ['8080:80', '0.0.0.0:9000:9000']}}";
        let (mut project, _) = project_for(text, Mode::Dev);
        rewrite(&mut project.document);
        let tree = normal::normal(&project.document);
        let ports = &tree["services"]["web"]["ports"];
        assert_eq!(ports[0]["host_ip"], "127.0.0.1");
        assert_eq!(ports[1]["host_ip"], "0.0.0.0");
    }
}

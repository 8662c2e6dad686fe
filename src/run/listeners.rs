//! The listening sockets of a container's network namespace, read by the agent inside of it.

use futures::StreamExt;

use super::{Session, agent};
use crate::engine::{ContainerSpec, EngineError, LogOptions, NetworkMode};
use crate::evidence::Family;
use crate::wire;

/// Memory of the agent's container: the tables are small.
const MEMORY: i64 = 16 << 20;

/// A listening TCP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Address it is bound to.
    pub address: String,
    /// Port.
    pub port: u16,
    /// Which connections it takes.
    pub family: Family,
    /// Id of the container that has it open, where that could be told.
    pub owner: Option<String>,
}

/// The sockets of the namespace of the container `id`, a running one. `name` is what the agent's own
/// container is called after.
///
/// A container that ended in between listens on nothing any more.
///
/// # Errors
/// The engine's.
pub async fn of_container(
    session: &Session,
    name: &str,
    id: &str,
) -> Result<Vec<Socket>, EngineError> {
    let result = ask(session, spec(session, name, id, &[])).await;
    match result {
        Err(error) if error.is_conflict() || error.is_not_found() => Ok(Vec::new()),
        result => result,
    }
}

/// The sockets of the namespace of `id` with the one of `containers` that owns each. Where the engine
/// does not let the agent see the processes of its host, nobody is known to own any.
///
/// # Errors
/// The engine's.
pub async fn of_containers(
    session: &Session,
    name: &str,
    id: &str,
    containers: &[String],
) -> Result<Vec<Socket>, EngineError> {
    match ask(session, spec(session, name, id, containers)).await {
        Ok(found) => Ok(found),
        // User namespaces and some rootless engines forbid the host's processes.
        Err(_) => ask(session, spec(session, name, id, &[])).await,
    }
}

fn spec(session: &Session, name: &str, id: &str, containers: &[String]) -> ContainerSpec {
    let mut command = vec!["listeners".to_owned()];
    command.extend(containers.iter().cloned());
    // To ask whether a port below 1024 is free.
    let mut rights = vec!["NET_BIND_SERVICE".to_owned()];
    if !containers.is_empty() {
        // To read which sockets the processes of other users have open.
        rights.extend(["SYS_PTRACE".to_owned(), "DAC_READ_SEARCH".to_owned()]);
    }
    ContainerSpec {
        name: session.labels.name(&format!("{name}-listeners")),
        image: agent::IMAGE.to_owned(),
        command: Some(command),
        labels: session.labels.of("listeners", None),
        network: NetworkMode::Container(id.to_owned()),
        pid_mode: (!containers.is_empty()).then(|| "host".to_owned()),
        cap_drop: vec!["ALL".to_owned()],
        cap_add: rights,
        security_opt: vec!["no-new-privileges".to_owned()],
        memory: Some(MEMORY),
        ..ContainerSpec::default()
    }
}

/// Runs the agent's container to its end and reads what it printed.
async fn ask(session: &Session, spec: ContainerSpec) -> Result<Vec<Socket>, EngineError> {
    let engine = &session.engine;
    let helper = engine.create_container(&spec).await?;
    let result = async {
        engine.start(&helper).await?;
        engine.wait(&helper).await?;
        let mut lines = engine.logs(&helper, LogOptions::default());
        let mut found = Vec::new();
        while let Some(chunk) = lines.next().await {
            found.extend(wire::Event::decode(&chunk?.line).and_then(socket));
        }
        Ok(found)
    }
    .await;
    engine.remove_container(&helper, true, true).await?;
    result
}

fn socket(event: wire::Event) -> Option<Socket> {
    let wire::Event::Listener {
        address,
        port,
        dual,
        owner,
        ..
    } = event
    else {
        return None;
    };
    let family = match (dual, address.contains(':')) {
        (true, _) => Family::Both,
        (false, true) => Family::Ipv6,
        (false, false) => Family::Ipv4,
    };
    Some(Socket {
        address,
        port,
        family,
        owner,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_takes_the_connections_that_its_address_says() {
        let family = |address: &str, dual| {
            let event = wire::Event::Listener {
                address: address.to_owned(),
                port: 80,
                v6: true,
                dual,
                uid: 0,
                owner: None,
            };
            socket(event).map(|socket| socket.family)
        };
        assert_eq!(family("::", true), Some(Family::Both));
        assert_eq!(family("::", false), Some(Family::Ipv6));
        assert_eq!(family("::1", false), Some(Family::Ipv6));
        assert_eq!(family("127.0.0.1", false), Some(Family::Ipv4));
        assert_eq!(socket(wire::Event::Ready), None);
    }
}

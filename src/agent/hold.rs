//! The role `hold`: the first process of the container that owns the network namespace of a task.
//!
//! Files, sockets and limits come first, then `Ready`; after that only questions and the signal to
//! stop. It starts no other program and never gives the namespace away: when it ends, the task has
//! ended.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use crate::cgroup::TaskCgroup;
use crate::dns::policy::Policy;
use crate::dns::server::{self, Place, Resolver};
use crate::files;
use crate::flags::Settings;
use crate::output;
use crate::signals::Held;
use crate::wire::Event;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const LIMITS: &str = "/proc/self/limits";
const HOSTS: &str = "/etc/hosts";
const DNS_PORT: u16 = 53;

pub fn run(settings: &Settings) -> Result<(), String> {
    let signals = Held::new()?;
    let upstreams = upstreams(settings)?;
    if upstreams.is_empty() {
        let what =
            "no upstream DNS server is known: names outside the task cannot be resolved".into();
        output::say(&Event::Problem { what });
    }
    let resolver = Arc::new(Resolver::new(policy(settings), upstreams, output::say));
    write_files(settings)?;
    let mut bound = Vec::new();
    for place in places(settings) {
        bound.push(server::bind(place, DNS_PORT)?);
    }
    for one in bound {
        server::serve(&resolver, one)?;
    }
    let cgroup = settings.limits.as_ref().map(TaskCgroup::set_up);
    let limits = files::read(Path::new(LIMITS)).unwrap_or_default();
    if let Some(most) = files::most_open(&limits) {
        output::say(&Event::Files { most });
    }
    output::say(&Event::Ready);

    let waited = signals.wait_for_stop();
    resolver.report_totals();
    if let Some(cgroup) = cgroup {
        if let Some(memory) = cgroup.memory() {
            output::say(&memory);
        }
        cgroup.remove();
    }
    output::say(&Event::Stopped);
    waited
}

fn policy(settings: &Settings) -> Policy {
    Policy::new(
        &settings.hostname,
        settings.address,
        &settings.search,
        &settings.deny,
    )
    .with_answers(&settings.answers)
}

fn places(settings: &Settings) -> Vec<Place> {
    let task = Place {
        address: Ipv4Addr::LOCALHOST,
        asker: None,
    };
    let services = settings.askers.iter().map(|a| Place {
        address: a.address,
        asker: Some(a.service.clone()),
    });
    std::iter::once(task).chain(services).collect()
}

/// Must come before the files are written: the answer stands in one of them.
fn upstreams(settings: &Settings) -> Result<Vec<SocketAddr>, String> {
    if !settings.upstreams.is_empty() {
        return Ok(settings.upstreams.clone());
    }
    let own: Vec<Ipv4Addr> = places(settings).iter().map(|place| place.address).collect();
    let text = files::read(Path::new(RESOLV_CONF))?;
    Ok(files::nameservers(&text, &own)
        .into_iter()
        .map(|address| (address, DNS_PORT).into())
        .collect())
}

fn write_files(settings: &Settings) -> Result<(), String> {
    let task = files::resolv_conf(Ipv4Addr::LOCALHOST, &settings.search);
    files::overwrite(Path::new(RESOLV_CONF), &task)?;
    files::overwrite(
        Path::new(HOSTS),
        &files::hosts(settings.address, &settings.hostname),
    )?;
    let Some(folder) = &settings.resolv_dir else {
        return Ok(());
    };
    for asker in &settings.askers {
        let text = files::resolv_conf(asker.address, &settings.search);
        files::overwrite(&folder.join(&asker.service), &text)?;
    }
    Ok(())
}

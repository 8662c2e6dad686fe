//! What a container of a service is made of in both runs. Pure.

use crate::app::{HealthCheck, Service};
use crate::engine::{ContainerSpec, Health, Ulimit};

/// The parts that dev and production have in common; names, networks, mounts and ports are not.
pub fn common(service: &Service, image: &str) -> ContainerSpec {
    let ulimits = service.ulimits.iter().map(|limit| Ulimit {
        name: limit.name.clone(),
        soft: limit.soft,
        hard: limit.hard,
    });
    ContainerSpec {
        image: image.to_owned(),
        command: service
            .command
            .as_ref()
            .map(|command| command.value.clone()),
        entrypoint: service
            .entrypoint
            .as_ref()
            .map(|entrypoint| entrypoint.value.clone()),
        env: service
            .environment
            .iter()
            .map(|variable| format!("{}={}", variable.name, variable.value))
            .collect(),
        working_dir: service.working_dir.clone(),
        user: service.user.clone(),
        tty: service.tty,
        stdin_open: service.stdin_open,
        init: service.init.then_some(true),
        read_only: service.read_only,
        cap_add: service.cap_add.clone(),
        cap_drop: service.cap_drop.clone(),
        security_opt: service.security_opt.clone(),
        group_add: service.group_add.clone(),
        healthcheck: service.healthcheck.as_ref().map(health),
        stop_signal: service.stop_signal.clone(),
        memory: service.memory,
        ulimits: ulimits.collect(),
        platform: service.platform.clone(),
        ..ContainerSpec::default()
    }
}

fn health(check: &HealthCheck) -> Health {
    Health {
        test: match check.disable {
            true => vec!["NONE".to_owned()],
            false => check.test.clone(),
        },
        interval: check.interval.unwrap_or_default(),
        timeout: check.timeout.unwrap_or_default(),
        start_period: check.start_period.unwrap_or_default(),
        start_interval: check.start_interval.unwrap_or_default(),
        retries: check.retries.unwrap_or_default(),
    }
}

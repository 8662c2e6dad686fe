//! A service of the file to be written, and the file made of them.

use super::Draft;
use super::compose_file::{Map, Yaml, write};
use super::notes::Notes;
use super::probe::Probe;
use super::project::Project;

/// One service.
#[derive(Clone, Debug, Default)]
pub struct Service {
    pub name: String,
    pub keys: Map,
    /// `x-envsim` of the service.
    pub settings: Map,
    pub probe: Option<Probe>,
    /// The first published TCP port.
    pub port: Option<u16>,
    /// What stands above the service.
    pub comment: Vec<String>,
}

/// All of the file.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Name of the project, when it is to be written.
    pub name: Option<String>,
    /// The files it is made from.
    pub sources: Vec<String>,
    /// Above everything.
    pub comment: Vec<String>,
    /// `x-envsim`, without the probes.
    pub settings: Map,
    pub services: Vec<Service>,
    pub volumes: Map,
    pub notes: Notes,
}

impl Parts {
    /// Writes the file.
    pub fn draft(self, project: &Project) -> Draft {
        let mut root = Map::default();
        if let Some(name) = project.name.clone().or(self.name) {
            root.put("name", Yaml::literal(&name));
        }
        let mut settings = self.settings;
        let probes = self.services.iter().filter_map(|service| {
            let probe = service.probe.as_ref()?;
            Some(probe.yaml(&service.name, service.port))
        });
        settings.put_some("probes", probes.collect::<Vec<_>>());
        if !settings.is_empty() {
            root.put("x-envsim", settings)
                .gap()
                .comment("Read by envsim; Docker Compose skips every key that starts with \"x-\".");
        }
        let names: Vec<String> = self
            .services
            .iter()
            .map(|service| service.name.clone())
            .collect();
        let mut services = Map::default();
        for mut service in self.services {
            if !service.settings.is_empty() {
                service.keys.put("x-envsim", service.settings);
            }
            let entry = services.put(service.name, service.keys).gap();
            for comment in service.comment {
                entry.comment(comment);
            }
        }
        root.put("services", services).gap();
        if !self.volumes.is_empty() {
            root.put("volumes", self.volumes).gap();
        }
        let made_of = super::notes::listed(&self.sources).replace('`', "");
        let mut comment = vec![format!(
            "Made by `envsim init` from {made_of}. It is yours now: change what you like."
        )];
        comment.extend(self.comment);
        Draft {
            text: write(&comment, &root),
            services: names,
            sources: self.sources,
            notes: self.notes,
        }
    }
}

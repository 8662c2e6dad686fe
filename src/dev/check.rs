//! What the file asks for and this engine, or any engine, does not do. Pure: each is told once, with
//! its place, before anything is started.

use super::{Ground, files, network, plan, scale};
use crate::app::{App, Level, Place, Problem, Service};

/// Everything that the dev run does otherwise than the file says, or cannot do.
pub fn problems(app: &App, ground: &Ground) -> Vec<Problem> {
    let mut all = Told::default();
    for service in app.services.values() {
        of_engine(service, ground, &mut all);
        of_no_engine(service, &mut all);
    }
    for (key, written) in &app.networks {
        if written.enable_ipv4 == Some(false) && ground.api < (1, 48) {
            all.warning(
                None,
                format!(
                    "the network `{key}` has IPv4 addresses: {}",
                    before(ground, "28")
                ),
                "update the engine, or leave `enable_ipv4` out",
            );
        }
    }
    all.0.extend(network::problems(app));
    all.0.extend(files::problems(app));
    all.0.extend(scale::problems(app));
    all.0
}

#[derive(Default)]
struct Told(Vec<Problem>);

impl Told {
    fn add(&mut self, level: Level, place: Option<&Place>, message: String, help: &str) {
        let problem = Problem {
            level,
            place: place.cloned(),
            ..Problem::error(message)
        };
        self.0.push(problem.help(help));
    }

    fn warning(&mut self, place: Option<&Place>, message: String, help: &str) {
        self.add(Level::Warning, place, message, help);
    }

    fn error(&mut self, place: Option<&Place>, message: String, help: &str) {
        self.add(Level::Error, place, message, help);
    }
}

fn before(ground: &Ground, version: &str) -> String {
    let (major, minor) = ground.api;
    format!("this engine speaks API {major}.{minor}, and that needs Docker {version}")
}

/// What a newer engine, or one with more installed, could do.
fn of_engine(service: &Service, ground: &Ground, all: &mut Told) {
    let name = &service.name;
    let settings = &service.settings;
    let key = |key: &str| service.keys.get(key);
    for mount in &service.volumes {
        if mount.recursive.as_deref() == Some("readonly") && ground.api < (1, 44) {
            all.warning(
                Some(&mount.place),
                format!(
                    "`{name}` can write to mounts that lie below `{}`, in spite of `recursive: readonly`: {}",
                    mount.target,
                    before(ground, "25")
                ),
                "update the engine, or mount nothing below it",
            );
        }
        if let Some(subpath) = &mount.subpath
            && ground.api < (1, 45)
        {
            all.error(
                Some(&mount.place),
                format!(
                    "`{name}` cannot mount `{subpath}` of a volume alone: {}",
                    before(ground, "26")
                ),
                "mount the whole volume, or update the engine",
            );
        }
    }
    if !settings.annotations.is_empty() && ground.api < (1, 43) {
        all.warning(
            key("annotations"),
            format!("`{name}` has no annotations: {}", before(ground, "24")),
            "update the engine if something reads them",
        );
    }
    for attachment in &service.networks {
        if attachment.gateway_priority != 0 && ground.api < (1, 48) {
            all.warning(
                Some(&attachment.name.place),
                format!(
                    "`gw_priority` of `{name}` does not choose the gateway: {}",
                    before(ground, "28")
                ),
                "update the engine, or let `priority` put the network first",
            );
        }
        if attachment.interface_name.is_some() && ground.api < (1, 49) {
            all.warning(
                Some(&attachment.name.place),
                format!(
                    "`interface_name` of `{name}` does not count: {}",
                    before(ground, "28.1")
                ),
                "update the engine, or use the name that the engine gives",
            );
        }
    }
    let check = service.healthcheck.as_ref();
    if let Some(check) = check.filter(|check| check.start_interval.is_some())
        && ground.api < (1, 44)
    {
        all.warning(
            Some(&check.place),
            format!(
                "`start_interval` of `{name}` does not count: {}",
                before(ground, "25")
            ),
            "choose a shorter `interval`, or update the engine",
        );
    }
    if settings.device_requests().next().is_some() && !ground.gpus {
        all.warning(
            key("gpus").or(key("deploy")),
            format!("`{name}` asks for a GPU, and the engine has no runtime for one"),
            "install the NVIDIA container toolkit; without it the service may not start",
        );
    }
    if let Some(runtime) = &settings.runtime
        && !ground.runtimes.is_empty()
        && !ground.runtimes.contains(runtime)
    {
        all.error(
            key("runtime"),
            format!("`{name}` asks for the runtime `{runtime}`, which the engine does not have"),
            &format!("the engine's runtimes are: {}", ground.runtimes.join(", ")),
        );
    }
}

/// What no Linux engine does for a container of its own.
fn of_no_engine(service: &Service, all: &mut Told) {
    let name = &service.name;
    let settings = &service.settings;
    let key = |key: &str| service.keys.get(key);
    if settings.provider.is_some() {
        all.error(
            key("provider"),
            format!("`{name}` is made by a plugin of Docker Compose, which envsim does not run"),
            "give it an `image` in `compose.override.yaml`",
        );
    }
    if !settings.models.is_empty() {
        let models: Vec<String> = settings
            .models
            .keys()
            .map(|key| format!("`{key}`"))
            .collect();
        all.warning(
            key("models"),
            format!(
                "`{name}` gets no model ({}), and no variables with its address and name: only Docker Model Runner serves models",
                models.join(", ")
            ),
            "run the model yourself and give its address in `environment`",
        );
    }
    for mount in &service.volumes {
        if mount.selinux.is_some() && plan::label(mount).is_none() {
            all.warning(
                Some(&mount.place),
                format!(
                    "the SELinux label of `{}` in `{name}` does not count: the engine takes none beside `propagation`, `recursive`, `nocopy`, `subpath` or `create_host_path: false`",
                    mount.target
                ),
                "leave the other option out, or label the files yourself: `chcon -Rt container_file_t PATH`",
            );
        }
    }
    let windows = [
        ("credential_spec", settings.credential_spec.is_some()),
        ("cpu_count", settings.cpu_count != 0),
        ("cpu_percent", settings.cpu_percent != 0.0),
        (
            "isolation",
            settings
                .isolation
                .as_ref()
                .is_some_and(|way| way != "default"),
        ),
    ];
    for (written, _) in windows.iter().filter(|(_, is_set)| *is_set) {
        all.warning(
            key(written),
            format!("`{written}` of `{name}` has no effect: it belongs to Windows containers"),
            "leave it out",
        );
    }
    if let Some(deploy) = &settings.deploy {
        let swarm = [
            ("placement", deploy.is_placed()),
            ("update_config", deploy.update_config.is_some()),
            ("rollback_config", deploy.rollback_config.is_some()),
            ("endpoint_mode", deploy.endpoint_mode.is_some()),
        ];
        let set = swarm.iter().filter(|(_, is_set)| *is_set);
        let names: Vec<String> = set.map(|(key, _)| format!("`{key}`")).collect();
        if !names.is_empty() {
            all.warning(
                key("deploy"),
                format!("{} of `{name}` count only in Swarm", names.join(", ")),
                "nothing to do: Docker Compose leaves them out too",
            );
        }
    }
    let log = settings.logging.as_ref();
    if log.and_then(|log| log.driver.as_deref()) == Some("none") {
        all.warning(
            key("logging"),
            format!("the log of `{name}` cannot be shown: its driver is `none`"),
            "leave `logging` out to see it",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    fn told(text: &str, api: (u32, u32)) -> Vec<(Level, Option<u32>, String)> {
        let ground = Ground {
            api,
            runtimes: vec!["runc".to_owned()],
            ..Ground::default()
        };
        problems(&app(text), &ground)
            .into_iter()
            .map(|problem| {
                let line = problem.place.map(|place| place.line);
                (problem.level, line, problem.message)
            })
            .collect()
    }

    const NEW: &str = "services:
  web:
    image: web
    volumes:
      - {type: volume, source: data, target: /data, volume: {subpath: web}}
    annotations: {a: b}
volumes: {data: {}}
";

    #[test]
    fn what_an_old_engine_cannot_do_is_told_with_its_place() {
        let told = told(NEW, (1, 41));
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((told[0].0, told[0].1), (Level::Error, Some(5)));
        assert!(told[0].2.contains("API 1.41"), "{told:?}");
        assert_eq!((told[1].0, told[1].1), (Level::Warning, Some(6)));
    }

    #[test]
    fn a_label_that_the_engine_cannot_take_and_a_mount_that_stays_writable_are_told() {
        let told = told(
            "services:
  web:
    image: web
    volumes:
      - ./a:/a:z
      - {type: bind, source: ./b, target: /b, bind: {selinux: z, propagation: rshared}}
      - {type: bind, source: ./c, target: /c, read_only: true, bind: {recursive: readonly}}
    models: [llm]
models: {llm: {model: ai/small}}
",
            (1, 41),
        );
        let lines: Vec<_> = told.iter().map(|(_, line, _)| *line).collect();
        assert_eq!(lines, [Some(7), Some(8), Some(6)], "{told:?}");
        assert!(told.iter().all(|(level, ..)| *level == Level::Warning));
        assert!(told[0].2.contains("`/c`") && told[0].2.contains("Docker 25"));
        assert!(told[1].2.contains("`llm`"), "{told:?}");
    }

    #[test]
    fn a_new_engine_can() {
        assert_eq!(told(NEW, (1, 51)), []);
    }

    #[test]
    fn gpus_runtimes_and_what_belongs_to_windows_or_swarm_are_told() {
        let told = told(
            "services:
  web:
    image: web
    gpus: all
    runtime: kata
    cpu_count: 2
    deploy: {placement: {constraints: [node.role == manager]}}
",
            (1, 51),
        );
        let lines: Vec<_> = told
            .iter()
            .map(|(level, line, _)| (*level, *line))
            .collect();
        assert_eq!(
            lines,
            [
                (Level::Warning, Some(4)),
                (Level::Error, Some(5)),
                (Level::Warning, Some(6)),
                (Level::Warning, Some(7))
            ],
            "{told:?}"
        );
    }
}

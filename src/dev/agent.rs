//! The agent in a dev container: where it lies, how it starts the service's program, when it does not.

use crate::app::Service;
use crate::engine::{ContainerSpec, MountSpec};
use crate::labels::Labels;

/// Directory of the agent's program: a volume that all containers of the run share, read-only.
pub const PROGRAMS: &str = "/.envsim/bin";
/// The agent's directory in one container: memory, so that it is there with a read-only root too.
pub const STATE: &str = "/.envsim/run";
/// Options of [`STATE`]: every user of the image can make the socket there, and only its owner can remove it.
const STATE_OPTIONS: &str = "mode=1777,size=8m";

/// Programs that refuse to be anything but the first process of a container: init systems and s6-overlay.
const MUST_BE_FIRST: [&str; 7] = [
    "/init",
    "/sbin/init",
    "/usr/sbin/init",
    "/lib/systemd/systemd",
    "/usr/lib/systemd/systemd",
    "/bin/s6-svscan",
    "/usr/bin/s6-svscan",
];

/// Why a service has no agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Without {
    /// The file or the command line says so.
    Asked,
    /// Its program must be the first process.
    MustBeFirst(String),
    /// Neither the image nor the file names a program.
    NoProgram,
}

/// Name of the volume with the agent's program.
pub fn volume(labels: &Labels) -> String {
    labels.name("agent")
}

/// How the agent says that the service's program cannot be started, as the last line of the container's log.
pub const NOT_STARTED: &str = "envsim: cannot start ";
/// Exit codes that it ends with then, as a shell and the engine do.
pub const NOT_STARTED_CODES: [i64; 2] = [126, 127];

/// The link of the dev run: there is one at a time, and the next one ends the one before it.
pub fn only_link_command() -> Vec<String> {
    let mut command = link_command();
    command.push("--alone".to_owned());
    command
}

/// The agent's link, as a command in a container.
pub fn link_command() -> Vec<String> {
    [&format!("{PROGRAMS}/agent"), "link", "--control", STATE]
        .map(str::to_owned)
        .to_vec()
}

/// Lets the agent start the program of the container `spec`.
///
/// `entrypoint` and `command` are the image's. As in Docker, an entrypoint of the file takes the image's command
/// away (Dockerfile reference, "Understand how CMD and ENTRYPOINT interact").
///
/// # Errors
/// Why this service has none; `spec` is as it was.
pub fn put_in(
    spec: &mut ContainerSpec,
    service: &Service,
    labels: &Labels,
    entrypoint: &[String],
    command: &[String],
) -> Result<(), Without> {
    if service.dev.agent.as_ref().is_some_and(|agent| !agent.value) {
        return Err(Without::Asked);
    }
    let own = spec.entrypoint.as_deref();
    // An empty text in the list is how the API clears the image's entrypoint.
    let entrypoint: Vec<String> = own
        .unwrap_or(entrypoint)
        .iter()
        .filter(|word| !(own.is_some() && word.is_empty()))
        .cloned()
        .collect();
    let command: Vec<String> = match (&spec.command, own) {
        (Some(command), _) => command.clone(),
        (None, Some(_)) => Vec::new(),
        (None, None) => command.to_vec(),
    };
    let Some(program) = entrypoint.first().or_else(|| command.first()) else {
        return Err(Without::NoProgram);
    };
    let wanted = service.dev.agent.is_some();
    if !wanted && MUST_BE_FIRST.contains(&program.as_str()) {
        return Err(Without::MustBeFirst(program.clone()));
    }
    let agent = [
        &format!("{PROGRAMS}/agent"),
        "init",
        "--control",
        STATE,
        "--",
    ];
    let agent = agent.iter().map(|word| (*word).to_owned());
    spec.entrypoint = Some(agent.chain(entrypoint).collect());
    spec.command = Some(command);
    spec.mounts.push(MountSpec::Volume {
        name: volume(labels),
        target: PROGRAMS.to_owned(),
        read_only: true,
        no_copy: true,
        subpath: None,
        labels: labels.of("agent", None),
    });
    spec.tmpfs
        .insert(STATE.to_owned(), STATE_OPTIONS.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;
    use crate::labels::RunKind;

    fn labels() -> Labels {
        Labels {
            project: "shop".to_owned(),
            run: RunKind::Dev,
            owner: "host:1".to_owned(),
            task: None,
        }
    }

    /// What starts, of a service with `keys`, an entrypoint and a command of the file, and those of the image.
    fn started(
        keys: &str,
        file: (Option<&[&str]>, Option<&[&str]>),
        image: (&[&str], &[&str]),
    ) -> Result<Vec<String>, Without> {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let app = app(&format!("services:\n  web: {{image: web{keys}}}\n"));
        let mut spec = ContainerSpec {
            entrypoint: file.0.map(own),
            command: file.1.map(own),
            ..ContainerSpec::default()
        };
        let (entrypoint, command): (Vec<_>, Vec<_>) = (own(image.0), own(image.1));
        put_in(
            &mut spec,
            &app.services["web"],
            &labels(),
            &entrypoint,
            &command,
        )?;
        assert_eq!(spec.tmpfs.len(), 1);
        assert_eq!(spec.mounts.len(), 1);
        let words = spec.entrypoint.into_iter().chain(spec.command).flatten();
        Ok(words.skip(5).collect())
    }

    #[test]
    fn the_agent_starts_what_the_engine_would_have_started() {
        let image: (&[&str], &[&str]) = (&["/entry.sh"], &["serve", "--now"]);
        let of = |file| started("", file, image).expect("an agent");
        assert_eq!(of((None, None)), ["/entry.sh", "serve", "--now"]);
        assert_eq!(of((None, Some(&["migrate"]))), ["/entry.sh", "migrate"]);
        assert_eq!(of((Some(&["sh", "-c"]), None)), ["sh", "-c"]);
        assert_eq!(of((Some(&["sh"]), Some(&["x"]))), ["sh", "x"]);
        assert_eq!(of((Some(&[""]), Some(&["x"]))), ["x"]);
    }

    #[test]
    fn a_program_that_must_be_first_has_no_agent_unless_the_file_wants_it() {
        let image: (&[&str], &[&str]) = (&["/init"], &[]);
        assert_eq!(
            started("", (None, None), image),
            Err(Without::MustBeFirst("/init".to_owned()))
        );
        let wanted = ", x-envsim: {dev: {agent: true}}";
        assert!(started(wanted, (None, None), image).is_ok());
        let refused = ", x-envsim: {dev: {agent: false}}";
        let usual: (&[&str], &[&str]) = (&[], &["node", "app.js"]);
        assert_eq!(started(refused, (None, None), usual), Err(Without::Asked));
        assert_eq!(
            started("", (None, None), (&[], &[])),
            Err(Without::NoProgram)
        );
    }
}

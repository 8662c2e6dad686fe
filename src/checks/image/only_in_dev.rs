//! The part of E006 about variables that dev has and production has not.

use crate::app::{App, Place};
use crate::checks::words::list;
use crate::evidence::{EnvironmentSeen, Evidence, Side, VariableFrom};
use crate::finding::{Finding, RuleInfo, Severity};

/// Variables that belong to development, to the developer's machine, or that ECS gives in its own way.
const OF_DEVELOPMENT: &[&str] = &[
    "COLORTERM",
    "COLUMNS",
    "DISPLAY",
    "EDITOR",
    "FAST_REFRESH",
    "GID",
    "GROUP_ID",
    "HOME",
    "HOSTNAME",
    "HOST_GID",
    "HOST_UID",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "INIT_CWD",
    "LANG",
    "LINES",
    "LOG_LEVEL",
    "NO_PROXY",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "TERM",
    "UID",
    "USER",
    "USER_ID",
    "WATCHPACK_POLLING",
];
/// How such names begin.
const PREFIXES: &[&str] = &[
    "AWS_",
    "CHOKIDAR_",
    "COMPOSE_",
    "DEBUG",
    "DOCKER_",
    "FLASK_DEBUG",
    "FLASK_ENV",
    "FLASK_RUN_",
    "LC_",
    "NODE_ENV",
    "PYTHONDONTWRITE",
    "PYTHONUNBUFFERED",
    "WDS_",
    "XDEBUG_",
];

/// Why the task is held to want the variable.
enum Want<'a> {
    /// A line of its log complains.
    Logged(&'a str),
    /// The answer to a failed probe names it.
    Probe { probe: &'a str, answer: &'a str },
    /// A file of the image reads it.
    Read(&'a Place, &'a str),
    /// The Compose file passes it through by name.
    PassedThrough,
}

/// A finding for each such variable that the app is seen to want.
pub fn findings(evidence: &Evidence, rule: &'static RuleInfo) -> Vec<Finding> {
    let seen = evidence.environment.iter();
    let of_dev = seen.filter(|one| one.run == Side::Dev && !one.empty);
    of_dev
        .filter_map(|one| of_variable(evidence, rule, one))
        .collect()
}

fn of_variable(
    evidence: &Evidence,
    rule: &'static RuleInfo,
    one: &EnvironmentSeen,
) -> Option<Finding> {
    let service = evidence.prod.services.get(&one.service)?;
    let in_prod = evidence.environment.iter().find(|other| {
        other.run == Side::Prod && other.service == one.service && other.name == one.name
    });
    if in_prod.is_some_and(|other| !other.empty) {
        return None;
    }
    let want = want(evidence, one, in_prod.is_some())?;
    let name = &one.name;
    let message = match in_prod {
        Some(_) => format!(
            "`{name}` of `{}` has a value in dev and is empty in production",
            service.name
        ),
        None => format!(
            "`{name}` of `{}` is set in dev and not in production",
            service.name
        ),
    };
    let help = format!(
        "set `{name}` under `x-envsim.prod.environment` of `{}` or in `compose.prod.yaml`, as the task definition will have it (a secret: under `secrets` there)",
        service.name
    );
    let mut finding = Finding::new(rule, message, help)
        .service(&service.name)
        .data("variable", &**name)
        .data("services", vec![service.name.clone()]);
    if let Some(place) = &one.place {
        finding = finding.at_withheld(place);
    }
    finding = finding.proof(format!("in dev it comes from {}", origin(one.from)));
    Some(match want {
        Want::Logged(line) => {
            finding.severity = Severity::Error;
            finding.proof(format!("in the task, `{}` logged: {line}", service.name))
        }
        Want::Probe { probe, answer } => {
            finding.severity = Severity::Error;
            finding.proof(format!("in the task, \u{201c}{probe}\u{201d} failed: {answer}"))
        }
        Want::Read(place, text) => finding
            .at(place, text)
            .proof(format!("{place} reads it, and the image has that file")),
        Want::PassedThrough => finding.proof(format!(
            "the Compose file names it without a value, so that the shell of whoever runs it gives one: {} has no such shell in production",
            list(&[&service.name])
        )),
    })
}

/// The strongest reason; none when nothing shows that production misses the variable.
fn want<'a>(evidence: &'a Evidence, one: &'a EnvironmentSeen, written: bool) -> Option<Want<'a>> {
    if let Some(line) = logged(evidence, one) {
        return Some(Want::Logged(line));
    }
    let mut probes = evidence.probes.iter();
    let told = probes.find_map(|probe| {
        let prod = probe.prod.as_ref().filter(|prod| !prod.passed)?;
        let names = probe.service == one.service && names(&prod.answer, &one.name);
        names.then_some((&*probe.name, &*prod.answer))
    });
    if let Some((probe, answer)) = told {
        return Some(Want::Probe { probe, answer });
    }
    // Whoever writes an empty value, or takes a variable out for production, means it.
    if written || of_development(&one.name) || taken_out(&evidence.prod, one) {
        return None;
    }
    if one.from == VariableFrom::Host {
        return Some(Want::PassedThrough);
    }
    let (place, text) = one.read_in.as_ref()?;
    Some(Want::Read(place, text))
}

/// A line of the service's log in the task that names the variable and complains.
fn logged<'a>(evidence: &'a Evidence, one: &EnvironmentSeen) -> Option<&'a str> {
    let container = evidence.task.as_ref()?.container(&one.service)?;
    let mut lines = container.complaints.iter();
    lines
        .find(|line| names(line, &one.name))
        .map(String::as_str)
}

/// Whether `text` has `name` as a whole word.
fn names(text: &str, name: &str) -> bool {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() > 2
        && text.match_indices(name).any(|(at, _)| {
            !text[..at].ends_with(part_of_name)
                && !text[at + name.len()..].starts_with(part_of_name)
        })
}

fn of_development(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    OF_DEVELOPMENT.contains(&&*upper)
        || PREFIXES.iter().any(|prefix| upper.starts_with(prefix))
        || upper.ends_with("_DEBUG")
        || upper.ends_with("_PROXY")
}

/// Whether production reads the file that gives the variable, and has it not all the same: a file of
/// production took it out.
fn taken_out(prod: &App, one: &EnvironmentSeen) -> bool {
    let Some(place) = &one.place else {
        return false;
    };
    let reads_file = prod
        .files
        .iter()
        .any(|file| prod.relative(file) == *place.path);
    reads_file && one.from != VariableFrom::Host
}

fn origin(from: VariableFrom) -> &'static str {
    match from {
        VariableFrom::Environment => "the Compose files of dev",
        VariableFrom::EnvFile => "an env file of dev",
        VariableFrom::Host => "the developer's shell",
        VariableFrom::Production => "`x-envsim.prod`",
        VariableFrom::Image => "the image of dev",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::checks::image::environment_missing::RULE;
    use crate::checks::words::tests::container;
    use crate::evidence::{Attempt, ContainerEnd, ContainerSeen, ProbeSeen, TaskSeen};

    fn variable(name: &str, run: Side, from: VariableFrom) -> EnvironmentSeen {
        EnvironmentSeen {
            service: "web".to_owned(),
            run,
            name: name.to_owned(),
            hash: "5f".to_owned(),
            empty: false,
            from,
            place: Some(Place::start_of("compose.override.yaml")),
            read_in: None,
        }
    }

    fn with(variables: Vec<EnvironmentSeen>) -> Evidence {
        let text = "services: {web: {image: x}}\n";
        let mut seen = Evidence::new(app_for(text, Mode::Dev), app_for(text, Mode::Prod));
        seen.environment = variables;
        seen
    }

    fn said(evidence: &Evidence) -> Vec<(Severity, String)> {
        let found = findings(evidence, RULE.info).into_iter();
        found
            .map(|finding| (finding.severity, finding.message))
            .collect()
    }

    fn logs(line: &str) -> Option<TaskSeen> {
        Some(TaskSeen {
            containers: vec![ContainerSeen {
                complaints: vec![line.to_owned()],
                ..container(ContainerEnd::Running)
            }],
            ..TaskSeen::default()
        })
    }

    #[test]
    fn a_variable_of_the_shell_is_a_warning() {
        let seen = with(vec![variable("API_KEY", Side::Dev, VariableFrom::Host)]);
        let said = said(&seen);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].0, Severity::Warning);
        assert_eq!(
            said[0].1,
            "`API_KEY` of `web` is set in dev and not in production"
        );
    }

    #[test]
    fn a_variable_of_an_override_counts_when_the_image_s_code_reads_it() {
        let mut one = variable("API_KEY", Side::Dev, VariableFrom::Environment);
        assert_eq!(said(&with(vec![one.clone()])), []);
        one.read_in = Some((
            Place::start_of("app.py"),
            "os.environ['API_KEY']".to_owned(),
        ));
        assert_eq!(said(&with(vec![one]))[0].0, Severity::Warning);
    }

    #[test]
    fn what_the_log_or_a_failed_probe_complains_of_is_an_error() {
        let one = variable("API_KEY", Side::Dev, VariableFrom::Image);
        let mut seen = with(vec![one]);
        seen.task = logs("KeyError: 'API_KEY_ID'");
        assert_eq!(said(&seen), [], "another variable");
        seen.task = logs("KeyError: 'API_KEY'");
        assert_eq!(said(&seen)[0].0, Severity::Error);
        seen.task = None;
        seen.probes.push(ProbeSeen {
            name: "home".to_owned(),
            service: "web".to_owned(),
            action: "GET / on port 80".to_owned(),
            place: Place::start_of("compose.yaml"),
            dev: None,
            inferred: false,
            dev_again: None,
            prod: Some(Attempt {
                answer: "status 500: API_KEY missing".to_owned(),
                ..Attempt::default()
            }),
        });
        assert_eq!(said(&seen)[0].0, Severity::Error);
    }

    #[test]
    fn what_production_has_what_it_took_out_and_what_is_for_development_is_fine() {
        let read = |name: &str, path: &str| EnvironmentSeen {
            place: Some(Place::start_of(path)),
            read_in: Some((Place::start_of("a.js"), String::new())),
            ..variable(name, Side::Dev, VariableFrom::Environment)
        };
        let prod = variable("API_KEY", Side::Prod, VariableFrom::Production);
        for variables in [
            vec![variable("API_KEY", Side::Dev, VariableFrom::Host), prod],
            vec![read("API_KEY", "compose.yaml")],
            vec![read("DEBUG", "compose.override.yaml")],
            vec![read("CHOKIDAR_USEPOLLING", "compose.override.yaml")],
            vec![variable(
                "AWS_SECRET_ACCESS_KEY",
                Side::Dev,
                VariableFrom::Host,
            )],
        ] {
            assert_eq!(said(&with(variables.clone())), [], "{variables:?}");
        }
    }

    #[test]
    fn an_empty_value_counts_only_when_the_app_complains() {
        let mut empty = variable("API_KEY", Side::Prod, VariableFrom::Environment);
        empty.empty = true;
        let mut seen = with(vec![
            variable("API_KEY", Side::Dev, VariableFrom::Host),
            empty,
        ]);
        assert_eq!(said(&seen), []);
        seen.task = logs("API_KEY must be set");
        assert!(said(&seen)[0].1.contains("is empty in production"));
    }
}

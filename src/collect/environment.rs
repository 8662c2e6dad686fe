//! The environment of the containers in both runs, each value as a hash.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::app::{App, EnvFrom, Place, Service};
use crate::evidence::{EnvironmentSeen, Side, VariableFrom};
use crate::mask::mask;

/// The variables of a run's containers as the engine has them: service and `NAME=value`.
pub type OfContainers = [(String, Vec<String>)];

/// Makes the records of one check; its salt is random and kept nowhere.
pub struct Recorder {
    salt: [u64; 2],
}

impl Recorder {
    /// With a salt of its own.
    pub fn salted() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        Self {
            salt: [random(), random()],
        }
    }

    /// What the files alone give the services of both runs.
    pub fn of_apps(&self, dev: &App, prod: &App) -> Vec<EnvironmentSeen> {
        let mut all = self.of_app(dev, Side::Dev);
        all.extend(self.of_app(prod, Side::Prod));
        all
    }

    fn of_app(&self, app: &App, run: Side) -> Vec<EnvironmentSeen> {
        let all = app.services.values().flat_map(|service| {
            let all = service.environment.iter();
            all.map(|variable| self.record(service, run, &variable.name, &variable.value))
        });
        all.collect()
    }

    /// What the containers of `app` really have: the files' variables and those of the images.
    pub fn of_containers(
        &self,
        app: &App,
        run: Side,
        containers: &OfContainers,
    ) -> Vec<EnvironmentSeen> {
        let mut all = Vec::new();
        for (name, variables) in containers {
            let Some(service) = app.services.get(name) else {
                continue;
            };
            let pairs = variables.iter().filter_map(|pair| pair.split_once('='));
            all.extend(pairs.map(|(name, value)| self.record(service, run, name, value)));
        }
        // Of a container that could not be looked at, the files tell.
        let looked_at =
            |one: &EnvironmentSeen| containers.iter().any(|(name, _)| *name == one.service);
        let unseen = self.of_app(app, run).into_iter();
        all.extend(unseen.filter(|one| !looked_at(one)));
        all
    }

    fn record(&self, service: &Service, run: Side, name: &str, value: &str) -> EnvironmentSeen {
        let written = service.environment.iter().find(|own| own.name == name);
        let from = match written.map(|own| own.from) {
            None => VariableFrom::Image,
            Some(EnvFrom::Environment) => VariableFrom::Environment,
            Some(EnvFrom::EnvFile) => VariableFrom::EnvFile,
            Some(EnvFrom::Host) => VariableFrom::Host,
            Some(EnvFrom::Production) => VariableFrom::Production,
        };
        EnvironmentSeen {
            service: service.name.clone(),
            run,
            name: name.to_owned(),
            hash: self.hash(value),
            empty: value.is_empty(),
            from,
            place: written.map(|own| own.place.clone()),
            read_in: None,
        }
    }

    fn hash(&self, value: &str) -> String {
        let mut hash = Sha256::new();
        for part in self.salt {
            hash.update(part.to_le_bytes());
        }
        hash.update(value);
        let digest = hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Service and name of the variables that the files give dev and not production.
pub fn only_in_dev(dev: &App, prod: &App) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for service in dev.services.values() {
        let Some(deployed) = prod.services.get(&service.name) else {
            continue;
        };
        for variable in &service.environment {
            let has = |own: &crate::app::EnvVar| own.name == variable.name && !own.value.is_empty();
            if !deployed.environment.iter().any(has) {
                all.push((service.name.clone(), variable.name.clone()));
            }
        }
    }
    all
}

/// A line of a service's image that reads a variable which only dev has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Service.
    pub service: String,
    /// The variable.
    pub name: String,
    /// Where.
    pub place: Place,
    /// The line, without secrets.
    pub text: String,
}

/// Joins `readers` to the variables that they read.
pub fn with_readers(mut seen: Vec<EnvironmentSeen>, readers: &[Reader]) -> Vec<EnvironmentSeen> {
    for one in seen.iter_mut().filter(|one| one.run == Side::Dev) {
        let mut all = readers.iter();
        let reader = all.find(|reader| reader.service == one.service && reader.name == one.name);
        one.read_in = reader.map(|reader| (reader.place.clone(), reader.text.clone()));
    }
    seen
}

/// The first line of `files` that reads the variable `name`: place and text without secrets.
pub fn read_in(app: &App, files: &[(&Path, &str)], name: &str) -> Option<(Place, String)> {
    files.iter().find_map(|(path, text)| {
        // Most files do not have the word at all.
        text.contains(name).then_some(())?;
        let lines = text.lines().zip(1..);
        let (line, column, number) = lines
            .into_iter()
            .find_map(|(line, number)| Some((line, reads(line, name)?, number)))?;
        let column = line[..column].chars().count() as u32 + 1;
        let place = Place {
            path: app.relative(path).as_str().into(),
            line: number,
            column,
            end_column: column + name.chars().count() as u32,
        };
        Some((place, mask(line).into_owned()))
    })
}

/// Byte offset at which `line` takes `name` out of the environment: behind a word such as `env`,
/// `environ`, `getenv` or `config`, or as `$NAME` and `${NAME}`.
fn reads(line: &str, name: &str) -> Option<usize> {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(name).find_map(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        let whole = !before.ends_with(part_of_name) && !after.starts_with(part_of_name);
        let in_shell = before.ends_with('$') || before.ends_with("${");
        let near = before.trim_end_matches(['(', '[', '"', '\'', '.', ' ', '`', ':', '?', '!']);
        let word = near.rsplit(|c: char| !part_of_name(c)).next();
        let word = word.unwrap_or_default().to_ascii_lowercase();
        let in_code = near.len() < before.len()
            && (word.contains("env") || matches!(&*word, "get" | "fetch" | "config" | "lookup"))
            && (word.contains("env")
                || before.to_ascii_lowercase().contains("env")
                || word == "config");
        (whole && (in_shell || in_code)).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    const APP: &str = "services:
  web:
    image: x
    environment: {A: same, B: dev}
    x-envsim: {prod: {environment: {B: prod}}}
";

    #[test]
    fn a_value_is_compared_and_cannot_be_read() {
        let recorder = Recorder::salted();
        let (dev, prod) = (app_for(APP, Mode::Dev), app_for(APP, Mode::Prod));
        let dev = recorder.of_app(&dev, Side::Dev);
        let prod = recorder.of_app(&prod, Side::Prod);
        assert_eq!(dev[0].hash, prod[0].hash);
        assert_ne!(dev[1].hash, prod[1].hash);
        assert_eq!(prod[1].from, VariableFrom::Production);
        let again = Recorder::salted().of_app(&app_for(APP, Mode::Dev), Side::Dev);
        assert_ne!(dev[0].hash, again[0].hash, "each check has its own salt");
        let saved = serde_json::to_string(&dev).unwrap();
        assert!(!saved.contains("same"), "{saved}");
    }

    #[test]
    fn what_no_file_gives_is_the_image_s() {
        let app = app_for(APP, Mode::Dev);
        let variables = vec!["PATH=/bin".to_owned(), "A=same".to_owned()];
        let seen =
            Recorder::salted().of_containers(&app, Side::Dev, &[("web".to_owned(), variables)]);
        assert_eq!(seen[0].from, VariableFrom::Image);
        assert_eq!(seen[1].from, VariableFrom::Environment);
    }

    #[test]
    fn code_and_scripts_that_read_a_variable_are_known() {
        for line in [
            "const key = process.env.API_KEY",
            "key = os.environ['API_KEY']",
            "key = os.environ.get(\"API_KEY\")",
            "os.Getenv(\"API_KEY\")",
            "$key = env('API_KEY');",
            "ENV.fetch('API_KEY')",
            "curl -H $API_KEY",
            "key: ${API_KEY:-none}",
            "SECRET = config('API_KEY')",
            "import.meta.env.API_KEY",
        ] {
            assert!(reads(line, "API_KEY").is_some(), "{line}");
        }
        for line in [
            "the API_KEY is a secret",
            "process.env.API_KEY_ID",
            "MY_API_KEY",
            "logging.API_KEY",
            "headers.get('API_KEY')",
        ] {
            assert_eq!(reads(line, "API_KEY"), None, "{line}");
        }
    }

    #[test]
    fn the_place_of_a_reading_line_is_told_without_its_secrets() {
        let app = app_for(APP, Mode::Dev);
        let text = "x = 1\nkey = env('API_KEY') or 'password=hunter2'\n";
        let files = [(Path::new("/project/a.py"), text)];
        let (place, line) = read_in(&app, &files, "API_KEY").expect("it is read");
        assert_eq!((place.line, place.column), (2, 12));
        assert_eq!(&*place.path, "a.py");
        assert!(!line.contains("hunter2"), "{line}");
        assert_eq!(read_in(&app, &files, "API"), None);
    }
}

//! What holds for every project: reading what `envsim config` printed gives the same project, files
//! are merged alike however they are grouped, and no text makes the reader panic.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use envsim::app::{Mode, load::load as load_app};
use envsim::compose::disk::{Disk, Files};
use envsim::compose::{self, Options, Problems, normal, write};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Projects of `tests/compose` that do not read the same again, and why.
const READ_DIFFERENTLY: &[(&str, &str)] = &[
    ("build/empty-string", EMPTY),
    ("fragments/extensions-everywhere", MODELS),
    ("include/resources-merge", MODELS),
    ("interpolation/empty-value-becomes-null-or-string", EMPTY),
    ("interpolation/keys-are-not-interpolated", KEYS),
    ("merge/service-models", MODELS),
    ("models/empty-entry", MODELS),
    ("models/top-level", MODELS),
    ("normalisation/dollar-signs-are-doubled", KEYS),
    ("normalisation/empty-strings", EMPTY),
    ("normalisation/zero-numbers", EMPTY),
    (
        "profiles/optional-dependency-is-disabled",
        "the dependency is printed, the service that no active profile has is not",
    ),
    (
        "services/blkio-config",
        "as JSON, the keys of devices begin with a capital letter",
    ),
    ("services/models-long", MODELS),
    ("services/models-short", MODELS),
    ("services/ulimits", EMPTY),
];

/// What Docker Compose does in several of them; `envsim config` prints what it prints.
const EMPTY: &str = "an empty text or a zero is written and is not printed";
const KEYS: &str = "dollar signs are doubled in keys too, and keys are not interpolated";
const MODELS: &str = "JSON has the models of a service and not those of the top";

/// A disk in memory.
#[derive(Clone, Debug, Default)]
struct Memory(BTreeMap<PathBuf, String>);

impl Memory {
    /// The directory of the project.
    const DIRECTORY: &str = "/project";

    fn with(mut self, name: &str, text: impl Into<String>) -> Self {
        let path = Path::new(Self::DIRECTORY).join(name);
        self.0.insert(path, text.into());
        self
    }
}

impl Disk for Memory {
    fn read(&self, path: &Path) -> Result<String, String> {
        let text = self.0.get(path).cloned();
        text.ok_or_else(|| "there is no such file".to_owned())
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(path) || self.is_directory(path)
    }

    fn is_directory(&self, path: &Path) -> bool {
        path == Path::new(Self::DIRECTORY)
    }

    fn without_links(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// How `envsim config` prints a document.
#[derive(Clone, Copy, Debug)]
enum Form {
    Json,
    Yaml,
}

impl Form {
    /// A dollar sign is doubled, as `config` does it.
    fn print(self, project: &compose::Project) -> String {
        let text = match self {
            Self::Json => normal::normal(&project.document).to_string(),
            Self::Yaml => write::yaml(&normal::normal_yaml(&project.document)),
        };
        text.replace('$', "$$")
    }
}

/// What differs when the project is printed and read again; none when nothing does.
fn difference(options: &Options, disk: &dyn Disk, form: Form) -> Option<String> {
    let (first, _) = compose::load(options, disk).ok()?;
    let options_of_text = Options {
        files: vec!["-".into()],
        project_name: Some(first.name.clone()),
        project_directory: Some(first.directory.clone()),
        standard_input: Some(form.print(&first)),
        services: Vec::new(),
        // A service that was asked for by name took part whatever its profiles are.
        profiles: match options.services.is_empty() {
            true => options.profiles.clone(),
            false => vec!["*".to_owned()],
        },
        ..options.clone()
    };
    let (second, _) = match compose::load(&options_of_text, disk) {
        Ok(loaded) => loaded,
        Err(problems) => return Some(format!("it is refused: {}", told(&problems))),
    };
    let documents = [&first, &second].map(|project| normal::normal(&project.document));
    if let Some(difference) = unlike("", &documents[0], &documents[1]) {
        return Some(difference);
    }
    // JSON has none of the users' own keys below the top.
    if let (Form::Yaml, true) = (form, options.services.is_empty()) {
        let apps = [options, &options_of_text].map(|options| {
            let loaded = load_app(options, disk, Mode::Dev).map_err(|problems| told(&problems));
            loaded.map(|loaded| without_places(json!(loaded.app)))
        });
        return match apps {
            [Ok(first), Ok(second)] => unlike("app", &first, &second),
            [Err(_), Err(_)] => None,
            [Ok(_), Err(why)] => Some(format!("the app is refused: {why}")),
            [Err(why), Ok(_)] => Some(format!("the first app alone is refused: {why}")),
        };
    }
    None
}

fn told(problems: &Problems) -> String {
    let all = problems.0.iter().map(|problem| problem.render(false));
    all.collect::<Vec<_>>().join("\n")
}

/// The first difference.
fn unlike(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
            one.iter().find_map(|(key, value)| {
                let other = other.get(key).unwrap_or(&Value::Null);
                unlike(&format!("{path}/{key}"), value, other)
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs
                .into_iter()
                .find_map(|(at, (one, other))| unlike(&format!("{path}/{at}"), one, other))
        }
        _ => (one != other).then(|| format!("{path}: {one}\n  then {other}")),
    }
}

/// An app without what tells of its files: the places of its values and where they came from.
fn without_places(app: Value) -> Value {
    match app {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter(|(key, _)| {
                ![
                    "place",
                    "keys",
                    "values",
                    "label_places",
                    "files",
                    "env_files",
                    "from",
                    "from_env_file",
                ]
                .contains(&key.as_str())
            });
            kept.map(|(key, value)| (key, without_places(value)))
                .collect()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(without_places).collect();
            // Variables and dependencies are printed in the order of their names.
            for key in ["name", "service"] {
                if items.iter().all(|item| item.get(key).is_some()) {
                    items.sort_by_key(|item| item[key].to_string());
                }
            }
            items.into()
        }
        scalar => scalar,
    }
}

/// The directories of `tests/compose`, with their names.
fn projects() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose");
    let directories = |path: &Path| {
        let entries = path.read_dir().expect("a directory").flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let cases = directories(&root)
        .into_iter()
        .flat_map(|group| directories(&group));
    let mut named: Vec<(String, PathBuf)> = cases
        .map(|case| {
            let name = case.strip_prefix(&root).expect("below the root");
            (name.to_string_lossy().into_owned(), case)
        })
        .collect();
    named.sort();
    named
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// The options that the files beside a project describe; none for a project that must be refused,
/// or that is printed in other than its complete form.
fn options_of(case: &Path) -> Option<Options> {
    if case.join("FAILS").exists() {
        return None;
    }
    let mut options = Options {
        working_directory: lines(&case.join("CWD"))
            .first()
            .map_or(case.to_owned(), |cwd| case.join(cwd)),
        environment: HashMap::from([("HOME".to_owned(), "/home/dev".to_owned())]),
        ..Options::default()
    };
    for line in lines(&case.join("ENV")) {
        let (name, value) = line.split_once('=').unwrap_or((&line, ""));
        options
            .environment
            .insert(name.to_owned(), value.to_owned());
    }
    let arguments = lines(&case.join("ARGS"));
    let arguments = arguments.iter().flat_map(|argument| {
        match argument
            .split_once('=')
            .filter(|(flag, _)| flag.starts_with("--"))
        {
            Some((flag, value)) => vec![flag, value],
            None => vec![argument.as_str()],
        }
    });
    let mut arguments = arguments.map(str::to_owned).collect::<Vec<_>>().into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value follows the flag");
        match &*argument {
            "--" => {}
            "-f" | "--file" => options.files.push(value().into()),
            "-p" | "--project-name" => options.project_name = Some(value()),
            "--profile" => options.profiles.push(value()),
            "--env-file" => options.env_files.push(value().into()),
            "--project-directory" => options.project_directory = Some(value().into()),
            flag if flag.starts_with('-') => return None,
            service => options.services.push(service.to_owned()),
        }
    }
    Some(options)
}

#[test]
fn every_project_that_was_printed_reads_the_same_again() {
    let mut found = Vec::new();
    let mut read = 0;
    for (name, case) in projects() {
        let Some(options) = options_of(&case) else {
            continue;
        };
        read += 1;
        let known = READ_DIFFERENTLY.iter().any(|(known, _)| *known == name);
        for form in [Form::Yaml, Form::Json] {
            match difference(&options, &Files, form) {
                Some(difference) if !known => {
                    found.push(format!("{name} ({form:?})\n  {difference}"))
                }
                _ => {}
            }
        }
        let same = |form| difference(&options, &Files, form).is_none();
        if known && same(Form::Yaml) && same(Form::Json) {
            found.push(format!("{name} is listed and reads the same"));
        }
    }
    assert!(read > 400, "only {read} projects are read");
    assert!(
        found.is_empty(),
        "{} of {read}:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// A mapping of a few of these keys.
fn some(entries: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let entries: Vec<_> = entries
        .into_iter()
        .map(|(key, value)| proptest::option::of(value).prop_map(move |value| (key, value)))
        .collect();
    entries
        .prop_map(|entries| {
            let written = entries
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            Value::Object(written.collect())
        })
        .boxed()
}

fn one_of(values: &'static [&'static str]) -> BoxedStrategy<Value> {
    proptest::sample::select(values)
        .prop_map(Value::from)
        .boxed()
}

fn number() -> BoxedStrategy<Value> {
    (1..5u32).prop_map(Value::from).boxed()
}

/// A list without doubles.
fn list(values: &'static [&'static str]) -> BoxedStrategy<Value> {
    let count = 1..values.len() + 1;
    let values = proptest::sample::subsequence(values, count).prop_shuffle();
    values.prop_map(|values| json!(values)).boxed()
}

/// A mapping of text, or the list of `KEY=value` that means the same.
fn pairs() -> BoxedStrategy<Value> {
    let value = proptest::sample::select(&["1", "two", "", "a=b"][..]);
    let key = proptest::sample::select(&["A", "B", "C"][..]);
    let pairs = proptest::collection::btree_map(key, value, 1..4);
    (pairs, any::<bool>())
        .prop_map(|(pairs, as_list)| match as_list {
            true => pairs
                .iter()
                .map(|(key, value)| json!(format!("{key}={value}")))
                .collect(),
            false => json!(pairs),
        })
        .boxed()
}

/// A service of keys whose rule is associative. `logging` is not: options of another driver than
/// the one before are dropped, those without a driver are merged with either. Nor are `!reset` and
/// `!override`: what they took away of the files before is not in what the two last files make.
fn service() -> BoxedStrategy<Value> {
    some(vec![
        (
            "entrypoint",
            prop_oneof![one_of(&["sh -c"]), list(&["x", "y"])].boxed(),
        ),
        ("sysctls", pairs()),
        ("cap_drop", list(&["ALL", "NET_RAW"])),
        ("dns_search", list(&["one.example", "two.example"])),
        (
            "security_opt",
            list(&["no-new-privileges:true", "label:disable"]),
        ),
        (
            "devices",
            list(&["/dev/null", "/dev/zero:/dev/null:r", "/dev/full:/dev/full"]),
        ),
        (
            "secrets",
            prop_oneof![
                list(&["s", "t"]),
                Just(json!([{"source": "s", "target": "/s"}]))
            ]
            .boxed(),
        ),
        (
            "configs",
            prop_oneof![
                list(&["c"]),
                Just(json!([{"source": "c", "target": "/etc/c"}]))
            ]
            .boxed(),
        ),
        (
            "image",
            one_of(&["debian", "nginx:1.27", "redis@sha256:0123"]),
        ),
        (
            "command",
            prop_oneof![one_of(&["a b", "c"]), list(&["x", "y"])].boxed(),
        ),
        ("environment", pairs()),
        ("labels", pairs()),
        ("annotations", pairs()),
        ("cap_add", list(&["NET_ADMIN", "SYS_PTRACE", "ALL"])),
        (
            "dns",
            prop_oneof![one_of(&["9.9.9.9"]), list(&["1.1.1.1", "8.8.8.8"])].boxed(),
        ),
        ("expose", list(&["80", "8080", "53/udp"])),
        (
            "ports",
            list(&["80", "127.0.0.1:80:80", "8080-8081:80-81", "53:53/udp"]),
        ),
        (
            "volumes",
            list(&["/data", "v:/data", "./here:/here:ro", "w:/other"]),
        ),
        (
            "networks",
            prop_oneof![
                list(&["front", "back"]),
                Just(json!({"front": {"aliases": ["x"]}}))
            ]
            .boxed(),
        ),
        (
            "depends_on",
            prop_oneof![
                list(&["db", "cache"]),
                Just(json!({"db": {"condition": "service_healthy"}}))
            ]
            .boxed(),
        ),
        (
            "build",
            prop_oneof![
                one_of(&[".", "./other"]),
                // Without a context the default one comes before the next file is laid over it.
                some(vec![("target", one_of(&["a", "b"])), ("args", pairs())]).prop_map(
                    |mut build| {
                        build["context"] = json!(".");
                        build
                    }
                )
            ]
            .boxed(),
        ),
        (
            "healthcheck",
            some(vec![
                ("test", list(&["CMD", "true"])),
                ("retries", number()),
                ("interval", one_of(&["5s", "1m30s"])),
            ]),
        ),
        (
            "deploy",
            some(vec![("replicas", number()), ("labels", pairs())]),
        ),
        (
            "ulimits",
            some(vec![(
                "nofile",
                prop_oneof![number(), Just(json!({"soft": 1, "hard": 2}))].boxed(),
            )]),
        ),
        ("stop_grace_period", one_of(&["10s", "1m"])),
        ("mem_limit", one_of(&["64m", "1g"])),
        (
            "tmpfs",
            prop_oneof![one_of(&["/tmp"]), list(&["/run", "/tmp:size=1m"])].boxed(),
        ),
        (
            "extra_hosts", // One alone: they are printed in another order than they are written in.
            prop_oneof![list(&["a=10.0.0.1"]), list(&["b=10.0.0.2"])].boxed(),
        ),
        ("profiles", list(&["debug", "test"])),
        (
            "x-own",
            some(vec![
                ("list", list(&["1", "2"])),
                ("text", one_of(&["a$b", "c: d"])),
            ]),
        ),
    ])
}

fn document() -> BoxedStrategy<Value> {
    let network = || {
        some(vec![
            ("internal", Just(json!(true)).boxed()),
            ("labels", pairs()),
        ])
    };
    let volume = || some(vec![("driver", one_of(&["local"])), ("labels", pairs())]);
    let file = || some(vec![("file", one_of(&["./one", "/two"]))]);
    some(vec![
        (
            "services",
            some(vec![("web", service()), ("db", service())]),
        ),
        (
            "networks",
            some(vec![("front", network()), ("back", network())]),
        ),
        ("volumes", some(vec![("v", volume()), ("w", volume())])),
        ("secrets", some(vec![("s", file()), ("t", file())])),
        ("configs", some(vec![("c", file())])),
    ])
}

/// The document with all that its services name, and an image for each.
fn complete(mut document: Value) -> Value {
    for (section, names, default) in [
        ("services", &["web", "db", "cache"][..], json!({})),
        ("networks", &["front", "back"], json!({})),
        ("volumes", &["v", "w"], json!({})),
        ("secrets", &["s", "t"], json!({"file": "./secret"})),
        ("configs", &["c"], json!({"file": "./config"})),
    ] {
        for name in names {
            let entry = &mut document[section][name];
            if entry.as_object().is_none_or(serde_json::Map::is_empty) {
                *entry = default.clone();
            }
        }
    }
    // A circle is refused: only one of the services waits for others.
    for name in ["db", "cache"] {
        let service = document["services"][name].as_object_mut();
        service.expect("a service").shift_remove("depends_on");
    }
    for name in ["web", "db", "cache"] {
        let image = &mut document["services"][name]["image"];
        if image.is_null() {
            *image = json!("debian");
        }
    }
    document
}

/// Reads the files one over the other and no more: nothing is added, checked or left out.
fn merged(files: &[&str]) -> Result<(String, Value), String> {
    let names: Vec<String> = (0..files.len())
        .map(|number| format!("{number}.yaml"))
        .collect();
    let mut disk = Memory::default();
    for (name, text) in names.iter().zip(files) {
        disk = disk.with(name, *text);
    }
    let options = Options {
        files: names.iter().map(PathBuf::from).collect(),
        project_name: Some("project".to_owned()),
        profiles: vec!["*".to_owned()],
        working_directory: Memory::DIRECTORY.into(),
        normalizes: false,
        absolute_paths: false,
        checks: false,
        reads_env_files: false,
        drops_unused: false,
        ..Options::default()
    };
    let (project, _) = compose::load(&options, &disk).map_err(|problems| told(&problems))?;
    let text = Form::Yaml.print(&project);
    Ok((text, normal::normal(&project.document)))
}

/// Text that looks like a Compose file often enough to get past the parser.
fn soup() -> BoxedStrategy<String> {
    let pieces = &[
        "services",
        "web",
        "image",
        "debian",
        "extends",
        "include",
        "file",
        "depends_on",
        "networks",
        "environment",
        "volumes",
        "ports",
        "!reset",
        "!override",
        "&a",
        "*a",
        "<<",
        "${A:-",
        "${A",
        "}",
        "$",
        ":",
        ": ",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "---\n",
        "80:80",
        "0x1f",
        "1e3",
        "null",
        "~",
        "true",
        "./a",
        "compose.yaml",
        "override.yaml",
        ".env",
        "\t",
        "\u{feff}",
        "é",
        "\0",
        "?",
        "%YAML 1.1\n",
        "x-envsim",
        "probes",
        "A=",
        "export ",
        "\\",
    ][..];
    let piece = proptest::sample::select(pieces);
    proptest::collection::vec(piece, 0..60)
        .prop_map(|pieces| pieces.concat())
        .boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![soup(), any::<String>()].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn a_generated_project_that_was_printed_reads_the_same_again(document in document()) {
        let text = complete(document).to_string().replace('$', "$$");
        let disk = Memory::default().with("compose.yaml", text);
        let options = Options {
            working_directory: Memory::DIRECTORY.into(),
            profiles: vec!["*".to_owned()],
            ..Options::default()
        };
        // What cannot be read proves nothing: such a case does not count, and too many fail.
        let loaded = load_app(&options, &disk, Mode::Dev);
        prop_assume!(loaded.is_ok(), "{}", told(&loaded.err().unwrap_or_default()));
        for form in [Form::Yaml, Form::Json] {
            prop_assert_eq!(difference(&options, &disk, form), None);
        }
    }

    #[test]
    fn three_files_are_merged_alike_however_they_are_grouped(files in [document(), document(), document()]) {
        let [a, b, c] = &files.map(|file| file.to_string().replace('$', "$$"));
        let all = merged(&[a, b, c]);
        prop_assume!(all.is_ok(), "{}", all.unwrap_err());
        let (_, all) = all.map_err(TestCaseError::fail)?;
        if let Ok((first, _)) = merged(&[a, b]) {
            let grouped = merged(&[&first, c]).map_err(TestCaseError::fail)?.1;
            prop_assert_eq!(unlike("", &all, &grouped), None, "(a b) c");
        }
        if let Ok((last, _)) = merged(&[b, c]) {
            let grouped = merged(&[a, &last]).map_err(TestCaseError::fail)?.1;
            prop_assert_eq!(unlike("", &all, &grouped), None, "a (b c)");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(main in text(), later in text(), variables in text(), valid in any::<bool>()) {
        let main = if valid { "services: {web: {image: debian, env_file: .env}}\n".to_owned() } else { main };
        let disk = Memory::default()
            .with("compose.yaml", main)
            .with("compose.override.yaml", later)
            .with(".env", variables);
        let options = Options { working_directory: Memory::DIRECTORY.into(), ..Options::default() };
        if let Err(problems) = compose::load(&options, &disk) {
            prop_assert!(problems.any_error());
            told(&problems);
        }
        let _ = load_app(&options, &disk, Mode::Prod);
        let _ = compose::project_variables(&options, &disk);
    }
}

//! Input that is far too large, too deep or no Compose file at all: `envsim config` ends soon, with
//! little memory and with a success or a clear error.
//!
//! The kernel enforces the limits (`ulimit`), so that a mistake fails a test and not the machine.
//! They hold for the release build; a debug build is about ten times slower and gets more time.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Seconds of CPU time for one run.
const SECONDS: u32 = if cfg!(debug_assertions) { 30 } else { 1 };

/// Data of one run in KiB. With the 20 MB of the program itself that makes less than 200 MB resident.
const MEMORY: u32 = 170 * 1024;

/// Exit code of envsim for a project that it cannot load.
const EXIT_FAILURE: i32 = 2;

/// A project in a directory of its own.
struct Project(TempDir);

impl Project {
    fn new(compose: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self(directory).with("compose.yaml", compose)
    }

    /// The same with another file.
    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.path().join(name), content).expect("a file can be written");
        self
    }

    /// The same with a FIFO that nobody writes to.
    fn with_fifo(self, name: &str) -> Self {
        let made = Command::new("mkfifo")
            .arg(self.0.path().join(name))
            .status();
        assert!(made.expect("mkfifo can be started").success());
        self
    }

    /// The same with a directory.
    fn with_directory(self, name: &str) -> Self {
        std::fs::create_dir(self.0.path().join(name)).expect("a directory can be made");
        self
    }

    fn config(&self, arguments: &[&str]) -> Output {
        let limits = format!("ulimit -d {MEMORY} && ulimit -t {SECONDS} && exec \"$0\" \"$@\"");
        let envsim = Path::new(env!("CARGO_BIN_EXE_envsim"));
        Command::new("sh")
            .args(["-c", &limits])
            .arg(envsim)
            .args(["-p", "project", "config"])
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .output()
            .expect("sh can be started")
    }

    #[track_caller]
    fn loads(&self) {
        let output = self.config(&[]);
        let message = beginning(&output.stderr);
        assert!(output.status.success(), "{}: {message}", output.status);
    }

    /// Every one of `texts` is in the message, which is not a flood.
    #[track_caller]
    fn is_refused(&self, texts: &[&str]) {
        self.is_refused_with(&[], texts);
    }

    /// The same for further arguments of `config`.
    #[track_caller]
    fn is_refused_with(&self, arguments: &[&str], texts: &[&str]) {
        let output = self.config(arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        let shown = beginning(&output.stderr);
        assert_eq!(output.status.code(), Some(EXIT_FAILURE), "{shown}");
        assert!(output.stdout.is_empty());
        for text in texts {
            assert!(message.contains(text), "`{text}` is not in: {shown}");
        }
        assert!(message.len() < 100_000, "{} bytes of errors", message.len());
    }
}

fn beginning(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(2_000).collect()
}

/// `line(0)`, `line(1)` and so on.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

fn services(count: usize, service: impl Fn(usize) -> String) -> String {
    let services = lines(count, |number| {
        format!("  s{number}: {}\n", service(number))
    });
    format!("services:\n{services}")
}

const WEB: &str = "services: {web: {image: debian}}\n";

#[test]
fn five_thousand_nested_aliases_are_refused_with_the_line() {
    let aliases = lines(5_000, |n| match n {
        0 => "x-a0: &a0 [1]\n".to_owned(),
        n => format!("x-a{n}: &a{n} [*a{}]\n", n - 1),
    });
    Project::new(aliases + WEB).is_refused(&["nested more than", "compose.yaml:256:"]);
}

#[test]
fn aliases_that_double_with_each_line_are_refused_with_the_line() {
    let aliases = lines(5_000, |n| match n {
        0 => "x-a0: &a0 [1]\n".to_owned(),
        n => format!("x-a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1),
    });
    Project::new(aliases + WEB).is_refused(&["once its aliases are expanded", "compose.yaml:19:"]);
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_unread() {
    let project = Project::new(WEB);
    let file = std::fs::File::create(project.0.path().join("compose.yaml")).expect("a file");
    file.set_len(100_000_000).expect("a length");
    project.is_refused(&["compose.yaml", "100000000 bytes", "limit"]);
}

#[test]
fn an_env_file_of_a_hundred_megabytes_is_refused_unread_with_its_place() {
    let project =
        Project::new("services: {web: {image: debian, env_file: a.env}}\n").with("a.env", "");
    let file = std::fs::File::create(project.0.path().join("a.env")).expect("a file");
    file.set_len(100_000_000).expect("a length");
    project.is_refused(&["a.env", "100000000 bytes", "compose.yaml:1:43"]);
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_the_line() {
    Project::new(b"services:\n  web:\n    image: caf\xe9\n").is_refused(&["line 3", "UTF-8"]);
}

#[test]
fn utf_16_is_refused_with_what_to_do() {
    let utf_16 = WEB.encode_utf16();
    let bare: Vec<u8> = utf_16.clone().flat_map(u16::to_le_bytes).collect();
    Project::new(bare).is_refused(&["UTF-16", "save it as UTF-8", "compose.yaml:1:2"]);
    let marked: Vec<u8> = std::iter::once(0xfeff)
        .chain(utf_16)
        .flat_map(u16::to_le_bytes)
        .collect();
    Project::new(marked).is_refused(&["line 1", "UTF-8"]);
}

#[test]
fn thirty_thousand_doubles_are_refused_with_both_lines() {
    let file = format!("services:\n{}", "  web: {image: debian}\n".repeat(30_000));
    Project::new(file).is_refused(&["`web` is given twice", "line 2", "compose.yaml:3:3"]);
}

#[test]
fn nesting_of_a_hundred_thousand_levels_is_refused_with_the_line() {
    for nested in ["[", "{a: ", "- ", "? "] {
        let file = format!("{WEB}x-deep:\n  {}\n", nested.repeat(100_000));
        Project::new(file).is_refused(&["nested more than 256 levels", "compose.yaml:3:"]);
    }
}

#[test]
fn a_line_of_four_megabytes_is_read() {
    let word = "a".repeat(4_000_000);
    Project::new(format!(
        "services: {{web: {{image: debian, command: \"{word}\"}}}}\n"
    ))
    .loads();
}

#[test]
fn a_mistake_in_a_line_of_four_megabytes_is_told_in_few_words() {
    let word = "a".repeat(4_000_000);
    let file = format!("services: {{web: {{image: debian, x-a: \"{word}\", foo: 1}}}}\n");
    Project::new(file).is_refused(&["unknown key `foo`", "compose.yaml:1:"]);
    Project::new(format!("{{{word}: 1}}\n")).is_refused(&["unknown key `aaaa", "compose.yaml:1:2"]);
}

#[test]
fn ten_thousand_mistakes_are_not_all_told() {
    let services = lines(10_000, |n| format!("s{n}: {{imagee: debian}}, "));
    Project::new(format!("services: {{{services}}}\n")).is_refused(&["unknown key `imagee`"]);
}

#[test]
fn fifty_thousand_services_are_refused_as_docker_compose_refuses_them() {
    let file = services(50_000, |_| "{image: debian}".to_owned());
    Project::new(file).is_refused(&["Docker Compose reads at most 100000 values"]);
}

#[test]
fn as_many_services_as_docker_compose_reads_are_read() {
    Project::new(services(33_000, |_| "{image: debian}".to_owned())).loads();
}

#[test]
fn a_chain_of_dependencies_of_any_length_is_read() {
    let last = 19_000;
    let file = services(last + 1, |n| match n {
        n if n == last => "{image: debian}".to_owned(),
        n => format!("{{image: debian, depends_on: [s{}]}}", n + 1),
    });
    Project::new(file).loads();
}

#[test]
fn a_circle_of_thousands_of_dependencies_is_refused_with_its_place() {
    let file = services(19_000, |n| {
        format!("{{image: debian, depends_on: [s{}]}}", (n + 1) % 19_000)
    });
    Project::new(file).is_refused(&["depend on each other: s0 → s1", "compose.yaml:19001:"]);
}

#[test]
fn a_chain_of_thousands_of_services_that_extend_one_another_is_refused_with_its_place() {
    let file =
        services(20_000, |n| format!("{{extends: s{}}}", n + 1)) + "  s20000: {image: debian}\n";
    Project::new(file).is_refused(&["extend one another in a row", "compose.yaml:102:"]);
}

#[test]
fn a_circle_of_extends_is_refused_with_its_place() {
    let other = "services: {web: {extends: {file: compose.yaml, service: web}}}\n";
    Project::new("services: {web: {extends: {file: other.yaml, service: web}}}\n")
        .with("other.yaml", other)
        .is_refused(&["goes in a circle: web → web → web", "compose.yaml:1:"]);
}

#[test]
fn services_that_grow_with_each_extends_are_refused_with_the_place() {
    let file = services(10_000, |n| match n {
        0 => "{image: debian}".to_owned(),
        n => format!("{{extends: s{}, environment: {{K{n}: 1}}}}", n - 1),
    });
    Project::new(file).is_refused(&["becomes too large", "compose.yaml:"]);
}

#[test]
fn a_circle_of_includes_is_refused_with_its_place() {
    Project::new("include: [other.yaml]\n")
        .with("other.yaml", "include: [compose.yaml]\n")
        .is_refused(&[
            "goes in a circle: `compose.yaml` → `other.yaml` → `compose.yaml`",
            "other.yaml:1:11",
        ]);
}

#[test]
fn a_chain_of_hundreds_of_includes_is_refused_with_its_place() {
    let mut project = Project::new("include: [f0.yaml]\n").with("f300.yaml", WEB);
    for number in 0..300 {
        let include = format!("include: [f{}.yaml]\n", number + 1);
        project = project.with(&format!("f{number}.yaml"), include);
    }
    project.is_refused(&["`include` goes through more than 50 files", "f48.yaml:1:11"]);
}

#[test]
fn includes_that_double_with_each_file_are_refused() {
    let mut project = Project::new("include: [f0.yaml, f0.yaml]\n").with("f40.yaml", WEB);
    for number in 0..40 {
        let include = format!("include: [f{0}.yaml, f{0}.yaml]\n", number + 1);
        project = project.with(&format!("f{number}.yaml"), include);
    }
    project.is_refused(&["more than 10000 files are opened"]);
}

#[test]
fn variables_that_double_with_each_line_are_refused_with_the_line() {
    let doubling = lines(60, |n| match n {
        0 => "A0=xxxxxxxxxx\n".to_owned(),
        n => format!("A{n}=${{A{0}}}${{A{0}}}\n", n - 1),
    });
    Project::new("services: {web: {image: debian, env_file: a.env}}\n")
        .with("a.env", &doubling)
        .is_refused(&["more than 4194304 bytes", "a.env:20:"]);
    Project::new(WEB)
        .with(".env", doubling)
        .is_refused(&["more than 4194304 bytes", ".env:20:"]);
}

#[test]
fn a_long_variable_in_every_service_is_refused_with_the_line() {
    let file = services(10_000, |_| "{image: debian, command: $LONG}".to_owned());
    let long = format!("LONG={}\n", "x".repeat(100_000));
    Project::new(file)
        .with(".env", long)
        .is_refused(&["the texts with variables", "compose.yaml:"]);
}

#[test]
fn defaults_in_one_another_are_refused_with_the_place() {
    let (open, close) = ("${A:-".repeat(100_000), "}".repeat(100_000));
    Project::new(format!("services: {{web: {{image: '{open}{close}'}}}}\n"))
        .is_refused(&["defaults stand in each other", "compose.yaml:1:25"]);
}

#[test]
fn a_hundred_thousand_variables_in_one_line_are_read() {
    let variables = "${A:-}".repeat(100_000);
    Project::new(format!(
        "services: {{web: {{image: 'debian{variables}'}}}}\n"
    ))
    .loads();
}

#[test]
fn an_env_file_of_too_many_variables_is_refused_with_the_line() {
    Project::new("services: {web: {image: debian, env_file: a.env}}\n")
        .with("a.env", lines(200_000, |n| format!("K{n}=1\n")))
        .is_refused(&["more than 100000 variables", "a.env:100001:"]);
}

#[test]
fn long_lists_are_merged() {
    let list = |letter: char| lines(40_000, |n| format!("      - {letter}{n}\n"));
    let file = |letter| {
        format!(
            "services:\n  web:\n    image: debian\n    cap_add:\n{}",
            list(letter)
        )
    };
    Project::new(file('A'))
        .with("compose.override.yaml", file('B'))
        .loads();
}

#[test]
fn a_long_environment_is_read() {
    let list = lines(90_000, |n| format!("      - K{n}=1\n"));
    Project::new(format!(
        "services:\n  web:\n    image: debian\n    environment:\n{list}"
    ))
    .loads();
}

#[test]
fn ranges_of_all_ports_are_refused_with_the_place() {
    let ranges = lines(30, |n| format!("      - '127.0.0.{n}:1-65535:1-65535'\n"));
    Project::new(format!(
        "services:\n  web:\n    image: debian\n    ports:\n{ranges}"
    ))
    .is_refused(&["becomes too large", "compose.yaml:"]);
}

#[test]
fn a_range_of_all_ports_is_read() {
    Project::new("services: {web: {image: debian, ports: ['1-65535:1-65535']}}\n").loads();
}

#[test]
fn ranges_of_exposed_ports_are_refused_with_the_place() {
    let ranges = lines(5_000, |n| format!("      - '1-{}'\n", 60_000 + n));
    Project::new(format!(
        "services:\n  web:\n    image: debian\n    expose:\n{ranges}"
    ))
    .is_refused_with(&["--mode", "prod"], &["becomes too large", "compose.yaml:"]);
}

#[test]
fn as_much_as_aliases_may_make_is_read() {
    let environment = lines(300, |n| format!("  K{n}: value {n}\n"));
    let services = services(900, |_| "{image: debian, environment: *e}".to_owned());
    Project::new(format!("x-e: &e\n{environment}{services}")).loads();
}

#[test]
fn as_much_as_extends_may_make_is_read() {
    let environment = lines(300, |n| format!("K{n}: value {n}, "));
    let services = services(900, |n| match n {
        0 => format!("{{image: debian, environment: {{{environment}}}}}"),
        _ => "{extends: s0}".to_owned(),
    });
    Project::new(services).loads();
}

#[test]
fn thousands_of_documents_are_refused_with_the_line() {
    let file = services(3_000, |_| "{image: debian}".to_owned());
    let documents = format!("---\n{WEB}").repeat(3_000);
    Project::new(file + &documents).is_refused(&["becomes too large", "compose.yaml:"]);
}

#[test]
fn a_fifo_is_never_opened_wherever_it_is_named() {
    let texts = &["cannot read", "not a regular file"];
    let compose = Project::new(WEB);
    std::fs::remove_file(compose.0.path().join("compose.yaml")).expect("a file can be removed");
    compose.with_fifo("compose.yaml").is_refused(texts);
    Project::new(WEB).with_fifo(".env").is_refused(texts);
    for (file, place) in NAMING {
        Project::new(file)
            .with_fifo("other")
            .is_refused(&[texts[0], texts[1], place]);
    }
}

#[test]
fn a_directory_in_the_place_of_a_file_is_refused() {
    let texts = &["cannot read", "it is a directory"];
    let compose = Project::new(WEB);
    std::fs::remove_file(compose.0.path().join("compose.yaml")).expect("a file can be removed");
    compose.with_directory("compose.yaml").is_refused(texts);
    for (file, place) in NAMING {
        Project::new(file)
            .with_directory("other")
            .is_refused(&[texts[0], texts[1], place]);
    }
}

/// The ways a Compose file names another file, and the place where it does.
const NAMING: [(&str, &str); 4] = [
    (
        "services: {web: {image: debian, env_file: other}}\n",
        "compose.yaml:1:43",
    ),
    (
        "services: {web: {image: debian, label_file: other}}\n",
        "compose.yaml:1:45",
    ),
    ("include: [other]\n", "compose.yaml:1:11"),
    (
        "services: {web: {extends: {file: other, service: web}}}\n",
        "compose.yaml:1:34",
    ),
];

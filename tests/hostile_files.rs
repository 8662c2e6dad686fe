//! Projects with files that no program should choke on: `prod-check --static` passes over them, soon
//! and with little memory, and still finds what is there to find.
//!
//! The kernel enforces the limits (`ulimit`), so that a mistake fails a test and not the machine.
//! They hold for the release build; a debug build gets more time.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Seconds of CPU time for one run.
const SECONDS: u32 = if cfg!(debug_assertions) { 60 } else { 5 };

/// Memory for one run in KiB.
const MEMORY: u32 = 200 * 1024;

/// Seconds after which a run hangs: no test of these waits for anything.
const HANGS: u32 = 300;

const COMPOSE: &str = "services:
  web:
    build: .
  db:
    image: postgres:16
";

/// A project in a directory of its own, whose image copies everything.
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a temporary directory"));
        project.write("compose.yaml", COMPOSE);
        project.write("Dockerfile", "FROM debian:bookworm-slim\nCOPY . /app\n");
        project.write("app.py", "host = 'db'\n");
        project
    }

    fn path(&self, name: impl AsRef<OsStr>) -> std::path::PathBuf {
        self.0.path().join(name.as_ref())
    }

    fn write(&self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("a file can be written");
    }

    fn make(&self, program: &str, arguments: &[&str]) -> bool {
        let mut made = Command::new(program);
        let made = made.args(arguments).current_dir(self.0.path()).status();
        made.is_ok_and(|status| status.success())
    }

    fn check(&self) -> Output {
        let limits = format!(
            "ulimit -d {MEMORY} && ulimit -t {SECONDS} && exec timeout {HANGS} \"$0\" \"$@\""
        );
        Command::new("sh")
            .args(["-c", &limits])
            .arg(Path::new(env!("CARGO_BIN_EXE_envsim")))
            .args(["prod-check", "--static", "--format", "json"])
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .output()
            .expect("sh can be started")
    }

    /// The report, where the only host is that of `app.py` and those of `more`.
    #[track_caller]
    fn finds(&self, more: &[&str]) -> serde_json::Value {
        let output = self.check();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{}: {said}", output.status);
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("the report is JSON");
        let findings = report["findings"].as_array().expect("a list");
        let mut found: Vec<&str> = findings
            .iter()
            .filter(|finding| finding["code"] == "H001")
            .filter_map(|finding| finding["locations"][0]["path"].as_str())
            .collect();
        found.sort_unstable();
        let mut expected = vec!["app.py"];
        expected.extend(more);
        expected.sort_unstable();
        assert_eq!(found, expected);
        report
    }
}

#[test]
fn a_line_of_two_gigabytes_is_passed_over() {
    let project = Project::new();
    for name in ["huge.py", "huge.yml", "huge", ".env.production"] {
        let file = std::fs::File::create(project.path(name)).expect("a file");
        file.set_len(2 << 30).expect("a sparse file");
    }
    project.finds(&[]);
}

#[test]
fn an_ignore_file_or_a_dockerfile_of_two_gigabytes_is_told_with_its_name() {
    for name in [".dockerignore", "Dockerfile"] {
        let project = Project::new();
        let file = std::fs::File::create(project.path(name)).expect("a file");
        file.set_len(2 << 30).expect("a sparse file");
        let output = project.check();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains(name) && said.contains("the limit is"),
            "{said}"
        );
        // What needs the image is then not checked, and that is in the report.
        assert_eq!(output.status.code(), Some(0), "{said}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
        let not_checked = report["not_checked"].as_array().expect("a list");
        let mut rules = not_checked.iter().map(|one| &one["rule"]);
        assert!(
            rules.any(|rule| rule == "service-host-in-source"),
            "{report:#}"
        );
    }
}

#[test]
fn binaries_and_text_in_other_encodings_are_no_text_to_search() {
    let project = Project::new();
    project.write("a.py", b"host = 'db'\n\0\x01\x02");
    let utf16: Vec<u8> = "host = 'db'\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    project.write("b.py", utf16);
    project.write("c.py", vec![0xff; 100_000]);
    // Latin-1 with a little that is not ASCII is a text all the same.
    let latin = [
        b"# caf\xe9\n".as_slice(),
        &b"# coffee\n".repeat(20),
        b"host = 'db'\n",
    ]
    .concat();
    project.write("d.py", latin);
    project.finds(&["d.py"]);
}

#[test]
fn links_that_lead_in_a_circle_or_nowhere_are_not_followed() {
    let project = Project::new();
    for (target, link) in [
        ("loop", "loop"),
        (".", "self"),
        ("/", "root"),
        ("gone", "gone.py"),
    ] {
        std::os::unix::fs::symlink(target, project.path(link)).expect("a link");
    }
    project.finds(&[]);
}

#[test]
fn pipes_sockets_and_devices_are_never_opened() {
    let project = Project::new();
    assert!(project.make("mkfifo", &["pipe.py"]));
    let _socket =
        std::os::unix::net::UnixListener::bind(project.path("socket.py")).expect("a socket");
    // A device takes rights that not everybody has; without it the others are shown.
    project.make("mknod", &["zero.py", "c", "1", "5"]);
    project.finds(&[]);
}

#[test]
fn a_pipe_or_a_device_that_is_mounted_is_never_opened() {
    let project = Project::new();
    assert!(project.make("mkfifo", &["pipe.conf"]));
    let mounts = "    volumes: ['./pipe.conf:/etc/pipe.conf', '/dev/zero:/etc/zero.conf']\n";
    project.write(
        "compose.yaml",
        COMPOSE.replace("    build: .\n", &format!("    build: .\n{mounts}")),
    );
    project.finds(&[]);
}

#[test]
fn names_with_line_breaks_and_bytes_that_are_no_text_are_searched_and_shown() {
    let project = Project::new();
    project.write("a\nb.py", "host = 'db'\n");
    project.write(OsStr::from_bytes(b"caf\xe9.py"), "host = 'db'\n");
    let report = project.finds(&["a\u{fffd}b.py", "caf\u{fffd}.py"]);
    let not_checked = report["not_checked"].to_string();
    assert!(!not_checked.contains("could be read"), "{not_checked}");
}

#[test]
fn a_file_that_may_not_be_read_is_told_and_the_others_are_searched() {
    let project = Project::new();
    project.write("secret.py", "host = 'db'\n");
    let mut rights = std::fs::metadata(project.path("secret.py"))
        .expect("a file")
        .permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0);
    std::fs::set_permissions(project.path("secret.py"), rights).expect("rights");
    if std::fs::File::open(project.path("secret.py")).is_ok() {
        // Root may read everything.
        project.finds(&["secret.py"]);
        return;
    }
    let report = project.finds(&[]);
    let not_checked = report["not_checked"].to_string();
    assert!(not_checked.contains("secret.py"), "{not_checked}");
}

#[test]
fn directories_as_deep_as_a_path_can_be_are_walked() {
    let project = Project::new();
    let mut deep = project.0.path().to_owned();
    while deep.as_os_str().len() < 3800 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).expect("directories");
    std::fs::write(deep.join("deep.py"), "host = 'db'\n").expect("a file");
    let shown = deep
        .strip_prefix(project.0.path())
        .expect("below")
        .join("deep.py");
    project.finds(&[&shown.to_string_lossy()]);
}

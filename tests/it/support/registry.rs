//! An image registry of its own for a test: the program that `scripts/registry` makes sure of.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{free_port, get, until};

/// A registry on 127.0.0.1, which engines take without TLS. Dropping it ends it and removes its images
/// from the engine.
pub struct Registry {
    child: Child,
    port: u16,
    directory: TempDir,
    pushed: std::cell::RefCell<Vec<String>>,
}

/// The variable that names a program.
const VARIABLE: &str = "ENVSIM_REGISTRY";
/// The port may be taken by somebody else between the look and the start.
const ATTEMPTS: u32 = 5;

impl Registry {
    /// Starts one. Without its program: none, with a word why, or a failed test when `ENVSIM_REQUIRE_ENGINE=1`.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            let required = std::env::var("ENVSIM_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
            let message = format!(
                "there is no registry: run scripts/registry, which gets one, or name one in {VARIABLE}"
            );
            assert!(!required, "{message}");
            eprintln!("skipped: {message}");
            return None;
        };
        let directory = tempfile::Builder::new()
            .prefix("envsim-it-registry-")
            .tempdir()
            .expect("a temporary directory");
        for _ in 0..ATTEMPTS {
            let port = free_port();
            let mut child = serve(&program, directory.path(), port);
            let up = until("the registry", || {
                let ended = child.try_wait().expect("a child can be asked").is_some();
                let answers = get(port, "/v2/").is_some_and(|answer| answer.contains(" 200 "));
                (ended || answers).then_some(!ended)
            });
            if up {
                return Some(Self {
                    child,
                    port,
                    directory,
                    pushed: std::cell::RefCell::default(),
                });
            }
        }
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("{} does not start:\n{log}", program.display());
    }

    /// Pushes an image of the engine as `name`, with the tag `latest`, and gives the name without the tag.
    #[track_caller]
    pub fn push(&self, image: &str, name: &str) -> String {
        let repository = format!("127.0.0.1:{}/{name}", self.port);
        docker(&["tag", image, &repository]);
        docker(&["push", "-q", &repository]);
        self.pushed.borrow_mut().push(repository.clone());
        repository
    }

    /// Takes all names of a pushed image from the engine, as if it had never been there.
    pub fn forget(&self, repository: &str) {
        let format = "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}";
        let arguments = ["image", "ls", "--digests", "--format", format, repository];
        let listed = Command::new("docker").args(arguments).output();
        let listed = listed.map(|output| output.stdout).unwrap_or_default();
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let named = |name: &&str| !name.ends_with("<none>");
        for name in listed.split_whitespace().filter(named) {
            // The last tag takes the digests with it.
            let _ = Command::new("docker").args(["image", "rm", name]).output();
        }
    }

    /// The digest of `latest`, as the registry has it.
    #[track_caller]
    pub fn digest(&self, repository: &str) -> String {
        let name = repository.split_once('/').map_or("", |(_, name)| name);
        let tag = self.directory.path().join(format!(
            "data/docker/registry/v2/repositories/{name}/_manifests/tags/latest/current/link"
        ));
        std::fs::read_to_string(&tag).unwrap_or_else(|error| panic!("{}: {error}", tag.display()))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for repository in self.pushed.borrow().iter() {
            self.forget(repository);
        }
        // It has nothing to finish.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{VARIABLE}: {} is no file", path.display());
        return Some(path);
    }
    let target = Path::new(env!("CARGO_BIN_EXE_envsim")).ancestors().nth(2)?;
    let unpacked = target.join("registry/usr/bin/docker-registry");
    let search = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&search).map(|folder| folder.join("docker-registry"));
    on_path.chain([unpacked]).find(|path| path.is_file())
}

fn serve(program: &Path, directory: &Path, port: u16) -> Child {
    let data = directory.join("data");
    let configuration = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}', secret: of no use}}\n",
        data.display()
    );
    let file = directory.join("registry.yaml");
    std::fs::write(&file, configuration).expect("a file can be written");
    let log = std::fs::File::create(directory.join("log")).expect("a file can be written");
    Command::new(program)
        .arg("serve")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the registry can be started")
}

#[track_caller]
fn docker(arguments: &[&str]) {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("docker can be started");
    assert!(
        output.status.success(),
        "docker {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
}

//! What is in the engine, seen through envsim's own client.

use std::collections::BTreeSet;
use std::io::Read;

use envsim::engine::{
    ArchiveReader, ContainerSpec, ContainerState, Engine, ExecSpec, ListedContainer,
};
use envsim::labels;
use tokio::runtime::Runtime;

/// A connection to the engine.
pub struct Eye {
    runtime: Runtime,
    engine: Engine,
}

impl Eye {
    /// Connects. Where no engine answers: none, with a word why, or a failed test when
    /// `ENVSIM_REQUIRE_ENGINE=1`.
    #[track_caller]
    pub fn open() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        match runtime.block_on(Engine::connect()) {
            Ok(engine) => Some(Self { runtime, engine }),
            Err(error) => {
                let required =
                    std::env::var("ENVSIM_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
                assert!(
                    !required,
                    "ENVSIM_REQUIRE_ENGINE=1 and no engine answers: {error}"
                );
                eprintln!("skipped: no engine answers: {error}");
                None
            }
        }
    }

    /// Containers of `project`, stopped ones too.
    pub fn containers(&self, project: &str) -> Vec<ListedContainer> {
        self.runtime
            .block_on(self.engine.containers(&[(labels::PROJECT, project)], true))
            .expect("a list of containers")
    }

    /// State of the container of `service` in `mode`.
    pub fn service(&self, project: &str, mode: &str, service: &str) -> Option<ContainerState> {
        let filter = [
            (labels::PROJECT, project),
            (labels::MODE, mode),
            (labels::SERVICE, service),
            (labels::ROLE, "service"),
        ];
        let found = self
            .runtime
            .block_on(self.engine.containers(&filter, true))
            .expect("a list of containers");
        let id = &found.first()?.id;
        self.runtime
            .block_on(self.engine.inspect(id))
            .expect("the state of a container")
    }

    /// Runs a command in a container and gives its exit code and stdout.
    pub fn exec(&self, container: &str, command: &[&str]) -> (i64, String) {
        let spec = ExecSpec {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            ..ExecSpec::default()
        };
        let result = self
            .runtime
            .block_on(self.engine.exec(container, spec))
            .expect("a command can be run");
        (result.exit_code, result.stdout_text())
    }

    /// Kills the container's processes and starts it again.
    pub fn restart(&self, container: &str) {
        self.runtime
            .block_on(self.engine.restart(container, 0))
            .expect("a container can be restarted");
    }

    /// What `read` makes of each entry at and below a path of a container.
    pub fn tree<T: Send + 'static>(
        &self,
        container: &str,
        path: &str,
        read: impl Fn(&mut tar::Entry<'_, ArchiveReader>) -> T + Send + 'static,
    ) -> Vec<T> {
        self.runtime.block_on(async {
            let archive = self.engine.open_archive(container, path).await;
            let archive = archive.expect("an answer").expect("the path is there");
            let entries = tokio::task::spawn_blocking(move || {
                let mut archive = tar::Archive::new(archive);
                let entries = archive.entries().expect("entries");
                entries
                    .map(|entry| read(&mut entry.expect("an entry")))
                    .collect()
            });
            entries.await.expect("the archive is read")
        })
    }

    /// Absolute paths of the files and links that an image has below a directory. The container that is made for it
    /// belongs to `project`.
    pub fn files_of_image(&self, project: &str, image: &str, directory: &str) -> BTreeSet<String> {
        let parent = directory.rsplit_once('/').map_or("", |(parent, _)| parent);
        let files = self.archive_of_image(project, image, directory);
        let files = files.expect("the directory").into_iter();
        files.map(|(path, _)| format!("{parent}/{path}")).collect()
    }

    /// The content of a file of an image; none when it has none.
    pub fn file_of_image(&self, project: &str, image: &str, path: &str) -> Option<Vec<u8>> {
        let files = self.archive_of_image(project, image, path)?;
        files.into_iter().next().map(|(_, content)| content)
    }

    fn archive_of_image(
        &self,
        project: &str,
        image: &str,
        path: &str,
    ) -> Option<Vec<(String, Vec<u8>)>> {
        let labels = [(labels::PROJECT, project), (labels::MODE, "prod-check")];
        let spec = ContainerSpec {
            image: image.to_owned(),
            command: Some(vec!["never".to_owned()]),
            labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..ContainerSpec::default()
        };
        self.runtime.block_on(async {
            let id = self
                .engine
                .create_container(&spec)
                .await
                .expect("a container");
            let archive = self
                .engine
                .open_archive(&id, path)
                .await
                .expect("an answer");
            let read = archive.map(|archive| tokio::task::spawn_blocking(move || files(archive)));
            let files = match read {
                Some(read) => Some(read.await.expect("the archive is read")),
                None => None,
            };
            self.engine
                .remove_container(&id, true, true)
                .await
                .expect("it is removed");
            files
        })
    }

    /// Names of the volumes of `project`.
    pub fn volumes(&self, project: &str) -> Vec<String> {
        let found = self
            .runtime
            .block_on(self.engine.volumes(&[(labels::PROJECT, project)]))
            .expect("a list of volumes");
        found.into_iter().map(|volume| volume.name).collect()
    }

    /// Tags of the images of `project`.
    pub fn images(&self, project: &str) -> Vec<String> {
        let found = self
            .runtime
            .block_on(
                self.engine
                    .images_with_labels(&[(labels::PROJECT, project)]),
            )
            .expect("a list of images");
        found
            .into_iter()
            .map(|image| image.tags.join(" "))
            .collect()
    }

    /// Containers and networks of `project`, each with a word what it is.
    pub fn running_parts(&self, project: &str) -> Vec<String> {
        let networks = self
            .runtime
            .block_on(self.engine.networks(&[(labels::PROJECT, project)]))
            .expect("a list of networks");
        let networks = networks
            .into_iter()
            .map(|network| format!("network {}", network.name));
        let containers = self
            .containers(project)
            .into_iter()
            .map(|one| format!("container {}", one.name));
        containers.chain(networks).collect()
    }

    /// Everything of `project`, each with a word what it is.
    pub fn everything(&self, project: &str) -> Vec<String> {
        let mut all = self.running_parts(project);
        all.extend(
            self.volumes(project)
                .into_iter()
                .map(|name| format!("volume {name}")),
        );
        all.extend(
            self.images(project)
                .into_iter()
                .map(|name| format!("image {name}")),
        );
        all
    }
}

/// Path and content of all entries that are no directories.
fn files(archive: impl std::io::Read) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let mut files = Vec::new();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let path = entry.path().expect("a path").display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its content");
        files.push((path, content));
    }
    files
}

//! Images: what the engine has, and getting more of them.

use std::collections::BTreeMap;

use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    CreateImageOptions, ImportImageOptions, ListImagesOptions, RemoveImageOptions, TagImageOptions,
};
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::container_spec::Health;
use super::error::from_bollard;
use super::{Engine, EngineError, TarSource, credentials, label_filter};

/// An image reference taken apart the way docker does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// `docker.io` when none is written.
    pub registry: String,
    /// With `library/` for Docker Hub's own images.
    pub repository: String,
    /// `latest` when neither tag nor digest is written.
    pub tag: Option<String>,
    /// `sha256:…`
    pub digest: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageInfo {
    pub id: String,
    pub repo_tags: Vec<String>,
    pub repo_digests: Vec<String>,
    pub arch: String,
    pub os: String,
    pub variant: Option<String>,
    pub size: u64,
    /// RFC 3339.
    pub created: Option<String>,
    /// Digests of the unpacked layers, lowest first.
    pub layers: Vec<String>,
    pub config: ImageConfig,
}

/// What the image says about how to run it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    pub env: Vec<String>,
    pub cmd: Option<Vec<String>>,
    pub entrypoint: Option<Vec<String>>,
    pub exposed_ports: Vec<(u16, String)>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub volumes: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub stop_signal: Option<String>,
    pub healthcheck: Option<Health>,
    pub shell: Option<Vec<String>>,
    pub on_build: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedImage {
    pub id: String,
    pub tags: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// No tag names it any more.
    pub dangling: bool,
    /// Seconds since 1970.
    pub created: i64,
    pub size: u64,
}

/// One step of a pull. `layer` is absent for messages about the whole image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullProgress {
    pub layer: Option<String>,
    pub status: String,
    pub current: Option<u64>,
    pub total: Option<u64>,
}

impl Reference {
    pub fn parse(text: &str) -> Reference {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_string())),
            None => (text, None),
        };
        let last = name.rfind('/').map_or(0, |i| i + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(i) => (&name[..last + i], Some(name[last + i + 1..].to_string())),
            None => (name, None),
        };
        let tag = match (&tag, &digest) {
            (None, None) => Some("latest".to_string()),
            _ => tag,
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first.to_string(), rest.to_string())
            }
            _ => ("docker.io".to_string(), name.to_string()),
        };
        let repository = if registry == "docker.io" && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository
        };
        Reference {
            registry,
            repository,
            tag,
            digest,
        }
    }

    /// Nothing left to default: `docker.io/library/redis:7`.
    pub fn full(&self) -> String {
        let mut text = format!("{}/{}", self.registry, self.repository);
        if let Some(tag) = &self.tag {
            text.push_str(&format!(":{tag}"));
        }
        if let Some(digest) = &self.digest {
            text.push_str(&format!("@{digest}"));
        }
        text
    }

    /// The digest that the registry of this reference knows an image by, out of the image's
    /// `RepoDigests`. Another registry may know the same image by another digest.
    pub fn digest_among(&self, repo_digests: &[String]) -> Option<String> {
        let all = repo_digests.iter().map(|known| Self::parse(known));
        let mut own = all
            .filter(|known| known.registry == self.registry && known.repository == self.repository);
        own.find_map(|known| known.digest)
    }
}

impl Engine {
    /// The image, or `None` when the engine does not have it.
    pub async fn image(&self, reference: &str) -> Result<Option<ImageInfo>, EngineError> {
        let doing = format!("looking at image `{reference}`");
        match self
            .call(&doing, self.docker.inspect_image(reference))
            .await
        {
            Ok(image) => Ok(Some(read_image(image))),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// What made each step of the image, the first one first, in the builder's words.
    pub async fn history(&self, reference: &str) -> Result<Vec<String>, EngineError> {
        let doing = format!("reading the history of image `{reference}`");
        let steps = self
            .call(&doing, self.docker.image_history(reference))
            .await?;
        Ok(steps
            .into_iter()
            .rev()
            .map(|step| step.created_by)
            .collect())
    }

    /// Seconds since 1970 when the name was last given to the image, by a pull or a build.
    pub async fn last_tagged(&self, reference: &str) -> Result<Option<i64>, EngineError> {
        let doing = format!("looking at image `{reference}`");
        let path = format!("/images/{}/json", super::raw::percent(reference));
        let found: serde_json::Value = self.get_json(&doing, &path).await?;
        let written = found["Metadata"]["LastTagTime"].as_str();
        Ok(written
            .and_then(super::clock::parse)
            .map(|(seconds, _)| seconds))
    }

    /// Pulls an image with the user's own credentials, if there are any for its registry.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        on: &mut (dyn FnMut(PullProgress) + Send),
    ) -> Result<(), EngineError> {
        let parsed = Reference::parse(reference);
        let (login, login_failure) = match credentials::for_registry(&parsed.registry).await {
            Ok(found) => (found, None),
            Err(why) => (None, Some(why)),
        };
        let login = login.map(|c| DockerCredentials {
            username: Some(c.username).filter(|v| !v.is_empty()),
            password: Some(c.password).filter(|v| !v.is_empty()),
            identitytoken: Some(c.identity_token).filter(|v| !v.is_empty()),
            serveraddress: Some(parsed.registry.clone()),
            ..Default::default()
        });
        let options = CreateImageOptions {
            from_image: Some(format!("{}/{}", parsed.registry, parsed.repository)),
            // The engine takes a digest in the tag's place.
            tag: parsed.digest.clone().or(parsed.tag.clone()),
            platform: platform.unwrap_or_default().to_string(),
            ..Default::default()
        };
        let mut progress = self.docker.create_image(Some(options), None, login);
        while let Some(step) = progress.next().await {
            let step = step.map_err(|e| {
                pull_failure(reference, &parsed.registry, login_failure.as_deref(), e)
            })?;
            on(PullProgress {
                layer: step.id.filter(|id| !id.is_empty()),
                status: step.status.unwrap_or_default(),
                current: step
                    .progress_detail
                    .as_ref()
                    .and_then(|p| p.current?.try_into().ok()),
                total: step
                    .progress_detail
                    .as_ref()
                    .and_then(|p| p.total?.try_into().ok()),
            });
        }
        Ok(())
    }

    /// Loads what `docker save` wrote, and returns the names or ids it brought.
    pub async fn load_image(&self, tar: impl Into<TarSource>) -> Result<Vec<String>, EngineError> {
        let doing = "loading an image archive";
        let (body, failure) = tar.into().into_body();
        let mut said = self
            .docker
            .import_image(ImportImageOptions::default(), body, None);
        let mut loaded = Vec::new();
        while let Some(step) = said.next().await {
            let step = step.map_err(|e| match failure.take() {
                Some(why) => EngineError::other("reading the image archive", why),
                None => from_bollard(doing, e),
            })?;
            let line = step.stream.unwrap_or_default();
            for prefix in ["Loaded image: ", "Loaded image ID: ", "Loaded image(s): "] {
                if let Some(names) = line.trim().strip_prefix(prefix) {
                    loaded.extend(names.split(',').map(|n| n.trim().to_string()));
                }
            }
        }
        Ok(loaded)
    }

    /// Sends the archive that `docker save` writes of the image, piece by piece, until all of it is
    /// sent or nobody takes it any more.
    pub async fn save_image(
        &self,
        reference: &str,
        to: tokio::sync::mpsc::Sender<bytes::Bytes>,
    ) -> Result<(), EngineError> {
        let doing = format!("reading the layers of image `{reference}`");
        let mut archive = std::pin::pin!(self.docker.export_image(reference));
        while let Some(piece) = archive.next().await {
            let piece = piece.map_err(|e| from_bollard(&doing, e))?;
            if to.send(piece).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Gives an image another name.
    pub async fn tag(&self, image: &str, new_name: &str) -> Result<(), EngineError> {
        let (repo, tag) = match new_name.rsplit_once(':') {
            Some((repo, tag)) if !tag.contains('/') => (repo, Some(tag.to_string())),
            _ => (new_name, None),
        };
        let options = TagImageOptions {
            repo: Some(repo.to_string()),
            tag,
        };
        let doing = format!("tagging image `{image}` as `{new_name}`");
        self.call(&doing, self.docker.tag_image(image, Some(options)))
            .await
    }

    /// Removes a name, and the image with its last name. False when it was not there.
    pub async fn remove_image(&self, reference: &str, force: bool) -> Result<bool, EngineError> {
        let options = RemoveImageOptions {
            force,
            noprune: false,
            platforms: None,
        };
        let doing = format!("removing image `{reference}`");
        gone(
            self.call(
                &doing,
                self.docker.remove_image(reference, Some(options), None),
            )
            .await
            .map(|_| ()),
        )
    }

    pub async fn images_with_labels(
        &self,
        labels: &[(&str, &str)],
    ) -> Result<Vec<ListedImage>, EngineError> {
        let options = ListImagesOptions {
            filters: Some(label_filter(labels)),
            ..Default::default()
        };
        let images = self
            .call("listing images", self.docker.list_images(Some(options)))
            .await?;
        Ok(images
            .into_iter()
            .map(|image| {
                let tags: Vec<String> = image
                    .repo_tags
                    .into_iter()
                    .filter(|t| t != "<none>:<none>")
                    .collect();
                ListedImage {
                    id: image.id,
                    dangling: tags.is_empty(),
                    tags,
                    labels: image.labels.into_iter().collect(),
                    created: image.created,
                    size: image.size.try_into().unwrap_or(0),
                }
            })
            .collect())
    }
}

/// Turns "it is not there" into `false`, for removals.
pub(super) fn gone(outcome: Result<(), EngineError>) -> Result<bool, EngineError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(e) if e.is_not_found() => Ok(false),
        Err(e) => Err(e),
    }
}

fn pull_failure(
    image: &str,
    registry: &str,
    login_failure: Option<&str>,
    error: bollard::errors::Error,
) -> EngineError {
    let sorted = from_bollard(&format!("pulling image `{image}`"), error);
    let said = match &sorted {
        EngineError::Other { message, .. } | EngineError::Conflict { message, .. } => {
            message.clone()
        }
        EngineError::Denied { message, .. } => message.clone(),
        EngineError::ImageNotFound { detail, .. } => detail.clone(),
        EngineError::NotFound { .. } => sorted.to_string(),
        _ => return sorted,
    };
    let mut detail = if registry_unreachable(&said) {
        format!("the registry `{registry}` could not be reached from the engine ({said})")
    } else {
        said
    };
    if let Some(why) = login_failure {
        detail.push_str(&format!("; it was asked for anonymously, because {why}"));
    }
    EngineError::ImageNotFound {
        image: image.to_string(),
        detail,
    }
}

/// The name lookup or the connection failed, rather than the registry saying no.
pub(super) fn registry_unreachable(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    [
        "dial tcp",
        "no such host",
        "i/o timeout",
        "request canceled while waiting for connection",
        "context deadline exceeded",
        "connection refused",
        "network is unreachable",
        "tls handshake timeout",
        "server misbehaving",
        "failed to do request",
        "pinging container registry",
        "proxyconnect",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

/// "80/tcp" as the engine writes ports.
pub(super) fn read_port(text: &str) -> Option<(u16, String)> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    Some((port.parse().ok()?, protocol.to_string()))
}

fn read_image(image: ImageInspect) -> ImageInfo {
    let created = image.created.map(super::clock::written);
    let config = image.config.unwrap_or_default();
    let some = |s: Option<String>| s.filter(|v| !v.is_empty());
    let filled = |v: Option<Vec<String>>| v.filter(|v| !v.is_empty());
    let mut exposed_ports: Vec<(u16, String)> = config
        .exposed_ports
        .iter()
        .flatten()
        .filter_map(|p| read_port(p))
        .collect();
    exposed_ports.sort();
    let mut volumes = config.volumes.unwrap_or_default();
    volumes.sort();
    ImageInfo {
        id: image.id.unwrap_or_default(),
        repo_tags: image.repo_tags.unwrap_or_default(),
        repo_digests: image.repo_digests.unwrap_or_default(),
        arch: super::info::normal_arch(&image.architecture.unwrap_or_default()),
        os: image.os.unwrap_or_default(),
        variant: some(image.variant),
        size: image.size.and_then(|s| s.try_into().ok()).unwrap_or(0),
        created,
        layers: image
            .root_fs
            .and_then(|root| root.layers)
            .unwrap_or_default(),
        config: ImageConfig {
            env: config.env.unwrap_or_default(),
            cmd: filled(config.cmd),
            entrypoint: filled(config.entrypoint),
            exposed_ports,
            user: some(config.user),
            working_dir: some(config.working_dir),
            volumes,
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            stop_signal: some(config.stop_signal),
            healthcheck: config.healthcheck.map(Health::from_engine),
            shell: filled(config.shell),
            on_build: config.on_build.unwrap_or_default(),
        },
    }
}

/// For calls whose 404 means the image: creating a container, mostly.
pub(super) fn name_image(error: EngineError, image: &str) -> EngineError {
    match error {
        EngineError::ImageNotFound { detail, .. } => EngineError::ImageNotFound {
            image: image.to_string(),
            detail,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::classify;
    use super::*;

    #[test]
    fn references() {
        for (text, full) in [
            ("redis", "docker.io/library/redis:latest"),
            ("redis:7", "docker.io/library/redis:7"),
            ("me/app", "docker.io/me/app:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:1", "localhost:5000/app:1"),
            ("r.example/a/b/c", "r.example/a/b/c:latest"),
            ("redis@sha256:ab", "docker.io/library/redis@sha256:ab"),
            ("redis:7@sha256:ab", "docker.io/library/redis:7@sha256:ab"),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:v1",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:v1",
            ),
        ] {
            assert_eq!(Reference::parse(text).full(), full);
        }
    }

    #[test]
    fn an_image_that_two_registries_have_is_named_by_the_digest_of_the_one_that_was_written() {
        let known = [
            "r.example/library/redis@sha256:1".to_owned(),
            "redis@sha256:2".to_owned(),
        ];
        let digest = |text: &str| Reference::parse(text).digest_among(&known);
        assert_eq!(digest("redis:7").as_deref(), Some("sha256:2"));
        assert_eq!(
            digest("r.example/library/redis").as_deref(),
            Some("sha256:1")
        );
        assert_eq!(digest("r.example/redis"), None);
    }

    #[test]
    fn pull_errors_name_the_registry() {
        let said = "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io on 10.0.0.2:53: no such host";
        let e = pull_failure(
            "redis:7",
            "docker.io",
            Some("credential helper `docker-credential-x` failed"),
            bollard::errors::Error::DockerStreamError {
                error: said.to_string(),
            },
        );
        let text = e.to_string();
        assert!(matches!(e, EngineError::ImageNotFound { ref image, .. } if image == "redis:7"));
        assert!(
            text.contains("the registry `docker.io` could not be reached"),
            "{text}"
        );
        assert!(text.contains("anonymously"), "{text}");
        assert!(!registry_unreachable(
            "manifest for redis:99 not found: manifest unknown"
        ));
    }

    #[test]
    fn ports() {
        assert_eq!(read_port("80/tcp"), Some((80, "tcp".into())));
        assert_eq!(read_port("53/udp"), Some((53, "udp".into())));
        assert_eq!(read_port("x"), None);
        let e = name_image(classify("d", Some(404), "No such image: sha256:12"), "app");
        assert!(e.to_string().contains("`app`"));
    }
}

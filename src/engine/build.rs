//! Building an image from a context archive.
//!
//! BuildKit where the engine has it: one path for progress, secrets and
//! registry credentials. The build goes through the engine's `/build` call,
//! whose answer carries BuildKit's own progress records, while a [`Session`]
//! answers BuildKit's questions. Engines without BuildKit (Podman) get the
//! classic call and their text is read instead.
//!
//! Over TLS there is no session of ours. Bollard's then serves neither secrets
//! nor credentials, so a build with secrets is refused with that reason.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bollard::models::{BuildInfo, BuildInfoAux};
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use bytes::Bytes;
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::build_progress::{BuildEvent, ClassicText, Progress, failure};
use super::error::{chain, from_bollard};
use super::raw::percent;
use super::session::Session;
use super::{Engine, EngineError, TarSource};

#[derive(Debug, Clone, Default)]
pub struct BuildRequest {
    /// The name the image gets; without one only the id names it.
    pub tag: Option<String>,
    /// Name inside the context archive; `Dockerfile` when empty.
    pub dockerfile: String,
    pub target: Option<String>,
    pub args: Vec<(String, String)>,
    pub labels: BTreeMap<String, String>,
    pub secrets: Vec<BuildSecret>,
    /// `linux/arm64`
    pub platform: Option<String>,
    pub no_cache: bool,
    /// Ask the registry for newer base images.
    pub pull: bool,
    /// `name:address`
    pub extra_hosts: Vec<String>,
    /// `host`, `none` or a network's name (classic builder only).
    pub network: Option<String>,
    pub shm_size: Option<u64>,
    /// Engines before API 1.42 have none with BuildKit.
    pub ulimits: Vec<super::Ulimit>,
    pub cache_from: Vec<String>,
}

/// A value for `RUN --mount=type=secret,id=…`. Its debug form does not show it.
#[derive(Clone)]
pub struct BuildSecret {
    pub id: String,
    pub bytes: Bytes,
}

impl std::fmt::Debug for BuildSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BuildSecret({}, {} bytes)", self.id, self.bytes.len())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltImage {
    pub id: String,
}

impl Engine {
    /// Builds an image. `on` hears everything that happens, in the engine's order.
    ///
    /// Dropping the future cancels the build.
    pub async fn build(
        &self,
        request: BuildRequest,
        context: impl Into<TarSource>,
        on: &mut (dyn FnMut(BuildEvent) + Send),
    ) -> Result<BuiltImage, EngineError> {
        let buildkit = self.has_buildkit();
        if !request.secrets.is_empty() && (!buildkit || self.shared.dial.is_none()) {
            return Err(EngineError::other(
                "starting a build with secrets",
                if buildkit {
                    "secrets cannot be served to an engine that is reached over TLS; reach it over a socket"
                } else {
                    "this engine has no BuildKit, and the classic builder has no secrets"
                },
            ));
        }
        let session_id = new_session_id();
        let session = match &self.shared.dial {
            Some(dial) if buildkit => Some(
                Session::open(dial, self.shared.api, &session_id, request.secrets.clone())
                    .await
                    .map_err(|e| EngineError::other("opening a build session", chain(&e)))?,
            ),
            _ => None,
        };

        let (body, context_failure) = context.into().into_body();
        let query = query(&request, buildkit.then_some(session_id.as_str()));
        // Bollard's own BuildKit call opens a session of its own under our id, so ours uses its
        // classic call and corrects the query, which also carries what bollard has no field for.
        let ours = session.is_some() || !buildkit;
        let docker = self.redirected(format!("/build?{query}"), "/build");
        let options = BuildImageOptions {
            version: if ours {
                BuilderVersion::BuilderV1
            } else {
                BuilderVersion::BuilderBuildKit
            },
            session: (!ours).then(|| session_id.clone()),
            ..Default::default()
        };
        let mut answer = docker.build_image(options, None, Some(body));

        let mut progress = Progress::default();
        let mut text = ClassicText::default();
        let mut id = None;
        let mut failed = None;
        while let Some(part) = answer.next().await {
            match part {
                Ok(BuildInfo {
                    aux: Some(BuildInfoAux::BuildKit(status)),
                    ..
                }) => {
                    progress.take(status, on);
                }
                Ok(BuildInfo {
                    aux: Some(BuildInfoAux::Default(given)),
                    ..
                }) => {
                    id = given.id.or(id);
                }
                Ok(BuildInfo {
                    stream: Some(piece),
                    ..
                }) => text.take(&piece, on),
                Ok(_) => {}
                Err(e) => {
                    failed = Some(e);
                    break;
                }
            }
        }
        drop(answer);
        drop(session);

        if let Some(error) = failed {
            if let Some(why) = context_failure.take() {
                return Err(EngineError::other("reading the build context", why));
            }
            progress.finish(on);
            text.flush(on);
            let failed = match error {
                bollard::errors::Error::DockerStreamError { error } => {
                    EngineError::build(failure(&error, &progress, &text))
                }
                other => match from_bollard("building an image", other) {
                    // The classic call answers a Dockerfile it cannot read with a status.
                    EngineError::Other {
                        status: Some(400 | 500),
                        message,
                        ..
                    } => EngineError::build(failure(&message, &progress, &text)),
                    sorted => sorted,
                },
            };
            if let (EngineError::Build(failure), Some((vertex, name))) = (&failed, text.step) {
                on(BuildEvent::Failed {
                    vertex,
                    name,
                    message: failure.message.clone(),
                });
            }
            return Err(failed);
        }
        progress.finish(on);
        text.finish(on);
        let named = id.or(text.id);
        match named.filter(|id| id.starts_with("sha256:")) {
            Some(id) => Ok(BuiltImage { id }),
            None => self.id_of(request.tag.as_deref()).await,
        }
    }

    /// The id behind the tag just built, for engines that do not tell it.
    async fn id_of(&self, tag: Option<&str>) -> Result<BuiltImage, EngineError> {
        let doing = "learning the id of the built image";
        let Some(tag) = tag else {
            return Err(EngineError::other(doing, "the engine did not tell it"));
        };
        match self.image(tag).await? {
            Some(image) => Ok(BuiltImage { id: image.id }),
            None => Err(EngineError::ImageNotFound {
                image: tag.to_string(),
                detail: "the build ended without it".to_string(),
            }),
        }
    }
}

/// Unique per build: the engine mixes up two builds that share one.
fn new_session_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    format!(
        "envsim{:x}x{:x}x{:x}",
        std::process::id(),
        now.as_nanos(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The whole query of the build call.
fn query(request: &BuildRequest, session: Option<&str>) -> String {
    let json = |v: serde_json::Value| v.to_string();
    let dockerfile = match request.dockerfile.as_str() {
        "" => "Dockerfile",
        name => name,
    };
    let mut pairs: Vec<(&str, String)> = vec![("dockerfile", dockerfile.to_string())];
    match session {
        Some(id) => {
            pairs.push(("version", "2".to_string()));
            pairs.push(("session", id.to_string()));
        }
        None => {
            pairs.push(("version", "1".to_string()));
            pairs.push(("rm", "1".to_string()));
            pairs.push(("forcerm", "1".to_string()));
        }
    }
    let optional = [
        ("t", request.tag.clone()),
        ("target", request.target.clone()),
        ("platform", request.platform.clone()),
        ("networkmode", request.network.clone()),
        ("shmsize", request.shm_size.map(|s| s.to_string())),
        ("nocache", request.no_cache.then(|| "1".to_string())),
        ("pull", request.pull.then(|| "1".to_string())),
    ];
    pairs.extend(optional.into_iter().filter_map(|(k, v)| Some((k, v?))));
    if !request.args.is_empty() {
        let args: BTreeMap<&str, &str> = request
            .args
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        pairs.push(("buildargs", json(serde_json::json!(args))));
    }
    if !request.labels.is_empty() {
        pairs.push(("labels", json(serde_json::json!(request.labels))));
    }
    if !request.cache_from.is_empty() {
        pairs.push(("cachefrom", json(serde_json::json!(request.cache_from))));
    }
    if !request.ulimits.is_empty() {
        let limits: Vec<serde_json::Value> = request
            .ulimits
            .iter()
            .map(|limit| {
                serde_json::json!({"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard})
            })
            .collect();
        pairs.push(("ulimits", json(limits.into())));
    }
    for host in &request.extra_hosts {
        pairs.push(("extrahosts", host.clone()));
    }
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(k, v)| format!("{k}={}", percent(&v)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_complete_and_escaped() {
        let request = BuildRequest {
            tag: Some("eng-a:1".into()),
            target: Some("dev".into()),
            args: vec![("A".into(), "x y&z".into())],
            extra_hosts: vec!["db:10.0.0.1".into(), "x:::1".into()],
            no_cache: true,
            shm_size: Some(1 << 40),
            ..Default::default()
        };
        assert_eq!(
            query(&request, Some("s1")),
            "dockerfile=Dockerfile&version=2&session=s1&t=eng-a%3A1&target=dev&shmsize=1099511627776&nocache=1\
             &buildargs=%7B%22A%22%3A%22x%20y%26z%22%7D&extrahosts=db%3A10.0.0.1&extrahosts=x%3A%3A%3A1"
        );
        assert!(query(&request, None).contains("version=1&rm=1&forcerm=1"));
        assert_ne!(new_session_id(), new_session_id());
    }
}

//! Files into and out of a container's file system, as archives.

use bollard::query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};

use super::archive_reader::ArchiveReader;
use super::container::short;
use super::error::from_bollard;
use super::{Engine, EngineError, TarSource};

/// What differs between a container's file system and its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub path: String,
    pub kind: ChangeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Modified,
    Added,
    Deleted,
}

impl Engine {
    /// Unpacks an archive into a folder of the container, which may be stopped. The folder must
    /// exist. Owners are taken from the archive.
    pub async fn put_archive(
        &self,
        id: &str,
        path: &str,
        tar: impl Into<TarSource>,
    ) -> Result<(), EngineError> {
        let doing = format!("copying files into container `{}`", short(id));
        let (body, failure) = tar.into().into_body();
        let options = UploadToContainerOptions {
            path: path.to_string(),
            ..Default::default()
        };
        // No deadline: an archive takes as long as it is large.
        self.docker
            .upload_to_container(id, Some(options), body)
            .await
            .map_err(|e| match failure.take() {
                Some(why) => EngineError::other("making the archive", why),
                None => from_bollard(&doing, e),
            })
    }

    /// The file or folder as an archive whose first entry is named after it.
    pub fn get_archive(
        &self,
        id: &str,
        path: &str,
    ) -> impl Stream<Item = Result<Bytes, EngineError>> + Send + use<> {
        let doing = format!("copying `{path}` out of container `{}`", short(id));
        let options = DownloadFromContainerOptions {
            path: path.to_string(),
        };
        let bytes: std::pin::Pin<Box<dyn Stream<Item = _> + Send>> =
            Box::pin(self.docker.download_from_container(id, Some(options)));
        bytes.map(move |piece| piece.map_err(|e| from_bollard(&doing, e)))
    }

    /// [`Engine::get_archive`] for code that reads and blocks; none when nothing is at `path`.
    pub async fn open_archive(
        &self,
        id: &str,
        path: &str,
    ) -> Result<Option<ArchiveReader>, EngineError> {
        let mut stream = self.get_archive(id, path);
        // The engine's answer comes with the first piece.
        match stream.next().await {
            Some(Ok(first)) => Ok(Some(ArchiveReader::new(first, stream))),
            Some(Err(error)) if error.is_not_found() => Ok(None),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }

    /// Whether there is a file or folder at `path` in the container, its mounts included. The
    /// container may be stopped.
    pub async fn exists(&self, id: &str, path: &str) -> Result<bool, EngineError> {
        // The first piece is enough; the rest is never asked for.
        match self.get_archive(id, path).next().await {
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) if error.is_not_found() => Ok(false),
            Some(Err(error)) => Err(error),
            None => Ok(false),
        }
    }

    /// What the container has written outside of its mounts.
    pub async fn changes(&self, id: &str) -> Result<Vec<Change>, EngineError> {
        let doing = format!("listing changed files of container `{}`", short(id));
        let found = self
            .call(&doing, self.docker.container_changes(id))
            .await?
            .unwrap_or_default();
        Ok(found
            .into_iter()
            .map(|c| Change {
                path: c.path,
                kind: match c.kind as u8 {
                    1 => ChangeKind::Added,
                    2 => ChangeKind::Deleted,
                    _ => ChangeKind::Modified,
                },
            })
            .collect())
    }
}

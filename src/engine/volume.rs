//! Named volumes.

use std::collections::BTreeMap;

use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};
use serde::{Deserialize, Serialize};

use super::image::gone;
use super::{Engine, EngineError, label_filter};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeInfo {
    pub name: String,
    pub driver: String,
    /// On the engine's host.
    pub mountpoint: String,
    pub labels: BTreeMap<String, String>,
    pub options: BTreeMap<String, String>,
}

impl Engine {
    /// Makes a volume, or returns the one that has this name already, unchanged.
    pub async fn create_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        driver: Option<&str>,
        options: &BTreeMap<String, String>,
    ) -> Result<VolumeInfo, EngineError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_string()),
            driver: driver.map(str::to_string),
            driver_opts: Some(options.clone().into_iter().collect()),
            labels: Some(labels.clone().into_iter().collect()),
            ..Default::default()
        };
        let doing = format!("creating volume `{name}`");
        self.call(&doing, self.docker.create_volume(request))
            .await
            .map(read_volume)
    }

    /// The volume of this name, if there is one.
    pub async fn volume(&self, name: &str) -> Result<Option<VolumeInfo>, EngineError> {
        let doing = format!("looking at volume `{name}`");
        match self.call(&doing, self.docker.inspect_volume(name)).await {
            Ok(volume) => Ok(Some(read_volume(volume))),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub async fn volumes(&self, labels: &[(&str, &str)]) -> Result<Vec<VolumeInfo>, EngineError> {
        let options = ListVolumesOptions {
            filters: Some(label_filter(labels)),
        };
        let found = self
            .call("listing volumes", self.docker.list_volumes(Some(options)))
            .await?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(read_volume)
            .collect())
    }

    /// False when it was not there; `Conflict` while a container has it.
    pub async fn remove_volume(&self, name: &str, force: bool) -> Result<bool, EngineError> {
        let doing = format!("removing volume `{name}`");
        let options = RemoveVolumeOptions { force };
        gone(
            self.call(&doing, self.docker.remove_volume(name, Some(options)))
                .await,
        )
    }
}

fn read_volume(volume: Volume) -> VolumeInfo {
    VolumeInfo {
        name: volume.name,
        driver: volume.driver,
        mountpoint: volume.mountpoint,
        labels: volume.labels.into_iter().collect(),
        options: volume.options.into_iter().collect(),
    }
}

//! The life of a container: created, started, watched, stopped, removed.

use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, RemoveContainerOptions, RenameContainerOptions,
    RestartContainerOptions, StopContainerOptions, WaitContainerOptions,
};
use futures::StreamExt;

use super::container_spec::{ContainerSpec, NetworkMode, body};
use super::container_state::{ContainerState, Inspected, Listed, ListedContainer};
use super::image::{gone, name_image};
use super::raw::percent;
use super::{ApiVersion, Engine, EngineError, label_filter};

/// `stop` learned to take a signal with this version.
const STOP_SIGNAL_API: ApiVersion = ApiVersion(1, 42);

/// An endpoint's own hardware address counts from this version on.
const ENDPOINT_MAC_API: ApiVersion = ApiVersion(1, 44);

/// How much longer than its own timeout a stop may take before the engine is thought to hang.
const STOP_SLACK: Duration = Duration::from_secs(60);

/// Seconds from the signal to SIGKILL for a container that was made without a timeout.
const ENGINE_STOP_TIMEOUT: u32 = 10;

/// What an inspection says about stopping.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MadeWith {
    config: StopConfig,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StopConfig {
    stop_timeout: Option<u32>,
}

/// What `ps` shows of a container, a row of columns for each process.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Processes {
    #[serde(default)]
    processes: Vec<Vec<String>>,
}

impl Engine {
    /// Makes a container and connects its extra networks. When those fail, it is removed again.
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let doing = format!("creating container `{}`", spec.name);
        let options = CreateContainerOptions {
            name: Some(spec.name.clone()).filter(|n| !n.is_empty()),
            platform: spec.platform.clone().unwrap_or_default(),
        };
        let docker = match &spec.network {
            NetworkMode::Network { endpoint, .. }
                if endpoint.mac_address.is_some() && self.shared.api < ENDPOINT_MAC_API =>
            {
                self.with_mac_address(spec, endpoint.mac_address.as_deref())
            }
            _ => self.docker.clone(),
        };
        let id = self
            .call(&doing, docker.create_container(Some(options), body(spec)))
            .await
            .map_err(|e| name_image(e, &spec.image))?
            .id;
        for extra in &spec.extra_networks {
            if let Err(e) = self
                .connect_network(&extra.name, &id, &extra.endpoint)
                .await
            {
                // The first error is the one worth reporting.
                let _ = self.remove_container(&id, true, true).await;
                return Err(e);
            }
        }
        Ok(id)
    }

    /// Older engines want the address in a field of the container that bollard has no more.
    fn with_mac_address(&self, spec: &ContainerSpec, address: Option<&str>) -> bollard::Docker {
        let mut whole = serde_json::json!(body(spec));
        whole["MacAddress"] = address.into();
        self.rewritten(whole.to_string(), "/containers/create")
    }

    pub async fn start(&self, id: &str) -> Result<(), EngineError> {
        let doing = format!("starting container `{}`", short(id));
        self.call(&doing, self.docker.start_container(id, None))
            .await
    }

    /// Asks it to stop and kills it after the timeout. Fine when it has stopped already.
    pub async fn stop(
        &self,
        id: &str,
        timeout_s: u32,
        signal: Option<&str>,
    ) -> Result<(), EngineError> {
        let doing = format!("stopping container `{}`", short(id));
        let within = Duration::from_secs(timeout_s.into()) + STOP_SLACK;
        if let (Some(signal), true) = (signal, self.shared.api < STOP_SIGNAL_API) {
            return self.stop_by_hand(id, timeout_s, signal).await;
        }
        let options = StopContainerOptions {
            signal: signal.map(str::to_string),
            t: Some(timeout_s.try_into().unwrap_or(i32::MAX)),
        };
        self.call_within(
            &doing,
            within,
            self.docker.stop_container(id, Some(options)),
        )
        .await
    }

    /// Stops a container with the signal and, unless `timeout_s` is given, the timeout that it was made with.
    pub async fn stop_as_made(&self, id: &str, timeout_s: Option<u32>) -> Result<(), EngineError> {
        let doing = format!("looking at container `{}`", short(id));
        let path = format!("/containers/{}/json", percent(id));
        let seconds = match timeout_s {
            Some(seconds) => seconds,
            None => {
                let made = self.get_json::<MadeWith>(&doing, &path).await?;
                made.config.stop_timeout.unwrap_or(ENGINE_STOP_TIMEOUT)
            }
        };
        self.stop(id, seconds, None).await
    }

    /// What `stop` with a signal does, for engines whose `stop` takes none.
    async fn stop_by_hand(
        &self,
        id: &str,
        timeout_s: u32,
        signal: &str,
    ) -> Result<(), EngineError> {
        match self.kill(id, signal).await {
            Ok(()) => {}
            // Not running.
            Err(EngineError::Conflict { .. }) => return Ok(()),
            Err(e) => return Err(e),
        }
        let patience = Duration::from_secs(timeout_s.into());
        if let Ok(ended) = tokio::time::timeout(patience, self.wait(id)).await {
            return ended.map(|_| ());
        }
        match self.kill(id, "SIGKILL").await {
            Ok(()) => self.wait(id).await.map(|_| ()),
            Err(EngineError::Conflict { .. }) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Sends a signal; `Conflict` when it does not run.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let options = KillContainerOptions {
            signal: signal.to_string(),
        };
        let doing = format!("sending {signal} to container `{}`", short(id));
        self.call(&doing, self.docker.kill_container(id, Some(options)))
            .await
    }

    pub async fn restart(&self, id: &str, timeout_s: u32) -> Result<(), EngineError> {
        let options = RestartContainerOptions {
            signal: None,
            t: Some(timeout_s.try_into().unwrap_or(i32::MAX)),
        };
        let within = Duration::from_secs(timeout_s.into()) + STOP_SLACK;
        let doing = format!("restarting container `{}`", short(id));
        self.call_within(
            &doing,
            within,
            self.docker.restart_container(id, Some(options)),
        )
        .await
    }

    /// Waits until it does not run, however long that takes, and returns its exit code.
    pub async fn wait(&self, id: &str) -> Result<i64, EngineError> {
        let doing = format!("waiting for container `{}`", short(id));
        let options = WaitContainerOptions {
            condition: "not-running".to_string(),
        };
        match self.docker.wait_container(id, Some(options)).next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            // Bollard makes an error of every code but 0.
            Some(Err(BollardError::DockerContainerWaitError { error, code }))
                if error.is_empty() =>
            {
                Ok(code)
            }
            Some(Err(e)) => Err(super::error::from_bollard(&doing, e)),
            None => Err(EngineError::other(doing, "the engine ended the wait")),
        }
    }

    /// Gives a container another name; it may be running.
    pub async fn rename_container(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let options = RenameContainerOptions {
            name: name.to_string(),
        };
        let doing = format!("renaming container `{}`", short(id));
        self.call(&doing, self.docker.rename_container(id, options))
            .await
    }

    /// False when it was not there. `volumes` removes its anonymous volumes, too.
    pub async fn remove_container(
        &self,
        id: &str,
        force: bool,
        volumes: bool,
    ) -> Result<bool, EngineError> {
        let options = RemoveContainerOptions {
            v: volumes,
            force,
            link: false,
        };
        let doing = format!("removing container `{}`", short(id));
        gone(
            self.call(&doing, self.docker.remove_container(id, Some(options)))
                .await,
        )
    }

    /// By id or name; `None` when there is none.
    pub async fn inspect(&self, id: &str) -> Result<Option<ContainerState>, EngineError> {
        let doing = format!("looking at container `{}`", short(id));
        let path = format!("/containers/{}/json", percent(id));
        match self.get_json::<Inspected>(&doing, &path).await {
            Ok(found) => Ok(Some(found.into())),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The command line of a running container's PID 1, as `ps` has it; none when it does not run.
    pub async fn main_process(&self, id: &str) -> Result<Option<String>, EngineError> {
        let doing = format!("looking at the processes of container `{}`", short(id));
        let main = self.inspect(id).await?.map(|state| state.pid.to_string());
        let path = format!(
            "/containers/{}/top?ps_args={}",
            percent(id),
            percent("-eo pid,args")
        );
        let listed: Processes = self.get_json(&doing, &path).await?;
        let row = listed
            .processes
            .into_iter()
            .find(|row| row.first() == main.as_ref());
        Ok(row.map(|row| row[1..].join(" ")))
    }

    /// Containers that carry all these labels; `all` includes those that do not run.
    pub async fn containers(
        &self,
        labels: &[(&str, &str)],
        all: bool,
    ) -> Result<Vec<ListedContainer>, EngineError> {
        let path = format!(
            "/containers/json?all={all}&filters={}",
            percent(&serde_json::json!(label_filter(labels)).to_string())
        );
        let found = self
            .get_json::<Vec<Listed>>("listing containers", &path)
            .await?;
        Ok(found.into_iter().map(ListedContainer::from).collect())
    }
}

/// Ids are long; twelve characters name them in every other tool.
pub(super) fn short(id: &str) -> &str {
    if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        &id[..12]
    } else {
        id
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn ids_are_shortened_and_names_are_not() {
        assert_eq!(short(&"a".repeat(64)).len(), 12);
        assert_eq!(
            short("my-container-with-a-long-name"),
            "my-container-with-a-long-name"
        );
    }
}

//! Networks: making them, joining them, and which addresses are taken.

use std::collections::BTreeMap;

use bollard::models::{
    Ipam, IpamConfig, Network, NetworkConnectRequest, NetworkCreateRequest,
    NetworkDisconnectRequest,
};
use bollard::query_parameters::ListNetworksOptions;
use serde::{Deserialize, Serialize};

use super::container::short;
use super::container_spec::Endpoint;
use super::image::gone;
use super::{Engine, EngineError, label_filter};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSpec {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Address ranges; the engine picks one when there is none.
    pub pools: Vec<AddressPool>,
    /// What gives out addresses; `default` when absent.
    pub ipam_driver: Option<String>,
    pub ipam_options: BTreeMap<String, String>,
    /// No way out.
    pub internal: bool,
    /// `bridge` when absent.
    pub driver: Option<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub enable_ipv6: bool,
    /// Engines before API 1.48 cannot do without.
    pub enable_ipv4: Option<bool>,
    pub attachable: bool,
}

/// A range of addresses of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressPool {
    /// `172.30.1.0/24`
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    /// The part that containers get addresses from.
    pub ip_range: Option<String>,
    /// Addresses that are taken, by host name.
    pub aux_addresses: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInfo {
    pub id: String,
    pub name: String,
    pub driver: String,
    pub labels: BTreeMap<String, String>,
    pub subnets: Vec<String>,
    pub gateways: Vec<String>,
    pub internal: bool,
    pub driver_opts: BTreeMap<String, String>,
}

impl Engine {
    /// Makes a network and returns its id. A name that is taken is an error, although older
    /// engines would make a second network of that name.
    pub async fn create_network(&self, spec: &NetworkSpec) -> Result<String, EngineError> {
        if self.network(&spec.name).await?.is_some() {
            return Err(EngineError::NameInUse {
                name: spec.name.clone(),
            });
        }
        let ipam = Ipam {
            driver: spec.ipam_driver.clone(),
            options: (!spec.ipam_options.is_empty())
                .then(|| spec.ipam_options.clone().into_iter().collect()),
            config: (!spec.pools.is_empty()).then(|| {
                let pools = spec.pools.iter().map(|pool| IpamConfig {
                    subnet: pool.subnet.clone(),
                    gateway: pool.gateway.clone(),
                    ip_range: pool.ip_range.clone(),
                    auxiliary_addresses: (!pool.aux_addresses.is_empty())
                        .then(|| pool.aux_addresses.clone().into_iter().collect()),
                });
                pools.collect()
            }),
        };
        let chosen = ipam != Ipam::default();
        let request = NetworkCreateRequest {
            name: spec.name.clone(),
            driver: Some(spec.driver.clone().unwrap_or_else(|| "bridge".to_string())),
            internal: Some(spec.internal),
            attachable: Some(spec.attachable),
            enable_ipv6: spec.enable_ipv6.then_some(true),
            enable_ipv4: spec.enable_ipv4,
            ipam: chosen.then_some(ipam),
            options: Some(spec.driver_opts.clone().into_iter().collect()),
            labels: Some(spec.labels.clone().into_iter().collect()),
            ..Default::default()
        };
        let doing = format!("creating network `{}`", spec.name);
        Ok(self
            .call(&doing, self.docker.create_network(request))
            .await?
            .id)
    }

    /// False when it was not there.
    pub async fn remove_network(&self, name: &str) -> Result<bool, EngineError> {
        let doing = format!("removing network `{}`", short(name));
        gone(self.call(&doing, self.docker.remove_network(name)).await)
    }

    /// The network of exactly this name.
    pub async fn network(&self, name: &str) -> Result<Option<NetworkInfo>, EngineError> {
        // The engine's filter also finds names that only contain this one.
        let filters = [("name".to_string(), vec![name.to_string()])].into();
        let found = self.list_networks(filters).await?;
        Ok(found.into_iter().find(|n| n.name == name))
    }

    pub async fn networks(&self, labels: &[(&str, &str)]) -> Result<Vec<NetworkInfo>, EngineError> {
        self.list_networks(label_filter(labels)).await
    }

    /// Every subnet any network of the engine uses.
    pub async fn all_subnets(&self) -> Result<Vec<String>, EngineError> {
        let mut all: Vec<String> = self
            .networks(&[])
            .await?
            .into_iter()
            .flat_map(|n| n.subnets)
            .collect();
        all.sort();
        all.dedup();
        Ok(all)
    }

    pub async fn connect_network(
        &self,
        network: &str,
        container: &str,
        endpoint: &Endpoint,
    ) -> Result<(), EngineError> {
        let request = NetworkConnectRequest {
            container: container.to_string(),
            endpoint_config: Some(endpoint.settings()),
        };
        let doing = format!(
            "connecting container `{}` to network `{network}`",
            short(container)
        );
        self.call(&doing, self.docker.connect_network(network, request))
            .await
    }

    pub async fn disconnect_network(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> Result<(), EngineError> {
        let request = NetworkDisconnectRequest {
            container: container.to_string(),
            force: Some(force),
        };
        let doing = format!(
            "disconnecting container `{}` from network `{network}`",
            short(container)
        );
        self.call(&doing, self.docker.disconnect_network(network, request))
            .await
    }

    async fn list_networks(
        &self,
        filters: std::collections::HashMap<String, Vec<String>>,
    ) -> Result<Vec<NetworkInfo>, EngineError> {
        let options = ListNetworksOptions {
            filters: Some(filters),
        };
        let found = self
            .call("listing networks", self.docker.list_networks(Some(options)))
            .await?;
        Ok(found.into_iter().map(read_network).collect())
    }
}

fn read_network(network: Network) -> NetworkInfo {
    let ranges = network.ipam.and_then(|i| i.config).unwrap_or_default();
    NetworkInfo {
        id: network.id.unwrap_or_default(),
        name: network.name.unwrap_or_default(),
        driver: network.driver.unwrap_or_default(),
        labels: network.labels.unwrap_or_default().into_iter().collect(),
        subnets: ranges.iter().filter_map(|r| r.subnet.clone()).collect(),
        gateways: ranges.iter().filter_map(|r| r.gateway.clone()).collect(),
        internal: network.internal.unwrap_or(false),
        driver_opts: network.options.unwrap_or_default().into_iter().collect(),
    }
}

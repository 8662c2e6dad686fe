//! What kind of engine this is and what its host can do.

use bollard::models::SystemVersion;
use serde::{Deserialize, Serialize};

use super::{Engine, EngineError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    Docker,
    Podman,
}

/// The engine and its host. A field the engine does not tell is empty or zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    pub kind: EngineKind,
    pub version: String,
    pub api_version: String,
    pub name: String,
    /// `linux` or `windows`: what containers run on.
    pub os: String,
    /// For people: "Debian GNU/Linux 12 (bookworm)", "Docker Desktop".
    pub operating_system: String,
    pub kernel: String,
    /// `amd64`, `arm64`, …: as image platforms are written.
    pub arch: String,
    pub cgroup_version: u8,
    pub cgroup_driver: String,
    pub root_dir: String,
    pub rootless: bool,
    pub security_options: Vec<String>,
    pub cpus: u32,
    pub memory_bytes: u64,
    pub swap_limit: bool,
    pub storage_driver: String,
    pub log_driver: String,
    pub default_runtime: String,
    /// Names of the OCI runtimes.
    pub runtimes: Vec<String>,
    /// BuildKit can be asked for. Docker has it built in since 18.09, whatever
    /// builder the daemon's own default is.
    pub buildkit: bool,
    pub warnings: Vec<String>,
}

impl EngineKind {
    pub(super) fn of(version: &SystemVersion) -> EngineKind {
        let podman = version
            .components
            .iter()
            .flatten()
            .any(|c| c.name.to_ascii_lowercase().contains("podman"));
        if podman {
            EngineKind::Podman
        } else {
            EngineKind::Docker
        }
    }
}

impl Engine {
    pub async fn info(&self) -> Result<EngineInfo, EngineError> {
        let doing = "asking the engine about itself";
        let (info, version) = tokio::try_join!(
            self.call(doing, self.docker.info()),
            self.call(doing, self.docker.version()),
        )?;
        let security_options = info.security_options.unwrap_or_default();
        Ok(EngineInfo {
            kind: self.shared.kind,
            version: version.version.or(info.server_version).unwrap_or_default(),
            api_version: version.api_version.unwrap_or_default(),
            name: info.name.unwrap_or_default(),
            os: info.os_type.or(version.os).unwrap_or_default(),
            operating_system: info.operating_system.unwrap_or_default(),
            kernel: info.kernel_version.unwrap_or_default(),
            arch: normal_arch(&info.architecture.or(version.arch).unwrap_or_default()),
            cgroup_version: info
                .cgroup_version
                .and_then(|v| v.to_string().parse().ok())
                .unwrap_or(1),
            cgroup_driver: info
                .cgroup_driver
                .map(|d| d.to_string())
                .unwrap_or_default(),
            root_dir: info.docker_root_dir.unwrap_or_default(),
            rootless: security_options.iter().any(|o| o.contains("name=rootless")),
            security_options,
            cpus: info.ncpu.and_then(|n| n.try_into().ok()).unwrap_or(0),
            memory_bytes: info.mem_total.and_then(|n| n.try_into().ok()).unwrap_or(0),
            swap_limit: info.swap_limit.unwrap_or(false),
            storage_driver: info.driver.unwrap_or_default(),
            log_driver: info.logging_driver.unwrap_or_default(),
            default_runtime: info.default_runtime.unwrap_or_default(),
            runtimes: info.runtimes.unwrap_or_default().into_keys().collect(),
            buildkit: self.has_buildkit(),
            warnings: info.warnings.unwrap_or_default(),
        })
    }

    pub(super) fn has_buildkit(&self) -> bool {
        self.shared.kind == EngineKind::Docker && self.shared.server_os == "linux"
    }
}

/// Engines report the kernel's name, images carry Go's.
pub(super) fn normal_arch(arch: &str) -> String {
    match arch {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" | "arm64v8" => "arm64",
        "armv7l" | "armhf" => "arm",
        "i386" | "i686" => "386",
        other => other,
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arch_names() {
        assert_eq!(normal_arch("x86_64"), "amd64");
        assert_eq!(normal_arch("aarch64"), "arm64");
        assert_eq!(normal_arch("riscv64"), "riscv64");
    }
}

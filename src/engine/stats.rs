//! What a running container uses.

use bollard::models::{ContainerCpuStats, ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptions;
use futures::StreamExt;

use super::container::short;
use super::{Engine, EngineError};

/// Memory of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Bytes in use, without caches of files that the kernel gives up first.
    pub used: u64,
    /// The most that was ever in use, caches of files included; only kernels with cgroup v1 tell it.
    pub peak: Option<u64>,
}

/// Processor time of a container since its start, as counted at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTime {
    /// Nanoseconds that it used, on all cores together.
    pub used: u64,
    /// Nanoseconds that passed for all cores together, whoever used them.
    pub passed: u64,
    /// Cores.
    pub cores: u32,
}

impl CpuTime {
    /// Percent of one core between `before` and this, as `docker stats` counts them; none when no time passed, and
    /// when the container began anew.
    pub fn percent_since(&self, before: &Self) -> Option<f64> {
        let used = self.used.checked_sub(before.used)?;
        let passed = self
            .passed
            .checked_sub(before.passed)
            .filter(|ns| *ns > 0)?;
        Some(used as f64 / passed as f64 * f64::from(self.cores) * 100.0)
    }
}

impl Engine {
    /// The memory of the container; none when it does not run.
    pub async fn memory(&self, id: &str) -> Result<Option<MemoryUse>, EngineError> {
        let doing = format!("reading the memory of container `{}`", short(id));
        let answer = self.stats(&doing, id).await?;
        Ok(answer.and_then(|answer| read(answer.memory_stats?)))
    }

    /// Memory and processor time of the container now; none when it does not run.
    pub async fn usage(&self, id: &str) -> Result<Option<(MemoryUse, CpuTime)>, EngineError> {
        let doing = format!("reading what container `{}` uses", short(id));
        let answer = self.stats(&doing, id).await?;
        Ok(answer.and_then(|answer| {
            let memory = read(answer.memory_stats?)?;
            Some((memory, cpu_time(answer.cpu_stats?)?))
        }))
    }

    async fn stats(
        &self,
        doing: &str,
        id: &str,
    ) -> Result<Option<ContainerStatsResponse>, EngineError> {
        let options = StatsOptions {
            stream: false,
            one_shot: true,
        };
        let first = async {
            let mut answers = Box::pin(self.docker.stats(id, Some(options)));
            match answers.next().await {
                Some(answer) => answer.map(Some),
                None => Ok(None),
            }
        };
        match self.call(doing, first).await {
            Ok(answer) => Ok(answer),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// As `docker stats` counts it: without `inactive_file`, under the name that the cgroup version gives it.
fn read(stats: ContainerMemoryStats) -> Option<MemoryUse> {
    let usage = stats.usage?;
    let caches = stats.stats.unwrap_or_default();
    let inactive = caches
        .get("total_inactive_file")
        .or(caches.get("inactive_file"));
    Some(MemoryUse {
        used: usage.saturating_sub(inactive.copied().unwrap_or_default()),
        peak: stats.max_usage.filter(|peak| *peak > 0),
    })
}

fn cpu_time(stats: ContainerCpuStats) -> Option<CpuTime> {
    let usage = stats.cpu_usage?;
    // Engines that do not count the cores list them.
    let listed = usage.percpu_usage.map(|cores| cores.len() as u32);
    Some(CpuTime {
        used: usage.total_usage?,
        passed: stats.system_cpu_usage?,
        cores: stats.online_cpus.filter(|count| *count > 0).or(listed)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ContainerCpuUsage;
    use std::collections::HashMap;

    #[test]
    fn caches_of_files_are_no_use_of_the_program() {
        let stats = |key: &str, peak: Option<u64>| ContainerMemoryStats {
            usage: Some(100),
            max_usage: peak,
            stats: Some(HashMap::from([(key.to_owned(), 30)])),
            ..ContainerMemoryStats::default()
        };
        let v1 = MemoryUse {
            used: 70,
            peak: Some(120),
        };
        assert_eq!(read(stats("total_inactive_file", Some(120))), Some(v1));
        assert_eq!(
            read(stats("inactive_file", None)),
            Some(MemoryUse {
                used: 70,
                peak: None
            })
        );
        // A container that does not run.
        assert_eq!(read(ContainerMemoryStats::default()), None);
    }

    #[test]
    fn processor_time_is_in_percent_of_one_core() {
        let at = |used, passed| {
            cpu_time(ContainerCpuStats {
                cpu_usage: Some(ContainerCpuUsage {
                    total_usage: Some(used),
                    percpu_usage: Some(vec![0; 4]),
                    ..ContainerCpuUsage::default()
                }),
                system_cpu_usage: Some(passed),
                ..ContainerCpuStats::default()
            })
            .expect("all is there")
        };
        // Two of four cores busy.
        assert_eq!(at(300, 800).percent_since(&at(100, 400)), Some(200.0));
        assert_eq!(at(100, 400).percent_since(&at(100, 400)), None);
        // The same name with a new container.
        assert_eq!(at(1, 800).percent_since(&at(100, 400)), None);
        assert_eq!(cpu_time(ContainerCpuStats::default()), None);
    }
}

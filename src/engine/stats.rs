//! What a running container uses.

use bollard::models::ContainerMemoryStats;
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

impl Engine {
    /// The memory of the container; none when it does not run.
    pub async fn memory(&self, id: &str) -> Result<Option<MemoryUse>, EngineError> {
        let options = StatsOptions {
            stream: false,
            one_shot: true,
        };
        let doing = format!("reading the memory of container `{}`", short(id));
        let first = async {
            let mut answers = Box::pin(self.docker.stats(id, Some(options)));
            match answers.next().await {
                Some(answer) => answer.map(Some),
                None => Ok(None),
            }
        };
        match self.call(&doing, first).await {
            Ok(answer) => Ok(answer.and_then(|answer| read(answer.memory_stats?))),
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

#[cfg(test)]
mod tests {
    use super::*;
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
}

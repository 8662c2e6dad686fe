//! What the containers of a run use, again and again, for whoever looks.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;

use super::Session;
use crate::engine::CpuTime;
use crate::event::Event;
use crate::labels;

/// Between two samples: `docker stats` takes one a second, and nobody reads numbers that fast.
const EVERY: Duration = Duration::from_secs(2);

/// Emits what each running service uses, until it is dropped. Containers are found by their labels, so those that
/// came by a rebuild are among them.
pub async fn watch(session: &Session) {
    let mut before: HashMap<String, CpuTime> = HashMap::new();
    loop {
        let mut now = HashMap::new();
        for (service, id, memory, cpu) in sample(session).await {
            let percent = before.get(&id).and_then(|before| cpu.percent_since(before));
            now.insert(id, cpu);
            session.emit(Event::Usage {
                service,
                cpu: percent,
                memory,
            });
        }
        before = now;
        tokio::time::sleep(EVERY).await;
    }
}

/// Service, container, bytes of memory and processor time of what runs; what the engine does not tell is left out
/// and asked for the next time.
async fn sample(session: &Session) -> Vec<(String, String, u64, CpuTime)> {
    let filter = session.labels.filter();
    let Ok(containers) = session.engine.containers(&filter, false).await else {
        return Vec::new();
    };
    let services = containers.into_iter().filter_map(|mut container| {
        let role = container.labels.get(labels::ROLE)?;
        let is_service = role == "service";
        let service = container.labels.remove(labels::SERVICE)?;
        is_service.then_some((service, container.id))
    });
    let all = services.map(|(service, id)| async move {
        let (memory, cpu) = session.engine.usage(&id).await.ok()??;
        Some((service, id, memory.used, cpu))
    });
    join_all(all).await.into_iter().flatten().collect()
}

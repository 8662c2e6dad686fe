//! What the engine tells of a run's containers while they are there: their environment and what they
//! have written.

use futures::future::join_all;

use crate::engine::Change;
use crate::run::Session;

/// What was seen of the containers of a run; of one that is gone, nothing.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    /// Service and its variables, `NAME=value`.
    pub environment: Vec<(String, Vec<String>)>,
    /// Service and what differs from its image outside of all mounts.
    pub changes: Vec<(String, Vec<Change>)>,
}

/// The variables of `containers` (service and id), all asked for at once.
pub async fn environment(
    session: &Session,
    containers: &[(String, String)],
) -> Vec<(String, Vec<String>)> {
    let asked = containers.iter().map(|(service, id)| async move {
        let state = session.engine.inspect(id).await.ok()??;
        Some((service.clone(), state.env))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Looks at the variables and the written files of `containers`.
pub async fn look(session: &Session, containers: &[(String, String)]) -> Inside {
    let asked = containers.iter().map(|(service, id)| async move {
        let changes = session.engine.changes(id).await.ok()?;
        Some((service.clone(), changes))
    });
    let (environment, changes) = tokio::join!(environment(session, containers), join_all(asked));
    Inside {
        environment,
        changes: changes.into_iter().flatten().collect(),
    }
}

//! What the engine tells of a run's containers while they are there: their environment and what they
//! have written.

use futures::future::join_all;

use crate::engine::Change;
use crate::run::Session;

/// What was seen of one container.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    /// Service.
    pub service: String,
    /// Its variables, `NAME=value`.
    pub environment: Vec<String>,
    /// Paths of its mounts.
    pub mounts: Vec<String>,
    /// What differs from its image outside of all mounts.
    pub changes: Vec<Change>,
}

/// The variables of `containers` (service and id), all asked for at once; of one that is gone, none.
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

/// Looks at the variables and the written files of `containers`; one that is gone is left out.
pub async fn look(session: &Session, containers: &[(String, String)]) -> Vec<Inside> {
    let asked = containers.iter().map(|(service, id)| async move {
        let engine = &session.engine;
        let (state, changes) = tokio::join!(engine.inspect(id), engine.changes(id));
        let state = state.ok()??;
        Some(Inside {
            service: service.clone(),
            environment: state.env,
            mounts: state.mounts.into_iter().map(|mount| mount.target).collect(),
            // An engine that cannot tell them leaves less to say.
            changes: changes.unwrap_or_default(),
        })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

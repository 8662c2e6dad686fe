//! The dev run beside the task: the same app with names, bind mounts and a namespace for each
//! container.

use indexmap::IndexMap;

use super::{images, inside};
use crate::app::App;
use crate::dev::run::DevRun;
use crate::dev::{Ground, scale};
use crate::evidence::{Attempt, DevMemory, Listener};
use crate::run::image::Image;
use crate::run::{RunError, Session, probe};

/// What the dev run showed.
pub struct DevSeen {
    /// The answers to the probes of the dev app, in their order.
    pub probes: Vec<Attempt>,
    /// The second answers of those that only read.
    pub again: Vec<Option<Attempt>>,
    /// Listening sockets of each service.
    pub listeners: Vec<Listener>,
    /// The variables of each service's container, `NAME=value`.
    pub environment: Vec<(String, Vec<String>)>,
    /// Service and id of the containers, which are stopped and still there.
    pub containers: Vec<(String, String)>,
    /// Memory of each service, once the probes were through.
    pub memory: Vec<DevMemory>,
}

/// Runs `dev`, asks its probes and looks at its sockets. `built` are the images of the task.
pub async fn run(
    session: &Session,
    dev: &App,
    built: (&App, &IndexMap<String, Image>),
    ground: Ground,
    show_logs: bool,
) -> Result<DevSeen, RunError> {
    let images = images::of_dev(session, dev, built).await?;
    let dev = &scale::expand(dev.clone());
    let run = DevRun::create(session, dev, &images, ground, show_logs).await?;
    run.start().await?;
    let targets = run.targets().await?;
    let probes = probe::run_all(session, &dev.probes, &targets, &|service| run.gone(service)).await;
    let again = probe::again(session, &dev.probes, &targets, &probes).await;
    let containers = run.containers();
    let (listeners, environment) =
        tokio::join!(run.listeners(), inside::environment(session, &containers));
    let listeners = listeners?;
    let memory = run.memory().await?;
    run.stop().await;
    Ok(DevSeen {
        probes,
        again,
        listeners,
        environment,
        containers: run.containers(),
        memory,
    })
}

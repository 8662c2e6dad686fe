//! All tasks of an app: each with a network, a size and an end of its own.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use indexmap::IndexMap;

use super::plan::{Surroundings, TaskPlan};
use super::stand_in::{self, StandIns};
use super::task::{self, Task};
use crate::app::App;
use crate::evidence::TaskSeen;
use crate::run::image::Image;
use crate::run::listeners::Socket;
use crate::run::probe::Targets;
use crate::run::{RunError, Session};

/// One task and its part of the app.
#[derive(Clone, Debug)]
pub struct Part {
    /// The task's name.
    pub name: String,
    /// Its services and their probes.
    pub app: App,
}

/// The tasks of the app as it is deployed.
pub fn parts(app: &App) -> Vec<Part> {
    let names = app.tasks().into_keys().map(str::to_owned);
    names
        .map(|name| Part {
            app: app.of_task(&name),
            name,
        })
        .collect()
}

/// The app in its three forms.
#[derive(Clone, Copy)]
pub struct Apps<'a> {
    /// As the dev run has it.
    pub dev: &'a App,
    /// As production resolves it, with what is external.
    pub whole: &'a App,
    /// As it is deployed: without what is external.
    pub prod: &'a App,
}

/// A listening socket of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSocket {
    /// Name of the task.
    pub task: String,
    /// The service whose process has it open; none where that could not be told.
    pub service: Option<String>,
    /// The socket.
    pub socket: Socket,
}

/// The running tasks, and what stands in for managed services.
pub struct Tasks<'a> {
    tasks: Vec<Task<'a>>,
    parts: &'a [Part],
    stand_ins: Option<StandIns>,
}

/// What the tasks are made with.
#[derive(Clone, Copy)]
pub struct Making<'a> {
    /// The app.
    pub apps: Apps<'a>,
    /// Its tasks.
    pub parts: &'a [Part],
    /// The image of each service.
    pub images: &'a IndexMap<String, Image>,
    /// The region in the tasks' names.
    pub region: &'a str,
    /// Whether logs become events.
    pub show_logs: bool,
}

impl<'a> Tasks<'a> {
    /// Starts the stand-ins, made from `of_stand_ins`, and makes the tasks, whose containers are not
    /// started yet.
    ///
    /// What was made carries the session's labels; the caller removes it, also after an error.
    pub async fn create(
        session: &Session,
        making: Making<'a>,
        of_stand_ins: &IndexMap<String, Image>,
    ) -> Result<Self, RunError> {
        let planned = plan(session, making).await?;
        let plans: Vec<TaskPlan> = planned.iter().map(|(_, plan)| plan.clone()).collect();
        let Apps { dev, prod, .. } = making.apps;
        let show_logs = making.show_logs;
        let stand_ins =
            StandIns::start(session, dev, prod, &plans, of_stand_ins, show_logs).await?;
        Self::make(making, planned, stand_ins).await
    }

    /// Makes the tasks once more, with other ids, addresses and volumes, beside the `stand_ins` of the
    /// tasks before.
    pub async fn again(
        session: &Session,
        making: Making<'a>,
        stand_ins: Option<StandIns>,
    ) -> Result<Self, RunError> {
        let mut session = session.clone();
        session.labels.task = Some(task::new_id());
        let planned = plan(&session, making).await?;
        if let Some(stand_ins) = &stand_ins {
            let plans: Vec<TaskPlan> = planned.iter().map(|(_, plan)| plan.clone()).collect();
            stand_ins.join(&plans).await?;
        }
        Self::make(making, planned, stand_ins).await
    }

    async fn make(
        making: Making<'a>,
        planned: Vec<(Session, TaskPlan)>,
        stand_ins: Option<StandIns>,
    ) -> Result<Self, RunError> {
        let Making {
            parts,
            images,
            show_logs,
            ..
        } = making;
        let made = planned.into_iter().zip(parts);
        let made = made.map(|((session, plan), part)| async move {
            Task::create(&session, &part.app, plan, images, show_logs).await
        });
        Ok(Self {
            tasks: try_join_all(made).await?,
            parts,
            stand_ins,
        })
    }

    /// Starts the containers of `service` only when `wait` is over. To be called before
    /// [`Tasks::run`].
    pub fn hold_back(&mut self, service: &str, wait: Duration) {
        for task in &mut self.tasks {
            task.hold_back(service, wait);
        }
    }

    /// Starts all containers. Tasks start independently of each other, as on ECS.
    pub async fn run(&self) -> Result<(), RunError> {
        try_join_all(self.tasks.iter().map(Task::run)).await?;
        Ok(())
    }

    /// Container of each service.
    pub fn containers(&self) -> Vec<(String, String)> {
        let all = self.tasks.iter().flat_map(|task| task.containers());
        all.cloned().collect()
    }

    /// How probes reach the services and the stand-ins.
    pub async fn targets(&self) -> Result<Targets, RunError> {
        let mut targets = match &self.stand_ins {
            Some(stand_ins) => stand_ins.targets().await?,
            None => Targets::default(),
        };
        for task in &self.tasks {
            let own = task.targets().await?;
            targets.ports.extend(own.ports);
            targets.containers.extend(own.containers);
        }
        Ok(targets)
    }

    /// Why waiting for `service` is of no use; none while it is.
    pub fn over(&self, service: &str) -> Option<String> {
        let mut tasks = self.parts.iter().zip(&self.tasks);
        match tasks.find(|(part, _)| part.app.services.contains_key(service)) {
            Some((_, task)) => task.over(),
            None => self.stand_ins.as_ref()?.gone(service),
        }
    }

    /// Waits until every task can be judged; see [`Task::settle`].
    pub async fn settle(&self, vouched: &[String]) {
        join_all(self.tasks.iter().map(|task| task.settle(vouched))).await;
    }

    /// The listening sockets of every task: its name, the service of the socket where that can be
    /// told, and the socket.
    ///
    /// # Errors
    /// The engine's.
    pub async fn listeners(&self) -> Result<Vec<TaskSocket>, RunError> {
        let all = self.parts.iter().zip(&self.tasks);
        let all = all.map(|(part, task)| async move {
            let found = task.listeners().await?.into_iter();
            let of_task = found.map(|(service, socket)| TaskSocket {
                task: part.name.clone(),
                service,
                socket,
            });
            Ok::<_, RunError>(of_task.collect::<Vec<_>>())
        });
        Ok(try_join_all(all).await?.concat())
    }

    /// Stops the tasks as ECS does and tells what was seen of each, with its name. The stand-ins go on.
    pub async fn finish(self) -> Result<(Vec<(String, TaskSeen)>, Option<StandIns>), RunError> {
        let seen = try_join_all(self.tasks.into_iter().map(Task::finish)).await?;
        let names = self.parts.iter().map(|part| part.name.clone());
        Ok((names.zip(seen).collect(), self.stand_ins))
    }
}

/// A network and a plan for each task, with the session whose labels it carries.
async fn plan(session: &Session, making: Making<'_>) -> Result<Vec<(Session, TaskPlan)>, RunError> {
    let apps = making.apps;
    let stand_ins = stand_in::all(apps.dev, apps.prod)?;
    let hosts = stand_ins.iter().map(|one| one.external.host.value.clone());
    let surroundings = Surroundings::new(apps.whole, hosts.collect());
    let mut planned = Vec::new();
    // One after the other: each looks for a range of addresses that no other has taken.
    for (index, part) in making.parts.iter().enumerate() {
        let mut own = session.clone();
        if index > 0 {
            own.labels.task = Some(task::new_id());
        }
        let region = making.region.to_owned();
        let plan = Task::plan(&own, &part.app, &surroundings, region).await?;
        planned.push((own, plan));
    }
    Ok(planned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    #[test]
    fn each_task_has_its_services_their_probes_and_the_order_among_them() {
        let app = app_for(
            "x-envsim: {probes: [{service: web, http: /}, {service: db, tcp: 5432}]}
services:
  web: {image: web, ports: ['80:80'], depends_on: [worker, db, cache]}
  worker: {image: worker, x-envsim: {task: jobs}}
  cache: {image: cache}
  db: {image: db, x-envsim: {external: db.example.com}}
",
            Mode::Prod,
        )
        .deployed();
        let parts = parts(&app);
        let shown: Vec<String> = parts
            .iter()
            .map(|part| {
                let services: Vec<&str> = part.app.services.keys().map(String::as_str).collect();
                format!(
                    "{}: {}, {} probes",
                    part.name,
                    services.join(" "),
                    part.app.probes.len()
                )
            })
            .collect();
        assert_eq!(
            shown,
            ["project: web cache, 1 probes", "jobs: worker, 0 probes"]
        );
        let web = &parts[0].app.services["web"];
        let waits: Vec<&str> = web.depends_on.iter().map(|d| &*d.service.value).collect();
        assert_eq!(waits, ["cache"]);
        // Whoever asks for the stand-in still does.
        assert_eq!(app.probes.len(), 2);
    }
}

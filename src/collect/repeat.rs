//! The tasks once more: replaced by fresh ones, or with one container held back at the start.

use std::time::Duration;

use crate::app::{App, Probe, ProbeAction};
use crate::event::Event;
use crate::evidence::{
    AnsweredAgain, Attempt, ContainerSeen, DelayedStart, Dependent, Replacement, TaskName, TaskSeen,
};
use crate::prod::stand_in::StandIns;
use crate::prod::tasks::{Making, Tasks};
use crate::run::{RunError, Session, probe};

/// For how long a container is held back: longer than most programs take to start, and than most
/// clients try once.
const HELD_BACK: Duration = Duration::from_secs(8);

/// What is run besides the tasks and the dev run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Further {
    /// The tasks once more in place of the first.
    pub replace: bool,
    /// The tasks with single containers held back.
    pub start_order: bool,
}

/// Starts tasks after the first ones have ended. The stand-ins live through all of it.
pub struct Repeat<'a> {
    /// The session of the first tasks.
    pub session: &'a Session,
    /// What they were made with.
    pub making: Making<'a>,
    /// The stand-ins; none where nothing is external.
    pub stand_ins: Option<StandIns>,
}

impl Repeat<'_> {
    /// Puts fresh tasks into the place of those that were `seen`, and repeats the probes of `prod` that
    /// only read; `first` are their answers.
    ///
    /// # Errors
    /// The engine's, or Ctrl-C.
    pub async fn replaced(
        &mut self,
        prod: &App,
        first: &[Attempt],
        seen: &[(String, TaskSeen)],
    ) -> Result<Replacement, RunError> {
        let session = self.session;
        session.emit(Event::Phase(
            "the task is replaced by a fresh one".to_owned(),
        ));
        let tasks = Tasks::again(session, self.making, self.stand_ins.take()).await?;
        tasks.run().await?;
        let targets = tasks.targets().await?;
        let gone = |service: &str| tasks.over(service);
        let all = prod.probes.iter().zip(first);
        let reading: Vec<(&Probe, &Attempt)> = all.filter(|(probe, _)| only_reads(probe)).collect();
        let probes: Vec<Probe> = reading.iter().map(|(probe, _)| (*probe).clone()).collect();
        let answers = probe::run_all(session, &probes, &targets, &gone).await;
        let (after, stand_ins) = tasks.finish().await?;
        self.stand_ins = stand_ins;
        let pairs = reading.into_iter().zip(answers);
        let probes = pairs.map(|((probe, before), after)| AnsweredAgain {
            name: probe.name.clone(),
            service: probe.service.clone(),
            action: probe::describe(&probe.action),
            place: probe.place.clone(),
            before: before.clone(),
            after,
        });
        Ok(Replacement {
            before: names(seen),
            after: names(&after),
            probes: probes.collect(),
        })
    }

    /// Runs the tasks with `dependency` held back, which the `dependents` seem to need.
    ///
    /// # Errors
    /// The engine's, or Ctrl-C.
    pub async fn delayed(
        &mut self,
        dependency: &str,
        dependents: Vec<Dependent>,
    ) -> Result<DelayedStart, RunError> {
        let session = self.session;
        let seconds = HELD_BACK.as_secs();
        session.emit(Event::Phase(format!(
            "the task is started with `{dependency}` {seconds} s later than the others"
        )));
        let mut tasks = Tasks::again(session, self.making, self.stand_ins.take()).await?;
        tasks.hold_back(dependency, HELD_BACK);
        tasks.run().await?;
        tokio::select! {
            () = tasks.settle(&[]) => {}
            () = session.cancel.wait() => {}
        }
        let (seen, stand_ins) = tasks.finish().await?;
        self.stand_ins = stand_ins;
        let containers: Vec<ContainerSeen> = seen
            .into_iter()
            .flat_map(|(_, task)| task.containers)
            .collect();
        Ok(DelayedStart {
            dependency: dependency.to_owned(),
            seconds,
            dependents,
            containers,
        })
    }
}

/// Whether a probe can be repeated without changing anything, as far as its form tells.
fn only_reads(probe: &Probe) -> bool {
    match &probe.action {
        ProbeAction::Http(request, _) => request.only_reads(),
        ProbeAction::Tcp { .. } | ProbeAction::Command(_) => true,
    }
}

fn names(seen: &[(String, TaskSeen)]) -> Vec<TaskName> {
    let names = seen.iter().map(|(_, task)| TaskName {
        id: task.id.clone(),
        address: task.address.clone(),
    });
    names.collect()
}

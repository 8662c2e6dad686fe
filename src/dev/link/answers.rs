//! Requests that wait for their answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::wire::frame::{Entry, Reply};

/// What the agent said to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Why it could not be done.
    pub failed: Option<Failure>,
    /// The directory was not removed because it holds something.
    pub kept: bool,
    /// The file was not there any more, and nothing was sent.
    pub vanished: bool,
    /// Bytes of the file that was sent.
    pub bytes: u64,
    /// What a restart did.
    pub restarted: Option<Restarted>,
    /// What is below the path that was asked for.
    pub entries: Vec<Entry>,
    /// Content of the file that was asked for.
    pub content: Vec<u8>,
    /// When the path was last synced and how long that took, in microseconds.
    pub synced: Option<(u64, u64)>,
}

/// Why a request could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Linux's error number, or 0.
    pub errno: i32,
    /// A sentence.
    pub what: String,
}

/// A restart of the service's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// The new process.
    pub service: u32,
    /// From the signal to the end of the old process.
    pub stopped: Duration,
    /// From there until the new one ran.
    pub started: Duration,
    /// Whether the old one had to be killed.
    pub killed: bool,
}

/// A request without its answer so far.
#[derive(Default)]
pub(super) struct Open {
    pub(super) answer: Answer,
    /// Who waits; nobody for the parts of a large file but its last.
    pub(super) give: Option<oneshot::Sender<Answer>>,
    /// An earlier request whose failure is this one's too: the beginning of a large file.
    pub(super) with: Option<u64>,
    /// Bytes of a piece of a large file that are on their way.
    pub(super) weight: usize,
}

/// The open requests of one stream, by number.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Rung when pieces of a large file were taken, or the stream ended.
    room: Notify,
}

#[derive(Default)]
struct State {
    open: BTreeMap<u64, Open>,
    /// Failures of beginnings and pieces of large files that are not finished, by the beginning.
    large: BTreeMap<u64, Option<Failure>>,
    /// Bytes of pieces on their way.
    weight: usize,
    over: bool,
}

impl Answers {
    fn state(&self) -> MutexGuard<'_, State> {
        // Never left half changed, so a poisoned lock holds no harm.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, number: u64, open: Open) {
        let mut state = self.state();
        if !state.over {
            state.weight += open.weight;
            state.open.insert(number, open);
        }
    }

    /// Notes that `number` begins a large file.
    pub(super) fn begin(&self, number: u64) {
        self.state().large.insert(number, None);
    }

    /// The large file that began with `number` will not be finished.
    pub(super) fn forget(&self, number: u64) {
        self.state().large.remove(&number);
    }

    /// Whether the large file that began with `number` has failed already, so that sending more is useless.
    pub(super) fn has_failed(&self, number: u64) -> bool {
        self.state().large.get(&number).is_some_and(Option::is_some)
    }

    /// Bytes of pieces on their way.
    pub(super) fn weight(&self) -> usize {
        self.state().weight
    }

    /// Returns when pieces were taken since it was asked for, or the stream ended.
    pub(super) async fn room(&self) {
        self.0.room.notified().await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().over
    }

    pub(super) fn take(&self, reply: Reply) {
        let mut state = self.state();
        match reply {
            Reply::Hello { .. } => {}
            Reply::Done { through } => {
                let later = state.open.split_off(&(through + 1));
                let done = std::mem::replace(&mut state.open, later);
                let mut freed = 0;
                for open in done.into_values() {
                    freed += open.weight;
                    state.finish(open);
                }
                state.weight -= freed;
                if freed > 0 {
                    self.0.room.notify_one();
                }
            }
            Reply::Failed {
                request,
                errno,
                what,
            } => {
                let failure = Failure { errno, what };
                let part_of = state.open.get(&request).and_then(|open| open.with);
                let large = part_of.unwrap_or(request);
                if let Some(failed) = state.large.get_mut(&large) {
                    failed.get_or_insert(failure.clone());
                }
                if let Some(open) = state.open.get_mut(&request) {
                    open.answer.failed.get_or_insert(failure);
                }
            }
            Reply::Kept { request } => {
                state.with(request, |answer| answer.kept = true);
            }
            Reply::Restarted {
                request,
                service,
                stopped,
                started,
                killed,
            } => state.with(request, |answer| {
                answer.restarted = Some(Restarted {
                    service,
                    stopped: Duration::from_micros(stopped.into()),
                    started: Duration::from_micros(started.into()),
                    killed,
                });
            }),
            Reply::Entry { request, entry } => {
                state.with(request, |answer| answer.entries.push(entry));
            }
            Reply::Content { request, bytes } => {
                state.with(request, |answer| answer.content.extend(bytes));
            }
            Reply::Changed { .. } => {}
            Reply::Synced { request, at, took } => {
                state.with(request, |answer| answer.synced = Some((at, took)));
            }
        }
    }

    /// Fails all that is open: the senders go, which the receivers see.
    pub(super) fn drop_all(&self) {
        let mut state = self.state();
        state.over = true;
        state.open.clear();
        state.weight = 0;
        drop(state);
        self.0.room.notify_one();
    }
}

impl State {
    fn with(&mut self, request: u64, change: impl FnOnce(&mut Answer)) {
        if let Some(open) = self.open.get_mut(&request) {
            change(&mut open.answer);
        }
    }

    fn finish(&mut self, mut open: Open) {
        let Some(give) = open.give else { return };
        if let Some(begun) = open.with
            && let Some(failed) = self.large.remove(&begun).flatten()
        {
            open.answer.failed = Some(failed);
        }
        // Nobody may wait any more.
        let _ = give.send(open.answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(answers: &Answers, number: u64, with: Option<u64>) -> oneshot::Receiver<Answer> {
        let (give, answer) = oneshot::channel();
        let open = Open {
            give: Some(give),
            with,
            ..Open::default()
        };
        answers.open(number, open);
        answer
    }

    #[test]
    fn one_done_answers_all_requests_before_it_and_none_after() {
        let answers = Answers::default();
        let mut all: Vec<_> = (0..3).map(|number| asked(&answers, number, None)).collect();
        answers.take(Reply::Failed {
            request: 0,
            errno: 13,
            what: "no".to_owned(),
        });
        answers.take(Reply::Kept { request: 1 });
        answers.take(Reply::Done { through: 1 });
        let first = all[0].try_recv().expect("answered");
        assert_eq!(first.failed.map(|failure| failure.errno), Some(13));
        assert!(all[1].try_recv().expect("answered").kept);
        assert!(all[2].try_recv().is_err());
    }

    #[test]
    fn a_failed_piece_is_the_failure_of_the_whole_file() {
        let answers = Answers::default();
        answers.begin(0);
        answers.open(0, Open::default());
        answers.open(
            1,
            Open {
                with: Some(0),
                weight: 10,
                ..Open::default()
            },
        );
        assert_eq!(answers.weight(), 10);
        let mut whole = asked(&answers, 2, Some(0));
        answers.take(Reply::Failed {
            request: 1,
            errno: 28,
            what: "full".to_owned(),
        });
        assert!(answers.has_failed(0));
        answers.take(Reply::Done { through: 2 });
        let failed = whole.try_recv().expect("answered").failed;
        assert_eq!(failed.map(|failure| failure.errno), Some(28));
        assert_eq!(answers.weight(), 0);
    }

    #[test]
    fn the_end_of_the_stream_fails_what_is_open_and_what_comes_later() {
        let answers = Answers::default();
        let mut before = asked(&answers, 0, None);
        answers.drop_all();
        let mut after = asked(&answers, 1, None);
        assert_eq!(before.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert_eq!(after.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}

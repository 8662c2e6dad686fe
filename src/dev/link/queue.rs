//! The sending half of the link: small requests first, many in one write; large files in pieces between them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};

use super::answers::{Answer, Answers, Failure, Open};
use super::{FileJob, Input, Job};
use crate::wire::frame::{self, At, Encoder, PIECE, Request};

/// Bytes of small requests that go out in one write.
const ONE_WRITE: usize = 256 * 1024;
/// Bytes of large files that may be on their way without an answer: what a small file may have to wait for.
const ON_THE_WAY: usize = 1024 * 1024;

/// Sends jobs until nobody has more, or the stream breaks.
pub(super) async fn run(
    mut input: Input,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    answers: Answers,
    encoder: Encoder,
    first: Vec<u8>,
) {
    let mut sender = Sender {
        answers,
        encoder,
        out: first,
        large: VecDeque::new(),
    };
    loop {
        if sender.answers.is_over() || input.write_all(&sender.out).await.is_err() {
            return;
        }
        if input.flush().await.is_err() {
            return;
        }
        sender.out.clear();
        let may_send = !sender.large.is_empty() && sender.answers.weight() < ON_THE_WAY;
        let job = match may_send {
            true => jobs.try_recv().ok(),
            false => tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => Some(job),
                    // Every link is gone: the agent ends with its input.
                    None if sender.large.is_empty() => {
                        let _ = input.shutdown().await;
                        return;
                    }
                    None => {
                        sender.answers.room().await;
                        None
                    }
                },
                () = sender.answers.room() => None,
            },
        };
        match job {
            None if may_send => sender.piece(),
            None => {}
            Some(job) => {
                sender.job(job);
                while sender.out.len() < ONE_WRITE
                    && let Ok(job) = jobs.try_recv()
                {
                    sender.job(job);
                }
            }
        }
    }
}

struct Sender {
    answers: Answers,
    encoder: Encoder,
    out: Vec<u8>,
    large: VecDeque<Large>,
}

/// A large file on its way.
struct Large {
    job: FileJob,
    sending: Option<Sending>,
}

struct Sending {
    file: File,
    /// Number of the frame that began it.
    begun: u64,
    size: u64,
    left: u64,
}

impl Sender {
    fn send(&mut self, request: &Request, open: Open) -> u64 {
        let number = self.encoder.encode(request, &mut self.out);
        self.answers.open(number, open);
        number
    }

    fn job(&mut self, job: Job) {
        match job {
            Job::Ask(request, give) => {
                if let Request::Remove { at, .. } | Request::Link { at, .. } = &request {
                    self.overtake(at);
                }
                let open = Open {
                    give: Some(give),
                    ..Open::default()
                };
                self.send(&request, open);
            }
            Job::File(job) => self.file(job),
        }
    }

    /// What is at `at` is not the file any more that is on its way there.
    fn overtake(&mut self, at: &At) {
        let overtaken =
            |large: &Large| large.job.at.root == at.root && is_in(&large.job.at.path, &at.path);
        let (stopped, goes_on) = std::mem::take(&mut self.large)
            .into_iter()
            .partition(overtaken);
        self.large = goes_on;
        for large in stopped {
            let large: Large = large;
            if let Some(sending) = large.sending {
                self.abandon(sending.begun);
            }
            vanished(large.job.answer);
        }
    }

    fn abandon(&mut self, begun: u64) {
        let open = Open {
            with: Some(begun),
            ..Open::default()
        };
        self.send(&Request::Abandon { of: begun }, open);
        self.answers.forget(begun);
    }

    fn file(&mut self, job: FileJob) {
        // A large file on its way to the same place goes first: what comes after it is newer.
        let waits = self.large.iter().any(|large| large.job.at == job.at);
        let size = match job.source.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => return vanished(job.answer),
        };
        if waits || size > PIECE as u64 {
            self.large.push_back(Large { job, sending: None });
            return;
        }
        let (file, bytes) = match read_small(&job) {
            Ok(Some(read)) => read,
            // It has grown since.
            Ok(None) => {
                self.large.push_back(Large { job, sending: None });
                return;
            }
            Err(error) => return cannot_read(job, &error),
        };
        let open = Open {
            answer: Answer {
                bytes: bytes.len() as u64,
                ..Answer::default()
            },
            give: Some(job.answer),
            ..Open::default()
        };
        self.send(&Request::Put { file, bytes }, open);
    }

    /// The next piece of the first large file, or its end.
    fn piece(&mut self) {
        let Some(mut large) = self.large.pop_front() else {
            return;
        };
        let mut sending = match large.sending.take() {
            Some(sending) => sending,
            None => match self.begin(&large.job) {
                Ok(sending) => sending,
                Err(error) => return cannot_read(large.job, &error),
            },
        };
        if self.answers.has_failed(sending.begun) {
            sending.left = 0;
        }
        let mut bytes = vec![0; PIECE.min(usize::try_from(sending.left).unwrap_or(PIECE))];
        let read = match bytes.is_empty() {
            true => Ok(0),
            false => sending.file.read(&mut bytes),
        };
        match read {
            Ok(0) if sending.left == 0 => {
                let open = Open {
                    answer: Answer {
                        bytes: sending.size,
                        ..Answer::default()
                    },
                    give: Some(large.job.answer),
                    with: Some(sending.begun),
                    ..Open::default()
                };
                self.send(&Request::Commit { of: sending.begun }, open);
            }
            Ok(0) => {
                // It became shorter while it was read: again, as it is now.
                self.abandon(sending.begun);
                self.large.push_back(large);
            }
            Ok(count) => {
                bytes.truncate(count);
                sending.left -= count as u64;
                let open = Open {
                    with: Some(sending.begun),
                    weight: count,
                    ..Open::default()
                };
                let of = sending.begun;
                self.send(&Request::Piece { of, bytes }, open);
                large.sending = Some(sending);
                self.large.push_front(large);
            }
            Err(error) => {
                self.abandon(sending.begun);
                cannot_read(large.job, &error);
            }
        }
    }

    fn begin(&mut self, job: &FileJob) -> io::Result<Sending> {
        let file = File::open(&job.source)?;
        let metadata = file.metadata()?;
        let size = metadata.len();
        let request = Request::Begin {
            file: described(job, &metadata),
            size,
        };
        let begun = self.encoder.encode(&request, &mut self.out);
        self.answers.begin(begun);
        self.answers.open(begun, Open::default());
        Ok(Sending {
            file,
            begun,
            size,
            left: size,
        })
    }
}

fn vanished(give: oneshot::Sender<Answer>) {
    let _ = give.send(Answer {
        vanished: true,
        ..Answer::default()
    });
}

fn cannot_read(job: FileJob, error: &io::Error) {
    if error.kind() == io::ErrorKind::NotFound {
        return vanished(job.answer);
    }
    let what = format!("cannot read `{}`: {error}", job.source.display());
    let failed = Some(Failure {
        errno: error.raw_os_error().unwrap_or_default(),
        what,
    });
    let _ = job.answer.send(Answer {
        failed,
        ..Answer::default()
    });
}

/// The file and its content; none when it has grown beyond one frame.
fn read_small(job: &FileJob) -> io::Result<Option<(frame::File, Vec<u8>)>> {
    let mut file = File::open(&job.source)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
    Read::by_ref(&mut file)
        .take(PIECE as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() <= PIECE).then(|| (described(job, &metadata), bytes)))
}

fn described(job: &FileJob, metadata: &std::fs::Metadata) -> frame::File {
    frame::File {
        at: job.at.clone(),
        mode: metadata.mode() & 0o7777,
        modified: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        seen: job.seen,
    }
}

/// Whether `path` is `other` or below it.
fn is_in(path: &[u8], other: &[u8]) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| other.is_empty() || rest.is_empty() || rest[0] == b'/')
}

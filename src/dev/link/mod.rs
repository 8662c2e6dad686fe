//! The open stream to the agent in one dev container: files and restarts without a call of the engine.
//!
//! Small requests go out at once and many in one write; large files follow in pieces between them, so that a
//! small file never waits for a large one. Every request gets its answer; when the stream ends, all that are
//! open fail with [`LinkError`], and whoever asked decides what to do again.

mod answers;
mod queue;

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::{Engine, EngineError, ExecChunk, ExecSpec, Stream};
use crate::wire::frame::{self, At, Decoder, Encoder, Reply, Request};

pub use answers::{Answer, Failure, Restarted};
use answers::{Answers, Open};

/// How long the agent has for its greeting; an exec takes some 50 ms, on a busy machine some seconds.
const GREETING: Duration = Duration::from_secs(20);

/// Who the service runs as, and its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
    /// Process id in the container; 0 when the agent did not start it, and cannot restart it.
    pub service: u32,
}

/// A stream to the agent of one container. Clones share it; it ends with the last of them.
#[derive(Clone, Debug)]
pub struct Link {
    jobs: mpsc::UnboundedSender<Job>,
    peer: Peer,
    ended: watch::Receiver<Option<String>>,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    /// The agent's command could not be started.
    #[error("{0}")]
    NotStarted(String),
    /// The stream has ended: the container stopped, or the connection to the engine was cut.
    #[error("the stream to the agent ended: {0}")]
    Ended(String),
    /// The agent answered something that it should not.
    #[error("the agent does not speak this envsim's language: {0}")]
    Language(String),
}

impl From<EngineError> for LinkError {
    fn from(error: EngineError) -> Self {
        Self::NotStarted(error.to_string())
    }
}

/// Something to send.
#[derive(Debug)]
enum Job {
    Ask(Request, oneshot::Sender<Answer>),
    /// A file as it is when its turn comes.
    File(FileJob),
}

/// A file to send: read when its turn comes, so that what is sent is never older than what was asked for.
#[derive(Debug)]
struct FileJob {
    source: PathBuf,
    at: At,
    seen: u64,
    answer: oneshot::Sender<Answer>,
}

/// An answer that is on its way.
pub struct Coming {
    answer: oneshot::Receiver<Answer>,
    ended: watch::Receiver<Option<String>>,
}

impl Coming {
    /// Waits for the answer.
    ///
    /// # Errors
    /// When the stream ended first: what was asked may have been done or not.
    pub async fn get(self) -> Result<Answer, LinkError> {
        match self.answer.await {
            Ok(answer) => Ok(answer),
            Err(_) => {
                let reason = self.ended.borrow().clone();
                Err(LinkError::Ended(reason.unwrap_or_default()))
            }
        }
    }
}

impl Link {
    /// Starts `command`, the agent's link, in the container `id` as root and waits for its greeting.
    ///
    /// # Errors
    /// The container does not run, or has no agent of this build.
    pub async fn open(engine: &Engine, id: &str, command: &[String]) -> Result<Self, LinkError> {
        let spec = ExecSpec {
            command: command.to_vec(),
            user: Some("0".to_owned()),
            working_dir: Some("/".to_owned()),
            ..ExecSpec::default()
        };
        let exec = engine.exec_attached(id, spec).await?;
        let (jobs, queue) = mpsc::unbounded_channel();
        let (tell_end, mut ended) = watch::channel(None);
        let answers = Answers::default();
        let (greet, greeting) = oneshot::channel();
        tokio::spawn(read(exec.output, answers.clone(), greet, tell_end));
        let mut first = Vec::new();
        let mut encoder = Encoder::default();
        let build = frame::BUILD.to_owned();
        let number = encoder.encode(&Request::Hello { build }, &mut first);
        answers.open(number, Open::default());
        tokio::spawn(queue::run(exec.input, queue, answers, encoder, first));
        let peer = tokio::select! {
            peer = greeting => peer.map_err(|_| LinkError::Ended(ended.borrow().clone().unwrap_or_default())),
            () = tokio::time::sleep(GREETING) => Err(LinkError::NotStarted(
                format!("no greeting within {} s", GREETING.as_secs()),
            )),
        };
        let peer = match peer {
            Ok(peer) => peer?,
            // The reason follows the end of the stream.
            Err(LinkError::Ended(_)) => {
                let reason = ended.wait_for(Option::is_some).await;
                let reason = reason.map(|reason| reason.clone()).ok().flatten();
                return Err(LinkError::NotStarted(reason.unwrap_or_default()));
            }
            Err(error) => return Err(error),
        };
        Ok(Self { jobs, peer, ended })
    }

    /// Who the service runs as.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Sends a request.
    pub fn ask(&self, request: Request) -> Coming {
        let (give, answer) = oneshot::channel();
        // Without a receiver the answer is dropped, which `Coming` sees.
        let _ = self.jobs.send(Job::Ask(request, give));
        Coming {
            answer,
            ended: self.ended.clone(),
        }
    }

    /// Sends the file `source` as it is when its turn comes; `seen` is when its change was seen, in microseconds
    /// since 1970. A file that is gone by then is no failure: its removal is another change.
    pub fn file(&self, source: PathBuf, at: At, seen: u64) -> Coming {
        let (give, answer) = oneshot::channel();
        let _ = self.jobs.send(Job::File(FileJob {
            source,
            at,
            seen,
            answer: give,
        }));
        Coming {
            answer,
            ended: self.ended.clone(),
        }
    }

    /// Whether the stream has ended.
    pub fn is_over(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Returns with the reason when the stream has ended.
    pub async fn over(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "envsim let go of it".to_owned(),
        }
    }
}

type Output = Pin<Box<dyn futures::Stream<Item = Result<ExecChunk, EngineError>> + Send>>;
type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Reads replies until the stream ends; then all open requests fail and the reason is told.
async fn read(
    mut output: Output,
    answers: Answers,
    greet: oneshot::Sender<Result<Peer, LinkError>>,
    ended: watch::Sender<Option<String>>,
) {
    let mut decoder = Decoder::default();
    let mut greet = Some(greet);
    let mut said = String::new();
    let reason = 'stream: loop {
        let chunk = match output.next().await {
            None => break "the agent's command ended".to_owned(),
            Some(Err(error)) => break error.to_string(),
            Some(Ok(chunk)) => chunk,
        };
        if chunk.stream == Stream::Stderr {
            said.push_str(&String::from_utf8_lossy(&chunk.bytes));
            continue;
        }
        decoder.push(&chunk.bytes);
        loop {
            match decoder.next::<Reply>() {
                Ok(None) => break,
                Ok(Some((
                    _,
                    Reply::Hello {
                        build,
                        user,
                        group,
                        service,
                    },
                ))) => {
                    let peer = match build == frame::BUILD {
                        true => Ok(Peer {
                            user,
                            group,
                            service,
                        }),
                        false => Err(LinkError::Language(format!("it is of the build {build}"))),
                    };
                    if let Some(greet) = greet.take() {
                        let _ = greet.send(peer);
                    }
                }
                Ok(Some((_, reply))) => answers.take(reply),
                // What is no frame is most often the engine's word on why the command did not start.
                Err(_) if greet.is_some() => {
                    break 'stream String::from_utf8_lossy(&chunk.bytes).trim().to_owned();
                }
                Err(error) => break 'stream format!("it answered {error}"),
            }
        }
    };
    let said = said.trim();
    let reason = match said.is_empty() {
        true => reason,
        false => format!("{reason}: {said}"),
    };
    // In this order: whoever sees an answer fail finds the reason.
    let _ = ended.send(Some(reason));
    answers.drop_all();
    drop(greet);
}

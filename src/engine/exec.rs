//! Commands in a running container.

use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeExecOptions;
use bytes::Bytes;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::container::short;
use super::error::from_bollard;
use super::log::Stream;
use super::{Engine, EngineError};

/// Without a deadline of its own a command gets this long.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    pub command: Vec<String>,
    /// `NAME=value`
    pub env: Vec<String>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub tty: bool,
    /// Given to the command and then closed ([`Engine::exec`] only).
    pub stdin: Option<Vec<u8>>,
    /// For [`Engine::exec`]; one minute when absent.
    pub deadline: Option<Duration>,
    pub privileged: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResult {
    pub exit_code: i64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl ExecResult {
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// A piece of what the command writes; with a terminal everything is stdout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecChunk {
    pub stream: Stream,
    pub bytes: Bytes,
}

/// A running command with both ends in hand. It goes on when this is dropped.
pub struct AttachedExec {
    /// For [`Engine::exec_resize`] and [`Engine::exec_exit_code`].
    pub id: String,
    /// Ends when the command does.
    pub output: Pin<Box<dyn futures::Stream<Item = Result<ExecChunk, EngineError>> + Send>>,
    /// Shutting it down closes the command's stdin.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Engine {
    /// Runs a command to its end. When the deadline passes, the command itself goes on: the engine
    /// has no call to end it.
    pub async fn exec(&self, id: &str, spec: ExecSpec) -> Result<ExecResult, EngineError> {
        let doing = doing(id, &spec);
        let deadline = spec.deadline.unwrap_or(DEFAULT_DEADLINE);
        let stdin = spec.stdin.clone();
        let running = async {
            let AttachedExec {
                id,
                mut output,
                mut input,
            } = self.exec_opened(id, &spec, stdin.is_some()).await?;
            let feeding = async {
                if let Some(bytes) = stdin {
                    // A command that stops reading is judged by its exit code.
                    let _ = input.write_all(&bytes).await;
                    let _ = input.shutdown().await;
                }
                // Held until the end: dropping it may close the whole connection.
                input
            };
            let reading = async {
                let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
                while let Some(piece) = output.next().await {
                    let piece = piece?;
                    match piece.stream {
                        Stream::Stdout => stdout.extend_from_slice(&piece.bytes),
                        Stream::Stderr => stderr.extend_from_slice(&piece.bytes),
                    }
                }
                Ok::<_, EngineError>((stdout, stderr))
            };
            let (input, read) = tokio::join!(feeding, reading);
            drop(input);
            let (stdout, stderr) = read?;
            Ok(ExecResult {
                exit_code: self.exec_ended(&id).await?,
                stdout,
                stderr,
            })
        };
        match tokio::time::timeout(deadline, running).await {
            Ok(result) => result,
            Err(_) => Err(EngineError::Timeout {
                doing,
                after: deadline,
            }),
        }
    }

    /// Starts a command and hands over its streams.
    pub async fn exec_attached(
        &self,
        id: &str,
        spec: ExecSpec,
    ) -> Result<AttachedExec, EngineError> {
        self.exec_opened(id, &spec, true).await
    }

    /// The size of the command's terminal, in characters.
    pub async fn exec_resize(
        &self,
        exec_id: &str,
        width: u16,
        height: u16,
    ) -> Result<(), EngineError> {
        let options = ResizeExecOptions {
            h: height.into(),
            w: width.into(),
        };
        self.call(
            "resizing a terminal",
            self.docker.resize_exec(exec_id, options),
        )
        .await
    }

    /// The exit code; `None` while it runs.
    pub async fn exec_exit_code(&self, exec_id: &str) -> Result<Option<i64>, EngineError> {
        let found = self
            .call("looking at a command", self.docker.inspect_exec(exec_id))
            .await?;
        Ok(if found.running == Some(true) {
            None
        } else {
            found.exit_code
        })
    }

    async fn exec_opened(
        &self,
        id: &str,
        spec: &ExecSpec,
        stdin: bool,
    ) -> Result<AttachedExec, EngineError> {
        let doing = doing(id, spec);
        let some = |v: &[String]| (!v.is_empty()).then(|| v.to_vec());
        let config = ExecConfig {
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(spec.tty),
            env: some(&spec.env),
            cmd: some(&spec.command),
            user: spec.user.clone(),
            working_dir: spec.working_dir.clone(),
            privileged: spec.privileged.then_some(true),
            ..Default::default()
        };
        let made = self
            .call(&doing, self.docker.create_exec(id, config))
            .await?;
        let start = StartExecOptions {
            detach: false,
            tty: spec.tty,
            output_capacity: Some(64 * 1024),
        };
        let started = self
            .call(&doing, self.docker.start_exec(&made.id, Some(start)))
            .await?;
        match started {
            StartExecResults::Attached { output, input } => Ok(AttachedExec {
                id: made.id,
                output: Box::pin(output.map(move |piece| {
                    let piece = piece.map_err(|e| from_bollard(&doing, e))?;
                    let stream = match piece {
                        LogOutput::StdErr { .. } => Stream::Stderr,
                        _ => Stream::Stdout,
                    };
                    Ok(ExecChunk {
                        stream,
                        bytes: piece.into_bytes(),
                    })
                })),
                input,
            }),
            StartExecResults::Detached => {
                Err(EngineError::other(doing, "the engine gave no streams"))
            }
        }
    }

    /// The exit code of a command whose output has ended; the engine may note it a moment later.
    async fn exec_ended(&self, exec_id: &str) -> Result<i64, EngineError> {
        for wait_ms in [0, 2, 5, 10, 20, 50, 100, 200, 400, 800] {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            if let Some(code) = self.exec_exit_code(exec_id).await? {
                return Ok(code);
            }
        }
        Err(EngineError::other(
            "learning a command's exit code",
            "its output has ended, but the engine says that it still runs",
        ))
    }
}

/// Names the program only: arguments may hold secrets.
fn doing(id: &str, spec: &ExecSpec) -> String {
    let program = spec.command.first().map_or("", String::as_str);
    format!("running `{program}` in container `{}`", short(id))
}

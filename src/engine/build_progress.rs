//! What a build tells while it runs, and why it failed.
//!
//! Two tellers: BuildKit's records and the classic builder's text. Both become
//! [`BuildEvent`]s. Reads only; asks the engine nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::LazyLock;

use bollard::moby::buildkit::v1::StatusResponse;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::image::registry_unreachable;

/// How much of a failed step's output is kept for the error.
const LOG_TAIL: usize = 30;

/// What happens during a build. A vertex is one step; its string is only good for comparing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BuildEvent {
    Started {
        vertex: String,
        name: String,
    },
    Cached {
        vertex: String,
        name: String,
    },
    Done {
        vertex: String,
        name: String,
        seconds: f64,
    },
    Log {
        vertex: String,
        line: String,
    },
    Failed {
        vertex: String,
        name: String,
        message: String,
    },
    /// Progress inside a step: bytes of a layer, or of the context.
    Status {
        vertex: String,
        id: String,
        current: u64,
        total: Option<u64>,
    },
    /// What BuildKit's linter says about the Dockerfile.
    Warning {
        vertex: String,
        line: Option<u32>,
        message: String,
    },
}

/// Why a build failed, as far as the engine tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFailure {
    /// The failed step as BuildKit names it: `[build 3/4] RUN npm ci`.
    pub step: Option<String>,
    /// The line in the Dockerfile, when the engine names one (syntax errors).
    pub line: Option<u32>,
    pub exit_code: Option<i64>,
    pub message: String,
    /// An image that the build needs was asked for, and its registry did not answer.
    pub unreachable: bool,
    /// The last lines the failed step wrote.
    pub log: Vec<String>,
}

impl std::fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the build failed")?;
        if let Some(step) = &self.step {
            write!(f, " at `{step}`")?;
        }
        if let Some(line) = self.line {
            write!(f, " (Dockerfile line {line})")?;
        }
        match self.exit_code {
            Some(code) => write!(f, ": exit code {code}"),
            None => write!(f, ": {}", self.message),
        }
    }
}

/// Turns BuildKit's records, which repeat a vertex whenever anything about it changes, into events
/// that each happen once.
#[derive(Default)]
pub(super) struct Progress {
    vertices: HashMap<String, Vertex>,
    failed: Option<String>,
}

#[derive(Default)]
struct Vertex {
    name: String,
    started: bool,
    ended: bool,
    error: String,
    /// The unfinished last line of each stream.
    partial: BTreeMap<i64, Vec<u8>>,
    log: VecDeque<String>,
}

impl Vertex {
    fn keep(&mut self, line: &str) {
        if self.log.len() == LOG_TAIL {
            self.log.pop_front();
        }
        self.log.push_back(line.to_string());
    }
}

impl Progress {
    pub(super) fn take(&mut self, status: StatusResponse, on: &mut (dyn FnMut(BuildEvent) + Send)) {
        for v in status.vertexes {
            let known = self.vertices.entry(v.digest.clone()).or_default();
            known.name = v.name;
            let (vertex, name) = (v.digest, known.name.clone());
            if v.started.is_some() && !known.started && !v.cached {
                known.started = true;
                on(BuildEvent::Started {
                    vertex: vertex.clone(),
                    name: name.clone(),
                });
            }
            if known.ended || (v.completed.is_none() && v.error.is_empty()) {
                if v.cached && !known.ended && !known.started {
                    known.ended = true;
                    on(BuildEvent::Cached { vertex, name });
                }
                continue;
            }
            known.ended = true;
            flush(&vertex, known, on);
            if !v.error.is_empty() {
                known.error = v.error.clone();
                // Steps that were only cancelled because of another one are not the cause.
                if self.failed.is_none() && !v.error.contains("context canceled") {
                    self.failed = Some(vertex.clone());
                }
                on(BuildEvent::Failed {
                    vertex,
                    name,
                    message: v.error,
                });
            } else if v.cached {
                on(BuildEvent::Cached { vertex, name });
            } else {
                let seconds = match (v.started, v.completed) {
                    (Some(a), Some(b)) => {
                        (b.seconds - a.seconds) as f64 + f64::from(b.nanos - a.nanos) / 1e9
                    }
                    _ => 0.0,
                };
                on(BuildEvent::Done {
                    vertex,
                    name,
                    seconds: seconds.max(0.0),
                });
            }
        }
        for s in status.statuses {
            on(BuildEvent::Status {
                vertex: s.vertex,
                id: s.id,
                current: s.current.try_into().unwrap_or(0),
                total: s.total.try_into().ok().filter(|t| *t > 0),
            });
        }
        for log in status.logs {
            let known = self.vertices.entry(log.vertex.clone()).or_default();
            let mut open = known.partial.remove(&log.stream).unwrap_or_default();
            open.extend_from_slice(&log.msg);
            while let Some(end) = open.iter().position(|b| *b == b'\n') {
                let rest = open.split_off(end + 1);
                emit_line(&log.vertex, known, &open, on);
                open = rest;
            }
            if !open.is_empty() {
                known.partial.insert(log.stream, open);
            }
        }
        for w in status.warnings {
            let line = w
                .ranges
                .first()
                .and_then(|r| r.start.as_ref())
                .and_then(|p| p.line.try_into().ok());
            on(BuildEvent::Warning {
                vertex: w.vertex,
                line,
                message: String::from_utf8_lossy(&w.short).into_owned(),
            });
        }
    }

    pub(super) fn finish(&mut self, on: &mut (dyn FnMut(BuildEvent) + Send)) {
        for (digest, vertex) in &mut self.vertices {
            flush(digest, vertex, on);
        }
    }
}

fn flush(digest: &str, vertex: &mut Vertex, on: &mut (dyn FnMut(BuildEvent) + Send)) {
    for line in std::mem::take(&mut vertex.partial).into_values() {
        emit_line(digest, vertex, &line, on);
    }
}

fn emit_line(
    digest: &str,
    vertex: &mut Vertex,
    line: &[u8],
    on: &mut (dyn FnMut(BuildEvent) + Send),
) {
    let line = String::from_utf8_lossy(line);
    // A progress bar redraws its line; what stands there in the end is what counts.
    let line = line.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').next().unwrap_or(line).to_string();
    vertex.keep(&line);
    on(BuildEvent::Log {
        vertex: digest.to_string(),
        line,
    });
}

/// The classic builder's text: `Step 2/5 : RUN make`, ` ---> Using cache`, and output in between.
#[derive(Default)]
pub(super) struct ClassicText {
    partial: String,
    pub(super) step: Option<(String, String)>,
    cached: bool,
    log: VecDeque<String>,
    pub(super) id: Option<String>,
}

impl ClassicText {
    pub(super) fn take(&mut self, piece: &str, on: &mut (dyn FnMut(BuildEvent) + Send)) {
        self.partial.push_str(piece);
        while let Some(end) = self.partial.find('\n') {
            let rest = self.partial.split_off(end + 1);
            let line = std::mem::replace(&mut self.partial, rest);
            self.line(line.trim_end_matches(['\n', '\r']), on);
        }
    }

    fn line(&mut self, line: &str, on: &mut (dyn FnMut(BuildEvent) + Send)) {
        if let Some(step) = CLASSIC_STEP.captures(line) {
            self.end_step(on);
            let vertex = step[1].replace(' ', "");
            let name = step[2].trim().to_string();
            self.log.clear();
            self.step = Some((vertex.clone(), name.clone()));
            on(BuildEvent::Started { vertex, name });
            return;
        }
        let trimmed = line.trim();
        let Some((vertex, name)) = self.step.clone() else {
            return;
        };
        if trimmed.starts_with("---> Using cache") || trimmed.starts_with("--> Using cache") {
            self.cached = true;
            on(BuildEvent::Cached { vertex, name });
        } else if let Some(id) = trimmed.strip_prefix("Successfully built ") {
            self.id = Some(id.trim().to_string());
        } else if !(trimmed.is_empty()
            || trimmed.starts_with("---> ")
            || trimmed.starts_with("--> ")
            || trimmed.starts_with("Removing intermediate container")
            || trimmed.starts_with("Successfully tagged "))
        {
            if self.log.len() == LOG_TAIL {
                self.log.pop_front();
            }
            self.log.push_back(line.to_string());
            on(BuildEvent::Log {
                vertex,
                line: line.to_string(),
            });
        }
    }

    fn end_step(&mut self, on: &mut (dyn FnMut(BuildEvent) + Send)) {
        if let Some((vertex, name)) = self.step.take()
            && !std::mem::take(&mut self.cached)
        {
            on(BuildEvent::Done {
                vertex,
                name,
                seconds: 0.0,
            });
        }
    }

    pub(super) fn flush(&mut self, on: &mut (dyn FnMut(BuildEvent) + Send)) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.line(&line, on);
        }
    }

    pub(super) fn finish(&mut self, on: &mut (dyn FnMut(BuildEvent) + Send)) {
        self.flush(on);
        self.end_step(on);
    }
}

static CLASSIC_STEP: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"^(?:\[[\d/ ]+\] )?(?i:step) (\d+ ?/ ?\d+) ?: (.*)$"));
static EXIT_CODE: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(?:exit code|non-zero code|exit status):? (\d+)"));
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"(?i)(?:dockerfile parse error (?:on )?line|dockerfile:|(?:^|[^\w])line) ?(\d+)")
});
static WRAPPING: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"^(?:failed to solve(?: with frontend \S+)?: |failed to build LLB: |failed to create LLB definition: |rpc error: code = \w+ desc = |executor failed running \[[^\]]*\]: )+",
    )
});

/// The patterns are constants: one that does not compile fails the unit tests.
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

pub(super) fn failure(message: &str, progress: &Progress, text: &ClassicText) -> BuildFailure {
    let number = |pattern: &Regex| {
        pattern
            .captures(message)
            .and_then(|c| c[1].parse::<i64>().ok())
    };
    let vertex = progress
        .failed
        .as_ref()
        .and_then(|d| progress.vertices.get(d));
    let (step, log) = match (vertex, &text.step) {
        (Some(v), _) => (Some(v.name.clone()), v.log.iter().cloned().collect()),
        (None, Some((_, name))) => (Some(name.clone()), text.log.iter().cloned().collect()),
        (None, None) => (None, Vec::new()),
    };
    let exit_code = number(&EXIT_CODE).or_else(|| {
        EXIT_CODE
            .captures(&vertex?.error)
            .and_then(|c| c[1].parse().ok())
    });
    let bare = WRAPPING.replace(message.trim(), "");
    let mut message = if bare.is_empty() {
        message.trim().to_string()
    } else {
        bare.into_owned()
    };
    // A step that ran and failed says so with its exit code, whatever its network said.
    let unreachable = exit_code.is_none() && registry_unreachable(&message);
    if unreachable {
        message = format!("a registry could not be reached from the engine ({message})");
    }
    BuildFailure {
        line: number(&LINE).and_then(|n| n.try_into().ok()),
        step,
        exit_code,
        message,
        unreachable,
        log,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::moby::buildkit::v1 as kit;

    fn vertex(digest: &str, name: &str) -> kit::Vertex {
        kit::Vertex {
            digest: digest.into(),
            name: name.into(),
            started: Some(Default::default()),
            ..Default::default()
        }
    }

    fn log(vertex: &str, text: &str) -> kit::VertexLog {
        kit::VertexLog {
            vertex: vertex.into(),
            msg: text.as_bytes().to_vec(),
            ..Default::default()
        }
    }

    fn failed(message: &str) -> BuildFailure {
        failure(message, &Progress::default(), &ClassicText::default())
    }

    #[test]
    fn a_vertex_makes_each_event_once() {
        let mut seen = Vec::new();
        let mut on = |e| seen.push(e);
        let mut progress = Progress::default();
        let run = vertex("sha256:a", "[2/2] RUN make");
        let status = |vertexes: Vec<kit::Vertex>, logs| StatusResponse {
            vertexes,
            logs,
            ..Default::default()
        };
        progress.take(
            status(vec![run.clone()], vec![log("sha256:a", "one\ntw")]),
            &mut on,
        );
        progress.take(
            status(vec![run.clone()], vec![log("sha256:a", "o\n10%\r20%")]),
            &mut on,
        );
        let mut bad = run.clone();
        bad.completed = Some(Default::default());
        bad.error = "executor failed running [/bin/sh -c make]: exit code: 2".into();
        let mut cancelled = vertex("sha256:b", "[1/2] RUN slow");
        cancelled.completed = Some(Default::default());
        cancelled.error = "context canceled".into();
        progress.take(status(vec![cancelled, bad.clone(), bad], vec![]), &mut on);
        progress.finish(&mut on);
        let kinds: Vec<String> = seen
            .iter()
            .map(|e| match e {
                BuildEvent::Log { line, .. } => line.clone(),
                BuildEvent::Started { name, .. } => format!("started {name}"),
                BuildEvent::Failed { name, .. } => format!("failed {name}"),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "started [2/2] RUN make",
                "one",
                "two",
                "started [1/2] RUN slow",
                "failed [1/2] RUN slow",
                "20%",
                "failed [2/2] RUN make"
            ]
        );
        let f = failure(
            "executor failed running [/bin/sh -c make]: exit code: 2",
            &progress,
            &ClassicText::default(),
        );
        assert_eq!(f.step.as_deref(), Some("[2/2] RUN make"));
        assert_eq!(f.exit_code, Some(2));
        assert_eq!(f.log, ["one", "two", "20%"]);
        assert_eq!(
            f.to_string(),
            "the build failed at `[2/2] RUN make`: exit code 2"
        );
    }

    #[test]
    fn messages_of_each_engine() {
        let old = failed(
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 3: unknown instruction: RUNN",
        );
        assert_eq!(old.line, Some(3));
        assert_eq!(
            old.message,
            "dockerfile parse error line 3: unknown instruction: RUNN"
        );
        let new =
            failed("failed to solve: dockerfile parse error on line 7: unknown instruction: RUNN");
        assert_eq!(new.line, Some(7));
        let exit = failed(
            "failed to solve: process \"/bin/sh -c false\" did not complete successfully: exit code: 1",
        );
        assert_eq!((exit.exit_code, exit.line), (Some(1), None));
        let classic = failed("The command '/bin/sh -c exit 3' returned a non-zero code: 3");
        assert_eq!(classic.exit_code, Some(3));
        let registry = failed(
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: failed to do request: Head \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
        );
        assert!(
            registry
                .message
                .starts_with("a registry could not be reached"),
            "{}",
            registry.message
        );
        assert!(registry.unreachable);
        // The Dockerfile's own step had no network: that is not about an image.
        let step = failed(
            "failed to solve: executor failed running [/bin/sh -c curl x: connection refused]: exit code: 7",
        );
        assert!(!step.unreachable);
    }

    #[test]
    fn classic_text() {
        let mut seen = Vec::new();
        let mut on = |e| seen.push(e);
        let mut text = ClassicText::default();
        for piece in [
            "Step 1/2 : FROM base\n",
            " ---> 12ab\n",
            "Step 2/2 : RUN echo hi\n",
            " ---> Running in 34cd\n",
            "hi\n",
            "Removing intermediate container 34cd\n",
            " ---> 56ef\n",
            "Successfully built 56ef\n",
        ] {
            text.take(piece, &mut on);
        }
        text.finish(&mut on);
        assert_eq!(text.id.as_deref(), Some("56ef"));
        let logs = seen
            .iter()
            .filter(|e| matches!(e, BuildEvent::Log { .. }))
            .count();
        let done = seen
            .iter()
            .filter(|e| matches!(e, BuildEvent::Done { .. }))
            .count();
        assert_eq!((logs, done), (1, 2));
    }
}

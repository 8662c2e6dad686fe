//! What a container writes, in whole lines.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions as BollardLogs;
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::container::short;
use super::error::from_bollard;
use super::{Engine, EngineError, clock};

/// Longer lines come in pieces of this size.
const LONGEST_LINE: usize = 64 * 1024;

/// How long a container may take to count as stopped once its log has ended.
const LOG_ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Seconds and nanoseconds since 1970.
type Stamp = (i64, u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogOptions {
    /// Go on until the container stops.
    pub follow: bool,
    /// Seconds since 1970.
    pub since: Option<i64>,
    /// Only so many of the last lines.
    pub tail: Option<usize>,
    pub timestamps: bool,
}

/// One line, without its end. Bytes that are not UTF-8 are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChunk {
    pub stream: Stream,
    /// RFC 3339, when asked for.
    pub time: Option<String>,
    pub line: String,
    /// The line goes on in the next chunk of this stream.
    pub partial: bool,
}

/// The lines of one container; ends when the log does.
pub struct LogStream(Pin<Box<dyn futures::Stream<Item = Result<LogChunk, EngineError>> + Send>>);

impl futures::Stream for LogStream {
    type Item = Result<LogChunk, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl Engine {
    /// Both streams of a container. A container with a terminal has only stdout.
    ///
    /// The engine ends a followed log when the container stops and then sometimes leaves out a
    /// last line without an end, which is where a crash says why. So a followed log is read once
    /// more from its last line on; that is what the internal stamps are for.
    pub fn logs(&self, id: &str, options: LogOptions) -> LogStream {
        let since = options.since.unwrap_or(0);
        let stamped = options.timestamps || options.follow;
        let followed = lines(
            self.log_frames(id, options.follow, since, options.tail, stamped),
            stamped,
        );
        let hide = stamped && !options.timestamps;
        let shown = move |mut chunk: LogChunk| {
            if hide {
                chunk.time = None;
            }
            chunk
        };
        if !options.follow {
            return LogStream(Box::pin(followed));
        }
        let (engine, id) = (self.clone(), id.to_string());
        let seen = Arc::new(Mutex::new(None::<Stamp>));
        let noted = seen.clone();
        let followed = followed.inspect(move |chunk| {
            if let Ok(LogChunk {
                time: Some(time), ..
            }) = chunk
                && let (Some(time), Ok(mut noted)) = (clock::parse(time), noted.lock())
            {
                *noted = noted.max(Some(time));
            }
        });
        let rest = futures::stream::once(async move {
            let last = seen.lock().ok().and_then(|s| *s);
            let until = engine.run_ended(&id, last).await;
            let from = last.map_or(since, |(seconds, _)| seconds);
            let frames = engine.log_frames(&id, false, from, None, true);
            lines(frames, true).filter(move |chunk| {
                let missed = chunk.as_ref().is_ok_and(|c| {
                    let time = c.time.as_deref().and_then(clock::parse);
                    time > last && until.is_none_or(|until| time < Some(until))
                });
                futures::future::ready(missed)
            })
        })
        .flatten();
        LogStream(Box::pin(
            followed.chain(rest).map(move |chunk| chunk.map(shown)),
        ))
    }

    /// Waits a moment for the run whose log has ended to count as over, which is when its log is
    /// complete. When the container runs again already, that run's start is returned.
    async fn run_ended(&self, id: &str, last: Option<Stamp>) -> Option<Stamp> {
        let deadline = tokio::time::Instant::now() + LOG_ENDS_WITHIN;
        loop {
            let state = self.inspect(id).await.ok().flatten()?;
            let started = state.started_at.as_deref().and_then(clock::parse);
            if !state.running {
                return None;
            }
            if (last.is_some() && started > last) || tokio::time::Instant::now() >= deadline {
                return started;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log_frames(
        &self,
        id: &str,
        follow: bool,
        since: i64,
        tail: Option<usize>,
        timestamps: bool,
    ) -> impl futures::Stream<Item = Result<LogOutput, EngineError>> + Send + use<> {
        let doing = format!("reading the log of container `{}`", short(id));
        let asked = BollardLogs {
            follow,
            stdout: true,
            stderr: true,
            since: since.try_into().unwrap_or(0),
            until: 0,
            timestamps,
            tail: match tail {
                Some(n) => n.to_string(),
                None => "all".to_string(),
            },
        };
        let frames: Pin<Box<dyn futures::Stream<Item = _> + Send>> =
            Box::pin(self.docker.logs(id, Some(asked)));
        frames.map(move |f| f.map_err(|e| from_bollard(&doing, e)))
    }
}

fn lines(
    frames: impl futures::Stream<Item = Result<LogOutput, EngineError>> + Send,
    timestamps: bool,
) -> impl futures::Stream<Item = Result<LogChunk, EngineError>> + Send {
    let state = (Box::pin(frames), LineSplitter::new(timestamps), false);
    let batches = futures::stream::unfold(state, |(mut frames, mut splitter, over)| async move {
        if over {
            return None;
        }
        let (batch, over) = match frames.next().await {
            Some(Ok(frame)) => {
                let stream = match frame {
                    LogOutput::StdErr { .. } => Stream::Stderr,
                    _ => Stream::Stdout,
                };
                (wrap(splitter.push(stream, &frame.into_bytes())), false)
            }
            Some(Err(e)) => {
                let mut batch = wrap(splitter.finish());
                batch.push(Err(e));
                (batch, true)
            }
            None => (wrap(splitter.finish()), true),
        };
        Some((futures::stream::iter(batch), (frames, splitter, over)))
    });
    batches.flatten()
}

fn wrap(chunks: Vec<LogChunk>) -> Vec<Result<LogChunk, EngineError>> {
    chunks.into_iter().map(Ok).collect()
}

/// Joins the frames of each stream into lines. Pure.
pub(super) struct LineSplitter {
    timestamps: bool,
    open: [OpenLine; 2],
}

#[derive(Default)]
struct OpenLine {
    time: Option<String>,
    bytes: Vec<u8>,
    /// Whether a piece of this line went out before.
    cut: bool,
}

impl LineSplitter {
    pub(super) fn new(timestamps: bool) -> Self {
        LineSplitter {
            timestamps,
            open: Default::default(),
        }
    }

    /// One frame. The engine stores a long line as several entries and stamps each of them, so a
    /// stamp may also stand in the middle of a line; the line keeps its first.
    pub(super) fn push(&mut self, stream: Stream, mut frame: &[u8]) -> Vec<LogChunk> {
        let mut out = Vec::new();
        let open = &mut self.open[stream as usize];
        while !frame.is_empty() {
            if self.timestamps
                && let Some((time, rest)) = split_time(frame)
            {
                open.time.get_or_insert(time);
                frame = rest;
            }
            let end = frame.iter().position(|b| *b == b'\n');
            let (line, rest) = match end {
                Some(i) => (&frame[..i], &frame[i + 1..]),
                None => (frame, &frame[frame.len()..]),
            };
            frame = rest;
            open.bytes.extend_from_slice(line);
            while open.bytes.len() > LONGEST_LINE {
                let at = boundary(&open.bytes, LONGEST_LINE);
                let rest = open.bytes.split_off(at);
                let piece = std::mem::replace(&mut open.bytes, rest);
                out.push(chunk(stream, open.time.clone(), &piece, true));
                open.cut = true;
            }
            if end.is_some() {
                let line = std::mem::take(open);
                let bytes = line.bytes.strip_suffix(b"\r").unwrap_or(&line.bytes);
                out.push(chunk(stream, line.time, bytes, false));
            }
        }
        out
    }

    /// What is left without a line end.
    pub(super) fn finish(&mut self) -> Vec<LogChunk> {
        [Stream::Stdout, Stream::Stderr]
            .into_iter()
            .filter_map(|stream| {
                let line = std::mem::take(&mut self.open[stream as usize]);
                (!line.bytes.is_empty() || line.cut)
                    .then(|| chunk(stream, line.time, &line.bytes, false))
            })
            .collect()
    }
}

fn chunk(stream: Stream, time: Option<String>, bytes: &[u8], partial: bool) -> LogChunk {
    LogChunk {
        stream,
        time,
        line: String::from_utf8_lossy(bytes).into_owned(),
        partial,
    }
}

/// The last place at or before `at` that does not split a UTF-8 character.
fn boundary(bytes: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|i| bytes.get(*i).is_none_or(|b| b & 0xc0 != 0x80))
        .unwrap_or(at)
}

/// `2026-11-22T20:00:26.901020153Z rest`
fn split_time(frame: &[u8]) -> Option<(String, &[u8])> {
    let space = frame.iter().take(40).position(|b| *b == b' ')?;
    let text = std::str::from_utf8(&frame[..space]).ok()?;
    clock::parse(text)?;
    Some((text.to_string(), &frame[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stream::{Stderr, Stdout};

    fn text(chunks: &[LogChunk]) -> Vec<(Stream, &str)> {
        chunks.iter().map(|c| (c.stream, c.line.as_str())).collect()
    }

    #[test]
    fn lines_cross_frames_and_streams_do_not_mix() {
        let mut s = LineSplitter::new(false);
        let mut all = s.push(Stdout, b"a\nb");
        all.extend(s.push(Stderr, b"err\n"));
        all.extend(s.push(Stdout, b"c\r\n\nd"));
        all.extend(s.finish());
        assert_eq!(
            text(&all),
            [
                (Stdout, "a"),
                (Stderr, "err"),
                (Stdout, "bc"),
                (Stdout, ""),
                (Stdout, "d")
            ]
        );
        assert!(s.finish().is_empty());
    }

    #[test]
    fn stamps_are_taken_off_every_piece() {
        let mut s = LineSplitter::new(true);
        let mut all = s.push(Stdout, b"2026-11-22T20:00:26.901020153Z first ");
        all.extend(s.push(Stdout, b"2026-11-22T20:00:27Z second\n"));
        all.extend(s.push(Stdout, b"2026-11-22T20:00:28Z 2026 things\nplain\n"));
        assert_eq!(
            text(&all),
            [
                (Stdout, "first second"),
                (Stdout, "2026 things"),
                (Stdout, "plain")
            ]
        );
        assert_eq!(
            all[0].time.as_deref(),
            Some("2026-11-22T20:00:26.901020153Z")
        );
        assert_eq!(all[2].time, None);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let mut s = LineSplitter::new(false);
        let long = "ä".repeat(LONGEST_LINE);
        let mut all = s.push(Stdout, b"x");
        all.extend(s.push(Stdout, long.as_bytes()));
        all.extend(s.push(Stdout, b"\n\xff\n"));
        let joined: String = all[..all.len() - 1]
            .iter()
            .map(|c| c.line.as_str())
            .collect();
        assert_eq!(joined, format!("x{long}"));
        assert!(all[0].partial && !all[all.len() - 2].partial);
        assert!(all.iter().all(|c| c.line.len() <= LONGEST_LINE));
        assert_eq!(all[all.len() - 1].line, "\u{fffd}");
    }
}

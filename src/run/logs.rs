//! Logs of containers: followed as they come, or the last lines.

use futures::StreamExt;
use tokio::task::JoinHandle;

use super::Session;
use crate::engine::{LogOptions, Stream};
use crate::event::Event;
use crate::mask::mask;

/// Emits every line of the container until it ends.
pub fn follow(session: &Session, service: &str, id: &str, since: Option<i64>) -> JoinHandle<()> {
    let options = LogOptions {
        follow: true,
        since,
        ..LogOptions::default()
    };
    let session = session.clone();
    let service = service.to_owned();
    let mut lines = session.engine.logs(id, options);
    tokio::spawn(async move {
        while let Some(Ok(chunk)) = lines.next().await {
            session.emit(Event::Log {
                run: session.labels.run,
                service: service.clone(),
                stderr: chunk.stream == Stream::Stderr,
                line: chunk.line,
            });
        }
    })
}

/// The last `count` lines, without secrets and terminal codes, oldest first; what can be read of
/// them.
pub async fn last_lines(session: &Session, id: &str, count: usize) -> Vec<String> {
    let options = LogOptions {
        tail: Some(count),
        ..LogOptions::default()
    };
    let mut stream = session.engine.logs(id, options);
    let mut lines = Vec::new();
    while let Some(Ok(chunk)) = stream.next().await {
        let plain = anstream::adapter::strip_str(&chunk.line).to_string();
        if !plain.trim().is_empty() {
            lines.push(mask(&plain).into_owned());
        }
    }
    lines
}

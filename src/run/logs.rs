//! Logs of containers: followed as they come, or the last lines.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;

use super::{Session, complaint};
use crate::engine::{LogOptions, Stream};
use crate::event::Event;
use crate::mask::mask;

/// Lines of a log that are looked through when it is read back.
const READ_BACK: usize = 20_000;
/// Complaints that are kept of a log.
const COMPLAINTS: usize = 100;
/// Characters that are kept of a complaint.
const LONGEST_COMPLAINT: usize = 1000;

/// The engine's time of the newest line that was shown. Whoever reads the log of a service holds it.
type Newest = Arc<tokio::sync::Mutex<Option<String>>>;

/// Follows the logs of a run's containers over their restarts and replacements.
#[derive(Default)]
pub struct Follower {
    services: Mutex<HashMap<String, Newest>>,
}

impl Follower {
    /// Emits every line of the container that just started, until it ends. The engine ends the log
    /// of a container with the container, so this is called at each start.
    pub fn started(&self, session: &Session, service: &str, id: &str) {
        let newest = lock(&self.services)
            .entry(service.to_owned())
            .or_default()
            .clone();
        let (session, service, id) = (session.clone(), service.to_owned(), id.to_owned());
        tokio::spawn(async move {
            // The log of the run before is shown to its end first, however slowly it is read.
            let mut newest = newest.lock().await;
            let shown = newest.clone();
            let options = LogOptions {
                follow: true,
                // The engine takes whole seconds; the lines of that second are compared below.
                since: shown.as_deref().and_then(seconds),
                timestamps: true,
                ..LogOptions::default()
            };
            let mut lines = session.engine.logs(&id, options);
            while let Some(Ok(chunk)) = lines.next().await {
                if let Some(time) = chunk.time {
                    // Only with what the run before showed: within one run, the times of lines on
                    // stdout and stderr need not be in the order of the log.
                    if shown.as_ref().is_some_and(|shown| time <= *shown) {
                        continue;
                    }
                    if newest.as_ref().is_none_or(|newest| time > *newest) {
                        *newest = Some(time);
                    }
                }
                session.emit(Event::Log {
                    run: session.labels.run,
                    service: service.clone(),
                    stderr: chunk.stream == Stream::Stderr,
                    line: chunk.line,
                });
            }
        });
    }
}

/// A map is never left half changed, so a poisoned lock holds no harm.
fn lock(services: &Mutex<HashMap<String, Newest>>) -> MutexGuard<'_, HashMap<String, Newest>> {
    services.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970 of a time as the engine writes it, `2026-01-02T03:04:05.678901234Z`.
///
/// The days are counted as in Howard Hinnant's `days_from_civil`.
fn seconds(time: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    Some(((days * 24 + number(11..13)?) * 60 + number(14..16)?) * 60 + number(17..19)?)
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

/// What is kept of a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its last lines.
    pub last: Vec<String>,
    /// The first lines that say that something is missing, each once.
    pub complaints: Vec<String>,
}

/// Reads a log back: its `count` last lines and its complaints, without secrets and terminal codes;
/// what can be read of it.
pub async fn read_back(session: &Session, id: &str, count: usize) -> Kept {
    let options = LogOptions {
        tail: Some(READ_BACK),
        ..LogOptions::default()
    };
    let mut stream = session.engine.logs(id, options);
    let mut ring = Ring::new(count);
    while let Some(Ok(chunk)) = stream.next().await {
        ring.take(&chunk.line);
    }
    ring.kept()
}

/// Keeps the end of a log and its complaints while it passes by.
struct Ring {
    count: usize,
    last: VecDeque<String>,
    complaints: Vec<String>,
}

impl Ring {
    fn new(count: usize) -> Self {
        Self {
            count,
            last: VecDeque::new(),
            complaints: Vec::new(),
        }
    }

    fn take(&mut self, line: &str) {
        let plain = anstream::adapter::strip_str(line).to_string();
        if plain.trim().is_empty() {
            return;
        }
        if self.complaints.len() < COMPLAINTS && complaint::is_one(&plain) {
            let short: String = plain.chars().take(LONGEST_COMPLAINT).collect();
            if !self.complaints.contains(&short) {
                self.complaints.push(short);
            }
        }
        if self.last.len() == self.count {
            self.last.pop_front();
        }
        self.last.push_back(plain);
    }

    fn kept(self) -> Kept {
        let masked = |line: &String| mask(line).into_owned();
        Kept {
            last: self.last.iter().map(masked).collect(),
            complaints: self.complaints.iter().map(masked).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_end_and_the_complaints_are_kept() {
        let mut ring = Ring::new(2);
        ring.take("\u{1b}[31mError: ENOENT: no such file, open 'a' password=hunter2\u{1b}[0m");
        for number in 0..300 {
            ring.take(&format!("request {number}"));
            ring.take(&format!("file {} not found", number % 150));
        }
        ring.take("  ");
        let kept = ring.kept();
        assert_eq!(kept.last, ["request 299", "file 149 not found"]);
        assert_eq!(kept.complaints.len(), COMPLAINTS);
        assert_eq!(
            kept.complaints[0],
            "Error: ENOENT: no such file, open 'a' password=*******"
        );
        assert_eq!(kept.complaints[1], "file 0 not found");
    }

    #[test]
    fn the_time_of_a_line_is_counted_in_seconds_since_1970() {
        assert_eq!(seconds("1970-01-01T00:00:00.000000000Z"), Some(0));
        assert_eq!(seconds("2000-02-29T12:00:01.5Z"), Some(951_825_601));
        assert_eq!(
            seconds("2026-11-22T21:09:55.302123456Z"),
            Some(1_795_381_795)
        );
        assert_eq!(seconds("yesterday"), None);
    }
}

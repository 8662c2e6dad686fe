//! Runs `envsim` with a deadline and keeps everything it prints.

use std::fmt;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{DEADLINE, POLL, until};

/// A command that has ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As it could be typed.
    pub command: String,
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
            took,
        } = self;
        write!(
            out,
            "$ {command}\nexit code {code:?} after {took:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

impl Outcome {
    /// Fails the test unless the command ended with `code`.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "expected exit code {code}\n{self}");
        self
    }

    /// Fails the test unless stderr holds every one of `texts`.
    #[track_caller]
    pub fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "expected `{text}` on stderr\n{self}"
            );
        }
        self
    }

    /// Fails the test unless stdout holds `text`.
    #[track_caller]
    pub fn prints(&self, text: &str) -> &Self {
        assert!(
            self.stdout.contains(text),
            "expected `{text}` on stdout\n{self}"
        );
        self
    }

    /// Fails the test unless exactly one error was told.
    #[track_caller]
    pub fn tells_one_error(&self) -> &Self {
        let errors = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        assert_eq!(errors, 1, "expected one error on stderr\n{self}");
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self}"))
    }
}

/// A command that runs; it is killed when this is dropped.
pub struct Running {
    command: String,
    child: Child,
    started: Instant,
    stdout: Reader,
    stderr: Reader,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command can be started");
        Self {
            command: words.join(" "),
            started: Instant::now(),
            stdout: Reader::start(child.stdout.take().expect("a pipe")),
            stderr: Reader::start(child.stderr.take().expect("a pipe")),
            child,
        }
    }

    /// Waits until stdout and stderr together hold `text`.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |output| output.contains(text));
    }

    /// Waits until `holds` says so of stdout and stderr together.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + DEADLINE;
        loop {
            // Asked first, so that what it wrote last is read.
            let ended = self.child.try_wait().expect("a child can be asked");
            if ended.is_some() {
                self.stdout.join();
                self.stderr.join();
            }
            if holds(&self.output()) {
                return;
            }
            if ended.is_some() || Instant::now() > end {
                panic!("`{what}` did not come\n{}", self.seen(ended));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Everything printed until now.
    pub fn output(&self) -> String {
        self.stdout.text() + &self.stderr.text()
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.child.id());
        let status = Command::new("sh")
            .args(["-c", &kill])
            .status()
            .expect("sh can be started");
        assert!(status.success(), "{kill}");
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(self) -> Outcome {
        self.finish_within(DEADLINE)
    }

    /// Waits for its end for so long.
    #[track_caller]
    pub fn finish_within(mut self, deadline: Duration) -> Outcome {
        let end = Instant::now() + deadline;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                break status;
            }
            if Instant::now() > end {
                let seen = self.seen(None);
                panic!("it did not end within {deadline:?}\n{seen}");
            }
            std::thread::sleep(POLL / 5);
        };
        self.stdout.join();
        self.stderr.join();
        self.seen(Some(status))
    }

    fn seen(&self, status: Option<ExitStatus>) -> Outcome {
        Outcome {
            command: self.command.clone(),
            code: status.and_then(|status| status.code()),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            took: self.started.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end, on a thread of its own.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                sink.lock()
                    .expect("no reader panics")
                    .extend_from_slice(&buffer[..read]);
            }
        });
        Self {
            bytes,
            thread: Some(thread),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no reader panics")).into_owned()
    }

    fn join(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        until("the end of a pipe", || thread.is_finished().then_some(()));
    }
}

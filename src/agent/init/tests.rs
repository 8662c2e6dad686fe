use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::arguments;
use crate::control::{self, Answer, Request, Restarted};
use crate::scratch::Scratch;
use crate::signals;

/// The program as build.rs made it.
const AGENT: &str = concat!(env!("OUT_DIR"), "/agent");
const PATIENCE: Duration = Duration::from_secs(20);

/// A service with the agent above it, in a folder of its own. The folder is the control folder too.
struct Service {
    scratch: Scratch,
    agent: Child,
}

impl Service {
    fn start(program: &[&str]) -> Self {
        Self::start_as(program, |_| {})
    }

    /// A shell script; it ends with `exec sleep`, so that the process is the same all along.
    fn script(text: &str) -> Self {
        Self::start(&["/bin/sh", "-c", text])
    }

    fn start_as(program: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let scratch = Scratch::new("init");
        fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o1777)).unwrap();
        let mut command = Command::new(AGENT);
        command
            .args(["init", "--control"])
            .arg(&scratch.path)
            .arg("--")
            .args(program)
            .current_dir(&scratch.path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        change(&mut command);
        let agent = command.spawn().unwrap();
        Self { scratch, agent }
    }

    fn ask(&self, request: Request) -> Answer {
        let mut answer = None;
        // It listens before the program runs, but a moment after its own start.
        eventually("the socket answers", || {
            answer = control::ask(&self.scratch.path, request).ok();
            answer.is_some()
        });
        answer.unwrap().0
    }

    fn process(&self) -> u32 {
        match self.ask(Request::Who) {
            Answer::Service(process) => process,
            other => panic!("{other:?}"),
        }
    }

    fn restart(&self, signal: i32, grace: u32) -> Restarted {
        match self.ask(Request::Restart { signal, grace }) {
            Answer::Restarted(restarted) => restarted,
            other => panic!("{other:?}"),
        }
    }

    fn signal(&self, signal: i32) {
        signals::send(self.agent.id().cast_signed(), signal).unwrap();
    }

    fn wait_for(&self, file: &str) {
        eventually(file, || self.scratch.has(file));
    }

    /// Exit code and what was said, after the end.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut status = None;
        eventually("the agent ends", || {
            status = self.agent.try_wait().unwrap();
            status.is_some()
        });
        let mut said = String::new();
        let mut stderr = self.agent.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        (status.unwrap().code(), said)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.agent.try_wait().is_ok_and(|ended| ended.is_none()) {
            for process in super::descendants::of(Path::new("/proc"), self.agent.id().cast_signed())
            {
                let _ = signals::send(process, signals::SIGKILL);
            }
            let _ = self.agent.kill();
            let _ = self.agent.wait();
        }
    }
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn runs(process: &str) -> bool {
    // A zombie has no command line.
    fs::read(format!("/proc/{}/cmdline", process.trim())).is_ok_and(|words| !words.is_empty())
}

fn words(list: &[&str]) -> Vec<OsString> {
    list.iter().map(OsString::from).collect()
}

#[test]
fn the_program_and_its_flags_come_after_two_dashes() {
    let (control, program) =
        arguments(&words(&["--control", "/c", "--", "a", "--", "-b"])).unwrap();
    assert_eq!(control.as_deref(), Some(Path::new("/c")));
    assert_eq!(program, words(&["a", "--", "-b"]));
    assert_eq!(arguments(&words(&["--", "a"])).unwrap().0, None);
    for wrong in [
        &[][..],
        &["--"],
        &["a"],
        &["--control"],
        &["--control", "c", "--", "a"],
        &["--control", "/c", "--control", "/c", "--", "a"],
        &["--other", "--", "a"],
    ] {
        assert!(arguments(&words(wrong)).is_err(), "{wrong:?}");
    }
}

#[test]
fn it_ends_with_the_exit_code_of_its_program() {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("exec sleep 0", 0),
    ] {
        assert_eq!(
            Service::script(script).end(),
            (Some(code), String::new()),
            "{script}"
        );
    }
}

#[test]
fn a_program_that_cannot_be_started_is_told_in_one_line_with_the_code_of_shells() {
    let scratch = Scratch::new("init-programs");
    scratch.file("plain", "#!/bin/sh\n");
    scratch.file("nothing", "echo never\n");
    scratch.file("lost", "#!/no/such/interpreter\n");
    for name in ["nothing", "lost"] {
        let path = scratch.path.join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = |name: &str| scratch.path.join(name).display().to_string();
    for (program, code, says) in [
        ("no-such-program".to_owned(), 127, "in any folder of `PATH`"),
        (path("missing"), 127, "there is no such file"),
        (path("lost"), 127, "the interpreter in its first line"),
        (path("plain"), 126, "may not be executed"),
        (path("nothing"), 126, "without `#!`"),
        (path(""), 126, "may not be executed"),
    ] {
        let (ended, said) = Service::start(&[&program]).end();
        assert_eq!(ended, Some(code), "{program}");
        assert!(
            said.starts_with(&format!("envsim: cannot start `{program}`: ")),
            "{said}"
        );
        assert!(said.contains(says) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_program_begins_with_nothing_blocked_nothing_ignored_and_nothing_open() {
    // As a parent that ignores signals leaves it.
    let script = format!("trap '' HUP USR1; exec {AGENT} init -- cat /proc/self/status");
    let out = Command::new("sh").args(["-c", &script]).output().unwrap();
    let status = String::from_utf8(out.stdout).unwrap();
    // The C library keeps 32 and 33 to itself: they stay as they were.
    let reserved = 0b11 << 31;
    for kind in ["SigBlk:\t", "SigIgn:\t"] {
        let line = status.lines().find_map(|line| line.strip_prefix(kind));
        let signals = u64::from_str_radix(line.unwrap(), 16).unwrap();
        assert_eq!(signals & !reserved, 0, "{kind}{signals:x}");
    }
    // The folder that `ls` reads is open too, and what a runner of tests left open.
    let listed = |command: &str| {
        let out = Command::new("sh").args(["-c", command]).output().unwrap();
        String::from_utf8(out.stdout).unwrap().lines().count()
    };
    let control = Scratch::new("init-open");
    let agent = format!("{AGENT} init --control {} -- ", control.path.display());
    assert_eq!(
        listed(&format!("exec {agent} ls /proc/self/fd")),
        listed("exec ls /proc/self/fd")
    );
}

#[test]
fn every_signal_that_can_be_sent_on_reaches_the_program() {
    let signals: Vec<i32> = (1..=signals::LAST)
        .filter(|signal| signals::is_forwarded(*signal))
        // A shell has no trap for the terminal's, which would stop it, nor some others under all shells.
        .filter(|signal| !matches!(signal, 18 | 20))
        .collect();
    let traps: String = signals
        .iter()
        .map(|signal| format!("trap ': > got-{signal}' {signal}\n"))
        .collect();
    let script = format!("{traps}: > ready\nwhile :; do sleep 0.05; done");
    let service = Service::script(&script);
    service.wait_for("ready");
    for signal in signals {
        service.signal(signal);
        service.wait_for(&format!("got-{signal}"));
    }
    for signal in [10, 37] {
        let file = service.scratch.path.join(format!("got-{signal}"));
        fs::remove_file(file).unwrap();
        assert_eq!(service.ask(Request::Signal(signal)), Answer::Sent);
        service.wait_for(&format!("got-{signal}"));
    }
    assert!(matches!(
        service.ask(Request::Signal(99)),
        Answer::Failed { errno: 22, .. }
    ));
}

#[test]
fn a_restart_is_a_new_process_within_milliseconds() {
    let mut service = Service::start(&["sleep", "1000"]);
    let first = service.process();
    let mut fastest = u32::MAX;
    for _ in 0..30 {
        let before = service.process();
        let restarted = service.restart(15, 10_000);
        assert_ne!(restarted.service, before);
        assert_eq!(service.process(), restarted.service);
        assert!(!restarted.killed);
        fastest = fastest.min(restarted.stopped + restarted.started);
    }
    assert!(fastest < 5000, "{fastest} microseconds");
    assert!(!runs(&first.to_string()));
    service.signal(15);
    assert_eq!(service.end(), (Some(143), String::new()));
}

#[test]
fn a_program_that_does_not_end_is_killed_after_its_grace() {
    let service = Service::script("trap '' TERM; : > ready; while :; do sleep 1000; done");
    service.wait_for("ready");
    let restarted = service.restart(15, 50);
    assert!(restarted.killed);
    assert!(
        (50_000..10_000_000).contains(&restarted.stopped),
        "{restarted:?}"
    );
}

#[test]
fn what_a_service_left_behind_goes_with_a_restart_and_what_others_run_stays() {
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let service = Service::script(
        "sleep 1000 & echo $! > child
         (setsid sh -c 'echo $$ > orphan; exec sleep 1000' &)
         setsid sh -c 'sleep 1000 & echo $! > grandchild; trap \"\" TERM HUP; wait' &
         while ! [ -s orphan ] || ! [ -s grandchild ]; do sleep 0.01; done
         : > ready
         exec sleep 1000",
    );
    service.wait_for("ready");
    let left: Vec<String> = ["child", "orphan", "grandchild"]
        .iter()
        .map(|name| service.scratch.text(name))
        .collect();
    assert!(left.iter().all(|process| runs(process)));
    let restarted = service.restart(15, 10_000);
    for process in &left {
        assert!(!runs(process), "{process}");
    }
    assert!(!restarted.killed);
    assert!(restarted.started < 1_000_000, "{restarted:?}");
    assert!(runs(&other.id().to_string()));
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn restarts_at_the_same_time_come_one_after_the_other() {
    let service = Service::start(&["sleep", "1000"]);
    let first = service.process();
    let mut processes: Vec<u32> = thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| service.restart(15, 10_000).service))
            .collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let last = service.process();
    assert!(processes.contains(&last));
    processes.push(first);
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 9);
}

#[test]
fn others_are_answered_while_a_program_takes_its_time_to_end() {
    let service = Service::script("trap '' TERM; : > ready; while :; do sleep 1000; done");
    service.wait_for("ready");
    let process = service.process();
    thread::scope(|scope| {
        let restart = scope.spawn(|| service.restart(15, 1500));
        let asked = Instant::now();
        for _ in 0..20 {
            assert_eq!(service.process(), process);
        }
        assert!(asked.elapsed() < Duration::from_millis(1400));
        assert!(restart.join().unwrap().killed);
    });
}

#[test]
fn a_container_that_is_stopped_during_a_restart_does_not_start_again() {
    let mut service = Service::script(
        ": >> starts; trap 'sleep 0.3; exit 5' TERM; echo x >> starts; while :; do sleep 0.01; done",
    );
    eventually("it runs", || {
        service.scratch.has("starts") && !service.scratch.text("starts").is_empty()
    });
    thread::scope(|scope| {
        let path = service.scratch.path.clone();
        scope.spawn(move || {
            let request = Request::Restart {
                signal: 15,
                grace: 10_000,
            };
            // There is nobody left to answer.
            assert!(control::ask(&path, request).is_err());
        });
        let process = service.process().to_string();
        // The trap of the first signal is at work.
        eventually("it ends", || {
            let children = format!("/proc/{process}/task/{process}/children");
            fs::read_to_string(children).is_ok_and(|all| {
                all.split_whitespace().any(|child| {
                    fs::read(format!("/proc/{child}/cmdline"))
                        .is_ok_and(|words| words == b"sleep\x000.3\0")
                })
            })
        });
        service.signal(15);
        assert_eq!(service.end().0, Some(5));
    });
    assert_eq!(service.scratch.text("starts"), "x\n");
}

#[test]
fn a_program_that_is_gone_at_a_restart_is_told_and_ends_the_container() {
    let scratch = Scratch::new("init-gone");
    scratch.file("run", "#!/bin/sh\nexec sleep 1000\n");
    let path = scratch.path.join("run");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut service = Service::start(&[path.to_str().unwrap()]);
    service.process();
    fs::remove_file(&path).unwrap();
    let answer = service.ask(Request::Restart {
        signal: 15,
        grace: 10_000,
    });
    assert!(
        matches!(answer, Answer::Failed { errno: 2, .. }),
        "{answer:?}"
    );
    let (code, said) = service.end();
    assert_eq!(code, Some(127));
    assert!(said.contains("there is no such file"), "{said}");
}

#[test]
fn a_service_runs_without_its_socket_too() {
    let mut command = Command::new(AGENT);
    command.args([
        "init",
        "--control",
        "/no/such/folder",
        "--",
        "sh",
        "-c",
        "exit 4",
    ]);
    let out = command.output().unwrap();
    assert_eq!(out.status.code(), Some(4));
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        said.contains("cannot be restarted in its container"),
        "{said}"
    );
}

#[test]
fn only_root_and_the_user_of_the_service_may_ask() {
    if control::own_user() != 0 {
        return; // Only root can be several users.
    }
    let service = Service::start_as(&["sleep", "1000"], |command| {
        command.uid(1000).gid(1000);
    });
    service.process();
    let (_, peer) = control::ask(&service.scratch.path, Request::Who).unwrap();
    assert_eq!((peer.user, peer.group), (1000, 1000));
    let script = "import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try:
    s.sendall(b'who\\n')
    print(s.recv(100).decode().split(' ')[0] or 'nothing')
except OSError:
    print('nothing')";
    for (user, answer) in [(0, "service\n"), (1000, "service\n"), (1001, "nothing\n")] {
        let socket = control::socket(&service.scratch.path);
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(socket).uid(user).gid(0);
        let Ok(out) = command.output() else {
            return; // No Python to ask with.
        };
        assert_eq!(String::from_utf8_lossy(&out.stdout), answer, "user {user}");
    }
}

//! The screen of `envsim dev`, on a terminal of its own: `script` of util-linux makes one.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::{Project, until};

/// A shell on a terminal, in a project.
struct Terminal {
    script: Child,
    keyboard: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs `commands` of a shell, in which `$ENVSIM` is the program, on a terminal of 80 columns and 24 rows.
    fn start(project: &Project, commands: &str) -> Self {
        let mut script = project.with_surroundings("script");
        let commands = format!("stty cols 80 rows 24; {commands}");
        script
            .args(["-q", "-e", "-c", &commands, "/dev/null"])
            .env("ENVSIM", env!("CARGO_BIN_EXE_envsim"))
            .env("COMPOSE_PROJECT_NAME", project.name())
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/bash")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut script = script.spawn().expect("`script` can be started");
        let mut out = script.stdout.take().expect("a pipe");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = shown.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                let mut shown = sink.lock().expect("no reader panics");
                shown.extend_from_slice(&buffer[..read]);
            }
        });
        Self {
            keyboard: script.stdin.take().expect("a pipe"),
            script,
            shown,
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("no reader panics")).into_owned()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        until(text, || self.shown().contains(text).then_some(()));
    }

    fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("the terminal is there");
        self.keyboard.flush().expect("the terminal is there");
    }

    /// Waits until the shell has ended.
    #[track_caller]
    fn end(&mut self) -> Option<i32> {
        let status = until("the end", || {
            self.script.try_wait().expect("a child can be asked")
        });
        status.code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// Prints what would clear the screen, move, set a title and switch to the other screen.
const RUDE: &str = "services:
  web:
    image: debian:bookworm-slim
    command:
      - bash
      - -c
      - |
        printf '\\033[2Jcle\\033[5;5Hared\\033]0;title\\007\\n\\033[31mred\\nalt\\033[?1049hscreen\\n10%%\\r50%%\\rall done\\n'
        trap exit TERM; sleep infinity & wait
  other:
    image: debian:bookworm-slim
    command: [bash, -c, 'trap exit TERM; sleep infinity & wait']
";

#[test]
fn the_screen_shows_services_answers_keys_and_leaves_the_terminal_as_it_was() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(RUDE);
    let mut terminal = Terminal::start(
        &project,
        "stty -g > before; \"$ENVSIM\" dev; echo \"code $?\"; stty -g > after",
    );
    terminal.wait_for("all done");
    // Name, state and memory in one line of the bottom.
    terminal.wait_for("cpu ");
    terminal.wait_for("other\u{1b}[0m");
    assert!(terminal.shown().contains("running"), "{}", terminal.shown());

    terminal.press("?");
    terminal.wait_for("any key goes back");
    assert_eq!(terminal.shown().matches("\u{1b}[?1049h").count(), 1);
    terminal.press("x");
    terminal.wait_for("\u{1b}[?1049l");

    terminal.press("/RED\r");
    terminal.wait_for("no kept line has `RED`");
    terminal.press("/all done\r");
    terminal.wait_for("line 1 of 1 with it");
    terminal.press("\u{1b}");
    terminal.press("lo");
    terminal.wait_for("--- only other;");
    terminal.press("1r");
    terminal.wait_for("restarts 1");

    terminal.press("q");
    assert_eq!(terminal.end(), Some(0), "{}", terminal.shown());
    let shown = terminal.shown();
    assert!(shown.contains("code 0"), "{shown}");
    let read = |name| std::fs::read_to_string(project.path(name)).expect("stty wrote it");
    assert_eq!(read("before"), read("after"), "{shown}");
    // The cursor is shown again, and the first screen.
    assert!(
        shown.rfind("\u{1b}[?25h") > shown.rfind("\u{1b}[?25l"),
        "{shown}"
    );
    assert!(
        shown.rfind("\u{1b}[?1049l") > shown.rfind("\u{1b}[?1049h"),
        "{shown}"
    );
    // Of what the service printed, the colour passes and nothing else.
    assert!(shown.contains("cleared\r\n"), "{shown}");
    assert!(shown.contains("\u{1b}[31mred\u{1b}[0m\r\n"), "{shown}");
    assert!(shown.contains("altscreen\r\n"), "{shown}");
    for control in ["title", "\u{7}", "[5;5H", "10%"] {
        assert!(!shown.contains(control), "{control:?} passed\n{shown}");
    }
}

#[test]
fn without_a_terminal_that_moves_its_cursor_there_are_lines() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(RUDE);
    let mut terminal = Terminal::start(&project, "TERM=dumb \"$ENVSIM\" dev");
    terminal.wait_for("web: started");
    terminal.wait_for("all done");
    // Ctrl-C, through the terminal.
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), Some(0), "{}", terminal.shown());
    assert!(!terminal.shown().contains("? help"), "{}", terminal.shown());
    assert!(
        !terminal.shown().contains("\u{1b}[?25l"),
        "{}",
        terminal.shown()
    );
}

#[test]
fn ctrl_c_ends_the_screen_and_no_colour_means_no_colour() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(RUDE);
    let mut terminal = Terminal::start(
        &project,
        "stty -g > before; NO_COLOR=1 \"$ENVSIM\" dev; echo \"code $?\"; stty -g > after",
    );
    terminal.wait_for("all done");
    terminal.wait_for("cpu ");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), Some(0), "{}", terminal.shown());
    let shown = terminal.shown();
    assert!(shown.contains("code 0"), "{shown}");
    let read = |name| std::fs::read_to_string(project.path(name)).expect("stty wrote it");
    assert_eq!(read("before"), read("after"), "{shown}");
    for colour in ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[36m"] {
        assert!(!shown.contains(colour), "{colour:?}\n{shown}");
    }
}

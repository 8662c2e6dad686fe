//! The terminal: whether there is one for a screen, keys one by one, and everything as it was in the end.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr,
};

use super::render::Size;
use super::styled::Looks;

/// So long the rest of a key may take after ESC, as when it comes over a network.
const REST_OF_KEY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 30_000_000,
};

/// What the terminal was set to before, while it is ours.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
/// Whether the other screen of the terminal is shown.
pub static COVERED: AtomicBool = AtomicBool::new(false);

/// Whether a screen can be drawn here: stdout and stderr are a terminal that can move its cursor, and this process
/// may change it.
pub fn is_one() -> bool {
    let knows_moves = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
    knows_moves
        && std::io::stdout().is_terminal()
        && std::io::stderr().is_terminal()
        // In the background a change of the terminal would stop the process.
        && tcgetpgrp(rustix::stdio::stdout()).is_ok_and(|group| group == getpgrp())
}

/// Whether keys can be read.
pub fn has_keys() -> bool {
    std::io::stdin().is_terminal()
}

/// What the terminal shows.
pub fn looks() -> Looks {
    Looks {
        colour: crate::ui::colour_stdout(),
        links: knows_links(|name| std::env::var(name).ok()),
    }
}

/// Terminals that are known to take links (OSC 8), as the list of egmontkob/hyperlinks has them. What does not know
/// them can show them as text, so in doubt there are none. Pure.
fn knows_links(variable: impl Fn(&str) -> Option<String>) -> bool {
    if let Some(forced) = variable("FORCE_HYPERLINK") {
        return forced != "0";
    }
    let term = variable("TERM").unwrap_or_default();
    // Multiplexers hide what is outside, and not all of them pass links on.
    if term.starts_with("screen") || term.starts_with("tmux") || variable("TMUX").is_some() {
        return false;
    }
    let by_term = [
        "xterm-kitty",
        "alacritty",
        "foot",
        "xterm-ghostty",
        "wezterm",
        "contour",
    ];
    let by_program = [
        "iTerm.app",
        "WezTerm",
        "vscode",
        "ghostty",
        "Hyper",
        "rio",
        "Tabby",
    ];
    by_term.iter().any(|name| term.starts_with(name))
        || variable("TERM_PROGRAM").is_some_and(|name| by_program.contains(&&*name))
        || variable("VTE_VERSION")
            .is_some_and(|version| version.parse().is_ok_and(|n: u32| n >= 5000))
        || [
            "WT_SESSION",
            "KONSOLE_VERSION",
            "KITTY_WINDOW_ID",
            "DOMTERM",
        ]
        .iter()
        .any(|name| variable(name).is_some())
}

/// Columns and rows; those of old when the terminal does not say.
pub fn size() -> Size {
    match tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (usize::from(size.ws_col), usize::from(size.ws_row))
        }
        _ => (80, 24),
    }
}

/// Keys come one by one and are not shown. Signals of the keyboard stay what they are: Ctrl-C ends a run even when
/// nobody reads keys.
pub fn take() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
    if !has_keys() {
        return;
    }
    let Ok(was) = tcgetattr(rustix::stdio::stdin()) else {
        return;
    };
    let mut ours = was.clone();
    ours.local_modes
        .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
    ours.special_codes[SpecialCodeIndex::VMIN] = 1;
    ours.special_codes[SpecialCodeIndex::VTIME] = 0;
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    before.get_or_insert(was);
    // Without it keys need Enter, and all else works.
    let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &ours);
}

/// The terminal as it was: its settings, its first screen, its cursor. It may be called at any time.
pub fn give_back() {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = String::from("\u{1b}[?2026l");
    if COVERED.swap(false, Ordering::Relaxed) {
        out.push_str("\u{1b}[?1049l");
    }
    // What stood at the bottom goes, so that whatever comes next stands alone.
    out.push_str("\u{1b}[0m\r\u{1b}[J\u{1b}[?25h");
    // There is nothing else to do for a terminal that is gone.
    let _ = rustix::io::write(rustix::stdio::stdout(), out.as_bytes());
    if let Some(was) = before.take() {
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &was);
    }
}

/// Stops this process as Ctrl-Z does, until somebody lets it go on.
pub fn stop_here() {
    // A process can always stop itself.
    let _ = kill_process(getpid(), Signal::STOP);
}

/// What is typed, as much as there is; none at the end.
pub fn read(buffer: &mut [u8]) -> Option<usize> {
    let mut length = read_some(buffer)?;
    if length < buffer.len() && buffer[length - 1] == 0x1b {
        let mut ready = [PollFd::from_borrowed_fd(
            rustix::stdio::stdin(),
            PollFlags::IN,
        )];
        if poll(&mut ready, Some(&REST_OF_KEY)).is_ok_and(|count| count > 0) {
            length += read_some(&mut buffer[length..])?;
        }
    }
    Some(length)
}

fn read_some(buffer: &mut [u8]) -> Option<usize> {
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut *buffer) {
            Ok(0) => return None,
            Ok(length) => return Some(length),
            Err(rustix::io::Errno::INTR) => {}
            // Somebody made it non-blocking, as other programs on one terminal may.
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(Duration::from_millis(50)),
            Err(_) => return None,
        }
    }
}

/// Writes all of `bytes` past the buffers of the library, whose lines would be many writes.
pub fn write(mut bytes: &[u8]) -> std::io::Result<()> {
    // Whatever was printed before stands before.
    std::io::stdout().flush()?;
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let mut ready = [PollFd::from_borrowed_fd(
                    rustix::stdio::stdout(),
                    PollFlags::OUT,
                )];
                // What went wrong is told by the next write.
                let _ = poll(&mut ready, None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_written_only_where_they_are_known() {
        let with = |pairs: &[(&str, &str)]| {
            knows_links(|name| {
                let found = pairs.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(!with(&[("TERM", "xterm-256color")]));
        assert!(with(&[("TERM", "xterm-256color"), ("VTE_VERSION", "7600")]));
        assert!(!with(&[("VTE_VERSION", "4800")]));
        assert!(with(&[("TERM", "xterm-kitty")]));
        assert!(with(&[("TERM_PROGRAM", "vscode")]));
        assert!(!with(&[("TERM", "tmux-256color"), ("VTE_VERSION", "7600")]));
        assert!(with(&[("TERM", "tmux-256color"), ("FORCE_HYPERLINK", "1")]));
        assert!(!with(&[("TERM", "foot"), ("FORCE_HYPERLINK", "0")]));
    }
}

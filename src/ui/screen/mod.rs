//! The screen of `envsim dev`: logs that scroll as in any terminal, and below them a line per service that stays.
//!
//! [`model`] is what is shown, [`press`] what keys do to it, [`render`] and [`views`] turn it into lines: all of
//! them are pure. Here is what acts: a thread that draws, and one that reads keys.

mod clean;
mod history;
mod keys;
mod model;
mod paint;
mod press;
mod render;
mod styled;
mod terminal;
mod views;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use super::queue::Queue;
use super::{Prefixes, Show, Wish, lines};
use crate::event::{Event, Sink};
use clean::clean;
use history::{History, Kept};
use model::Model;
use press::Pressed;
use render::Size;
use styled::{Line, Looks};

pub use terminal::is_one;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(40);
/// Bytes of log lines that may wait: more than a fast log brings between two frames.
const WAITING: usize = 4 * 1024 * 1024;

/// What waits to be drawn.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    /// A line of a container.
    Log { service: String, text: String },
    /// What envsim says.
    Said(String),
    /// From here on only the lines of this service are shown, or all.
    Filter(Option<usize>),
}

/// What the threads share.
struct Shared {
    queue: Queue<Item>,
    state: Mutex<State>,
    /// Everything is to be drawn again.
    redraw: AtomicBool,
    /// The process is to be stopped, as Ctrl-Z asks.
    stop: AtomicBool,
}

struct State {
    model: Model,
    history: History,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A screen that is half changed is drawn again soon.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_to_redraw(&self) {
        self.redraw.store(true, Ordering::Relaxed);
        self.queue.wake();
    }
}

/// Draws until it is dropped.
pub struct Screen {
    shared: Arc<Shared>,
    looks: Looks,
    drawing: Option<JoinHandle<()>>,
}

impl Screen {
    /// Takes the terminal. What keys ask for goes to `wishes`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(show: &Show, wishes: UnboundedSender<Wish>) -> std::io::Result<Self> {
        let keys = terminal::has_keys();
        let shared = Arc::new(Shared {
            queue: Queue::new(WAITING),
            state: Mutex::new(State {
                model: Model::new(&show.app, &show.services, keys),
                history: History::default(),
            }),
            redraw: AtomicBool::new(true),
            stop: AtomicBool::new(false),
        });
        let looks = terminal::looks();
        terminal::take();
        let mut painter = Painter {
            shared: shared.clone(),
            prefixes: Prefixes::new(&show.services),
            looks,
            shown: None,
            covered: false,
            filter: None,
            hidden: 0,
        };
        let gone = wishes.clone();
        let drawing = std::thread::Builder::new().name("screen".to_owned());
        let drawing = drawing.spawn(move || {
            if painter.run().is_err() {
                // The terminal is gone: so is whoever wanted to see the run.
                painter.shared.queue.close();
                let _ = gone.send(Wish::Quit);
            }
        });
        let mut screen = Self {
            shared,
            looks,
            drawing: None,
        };
        screen.drawing = Some(drawing?);
        if keys {
            screen.read_keys(wishes)?;
        }
        screen.heed_signals()?;
        Ok(screen)
    }

    /// Where events go.
    pub fn sink(&self) -> Sink {
        let (shared, colour) = (self.shared.clone(), self.looks.colour);
        Arc::new(move |event| {
            let Event::Log { service, line, .. } = event else {
                shared.tell(&event, colour);
                return;
            };
            let text = clean(line, colour);
            let bytes = text.len() + service.len();
            let item = Item::Log { service, text };
            if let Err(Item::Log { service, text }) = shared.queue.push(item, bytes, true) {
                // The screen has ended before the run.
                anstream::println!("{service} | {text}");
            }
        })
    }

    fn read_keys(&self, wishes: UnboundedSender<Wish>) -> std::io::Result<()> {
        let shared = self.shared.clone();
        let reading = std::thread::Builder::new().name("keys".to_owned());
        // It ends with the process: a read of a terminal cannot be called off.
        reading.spawn(move || {
            let mut buffer = [0; 256];
            while let Some(length) = terminal::read(&mut buffer) {
                for key in keys::keys(&buffer[..length]) {
                    let mut state = shared.state();
                    let State { model, history } = &mut *state;
                    let pressed = model.press(key, history);
                    drop(state);
                    match pressed {
                        Pressed::Shown => {}
                        Pressed::Redraw => shared.redraw.store(true, Ordering::Relaxed),
                        Pressed::Filter(index) => {
                            // It fails when nothing is drawn any more.
                            let _ = shared.queue.push(Item::Filter(index), 0, false);
                        }
                        Pressed::Wish(wish) => {
                            if wishes.send(wish).is_err() {
                                return;
                            }
                        }
                    }
                }
                shared.queue.wake();
            }
        })?;
        Ok(())
    }

    /// Another size, and Ctrl-Z with what follows it.
    fn heed_signals(&self) -> std::io::Result<()> {
        let number = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
        let mut resized = signal(SignalKind::window_change())?;
        let mut stop = signal(number(rustix::process::Signal::TSTP))?;
        let mut goes_on = signal(number(rustix::process::Signal::CONT))?;
        let shared = self.shared.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(()) = resized.recv() => shared.wake_to_redraw(),
                    Some(()) = goes_on.recv() => shared.wake_to_redraw(),
                    Some(()) = stop.recv() => {
                        shared.stop.store(true, Ordering::Relaxed);
                        shared.queue.wake();
                    }
                    else => return,
                }
            }
        });
        Ok(())
    }
}

impl Shared {
    /// Takes in what happened and says it, where it is worth a line.
    fn tell(&self, event: &Event, colour: bool) {
        self.state().model.apply(event, Instant::now());
        // What only says how far something is stands at the bottom.
        let text = match event {
            Event::BuildStarted { .. }
            | Event::BuildStep { .. }
            | Event::BuildLog { .. }
            | Event::Pull { .. } => None,
            _ => lines::text(event),
        };
        let Some(text) = text else {
            self.queue.wake();
            return;
        };
        for line in text.lines() {
            let line = clean(line.to_owned(), colour);
            let bytes = line.len();
            if let Err(Item::Said(line)) = self.queue.push(Item::Said(line), bytes, false) {
                // The screen has ended before the run.
                eprintln!("{line}");
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.drawing.take() {
            // It has drawn everything, or its panic was told.
            let _ = thread.join();
        }
        terminal::give_back();
    }
}

/// The thread that draws.
struct Painter {
    shared: Arc<Shared>,
    prefixes: Prefixes,
    looks: Looks,
    /// What stands at the bottom, and the size it was made for.
    shown: Option<(Size, Vec<Line>)>,
    /// Whether a view covers the screen.
    covered: bool,
    filter: Option<usize>,
    /// Lines that the filter kept back.
    hidden: usize,
}

impl Painter {
    fn run(&mut self) -> std::io::Result<()> {
        loop {
            let begun = Instant::now();
            let covered = self.shared.state().model.covered();
            let (items, closed) = match covered && !self.shared.queue.is_closed() {
                // Behind a view logs wait, and with them whoever reads them.
                true => (Vec::new(), self.shared.queue.wait_woken()),
                false => {
                    let taken = self.shared.queue.take();
                    (taken.items, taken.closed)
                }
            };
            if self.shared.stop.swap(false, Ordering::Relaxed) {
                self.uncover()?;
                terminal::give_back();
                terminal::stop_here();
                terminal::take();
                self.shown = None;
            }
            if closed && covered {
                // What waited behind the view is drawn in the next round.
                self.shared.state().model.mode = model::Mode::Normal;
                continue;
            }
            self.draw(items)?;
            if closed {
                return self.uncover();
            }
            self.shared.queue.pause_until(begun + FRAME);
        }
    }

    fn draw(&mut self, items: Vec<Item>) -> std::io::Result<()> {
        let size = terminal::size();
        let redraw = self.shared.redraw.swap(false, Ordering::Relaxed);
        if redraw {
            // The terminal may have been set back while the process stood still.
            terminal::take();
        }
        let shared = self.shared.clone();
        let mut state = shared.state();
        let State { model, history } = &mut *state;
        let mut scrolled = Vec::new();
        for item in items {
            self.scroll(item, model, history, &mut scrolled);
        }
        let bottom = render::status(model, size);
        model.page = size.1.saturating_sub(bottom.len() + 2).max(1);
        let view = views::view(model, history, size, bottom.len());
        drop(state);
        if let Some(mut lines) = view {
            lines.extend(bottom);
            if !self.covered {
                self.covered = true;
                terminal::COVERED.store(true, Ordering::Relaxed);
                terminal::write(b"\x1b[?1049h\x1b[2J")?;
                self.shown = None;
            }
            let new = Some((size, lines));
            if redraw || self.shown != new {
                self.shown = new;
                let lines = self.shown.as_ref().map(|(_, lines)| &**lines);
                terminal::write(&paint::cover(lines.unwrap_or_default(), self.looks))?;
            }
            return Ok(());
        }
        self.uncover()?;
        let other_size = self.shown.as_ref().is_none_or(|(known, _)| *known != size);
        let same = self
            .shown
            .as_ref()
            .is_some_and(|(_, known)| *known == bottom);
        if scrolled.is_empty() && same && !other_size && !redraw {
            return Ok(());
        }
        let frame = paint::frame(&scrolled, other_size || redraw, &bottom, self.looks);
        self.shown = Some((size, bottom));
        terminal::write(&frame)
    }

    fn uncover(&mut self) -> std::io::Result<()> {
        if self.covered {
            self.covered = false;
            terminal::COVERED.store(false, Ordering::Relaxed);
            self.shown = None;
            terminal::write(b"\x1b[?1049l")?;
        }
        Ok(())
    }

    /// Adds what scrolls by of `item`.
    fn scroll(&mut self, item: Item, model: &Model, history: &mut History, out: &mut Vec<u8>) {
        match item {
            Item::Log { service, text } => {
                let index = model.index(&service);
                if self.filter.is_none() || self.filter == index {
                    let prefix = self.prefixes.of(&service);
                    match self.looks.colour {
                        true => out.extend_from_slice(prefix.as_bytes()),
                        false => out.extend_from_slice(
                            anstream::adapter::strip_str(&prefix).to_string().as_bytes(),
                        ),
                    }
                    out.extend_from_slice(text.as_bytes());
                    out.push(b'\n');
                } else {
                    self.hidden += 1;
                }
                history.keep(Kept {
                    service: index,
                    text,
                });
            }
            Item::Said(text) => {
                out.extend_from_slice(text.as_bytes());
                out.push(b'\n');
                history.keep(Kept {
                    service: None,
                    text,
                });
            }
            Item::Filter(filter) => {
                let name = |index: usize| model.services.get(index).map(|service| &*service.name);
                let said = match filter.and_then(name) {
                    Some(name) => format!("--- only {name}; l shows all again ---\n"),
                    None => format!(
                        "--- all services (lines not shown: {}; / searches in them) ---\n",
                        self.hidden
                    ),
                };
                self.filter = filter;
                self.hidden = 0;
                out.extend_from_slice(said.as_bytes());
            }
        }
    }
}

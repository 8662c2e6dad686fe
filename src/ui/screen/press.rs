//! What a key does to the screen, and what it asks for.

use super::history::History;
use super::keys::Key;
use super::model::{Choice, Found, Mode, Model};
use crate::event::Command;
use crate::ui::Wish;

/// What came of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// Only the screen changes.
    Shown,
    /// The lines of one service alone are shown from now on, or those of all.
    Filter(Option<usize>),
    /// Everything is to be drawn again.
    Redraw,
    /// Somebody else has to act.
    Wish(Wish),
}

use Pressed::Shown;

impl Model {
    /// Takes in a key. Pure.
    pub fn press(&mut self, key: Key, history: &History) -> Pressed {
        if key == Key::Redraw {
            return Pressed::Redraw;
        }
        self.answer.clear();
        match std::mem::take(&mut self.mode) {
            Mode::Normal => self.command(key, history),
            Mode::Choose { what, typed } => self.choose(key, what, typed),
            Mode::Help => {
                if !matches!(key, Key::Escape | Key::Enter | Key::Char(_)) {
                    self.mode = Mode::Help;
                }
                Shown
            }
            Mode::Query(text) => self.query(key, text, history),
            Mode::Found(found) => self.look(key, found, history),
        }
    }

    fn command(&mut self, key: Key, history: &History) -> Pressed {
        match key {
            Key::Char('q') => {
                self.answer = "stopping; again stops at once".to_owned();
                return Pressed::Wish(Wish::Quit);
            }
            Key::Char('?' | 'h') => self.mode = Mode::Help,
            Key::Char('/') => {
                if history.len() == 0 {
                    self.answer = "there is no line to search in yet".to_owned();
                } else {
                    self.mode = Mode::Query(String::new());
                }
            }
            Key::Char('r') => return self.with_service(Choice::Restart),
            Key::Char('b') => return self.with_service(Choice::Rebuild),
            Key::Char('o') => return self.with_service(Choice::Open),
            Key::Char('l') if self.filter.is_some() => return self.show_only(None),
            Key::Char('l') => return self.with_service(Choice::Filter),
            Key::Char('p') => {
                self.answer = "prod-check was asked for".to_owned();
                return Pressed::Wish(Wish::ProdCheck);
            }
            Key::Char(digit @ '1'..='9') => {
                let index = digit as usize - '1' as usize;
                if index < self.services.len() {
                    self.selected = (self.selected != Some(index)).then_some(index);
                }
            }
            Key::Up => self.select(false),
            Key::Down => self.select(true),
            Key::Escape => self.selected = None,
            _ => {}
        }
        Shown
    }

    /// Selects the next service; at the beginning the first one, or going up the last one.
    fn select(&mut self, down: bool) {
        let count = self.services.len();
        if count > 0 {
            self.selected = Some(match (self.selected, down) {
                (None, true) => 0,
                (None, false) => count - 1,
                (Some(index), true) => (index + 1) % count,
                (Some(index), false) => (index + count - 1) % count,
            });
        }
    }

    /// Does it for the selected or only service; else asks for which.
    fn with_service(&mut self, what: Choice) -> Pressed {
        let only = (self.services.len() == 1).then_some(0);
        let reachable: Vec<usize> = (0..self.services.len())
            .filter(|index| self.services[*index].url().is_some())
            .collect();
        let only = match (what, reachable.as_slice()) {
            (Choice::Open, [one]) => Some(*one),
            _ => only,
        };
        match self.selected.or(only) {
            Some(index) => self.act(what, Some(index)),
            None => {
                self.mode = Mode::Choose {
                    what,
                    typed: String::new(),
                };
                Shown
            }
        }
    }

    fn choose(&mut self, key: Key, what: Choice, mut typed: String) -> Pressed {
        match key {
            Key::Escape => return Shown,
            Key::Char('a')
                if typed.is_empty() && matches!(what, Choice::Restart | Choice::Rebuild) =>
            {
                return self.act(what, None);
            }
            Key::Char(digit @ '1'..='9') if typed.is_empty() => {
                let index = digit as usize - '1' as usize;
                if index < self.services.len() {
                    return self.act(what, Some(index));
                }
            }
            Key::Enter => {
                let matching = self.matching(&typed);
                let exact = self.index(&typed);
                if let Some(index) = exact.or(matching.first().copied())
                    && !typed.is_empty()
                {
                    return self.act(what, Some(index));
                }
            }
            Key::Backspace => drop(typed.pop()),
            Key::Char(letter) => {
                typed.push(letter);
                match self.matching(&typed).as_slice() {
                    [] => drop(typed.pop()),
                    [one] => return self.act(what, Some(*one)),
                    _ => {}
                }
            }
            _ => {}
        }
        self.mode = Mode::Choose { what, typed };
        Shown
    }

    /// Services whose names begin so.
    fn matching(&self, typed: &str) -> Vec<usize> {
        let all = self.services.iter().enumerate();
        let matching = all.filter(|(_, service)| service.name.starts_with(typed));
        matching.map(|(index, _)| index).collect()
    }

    fn act(&mut self, what: Choice, index: Option<usize>) -> Pressed {
        let name = index.map(|index| self.services[index].name.clone());
        let shown = name.clone().unwrap_or_else(|| "all services".to_owned());
        match what {
            Choice::Restart => {
                self.answer = format!("restarting {shown}");
                Pressed::Wish(Wish::Run(Command::Restart { service: name }))
            }
            Choice::Rebuild => {
                self.answer = format!("rebuilding {shown}");
                Pressed::Wish(Wish::Run(Command::Rebuild { service: name }))
            }
            Choice::Filter => self.show_only(index),
            Choice::Open => {
                let url = index.and_then(|index| self.services[index].url());
                match (name, url) {
                    (Some(service), Some(url)) => Pressed::Wish(Wish::Open { service, url }),
                    _ => {
                        self.answer = format!("{shown} publishes no port for a browser");
                        Shown
                    }
                }
            }
        }
    }

    fn show_only(&mut self, index: Option<usize>) -> Pressed {
        self.filter = index;
        Pressed::Filter(index)
    }

    fn query(&mut self, key: Key, mut text: String, history: &History) -> Pressed {
        match key {
            Key::Escape => return Shown,
            Key::Enter if text.is_empty() => return Shown,
            Key::Enter => {
                let lines = history.find(&text);
                let Some(last) = lines.last().copied() else {
                    self.answer = format!("no kept line has `{text}`");
                    return Shown;
                };
                self.mode = Mode::Found(Found {
                    at: lines.len() - 1,
                    middle: last,
                    lines,
                    text,
                });
                return Shown;
            }
            Key::Backspace if text.is_empty() => return Shown,
            Key::Backspace => drop(text.pop()),
            Key::Char(char) => text.push(char),
            _ => {}
        }
        self.mode = Mode::Query(text);
        Shown
    }

    fn look(&mut self, key: Key, mut found: Found, history: &History) -> Pressed {
        let last = history.len().saturating_sub(1);
        match key {
            Key::Escape | Key::Char('q') | Key::Enter => return Shown,
            Key::Char('/') => {
                self.mode = Mode::Query(String::new());
                return Shown;
            }
            Key::Char('n') if found.at > 0 => {
                found.at -= 1;
                found.middle = found.lines[found.at];
            }
            Key::Char('N') if found.at + 1 < found.lines.len() => {
                found.at += 1;
                found.middle = found.lines[found.at];
            }
            Key::Up | Key::Char('k') => found.middle = found.middle.saturating_sub(1),
            Key::Down | Key::Char('j') => found.middle += 1,
            Key::PageUp => found.middle = found.middle.saturating_sub(self.page),
            Key::PageDown => found.middle += self.page,
            Key::Home => found.middle = 0,
            Key::End => found.middle = last,
            _ => {}
        }
        found.middle = found.middle.min(last);
        self.mode = Mode::Found(found);
        Shown
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Kept;
    use super::super::keys::keys;
    use super::super::model::Port;
    use super::*;

    fn model(services: &[&str]) -> Model {
        let names: Vec<String> = services.iter().map(|name| (*name).to_owned()).collect();
        Model::new("shop", &names, true)
    }

    fn type_in(model: &mut Model, typed: &str) -> Pressed {
        let mut last = Shown;
        for key in keys(typed.as_bytes()) {
            last = model.press(key, &History::default());
        }
        last
    }

    fn restart(service: Option<&str>) -> Pressed {
        Pressed::Wish(Wish::Run(Command::Restart {
            service: service.map(str::to_owned),
        }))
    }

    #[test]
    fn a_restart_is_of_the_selected_service_or_of_the_one_asked_for() {
        let mut three = model(&["web", "worker", "db"]);
        assert_eq!(type_in(&mut three, "2r"), restart(Some("worker")));
        // The same digit again takes the selection away; then it is asked.
        assert_eq!(type_in(&mut three, "2r"), Shown);
        assert_eq!(type_in(&mut three, "a"), restart(None));
        assert_eq!(type_in(&mut three, "r3"), restart(Some("db")));
        assert_eq!(type_in(&mut three, "rwx"), Shown);
        assert_eq!(type_in(&mut three, "o"), restart(Some("worker")));
        assert_eq!(type_in(&mut three, "r\u{1b}"), Shown);
        assert_eq!(three.mode, Mode::Normal);
        assert_eq!(type_in(&mut three, "r9\r"), Shown);
        assert!(matches!(three.mode, Mode::Choose { .. }));
        assert_eq!(
            type_in(&mut model(&["web"]), "b"),
            Pressed::Wish(Wish::Run(Command::Rebuild {
                service: Some("web".to_owned())
            }))
        );
    }

    #[test]
    fn arrows_go_round_the_services() {
        let mut three = model(&["web", "worker", "db"]);
        let mut after = |typed| {
            type_in(&mut three, typed);
            three.selected
        };
        assert_eq!(after("\u{1b}[B"), Some(0));
        assert_eq!(after("\u{1b}[B\u{1b}[B"), Some(2));
        assert_eq!(after("\u{1b}[B"), Some(0));
        assert_eq!(after("\u{1b}[A"), Some(2));
        assert_eq!(after("\u{1b}"), None);
        assert_eq!(after("\u{1b}[A"), Some(2));
        let mut one = model(&["web"]);
        type_in(&mut one, "\u{1b}[A\u{1b}[B");
        assert_eq!(one.selected, Some(0));
    }

    #[test]
    fn a_name_that_begins_another_is_taken_with_enter() {
        let mut two = model(&["web", "web-admin"]);
        assert_eq!(type_in(&mut two, "rweb"), Shown);
        assert_eq!(type_in(&mut two, "\r"), restart(Some("web")));
        assert_eq!(type_in(&mut two, "rweb-"), restart(Some("web-admin")));
    }

    #[test]
    fn the_filter_is_a_toggle() {
        let mut two = model(&["web", "db"]);
        assert_eq!(type_in(&mut two, "ld"), Pressed::Filter(Some(1)));
        assert_eq!(type_in(&mut two, "l"), Pressed::Filter(None));
        assert_eq!(two.filter, None);
    }

    #[test]
    fn what_can_be_opened_is_opened_and_else_it_is_said() {
        let mut two = model(&["web", "db"]);
        two.services[0].ports.push(Port {
            port: 80,
            address: "127.0.0.1:8080".to_owned(),
            http: true,
        });
        let opened = Pressed::Wish(Wish::Open {
            service: "web".to_owned(),
            url: "http://127.0.0.1:8080".to_owned(),
        });
        assert_eq!(type_in(&mut two, "o"), opened);
        assert_eq!(type_in(&mut two, "2o"), Shown);
        assert_eq!(two.answer, "db publishes no port for a browser");
    }

    #[test]
    fn a_search_begins_at_the_newest_line_and_goes_both_ways() {
        let mut one = model(&["web"]);
        let mut history = History::default();
        for number in 0..30 {
            history.keep(Kept {
                service: Some(0),
                text: format!("request {}", number % 10),
            });
        }
        let mut press = |typed: &str| {
            for key in keys(typed.as_bytes()) {
                one.press(key, &history);
            }
            match &one.mode {
                Mode::Found(found) => Some((found.at, found.middle)),
                _ => None,
            }
        };
        assert_eq!(press("/quest 5\r"), Some((2, 25)));
        assert_eq!(press("n"), Some((1, 15)));
        assert_eq!(press("nn"), Some((0, 5)));
        assert_eq!(press("N"), Some((1, 15)));
        assert_eq!(press("\u{1b}[A"), Some((1, 14)));
        assert_eq!(press("\u{1b}[6~\u{1b}[6~\u{1b}[6~"), Some((1, 29)));
        assert_eq!(press("\u{1b}"), None);
        assert_eq!(press("/nothing\r"), None);
        assert_eq!(one.answer, "no kept line has `nothing`");
        assert_eq!(type_in(&mut one, "q"), Pressed::Wish(Wish::Quit));
    }
}

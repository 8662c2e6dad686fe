//! What covers the screen for a while: the help, and the lines that a search found. Pure.

use anstyle::Style;

use super::clean::plain;
use super::history::{History, places};
use super::model::{Found, Mode, Model};
use super::render::Size;
use super::styled::{Line, coloured, width};
use crate::ui::prefix;

/// Keys and what they do.
const HELP: &[(&str, &str)] = &[
    (
        "1-9, arrows",
        "select a service; the same digit or Esc takes it back",
    ),
    (
        "r",
        "restart it; asks for which when none is selected (a: all)",
    ),
    (
        "b",
        "build its image again and replace its container (a: all)",
    ),
    (
        "l",
        "show the log lines of one service alone, and again those of all",
    ),
    (
        "/",
        "search in the last log lines; small letters find capitals too",
    ),
    (
        "n, N",
        "the next older and the next newer line with the text",
    ),
    ("o", "open its first port in the browser"),
    (
        "p",
        "run `envsim prod-check` beside it; its report comes when done",
    ),
    ("Ctrl-L", "draw the screen again"),
    ("q, Ctrl-C", "stop the app and quit; twice: at once"),
    ("Ctrl-Z", "put envsim aside; `fg` brings it back"),
];

/// Lines of the view that the mode of `model` asks for, above `below` lines that stay; none without one.
pub fn view(
    model: &Model,
    history: &History,
    (columns, rows): Size,
    below: usize,
) -> Option<Vec<Line>> {
    let room = rows.saturating_sub(below);
    let columns = columns.saturating_sub(1);
    let mut lines = match &model.mode {
        Mode::Help => help(),
        Mode::Found(found) => found_lines(model, history, found, columns, room),
        Mode::Normal | Mode::Choose { .. } | Mode::Query(_) => return None,
    };
    lines.truncate(room);
    lines.resize(room, Line::default());
    Some(lines.into_iter().map(|line| line.cut(columns)).collect())
}

fn help() -> Vec<Line> {
    let bold = Style::new().bold();
    let mut title = Line::default();
    title.put(" Keys", bold);
    let widest = HELP.iter().map(|(key, _)| width(key)).max();
    let keys = HELP.iter().map(|(key, does)| {
        let mut line = Line::default();
        line.text("   ")
            .put(*key, bold)
            .pad(widest.unwrap_or_default() + 5)
            .text(*does);
        line
    });
    let mut note = Line::default();
    note.put(
        " Logs wait while this is open and go on behind it; none is lost.",
        Style::new().dimmed(),
    );
    [title, Line::default()]
        .into_iter()
        .chain(keys)
        .chain([Line::default(), note])
        .collect()
}

fn found_lines(
    model: &Model,
    history: &History,
    found: &Found,
    columns: usize,
    room: usize,
) -> Vec<Line> {
    let mut title = Line::default();
    title.put(
        format!(
            " `{}`: line {} of {} with it",
            found.text,
            found.at + 1,
            found.lines.len()
        ),
        Style::new().bold(),
    );
    let page = room.saturating_sub(1);
    let first = found
        .middle
        .saturating_sub(page / 2)
        .min(history.len().saturating_sub(page));
    let shown = (first..history.len()).take(page);
    let here = found.lines.get(found.at);
    let names = model.services.iter().map(|service| width(&service.name));
    let names = names.max().unwrap_or_default();
    let lines = shown.filter_map(|index| {
        let kept = history.line(index)?;
        let mut line = Line::default();
        line.put(
            if here == Some(&index) { ">" } else { " " },
            Style::new().bold(),
        );
        if let Some(service) = kept.service {
            let name = model.services.get(service);
            line.put(
                name.map(|service| service.name.clone()).unwrap_or_default(),
                coloured(prefix::colour(service)),
            );
        }
        line.pad(names + 2).text("| ");
        mark(&mut line, &plain(&kept.text), &found.text, columns);
        Some(line)
    });
    std::iter::once(title).chain(lines).collect()
}

/// Adds `text` with what was searched for marked; from so far on that the first place is seen.
fn mark(line: &mut Line, text: &str, wanted: &str, columns: usize) {
    let places = places(text, wanted);
    let room = columns.saturating_sub(line.width());
    let mut from = 0;
    if let Some((start, end)) = places.first()
        && width(&text[..*end]) > room
    {
        // Some of what stands before it, up to a third of the room.
        let mut before = 0;
        from = *start;
        for (at, char) in text[..*start].char_indices().rev() {
            before += width(char.encode_utf8(&mut [0; 4]));
            if before + 1 > room / 3 {
                break;
            }
            from = at;
        }
        line.text("…");
    }
    for (start, end) in places {
        if start >= from {
            line.text(&text[from..start])
                .put(&text[start..end], Style::new().invert().bold());
            from = end;
        }
    }
    line.text(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::super::history::Kept;
    use super::*;

    fn drawn(model: &Model, history: &History, size: Size) -> String {
        let lines = view(model, history, size, 3).expect("a view");
        assert_eq!(lines.len(), size.1.saturating_sub(3));
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.plain().trim_end().to_owned())
            .collect();
        lines.join("\n").trim_end().to_owned()
    }

    fn searched() -> (Model, History) {
        let names = ["web", "worker"].map(str::to_owned);
        let mut model = Model::new("shop", &names, true);
        let mut history = History::default();
        for number in 0..40 {
            history.keep(Kept {
                service: (number % 10 != 9).then_some(number % 2),
                text: format!(
                    "\u{1b}[32mrequest {number}\u{1b}[0m{}",
                    " and more".repeat(number / 4)
                ),
            });
        }
        history.keep(Kept {
            service: Some(1),
            text: format!("{}the END", "far away ".repeat(20)),
        });
        model.mode = Mode::Found(Found {
            text: "3".to_owned(),
            lines: history.find("3"),
            at: 3,
            middle: 30,
        });
        (model, history)
    }

    #[test]
    fn the_help_names_every_key() {
        let mut model = Model::new("shop", &["web".to_owned()], true);
        model.mode = Mode::Help;
        insta::assert_snapshot!(drawn(&model, &History::default(), (80, 24)));
        drawn(&model, &History::default(), (5, 4));
        drawn(&model, &History::default(), (0, 0));
    }

    #[test]
    fn the_line_found_is_in_the_middle_and_what_is_far_right_is_seen() {
        let (mut model, history) = searched();
        insta::assert_snapshot!(drawn(&model, &history, (60, 14)));
        model.mode = Mode::Found(Found {
            text: "END".to_owned(),
            lines: history.find("END"),
            at: 0,
            middle: 40,
        });
        let lines = view(&model, &history, (60, 14), 3).expect("a view");
        let last = lines.last().expect("a line");
        let marked: Vec<&str> = last
            .0
            .iter()
            .filter(|span| span.style == Style::new().invert().bold())
            .map(|span| &*span.text)
            .collect();
        assert_eq!(marked, ["END"]);
        assert_eq!(last.plain(), ">worker | …y far away the END");
    }

    #[test]
    fn only_a_view_covers_the_screen() {
        let model = Model::new("shop", &["web".to_owned()], true);
        assert_eq!(view(&model, &History::default(), (80, 24), 3), None);
    }
}

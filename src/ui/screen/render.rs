//! The model as lines for a terminal of a size. Pure.

use anstyle::{AnsiColor, Style};

use super::model::{Choice, Mode, Model, Port, Service, State};
use super::styled::{Line, Span, coloured, width};
use crate::ui::lines::duration;
use crate::ui::prefix;

/// Columns and rows.
pub type Size = (usize, usize);

/// Between two columns of the table.
const GAP: usize = 2;

/// What stays at the bottom: a rule, a line per service, and one of keys. It never takes more than half of the
/// rows, and leaves the last column free, so that no terminal wraps it.
pub fn status(model: &Model, (columns, rows): Size) -> Vec<Line> {
    let columns = columns.saturating_sub(1);
    let room = rows / 2;
    let mut lines = Vec::new();
    if room >= 4 {
        lines.push(rule(model, columns));
    }
    // The last line is that of the keys.
    let left = room.saturating_sub(lines.len() + 1);
    match model.services.len() <= left {
        true => lines.extend(table(model, columns)),
        false => lines.extend(compact(model, columns, left)),
    }
    if room >= 1 {
        lines.push(keys(model, columns));
    }
    lines.into_iter().map(|line| line.cut(columns)).collect()
}

/// `── shop: running ── only web ─────`
fn rule(model: &Model, columns: usize) -> Line {
    let dim = Style::new().dimmed();
    let mut line = Line::default();
    line.put("── ", dim)
        .put(model.app.clone(), Style::new().bold())
        .text(format!(": {} ", model.phase));
    if let Some(only) = model.filter.and_then(|index| model.services.get(index)) {
        line.put("── ", dim);
        line.put(
            format!("only {} ", only.name),
            coloured(AnsiColor::Yellow).bold(),
        );
    }
    let left = columns.saturating_sub(line.width());
    line.put("─".repeat(left), dim);
    line
}

/// How much of each service is shown, from all to the least.
const LEVELS: usize = 8;

/// A row for each service, as much of it as fits for all.
fn table(model: &Model, columns: usize) -> Vec<Line> {
    let all = (0..LEVELS).map(|level| rows(model, level));
    let mut last = Vec::new();
    for rows in all {
        let fits = rows.iter().all(|row| row.width() <= columns);
        last = rows;
        if fits {
            break;
        }
    }
    last
}

fn rows(model: &Model, level: usize) -> Vec<Line> {
    let rows: Vec<Vec<Line>> = model
        .services
        .iter()
        .enumerate()
        .map(|(index, service)| cells(model, index, service, level))
        .collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(Line::width).max().unwrap_or_default()
        })
        .collect();
    let join = |row: Vec<Line>| {
        let mut line = Line::default();
        let mut at = 0;
        for (cell, wide) in row.into_iter().zip(&widths) {
            // A column that is empty for all takes no room.
            if *wide == 0 {
                continue;
            }
            line.pad(at);
            line.0.extend(cell.0);
            at += wide + GAP;
        }
        line
    };
    rows.into_iter().map(join).collect()
}

fn cells(model: &Model, index: usize, service: &Service, level: usize) -> Vec<Line> {
    let one = |text: String, style: Style| {
        let mut line = Line::default();
        if !text.is_empty() {
            line.put(text, style);
        }
        line
    };
    let dim = Style::new().dimmed();
    let usage = |shown: Option<String>| one(shown.unwrap_or_default(), dim);
    let short = level >= 2;
    let last = service.last.filter(|_| level < 6);
    let last = last.map(|(word, took)| format!("{word} {}", shortly(took)));
    let restarts = match service.restarts {
        count @ 1.. if short && level < 5 => format!("↻{count}"),
        count @ 1.. if level < 5 => format!("restarts {count}"),
        _ => String::new(),
    };
    let cpu = service.cpu.filter(|_| level < 4);
    let memory = service.memory.filter(|_| level < 4);
    vec![
        name(model, index, service),
        one(service.doing(), state_style(service)),
        ports(&service.ports, level),
        one(last.unwrap_or_default(), Style::new()),
        one(restarts, coloured(AnsiColor::Yellow)),
        usage(cpu.map(|percent| match short {
            true => format!("{percent:.1}%"),
            false => format!("cpu {percent:.1}%"),
        })),
        usage(memory.map(bytes)),
    ]
}

/// `>1 web`
fn name(model: &Model, index: usize, service: &Service) -> Line {
    let selected = model.selected == Some(index);
    let mark = if selected { ">" } else { " " };
    let digit = match index {
        0..=8 if model.keys => (index + 1).to_string(),
        _ => " ".to_owned(),
    };
    let style = coloured(prefix::colour(index));
    let style = if selected { style.bold() } else { style };
    let mut line = Line::default();
    line.put(
        format!("{mark}{digit} "),
        if selected {
            Style::new().bold()
        } else {
            Style::new().dimmed()
        },
    )
    .put(service.name.clone(), style);
    line
}

fn state_style(service: &Service) -> Style {
    if service.busy.is_some() {
        return coloured(AnsiColor::Yellow);
    }
    match service.state {
        State::Running | State::Healthy => coloured(AnsiColor::Green),
        State::Unhealthy => coloured(AnsiColor::Red).bold(),
        State::Exited(0) | State::Stopped => Style::new().dimmed(),
        State::Exited(_) => coloured(AnsiColor::Red).bold(),
        State::Waiting | State::Stopping => coloured(AnsiColor::Yellow),
    }
}

/// Addresses: all of them, the first, or the ports alone.
fn ports(ports: &[Port], level: usize) -> Line {
    let mut line = Line::default();
    let mut link = |text: String, port: &Port| {
        line.0.push(Span {
            text,
            style: Style::new().underline(),
            link: port.http.then(|| port.url()),
        });
    };
    let shown = match level {
        0 => ports,
        1..=6 => &ports[..ports.len().min(1)],
        _ => &[],
    };
    for (index, port) in shown.iter().enumerate() {
        let number = port.address.rsplit(':').next().unwrap_or_default();
        let text = match level {
            0..=2 => port.shown(),
            _ => format!(":{number}"),
        };
        if index > 0 {
            link(
                " ".to_owned(),
                &Port {
                    http: false,
                    ..port.clone()
                },
            );
        }
        link(text, port);
    }
    // A blank between two links is no part of either.
    for span in &mut line.0 {
        if span.text == " " {
            span.style = Style::new();
        }
    }
    let more = ports.len() - shown.len();
    if more > 0 && level <= 3 {
        line.text(format!(" +{more}"));
    }
    line
}

/// Services that do not fit in a row each: name and state of as many as fit in `rows`, those to look at first.
fn compact(model: &Model, columns: usize, rows: usize) -> Vec<Line> {
    let count = model.services.len();
    let mut order: Vec<usize> = (0..count).collect();
    let rank = |index: &usize| {
        let service = &model.services[*index];
        match () {
            () if model.selected == Some(*index) => 0,
            () if service.is_wrong() => 1,
            () if service.busy.is_some() => 2,
            () => 3,
        }
    };
    order.sort_by_key(rank);
    let mut shown: Vec<usize> = Vec::new();
    let mut lines = flow(model, &shown, columns);
    for index in order {
        let mut more = shown.clone();
        more.push(index);
        more.sort_unstable();
        let with = flow(model, &more, columns);
        if with.len() > rows {
            break;
        }
        shown = more;
        lines = with;
    }
    lines.truncate(rows);
    lines
}

/// `>1 web healthy   2 db running  +3 more`, in as many lines as it takes.
fn flow(model: &Model, shown: &[usize], columns: usize) -> Vec<Line> {
    let mut cells: Vec<Line> = Vec::new();
    for index in shown {
        let service = &model.services[*index];
        let mut cell = name(model, *index, service);
        cell.text(" ").put(service.doing(), state_style(service));
        cells.push(cell);
    }
    let more = model.services.len() - shown.len();
    if more > 0 {
        let mut cell = Line::default();
        cell.text(" ")
            .put(format!("+{more} more"), Style::new().bold());
        cells.push(cell);
    }
    let mut lines = vec![Line::default()];
    for cell in cells {
        let last = lines.last_mut().map(|line| (line.width(), line));
        let Some((at, line)) = last else { break };
        if at > 0 && at + 1 + cell.width() > columns {
            lines.push(cell);
        } else {
            if at > 0 {
                line.text(" ");
            }
            line.0.extend(cell.0);
        }
    }
    lines
}

/// The last line: what is asked, what was answered, or what the keys do.
fn keys(model: &Model, columns: usize) -> Line {
    let mut line = Line::default();
    if !model.keys {
        line.put(" Ctrl-C stops", Style::new().dimmed());
        return line;
    }
    let bold = Style::new().bold();
    match &model.mode {
        Mode::Choose { what, typed } => {
            let verb = match what {
                Choice::Restart => "restart",
                Choice::Rebuild => "rebuild",
                Choice::Filter => "show only",
                Choice::Open => "open",
            };
            line.put(format!(" {verb} which? {typed}_"), bold);
            let all = match what {
                Choice::Restart | Choice::Rebuild => "a all, ",
                Choice::Filter | Choice::Open => "",
            };
            line.put(
                format!("  number or name, {all}Esc none"),
                Style::new().dimmed(),
            );
            return line;
        }
        Mode::Query(text) => {
            line.put(format!(" /{text}_"), bold)
                .put("  Enter searches, Esc ends", Style::new().dimmed());
            return line;
        }
        Mode::Found(_) => {
            line.put(
                " n older  N newer  arrows, page keys move  / again  Esc back",
                Style::new().dimmed(),
            );
            return line;
        }
        Mode::Help => {
            line.put(" any key goes back", Style::new().dimmed());
            return line;
        }
        Mode::Normal => {}
    }
    if !model.answer.is_empty() {
        line.put(format!(" {} ", model.answer), bold);
    }
    let filter = if model.filter.is_some() {
        ("l", "show all")
    } else {
        ("l", "filter")
    };
    // In the order of need: what does not fit is in the help.
    let hints = [
        ("?", "help"),
        ("q", "quit"),
        ("r", "restart"),
        ("b", "rebuild"),
        filter,
        ("/", "search"),
        ("o", "open"),
        ("p", "prod-check"),
    ];
    for (key, does) in hints {
        let wide = 3 + width(does);
        if line.width() + wide > columns {
            break;
        }
        let gap = if line.0.is_empty() { " " } else { "  " };
        line.put(format!("{gap}{key}"), bold)
            .put(format!(" {does}"), Style::new().dimmed());
    }
    line
}

/// Milliseconds, and seconds where they are many.
fn shortly(took: std::time::Duration) -> String {
    match took.as_secs() {
        0..=9 => duration(took),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

/// Bytes as memory is told.
fn bytes(bytes: u64) -> String {
    let mib = bytes as f64 / (1024.0 * 1024.0);
    match mib {
        0.0..10.0 => format!("{mib:.1} MiB"),
        10.0..1024.0 => format!("{mib:.0} MiB"),
        _ => format!("{:.1} GiB", mib / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// An app with something of everything.
    fn shop() -> Model {
        let names = ["web", "worker", "database"].map(str::to_owned);
        let mut model = Model::new("shop", &names, true);
        model.phase = "running".to_owned();
        let port = |port, address: &str, http| Port {
            port,
            address: address.to_owned(),
            http,
        };
        let web = &mut model.services[0];
        web.state = State::Healthy;
        web.ports = vec![
            port(80, "127.0.0.1:8080", true),
            port(9229, "127.0.0.1:9229", true),
        ];
        web.last = Some(("sync", Duration::from_micros(12_300)));
        web.restarts = 2;
        web.cpu = Some(0.34);
        web.memory = Some(45 * 1024 * 1024);
        let worker = &mut model.services[1];
        worker.state = State::Exited(1);
        worker.busy = Some("building 3/4".to_owned());
        worker.last = Some(("rebuild", Duration::from_millis(12_340)));
        let database = &mut model.services[2];
        database.state = State::Unhealthy;
        database.ports = vec![port(5432, "127.0.0.1:5432", false)];
        database.cpu = Some(104.0);
        database.memory = Some(3 * 1024 * 1024 * 1024 / 2);
        model.selected = Some(1);
        model
    }

    fn many(count: usize) -> Model {
        let names: Vec<String> = (1..=count)
            .map(|number| format!("service-{number}"))
            .collect();
        let mut model = Model::new("shop", &names, true);
        for service in &mut model.services {
            service.state = State::Running;
        }
        model
    }

    fn shown(model: &Model, size: Size) -> String {
        let lines = status(model, size);
        assert!(lines.len() <= size.1 / 2);
        for line in &lines {
            assert!(line.width() < size.0.max(1), "{}", line.plain());
        }
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.plain().trim_end().to_owned())
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        insta::assert_snapshot!(shown(&shop(), (200, 50)));
    }

    #[test]
    fn eighty_columns_show_the_most_important() {
        insta::assert_snapshot!(shown(&shop(), (80, 24)));
    }

    #[test]
    fn a_narrow_terminal_shows_names_and_states() {
        insta::assert_snapshot!(shown(&shop(), (40, 24)));
        insta::assert_snapshot!(shown(&shop(), (24, 8)));
    }

    #[test]
    fn more_services_than_rows_are_told_in_short_those_to_look_at_first() {
        let mut model = many(40);
        model.services[33].state = State::Exited(1);
        model.services[38].busy = Some("building".to_owned());
        insta::assert_snapshot!(shown(&model, (80, 16)));
    }

    #[test]
    fn questions_answers_and_the_filter_are_seen() {
        let mut model = shop();
        model.mode = Mode::Choose {
            what: Choice::Restart,
            typed: "w".to_owned(),
        };
        model.filter = Some(0);
        insta::assert_snapshot!(shown(&model, (80, 24)));
        model.mode = Mode::Normal;
        model.answer = "worker publishes no port for a browser".to_owned();
        insta::assert_snapshot!(shown(&model, (80, 24)).lines().last().unwrap_or_default());
    }

    #[test]
    fn nothing_is_too_wide_or_too_high_for_any_size() {
        for model in [shop(), many(1), many(12), many(200), many(0)] {
            for columns in [0, 1, 2, 5, 13, 20, 33, 60, 79, 80, 81, 120, 300] {
                for rows in [0, 1, 2, 3, 5, 8, 9, 24, 60, 500] {
                    shown(&model, (columns, rows));
                }
            }
        }
    }

    #[test]
    fn without_a_terminal_for_keys_none_are_offered() {
        let mut model = many(1);
        model.keys = false;
        assert!(shown(&model, (80, 24)).ends_with(" Ctrl-C stops"));
    }
}

//! The coloured name before each log line.

use anstyle::{AnsiColor, Color, Style};

/// Colours in the order in which services get them; red is kept for errors.
const COLOURS: &[AnsiColor] = &[
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightYellow,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];

/// The colour of the service at `index`.
pub fn colour(index: usize) -> AnsiColor {
    COLOURS[index % COLOURS.len()]
}

/// A prefix of the same width for every service.
#[derive(Clone, Debug)]
pub struct Prefixes {
    services: Vec<String>,
    width: usize,
}

impl Prefixes {
    /// Prefixes for these services.
    pub fn new(services: &[String]) -> Self {
        Self {
            width: services
                .iter()
                .map(|name| name.chars().count())
                .max()
                .unwrap_or_default(),
            services: services.to_vec(),
        }
    }

    /// `name  | ` in the service's colour; the codes are stripped where colour is not wanted.
    pub fn of(&self, service: &str) -> String {
        let index = self
            .services
            .iter()
            .position(|name| name == service)
            .unwrap_or_default();
        let style = Style::new().fg_color(Some(Color::Ansi(colour(index))));
        let width = self.width;
        format!("{style}{service:width$} |{style:#} ")
    }
}

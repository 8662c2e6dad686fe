//! Text as Compose's decoder reads it, and values as it writes them.

/// The boolean a string means.
///
/// Source: <https://yaml.org/type/bool.html>, without regard to case, as Compose reads it.
pub fn boolean(text: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 8] = [
        ("true", true),
        ("false", false),
        ("yes", true),
        ("no", false),
        ("on", true),
        ("off", false),
        ("y", true),
        ("n", false),
    ];
    let found = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))?;
    Some(found.1)
}

/// A number of bytes: a whole number, or a number and a unit of powers of 1024.
///
/// Source: `units.RAMInBytes` of Docker's go-units: one space before the unit, no sign.
pub fn bytes(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number);
    }
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
    let (number, unit) = text.split_at(last + 1);
    let number = number.strip_suffix(' ').unwrap_or(number);
    let number = float(number).filter(|number| *number >= 0.0)?;
    let unit = unit.to_ascii_lowercase();
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    Some((number * 1024f64.powi(power)) as i64)
}

/// A number of devices: `all`, which is -1, or a number.
pub fn count(text: &str) -> Option<i64> {
    match text.eq_ignore_ascii_case("all") {
        true => Some(-1),
        false => text.parse().ok(),
    }
}

/// A number with or without a fraction; `_` may stand between digits.
///
/// Source: Go's `strconv.ParseFloat`, without its hexadecimal numbers.
pub fn float(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return text.parse().ok();
    }
    let parts: Vec<&str> = text.split('_').collect();
    let between_digits = parts.windows(2).all(|pair| {
        pair[0].ends_with(|c: char| c.is_ascii_digit())
            && pair[1].starts_with(|c: char| c.is_ascii_digit())
    });
    match between_digits {
        true => parts.concat().parse().ok(),
        false => None,
    }
}

/// Units of durations with their nanoseconds.
///
/// Source: Go's `time.ParseDuration`, to which Compose adds days and weeks.
const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// The nanoseconds of a duration such as `1m30s` or `-1.5h`.
pub fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0u64;
    while !rest.is_empty() {
        let (part, after) = duration_part(rest)?;
        sum = sum.checked_add(part)?;
        rest = after;
    }
    let sum = i64::try_from(sum).ok()?;
    Some(if negative { -sum } else { sum })
}

/// The nanoseconds of the first number and unit of `text`, and what follows.
fn duration_part(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let (_, unit) = UNITS.iter().find(|(known, _)| *known == name)?;
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part: f64 = match fraction {
        "" => 0.0,
        digits => format!("0.{digits}").parse().ok()?,
    };
    let nanoseconds = whole.checked_mul(*unit)?;
    Some((nanoseconds.checked_add((part * *unit as f64) as u64)?, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A duration as Go's `time.Duration` prints it, such as `1m30s` or `1.5ms`.
pub fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    if total < 1_000_000_000 {
        let (unit, name) = match total {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "\u{b5}s"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", decimal(total, unit));
    }
    let minutes = total / 60_000_000_000;
    let seconds = decimal(total % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` without zeros at the end; `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// The words of a command line; none when a quote or bracket is not closed.
///
/// Source: go-shellwords, as Compose calls it: variables and backquotes stay as they are, and the
/// line ends at an unquoted `;`, `&`, `|`, `<` or `>`.
pub fn words(line: &str) -> Option<Vec<String>> {
    let mut splitter = Splitter::default();
    for c in line.chars() {
        match splitter.take(c) {
            Next::Go => {}
            Next::Stop => break,
            Next::Fail => return None,
        }
    }
    splitter.finish()
}

/// What follows a character.
enum Next {
    Go,
    Stop,
    Fail,
}

/// What a command line is split with.
#[derive(Default)]
struct Splitter {
    words: Vec<String>,
    word: String,
    /// True when a word has begun, were it empty quotes.
    begun: bool,
    escaped: bool,
    double: bool,
    single: bool,
    back: bool,
    dollar: bool,
}

impl Splitter {
    fn take(&mut self, c: char) -> Next {
        if std::mem::take(&mut self.escaped) {
            return self.escape(c);
        }
        match c {
            '\\' if self.single => self.word.push(c),
            '\\' => self.escaped = true,
            ' ' | '\t' | '\r' | '\n' => self.space(c),
            '`' if !self.single && !self.double && !self.dollar => {
                self.back = !self.back;
                return self.push(c);
            }
            ')' if !self.single && !self.double && !self.back => return self.close(),
            '(' if !self.single && !self.double && !self.back => return self.open(),
            '"' if !self.single && !self.dollar && !self.back => {
                self.begun |= self.double;
                self.double = !self.double;
            }
            '\'' if !self.double && !self.dollar && !self.back => {
                self.begun |= self.single;
                self.single = !self.single;
            }
            ';' | '&' | '|' | '<' | '>' if !self.inside() => return self.end(c),
            _ => return self.push(c),
        }
        Next::Go
    }

    fn push(&mut self, c: char) -> Next {
        self.word.push(c);
        self.begun = true;
        Next::Go
    }

    /// What is to be run by a shell later keeps its backslashes.
    fn escape(&mut self, c: char) -> Next {
        match c {
            c if self.back || self.dollar => self.word.extend(['\\', c]),
            't' => self.word.push('\t'),
            'n' => self.word.push('\n'),
            c => self.word.push(c),
        }
        self.begun = true;
        Next::Go
    }

    fn space(&mut self, c: char) {
        if self.inside() {
            self.word.push(c);
        } else if self.begun {
            self.words.push(std::mem::take(&mut self.word));
            self.begun = false;
        }
    }

    /// An opening bracket belongs to `$(`.
    fn open(&mut self) -> Next {
        if self.dollar || !self.word.ends_with('$') {
            return Next::Fail;
        }
        self.dollar = true;
        self.word.push('(');
        Next::Go
    }

    /// A closing bracket ends `$(`; elsewhere it is an error.
    fn close(&mut self) -> Next {
        if !self.dollar {
            return Next::Fail;
        }
        self.dollar = false;
        self.push(')')
    }

    /// The line ends here; the number of a redirected file descriptor is not a word.
    fn end(&mut self, c: char) -> Next {
        let number = self.word.bytes().all(|byte| byte.is_ascii_digit());
        if c == '>' && number && !self.word.is_empty() {
            self.begun = false;
        }
        Next::Stop
    }

    fn inside(&self) -> bool {
        self.single || self.double || self.back || self.dollar
    }

    fn finish(mut self) -> Option<Vec<String>> {
        if self.escaped || self.inside() {
            return None;
        }
        if self.begun {
            self.words.push(self.word);
        }
        Some(self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024_with_a_unit_of_docker_s() {
        for (text, size) in [
            ("1024", 1024),
            ("-1", -1),
            ("1.5g", 3 << 29),
            ("2 GB", 2 << 30),
            ("1KiB", 1024),
            ("1e3k", 1_024_000),
            ("10 ", 10),
            ("1_0k", 10_240),
        ] {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "x", "1kk", "-1k", " 1k", "1  k", "1ki", "1_k"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        for (text, printed) in [
            ("90s", "1m30s"),
            ("1d", "24h0m0s"),
            ("1w2d", "216h0m0s"),
            ("1.5ms", "1.5ms"),
            ("999ns", "999ns"),
            ("1us", "1\u{b5}s"),
            ("1m0.000000001s", "1m0.000000001s"),
            ("-1.5h", "-1h30m0s"),
            ("0", "0s"),
            (".5s", "500ms"),
        ] {
            let value = duration(text);
            assert_eq!(value.map(duration_text).as_deref(), Some(printed), "{text}");
        }
        for text in ["", "1", "s", "1x", "1 s", " 1s", ".s", "9999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_command_line_is_split_as_compose_splits_it() {
        for (line, expected) in [
            ("", vec![]),
            ("echo 'a b' $HOME", vec!["echo", "a b", "$HOME"]),
            ("a\\ b \"c\\\"d\"", vec!["a b", "c\"d"]),
            ("a \"\" b", vec!["a", "", "b"]),
            ("sh -c `a b`", vec!["sh", "-c", "`a b`"]),
            ("x $(a b)c", vec!["x", "$(a b)c"]),
            ("a ; b", vec!["a"]),
            ("run 2>file", vec!["run"]),
            ("a\\tb `a\\tb`", vec!["a\tb", "`a\\tb`"]),
            ("run x>file", vec!["run", "x"]),
        ] {
            assert_eq!(words(line).as_deref(), Some(&*strings(&expected)), "{line}");
        }
        for line in ["a 'b", "a \"b", "a\\", "a (b)", "a b)", "$(a"] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

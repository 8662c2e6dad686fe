//! What a scalar means: the types of go-yaml v4, which Docker Compose reads its files with, written
//! as Go's `fmt.Sprint` writes them, for that is what Compose puts into a variable.

use super::Kind;

/// The prefix of the tags that YAML itself defines: `!!int` is `tag:yaml.org,2002:int`.
const CORE: &str = "tag:yaml.org,2002:";

/// What a scalar stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer in decimal digits; go-yaml knows them from -2^63 to 2^64-1.
    Int(String),
    /// A number with a fraction or too large for an integer.
    Float(f64),
    /// A point in time, as Go's `Time.String` writes it.
    Time(String),
    /// `<<`, which is an instruction and no value.
    Merge,
    /// Text.
    Text(String),
}

impl Meaning {
    /// The text and the kind of a node with this meaning.
    ///
    /// A point in time is text: Compose knows no such type, and in a variable it is its text.
    pub fn into_parts(self) -> (String, Kind) {
        match self {
            Meaning::Null => (String::new(), Kind::Null),
            Meaning::Bool(value) => (value.to_string(), Kind::Bool),
            Meaning::Int(digits) => (digits, Kind::Int),
            Meaning::Float(value) => (float(value), Kind::Float),
            Meaning::Merge => ("<<".to_owned(), Kind::Text),
            Meaning::Time(text) | Meaning::Text(text) => (text, Kind::Text),
        }
    }

    /// What to call it in a message.
    fn name(&self) -> &'static str {
        match self {
            Meaning::Null => "null",
            Meaning::Bool(_) => "a boolean",
            Meaning::Int(_) => "an integer",
            Meaning::Float(_) => "a number with a fraction",
            Meaning::Time(_) => "a point in time",
            Meaning::Merge => "the merge key",
            Meaning::Text(_) => "text",
        }
    }
}

/// The kind of the plain scalar `text` and its canonical text.
#[cfg(test)]
pub fn resolve(text: &str) -> (String, Kind) {
    plain(text).into_parts()
}

/// The meaning of the scalar `text` with the tag `tag`, if one is written; `quoted` tells whether
/// it is written in quotes or as a block.
///
/// # Errors
///
/// The tag asks for a type that the text is not of.
pub fn meaning(text: String, tag: Option<&str>, quoted: bool) -> Result<Meaning, String> {
    let core = match tag {
        None | Some("!") if quoted => return Ok(Meaning::Text(text)),
        None => return Ok(plain(&text)),
        // The tag of an application, such as `!reset`, makes any scalar text.
        Some(tag) => match tag.strip_prefix(CORE) {
            Some(core) => core,
            None => return Ok(Meaning::Text(text)),
        },
    };
    match core {
        "null" | "bool" | "int" | "float" | "timestamp" => typed(text, core),
        "merge" => Ok(Meaning::Merge),
        "binary" => match base64(&text) {
            Some(bytes) => Ok(Meaning::Text(String::from_utf8_lossy(&bytes).into_owned())),
            None => Err("this is not base64, which `!!binary` announces".to_owned()),
        },
        _ => Ok(Meaning::Text(text)),
    }
}

/// The meaning of a scalar whose tag names one of the types that plain scalars have.
fn typed(text: String, core: &str) -> Result<Meaning, String> {
    // With a tag of another type go-yaml does not try to read a time.
    let found = match core {
        "timestamp" => plain(&text),
        _ => untimed(&text),
    };
    match (core, found) {
        ("float", Meaning::Int(digits)) if digits.parse::<i64>().is_ok() => {
            Ok(Meaning::Float(digits.parse().unwrap_or_default()))
        }
        ("null", found @ Meaning::Null)
        | ("bool", found @ Meaning::Bool(_))
        | ("int", found @ Meaning::Int(_))
        | ("float", found @ Meaning::Float(_))
        | ("timestamp", found @ Meaning::Time(_)) => Ok(found),
        (_, found) => Err(refusal(&found, &text, core)),
    }
}

fn refusal(found: &Meaning, text: &str, core: &str) -> String {
    format!(
        "`!!{core}` stands before `{text}`, which is {}",
        found.name()
    )
}

/// The meaning of a scalar without quotes and without a tag.
fn plain(text: &str) -> Meaning {
    match timestamp(text) {
        Some(time) => Meaning::Time(time),
        None => untimed(text),
    }
}

/// As [`plain`], without points in time.
fn untimed(text: &str) -> Meaning {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
        "true" | "True" | "TRUE" => Meaning::Bool(true),
        "false" | "False" | "FALSE" => Meaning::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Meaning::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Meaning::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Meaning::Float(f64::NEG_INFINITY),
        "-0" | "-0.0" => Meaning::Float(-0.0),
        "<<" => Meaning::Merge,
        _ => number(text).unwrap_or_else(|| Meaning::Text(text.to_owned())),
    }
}

/// `text` as a number. Base 60 (`12:30`) is none: go-yaml dropped it with YAML 1.2.
fn number(text: &str) -> Option<Meaning> {
    match text.as_bytes().first()? {
        b'.' => fraction(text).map(Meaning::Float),
        b'+' | b'-' | b'0'..=b'9' => {
            let digits = text.replace('_', "");
            integer(&digits)
                .map(Meaning::Int)
                .or_else(|| fraction(&digits).map(Meaning::Float))
        }
        _ => None,
    }
}

/// Go's `strconv.ParseInt` with base 0, and `ParseUint` beyond it, in decimal digits.
fn integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (Some('+'), &text[1..]),
        b'-' => (Some('-'), &text[1..]),
        _ => (None, text),
    };
    let (base, digits) = base_of(digits);
    if !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let value = u64::from_str_radix(digits, base).ok()?;
    match sign {
        Some('-') => (value <= 1 << 63).then(|| (-i128::from(value)).to_string()),
        Some(_) => i64::try_from(value).ok().map(|value| value.to_string()),
        None => Some(value.to_string()),
    }
}

/// The base that the prefix of a number names, and the digits after the prefix.
fn base_of(digits: &str) -> (u32, &str) {
    let long = digits.len() > 2;
    match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] if long => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] if long => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] if long => (2, &digits[2..]),
        // The octal of YAML 1.1, which go-yaml still reads.
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// A decimal fraction. One that is too large for 64 bits is none, as for `strconv.ParseFloat`.
fn fraction(text: &str) -> Option<f64> {
    let usual = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
    if !text.bytes().all(usual) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A number as Go's `strconv.FormatFloat(value, 'g', -1, 64)` writes it.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Both languages write the fewest digits that give the same number again.
    let short = format!("{value:e}");
    let Some((digits, exponent)) = short.split_once('e') else {
        return short;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..MAX_PLAIN_EXPONENT).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Go turns to an exponent where six digits before the point do not do, however many are needed.
const MAX_PLAIN_EXPONENT: i32 = 6;

/// A point in time in one of the four forms that go-yaml knows, as Go's `Time.String` writes it.
fn timestamp(text: &str) -> Option<String> {
    let (year, rest) = text.split_at_checked(4)?;
    if !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (month, rest) = short_number(rest.strip_prefix('-')?, 1, 12)?;
    let (day, rest) = short_number(rest.strip_prefix('-')?, 1, 31)?;
    if day > days_in(year.parse().ok()?, month) {
        return None;
    }
    let date = format!("{year}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(format!("{date} 00:00:00 +0000 UTC"));
    }
    if let Some(rest) = rest.strip_prefix(['T', 't']) {
        let (clock, rest) = clock(rest)?;
        return Some(format!("{date} {clock} {}", zone(rest)?));
    }
    let (clock, rest) = clock(rest.strip_prefix(' ')?.trim_start_matches(' '))?;
    rest.is_empty().then(|| format!("{date} {clock} +0000 UTC"))
}

/// A number of one or two digits within bounds, and what follows it.
fn short_number(text: &str, least: u32, most: u32) -> Option<(u32, &str)> {
    let width = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let value = text[..width].parse().ok()?;
    (least..=most)
        .contains(&value)
        .then_some((value, &text[width..]))
}

/// `15:4:5` with an optional fraction of a second, and what follows it.
fn clock(text: &str) -> Option<(String, &str)> {
    let (hour, rest) = short_number(text, 0, 23)?;
    let (minute, rest) = short_number(rest.strip_prefix(':')?, 0, 59)?;
    let (second, rest) = short_number(rest.strip_prefix(':')?, 0, 59)?;
    let whole = format!("{hour:02}:{minute:02}:{second:02}");
    let Some(tail) = rest.strip_prefix(['.', ',']) else {
        return Some((whole, rest));
    };
    let width = tail.bytes().take_while(u8::is_ascii_digit).count();
    if width == 0 {
        return Some((whole, rest));
    }
    // Nanoseconds are the finest that Go keeps, and it writes no zeros at the end.
    let shown = tail[..width.min(9)].trim_end_matches('0');
    let dot = if shown.is_empty() { "" } else { "." };
    Some((format!("{whole}{dot}{shown}"), &tail[width..]))
}

/// `Z` or `+hh:mm` as Go writes it. An offset of zero is written as UTC, as where the clock is UTC.
fn zone(text: &str) -> Option<String> {
    let sign = match text {
        "Z" => return Some("+0000 UTC".to_owned()),
        _ => text.get(..1).filter(|sign| ["+", "-"].contains(sign))?,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (_, rest) = short_number(hours, 0, 24)?;
    let (_, more) = short_number(minutes, 0, 60)?;
    let offset = format!("{hours}{minutes}");
    match (rest, more, offset.as_str()) {
        ("", "", "0000") => Some("+0000 UTC".to_owned()),
        ("", "", _) => Some(format!("{sign}{offset} {sign}{offset}")),
        _ => None,
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Standard base64 with its padding; line breaks within it do not count, as in Go.
fn base64(text: &str) -> Option<Vec<u8>> {
    let clean: Vec<u8> = text
        .bytes()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let mut bytes = Vec::with_capacity(clean.len() / 4 * 3);
    let groups = clean.len().div_ceil(4);
    for (number, group) in clean.chunks(4).enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if group.len() < 4 || padding > 2 || (padding > 0 && number + 1 < groups) {
            return None;
        }
        let mut bits = 0u32;
        for byte in &group[..4 - padding] {
            bits = bits << 6 | sextet(*byte)?;
        }
        let whole = (bits << (6 * padding)).to_be_bytes();
        bytes.extend_from_slice(&whole[1..4 - padding]);
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(text: &str, name: &str) -> Result<(String, Kind), String> {
        meaning(text.to_owned(), Some(&format!("{CORE}{name}")), false).map(Meaning::into_parts)
    }

    // Every expectation of this module was read from Docker Compose 5.6's `config`, which shows
    // what becomes of a scalar in `environment`.
    #[test]
    fn plain_scalars_have_the_types_and_the_text_that_compose_gives_them() {
        for (text, expected, kind) in [
            ("", "", Kind::Null),
            ("~", "", Kind::Null),
            ("Null", "", Kind::Null),
            ("nULL", "nULL", Kind::Text),
            ("True", "true", Kind::Bool),
            ("tRUE", "tRUE", Kind::Text),
            ("yes", "yes", Kind::Text),
            ("off", "off", Kind::Text),
            ("=", "=", Kind::Text),
            ("0x1F", "31", Kind::Int),
            ("0x_1F", "31", Kind::Int),
            ("0o17", "15", Kind::Int),
            ("017", "15", Kind::Int),
            ("-017", "-15", Kind::Int),
            ("00", "0", Kind::Int),
            ("08", "8", Kind::Float),
            ("0b11", "3", Kind::Int),
            ("1_000", "1000", Kind::Int),
            ("1_", "1", Kind::Int),
            ("+1", "1", Kind::Int),
            ("-0", "-0", Kind::Float),
            ("18446744073709551615", "18446744073709551615", Kind::Int),
            (
                "18446744073709551616",
                "1.8446744073709552e+19",
                Kind::Float,
            ),
            ("-9223372036854775808", "-9223372036854775808", Kind::Int),
            (
                "-9223372036854775809",
                "-9.223372036854776e+18",
                Kind::Float,
            ),
            ("0x1FFFFFFFFFFFFFFFFF", "0x1FFFFFFFFFFFFFFFFF", Kind::Text),
            ("1000000.0", "1e+06", Kind::Float),
            ("123456.0", "123456", Kind::Float),
            ("12345678.5", "1.23456785e+07", Kind::Float),
            ("1e-5", "1e-05", Kind::Float),
            ("0.0001", "0.0001", Kind::Float),
            ("1_000.5", "1000.5", Kind::Float),
            (".5", "0.5", Kind::Float),
            ("5.", "5", Kind::Float),
            ("1.e3", "1000", Kind::Float),
            ("1e999", "1e999", Kind::Text),
            ("1e-999", "0", Kind::Float),
            ("-.INF", "-Inf", Kind::Float),
            (".inf", "+Inf", Kind::Float),
            (".nan", "NaN", Kind::Float),
            ("inf", "inf", Kind::Text),
            ("+", "+", Kind::Text),
            (".", ".", Kind::Text),
            ("12:30", "12:30", Kind::Text),
            ("1.2.3", "1.2.3", Kind::Text),
        ] {
            assert_eq!(resolve(text), (expected.to_owned(), kind), "{text}");
        }
    }

    #[test]
    fn points_in_time_are_text_in_the_form_that_go_writes() {
        for (text, expected) in [
            ("2001-01-01", "2001-01-01 00:00:00 +0000 UTC"),
            ("2001-1-1 1:2:3,5", "2001-01-01 01:02:03.5 +0000 UTC"),
            (
                "2001-12-14t21:59:43.10-05:00",
                "2001-12-14 21:59:43.1 -0500 -0500",
            ),
            ("2001-01-01T00:00:00+00:00", "2001-01-01 00:00:00 +0000 UTC"),
            ("2001-12-15T02:59:43.1Z", "2001-12-15 02:59:43.1 +0000 UTC"),
            ("2001-02-30", "2001-02-30"),
            ("2001-01-01T00:00:00", "2001-01-01T00:00:00"),
            ("2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43.10 -5"),
            ("20011-01-01", "20011-01-01"),
        ] {
            assert_eq!(resolve(text), (expected.to_owned(), Kind::Text), "{text}");
        }
    }

    #[test]
    fn a_tag_gives_the_type_or_is_refused() {
        let ok = |text: &str, kind| Ok((text.to_owned(), kind));
        assert_eq!(core("5", "str"), ok("5", Kind::Text));
        assert_eq!(core("5", "int"), ok("5", Kind::Int));
        assert_eq!(core("5", "float"), ok("5", Kind::Float));
        assert_eq!(core("", "null"), ok("", Kind::Null));
        assert_eq!(core("aGVs\nbG8=", "binary"), ok("hello", Kind::Text));
        assert_eq!(core("2001-01-01", "str"), ok("2001-01-01", Kind::Text));
        for (text, name) in [
            ("yes", "bool"),
            ("5.5", "int"),
            ("08", "int"),
            ("x", "null"),
            ("18446744073709551615", "float"),
            ("x", "timestamp"),
            ("x", "binary"),
        ] {
            assert!(core(text, name).is_err(), "!!{name} {text}");
        }
        let local = meaning("5".to_owned(), Some("!foo"), false);
        assert_eq!(local, Ok(Meaning::Text("5".to_owned())));
    }
}

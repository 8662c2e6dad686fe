//! The files of ECS `environmentFiles`, and where ECS reads a file otherwise than Compose.
//!
//! Sources: Amazon ECS documentation, "Pass environment variables to an Amazon ECS container"; for
//! what it leaves open, the behaviour of the ECS agent (`readEnvVarsFromFile`). Lines are cut at
//! the first `=` and taken as they stand: no quotes, no variables, no comments but a `#` in the
//! first column. In one file the last line of a name wins; of several files the first one does.

use super::env_file::{self, BadLine, Entry, MAX_SCANNED, column, scanned_lines};
use super::interpolate::{Lookup, expand};

/// The byte order mark, which ECS takes for a part of the first line.
const MARK: char = '\u{feff}';

/// Reads the file as ECS does. Every entry has a value.
///
/// # Errors
/// The first line that is too long: the task does not start.
pub fn parse(text: &str) -> Result<Vec<Entry>, BadLine> {
    let mut entries = Vec::new();
    for (number, line) in scanned_lines(text) {
        if line.len() > MAX_SCANNED {
            return Err(BadLine::too_long(number, line));
        }
        let Some((name, value)) = split(line) else {
            continue;
        };
        // Editors do not count the mark as a column.
        let mark = u32::from(line.starts_with(MARK));
        entries.push(Entry {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            inherited: false,
            line: number,
            last_line: number,
            columns: (
                column(line, name.len() + 1) - mark,
                column(line, line.len()) - mark,
            ),
            missing: Vec::new(),
        });
    }
    Ok(entries)
}

/// The name and the value of a line; none for a line that ECS passes over.
fn split(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    (!name.is_empty() && !line.starts_with('#')).then_some((name, value))
}

/// A line that Compose and ECS read differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Line, from 1.
    pub line: u32,
    /// The variable, as Compose names it where it reads one; empty when there is no name.
    pub name: String,
    /// The value that Compose gives to the variable by this line. It may be a secret.
    pub compose: Option<String>,
    /// The value that ECS gives to the same variable by this line, or the value of a variable
    /// that only ECS reads here. It may be a secret.
    pub ecs: Option<String>,
    /// What makes the difference, in words that hold nothing of the value.
    pub reason: String,
}

const TOO_LONG: &str = "ECS does not read lines of more than 65535 bytes: the task does not start";
const BYTE_ORDER_MARK: &str = "ECS takes the byte order mark for a part of the first name";
const INDENTED_COMMENT: &str = "ECS takes only a `#` in the first column for a comment";
const ONE_LINE: &str = "ECS reads line by line: the value ends with its first line";
const NEXT_LINE: &str =
    "ECS reads line by line: what Compose takes for a part of the value is a variable of its own";
const ONE_VARIABLE: &str = "ECS reads one variable per line";
const NO_NAME: &str = "there is no name, and ECS passes over the line";
const NO_EQUALS: &str = "there is no `=`, and ECS passes over the line";
const FROM_SHELL: &str = "ECS has no shell to take the value from, and passes over the line";
const COLON: &str = "ECS does not know `:` in the place of `=`";
const EXPORT: &str = "ECS takes `export` for a part of the name";
const NAME_SPACES: &str = "ECS takes the spaces around the name for a part of it";
const VALUE_SPACES: &str = "ECS keeps the spaces around the value";
const QUOTES: &str = "ECS keeps the quotes";
const ESCAPES: &str = "ECS does not read escapes: the backslashes stay";
const VARIABLES: &str = "ECS does not replace variables: the `$` stays as it is";
const COMMENT: &str = "ECS keeps the comment as a part of the value";
const AFTER_QUOTE: &str = "ECS keeps what follows the closing quote";
const AS_IT_STANDS: &str = "ECS takes what is before and after the first `=` as it stands";

/// The lines of a file that Compose, with `lookup` for its variables, and ECS read differently.
///
/// For a file that Compose cannot read it is the one line where Compose stops.
pub fn differences(text: &str, lookup: Lookup) -> Vec<Difference> {
    let entries = match env_file::parse(text, lookup) {
        Ok(entries) => entries,
        Err(bad) => {
            let reason = format!("Compose cannot read the file: {}", bad.message);
            return vec![Difference::new(bad.line, "", reason)];
        }
    };
    let mut found = Vec::new();
    let mut rest = &entries[..];
    let mut previous: Option<&Entry> = None;
    for (number, line) in scanned_lines(text) {
        let here = rest.iter().take_while(|entry| entry.line == number).count();
        let (own, after) = rest.split_at(here);
        rest = after;
        if line.len() > MAX_SCANNED {
            let name = own.first().or(previous).map_or("", |entry| &entry.name);
            found.push(Difference::new(number, name, TOO_LONG));
            break;
        }
        match own.split_first() {
            None => found.extend(only_ecs(number, line, previous)),
            Some((first, others)) => {
                found.extend(both(first, line));
                found.extend(others.iter().filter_map(only_compose));
            }
        }
        previous = own.last().or(previous);
    }
    found
}

impl Difference {
    fn new(line: u32, name: &str, reason: impl Into<String>) -> Self {
        Self {
            line,
            name: name.to_owned(),
            compose: None,
            ecs: None,
            reason: reason.into(),
        }
    }
}

/// A line that sets nothing for Compose.
fn only_ecs(number: u32, line: &str, previous: Option<&Entry>) -> Option<Difference> {
    let (name, value) = split(line)?;
    if let Some(open) = previous.filter(|entry| entry.last_line >= number) {
        // What stands before `=` here is a part of a value and not to be shown as a name.
        return Some(Difference {
            ecs: Some(line.to_owned()),
            ..Difference::new(number, &open.name, NEXT_LINE)
        });
    }
    let reason = match name.starts_with(MARK) {
        true => BYTE_ORDER_MARK,
        false => INDENTED_COMMENT,
    };
    Some(Difference {
        ecs: Some(value.to_owned()),
        ..Difference::new(number, name.trim_start_matches(MARK).trim(), reason)
    })
}

/// A variable that is not the first of its line.
fn only_compose(entry: &Entry) -> Option<Difference> {
    Some(Difference {
        compose: Some(entry.value.clone()?),
        ..Difference::new(entry.line, &entry.name, ONE_VARIABLE)
    })
}

/// A line that begins with a variable for Compose.
fn both(entry: &Entry, line: &str) -> Option<Difference> {
    let compose = Some(entry.value.clone()?);
    let Some((name, value)) = split(line) else {
        let reason = match entry {
            Entry {
                inherited: true, ..
            } => FROM_SHELL,
            _ if line.contains('=') => NO_NAME,
            _ if line.contains(':') => COLON,
            _ => NO_EQUALS,
        };
        return Some(Difference {
            compose,
            ..Difference::new(entry.line, &entry.name, reason)
        });
    };
    let ecs = (name == entry.name).then(|| value.to_owned());
    if ecs == compose {
        return None;
    }
    let mut reasons = name_reasons(name, entry);
    if !reasons.contains(&COLON) {
        reasons.extend(value_reasons(line, entry));
    }
    if reasons.is_empty() {
        reasons.push(AS_IT_STANDS);
    }
    Some(Difference {
        compose,
        ecs,
        ..Difference::new(entry.line, &entry.name, reasons.join("; "))
    })
}

/// Why `written`, the name for ECS, is not the name for Compose.
fn name_reasons(written: &str, entry: &Entry) -> Vec<&'static str> {
    let plain = written.trim_start_matches(MARK);
    let bare = plain.trim();
    let exported = bare
        .strip_prefix("export")
        .is_some_and(|rest| rest.starts_with(char::is_whitespace) && bare != entry.name);
    let reasons = [
        (plain.len() < written.len(), BYTE_ORDER_MARK),
        (exported, EXPORT),
        (bare.contains(':'), COLON),
        (bare.len() < plain.len(), NAME_SPACES),
    ];
    let reasons = reasons.into_iter().filter(|(applies, _)| *applies);
    reasons.map(|(_, reason)| reason).collect()
}

/// Why the value for ECS, all after the first `=` of `line`, is not the value for Compose.
fn value_reasons(line: &str, entry: &Entry) -> Vec<&'static str> {
    let line: Vec<char> = line.trim_start_matches(MARK).chars().collect();
    let end = (entry.columns.1 as usize - 1).min(line.len());
    let start = (entry.columns.0 as usize - 1).min(end);
    let before = line[..start].last().is_some_and(|c| c.is_whitespace());
    let after = &line[end..];
    let follows = after.iter().any(|c| !c.is_whitespace());
    let written: String = line[start..end].iter().collect();
    let quoted = written.starts_with(['\'', '"']);
    let single = written.starts_with('\'');
    let escapes = match single {
        true => written.contains("\\'"),
        false => quoted && written.contains('\\'),
    };
    let expanded = expand(&written, &|_| None, &mut Vec::new());
    let variables = !single && expanded.as_ref() != Ok(&written);
    let reasons = [
        (quoted, QUOTES),
        (entry.last_line > entry.line, ONE_LINE),
        (escapes, ESCAPES),
        (variables, VARIABLES),
        (quoted && follows, AFTER_QUOTE),
        (!quoted && follows, COMMENT),
        (before || (!follows && !after.is_empty()), VALUE_SPACES),
    ];
    let reasons = reasons.into_iter().filter(|(applies, _)| *applies);
    reasons.map(|(_, reason)| reason).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shell(name: &str) -> Option<String> {
        (name == "SHELL_VAR").then(|| "from shell".to_owned())
    }

    fn read(text: &str) -> Vec<(String, String)> {
        let entries = parse(text).expect("readable").into_iter();
        entries
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect()
    }

    /// Line, name and reason of each difference.
    fn found(text: &str) -> Vec<(u32, String, String)> {
        let found = differences(text, &shell).into_iter();
        found.map(|it| (it.line, it.name, it.reason)).collect()
    }

    #[test]
    fn a_line_is_cut_at_its_first_equals_sign_and_kept_as_it_stands() {
        let text = "# c\n # c=1\nexport A=\"1\" # x\r\nB=\n=v\nC\nD=a=$B\n";
        let expected = [
            (" # c", "1"),
            ("export A", "\"1\" # x"),
            ("B", ""),
            ("D", "a=$B"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_an_error() {
        let text = format!("A=1\nB={}\n", "x".repeat(MAX_SCANNED));
        assert_eq!(parse(&text).unwrap_err().line, 2);
        assert_eq!(found(&text), [(2, "B".to_owned(), TOO_LONG.to_owned())]);
    }

    #[test]
    fn a_plain_file_is_read_alike() {
        let text = "# c\n\nA=1\r\nB=a b#c\nC=\nD=x=y\nE=a$ b\nA=2\nNONE\n";
        assert_eq!(differences(text, &shell), []);
    }

    #[test]
    fn each_difference_has_its_reason() {
        for (line, name, reasons) in [
            ("A=\"x\"", "A", &[QUOTES][..]),
            ("A='x' # c", "A", &[QUOTES, AFTER_QUOTE]),
            (r#"A="a\n""#, "A", &[QUOTES, ESCAPES]),
            ("A=$SHELL_VAR", "A", &[VARIABLES]),
            ("A='$x'", "A", &[QUOTES]),
            ("A=$$", "A", &[VARIABLES]),
            ("A=1 # ${c}", "A", &[COMMENT]),
            ("A= 1", "A", &[VALUE_SPACES]),
            ("A=1 ", "A", &[VALUE_SPACES]),
            ("A =1", "A", &[NAME_SPACES]),
            (" A=1", "A", &[NAME_SPACES]),
            ("export A=1", "A", &[EXPORT]),
            ("A: 1", "A", &[COLON]),
            ("A:v=1", "A", &[COLON]),
            ("SHELL_VAR", "SHELL_VAR", &[FROM_SHELL]),
            ("=v", "", &[NO_NAME]),
            (" # B=1", "# B", &[INDENTED_COMMENT]),
            ("\u{feff}A=1", "A", &[BYTE_ORDER_MARK]),
            ("\u{feff}#A=1", "#A", &[BYTE_ORDER_MARK]),
        ] {
            assert_eq!(
                found(&format!("{line}\n")),
                [(1, name.to_owned(), reasons.join("; "))],
                "{line}"
            );
        }
        assert_eq!(found("A"), [(1, String::new(), NO_EQUALS.to_owned())]);
    }

    #[test]
    fn a_value_of_several_lines_is_lost_and_does_not_lend_a_name() {
        let text = "KEY=\"one\nsecret==\n#x=1\n #y\ntwo\"\nB=1\n";
        let differences = differences(text, &shell);
        let shown = differences
            .iter()
            .map(|it| (it.line, &*it.name, it.ecs.as_deref()))
            .collect::<Vec<_>>();
        assert_eq!(
            shown,
            [(1, "KEY", Some("\"one")), (2, "KEY", Some("secret=="))]
        );
        assert_eq!(differences[0].reason, [QUOTES, ONE_LINE].join("; "));
        assert_eq!(differences[1].reason, NEXT_LINE);
    }

    #[test]
    fn a_second_variable_on_a_line_is_for_compose_alone() {
        let differences = differences("A='x'B=1\n", &shell);
        let second = &differences[1];
        assert_eq!(
            (&*second.name, second.compose.as_deref(), &second.ecs),
            ("B", Some("1"), &None)
        );
    }

    #[test]
    fn a_file_that_compose_cannot_read_is_one_difference() {
        let differences = found("A=1\nB C=secret\n");
        assert_eq!(
            differences,
            [(
                2,
                String::new(),
                "Compose cannot read the file: a variable name cannot have a space".to_owned()
            )]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in r"(A|=|:|\n|\r\n|'|\x22|\\|\$|\$\{A| |#|export|\t|é|\u{feff}|.){0,40}"
        ) {
            let _ = parse(&text);
            let _ = differences(&text, &shell);
        }
    }
}

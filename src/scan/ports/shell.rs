//! Command lines to simple commands: a small part of the shell's grammar, enough to see which
//! programs are started with which words.

/// The words of each simple command of `text`, without quotes; `&&`, `||`, `|`, `;`, `&` and line ends
/// part them, comments are left out.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let mut reader = Reader::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(next) => reader.push(next),
            },
            '\'' | '"' => {
                reader.started = true;
                while let Some(inner) = chars.next() {
                    match inner {
                        end if end == c => break,
                        '\\' if c == '"' => reader.word.extend(chars.next()),
                        other => reader.word.push(other),
                    }
                }
            }
            '#' if !reader.started => while chars.next_if(|c| *c != '\n').is_some() {},
            ' ' | '\t' | '\r' => reader.end_word(),
            // `2>&1` and `>&2` are no ends of a command.
            '&' if reader.word.ends_with('>') => reader.push(c),
            '\n' | ';' | '|' | '&' | '(' | ')' => reader.end_command(),
            other => reader.push(other),
        }
    }
    reader.end_command();
    reader.commands
}

#[derive(Default)]
struct Reader {
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    word: String,
    started: bool,
}

impl Reader {
    fn push(&mut self, c: char) {
        self.started = true;
        self.word.push(c);
    }

    fn end_word(&mut self) {
        if std::mem::take(&mut self.started) {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.words.is_empty() {
            self.commands.push(std::mem::take(&mut self.words));
        }
    }
}

/// `$NAME`, `${NAME}` and `${NAME:-default}` in `text`, with values from `lookup`; an unknown variable
/// without a default stays as it is.
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let found = super::super::spot::pattern!(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))");
    found
        .replace_all(text, |captures: &regex::Captures| {
            let name = captures
                .get(1)
                .or(captures.get(3))
                .map_or("", |m| m.as_str());
            let default = captures.get(2).map(|m| m.as_str().to_owned());
            let value = lookup(name).filter(|value| !value.is_empty());
            value.or(default).unwrap_or_else(|| captures[0].to_owned())
        })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_commands_are_told_apart_and_quotes_taken_off() {
        let text = "python manage.py migrate && exec gunicorn 'my app' -b \"0.0.0.0:80\" # now\nsleep 1 2>&1";
        assert_eq!(
            commands(text),
            [
                vec!["python", "manage.py", "migrate"],
                vec!["exec", "gunicorn", "my app", "-b", "0.0.0.0:80"],
                vec!["sleep", "1", "2>&1"],
            ]
        );
    }

    #[test]
    fn variables_take_their_value_or_their_default() {
        let lookup = |name: &str| (name == "PORT").then(|| "8000".to_owned());
        assert_eq!(
            expand(":$PORT ${PORT} ${OTHER:-5000} $UNKNOWN", &lookup),
            ":8000 8000 5000 $UNKNOWN"
        );
    }
}

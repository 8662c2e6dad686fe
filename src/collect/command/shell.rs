//! Reads the commands out of a shell text: enough of the grammar to know what is started, not what
//! becomes of it. Expansions stay as they are written.
//!
//! Source of the grammar: POSIX.1-2017, "Shell Command Language".

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments, without quotes and redirections.
    pub words: Vec<String>,
    /// Assignments in front of it.
    pub variables: Vec<(String, String)>,
    /// It takes the shell's place.
    pub exec: bool,
    /// The shell does not wait for it.
    pub background: bool,
    /// One side of a `|`.
    pub piped: bool,
    /// It is only run on a condition, or is the body of a function.
    pub conditional: bool,
    /// Line of its first word, from 0.
    pub line: usize,
    /// Number of the command or compound of the outermost level that it belongs to.
    item: usize,
}

/// A read text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Its commands.
    pub commands: Vec<Command>,
}

impl Text {
    /// The last command, or one in the last compound, takes the shell's place.
    pub fn ends_in_exec(&self) -> bool {
        let last = self.commands.last().map_or(0, |command| command.item);
        let mut tail = self.commands.iter().filter(|command| command.item == last);
        tail.any(|command| command.exec && !command.piped)
    }

    /// Whether it has a handler for SIGTERM.
    pub fn traps(&self) -> bool {
        self.commands.iter().any(|command| {
            let [first, action, signals @ ..] = &*command.words else {
                return false;
            };
            first == "trap"
                && !matches!(&**action, "" | "-")
                && signals
                    .iter()
                    .any(|signal| matches!(&*signal.to_uppercase(), "TERM" | "SIGTERM" | "15"))
        })
    }

    /// Whether it ends by itself: the last command is `exit` or `true`.
    pub fn finite(&self) -> bool {
        let last = self.commands.last().and_then(|last| last.words.first());
        last.is_some_and(|word| matches!(&**word, "exit" | "true" | ":"))
    }
}

/// Reads `text`.
pub fn read(text: &str) -> Text {
    let mut reader = Reader::default();
    let mut tokens = Tokens::new(text);
    while let Some(token) = tokens.next() {
        reader.take(token);
    }
    reader.end(Ends::List);
    Text {
        commands: reader.commands,
    }
}

/// Piece of a text.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word {
        text: String,
        /// A quote is in front of its first `=`: it is no keyword and no assignment.
        quoted: bool,
        line: usize,
    },
    Operator(&'static str),
    /// A redirection, whose next word is its target.
    Redirection,
    /// `>&-`.
    Nothing,
}

/// What a command ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    List,
    And,
    Background,
    Pipe,
}

#[derive(Default)]
struct Reader {
    commands: Vec<Command>,
    current: Command,
    started: bool,
    skip_word: bool,
    /// The compounds around, each with whether its inside is only run on a condition.
    blocks: Vec<bool>,
    item: usize,
    pipe: bool,
    /// `name()` was read: the next `{` begins its body.
    function: bool,
    /// The last command of the list was a test.
    tested: bool,
    /// Inside of `case`, before its next `)`.
    pattern: Vec<bool>,
    /// The words up to the command's end belong to a `for` or `case` head.
    head: bool,
}

impl Reader {
    fn take(&mut self, token: Token) {
        match token {
            Token::Redirection => self.skip_word = true,
            Token::Nothing => {}
            Token::Word { .. } if std::mem::take(&mut self.skip_word) => {}
            Token::Word { text, quoted, line } => self.word(text, quoted, line),
            Token::Operator(operator) => {
                self.skip_word = false;
                let in_pattern = self.pattern.last() == Some(&true);
                match operator {
                    // `a|b)` and `(a)` of a `case`.
                    "|" | "(" if in_pattern => self.current = Command::default(),
                    "&&" | "||" => self.end(Ends::And),
                    "|" => self.end(Ends::Pipe),
                    "&" => self.end(Ends::Background),
                    ";;" => {
                        self.end(Ends::List);
                        if let Some(pattern) = self.pattern.last_mut() {
                            *pattern = true;
                        }
                    }
                    "(" => {
                        self.function = self.current.words.len() == 1;
                        self.current = Command::default();
                        self.started = false;
                        self.blocks.push(false);
                    }
                    ")" => self.close_parenthesis(),
                    _ => self.end(Ends::List),
                }
            }
        }
    }

    fn close_parenthesis(&mut self) {
        if let Some(pattern) = self.pattern.last_mut()
            && std::mem::take(pattern)
        {
            self.current = Command::default();
            self.started = false;
            return;
        }
        self.blocks.pop();
        self.end(Ends::List);
    }

    fn word(&mut self, text: String, quoted: bool, line: usize) {
        if !self.started && !quoted {
            match &*text {
                "if" => return self.blocks.push(true),
                "while" | "until" => return self.blocks.push(false),
                "{" => {
                    let body = std::mem::take(&mut self.function);
                    return self.blocks.push(body);
                }
                "then" | "else" | "elif" | "do" | "!" | "time" | "function" => return,
                "fi" | "done" | "}" => return self.close(),
                "esac" => {
                    self.pattern.pop();
                    return self.close();
                }
                "for" | "select" => {
                    self.blocks.push(false);
                    self.head = true;
                }
                "case" => {
                    self.blocks.push(true);
                    self.head = true;
                    self.pattern.push(false);
                }
                _ => {}
            }
        }
        if self.head && text == "in" && self.current.words.first().is_some_and(|w| w == "case") {
            self.current = Command::default();
            self.started = false;
            self.head = false;
            if let Some(pattern) = self.pattern.last_mut() {
                *pattern = true;
            }
            return;
        }
        if !self.started {
            self.current.line = line;
        }
        let assignment = self.current.words.is_empty() && !quoted;
        match text.split_once('=') {
            Some((name, value)) if assignment && is_name(name) => {
                let pair = (name.to_owned(), value.to_owned());
                self.current.variables.push(pair);
            }
            _ if assignment && text == "exec" && !self.current.exec => self.current.exec = true,
            _ => self.current.words.push(text),
        }
        self.started = true;
    }

    fn close(&mut self) {
        self.blocks.pop();
        self.started = true;
    }

    fn end(&mut self, ends: Ends) {
        let mut command = std::mem::take(&mut self.current);
        let was = std::mem::take(&mut self.started);
        let head = std::mem::take(&mut self.head);
        let piped = std::mem::replace(&mut self.pipe, ends == Ends::Pipe) || ends == Ends::Pipe;
        let test = matches!(
            command.words.first().map(|w| &**w),
            Some("[" | "[[" | "test")
        );
        let tested = std::mem::replace(&mut self.tested, ends == Ends::And && test);
        if !command.words.is_empty() && !head {
            command.conditional = tested || self.blocks.contains(&true);
            command.background = ends == Ends::Background;
            command.piped = piped;
            command.item = self.item;
            self.commands.push(command);
        }
        // Of a list the right side is what it ends with.
        if self.blocks.is_empty() && (was || ends != Ends::List) {
            self.item += 1;
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Tokens<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    /// Delimiters of here-documents that begin after this line.
    heredocs: Vec<String>,
    after_heredoc_operator: bool,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.chars().peekable(),
            line: 0,
            heredocs: Vec::new(),
            after_heredoc_operator: false,
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn next(&mut self) -> Option<Token> {
        loop {
            let c = *self.rest.peek()?;
            match c {
                '\n' => {
                    self.bump();
                    self.skip_heredocs();
                    return Some(Token::Operator(";"));
                }
                c if c.is_whitespace() => drop(self.bump()),
                '#' => {
                    while self.rest.peek().is_some_and(|c| *c != '\n') {
                        self.bump();
                    }
                }
                '\\' if self.second() == Some('\n') => {
                    self.bump();
                    self.bump();
                }
                ';' | '&' | '|' | '(' | ')' => return Some(self.operator(c)),
                '<' | '>' => return Some(self.redirection()),
                _ => return Some(self.word()),
            }
        }
    }

    fn second(&self) -> Option<char> {
        self.rest.clone().nth(1)
    }

    fn operator(&mut self, first: char) -> Token {
        self.bump();
        let same = self.rest.peek() == Some(&first);
        if first == '&' && self.rest.peek() == Some(&'>') {
            return self.redirection();
        }
        let doubled = same && matches!(first, '&' | '|' | ';');
        // `|&` pipes the error output too.
        if doubled || (first == '|' && self.rest.peek() == Some(&'&')) {
            self.bump();
        }
        Token::Operator(match (first, same) {
            ('&', true) => "&&",
            ('&', false) => "&",
            ('|', true) => "||",
            ('|', false) => "|",
            (';', true) => ";;",
            ('(', _) => "(",
            (')', _) => ")",
            _ => ";",
        })
    }

    /// `>`, `>>`, `<`, `<<EOF`, `>&2`, `<(…)`.
    fn redirection(&mut self) -> Token {
        let mut signs = String::new();
        while let Some(c) = self.rest.peek().copied() {
            match c {
                '<' | '>' | '&' | '|' | '-' if signs.len() < 3 => {
                    signs.push(c);
                    self.bump();
                }
                _ => break,
            }
        }
        self.after_heredoc_operator = matches!(&*signs, "<<" | "<<-");
        if self.rest.peek() == Some(&'(') && signs.len() == 1 {
            // A process substitution is a word.
            let word = self.word();
            return word;
        }
        if signs.ends_with('-') && !self.after_heredoc_operator {
            return Token::Nothing;
        }
        Token::Redirection
    }

    fn word(&mut self) -> Token {
        let line = self.line;
        let mut text = String::new();
        let mut quoted = false;
        while let Some(c) = self.rest.peek().copied() {
            match c {
                '\'' => {
                    quoted |= !text.contains('=');
                    self.bump();
                    while let Some(c) = self.bump().filter(|c| *c != '\'') {
                        text.push(c);
                    }
                }
                '"' => {
                    quoted |= !text.contains('=');
                    self.bump();
                    self.double_quoted(&mut text);
                }
                '\\' => {
                    self.bump();
                    match self.bump() {
                        Some('\n') | None => {}
                        Some(c) => text.push(c),
                    }
                }
                '`' => self.until('`', &mut text),
                '$' | '(' if c == '(' || self.second() == Some('(') => self.nested(&mut text),
                '$' if self.second() == Some('{') => {
                    text.push('$');
                    self.bump();
                    self.until('}', &mut text);
                }
                c if c.is_whitespace() || matches!(c, ';' | '&' | '|' | ')') => break,
                '<' | '>' => {
                    // `2>` is a redirection of a descriptor.
                    if text.chars().all(|c| c.is_ascii_digit()) {
                        return self.redirection();
                    }
                    break;
                }
                c => {
                    text.push(c);
                    self.bump();
                }
            }
            // `name()` ends a word in front of the parenthesis.
            if self.rest.peek() == Some(&'(') && !text.ends_with('$') && is_name(&text) {
                break;
            }
        }
        if std::mem::take(&mut self.after_heredoc_operator) {
            self.heredocs.push(text.clone());
        }
        Token::Word { text, quoted, line }
    }

    fn double_quoted(&mut self, text: &mut String) {
        while let Some(c) = self.rest.peek().copied() {
            match c {
                '"' => {
                    self.bump();
                    return;
                }
                '\\' => {
                    self.bump();
                    match self.bump() {
                        Some('\n') | None => {}
                        Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                        Some(c) => text.extend(['\\', c]),
                    }
                }
                '$' if self.second() == Some('(') => self.nested(text),
                c => {
                    text.push(c);
                    self.bump();
                }
            }
        }
    }

    /// Takes over all up to `end`, with it.
    fn until(&mut self, end: char, text: &mut String) {
        text.extend(self.bump());
        while let Some(c) = self.bump() {
            text.push(c);
            if c == end {
                return;
            }
        }
    }

    /// Takes over `$(…)` or `(…)` with the parentheses inside.
    fn nested(&mut self, text: &mut String) {
        let mut depth = 0;
        while let Some(c) = self.bump() {
            text.push(c);
            depth += i32::from(c == '(') - i32::from(c == ')');
            if depth == 0 && c == ')' {
                return;
            }
        }
    }

    fn skip_heredocs(&mut self) {
        for delimiter in std::mem::take(&mut self.heredocs) {
            while self.rest.peek().is_some() {
                let mut line = String::new();
                while let Some(c) = self.bump().filter(|c| *c != '\n') {
                    line.push(c);
                }
                if line.trim() == delimiter {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let commands = read(text).commands;
        commands
            .iter()
            .map(|command| {
                let exec = if command.exec { "exec " } else { "" };
                let background = if command.background { " &" } else { "" };
                format!("{exec}{}{background}", command.words.join(" "))
            })
            .collect()
    }

    #[test]
    fn a_list_is_taken_apart_into_its_commands() {
        assert_eq!(
            words("cd /app && npm install --silent; A=1 B='x y' npm run \"dev it\" > log 2>&1 &"),
            ["cd /app", "npm install --silent", "npm run dev it &"]
        );
        let last = read("A=1 B='x y' run").commands;
        assert_eq!(
            last[0].variables,
            [
                ("A".to_owned(), "1".to_owned()),
                ("B".to_owned(), "x y".to_owned())
            ]
        );
        assert_eq!(words("a | tee log || b"), ["a", "tee log", "b"]);
        assert_eq!(
            words("echo $(a; b) `c d` ${E:-f g} # x"),
            ["echo $(a; b) `c d` ${E:-f g}"]
        );
    }

    #[test]
    fn compounds_give_the_commands_inside() {
        let text = "#!/bin/sh\nset -e\nwait_for() {\n  nc -z db 5432\n}\nif [ \"$1\" = web ]; then\n  exec gunicorn app\nelse\n  exec \"$@\"\nfi\n";
        assert_eq!(
            words(text),
            [
                "set -e",
                "nc -z db 5432",
                "[ $1 = web ]",
                "exec gunicorn app",
                "exec $@"
            ]
        );
        assert!(read(text).ends_in_exec());
        let case = "case \"$1\" in\n  a|b) exec one ;;\n  *) two ;;\nesac\n";
        assert_eq!(words(case), ["exec one", "two"]);
        assert!(read(case).ends_in_exec());
        let heredoc = "cat > f <<EOF\nexec no\nEOF\nserve\n";
        assert_eq!(words(heredoc), ["cat", "serve"]);
        assert_eq!(
            words("for i in 1 2; do nc -z db; done; run"),
            ["nc -z db", "run"]
        );
    }

    #[test]
    fn only_an_exec_at_the_end_takes_the_shells_place() {
        let ends = |text: &str| read(text).ends_in_exec();
        assert!(ends("migrate && exec serve"));
        assert!(ends("migrate; exec serve\n"));
        assert!(!ends("if true; then exec a; fi; serve"));
        assert!(!ends("find . -exec rm {} +; serve"));
        assert!(!ends("exec > log; serve"));
        assert!(!ends("exec a && serve"));
        assert!(!ends("exec serve | tee log"));
    }

    #[test]
    fn what_is_only_run_on_a_condition_is_told() {
        let text = "if [ $A = dev ]; then x; else y; fi\nf() { z; }\n[ -n $B ] && w\nfor i in 1; do v; done\na && b\n";
        let commands = read(text).commands;
        let on_condition: Vec<&str> = commands
            .iter()
            .filter(|command| command.conditional)
            .map(|command| &*command.words[0])
            .collect();
        assert_eq!(on_condition, ["[", "x", "y", "z", "w"]);
    }

    #[test]
    fn a_handler_of_sigterm_is_seen() {
        assert!(read("trap 'kill $pid' TERM INT\nserve & wait").traps());
        assert!(read("trap stop SIGTERM").traps());
        assert!(!read("trap cleanup EXIT\nserve").traps());
        assert!(!read("trap '' TERM\nserve").traps());
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in [
            "'", "\"", "`", "$(", "${", "<<", "a <<X", "case", ")", "}", "&|;", "\\", "2>",
        ] {
            read(text);
        }
    }
}

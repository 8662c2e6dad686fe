//! Source code: a host that is read from the environment. One function per language; what a language
//! would need more than this is refused.

use super::Reason;

/// A source text after a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// The line, from 1, that was added for an import.
    pub added_line: Option<u32>,
}

/// A string literal of a line, and the host in it; offsets are bytes of the line.
struct Literal<'l> {
    line: &'l str,
    /// Of the opening quote.
    start: usize,
    /// After the closing quote.
    end: usize,
    quote: char,
    /// The text before the host, inside of the quotes.
    before: &'l str,
    /// The text after the host, inside of the quotes.
    after: &'l str,
}

impl Literal<'_> {
    fn is_the_host(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// The line with `code` in place of the literal.
    fn replaced(&self, code: &str) -> String {
        format!(
            "{}{code}{}",
            &self.line[..self.start],
            &self.line[self.end..]
        )
    }

    /// The line with `code` in place of the host, joined by `operator` to what stands beside it.
    fn joined(&self, code: &str, operator: &str) -> String {
        let quote = self.quote;
        let part = |text: &str| (!text.is_empty()).then(|| format!("{quote}{text}{quote}"));
        let parts = [part(self.before), Some(code.to_owned()), part(self.after)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        self.replaced(&parts.join(operator))
    }

    fn has(&self, part: &str) -> bool {
        self.before.contains(part) || self.after.contains(part)
    }
}

/// How a language reads a variable inside of a line.
type Language = fn(&Literal, &str) -> Result<String, Reason>;

/// Puts the environment variable `name` in the place of `host`, which stands at line and column
/// `place` of `file`, both counted from 1.
///
/// # Errors
/// A language or a way of writing that is not known to be safe.
pub fn read_from_environment(
    file: &str,
    text: &str,
    place: (u32, u32),
    host: &str,
    name: &str,
) -> Result<Edited, Reason> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let gone = || format!("`{host}` is not at line {} of `{file}` any more", place.0);
    let line = lines.get(place.0 as usize - 1).ok_or_else(gone)?;
    let at = line.char_indices().nth(place.1 as usize - 1);
    let at = at.map(|(at, _)| at).ok_or_else(gone)?;
    if !line[at..].starts_with(host) {
        return Err(gone());
    }
    let extension = file.rsplit('.').next().unwrap_or_default();
    let new = match extension {
        "properties" | "yml" | "yaml" if is_spring(file) => {
            format!("{}${{{name}}}{}", &line[..at], &line[at + host.len()..])
        }
        _ => {
            let language = language(extension).ok_or_else(|| {
                format!("a host in a `.{extension}` file is not moved by machine")
            })?;
            language(&literal(line, at, host)?, name)?
        }
    };
    lines[place.0 as usize - 1] = new;
    let added_line = match extension {
        "py" => import_os(&mut lines)?,
        "go" if !text.contains("\"os\"") => {
            return Err("the file does not import `os` yet".to_owned());
        }
        _ => None,
    };
    Ok(Edited {
        text: lines.concat(),
        added_line,
    })
}

/// Configuration in which `${NAME}` means an environment variable.
fn is_spring(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.starts_with("application") || name.starts_with("bootstrap")
}

fn language(extension: &str) -> Option<Language> {
    Some(match extension {
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" => javascript,
        "py" => python,
        "php" => php,
        "rb" => ruby,
        "go" => go,
        _ => return None,
    })
}

/// The literal around `at`, with the host there.
fn literal<'l>(line: &'l str, at: usize, host: &str) -> Result<Literal<'l>, Reason> {
    let apart = || "the host does not stand in a string literal of one line".to_owned();
    if line.contains("\"\"\"") || line.contains("'''") {
        return Err(apart());
    }
    let mut open: Option<(usize, char)> = None;
    let mut escaped = false;
    for (index, c) in line.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (open, c) {
            (_, '\\') => escaped = true,
            (Some((start, quote)), c) if c == quote => {
                if start < at && at + host.len() <= index {
                    return Ok(Literal {
                        line,
                        start,
                        end: index + c.len_utf8(),
                        quote,
                        before: &line[start + 1..at],
                        after: &line[at + host.len()..index],
                    });
                }
                open = None;
            }
            (None, '"' | '\'' | '`') => open = Some((index, c)),
            _ => {}
        }
    }
    Err(apart())
}

fn javascript(literal: &Literal, name: &str) -> Result<String, Reason> {
    let read = format!("process.env.{name}");
    let statement = literal.line.trim_start();
    let follows = literal.line[literal.end..].trim_start();
    if statement.starts_with("import ")
        || statement.starts_with("export * from")
        || literal.line.contains("require(")
        || follows.starts_with(':')
        || literal.line.contains("import.meta.env")
    {
        return Err("the text is a module or a key, or is built for a browser".to_owned());
    }
    if literal.quote == '`' || !literal.is_the_host() {
        if literal.quote != '`' && (literal.has("`") || literal.has("${")) {
            return Err("the text has signs that mean more in a template literal".to_owned());
        }
        let (before, after) = (literal.before, literal.after);
        return Ok(literal.replaced(&format!("`{before}${{{read}}}{after}`")));
    }
    Ok(literal.replaced(&read))
}

fn python(literal: &Literal, name: &str) -> Result<String, Reason> {
    let letters: String = literal.line[..literal.start]
        .chars()
        .rev()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    let follows = literal.line[literal.end..].trim_start();
    if follows.starts_with(':') && !literal.line.trim_start().starts_with("if ") {
        return Err("the text is a key".to_owned());
    }
    if follows.starts_with('%') || follows.starts_with(".format(") {
        return Err("the text is a pattern that is filled in".to_owned());
    }
    let inner = if literal.quote == '"' { '\'' } else { '"' };
    let inside = format!("{{os.environ[{inner}{name}{inner}]}}");
    let (quote, before, after) = (literal.quote, literal.before, literal.after);
    match &*letters {
        "" | "u" if literal.is_the_host() => {
            let new = literal.replaced(&format!("os.environ[\"{name}\"]"));
            Ok(match &*letters {
                "u" => new.replacen("uos.environ", "os.environ", 1),
                _ => new,
            })
        }
        "" => {
            let plain = |text: &str| text.replace('{', "{{").replace('}', "}}");
            let new = format!("f{quote}{}{inside}{}{quote}", plain(before), plain(after));
            Ok(literal.replaced(&new))
        }
        "f" | "F" => Ok(literal.replaced(&format!("{quote}{before}{inside}{after}{quote}"))),
        _ => Err("the text is not an ordinary string".to_owned()),
    }
}

/// Adds `import os` where the file has none: before its first import, and none returned where it
/// has one.
fn import_os(lines: &mut Vec<String>) -> Result<Option<u32>, Reason> {
    let imports = |line: &String| {
        let line = line.trim_end();
        let listed = line.strip_prefix("import ").unwrap_or_default();
        listed.split(',').any(|name| name.trim() == "os")
    };
    if lines.iter().any(imports) {
        return Ok(None);
    }
    let first = lines.iter().position(|line| {
        line.starts_with("import ")
            || (line.starts_with("from ") && !line.starts_with("from __future__"))
    });
    let plain =
        |line: &String| !line.trim_start().starts_with(['#', '"', '\'']) && !line.trim().is_empty();
    let at = first
        .or_else(|| {
            lines
                .iter()
                .position(|line| !line.starts_with('#'))
                .filter(|at| plain(&lines[*at]))
        })
        .ok_or("there is no clear place for `import os`")?;
    let newline = if lines[at].ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    lines.insert(at, format!("import os{newline}"));
    Ok(Some(at as u32 + 1))
}

fn php(literal: &Literal, name: &str) -> Result<String, Reason> {
    let constant = [
        "const ",
        "public ",
        "private ",
        "protected ",
        "static ",
        "case ",
    ];
    if constant
        .iter()
        .any(|word| literal.line.trim_start().starts_with(word))
    {
        return Err("PHP takes no call in the value of a constant or a property".to_owned());
    }
    let read = format!("getenv('{name}')");
    Ok(literal.joined(&read, " . "))
}

fn ruby(literal: &Literal, name: &str) -> Result<String, Reason> {
    let read = format!("ENV.fetch('{name}')");
    let (before, after) = (literal.before, literal.after);
    if literal.is_the_host() && literal.quote != '`' {
        return Ok(literal.replaced(&read));
    }
    match literal.quote {
        '\'' if literal.has("#{") || literal.has("\"") || literal.has("\\") => {
            Err("the text has signs that mean more between double quotes".to_owned())
        }
        '`' => Err("the text is a command".to_owned()),
        _ => Ok(literal.replaced(&format!("\"{before}#{{{read}}}{after}\""))),
    }
}

fn go(literal: &Literal, name: &str) -> Result<String, Reason> {
    let statement = literal.line.trim_start();
    if statement.starts_with("const ") || statement.starts_with("import ") || literal.quote == '\''
    {
        return Err("Go takes no call in a constant".to_owned());
    }
    if literal.has("%") {
        return Err("the text is a pattern that is filled in".to_owned());
    }
    let read = format!("os.Getenv(\"{name}\")");
    Ok(literal.joined(&read, " + "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn line(file: &str, before: &str, after: &str) {
        let at = before.rfind("db").expect("the host") as u32 + 1;
        let edited = read_from_environment(file, before, (1, at), "db", "DB_HOST");
        assert_eq!(
            edited.map(|edited| edited.text).as_deref(),
            Ok(after),
            "{file}"
        );
    }

    fn refused(file: &str, text: &str) -> bool {
        let at = text.rfind("db").expect("the host") as u32 + 1;
        read_from_environment(file, text, (1, at), "db", "DB_HOST").is_err()
    }

    #[test]
    fn javascript_takes_a_template_literal_where_the_host_is_a_part() {
        line(
            "a.js",
            "connect('db', 1)",
            "connect(process.env.DB_HOST, 1)",
        );
        line(
            "a.ts",
            "const u = \"mongodb://db:27017/x\";\n",
            "const u = `mongodb://${process.env.DB_HOST}:27017/x`;\n",
        );
        line(
            "a.mjs",
            "`mongodb://${user}@db:1/`",
            "`mongodb://${user}@${process.env.DB_HOST}:1/`",
        );
        assert!(refused("a.js", "const x = require('db')"));
        assert!(refused("a.js", "x = { 'db': 1 }"));
        assert!(refused("a.js", "fetch('http://db/`x`')"));
    }

    #[test]
    fn python_takes_an_f_string_and_imports_what_it_needs() {
        line(
            "a.py",
            "x = 1; c = C(host='db')\n",
            "import os\nx = 1; c = C(host=os.environ[\"DB_HOST\"])\n",
        );
        let text = "import sys, os\nu = \"pg://db/{x}\"\n";
        let edited = read_from_environment("a.py", text, (2, 11), "db", "DB_HOST");
        let edited = edited.expect("a string");
        assert_eq!(
            edited.text,
            "import sys, os\nu = f\"pg://{os.environ['DB_HOST']}/{{x}}\"\n"
        );
        assert_eq!(edited.added_line, None);
        assert!(refused("a.py", "u = 'pg://db/%s' % x"));
        assert!(refused("a.py", "u = b'db'"));
    }

    #[test]
    fn php_ruby_go_and_spring_have_their_own_ways() {
        line(
            "a.php",
            "$u = 'pg:host=db;port=1';",
            "$u = 'pg:host=' . getenv('DB_HOST') . ';port=1';",
        );
        line(
            "a.rb",
            "R.new(host: 'db')",
            "R.new(host: ENV.fetch('DB_HOST'))",
        );
        line(
            "a.rb",
            "u = 'redis://db:6'",
            "u = \"redis://#{ENV.fetch('DB_HOST')}:6\"",
        );
        line(
            "src/application.properties",
            "spring.url=jdbc:mysql://db:3306/x",
            "spring.url=jdbc:mysql://${DB_HOST}:3306/x",
        );
        assert!(refused("a.php", "const HOST = 'db';"));
        assert!(refused("a.go", "x := \"db:1\""));
        assert!(refused("a.conf", "server db;"));
    }
}

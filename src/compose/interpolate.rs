//! `${VARIABLE}` in values, and the types that values get after it.
//!
//! Sources: Compose Specification, "Interpolation"; for what it leaves open, the behaviour of
//! compose-go (`template` finds and replaces the forms, `loader/interpolate.go` casts text to the
//! type of its key), compared with `docker compose config`.

use std::fmt;

use super::{Context, Kind, Node, Place, Value};

/// Defaults within defaults that are followed. People write two; without a limit a file of nothing
/// but `${A:-` would fill the stack.
const MAX_DEPTH: usize = 100;

/// Bytes that a text may have once its variables are replaced: as many as a file.
const MAX_BYTES: usize = 4 << 20;

/// Characters of a broken form that a message quotes: enough to find it.
const MAX_QUOTED: usize = 60;

/// Looks up the value of a variable.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces the variables in every text of `node`, then gives each the type of its key.
///
/// Keys are left alone, and so is what is not text. What `!reset` takes away must be gone: Compose
/// does not read it.
pub fn interpolate(node: &mut Node, lookup: Lookup, cx: &mut Context) {
    walk(node, &mut Vec::new(), lookup, cx);
}

fn walk(node: &mut Node, path: &mut Vec<String>, lookup: Lookup, cx: &mut Context) {
    match &mut node.value {
        Value::Sequence(items) => {
            path.push("[]".to_owned());
            for item in items {
                walk(item, path, lookup, cx);
            }
            path.pop();
        }
        Value::Mapping(entries) => {
            for (key, value) in entries {
                path.push(key.text().unwrap_or_default().to_owned());
                walk(value, path, lookup, cx);
                path.pop();
            }
        }
        Value::Scalar(text, kind @ Kind::Text) => {
            if replace(text, &node.place, lookup, cx) {
                cast(text, kind, path, &node.place, cx);
            }
        }
        Value::Scalar(..) => {}
    }
}

/// Replaces the variables of `text`; false when that is not possible.
fn replace(text: &mut String, place: &Place, lookup: Lookup, cx: &mut Context) -> bool {
    if !text.contains('$') {
        return true;
    }
    // Once it is too much, every further text would only add to it.
    if !cx.lengthen(0, place) {
        return false;
    }
    let mut missing = Vec::new();
    let expanded = expand(text, lookup, &mut missing);
    warn_missing(missing, place, cx);
    match expanded {
        Ok(expanded) => {
            let fits = cx.lengthen(expanded.len(), place);
            *text = expanded;
            fits
        }
        Err(fault) => {
            cx.error(place, fault.to_string()).help = Some(fault.help());
            false
        }
    }
}

fn warn_missing(mut missing: Vec<String>, place: &Place, cx: &mut Context) {
    missing.sort();
    missing.dedup();
    for name in missing {
        let message = format!("the variable `{name}` is not set; an empty string is used");
        cx.warn(place, message).help = Some(format!(
            "set it in `.env` or the shell, or give a default: `${{{name}:-value}}`"
        ));
    }
}

/// Why a text cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `${…}` is none of the forms.
    Invalid {
        /// The form as written.
        written: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `${NAME:?reason}` or `${NAME?reason}` without a value.
    Required {
        /// The variable.
        name: String,
        /// The user's reason; may be empty.
        reason: String,
    },
    /// Defaults within defaults, too many of them.
    TooDeep,
    /// Values that repeat values grow without end.
    TooLong,
}

impl Fault {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Invalid { .. } => "write `$$` for a dollar sign itself".to_owned(),
            Self::Required { name, .. } => format!(
                "set `{name}` in `.env`, in the shell, or in a file given with `--env-file`"
            ),
            Self::TooDeep => "put the default into a variable of its own".to_owned(),
            Self::TooLong => "look for a variable that holds itself several times".to_owned(),
        }
    }

    /// The message without the text it is about, for places where that can be a secret.
    pub fn discreet(&self) -> String {
        match self {
            Self::Invalid { why, .. } => format!("`${{…}}` {why}"),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { written, why } => write!(f, "`{written}` {why}"),
            Self::Required { name, reason } if reason.is_empty() => {
                write!(f, "the variable `{name}` is required and has no value")
            }
            Self::Required { name, reason } => {
                write!(f, "the variable `{name}` is required: {reason}")
            }
            Self::TooDeep => write!(f, "defaults stand in each other more than {MAX_DEPTH} deep"),
            Self::TooLong => write!(
                f,
                "the text with its variables has more than {MAX_BYTES} bytes"
            ),
        }
    }
}

/// Expands `$X`, `${X}`, `${X:-d}`, `${X-d}`, `${X:?e}`, `${X?e}`, `${X:+r}`, `${X+r}` and `$$`.
///
/// Defaults, replacements and reasons may hold further variables; the values of variables are not
/// read again. A `$` that begins none of these stays. Names without a value and without a default
/// are added to `missing`.
///
/// # Errors
/// The first form that cannot be expanded.
pub fn expand(text: &str, lookup: Lookup, missing: &mut Vec<String>) -> Result<String, Fault> {
    Expansion { lookup, missing }.text(text, 0)
}

struct Expansion<'a> {
    lookup: Lookup<'a>,
    missing: &'a mut Vec<String>,
}

impl Expansion<'_> {
    fn text(&mut self, text: &str, depth: usize) -> Result<String, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            let token = Token::read(&rest[dollar..]);
            match token.form {
                Form::Dollar => out.push('$'),
                Form::Variable(variable) => out.push_str(&self.variable(&variable, depth)?),
                Form::Invalid(wrong) => return Err(invalid(&rest[dollar..], wrong)),
            }
            rest = &rest[dollar + token.end..];
            if out.len() > MAX_BYTES {
                return Err(Fault::TooLong);
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn variable(&mut self, variable: &Reference, depth: usize) -> Result<String, Fault> {
        let name = variable.name;
        let value = (self.lookup)(name);
        let Some(Operator { colon, sign, word }) = variable.operator else {
            return Ok(value.unwrap_or_else(|| {
                self.missing.push(name.to_owned());
                String::new()
            }));
        };
        let present = value.filter(|value| !colon || !value.is_empty());
        match (sign, present) {
            (Sign::Default | Sign::Required, Some(value)) => Ok(value),
            (Sign::Default, None) | (Sign::Alternate, Some(_)) => self.text(word, depth + 1),
            (Sign::Alternate, None) => Ok(String::new()),
            (Sign::Required, None) => Err(Fault::Required {
                name: name.to_owned(),
                reason: self.text(word, depth + 1)?,
            }),
        }
    }
}

/// `text` begins with the form that is not valid.
fn invalid(text: &str, wrong: Wrong) -> Fault {
    let line = line_of(text);
    let why = match wrong {
        Wrong::Name => "does not begin with the name of a variable",
        Wrong::Operator if line.contains('}') => "is not a form of interpolation",
        Wrong::Operator | Wrong::Open => "is not closed with `}` on its line",
    };
    let end = line.find('}').map_or(line.len(), |brace| brace + 1);
    let mut written: String = line[..end].chars().take(MAX_QUOTED).collect();
    if written.len() < end {
        written.push('…');
    }
    Fault::Invalid { written, why }
}

/// What a `$` begins.
struct Token<'a> {
    form: Form<'a>,
    /// Bytes of the form.
    end: usize,
}

enum Form<'a> {
    /// `$$`, or a `$` that is nothing but itself.
    Dollar,
    Variable(Reference<'a>),
    /// `${` that begins none of the forms, and why.
    Invalid(Wrong),
}

/// What is wrong with a form.
#[derive(Clone, Copy)]
enum Wrong {
    /// No name follows `${`.
    Name,
    /// Neither `}` nor an operator follows the name.
    Operator,
    /// Its line has no `}` for it.
    Open,
}

struct Reference<'a> {
    name: &'a str,
    operator: Option<Operator<'a>>,
}

#[derive(Clone, Copy)]
struct Operator<'a> {
    /// An empty value counts as none.
    colon: bool,
    sign: Sign,
    word: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// `-`
    Default,
    /// `+`
    Alternate,
    /// `?`
    Required,
}

impl<'a> Token<'a> {
    /// Reads the form at the start of `text`, which is a `$`.
    fn read(text: &'a str) -> Self {
        let after = text.get(1..).unwrap_or_default();
        if after.starts_with('$') {
            return Self::new(Form::Dollar, 2);
        }
        if after.starts_with('{') {
            return Self::braced(text);
        }
        match name_length(after) {
            0 => Self::new(Form::Dollar, 1),
            length => {
                let name = &after[..length];
                let operator = None;
                Self::new(Form::Variable(Reference { name, operator }), 1 + length)
            }
        }
    }

    fn new(form: Form<'a>, end: usize) -> Self {
        Self { form, end }
    }

    /// Reads `${…}`. A form ends on its line, as compose-go's pattern does not cross lines. The line
    /// is not looked for before it is needed: a text can have a form in every few bytes of one line.
    fn braced(text: &'a str) -> Self {
        let name = &text[2..2 + name_length(&text[2..])];
        let after = &text[2 + name.len()..];
        if name.is_empty() {
            return Self::invalid(Wrong::Name);
        }
        if after.starts_with('}') {
            let operator = None;
            let end = 2 + name.len() + 1;
            return Self::new(Form::Variable(Reference { name, operator }), end);
        }
        let Some((colon, sign, length)) = operator(after) else {
            return Self::invalid(Wrong::Operator);
        };
        let word = 2 + name.len() + length;
        let close = closing_brace(text).or_else(|| line_of(text).rfind('}'));
        let Some(close) = close.filter(|close| *close >= word) else {
            return Self::invalid(Wrong::Open);
        };
        let operator = Some(Operator {
            colon,
            sign,
            word: &text[word..close],
        });
        Self::new(Form::Variable(Reference { name, operator }), close + 1)
    }

    fn invalid(wrong: Wrong) -> Self {
        Self::new(Form::Invalid(wrong), "${".len())
    }
}

/// What stands before the first line end.
fn line_of(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// The operator at the start of `text`: with a colon, its sign, its bytes.
fn operator(text: &str) -> Option<(bool, Sign, usize)> {
    let plain = text.strip_prefix(':').unwrap_or(text);
    let sign = match plain.bytes().next()? {
        b'-' => Sign::Default,
        b'+' => Sign::Alternate,
        b'?' => Sign::Required,
        _ => return None,
    };
    let colon = plain.len() < text.len();
    Some((colon, sign, 1 + usize::from(colon)))
}

/// Bytes of the variable name at the start of `text`.
///
/// The pattern ignores case, which in Go lets two letters beyond ASCII through: those that fold
/// to `s` and `k`.
fn name_length(text: &str) -> usize {
    let letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '\u{17f}' | '\u{212a}');
    if !text.starts_with(letter) {
        return 0;
    }
    text.find(|c: char| !letter(c) && !c.is_ascii_digit())
        .unwrap_or(text.len())
}

/// Byte offset of the `}` that closes the first `{`, on the first line.
///
/// Like compose-go, this does not look at the character after a `{`: `{{` opens one level and `{}`
/// stays open. So `${X:-{{.Name}}}` ends before its last brace, which then follows any value.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\n' => return None,
            b'{' => {
                depth += 1;
                if text.as_bytes().get(at + 1) != Some(&b'\n') {
                    bytes.next();
                }
            }
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A variable that a document uses, as `docker compose config --variables` lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Name; empty for a form that is not valid, which Compose lists too.
    pub name: String,
    /// The text after `-`, as written; empty for none.
    pub default: String,
    /// The text after `+`, as written; empty for none.
    pub alternate: String,
    /// True when one of its uses is `${NAME?…}`.
    pub required: bool,
}

/// The variables in the texts of `node`, each once, in the order they are met.
///
/// A variable used in several ways has the first default and the first alternate that is not
/// empty. Compose visits mappings in random order; this goes by the document.
pub fn variables(node: &Node) -> Vec<Variable> {
    let mut found = Vec::new();
    let mut nodes = vec![node];
    while let Some(node) = nodes.pop() {
        match &node.value {
            Value::Sequence(items) => nodes.extend(items.iter().rev()),
            Value::Mapping(entries) => nodes.extend(entries.iter().rev().map(|(_, value)| value)),
            Value::Scalar(text, Kind::Text) => variables_of(text, &mut found),
            Value::Scalar(..) => {}
        }
    }
    found
}

/// A piece of work of [`variables_of`].
enum Step<'a> {
    /// A text, how many defaults it stands in, and whether it is known to have one line.
    Read(&'a str, usize, bool),
    Add(Reference<'a>),
}

/// Adds the variables of `text`. What follows a form on its line comes before the form itself:
/// the order of compose-go, and it decides which default is the first.
fn variables_of(text: &str, found: &mut Vec<Variable>) {
    let mut steps = vec![Step::Read(text, 0, false)];
    while let Some(step) = steps.pop() {
        let (text, depth, one_line) = match step {
            Step::Add(reference) => {
                add_variable(&reference, found);
                continue;
            }
            Step::Read(text, depth, one_line) => (text, depth, one_line),
        };
        let Some(dollar) = text.find('$') else {
            continue;
        };
        let token = Token::read(&text[dollar..]);
        let end = dollar + token.end;
        // compose-go's pattern is greedy: with an operator it ends at the last `}` of the line.
        let greedy_end = match &token.form {
            Form::Variable(Reference {
                operator: Some(_), ..
            }) => {
                let line = match one_line {
                    true => &text[dollar..],
                    false => line_of(&text[dollar..]),
                };
                line.rfind('}').map_or(end, |at| dollar + at + 1).max(end)
            }
            _ => end,
        };
        steps.push(Step::Read(&text[greedy_end..], depth, one_line));
        let reference = match token.form {
            Form::Dollar => continue,
            Form::Variable(reference) => reference,
            Form::Invalid(_) => Reference {
                name: "",
                operator: None,
            },
        };
        match reference.operator {
            Some(operator) if operator.sign != Sign::Required && depth < MAX_DEPTH => {
                steps.push(Step::Read(operator.word, depth + 1, true));
            }
            _ => {}
        }
        steps.push(Step::Add(reference));
        steps.push(Step::Read(&text[end..greedy_end], depth, true));
    }
}

fn add_variable(reference: &Reference, found: &mut Vec<Variable>) {
    let at = match found.iter().position(|known| known.name == reference.name) {
        Some(at) => at,
        None => {
            found.push(Variable {
                name: reference.name.to_owned(),
                ..Variable::default()
            });
            found.len() - 1
        }
    };
    let variable = &mut found[at];
    let Some(Operator { sign, word, .. }) = reference.operator else {
        return;
    };
    match sign {
        Sign::Default if variable.default.is_empty() => variable.default = word.to_owned(),
        Sign::Alternate if variable.alternate.is_empty() => variable.alternate = word.to_owned(),
        Sign::Required => variable.required = true,
        Sign::Default | Sign::Alternate => {}
    }
}

/// A type that text is turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cast {
    Int,
    Float,
    /// A float of 32 bits, which is how Compose keeps `cpus`.
    Float32,
    Bool,
}

/// The keys whose text gets another type; `*` stands for any key, `[]` for the items of a list.
/// The table of compose-go; at all other keys a number in quotes stays text.
const CASTS: &[(&str, Cast)] = &[
    ("services.*.cpu_count", Cast::Int),
    ("services.*.cpu_percent", Cast::Float),
    ("services.*.cpu_period", Cast::Int),
    ("services.*.cpu_quota", Cast::Int),
    ("services.*.cpu_rt_period", Cast::Int),
    ("services.*.cpu_rt_runtime", Cast::Int),
    ("services.*.cpu_shares", Cast::Int),
    ("services.*.cpus", Cast::Float32),
    ("services.*.depends_on.*.required", Cast::Bool),
    ("services.*.depends_on.*.restart", Cast::Bool),
    (
        "services.*.deploy.placement.max_replicas_per_node",
        Cast::Int,
    ),
    ("services.*.deploy.replicas", Cast::Int),
    ("services.*.deploy.restart_policy.max_attempts", Cast::Int),
    (
        "services.*.deploy.rollback_config.max_failure_ratio",
        Cast::Float,
    ),
    ("services.*.deploy.rollback_config.parallelism", Cast::Int),
    (
        "services.*.deploy.update_config.max_failure_ratio",
        Cast::Float,
    ),
    ("services.*.deploy.update_config.parallelism", Cast::Int),
    ("services.*.healthcheck.disable", Cast::Bool),
    ("services.*.healthcheck.retries", Cast::Int),
    ("services.*.init", Cast::Bool),
    ("services.*.oom_kill_disable", Cast::Bool),
    ("services.*.oom_score_adj", Cast::Int),
    ("services.*.pids_limit", Cast::Int),
    ("services.*.ports.[].target", Cast::Int),
    ("services.*.privileged", Cast::Bool),
    ("services.*.read_only", Cast::Bool),
    ("services.*.scale", Cast::Int),
    ("services.*.stdin_open", Cast::Bool),
    ("services.*.tty", Cast::Bool),
    ("services.*.ulimits.*", Cast::Int),
    ("services.*.ulimits.*.hard", Cast::Int),
    ("services.*.ulimits.*.soft", Cast::Int),
    ("services.*.volumes.[].read_only", Cast::Bool),
    ("services.*.volumes.[].volume.nocopy", Cast::Bool),
    ("networks.*.attachable", Cast::Bool),
    ("networks.*.enable_ipv4", Cast::Bool),
    ("networks.*.enable_ipv6", Cast::Bool),
    ("networks.*.external", Cast::Bool),
    ("networks.*.internal", Cast::Bool),
    ("volumes.*.external", Cast::Bool),
    ("secrets.*.external", Cast::Bool),
    ("configs.*.external", Cast::Bool),
];

/// Gives the text at `path` the type of its key, if the table has one.
fn cast(text: &mut String, kind: &mut Kind, path: &[String], place: &Place, cx: &mut Context) {
    let known = CASTS.iter().find(|(pattern, _)| matches(pattern, path));
    let Some((_, cast)) = known else {
        return;
    };
    let (cast_text, cast_kind, expected) = match cast {
        Cast::Int => (integer(text), Kind::Int, "a whole number"),
        Cast::Float => (float(text), Kind::Float, "a number"),
        Cast::Float32 => (float32(text), Kind::Float, "a number"),
        Cast::Bool => (boolean(text, place, cx), Kind::Bool, "`true` or `false`"),
    };
    match cast_text {
        Some(cast_text) => {
            *text = cast_text;
            *kind = cast_kind;
        }
        None => {
            let key = path.join(".");
            cx.error(
                place,
                match text.is_empty() {
                    true => format!("`{key}` must be {expected}, and is empty"),
                    false => format!("`{key}` must be {expected}, not `{text}`"),
                },
            );
        }
    }
}

fn matches(pattern: &str, path: &[String]) -> bool {
    let mut parts = pattern.split('.');
    let fits = |part: &String| {
        parts
            .next()
            .is_some_and(|wanted| wanted == "*" || wanted == part)
    };
    path.iter().all(fits) && parts.next().is_none()
}

/// Decimal with an optional sign, as Go's `strconv.Atoi`.
fn integer(text: &str) -> Option<String> {
    text.parse::<i64>().ok().map(|number| number.to_string())
}

fn float(text: &str) -> Option<String> {
    let number: f64 = go_number(text)?.parse().ok()?;
    number
        .is_finite()
        .then(|| go_float(&format!("{number:e}"), &number.to_string()))
}

fn float32(text: &str) -> Option<String> {
    let number: f32 = go_number(text)?.parse().ok()?;
    number
        .is_finite()
        .then(|| go_float(&format!("{number:e}"), &number.to_string()))
}

/// `text` without the underscores that Go allows between the digits of a number.
fn go_number(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    for (at, _) in text.match_indices('_') {
        if at == 0 || !digit(at - 1) || !digit(at + 1) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// A number as Go's `fmt.Sprint` writes it, from its two notations: with an exponent when that is
/// below -4 or above 5.
fn go_float(scientific: &str, plain: &str) -> String {
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return plain.to_owned();
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return plain.to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// YAML 1.1's words are taken as Compose takes them, with its warning.
fn boolean(text: &str, place: &Place, cx: &mut Context) -> Option<String> {
    let value = match &*text.to_lowercase() {
        "true" => return Some("true".to_owned()),
        "false" => return Some("false".to_owned()),
        "y" | "yes" | "on" => "true",
        "n" | "no" | "off" => "false",
        _ => return None,
    };
    let message = format!("`{text}` is not a boolean of YAML 1.2; it is read as `{value}`");
    cx.warn(place, message).help = Some(format!("write `{value}`"));
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse;
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            "THREE" => Some("3".to_owned()),
            "FORM" => Some("${SET}".to_owned()),
            _ => None,
        }
    }

    fn run(text: &str) -> Result<String, String> {
        expand(text, &value, &mut Vec::new()).map_err(|fault| fault.to_string())
    }

    /// The value of `services.web.<key>` and the messages, after the interpolation of `text`.
    fn service(text: &str, key: &str) -> (String, Kind, Vec<String>) {
        let text = format!("services:\n  web:\n    {text}\n");
        let mut cx = Context::default();
        cx.enter("compose.yaml", &text);
        let mut root = parse(&text, &mut cx).expect("YAML");
        interpolate(&mut root, &value, &mut cx);
        let mut node = &root;
        for part in ["services", "web"].into_iter().chain(key.split('.')) {
            node = match part.parse::<usize>() {
                Ok(at) => &node.as_sequence().expect("a list")[at],
                Err(_) => node.get(part).expect("a key"),
            };
        }
        let problems = cx.problems.0.into_iter().map(|problem| problem.message);
        match &node.value {
            Value::Scalar(text, kind) => (text.clone(), *kind, problems.collect()),
            _ => panic!("{key} is no scalar"),
        }
    }

    fn listed(text: &str) -> Vec<(String, String, String, bool)> {
        let node = Node::string(text, &Place::start_of("compose.yaml"));
        let found = variables(&node).into_iter();
        found
            .map(|it| (it.name, it.default, it.alternate, it.required))
            .collect()
    }

    #[test]
    fn every_form_of_the_specification_is_expanded() {
        for (text, expected) in [
            ("$SET/x", "value/x"),
            ("${SET}", "value"),
            ("${NONE:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${NONE-d}", "d"),
            ("${SET:+r}", "r"),
            ("${EMPTY:+r}", ""),
            ("${EMPTY+r}", "r"),
            ("${NONE+r}", ""),
            ("${EMPTY?no}", ""),
            ("${SET:?no}", "value"),
            ("${NONE:-${SET}-${NONE:-x}}", "value-x"),
            ("${SET:+${NONE:-n}}", "n"),
            (
                "mongodb://${NONE:-mongo:27017}/x",
                "mongodb://mongo:27017/x",
            ),
        ] {
            assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_dollar_that_begins_no_form_stays() {
        for (text, expected) in [
            ("$$SET", "$SET"),
            ("$$$SET", "$value"),
            ("$$$$SET", "$$SET"),
            ("$1 $ $- $é a$", "$1 $ $- $é a$"),
            ("$${SET}", "${SET}"),
            ("{$SET}", "{value}"),
            ("${NONE:-$}", "$"),
        ] {
            assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn odd_forms_are_read_as_compose_reads_them() {
        for (text, expected) in [
            ("${NONE-a:-b}", "a:-b"),
            ("${NONE:-a}b}c", "ab}c"),
            ("${NONE:-{}}", "{}"),
            ("${NONE:-{}", "{"),
            ("${NONE:-{{.Name}}}", "{{.Name}}"),
            ("${SET:-{{.Name}}}", "value}"),
            ("${SET:-${NONE}", "value"),
            ("${SET:-${NONE}\n}", "value\n}"),
            ("$\u{17f}x", ""),
            ("${FORM}", "${SET}"),
        ] {
            assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn broken_forms_are_errors() {
        for (text, why) in [
            ("${SET", "`${SET` is not closed with `}` on its line"),
            (
                "${NONE:-a\nb}",
                "`${NONE:-a` is not closed with `}` on its line",
            ),
            (
                "${NONE:-${SET}",
                "`${SET` is not closed with `}` on its line",
            ),
            (
                "a ${} b",
                "`${}` does not begin with the name of a variable",
            ),
            ("${1}", "`${1}` does not begin with the name of a variable"),
            ("${SET!x} b", "`${SET!x}` is not a form of interpolation"),
            ("${SET:}", "`${SET:}` is not a form of interpolation"),
            ("${SET:=x}", "`${SET:=x}` is not a form of interpolation"),
        ] {
            assert_eq!(run(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn a_required_variable_that_is_not_set_gives_its_message() {
        for (text, message) in [
            (
                "${NONE:?}",
                "the variable `NONE` is required and has no value",
            ),
            (
                "${EMPTY:?set the ${SET}}",
                "the variable `EMPTY` is required: set the value",
            ),
        ] {
            assert_eq!(run(text).unwrap_err(), message);
        }
        let fault = expand("${NONE?}", &value, &mut Vec::new()).unwrap_err();
        assert!(fault.help().contains("`NONE` in `.env`"));
    }

    #[test]
    fn defaults_without_end_do_not_fill_the_stack() {
        let text = format!("{}x{}", "${A:-".repeat(10_000), "}".repeat(10_000));
        assert_eq!(
            expand(&text, &|_| None, &mut Vec::new()),
            Err(Fault::TooDeep)
        );
        assert_eq!(listed(&text).len(), 1);
    }

    #[test]
    fn a_variable_that_is_not_set_is_told_once_for_each_value() {
        let (text, _, problems) = service("image: a${NONE}${NONE}${OTHER}", "image");
        assert_eq!(text, "a");
        assert_eq!(
            problems,
            [
                "the variable `NONE` is not set; an empty string is used",
                "the variable `OTHER` is not set; an empty string is used",
            ]
        );
    }

    #[test]
    fn text_gets_the_type_of_its_key() {
        for (text, key, expected, kind) in [
            (
                "healthcheck: {retries: \"${THREE}\"}",
                "healthcheck.retries",
                "3",
                Kind::Int,
            ),
            ("init: \"true\"", "init", "true", Kind::Bool),
            ("init: !!str FALSE", "init", "false", Kind::Bool),
            ("cpu_count: \"+07\"", "cpu_count", "7", Kind::Int),
            ("cpus: \"0.1\"", "cpus", "0.1", Kind::Float),
            ("cpus: \"0.30000001192\"", "cpus", "0.3", Kind::Float),
            ("cpus: \"1e-7\"", "cpus", "1e-07", Kind::Float),
            ("cpus: \"1_0\"", "cpus", "10", Kind::Float),
            (
                "cpu_percent: \"123456789\"",
                "cpu_percent",
                "1.23456789e+08",
                Kind::Float,
            ),
            (
                "ports: [{target: \"80\"}]",
                "ports.0.target",
                "80",
                Kind::Int,
            ),
            ("ulimits: {nofile: \"9\"}", "ulimits.nofile", "9", Kind::Int),
            ("hostname: \"${THREE}\"", "hostname", "3", Kind::Text),
            ("mem_swappiness: \"60\"", "mem_swappiness", "60", Kind::Text),
        ] {
            assert_eq!(
                service(text, key),
                (expected.to_owned(), kind, vec![]),
                "{text}"
            );
        }
    }

    #[test]
    fn words_of_yaml_1_1_are_booleans_with_a_warning() {
        assert_eq!(
            service("init: \"YES\"", "init"),
            (
                "true".to_owned(),
                Kind::Bool,
                vec!["`YES` is not a boolean of YAML 1.2; it is read as `true`".to_owned()]
            )
        );
    }

    #[test]
    fn text_that_does_not_fit_its_key_is_an_error() {
        for (text, key, message) in [
            (
                "init: \"1\"",
                "init",
                "`services.web.init` must be `true` or `false`, not `1`",
            ),
            (
                "scale: \"1.0\"",
                "scale",
                "`services.web.scale` must be a whole number, not `1.0`",
            ),
            (
                "scale: \"${EMPTY}\"",
                "scale",
                "`services.web.scale` must be a whole number, and is empty",
            ),
            (
                "cpus: \"1e39\"",
                "cpus",
                "`services.web.cpus` must be a number, not `1e39`",
            ),
            (
                "cpus: \"1__0\"",
                "cpus",
                "`services.web.cpus` must be a number, not `1__0`",
            ),
        ] {
            assert_eq!(service(text, key).2, [message]);
        }
    }

    #[test]
    fn the_keys_of_a_mapping_are_left_alone() {
        let (text, _, problems) = service("labels: {\"$NONE\": \"$SET\"}", "labels.$NONE");
        assert_eq!((&*text, problems), ("value", vec![]));
    }

    #[test]
    fn variables_are_listed_as_compose_lists_them() {
        let variable = |name: &str, default: &str, alternate: &str, required| {
            (
                name.to_owned(),
                default.to_owned(),
                alternate.to_owned(),
                required,
            )
        };
        for (text, expected) in [
            ("$A $$B", vec![variable("A", "", "", false)]),
            ("${A?m ${B}}", vec![variable("A", "", "", true)]),
            (
                "${A:-${B:-c}}${C+r}",
                vec![
                    variable("C", "", "r", false),
                    variable("A", "${B:-c}", "", false),
                    variable("B", "c", "", false),
                ],
            ),
            ("${A:-x}y${A:-z}", vec![variable("A", "z", "", false)]),
            ("${A:?x}${A:-z}", vec![variable("A", "z", "", true)]),
            ("${1}", vec![variable("", "", "", false)]),
        ] {
            assert_eq!(listed(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"(\$|\$\{|[{}:+?\-A\n é\u{17f}]|\$\{A:-|.){0,40}") {
            let _ = run(&text);
            let _ = listed(&text);
            let _ = integer(&text);
            let _ = float(&text);
            let _ = float32(&text);
        }
    }
}

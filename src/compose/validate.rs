//! The check of keys and values against the [`spec`](super::spec).
//!
//! Compose checks in two steps, and a file may be put right by a later one in between: the schema
//! after every file ([`validate`]), the rest when all files are merged ([`validate_values`]).

use std::collections::HashSet;
use std::fmt;

use super::spec::{
    ADDRESSES, Bare, Extensions, Items, Kinds, Meaning, Names, PAIR, REPEATED, ROOT, Record, Rule,
    Shape, TEXT, text,
};
use super::{Context, Kind, Node, Place, Value, nearest};

/// Checks what the schema of the Compose Specification says of a merged document, short and long
/// forms alike: keys, types, words and bounds. All errors are found.
pub fn validate(root: &Node, cx: &mut Context) {
    if let Some(version) = root.get("version") {
        cx.warn(&version.place, "`version` is obsolete and ignored")
            .help = Some("remove it".to_owned());
    }
    let mut walk = Walk { cx, late: false };
    walk.record(&ROOT, root, &Name::Root);
}

/// Checks the values the schema leaves open: sizes, durations, commands, addresses and keys that
/// exclude each other. It looks at no value that [`validate`] refuses.
pub fn validate_values(root: &Node, cx: &mut Context) {
    let mut walk = Walk { cx, late: true };
    walk.record(&ROOT, root, &Name::Root);
}

/// What a message calls the value looked at.
enum Name<'a> {
    Root,
    Key(&'a str, &'a Name<'a>),
    Entry(&'static str, &'a str),
    Item(&'a Name<'a>),
}

impl Name<'_> {
    /// The name without what it belongs to.
    fn short(&self) -> String {
        match self {
            Name::Root => "the file".to_owned(),
            Name::Key(key, _) => format!("`{key}`"),
            Name::Entry(kind, name) => format!("{kind} `{name}`"),
            Name::Item(list) => format!("an item of {}", list.short()),
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Key(key, Name::Root) => write!(f, "`{key}`"),
            Name::Key(key, owner) => write!(f, "`{key}` of {}", owner.short()),
            Name::Item(list) => write!(f, "an item of {list}"),
            name => f.write_str(&name.short()),
        }
    }
}

/// A walk over the tree; `late` tells which of the two steps it is.
struct Walk<'a> {
    cx: &'a mut Context,
    late: bool,
}

impl Walk<'_> {
    fn shape(&mut self, shape: &Shape, node: &Node, name: &Name) {
        match shape {
            Shape::Either(shapes) => match shapes.iter().find(|shape| takes(shape, node)) {
                Some(shape) => self.shape(shape, node, name),
                None => self.wrong_kind(shape, node, name),
            },
            _ if !takes(shape, node) => self.wrong_kind(shape, node, name),
            Shape::Scalar(_, meaning) => self.scalar(*meaning, node, name),
            Shape::List(item, rule) => self.list(item, *rule, node, name),
            Shape::Words | Shape::Test => self.words(shape, node, name),
            Shape::Command => self.command(node, name),
            Shape::Pairs(bare) => self.pairs(*bare, node, name),
            Shape::Hosts => self.hosts(node, name),
            Shape::Keys => self.pairs(Bare::Empty, node, name),
            Shape::Options => self.map(Names::Any, &REPEATED, node, name),
            Shape::Limit(record) => match &node.value {
                Value::Mapping(_) => self.record(record, node, name),
                _ => self.scalar(Meaning::Int(i64::MIN, i64::MAX), node, name),
            },
            Shape::Map(names, value) => self.map(*names, value, node, name),
            Shape::Record(record) => self.record(record, node, name),
        }
    }

    fn record(&mut self, record: &Record, node: &Node, name: &Name) {
        for (key, value) in node.as_mapping().unwrap_or_default() {
            let text = key.text().unwrap_or_default();
            match record.field(text) {
                Some((_, field)) => self.shape(&field.shape, value, &Name::Key(field.key, name)),
                None => self.unknown(record, key, text, name),
            }
        }
        if !self.late {
            for key in record.required {
                self.needs(key, node, name);
            }
        }
        for rule in record.rules {
            self.rule(rule, node, name);
        }
    }

    fn unknown(&mut self, record: &Record, key: &Node, text: &str, name: &Name) {
        let allowed = match record.extensions {
            Extensions::Printed | Extensions::Dropped => text.starts_with("x-"),
            Extensions::Open => true,
            Extensions::Denied => false,
        };
        if allowed || self.late {
            return;
        }
        let valid: Vec<&str> = record.fields().map(|field| field.key).collect();
        self.cx.unknown_key(&key.place, text, &name.short(), &valid);
        if record.extensions == Extensions::Denied {
            self.forget_extensions();
        }
    }

    /// Takes back the advice to use `x-`, where it is not allowed.
    fn forget_extensions(&mut self) {
        if let Some(problem) = self.cx.problems.0.last_mut()
            && problem
                .help
                .as_deref()
                .is_some_and(|help| help.contains("`x-`"))
        {
            problem.help = None;
        }
    }

    fn needs(&mut self, key: &str, node: &Node, name: &Name) {
        if node.get(key).is_none() {
            self.cx.error(&node.place, format!("{name} has no `{key}`"));
        }
    }

    fn rule(&mut self, rule: &Rule, node: &Node, name: &Name) {
        let present = |keys: &[&'static str]| -> Vec<&'static str> {
            let there = |key: &&&'static str| node.get(key).is_some();
            keys.iter().filter(there).copied().collect()
        };
        match rule {
            Rule::Needs(key) if !self.late => self.needs(key, node, name),
            Rule::Any(keys) if !self.late && present(keys).is_empty() => {
                let message = format!("{name} needs one of {}", quoted(keys, "or"));
                self.cx.error(&node.place, message);
            }
            Rule::AtMostOne(keys) if self.late => self.exclusive(&present(keys), node, name),
            Rule::OneOf(keys, others) if self.late => {
                self.exclusive(&present(keys), node, name);
                if present(keys).is_empty() && present(others).is_empty() {
                    let message = format!("{name} needs one of {}", quoted(keys, "or"));
                    self.cx.error(&node.place, message);
                }
            }
            Rule::External if self.late => self.external(node, name),
            _ => {}
        }
    }

    fn exclusive(&mut self, keys: &[&str], node: &Node, name: &Name) {
        let [_, second, ..] = keys else { return };
        let place = key_place(node, second).unwrap_or(&node.place).clone();
        let message = format!("{name} can have only one of {}", quoted(keys, "and"));
        self.cx.error(&place, message);
    }

    fn external(&mut self, node: &Node, name: &Name) {
        let external = node.get("external").and_then(Node::text);
        if external.and_then(text::boolean) != Some(true) {
            return;
        }
        for (key, _) in node.as_mapping().unwrap_or_default() {
            let text = key.text().unwrap_or_default();
            if text != "name" && text != "external" && !text.starts_with("x-") {
                let message = format!("{name} is external and cannot have `{text}`");
                self.cx.error(&key.place, message).help = Some("remove one of them".to_owned());
            }
        }
    }

    fn list(&mut self, item: &Shape, rule: Items, node: &Node, name: &Name) {
        let items = node.as_sequence().unwrap_or_default();
        for value in items {
            self.shape(item, value, &Name::Item(name));
        }
        if rule == Items::Unique {
            self.unique(items, name);
        }
    }

    fn unique(&mut self, items: &[Node], name: &Name) {
        if self.late {
            return;
        }
        let mut seen = HashSet::new();
        for item in items {
            let Value::Scalar(text, kind) = &item.value else {
                continue;
            };
            if !seen.insert((text, *kind == Kind::Text)) {
                let message = format!("{name} has `{text}` twice");
                self.cx.error(&item.place, message);
            }
        }
    }

    fn words(&mut self, shape: &Shape, node: &Node, name: &Name) {
        let rule = match shape {
            Shape::Words => Items::Unique,
            _ => Items::Free,
        };
        self.list(&TEXT, rule, node, name);
    }

    fn command(&mut self, node: &Node, name: &Name) {
        self.list(&TEXT, Items::Free, node, name);
        if self.late
            && node
                .as_string()
                .is_some_and(|line| text::words(line).is_none())
        {
            let message = format!("{name} has a quote or bracket that is not closed");
            self.cx.error(&node.place, message).help =
                Some("write the command as a list, or run it in a shell: `[sh, -c, …]`".to_owned());
        }
    }

    fn pairs(&mut self, bare: Bare, node: &Node, name: &Name) {
        self.map(Names::Any, &PAIR, node, name);
        self.list(&TEXT, Items::Unique, node, name);
        if !self.late || bare == Bare::Empty {
            return;
        }
        for item in node.as_sequence().unwrap_or_default() {
            let text = item.as_string().unwrap_or_default();
            let variable = text.split_once('=').map_or(text, |(variable, _)| variable);
            if variable.ends_with(char::is_whitespace) {
                let message = format!("the variable `{}` ends in a space", variable.trim_end());
                self.cx.error(&item.place, message).help =
                    Some("write it as `NAME=VALUE` without a space before `=`".to_owned());
            }
        }
    }

    fn hosts(&mut self, node: &Node, name: &Name) {
        self.list(&TEXT, Items::Unique, node, name);
        for item in node.as_sequence().unwrap_or_default() {
            let text = item.as_string().unwrap_or_default();
            match text.split_once('=').or_else(|| text.split_once(':')) {
                Some((host, _)) => self.host(host, &item.place, name),
                None => self.host("", &item.place, name),
            }
        }
        for (host, addresses) in node.as_mapping().unwrap_or_default() {
            let owner = Name::Key(host.text().unwrap_or_default(), name);
            self.shape(&ADDRESSES, addresses, &owner);
            self.host(host.text().unwrap_or_default(), &host.place, name);
        }
    }

    fn host(&mut self, host: &str, place: &Place, name: &Name) {
        if self.late && (host.is_empty() || host.contains([':', '='])) {
            let message = format!("{name} needs a host name and an address");
            self.cx.error(place, message).help = Some("write it as `HOST=ADDRESS`".to_owned());
        }
    }

    fn map(&mut self, names: Names, value: &Shape, node: &Node, name: &Name) {
        for (key, child) in node.as_mapping().unwrap_or_default() {
            let text = key.text().unwrap_or_default();
            let known = text.bytes().all(in_name) && !text.is_empty();
            match names {
                Names::Of(kind) if !known => self.wrong_name(kind, text, &key.place),
                Names::Loose(_) if !known && !self.late => {}
                Names::Of(kind) | Names::Loose(kind) => {
                    self.entry(kind, text, value, child, name);
                }
                Names::Any => self.shape(value, child, &Name::Key(text, name)),
            }
        }
    }

    /// A thing of the file is called by its kind and name; a use of it by the key it stands in.
    fn entry(&mut self, kind: &'static str, text: &str, value: &Shape, child: &Node, name: &Name) {
        match name {
            Name::Key(_, Name::Root) => self.shape(value, child, &Name::Entry(kind, text)),
            _ => self.shape(value, child, &Name::Key(text, name)),
        }
    }

    fn wrong_name(&mut self, kind: &str, text: &str, place: &Place) {
        if !self.late {
            let message = format!("`{text}` is not a name for a {kind}");
            self.cx.error(place, message).help =
                Some("a name has letters, digits, `.`, `_` and `-`".to_owned());
        }
    }

    fn scalar(&mut self, meaning: Meaning, node: &Node, name: &Name) {
        let Value::Scalar(text, kind) = &node.value else {
            return;
        };
        let fault = match self.late {
            false => schema_fault(meaning, text, *kind),
            true => value_fault(meaning, text, *kind),
        };
        if let Some((expected, help)) = fault {
            let message = format!("{name} must be {expected}, not `{text}`");
            self.cx.error(&node.place, message).help = help;
        }
    }

    fn wrong_kind(&mut self, shape: &Shape, node: &Node, name: &Name) {
        if self.late {
            return;
        }
        let mut expected = Vec::new();
        forms(shape, &mut expected);
        let expected = joined(&expected, "or");
        let message = match &node.value {
            Value::Scalar(_, Kind::Null) => {
                format!("{name} has no value; it must be {expected}")
            }
            Value::Scalar(text, _) => {
                format!("{name} must be {expected}, not {}, `{text}`", node.kind())
            }
            _ => format!("{name} must be {expected}, not {}", node.kind()),
        };
        let help = match &node.value {
            Value::Scalar(text, Kind::Int | Kind::Float | Kind::Bool) if accepts_text(shape) => {
                Some(format!("put it in quotes: `\"{text}\"`"))
            }
            _ => None,
        };
        self.cx.error(&node.place, message).help = help;
    }
}

/// True when `shape` is written as `node` is, whatever is inside.
fn takes(shape: &Shape, node: &Node) -> bool {
    match (shape, &node.value) {
        (Shape::Either(shapes), _) => shapes.iter().any(|shape| takes(shape, node)),
        (Shape::Scalar(kinds, _), Value::Scalar(text, kind)) => has_kind(*kinds, text, *kind),
        (Shape::Words | Shape::Test, Value::Scalar(_, kind)) => *kind == Kind::Text,
        (Shape::Command, Value::Scalar(_, kind)) => matches!(kind, Kind::Text | Kind::Null),
        // The decoder takes no float here, although the schema does.
        (Shape::Limit(_), Value::Scalar(_, kind)) => matches!(kind, Kind::Int | Kind::Text),
        (shape, Value::Sequence(_)) => matches!(
            shape,
            Shape::List(..)
                | Shape::Words
                | Shape::Command
                | Shape::Test
                | Shape::Pairs(_)
                | Shape::Hosts
                | Shape::Keys
        ),
        (shape, Value::Mapping(_)) => matches!(
            shape,
            Shape::Pairs(_)
                | Shape::Hosts
                | Shape::Keys
                | Shape::Options
                | Shape::Limit(_)
                | Shape::Map(..)
                | Shape::Record(_)
        ),
        _ => false,
    }
}

fn has_kind(kinds: Kinds, text: &str, kind: Kind) -> bool {
    match kind {
        Kind::Null => kinds.has(Kinds::NULL),
        Kind::Text => kinds.has(Kinds::TEXT),
        Kind::Bool => kinds.has(Kinds::BOOL),
        Kind::Int => kinds.has(Kinds::INT),
        Kind::Float => kinds.has_float(whole(text).is_some()),
    }
}

/// The number when it is whole.
fn whole(text: &str) -> Option<f64> {
    text::float(text).filter(|number| number.fract() == 0.0)
}

/// What is expected, and how it is written.
type Fault = Option<(String, Option<String>)>;

fn fault(expected: &str, help: &str) -> Fault {
    Some((expected.to_owned(), Some(help.to_owned())))
}

/// What the schema finds wrong. Strings for numbers and booleans are what interpolation left.
fn schema_fault(meaning: Meaning, text: &str, kind: Kind) -> Fault {
    let number = || text::float(text).filter(|_| kind != Kind::Text);
    match meaning {
        Meaning::Word(words) if !words.contains(&text) => {
            let help = nearest(text, words.iter().copied());
            let help = help.map(|word| format!("did you mean `{word}`?"));
            Some((quoted(words, "or"), help))
        }
        Meaning::Form(form) if !(form.fits)(text) => fault("of another form", form.help),
        Meaning::Int(min, max) => number().and_then(|number| bounds(number, min, max)),
        Meaning::Percent => number().and_then(|number| bounds(number, 0, 100)),
        Meaning::Bytes(min) => number().and_then(|number| bounds(number, min, i64::MAX)),
        _ => None,
    }
}

fn bounds(number: f64, min: i64, max: i64) -> Fault {
    let expected = match (number < min as f64, number > max as f64) {
        (false, false) => return None,
        (_, true) => format!("at most {max}"),
        (true, _) => format!("at least {min}"),
    };
    Some((expected, None))
}

/// What Compose finds wrong when it makes values of the text.
fn value_fault(meaning: Meaning, text: &str, kind: Kind) -> Fault {
    let is_text = kind == Kind::Text;
    match meaning {
        Meaning::Late(form) if !(form.fits)(text) => fault("of another form", form.help),
        Meaning::Bool if is_text && text::boolean(text).is_none() => {
            fault("`true` or `false`", "write it without quotes")
        }
        Meaning::Int(..) | Meaning::Bits(_) if is_text && text.parse::<i64>().is_err() => {
            fault("a whole number", "write it as `3`")
        }
        Meaning::Bits(_) if text::float(text).is_some_and(|number| number < 0.0) => {
            fault("at least 0", "it has no negative values")
        }
        Meaning::Float | Meaning::Percent if is_text && text::float(text).is_none() => {
            fault("a number", "write it as `0.5` or `2`")
        }
        Meaning::Bytes(_) if is_text && text::bytes(text).is_none() => fault(
            "a size",
            "write it as `512m` or `1.5g`; the units are `b`, `k`, `m`, `g`, `t` and `p`",
        ),
        Meaning::Duration if text::duration(text).is_none() => fault(
            "a time",
            "write it as `30s` or `1m30s`; the units are `ms`, `s`, `m`, `h`, `d` and `w`",
        ),
        Meaning::Mode if is_text && i64::from_str_radix(text, 8).is_err() => {
            fault("an octal number", "write it as `0440`")
        }
        Meaning::Count if is_text && text::count(text).is_none() => {
            fault("`all` or a whole number", "write `all` for every device")
        }
        _ => None,
    }
}

/// What may be written for `shape`, each said once.
fn forms(shape: &Shape, found: &mut Vec<&'static str>) {
    let names = match shape {
        Shape::Either(shapes) => return shapes.iter().for_each(|shape| forms(shape, found)),
        Shape::Scalar(kinds, meaning) => scalar_forms(*kinds, *meaning),
        Shape::List(..) => vec!["a list"],
        Shape::Words | Shape::Command | Shape::Test => vec!["a string", "a list"],
        Shape::Pairs(_) | Shape::Hosts | Shape::Keys => vec!["a mapping", "a list"],
        Shape::Limit(_) => vec!["a whole number", "a mapping"],
        Shape::Options | Shape::Map(..) | Shape::Record(_) => vec!["a mapping"],
    };
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
}

/// What may be written for a scalar. A string that stands for a number or boolean goes unsaid, and
/// so does null: to leave a value out is no advice for one that is wrong.
fn scalar_forms(kinds: Kinds, meaning: Meaning) -> Vec<&'static str> {
    match meaning {
        Meaning::Bool => vec!["`true` or `false`"],
        Meaning::Int(..) | Meaning::Bits(_) | Meaning::Percent => vec!["a whole number"],
        Meaning::Float => vec!["a number"],
        Meaning::Bytes(_) => vec!["a size such as `512m`"],
        Meaning::Duration => vec!["a time such as `1m30s`"],
        Meaning::Mode => vec!["an octal number such as `0440`"],
        Meaning::Count => vec!["a whole number", "`all`"],
        Meaning::Word(_) | Meaning::Form(_) | Meaning::Late(_) => vec!["a string"],
        Meaning::Text => {
            let names = [
                ("a string", kinds.has(Kinds::TEXT)),
                ("a number", kinds.has(Kinds::FLOAT)),
                (
                    "a whole number",
                    kinds.has(Kinds::INT) && !kinds.has(Kinds::FLOAT),
                ),
                ("a boolean", kinds.has(Kinds::BOOL)),
            ];
            let allowed = names.into_iter().filter(|(_, allowed)| *allowed);
            allowed.map(|(name, _)| name).collect()
        }
    }
}

/// True when quotes would make a number or boolean right.
fn accepts_text(shape: &Shape) -> bool {
    match shape {
        Shape::Either(shapes) => shapes.iter().any(accepts_text),
        Shape::Scalar(kinds, Meaning::Text | Meaning::Form(_)) => kinds.has(Kinds::TEXT),
        Shape::Words | Shape::Command | Shape::Test => true,
        _ => false,
    }
}

/// Where `key` of the mapping `node` is written.
fn key_place<'a>(node: &'a Node, key: &str) -> Option<&'a Place> {
    let entries = node.as_mapping()?;
    let (found, _) = entries.iter().find(|(name, _)| name.text() == Some(key))?;
    Some(&found.place)
}

/// The words in backquotes, the last one after `joint`.
fn quoted(words: &[&str], joint: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    joined(&quoted, joint)
}

/// The words with commas, the last one after `joint`.
fn joined<T: AsRef<str>>(words: &[T], joint: &str) -> String {
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        match words.len() - at {
            _ if at == 0 => {}
            1 => text.extend([" ", joint, " "]),
            _ => text.push_str(", "),
        }
        text.push_str(word.as_ref());
    }
    text
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Level, parse};

    /// The messages of both steps, each with its line.
    fn problems(text: &str) -> Vec<String> {
        let mut cx = Context::default();
        cx.enter("compose.yaml", text);
        let root = parse(text, &mut cx).expect("YAML");
        validate(&root, &mut cx);
        validate_values(&root, &mut cx);
        let line = |place: &Option<Place>| place.as_ref().map_or(0, |place| place.line);
        let problems = cx.problems.0.iter();
        problems
            .map(|problem| format!("{}: {}", line(&problem.place), problem.message))
            .collect()
    }

    /// The messages about a service with these lines.
    fn of_service(lines: &str) -> Vec<String> {
        let lines = lines.replace('\n', "\n    ");
        problems(&format!("services:\n  web:\n    {lines}"))
    }

    #[test]
    fn all_errors_of_a_file_are_found_in_one_run() {
        assert_eq!(
            of_service(
                "imagee: nginx\nmem_limit: big\nhealthcheck:\n  retries: three\n  intervall: 5s\n\
                 ports: 80\ndepends_on:\n  db: {condition: service_health}"
            ),
            [
                "3: unknown key `imagee` in service `web`",
                "7: unknown key `intervall` in `healthcheck`",
                "8: `ports` of service `web` must be a list, not a number, `80`",
                "10: `condition` of `db` must be `service_started`, `service_healthy` or \
                 `service_completed_successfully`, not `service_health`",
                "4: `mem_limit` of service `web` must be a size, not `big`",
                "6: `retries` of `healthcheck` must be a whole number, not `three`",
            ]
        );
    }

    #[test]
    fn a_message_tells_what_may_be_written() {
        for (line, message) in [
            (
                "image: 5",
                "`image` of service `web` must be a string, not a number, `5`",
            ),
            (
                "command: {}",
                "`command` of service `web` must be a string or a list, not a mapping",
            ),
            (
                "build: [.]",
                "`build` of service `web` must be a string or a mapping, not a list",
            ),
            (
                "environment:",
                "`environment` of service `web` has no value; it must be a mapping or a list",
            ),
            (
                "cap_add: [5]",
                "an item of `cap_add` of service `web` must be a string, not a number, `5`",
            ),
            (
                "cpu_count: -1",
                "`cpu_count` of service `web` must be at least 0, not `-1`",
            ),
            ("provider: {}", "`provider` of service `web` has no `type`"),
            (
                "group_add: [a, a]",
                "`group_add` of service `web` has `a` twice",
            ),
        ] {
            assert_eq!(of_service(line), [format!("3: {message}")], "{line}");
        }
    }

    #[test]
    fn what_compose_accepts_is_accepted() {
        for line in [
            "x-own: 1",
            "command:",
            "deploy:",
            "privileged: \"yes\"",
            "cpu_shares: 1.5",
            "mem_limit: 1.5",
            "gpus: [{other: 1}]",
            "healthcheck: {interval: 1d, retries: \"3\"}",
            "pull_policy: every_1d12h",
            "ports: [80, \"80:80\", {target: 80}]",
            "networks: {default: null, other: {priority: 1.0}}",
            "extra_hosts: [\"a:1.2.3.4\", b=::1]",
            "ulimits: {nofile: 5, nproc: {soft: 1, hard: 2}}",
            "pre_start: [{image: x, x-own: 1}]",
        ] {
            assert_eq!(of_service(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn values_that_no_decoder_takes_are_errors() {
        for line in [
            "stop_grace_period: 5",
            "stop_grace_period: 5x",
            "command: echo 'a",
            "attach: maybe",
            "extra_hosts: [a]",
            "environment: [\"A =b\"]",
            "ports: [{target: 80, host_ip: here}]",
            "secrets: [{source: s, mode: \"9\"}]",
            "gpus: [{count: some}]",
            "gpus: [{count: 1, device_ids: [a]}]",
            "blkio_config: {weight: \"5\"}",
            "ulimits: {nofile: 1.5}",
            "volumes: [{type: bind, source: /a}]",
        ] {
            assert_eq!(of_service(line).len(), 1, "{line}");
        }
    }

    #[test]
    fn resources_are_external_or_described() {
        assert_eq!(
            problems(
                "volumes:\n  v: {external: true, driver: d}\nsecrets:\n  a: {}\n  \
                 b: {file: f, environment: E}\n  c: {external: true}\nnetworks:\n  n n: {}"
            ),
            [
                "8: `n n` is not a name for a network",
                "2: volume `v` is external and cannot have `driver`",
                "4: secret `a` needs one of `file` or `environment`",
                "5: secret `b` can have only one of `file` and `environment`",
            ]
        );
    }

    #[test]
    fn a_version_is_only_a_warning() {
        let mut cx = Context::default();
        let text = "version: \"3\"\nservices: {}\n";
        cx.enter("compose.yaml", text);
        let root = parse(text, &mut cx).expect("YAML");
        validate(&root, &mut cx);
        let levels: Vec<Level> = cx.problems.0.iter().map(|problem| problem.level).collect();
        assert_eq!(levels, [Level::Warning]);
    }

    #[test]
    fn own_keys_are_not_advised_where_they_are_errors() {
        let text = "services: {web: {extends: {service: a, x-own: 1}}}";
        let mut cx = Context::default();
        cx.enter("compose.yaml", text);
        let root = parse(text, &mut cx).expect("YAML");
        validate(&root, &mut cx);
        assert_eq!(cx.problems.0.len(), 1);
        assert_eq!(cx.problems.0[0].help, None);
    }
}

//! The resolved tree as `docker compose config` prints it.
//!
//! The [`spec`](super::spec) tells order and omission; this module tells how values are written:
//! sizes and file modes as strings, durations as Go prints them, command lines as words.
//! A dollar sign is not doubled here: Compose does that to the printed text.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value as Json};

use super::spec::{Bare, Extensions, Field, Keep, Kinds, Meaning, ROOT, Record, Shape, text};
use super::{Kind, Node, Value};

/// The resolved tree as `docker compose config --format json` prints it.
pub fn normal(root: &Node) -> Json {
    let mut project = match Form::Json.record(&ROOT, root) {
        Json::Object(project) => project,
        other => return other,
    };
    // Only here JSON has keys of the user's: everywhere else Compose drops them.
    for (key, value) in extensions(root) {
        project.insert(key.to_owned(), Form::Json.any(value));
    }
    project.sort_keys();
    Json::Object(project)
}

/// One entry of a section (`services`, `volumes` …) as [`normal`] has it, for those who need one at a
/// time: all of a large project take much memory.
pub fn entry(section: &str, node: &Node) -> Json {
    match ROOT.field(section).map(|(_, field)| &field.shape) {
        Some(Shape::Map(_, shape)) => Form::Json.value(shape, node),
        _ => Form::Json.any(node),
    }
}

/// The resolved tree as `docker compose config --format yaml` prints it.
pub fn normal_yaml(root: &Node) -> Json {
    Form::Yaml.record(&ROOT, root)
}

/// The tree as it is, with typed scalars; keys are sorted as in JSON.
pub fn plain(root: &Node) -> Json {
    Form::Json.any(root)
}

/// The tree as it is, with typed scalars; keys are sorted as in YAML.
pub fn plain_yaml(root: &Node) -> Json {
    Form::Yaml.any(root)
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Yaml,
}

impl Form {
    fn record(self, record: &Record, node: &Node) -> Json {
        let mut written = vec![None; record.len()];
        for (key, value) in node.as_mapping().unwrap_or_default() {
            if let Some((at, _)) = key.text().and_then(|key| record.field(key)) {
                written[at] = Some(value);
            }
        }
        let mut out = Map::new();
        for (field, value) in record.fields().zip(written) {
            let value = value.filter(|value| !value.is_null());
            if let Some((key, value)) = self.field(field, value, node) {
                out.insert(key.to_owned(), value);
            }
        }
        if self == Form::Yaml && record.extensions == Extensions::Printed {
            let mut own: Vec<_> = extensions(node).collect();
            own.sort_by(|(a, _), (b, _)| natural(a, b));
            for (key, value) in own {
                out.insert(key.to_owned(), self.any(value));
            }
        }
        Json::Object(out)
    }

    /// The key and value of `field`, when they are printed.
    fn field(
        self,
        field: &Field,
        node: Option<&Node>,
        owner: &Node,
    ) -> Option<(&'static str, Json)> {
        let json = self == Form::Json;
        let value = node.map(|node| self.value(&field.shape, node));
        let filled = || {
            value
                .as_ref()
                .is_some_and(|value| !empty(&field.shape, value))
        };
        let printed = match field.keep {
            Keep::Filled => filled(),
            Keep::Given => value.is_some(),
            Keep::Always | Keep::Named(_) => true,
            Keep::Struct => json || filled(),
            Keep::Command => json || value.is_some(),
            Keep::False => value == Some(Json::Bool(false)),
            Keep::Without(other) => filled() && !is_filled(owner.get(other)),
            Keep::Yaml => !json && filled(),
            Keep::Never => false,
        };
        if !printed {
            return None;
        }
        let key = match field.keep {
            Keep::Named(name) if json => name,
            _ => field.key,
        };
        Some((key, value.unwrap_or_else(|| self.zero(&field.shape, owner))))
    }

    /// What is printed for a value that is not written.
    fn zero(self, shape: &Shape, owner: &Node) -> Json {
        match shape {
            Shape::Scalar(_, Meaning::Int(..) | Meaning::Bits(_)) => Json::from(0),
            Shape::Scalar(_, Meaning::Bool) => Json::Bool(false),
            Shape::Scalar(_, Meaning::Bytes(_)) => Json::from("0"),
            Shape::Scalar(..) => Json::from(""),
            Shape::Record(record) => self.record(record, &Node::mapping(owner.place.clone())),
            Shape::Map(..) => Json::Object(Map::new()),
            _ => Json::Null,
        }
    }

    fn value(self, shape: &Shape, node: &Node) -> Json {
        match shape {
            Shape::Scalar(_, meaning) => scalar(*meaning, node),
            Shape::List(item, _) => list(node, |node| self.value(item, node)),
            Shape::Words => words(node),
            Shape::Command => command(node),
            Shape::Test => test(node),
            Shape::Pairs(bare) => self.pairs(*bare, node),
            Shape::Hosts => hosts(node),
            Shape::Keys => keys(node),
            Shape::Options => self.map(node, |node| list_of(node, text_of)),
            Shape::Limit(record) => self.limit(record, node),
            Shape::Map(_, value) => self.map(node, |node| self.value(value, node)),
            Shape::Record(_) if node.is_null() => Json::Null,
            Shape::Record(record) => self.record(record, node),
            Shape::Either(shapes) => self.either(shapes, node),
        }
    }

    /// The value in the form it is written in. The canonical tree has the long ones.
    fn either(self, shapes: &[Shape], node: &Node) -> Json {
        let found = shapes.iter().find(|shape| match (shape, &node.value) {
            (Shape::Scalar(kinds, _), Value::Scalar(_, Kind::Null)) => kinds.has(Kinds::NULL),
            (Shape::Scalar(..), Value::Scalar(..)) => true,
            (Shape::List(..), Value::Sequence(_)) => true,
            (Shape::Map(..) | Shape::Record(_), Value::Mapping(_)) => true,
            _ => false,
        });
        match found {
            _ if node.is_null() => Json::Null,
            Some(shape) => self.value(shape, node),
            None => self.any(node),
        }
    }

    /// A mapping with the user's names, sorted.
    fn map(self, node: &Node, value: impl Fn(&Node) -> Json) -> Json {
        let entries = node.as_mapping().unwrap_or_default();
        self.sorted(
            entries
                .iter()
                .map(|(key, child)| (name_of(key), value(child))),
        )
    }

    fn sorted(self, entries: impl Iterator<Item = (String, Json)>) -> Json {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by(|(a, _), (b, _)| match self {
            Form::Json => a.cmp(b),
            Form::Yaml => natural(a, b),
        });
        Json::Object(entries.into_iter().collect())
    }

    fn pairs(self, bare: Bare, node: &Node) -> Json {
        let nothing = || match bare {
            Bare::Null => Json::Null,
            Bare::Empty => Json::from(""),
        };
        let Some(items) = node.as_sequence() else {
            return self.map(node, |node| match node.is_null() {
                true => nothing(),
                false => text_of(node),
            });
        };
        // Of two with one name the last counts.
        let mut pairs = Map::new();
        for item in items {
            let text = item.text().unwrap_or_default();
            match text.split_once('=') {
                Some((name, value)) => pairs.insert(name.to_owned(), Json::from(value)),
                None => pairs.insert(text.to_owned(), nothing()),
            };
        }
        self.sorted(pairs.into_iter())
    }

    /// Compose prints a single limit of 0 as if it had neither a soft nor a hard one, and the
    /// words `soft` and `hard` in YAML whatever they are.
    fn limit(self, record: &Record, node: &Node) -> Json {
        let single = match &node.value {
            Value::Scalar(..) => integer(node),
            _ => 0,
        };
        let Json::Object(written) = self.record(record, node) else {
            return Json::Null;
        };
        match self {
            _ if single != 0 => Json::from(single),
            Form::Json => Json::Object(written),
            Form::Yaml => {
                let both = ["soft", "hard"].map(|key| {
                    let value = written.get(key).cloned();
                    (key.to_owned(), value.unwrap_or_else(|| Json::from(0)))
                });
                Json::Object(both.into_iter().collect())
            }
        }
    }

    /// A value nothing is known of.
    fn any(self, node: &Node) -> Json {
        match &node.value {
            Value::Sequence(_) => list(node, |node| self.any(node)),
            Value::Mapping(_) => self.map(node, |node| self.any(node)),
            Value::Scalar(text, Kind::Text) => match point_in_time(text) {
                Some(time) => Json::from(time),
                None => Json::from(text.as_str()),
            },
            Value::Scalar(_, Kind::Null) => Json::Null,
            Value::Scalar(text, Kind::Bool) => Json::Bool(text == "true"),
            Value::Scalar(text, Kind::Int) => match (text.parse::<i64>(), text.parse::<u64>()) {
                (Ok(number), _) => Json::from(number),
                (_, Ok(number)) => Json::from(number),
                _ => float(text.parse().unwrap_or_default()),
            },
            Value::Scalar(text, Kind::Float) => match text::float(text) {
                Some(number) => float(number),
                None => Json::from(text.as_str()),
            },
        }
    }
}

/// RFC 3339 for a text as Go prints a point in time, which is what YAML's timestamps are read as:
/// `2024-01-02 03:04:05 +0000 UTC`.
fn point_in_time(text: &str) -> Option<String> {
    let mut words = text.split(' ');
    let (date, clock, zone) = (words.next()?, words.next()?, words.next()?);
    let name = words.next()?;
    let digits = |text: &str, form: &str| {
        text.len() >= form.len()
            && form
                .bytes()
                .zip(text.bytes())
                .all(|(form, byte)| match form {
                    b'0' => byte.is_ascii_digit(),
                    _ => byte == form,
                })
    };
    let is_time = words.next().is_none()
        && date.len() == 10
        && digits(date, "0000-00-00")
        && digits(clock, "00:00:00")
        && zone.len() == 5
        && (name == "UTC" || name == zone);
    if !is_time {
        return None;
    }
    Some(match zone {
        "+0000" => format!("{date}T{clock}Z"),
        zone => format!("{date}T{clock}{}:{}", &zone[..3], &zone[3..]),
    })
}

/// The keys of the user's in a mapping of the specification.
fn extensions(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries = node.as_mapping().unwrap_or_default();
    entries.iter().filter_map(|(key, value)| {
        let key = key.text().filter(|key| key.starts_with("x-"))?;
        Some((key, value))
    })
}

fn is_filled(node: Option<&Node>) -> bool {
    node.and_then(Node::text)
        .is_some_and(|text| !text.is_empty())
}

/// True for what Go's `omitempty` leaves out.
fn empty(shape: &Shape, value: &Json) -> bool {
    match (shape, value) {
        (Shape::Scalar(_, Meaning::Bytes(_)), Json::String(text)) => text == "0",
        (Shape::Scalar(_, Meaning::Duration), Json::String(text)) => text == "0s",
        (_, Json::Null) => true,
        (_, Json::Bool(value)) => !value,
        (_, Json::Number(number)) => number.as_f64() == Some(0.0),
        (_, Json::String(text)) => text.is_empty(),
        (_, Json::Array(items)) => items.is_empty(),
        (_, Json::Object(entries)) => entries.is_empty(),
    }
}

fn scalar(meaning: Meaning, node: &Node) -> Json {
    let written = node.text().unwrap_or_default();
    match meaning {
        Meaning::Text | Meaning::Word(_) | Meaning::Form(_) | Meaning::Late(_) => text_of(node),
        Meaning::Bool => Json::Bool(text::boolean(written).unwrap_or(false)),
        Meaning::Int(..) => Json::from(integer(node)),
        // Compose keeps the lowest bits.
        Meaning::Bits(bits) => Json::from(integer(node) & ((1 << bits) - 1)),
        Meaning::Float | Meaning::Percent => single(text::float(written).unwrap_or(0.0)),
        Meaning::Bytes(_) => Json::from(size(node).to_string()),
        Meaning::Duration => Json::from(text::duration_text(text::duration(written).unwrap_or(0))),
        Meaning::Mode => Json::from(format!("0{:o}", mode(node))),
        Meaning::Count => Json::from(text::count(written).unwrap_or(0)),
    }
}

/// A number of bytes. A float counts as nothing: Compose's decoder passes over it.
fn size(node: &Node) -> i64 {
    match &node.value {
        Value::Scalar(_, Kind::Float) => 0,
        Value::Scalar(text, _) => text::bytes(text).unwrap_or(0),
        _ => 0,
    }
}

/// Permissions: text is octal, a number is one already.
fn mode(node: &Node) -> i64 {
    match &node.value {
        Value::Scalar(text, Kind::Text) => i64::from_str_radix(text, 8).unwrap_or(0),
        _ => integer(node),
    }
}

/// A whole number; a fraction is cut.
fn integer(node: &Node) -> i64 {
    let text = node.text().unwrap_or_default();
    text.parse()
        .unwrap_or_else(|_| text::float(text).unwrap_or(0.0) as i64)
}

/// A number of single precision: the shortest text that means it, as Go prints it.
fn single(number: f64) -> Json {
    let number = number as f32;
    float(number.to_string().parse().unwrap_or_default())
}

/// A number; whole ones have no `.0`.
fn float(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Json::from(number as i64);
    }
    Number::from_f64(number).map_or_else(|| Json::from(number.to_string()), Json::Number)
}

fn name_of(key: &Node) -> String {
    key.text().unwrap_or_default().to_owned()
}

fn text_of(node: &Node) -> Json {
    Json::from(node.text().unwrap_or_default())
}

fn list(node: &Node, item: impl Fn(&Node) -> Json) -> Json {
    let items = node.as_sequence().unwrap_or_default();
    Json::Array(items.iter().map(item).collect())
}

/// A list, or one value as a list.
fn list_of(node: &Node, item: impl Fn(&Node) -> Json) -> Json {
    match &node.value {
        Value::Sequence(_) => list(node, item),
        _ => Json::Array(vec![item(node)]),
    }
}

fn words(node: &Node) -> Json {
    list_of(node, text_of)
}

fn command(node: &Node) -> Json {
    match &node.value {
        Value::Scalar(_, Kind::Null) => Json::Null,
        Value::Scalar(line, _) => Json::from(text::words(line).unwrap_or_default()),
        _ => words(node),
    }
}

fn test(node: &Node) -> Json {
    match node.text() {
        Some(line) => Json::from(vec!["CMD-SHELL", line]),
        None => words(node),
    }
}

/// `HOST=ADDRESS`, sorted; an address has no brackets.
fn hosts(node: &Node) -> Json {
    let mut hosts = Vec::new();
    for item in node.as_sequence().unwrap_or_default() {
        let text = item.text().unwrap_or_default();
        let pair = text.split_once('=').or_else(|| text.split_once(':'));
        let (host, addresses) = pair.unwrap_or((text, ""));
        hosts.extend(addresses.split(',').map(|address| host_text(host, address)));
    }
    for (host, addresses) in node.as_mapping().unwrap_or_default() {
        let host = host.text().unwrap_or_default();
        let items = addresses
            .as_sequence()
            .unwrap_or(std::slice::from_ref(addresses));
        let texts = items.iter().filter_map(Node::text);
        hosts.extend(texts.map(|address| host_text(host, address)));
    }
    hosts.sort();
    Json::from(hosts)
}

fn host_text(host: &str, address: &str) -> String {
    let bare = address
        .strip_prefix('[')
        .and_then(|address| address.strip_suffix(']'))
        .filter(|address| !address.is_empty());
    format!("{host}={}", bare.unwrap_or(address))
}

/// SSH keys as Compose prints them in YAML. In JSON it fails on a key with a path.
fn keys(node: &Node) -> Json {
    let entries = node.as_mapping().unwrap_or_default();
    let key = |(id, path): &(Node, Node)| match path.text().unwrap_or_default() {
        "" => name_of(id),
        path => format!("{}: {path}", name_of(id)),
    };
    let mut keys: Vec<String> = entries.iter().map(key).collect();
    // Compose has no order here.
    keys.sort();
    Json::from(keys)
}

/// The order of keys in YAML: numbers within names count as numbers, letters after the rest.
///
/// Source: go-yaml's `keyList`.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (Some(&left), Some(&right)) = (a.get(same), b.get(same)) else {
        return a.len().cmp(&b.len());
    };
    let after_digit = same > 0 && a[same - 1].is_numeric();
    match (left.is_alphabetic(), right.is_alphabetic()) {
        (true, true) => left.cmp(&right),
        (true, false) if after_digit => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if after_digit => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => number_at(&a, same, &b)
            .cmp(&number_at(&b, same, &a))
            .then(left.cmp(&right)),
    }
}

/// The number that begins at `at`, and its length. When one of the two begins with a zero there,
/// a digit before it makes it part of a longer number.
fn number_at(text: &[char], at: usize, other: &[char]) -> (u64, usize) {
    let before = text[..at].iter().rev().take_while(|c| c.is_ascii_digit());
    let zero = text[at] == '0' || other[at] == '0';
    let start = u64::from(zero && before.into_iter().any(|c| *c != '0'));
    let digits = text[at..].iter().map_while(|c| c.to_digit(10));
    digits.fold((start, 0), |(number, length), digit| {
        (
            number.wrapping_mul(10).wrapping_add(u64::from(digit)),
            length + 1,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Context, parse};

    fn tree(text: &str) -> Node {
        let mut cx = Context::default();
        cx.enter("compose.yaml", text);
        parse(text, &mut cx).expect("YAML")
    }

    /// A service with these keys in JSON, without what every service has.
    fn service(keys: &str) -> String {
        let root = tree(&format!("services: {{web: {{{keys}}}}}"));
        let mut json = normal(&root)["services"]["web"].take();
        let entries = json.as_object_mut().expect("a mapping");
        entries.retain(|_, value| !value.is_null());
        json.to_string()
    }

    #[test]
    fn values_are_written_as_compose_writes_them() {
        for (written, printed) in [
            ("command: \"a 'b c'\"", r#"{"command":["a","b c"]}"#),
            ("command: \"\"", r#"{"command":[]}"#),
            ("mem_limit: 1g", r#"{"mem_limit":"1073741824"}"#),
            ("mem_limit: \"0\"", "{}"),
            ("stop_grace_period: 90s", r#"{"stop_grace_period":"1m30s"}"#),
            ("cpus: \"0.3\"", r#"{"cpus":0.3}"#),
            ("cpus: 2.0", r#"{"cpus":2}"#),
            ("attach: false", r#"{"attach":false}"#),
            ("privileged: false", "{}"),
            ("expose: [80]", r#"{"expose":["80"]}"#),
            (
                "healthcheck: {test: x}",
                r#"{"healthcheck":{"test":["CMD-SHELL","x"]}}"#,
            ),
            (
                "secrets: [{source: a, mode: 288}]",
                r#"{"secrets":[{"source":"a","mode":"0440"}]}"#,
            ),
            ("gpus: [{count: all}]", r#"{"gpus":[{"count":-1}]}"#),
            ("labels: [b, a=1]", r#"{"labels":{"a":"1","b":""}}"#),
            (
                "environment: {B: null, A: 1}",
                r#"{"environment":{"A":"1","B":null}}"#,
            ),
            (
                "extra_hosts: {a: [\"[::1]\", b]}",
                r#"{"extra_hosts":["a=::1","a=b"]}"#,
            ),
            (
                "build: {ssh: {k: /p, default: null}}",
                r#"{"build":{"ssh":["default","k: /p"]}}"#,
            ),
            (
                "deploy: {}",
                r#"{"deploy":{"resources":{},"placement":{}}}"#,
            ),
            ("ulimits: {a: 5, b: 0}", r#"{"ulimits":{"a":5,"b":{}}}"#),
            ("x-own: 1", "{}"),
        ] {
            assert_eq!(service(written), printed, "{written}");
        }
    }

    #[test]
    fn keys_have_the_order_of_compose() {
        let root = tree(
            "x-b: {d: 1, c: 2.0}\nservices: {web: {ports: [], tty: true, image: x, scale: 0}}\n\
             networks: {b: null, a: {}}\nname: p\nmodels: {m: {model: x}}\n",
        );
        assert_eq!(
            normal(&root).to_string(),
            r#"{"name":"p","networks":{"a":{"ipam":{}},"b":null},"services":{"web":{"scale":0,"command":null,"entrypoint":null,"image":"x","tty":true}},"x-b":{"c":2,"d":1}}"#
        );
    }

    #[test]
    fn yaml_has_own_keys_and_leaves_more_out() {
        let root = tree(
            "services: {s10: {image: x, x-own: 1, deploy: {}}, s9: {ulimits: {a: 0}}}\n\
             networks: {a: {}}\nmodels: {m: {model: x}}\nx-b: 1\n",
        );
        assert_eq!(
            normal_yaml(&root).to_string(),
            r#"{"services":{"s9":{"ulimits":{"a":{"soft":0,"hard":0}}},"s10":{"deploy":{},"image":"x","x-own":1}},"networks":{"a":{}},"models":{"m":{"model":"x"}},"x-b":1}"#
        );
    }

    #[test]
    fn the_content_of_a_config_is_printed_unless_it_came_from_a_variable() {
        let root = tree("configs: {a: {content: x}, b: {content: x, environment: E}}");
        assert_eq!(
            normal(&root)["configs"].to_string(),
            r#"{"a":{"content":"x"},"b":{"environment":"E"}}"#
        );
    }

    #[test]
    fn plain_scalars_keep_their_types() {
        let root = tree("{b: [1, 1.5, 2.0, true, null, \"1\"], a: x}");
        assert_eq!(
            plain(&root).to_string(),
            r#"{"a":"x","b":[1,1.5,2,true,null,"1"]}"#
        );
    }

    #[test]
    fn names_in_yaml_are_ordered_as_people_count() {
        let mut names = ["a10", "a2", "b", "a", "a-b", "ab", "A", "a_b", "a01"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["A", "a", "a-b", "a_b", "a01", "a2", "a10", "ab", "b"]
        );
    }
}

//! One document laid over another.
//!
//! Source: Compose Specification, "Merge": mappings are merged, sequences are appended, and some
//! keys have rules of their own. `!reset` and `!override` were applied before ([`super::reset`]).

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::path::KeyPath;
use super::{Context, Kind, Node, Place, Value};

/// Lays the document `over` on `base`.
pub fn merge(base: Node, over: Node, cx: &mut Context) -> Node {
    merge_at(base, over, &mut KeyPath::default(), cx)
}

/// Lays one service on the service that it extends.
pub fn merge_service(base: Node, over: Node, cx: &mut Context) -> Node {
    merge_at(base, over, &mut KeyPath::of(&["services", "*"]), cx)
}

/// Lays `over` on the resource `name` of the section `section` (`services`, `volumes` …).
pub fn merge_resource(base: Node, over: Node, section: &str, name: &str, cx: &mut Context) -> Node {
    merge_at(base, over, &mut KeyPath::of(&[section, name]), cx)
}

/// Address pools of a network that are merged: each is compared with all others.
const MAX_POOLS: usize = 100;

/// How the two values at one place become one.
#[derive(Clone, Copy)]
enum Rule {
    /// The later one alone.
    Replace,
    /// Both become lists of `KEY=value` and are joined; doubles are removed afterwards.
    Pairs,
    /// The same, without what is there already.
    NewPairs,
    /// A name, or a list of names, is a mapping without values.
    Names,
    /// `depends_on`: a list is a mapping of started, required services.
    Dependencies,
    /// A text is the build context.
    Build,
    /// Options are merged only for one driver.
    Logging,
    /// Pools are matched by their subnet.
    AddressPools,
}

/// The places with a rule of their own.
const RULES: &[(&str, Rule)] = &[
    ("networks.*.ipam.config", Rule::AddressPools),
    ("networks.*.labels", Rule::Pairs),
    ("volumes.*.labels", Rule::Pairs),
    ("services.*.annotations", Rule::Pairs),
    ("services.*.build", Rule::Build),
    ("services.*.build.args", Rule::Pairs),
    ("services.*.build.additional_contexts", Rule::Pairs),
    ("services.*.build.extra_hosts", Rule::NewPairs),
    ("services.*.build.labels", Rule::Pairs),
    ("services.*.command", Rule::Replace),
    ("services.*.depends_on", Rule::Dependencies),
    ("services.*.deploy.labels", Rule::Pairs),
    ("services.*.dns", Rule::Pairs),
    ("services.*.dns_opt", Rule::Pairs),
    ("services.*.dns_search", Rule::Pairs),
    ("services.*.entrypoint", Rule::Replace),
    ("services.*.env_file", Rule::Pairs),
    ("services.*.label_file", Rule::Pairs),
    ("services.*.environment", Rule::Pairs),
    ("services.*.extra_hosts", Rule::NewPairs),
    ("services.*.healthcheck.test", Rule::Replace),
    ("services.*.labels", Rule::Pairs),
    ("services.*.volumes.*.volume.labels", Rule::Pairs),
    ("services.*.logging", Rule::Logging),
    ("services.*.models", Rule::Names),
    ("services.*.networks", Rule::Names),
    ("services.*.sysctls", Rule::Pairs),
    ("services.*.tmpfs", Rule::Pairs),
    ("services.*.ulimits.*", Rule::Replace),
];

fn rule_at(path: &KeyPath) -> Option<Rule> {
    let depth = path.keys().len();
    // Most values are not at such a place; the depth tells without looking at the keys.
    if !(3..=6).contains(&depth) {
        return None;
    }
    let found = RULES.iter().find(|(pattern, _)| path.matches(pattern));
    found.map(|(_, rule)| *rule)
}

fn merge_at(base: Node, over: Node, path: &mut KeyPath, cx: &mut Context) -> Node {
    let place = over.place.clone();
    match rule_at(path) {
        Some(Rule::Replace) => over,
        Some(Rule::Pairs) => joined(into_list(base), into_list(over), place),
        Some(Rule::NewPairs) => {
            let base = into_list(base);
            let known = Known::of(&base);
            let new = into_list(over).into_iter();
            let new = new.filter(|item| !known.has(&base, item)).collect();
            joined(base, new, place)
        }
        Some(Rule::Names) => mappings(names(base), names(over), path, cx),
        Some(Rule::Dependencies) => mappings(dependencies(base), dependencies(over), path, cx),
        Some(Rule::Build) => mappings(build(base), build(over), path, cx),
        Some(Rule::Logging) => logging(base, over, path, cx),
        Some(Rule::AddressPools) => address_pools(base, over, path, cx),
        None => generic(base, over, path, cx),
    }
}

fn generic(base: Node, over: Node, path: &mut KeyPath, cx: &mut Context) -> Node {
    match (&base.value, &over.value) {
        _ if over.is_null() => base,
        (Value::Mapping(_), Value::Mapping(_)) => mappings(base, over, path, cx),
        (Value::Sequence(_), Value::Sequence(_)) => {
            let place = over.place.clone();
            let mut list = into_list(base);
            // What is there already is not added again; doubles in one document stay.
            let mut known = Known::of(&list);
            for item in into_list(over) {
                if !known.has(&list, &item) {
                    known.add(&item, list.len());
                    list.push(item);
                }
            }
            joined(list, Vec::new(), place)
        }
        (Value::Mapping(_) | Value::Sequence(_), _) => {
            let message = format!(
                "`{path}` is {} here and {} before: it cannot be merged",
                over.kind(),
                base.kind()
            );
            cx.error(&over.place, message).help = Some(format!(
                "write it in the same form as in {}, or replace it with `!override`",
                base.place
            ));
            base
        }
        _ => over,
    }
}

fn mappings(base: Node, over: Node, path: &mut KeyPath, cx: &mut Context) -> Node {
    let (mut merged, entries) = match (base.value, over.value) {
        (Value::Mapping(merged), Value::Mapping(entries)) => (merged, entries),
        (Value::Mapping(merged), _) => (merged, Vec::new()),
        (_, value) => {
            return Node {
                value,
                place: over.place,
                tag: over.tag,
            };
        }
    };
    let index = Index::of(&merged);
    for (key, value) in entries {
        let name = key.text().unwrap_or_default().to_owned();
        match index.get(&name) {
            None => merged.push((key, value)),
            Some(at) => {
                path.push(&name);
                let slot = &mut merged[at].1;
                let old = std::mem::replace(slot, Node::null(&key.place));
                *slot = merge_at(old, value, path, cx);
                path.pop();
            }
        }
    }
    Node {
        value: Value::Mapping(merged),
        place: base.place,
        tag: base.tag,
    }
}

/// Where each key of a mapping stands: a mapping of hundreds of services is not searched for each.
pub(super) struct Index(HashMap<String, usize>);

impl Index {
    /// The index of a mapping's entries; of two with one name the first counts.
    pub(super) fn of(entries: &[(Node, Node)]) -> Self {
        let names = entries.iter().enumerate().rev();
        Self(
            names
                .filter_map(|(at, (key, _))| Some((key.text()?.to_owned(), at)))
                .collect(),
        )
    }

    /// Where the key `name` stands.
    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }
}

/// The items of a list by what they say, so that a list of thousands is not searched for each.
struct Known(HashMap<u64, Vec<usize>>);

impl Known {
    fn of(list: &[Node]) -> Self {
        let mut known = Self(HashMap::with_capacity(list.len()));
        for (at, item) in list.iter().enumerate() {
            known.add(item, at);
        }
        known
    }

    fn add(&mut self, item: &Node, at: usize) {
        self.0.entry(fingerprint(item)).or_default().push(at);
    }

    /// True when `list`, of which this is made, has such an item.
    fn has(&self, list: &[Node], item: &Node) -> bool {
        let alike = self.0.get(&fingerprint(item));
        alike.is_some_and(|all| all.iter().any(|at| same_value(&list[*at], item)))
    }
}

/// A number that is the same for values that are the same.
fn fingerprint(node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &node.value {
        Value::Scalar(text, kind) => (text, kind).hash(&mut hasher),
        Value::Sequence(items) => {
            items.len().hash(&mut hasher);
            for item in items {
                fingerprint(item).hash(&mut hasher);
            }
        }
        Value::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let mut hasher = DefaultHasher::new();
                (key.text(), fingerprint(value)).hash(&mut hasher);
                hasher.finish()
            });
            // The order of the keys does not matter.
            entries.fold(0, u64::wrapping_add).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Equality without regard to places; the order of a mapping's keys does not matter.
fn same_value(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar(one, kind), Value::Scalar(other, other_kind)) => {
            one == other && kind == other_kind
        }
        (Value::Sequence(one), Value::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_value(a, b))
        }
        (Value::Mapping(entries), Value::Mapping(others)) => {
            entries.len() == others.len()
                && entries.iter().all(|(key, value)| {
                    let found = other.get(key.text().unwrap_or_default());
                    found.is_some_and(|found| same_value(value, found))
                })
        }
        _ => false,
    }
}

fn joined(mut base: Vec<Node>, over: Vec<Node>, place: Place) -> Node {
    base.extend(over);
    Node {
        value: Value::Sequence(base),
        ..Node::null(&place)
    }
}

/// A mapping as a sorted list of `KEY=value`; a text as a list of one.
fn into_list(node: Node) -> Vec<Node> {
    let mut list = Vec::new();
    let entries = match node.value {
        Value::Sequence(items) => return items,
        Value::Scalar(text, Kind::Text) => return vec![Node::string(text, &node.place)],
        Value::Scalar(..) => return list,
        Value::Mapping(entries) => entries,
    };
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        match value.value {
            Value::Scalar(_, Kind::Null) => list.push(Node::string(name, &key.place)),
            Value::Scalar(text, _) => {
                list.push(Node::string(format!("{name}={text}"), &value.place));
            }
            Value::Sequence(items) => list.extend(items.iter().map(|item| {
                let text = item.text().unwrap_or_default();
                Node::string(format!("{name}={text}"), &item.place)
            })),
            Value::Mapping(_) => {}
        }
    }
    list.sort_by(|a, b| a.text().cmp(&b.text()));
    list
}

/// A list of names as a mapping from each to what `value` makes.
fn mapping_of(node: Node, value: impl Fn(&Place) -> Node) -> Node {
    let Value::Sequence(items) = &node.value else {
        return node;
    };
    let mut known = HashSet::new();
    let mut entries = Vec::with_capacity(items.len());
    // Of doubles the first stands; all have the same value.
    for item in items {
        if let Some(name) = item.text().filter(|name| known.insert(*name)) {
            let value = value(&item.place);
            entries.push((Node::string(name, &value.place), value));
        }
    }
    Node {
        value: Value::Mapping(entries),
        ..Node::null(&node.place)
    }
}

/// `[a, b]` as `{a: null, b: null}`.
pub(super) fn names(node: Node) -> Node {
    mapping_of(node, Node::null)
}

/// `depends_on` in its long form.
pub(super) fn dependencies(node: Node) -> Node {
    mapping_of(node, |place| {
        let mut dependency = Node::mapping(place.clone());
        dependency.set("condition", Node::string("service_started", place));
        dependency.set("required", Node::bool(true, place));
        dependency
    })
}

/// `build` in its long form.
pub(super) fn build(node: Node) -> Node {
    match &node.value {
        Value::Scalar(_, Kind::Text) => {
            let mut build = Node::mapping(node.place.clone());
            build.set("context", node);
            build
        }
        _ => node,
    }
}

/// Options of two drivers have nothing to do with one another.
fn logging(base: Node, over: Node, path: &mut KeyPath, cx: &mut Context) -> Node {
    let driver = |node: &Node| node.get("driver").and_then(Node::text).map(str::to_owned);
    match (driver(&base), driver(&over)) {
        (Some(one), Some(other)) if one != other => over,
        _ => mappings(base, over, path, cx),
    }
}

fn address_pools(base: Node, over: Node, path: &mut KeyPath, cx: &mut Context) -> Node {
    let place = over.place.clone();
    let count = |node: &Node| node.as_sequence().map_or(0, <[Node]>::len);
    if count(&base).max(count(&over)) > MAX_POOLS {
        let message = format!("more than {MAX_POOLS} address pools cannot be merged");
        cx.error(&place, message);
        return base;
    }
    let subnet = |pool: &Node| pool.get("subnet").and_then(Node::text).map(str::to_owned);
    let (mut all, overs) = (into_list(base), into_list(over));
    let olds = 0..all.len();
    let news = all.len()..all.len() + overs.len();
    all.extend(overs);
    // Positions in `all`: Compose changes a pool where it stands while it goes on comparing.
    let mut pools: Vec<usize> = Vec::new();
    for old in olds {
        for new in news.clone() {
            let known = |at: &usize, of: usize| subnet(&all[*at]) == subnet(&all[of]);
            if subnet(&all[new]) != subnet(&all[old]) && !pools.iter().any(|at| known(at, new)) {
                pools.push(new);
                continue;
            }
            let (before, after) = (all[old].clone(), all[new].clone());
            all[old] = mappings(before, after, path, cx);
            let same = |at: &usize| subnet(&all[*at]) == subnet(&all[old]);
            match pools.iter().position(same) {
                Some(at) => pools[at] = old,
                None => pools.push(old),
            }
        }
    }
    let pools = pools.into_iter().map(|at| all[at].clone()).collect();
    joined(pools, Vec::new(), place)
}

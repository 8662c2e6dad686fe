use super::*;
use crate::compose::Kind;

fn read(text: &str) -> (Option<Vec<Node>>, Vec<String>) {
    let mut cx = Context::default();
    cx.enter("f", text);
    let nodes = parse_all(text, &mut cx);
    let messages = cx.problems.0.iter().map(|problem| {
        let place = problem.place.as_ref().map(ToString::to_string);
        format!("{} {}", place.unwrap_or_default(), problem.message)
    });
    (nodes, messages.collect())
}

/// The only document of `text`, which has no mistake.
fn good(text: &str) -> Node {
    let (nodes, problems) = read(text);
    assert_eq!(problems, Vec::<String>::new(), "{text}");
    nodes.unwrap_or_default().pop().expect(text)
}

/// The first problem of `text`.
fn bad(text: &str) -> String {
    let (_, problems) = read(text);
    problems.into_iter().next().expect(text)
}

/// A tree in the manner of JSON, to compare: text is in quotes.
fn shown(node: &Node) -> String {
    use crate::compose::Value;
    match &node.value {
        Value::Scalar(text, Kind::Text) => format!("{text:?}"),
        Value::Scalar(_, Kind::Null) => "null".to_owned(),
        Value::Scalar(text, _) => text.clone(),
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Mapping(entries) => {
            let entry = |(key, value): &(Node, Node)| {
                format!("{}:{}", key.text().unwrap_or("?"), shown(value))
            };
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(" "))
        }
    }
}

// What Docker Compose 5.6 makes of each of these was looked up with its `config`.
#[test]
fn documents_mean_what_compose_reads_in_them() {
    for (text, expected) in [
        ("a: [\n  \"x\"\n]\n", r#"{a:["x"]}"#),
        ("a: \n  [\n  \"x\", b: c\n]\n", r#"{a:["x" {b:"c"}]}"#),
        (
            "a: [http://x:80, a?b, :80, a:b, ::1, -x, ?y]",
            r#"{a:["http://x:80" "a?b" ":80" "a:b" "::1" "-x" "?y"]}"#,
        ),
        (
            "a: {b: c, \"d\":e, f, ? g : h}",
            r#"{a:{b:"c" d:"e" f:null g:"h"}}"#,
        ),
        (
            "a:\n- b\n-\n- c: d\n  e: f\n",
            r#"{a:["b" null {c:"d" e:"f"}]}"#,
        ),
        ("a: |\n  b\n   c\n\n  d\n", r#"{a:"b\n c\n\nd\n"}"#),
        ("a: >-\n  b\n  c\n\n  d\n   e\n", r#"{a:"b c\nd\n e"}"#),
        ("a: |2-\n   b\n  c\n", r#"{a:" b\nc"}"#),
        ("a: |+\n  b\n\nc: d", r#"{a:"b\n\n" c:"d"}"#),
        ("a: \"b\\x41\\u00e9\n  c \\\n  d\"", r#"{a:"bAé c d"}"#),
        ("a: 'it''s\n\n  b'", r#"{a:"it's\nb"}"#),
        ("a: b\n  c#d # e\n", r#"{a:"b c#d"}"#),
        ("a:\tb", r#"{a:"b"}"#),
        ("a: b # c\n\t# d\ne: f", r#"{a:"b" e:"f"}"#),
        ("a: b\r\nc: d\re: f", r#"{a:"b" c:"d" e:"f"}"#),
        ("\u{feff}a: b", r#"{a:"b"}"#),
        ("a: b\u{85}c: d", r#"{a:"b" c:"d"}"#),
        ("? a\n: b", r#"{a:"b"}"#),
        ("a: <<\nb: [<<, c]", r#"{b:["c"]}"#),
        (
            "a: ! 5\nb: !x 5\nc: !!str 5\nd: 5\ne: \"5\"",
            r#"{a:"5" b:"5" c:"5" d:5 e:"5"}"#,
        ),
        ("%TAG !e! tag:yaml.org,2002:\n---\na: !e!int \"5\"", "{a:5}"),
    ] {
        assert_eq!(shown(&good(text)), expected, "{text}");
    }
}

#[test]
fn merges_give_what_the_mapping_does_not_have() {
    for (text, expected) in [
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}", "{x:3 y:2}"),
        ("a: &a {x: 1}\nb: {x: null, <<: *a}", "{x:null}"),
        ("a: &a [{x: 1}, {x: 2, y: 3}]\nb: {<<: *a}", "{x:1 y:3}"),
        (
            "a: &a {x: 1}\nc: &c {<<: *a, y: 2}\nb: {<<: [*c, {x: 9, z: 3}]}",
            "{y:2 x:1 z:3}",
        ),
        ("b: {\"<<\": {x: 1}}", "{<<:{x:1}}"),
        ("a: &k x\nb: {*k : 1}", "{x:1}"),
        ("a: &a 1\nc: &a 2\nb: {x: *a}", "{x:2}"),
    ] {
        assert_eq!(shown(good(text).get("b").expect(text)), expected, "{text}");
    }
}

#[test]
fn the_tags_of_compose_stay_with_their_values_and_their_aliases() {
    let root =
        good("a: &a !override {x: 1}\nb: *a\nc: !reset {1: 2}\nd: [x, !reset y]\ne: !!int 1");
    let tag = |key| root.get(key).and_then(|node| node.tag.as_deref());
    assert_eq!(tag("a"), Some("override"));
    assert_eq!(tag("b"), Some("override"));
    assert_eq!(tag("c"), Some("reset"));
    assert_eq!(tag("e"), None);
    assert_eq!(root.get("d").map(shown).as_deref(), Some("[\"x\"]"));
}

#[test]
fn all_documents_are_read_and_anchors_are_known_in_later_ones() {
    let (nodes, problems) = read("a: &a 1\n---\nb: *a\n...\n---\n");
    assert_eq!(problems, Vec::<String>::new());
    let shown: Vec<String> = nodes.unwrap_or_default().iter().map(shown).collect();
    assert_eq!(shown, ["{a:1}", "{b:1}", "null"]);
    assert_eq!(read("# nothing\n").0.map(|nodes| nodes.len()), Some(0));
}

#[test]
fn the_first_document_alone_is_read_with_a_word_about_the_second() {
    let mut cx = Context::default();
    let node = parse("a: 1\n---\nb: 2\n", &mut cx);
    assert_eq!(node.as_ref().map(shown).as_deref(), Some("{a:1}"));
    assert_eq!(cx.problems.0.len(), 1);
    assert_eq!(
        parse("", &mut cx).as_ref().map(shown).as_deref(),
        Some("{}")
    );
}

#[test]
fn syntax_errors_say_what_is_wrong_and_where() {
    for (text, expected) in [
        ("a: [b,\nc: d\n", "f:1:4 this `[` is never closed"),
        (
            "a: \"b\nc: d\n",
            "f:1:4 the text that begins with this `\"` is never closed",
        ),
        ("a:\n\tb: c\n", "f:2:1 a tab cannot indent a line"),
        (
            "a: b: c\n",
            "f:1:5 a `:` cannot stand here: this line already has its value",
        ),
        (
            "a: b\nc\nd: e\n",
            "f:2:1 a key stands here, but no `:` follows it",
        ),
        (
            "a:\n    b: c\n  d: e\n",
            "f:3:3 a key stands where the mapping of line 1 goes on",
        ),
        (
            "a:\n  - b\n  c: d\n",
            "f:3:3 a key stands where the list of line 2 goes on",
        ),
        (
            "a: [b}\n",
            "f:1:6 `}` stands where `,` or `]` must: `[` of line 1 is still open",
        ),
        ("a: @b\n", "f:1:4 a value cannot begin with `@`"),
        (
            "a: \"\\d\"\n",
            "f:1:5 `\\d` means nothing between double quotes",
        ),
        ("a: *b\n", "f:1:4 no anchor `&b` stands before this alias"),
        (
            "a: &a [*a]\n",
            "f:1:8 `*a` stands within `&a`, which it repeats",
        ),
        (
            "%YAML 1.2\n---\na: b\n",
            "f:1:1 Docker Compose takes only one `%YAML 1.1`",
        ),
        (
            "a: b\0",
            "f:1:5 the control character U+0000 cannot stand in YAML",
        ),
        (
            "a: |b\n",
            "f:1:5 a block of text begins on the line after its `|` or `>`",
        ),
    ] {
        let (node, problems) = read(text);
        assert_eq!(problems, [expected], "{text}");
        assert!(node.is_none(), "{text}");
    }
}

#[test]
fn mistakes_that_leave_the_rest_readable_are_all_told() {
    for (text, expected) in [
        (
            "a: 1\nb: 2\n\"a\": 3\n",
            "f:3:1 `a` is given twice; it already stands on line 1",
        ),
        ("a: {1: b}\n", "f:1:5 the key `1` is no text"),
        ("a: {~: b}\n", "f:1:5 a key is missing or null"),
        (
            "? [a]\n: b\n",
            "f:1:3 a key must be text, not a list or a mapping",
        ),
        (
            "a: {<<: b}\n",
            "f:1:9 `<<` takes a mapping or a list of mappings",
        ),
        (
            "a: !!int x\n",
            "f:1:10 `!!int` stands before `x`, which is text",
        ),
        (
            "a: .inf\n",
            "f:1:4 Docker Compose takes no infinity and no `.nan`",
        ),
        (
            "c: &c {x: 1}\na: {<<: *c, b: {<<: *c}}\n",
            "f:2:21 Docker Compose takes this for a cycle: the same value is also merged into a mapping around it",
        ),
    ] {
        assert_eq!(bad(text), expected, "{text}");
        assert!(read(text).0.is_some(), "{text}");
    }
}

#[test]
fn nested_aliases_do_not_fill_the_memory() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..40 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    assert!(bad(&text).contains("once its aliases are expanded"));
}

#[test]
fn a_file_that_nests_without_end_is_refused() {
    for open in ["[", "{a: ", "- ", "? ", "[\n"] {
        let message = bad(&open.repeat(100_000));
        assert!(message.contains("levels deep"), "{open}: {message}");
    }
}

#[test]
fn many_aliases_of_one_value_are_not_refused() {
    let mut text = String::from("a: &a {b: c}\n");
    for n in 0..5000 {
        text.push_str(&format!("k{n}: *a\n"));
    }
    assert_eq!(good(&text).as_mapping().map(<[_]>::len), Some(5001));
}

#[test]
fn a_scalar_knows_its_columns() {
    let root = good("services:\n  wéb: {image: &i !!str \"nginx:1\"}\n");
    let image = root
        .get("services")
        .and_then(|node| node.get("wéb"))
        .and_then(|node| node.get("image"))
        .expect("as written");
    let place = &image.place;
    assert_eq!((place.line, place.column, place.end_column), (2, 25, 34));
    let tag = image.place_within(6..7);
    assert_eq!((tag.column, tag.end_column), (32, 33));
}

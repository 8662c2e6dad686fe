//! The reader of YAML beside `serde_yaml`, which knows no places: both must read the same values.

use envsim::compose::{Context, Kind, Node, Value, parse};

/// Our tree as the value that `serde_yaml` reads: plain scalars typed, the rest text.
fn value(node: &Node) -> serde_yaml::Value {
    match &node.value {
        Value::Scalar(text, Kind::Text) => text.clone().into(),
        Value::Scalar(text, _) => {
            serde_yaml::from_str(text).unwrap_or_else(|_| text.clone().into())
        }
        Value::Sequence(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Value::Mapping(entries) => {
            let pairs = entries.iter().map(|(key, item)| (value(key), value(item)));
            serde_yaml::Value::Mapping(pairs.collect())
        }
    }
}

#[test]
fn the_examples_are_read_as_serde_yaml_reads_them() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut files = 0;
    for example in std::fs::read_dir(examples).expect("examples").flatten() {
        for file in std::fs::read_dir(example.path())
            .expect("an example")
            .flatten()
        {
            if file
                .path()
                .extension()
                .is_none_or(|extension| extension != "yaml")
            {
                continue;
            }
            let text = std::fs::read_to_string(file.path()).expect("text");
            let mut cx = Context::default();
            cx.enter("compose.yaml", &text);
            let node = parse(&text, &mut cx);
            assert!(cx.problems.0.is_empty(), "{:?}", cx.problems);
            let theirs: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
            assert_eq!(value(&node.unwrap()), theirs, "{}", file.path().display());
            files += 1;
        }
    }
    assert!(files >= 5, "{files}");
}

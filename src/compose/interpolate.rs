//! `${VARIABLE}` in values, with the forms of the Compose Specification, "Interpolation".

use super::{Context, Node, Place, Value};

/// Replaces the variables in every value of `node` (keys are left alone, as Compose does).
pub fn interpolate(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>, cx: &mut Context) {
    match &mut node.value {
        Value::Sequence(items) => {
            for item in items {
                interpolate(item, lookup, cx);
            }
        }
        Value::Mapping(entries) => {
            for (_, value) in entries {
                interpolate(value, lookup, cx);
            }
        }
        Value::Scalar(text, _) if text.contains('$') => {
            let mut missing = Vec::new();
            match expand(text, lookup, &mut missing) {
                Ok(expanded) => *text = expanded,
                Err(message) => {
                    cx.error(&node.place, message).help =
                        Some("write `$$` for a dollar sign itself".to_owned());
                }
            }
            warn_missing(&missing, &node.place, cx);
        }
        Value::Scalar(..) => {}
    }
}

fn warn_missing(missing: &[String], place: &Place, cx: &mut Context) {
    for name in missing {
        let message = format!("the variable `{name}` is not set; an empty string is used");
        cx.warn(place, message).help = Some(format!(
            "set it in `.env` or the shell, or give a default: `${{{name}:-value}}`"
        ));
    }
}

/// Expands `$X`, `${X}`, `${X:-d}`, `${X-d}`, `${X:?e}`, `${X?e}`, `${X:+r}`, `${X+r}` and `$$`.
/// Defaults may hold further variables. Names without a value are added to `missing`.
pub fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    missing: &mut Vec<String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(braced) = rest.strip_prefix('{') {
            let end = closing_brace(braced)
                .ok_or_else(|| format!("`${{{braced}` is not closed with `}}`"))?;
            out.push_str(&expand_braced(&braced[..end], lookup, missing)?);
            rest = &braced[end + 1..];
        } else {
            let length = name_length(rest);
            if length == 0 {
                return Err(format!(
                    "`${}` is not a variable",
                    rest.chars().next().unwrap_or(' ')
                ));
            }
            out.push_str(&value_of(&rest[..length], lookup, missing));
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn expand_braced(
    inside: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    missing: &mut Vec<String>,
) -> Result<String, String> {
    let length = name_length(inside);
    if length == 0 {
        return Err(format!(
            "`${{{inside}}}` does not begin with a variable name"
        ));
    }
    let (name, form) = inside.split_at(length);
    let value = lookup(name);
    let (colon, form) = match form.strip_prefix(':') {
        Some(form) => (true, form),
        None => (false, form),
    };
    let present = value
        .as_ref()
        .is_some_and(|value| !colon || !value.is_empty());
    let mut chars = form.chars();
    let operator = chars.next();
    let word = chars.as_str();
    match operator {
        None if !colon => Ok(value_of(name, lookup, missing)),
        Some('-') if present => Ok(value.unwrap_or_default()),
        Some('-') => expand(word, lookup, missing),
        Some('+') if present => expand(word, lookup, missing),
        Some('+') => Ok(String::new()),
        Some('?') if present => Ok(value.unwrap_or_default()),
        Some('?') => {
            let reason = expand(word, lookup, missing)?;
            Err(match &*reason {
                "" => format!("the variable `{name}` is required and not set"),
                reason => format!("the variable `{name}` is required: {reason}"),
            })
        }
        _ => Err(format!("`${{{inside}}}` is not a form of interpolation")),
    }
}

fn value_of(
    name: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    missing: &mut Vec<String>,
) -> String {
    lookup(name).unwrap_or_else(|| {
        missing.push(name.to_owned());
        String::new()
    })
}

fn name_length(text: &str) -> usize {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// Byte offset of the `}` that closes an already opened brace; inner `${…}` are skipped.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand(text, &lookup, &mut Vec::new())
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
            ("${NONE:-${SET}-${NONE:-x}}", "value-x"),
            ("$$SET", "$SET"),
            ("${SET:?no}", "value"),
            (
                "mongodb://${NONE:-mongo:27017}/x",
                "mongodb://mongo:27017/x",
            ),
        ] {
            assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_required_variable_that_is_not_set_gives_its_message() {
        assert_eq!(
            run("${NONE:?set the tag}").unwrap_err(),
            "the variable `NONE` is required: set the tag"
        );
    }

    #[test]
    fn broken_forms_are_errors() {
        for text in ["${SET", "${}", "${SET!x}", "$ x", "${1}"] {
            assert!(run(text).is_err(), "{text}");
        }
    }
}

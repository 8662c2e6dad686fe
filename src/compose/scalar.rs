//! What a plain scalar means.

use super::Kind;

/// The kind of the plain scalar `text` and its canonical text.
pub fn resolve(text: &str) -> (String, Kind) {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => (String::new(), Kind::Null),
        "true" | "True" | "TRUE" => ("true".to_owned(), Kind::Bool),
        "false" | "False" | "FALSE" => ("false".to_owned(), Kind::Bool),
        _ if text.parse::<i64>().is_ok() => (text.to_owned(), Kind::Int),
        _ if text.parse::<f64>().is_ok() => (text.to_owned(), Kind::Float),
        _ => (text.to_owned(), Kind::Text),
    }
}

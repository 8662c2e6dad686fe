//! YAML text to [`Node`] trees, as Docker Compose reads it: its parser is go-yaml v4, which follows
//! libyaml and not the letter of YAML 1.2, so the rules here are its rules.
//!
//! [`scanner`] makes tokens of the text, [`graph`] values of the tokens, and [`tree`] nodes of the
//! values, with the aliases followed and the merge keys (`<<`) carried out.

mod graph;
mod input;
mod marks;
mod scanner;
mod token;
mod tree;
mod words;

use graph::Graph;
use input::{Input, Mark, Syntax};

use super::context::MAX_VALUES;
use super::{Context, Node};

/// Nesting that a file may have. Compose allows 10,000 levels; no project has more than some ten,
/// and all that walks the tree does so by recursion.
const MAX_DEPTH: usize = 256;
/// Values that Compose reads of one document, an anchor counting once (`defaultMaxNodeVisits` of
/// compose-go).
const MAX_VISITS: usize = 100_000;
/// Keys and values that a file may have as it is written, over all its documents.
const MAX_WRITTEN: usize = 400_000;
/// Keys and values that it may have once its aliases are followed: no project may have more.
const MAX_EXPANDED: usize = MAX_VALUES;

/// Reads the first document of `text`. An empty file is an empty mapping.
///
/// Problems go to `cx`; none is returned only when the file cannot be used at all.
pub fn parse(text: &str, cx: &mut Context) -> Option<Node> {
    let (first, second) = {
        let mut documents = parse_all(text, cx)?.into_iter();
        (documents.next(), documents.next())
    };
    if let Some(second) = second {
        cx.warn(
            &second.place,
            "a second YAML document begins here; it is not read",
        );
    }
    Some(first.unwrap_or_else(|| Node::mapping(cx.place(1, 0, 0))))
}

/// Reads all documents of `text`. A file without any, of comments only say, gives none; a document
/// with nothing in it is null, which Compose refuses ("top-level object must be a mapping").
///
/// Problems go to `cx`; none is returned only when the file cannot be used at all.
pub fn parse_all(text: &str, cx: &mut Context) -> Option<Vec<Node>> {
    let mut graph = Graph::new(text);
    let read = unprintable(text).map_or_else(|| documents(&mut graph), Err);
    for mistake in std::mem::take(&mut graph.mistakes) {
        note(mistake, cx);
    }
    match read {
        Ok(roots) => Some(
            roots
                .into_iter()
                .map(|root| tree::build(&graph, root, cx))
                .collect(),
        ),
        Err(error) => {
            note(error, cx);
            None
        }
    }
}

fn documents(graph: &mut Graph) -> Result<Vec<graph::Id>, Syntax> {
    let mut roots = Vec::new();
    let mut values = 0usize;
    while let Some(root) = graph.document()? {
        roots.push(root);
        values += graph.size(root);
        if values > MAX_EXPANDED {
            return Err(too_large(graph.get(root).start));
        }
    }
    Ok(roots)
}

/// The first character that go-yaml's reader refuses wherever it stands.
fn unprintable(text: &str) -> Option<Syntax> {
    let refused = |c: char| matches!(c, '\0'..'\t' | '\u{b}' | '\u{c}' | '\u{e}'..' ' | '\u{fffe}' | '\u{ffff}');
    let at = text.find(refused)?;
    let mut input = Input::new(text);
    let start = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    input.advance_to(at - start);
    let code = u32::from(input.char()?);
    let message = format!("the control character U+{code:04X} cannot stand in YAML");
    let help = match code {
        0 => "the file may be UTF-16 or no text at all; save it as UTF-8",
        _ => "take it out, or write it as an escape such as `\\x1B` between double quotes",
    };
    Some(Syntax::new(message, input.mark()).help(help))
}

fn too_deep(mark: Mark) -> Syntax {
    Syntax::new(format!("nested more than {MAX_DEPTH} levels deep"), mark)
}

fn too_large(mark: Mark) -> Syntax {
    let message =
        format!("the file has more than {MAX_EXPANDED} values once its aliases are expanded");
    Syntax::new(message, mark)
}

fn note(error: Syntax, cx: &mut Context) {
    let column = error.mark.shown_column as usize;
    let end = column + error.width as usize;
    let place = cx.place(error.mark.shown_line as usize, column, end);
    cx.error(&place, error.message).help = error.help.map(str::to_owned);
}

#[cfg(test)]
mod tests;

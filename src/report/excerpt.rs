//! A place with its line, a caret, and the lines around it.

use annotate_snippets::{Annotation, AnnotationKind, Renderer, Snippet};

use crate::app::Place;
use crate::evidence::Lines;

/// The renderer of everything that looks like a compiler's message.
pub fn renderer(colour: bool) -> Renderer {
    match colour {
        true => Renderer::styled(),
        false => Renderer::plain(),
    }
}

/// The line of `place`, with its neighbours when `lines` has them; a blank one or a lone bracket says
/// nothing.
pub fn excerpt<'a>(
    place: &'a Place,
    text: &str,
    lines: Option<&Lines>,
) -> Snippet<'a, Annotation<'a>> {
    let (before, after) = lines.map_or((None, None), |lines| lines.around(place));
    let telling = |line: &&str| line.contains(char::is_alphanumeric) && !text.is_empty();
    let (before, after) = (before.filter(telling), after.filter(telling));
    let mut source = String::new();
    if let Some(before) = before {
        source.push_str(before);
        source.push('\n');
    }
    let start = source.len();
    source.push_str(text);
    if let Some(after) = after {
        source.push('\n');
        source.push_str(after);
    }
    let from = start + byte(text, place.column);
    let to = start + byte(text, place.end_column);
    Snippet::source(source)
        .line_start((place.line as usize).saturating_sub(before.iter().len()))
        .path(&*place.path)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(from..to.max(from)))
}

/// The byte at which a column begins.
fn byte(text: &str, column: u32) -> usize {
    text.char_indices()
        .nth(column.saturating_sub(1) as usize)
        .map_or(text.len(), |(byte, _)| byte)
}

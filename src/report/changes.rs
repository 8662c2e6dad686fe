//! What ECS makes of the Compose file: behind the findings, and short unless asked for.

use std::io::Write;

use crate::evidence::{Change, ChangeKind};

const KINDS: [ChangeKind; 3] = [
    ChangeKind::Refused,
    ChangeKind::Changed,
    ChangeKind::Dropped,
];

/// Refused keys that are shown; more are a number.
const SHOWN: usize = 5;

/// Writes one line each, grouped by what becomes of it: what is refused always, the rest as a number
/// unless `verbose`.
pub fn write(changes: &[Change], verbose: bool, out: &mut dyn Write) -> std::io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "What ECS changes (no findings by themselves):")?;
    let mut short = Vec::new();
    let mut hidden = 0;
    for kind in KINDS {
        let of_kind: Vec<&Change> = changes.iter().filter(|one| one.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        if !verbose && kind != ChangeKind::Refused {
            short.push(format!("{} {}", of_kind.len(), kind.as_str()));
            hidden += of_kind.len();
            continue;
        }
        writeln!(out, "  {}:", kind.as_str())?;
        let shown = if verbose { of_kind.len() } else { SHOWN };
        for change in of_kind.iter().take(shown) {
            writeln!(out, "    {}", line(change))?;
        }
        if of_kind.len() > shown {
            short.push(format!("{} more {}", of_kind.len() - shown, kind.as_str()));
            hidden += of_kind.len() - shown;
        }
    }
    if !short.is_empty() {
        let which = if hidden == 1 { "it" } else { "them" };
        let short = short.join(", ");
        writeln!(out, "  {short}; `--verbose` lists {which}")?;
    }
    writeln!(out)
}

fn line(change: &Change) -> String {
    let Change {
        place,
        service,
        key,
        what,
        help,
        ..
    } = change;
    let help = match &**help {
        "" => String::new(),
        help => format!("; {help}"),
    };
    format!("{place} `{service}` {key}: {what}{help}")
}

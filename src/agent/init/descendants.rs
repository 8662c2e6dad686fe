//! The processes below one: what is left of a service after its own process has ended.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Every process below `ancestor`, as far as `proc` shows.
pub fn of(proc: &Path, ancestor: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(proc) else {
        return Vec::new();
    };
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process can end in between.
        let stat = fs::read(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![ancestor];
    while let Some(process) = next.pop() {
        // Taken out, so that no order of parents can go round in circles.
        let below = children.remove(&process).unwrap_or_default();
        found.extend(&below);
        next.extend(below);
    }
    found
}

/// The parent in `/proc/PID/stat`: `PID (NAME) STATE PARENT …`, where the name can be anything.
fn parent(stat: &[u8]) -> Option<i32> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_name_of_a_process_cannot_hide_its_parent() {
        assert_eq!(parent(b"7 (node) S 1 7 7 0 -1"), Some(1));
        assert_eq!(parent(b"7 (a) S 99 (b) R 4 7 7"), Some(4));
        assert_eq!(parent(b"7 (\xff\n) S 3 1"), Some(3));
        for odd in [&b""[..], b"7", b"7 (node)", b"7 (node) S", b"7 (node) S x"] {
            assert_eq!(parent(odd), None);
        }
    }

    #[test]
    fn those_below_others_are_found_and_those_beside_are_not() {
        let scratch = Scratch::new("descendants");
        for (process, parent) in [(2, 1), (3, 2), (4, 3), (5, 1), (6, 0), (7, 7)] {
            let stat = format!("{process} (x) S {parent} 1 1");
            scratch.file(&format!("{process}/stat"), &stat);
        }
        scratch.file("uptime", "1 1");
        let mut found = of(&scratch.path, 2);
        found.sort_unstable();
        assert_eq!(found, [3, 4]);
        assert_eq!(of(&scratch.path, 7), [7]);
        assert!(of(Path::new("/nowhere"), 1).is_empty());
    }
}

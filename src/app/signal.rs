//! Names and numbers of Linux's signals.

/// Signals by name, without `SIG`, with their numbers on x86-64 and ARM64 (signal(7)).
const NAMES: [(&str, i32); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];
/// First and last of the real-time signals that programs can use.
const REAL_TIME: (i32, i32) = (34, 64);

/// The number of a signal as `stop_signal` writes it: `SIGTERM`, `term`, `15`, `SIGRTMIN+3`. None for what is no
/// signal.
pub fn number(text: &str) -> Option<i32> {
    let (first, last) = REAL_TIME;
    if let Ok(number) = text.parse::<i32>() {
        return ((1..=31).contains(&number) || (first..=last).contains(&number)).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => first,
        (_, Some("")) => last,
        (Some(more), _) => first + more.strip_prefix('+')?.parse::<i32>().ok()?,
        (_, Some(less)) => last - less.strip_prefix('-')?.parse::<i32>().ok()?,
        (None, None) => return None,
    };
    (first..=last).contains(&number).then_some(number)
}

/// Names that a user may have meant.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    NAMES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_by_its_name_with_and_without_sig_and_by_its_number() {
        for (text, expected) in [
            ("SIGTERM", Some(15)),
            ("hup", Some(1)),
            ("USR2", Some(12)),
            ("9", Some(9)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMIN", Some(34)),
            ("SIGRTMAX-1", Some(63)),
            ("0", None),
            ("33", None),
            ("SIGRTMIN+99", None),
            ("SIGNAL", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}

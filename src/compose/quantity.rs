//! Sizes and durations as Compose reads them.

use std::time::Duration;

/// A size in bytes: `64m`, `1.5gb`, `1024`; powers of 1024. `-1` stands for no limit.
///
/// Source: Docker's `units.RAMInBytes`.
pub fn bytes(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number);
    }
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].strip_prefix(' ').unwrap_or(&text[end..]);
    let power = match &*unit.to_ascii_lowercase() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    Some((number * 1024f64.powi(power)) as i64)
}

/// A duration: numbers with `w`, `d`, `h`, `m`, `s`, `ms`, `us` or `ns`.
///
/// Source: Compose Specification, "Specifying durations"; Go's `time.ParseDuration`.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        nanoseconds += number
            * match &rest[..end] {
                "w" => 604_800e9,
                "d" => 86_400e9,
                "h" => 3600e9,
                "m" => 60e9,
                "s" => 1e9,
                "ms" => 1e6,
                "us" | "µs" | "μs" => 1e3,
                "ns" => 1.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    (nanoseconds <= i64::MAX as f64).then(|| Duration::from_nanos(nanoseconds.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_compose_writes_them() {
        assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("1.5h"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("30"), None);
        assert_eq!(duration("s"), None);
        assert_eq!(duration(""), None);
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(bytes("64m"), Some(64 << 20));
        assert_eq!(bytes("1.5GB"), Some(3 << 29));
        assert_eq!(bytes("10"), Some(10));
        assert_eq!(bytes("-1"), Some(-1));
        assert_eq!(bytes("ten"), None);
    }
}

//! Sizes and durations as Compose reads them.

use std::time::Duration;

use super::spec::text;

pub use super::spec::text::bytes;

/// A duration: numbers with `w`, `d`, `h`, `m`, `s`, `ms`, `us` or `ns`. None for a negative one.
pub fn duration(text: &str) -> Option<Duration> {
    let nanoseconds = text::duration(text)?;
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
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
        assert_eq!(duration("-1s"), None);
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

//! How long a probe is asked again. Pure.
//!
//! Apps answer errors while they warm up: a router without its routes yet says 404, an app whose
//! database is not there yet 500.

use std::time::{Duration, Instant};

use crate::evidence::Attempt;

/// How long a 4xx status is asked again. Most are the app's real answer, a login wall or an API with
/// nothing at `/`, so this is the price of asking them.
const REFUSAL: Duration = Duration::from_secs(5);

/// What is known of a probe that is being asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Whether envsim made the probe, so that no answer is known to be the right one.
    pub inferred: bool,
    /// When it was first answered with a 4xx status.
    pub first_refusal: Option<Instant>,
    /// When the probe's time is up.
    pub deadline: Instant,
}

/// Until when the question may be asked again after `attempt`; none when its answer counts at once.
pub fn asks_until(attempt: &Attempt, asked: &Asked) -> Option<Instant> {
    if !attempt.passed {
        return Some(asked.deadline);
    }
    match (asked.inferred, attempt.error_class()) {
        (true, Some(4)) => {
            let refused = asked.first_refusal?;
            Some(asked.deadline.min(refused + REFUSAL))
        }
        (true, Some(_)) => Some(asked.deadline),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(passed: bool, status: Option<u16>) -> Attempt {
        Attempt {
            passed,
            status,
            ..Attempt::default()
        }
    }

    /// Seconds after the first refusal until which an answer with `status` is asked again, where the
    /// probe's time is up after `left` seconds.
    fn patience(inferred: bool, passed: bool, status: Option<u16>, left: u64) -> Option<u64> {
        let now = Instant::now();
        let asked = Asked {
            inferred,
            first_refusal: Some(now),
            deadline: now + Duration::from_secs(left),
        };
        let until = asks_until(&attempt(passed, status), &asked)?;
        Some(until.duration_since(now).as_secs())
    }

    #[test]
    fn a_good_answer_counts_at_once() {
        assert_eq!(patience(true, true, Some(200), 30), None);
        assert_eq!(patience(true, true, Some(302), 30), None);
        assert_eq!(patience(true, true, None, 30), None, "not HTTP");
        assert_eq!(patience(false, true, Some(404), 30), None, "as expected");
    }

    #[test]
    fn what_failed_is_asked_until_the_time_is_up() {
        assert_eq!(patience(false, false, Some(404), 30), Some(30));
        assert_eq!(patience(true, false, Some(503), 30), Some(30));
        assert_eq!(patience(true, false, None, 30), Some(30));
    }

    #[test]
    fn an_inferred_probe_asks_a_4xx_again_for_5_s_and_a_5xx_until_the_time_is_up() {
        assert_eq!(patience(true, true, Some(403), 30), Some(5));
        assert_eq!(patience(true, true, Some(404), 2), Some(2));
        assert_eq!(patience(true, true, Some(500), 30), Some(30));
    }
}

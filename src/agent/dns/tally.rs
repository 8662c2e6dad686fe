//! Counts questions, so that a program that asks a thousand times a second does not fill the log.
//!
//! A question is reported when its number reaches a power of two, and once more at the end if the last
//! report fell short. Pure: it returns the events and prints nothing.

use std::collections::BTreeMap;

use crate::wire::{Event, Question};

/// A program that makes up names must not use up the agent's memory.
const MOST_QUESTIONS: usize = 4096;

#[derive(Default)]
pub struct Tally {
    counts: BTreeMap<Question, Asked>,
    full: bool,
}

/// How often a question was asked, and when first, in milliseconds since 1970.
#[derive(Clone, Copy)]
struct Asked {
    count: u64,
    first: u64,
}

impl Asked {
    fn event(self, question: Question) -> Event {
        Event::Lookup {
            question,
            count: self.count,
            first: Some(self.first),
        }
    }
}

impl Tally {
    /// Counts one more, asked `now` milliseconds after 1970; returns what is worth reporting.
    pub fn add(&mut self, question: Question, now: u64) -> Option<Event> {
        if self.counts.len() >= MOST_QUESTIONS && !self.counts.contains_key(&question) {
            return self.overflow();
        }
        let first_time = Asked {
            count: 0,
            first: now,
        };
        let asked = self.counts.entry(question.clone()).or_insert(first_time);
        asked.count = asked.count.saturating_add(1);
        asked.count.is_power_of_two().then(|| asked.event(question))
    }

    /// The totals that differ from what was reported last.
    pub fn totals(&self) -> Vec<Event> {
        self.counts
            .iter()
            .filter(|(_, asked)| !asked.count.is_power_of_two())
            .map(|(question, asked)| asked.event(question.clone()))
            .collect()
    }

    fn overflow(&mut self) -> Option<Event> {
        let first = !self.full;
        self.full = true;
        let what = format!(
            "more than {MOST_QUESTIONS} different names were looked up; new ones are no longer reported"
        );
        first.then_some(Event::Problem { what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Outcome, RecordType, Transport};

    fn question(name: &str) -> Question {
        Question {
            name: name.into(),
            record_type: RecordType::A,
            asker: None,
            outcome: Outcome::Denied,
            transport: Transport::Udp,
        }
    }

    fn counts(events: impl IntoIterator<Item = Event>) -> Vec<u64> {
        events
            .into_iter()
            .filter_map(|event| match event {
                Event::Lookup { count, .. } => Some(count),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn repeats_are_reported_at_powers_of_two_and_once_at_the_end() {
        let mut tally = Tally::default();
        let live: Vec<Event> = (0..11)
            .filter_map(|_| tally.add(question("db"), 0))
            .collect();
        assert_eq!(counts(live), [1, 2, 4, 8]);
        assert_eq!(counts(tally.totals()), [11]);
    }

    #[test]
    fn the_time_of_the_first_question_stays() {
        let mut tally = Tally::default();
        let first = |event: Option<Event>| match event {
            Some(Event::Lookup { first, .. }) => first,
            _ => None,
        };
        assert_eq!(first(tally.add(question("db"), 70)), Some(70));
        assert_eq!(first(tally.add(question("db"), 90)), Some(70));
        tally.add(question("db"), 91);
        assert_eq!(first(tally.totals().pop()), Some(70));
    }

    #[test]
    fn a_total_that_was_just_reported_is_not_repeated() {
        let mut tally = Tally::default();
        for _ in 0..8 {
            tally.add(question("db"), 0);
        }
        assert!(tally.totals().is_empty());
    }

    #[test]
    fn questions_that_differ_in_anything_are_counted_apart() {
        let mut tally = Tally::default();
        let asked = [
            question("db"),
            Question {
                outcome: Outcome::Failed,
                ..question("db")
            },
            Question {
                asker: Some("web".into()),
                ..question("db")
            },
            Question {
                record_type: RecordType::AAAA,
                ..question("db")
            },
            Question {
                transport: Transport::Tcp,
                ..question("db")
            },
        ];
        assert_eq!(
            counts(asked.into_iter().filter_map(|q| tally.add(q, 0))),
            [1; 5]
        );
    }

    #[test]
    fn made_up_names_are_bounded_and_said_so_once() {
        let mut tally = Tally::default();
        let events: Vec<Event> = (0..6000)
            .filter_map(|n| tally.add(question(&n.to_string()), 0))
            .collect();
        assert_eq!(tally.counts.len(), MOST_QUESTIONS);
        let problems = events
            .iter()
            .filter(|event| matches!(event, Event::Problem { .. }))
            .count();
        assert_eq!(problems, 1);
        assert_eq!(
            counts(tally.add(question("7"), 0)),
            [2],
            "known names are still counted"
        );
    }
}

//! How the answers to one probe differ between the runs, without what varies by itself. Pure.

use serde_json::Value;
use similar::TextDiff;

use super::varying::masked;
use crate::app::{App, Service};
use crate::evidence::{Attempt, ProbeSeen};

/// Lines of a diff that are shown.
const LINES: usize = 14;
/// Characters of each that are shown.
const WIDTH: usize = 160;
/// Longer lines are taken apart behind each tag, so that a page of one line has a readable diff.
const LONG: usize = 200;
/// In place of a line that differs between two answers of the same run.
const UNSTABLE: &str = "<varies>";

/// How two answers differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What differs: `status`, `content-type`, `location`, `body`.
    pub parts: Vec<&'static str>,
    /// What was seen, in sentences; the last can be a diff.
    pub seen: Vec<String>,
    /// Kinds of text that were masked on both sides.
    pub masked: Vec<&'static str>,
}

/// The difference of two answers that both passed; none when they say the same.
///
/// An inferred probe is told by its status alone when that differs, which is not judged here. Bodies
/// are compared only where both runs run the same program and dev was asked twice.
pub fn difference(dev_app: &App, prod_app: &App, probe: &ProbeSeen) -> Option<Difference> {
    let (dev, prod) = (probe.dev.as_ref()?, probe.prod.as_ref()?);
    let (dev_status, prod_status) = (dev.status?, prod.status?);
    let mut found = Difference::default();
    if dev_status != prod_status {
        if probe.inferred {
            return None;
        }
        found.parts.push("status");
        found.seen.push(format!(
            "status {dev_status} in dev, {prod_status} in production"
        ));
    }
    let services = (
        dev_app.services.get(&probe.service),
        prod_app.services.get(&probe.service),
    );
    let meant = meant(services.0, services.1);
    let plain = |text: &str, kinds: &mut Vec<&'static str>| {
        let mut text = text.to_owned();
        for value in &meant {
            text = text.replace(value.as_str(), "<variable>");
        }
        masked(&text, kinds)
    };
    for name in ["content-type", "location"] {
        let (in_dev, in_prod) = (dev.header(name), prod.header(name));
        let mut kinds = Vec::new();
        let mut form =
            |value: Option<&str>| value.map(|value| plain(header(name, value), &mut kinds));
        if form(in_dev) != form(in_prod) {
            let shown = |value: Option<&str>| match value {
                Some(value) => format!("`{value}`"),
                None => "absent".to_owned(),
            };
            found.parts.push(name);
            found.seen.push(format!(
                "`{name}` is {} in dev and {} in production",
                shown(in_dev),
                shown(in_prod)
            ));
        }
    }
    let comparable = dev_status == prod_status && dev_status < 400 && same_program(services);
    if comparable && found.parts.is_empty() {
        let mut kinds = Vec::new();
        let again = probe.dev_again.as_ref();
        if let Some(diff) = bodies(dev, again, prod, &mut |text| plain(text, &mut kinds)) {
            found.parts.push("body");
            found.seen.push(diff);
            found.masked = kinds;
        }
    }
    (!found.parts.is_empty()).then_some(found)
}

/// The part of a header's value that is compared.
fn header<'a>(name: &str, value: &'a str) -> &'a str {
    match name {
        "content-type" => value.split(';').next().unwrap_or(value).trim(),
        _ => value,
    }
}

/// Values of variables that production has otherwise: that they show in an answer is meant.
fn meant(dev: Option<&Service>, prod: Option<&Service>) -> Vec<String> {
    let (Some(dev), Some(prod)) = (dev, prod) else {
        return Vec::new();
    };
    let mut values: Vec<String> = Vec::new();
    for (one, other) in [(dev, prod), (prod, dev)] {
        for variable in &one.environment {
            let same =
                |own: &crate::app::EnvVar| own.name == variable.name && own.value == variable.value;
            if variable.value.len() > 3 && !other.environment.iter().any(same) {
                values.push(variable.value.clone());
            }
        }
    }
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values
}

/// Whether both runs start the same program of the same build: a development server answers otherwise
/// than what it serves, and everybody knows.
fn same_program(services: (Option<&Service>, Option<&Service>)) -> bool {
    let (Some(dev), Some(prod)) = services else {
        return false;
    };
    let words = |service: &Service| {
        let word = |words: &Option<crate::app::At<Vec<String>>>| {
            words.as_ref().map(|words| words.value.clone())
        };
        let image = service.image.as_ref().map(|image| image.value.clone());
        (word(&service.command), word(&service.entrypoint), image)
    };
    words(dev) == words(prod) && dev.build == prod.build
}

/// A diff of the bodies; none when they say the same, or when dev alone does not always say the same.
fn bodies(
    dev: &Attempt,
    again: Option<&Attempt>,
    prod: &Attempt,
    plain: &mut dyn FnMut(&str) -> String,
) -> Option<String> {
    let mut lines = |attempt: &Attempt| {
        let body = attempt.body.as_deref().unwrap_or_default();
        lines(&plain(&readable(body)))
    };
    let (mut in_dev, in_again, mut in_prod) = (lines(dev), lines(again?), lines(prod));
    if in_dev.len() != in_again.len() {
        return None;
    }
    for (index, line) in in_again.iter().enumerate() {
        if in_dev[index] == *line {
            continue;
        }
        UNSTABLE.clone_into(&mut in_dev[index]);
        // Only where the pages are alike is it the same line.
        UNSTABLE.clone_into(in_prod.get_mut(index)?);
    }
    if in_dev == in_prod {
        return None;
    }
    let (in_dev, in_prod) = (in_dev.join("\n") + "\n", in_prod.join("\n") + "\n");
    let diff = TextDiff::from_lines(&in_dev, &in_prod);
    let unified = diff.unified_diff().context_radius(1).to_string();
    let mut shown: Vec<String> = unified
        .lines()
        .filter(|line| !line.starts_with("@@"))
        .map(|line| line.chars().take(WIDTH).collect())
        .collect();
    if shown.len() > LINES {
        let more = shown.len() - LINES;
        shown.truncate(LINES);
        shown.push(format!("… and {more} more lines"));
    }
    Some(format!(
        "the bodies differ (- dev, + production):\n{}",
        shown.join("\n")
    ))
}

/// JSON over several lines, all else as it is.
fn readable(body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok())
        .unwrap_or_else(|| body.to_owned())
}

fn lines(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for line in text.lines() {
        match line.len() > LONG {
            true => all.extend(line.split_inclusive('>').map(|part| part.trim().to_owned())),
            false => all.push(line.trim_end().to_owned()),
        }
    }
    all.retain(|line| !line.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app_for;
    use crate::app::{Mode, Place};

    fn attempt(status: u16, kind: &str, body: &str) -> Attempt {
        Attempt {
            passed: true,
            answer: format!("status {status}"),
            status: Some(status),
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: Some(body.to_owned()),
        }
    }

    fn of(text: &str, inferred: bool, dev: [Attempt; 2], prod: Attempt) -> Option<Difference> {
        let [first, again] = dev;
        let probe = ProbeSeen {
            name: "home".to_owned(),
            service: "web".to_owned(),
            action: "GET / on port 80".to_owned(),
            place: Place::start_of("compose.yaml"),
            inferred,
            dev: Some(first),
            dev_again: Some(again),
            prod: Some(prod),
        };
        let (dev, prod) = (app_for(text, Mode::Dev), app_for(text, Mode::Prod));
        difference(&dev, &prod, &probe)
    }

    const APP: &str = "services: {web: {image: x}}\n";

    fn pages(dev: [&str; 2], prod: &str) -> Option<Difference> {
        let dev = dev.map(|body| attempt(200, "text/html", body));
        of(APP, true, dev, attempt(200, "text/html", prod))
    }

    #[test]
    fn another_body_is_shown_as_a_small_diff() {
        let found = pages(["a\nb\nc\nd\ne"; 2], "a\nb\nX\nd\ne").expect("a difference");
        assert_eq!(found.parts, ["body"]);
        assert_eq!(
            found.seen,
            ["the bodies differ (- dev, + production):\n b\n-c\n+X\n d"]
        );
        let long: String = (0..99).map(|n| format!("line {n}\n")).collect();
        let found = pages([&long; 2], "nothing").expect("a difference");
        assert!(found.seen[0].contains("more lines"), "{}", found.seen[0]);
    }

    #[test]
    fn what_varies_by_itself_is_no_difference() {
        let page =
            |date: &str, port: u16| format!("<p>{date}</p>\n<a href=http://localhost:{port}/>");
        let dev = page("2026-01-01 10:00:00", 3000);
        assert_eq!(pages([&dev; 2], &page("2026-01-01 10:00:09", 4000)), None);
        assert_eq!(
            pages(["visits 1\nhello", "visits 2\nhello"], "visits 1\nhello"),
            None
        );
        assert_eq!(
            pages(["visits 1\nhello", "visits 2\nhello"], "visits 7\nhello"),
            None
        );
        let found = pages(["visits 1\nhello", "visits 2\nhello"], "visits 7\nbye");
        assert!(found.expect("the other line").seen[0].contains("-hello"));
        assert_eq!(
            pages(["one\n", "one\ntwo\n"], "three"),
            None,
            "an unstable page"
        );
    }

    #[test]
    fn json_is_compared_value_by_value() {
        let found = pages([r#"{"b":1,"a":2}"#; 2], r#"{"a": 2, "b": 3}"#).expect("a difference");
        assert!(found.seen[0].contains("-  \"b\": 1"), "{}", found.seen[0]);
        assert_eq!(pages([r#"{"a":1}"#; 2], "{ \"a\": 1 }"), None);
    }

    #[test]
    fn another_content_type_is_a_difference_and_another_charset_is_none() {
        let dev = || {
            [
                attempt(200, "application/json", "{}"),
                attempt(200, "application/json", "{}"),
            ]
        };
        let found = of(APP, true, dev(), attempt(200, "text/html", "x")).expect("a difference");
        assert_eq!(found.parts, ["content-type"]);
        let charset = attempt(200, "application/json; charset=utf-8", "{}");
        assert_eq!(of(APP, true, dev(), charset), None);
    }

    #[test]
    fn another_status_counts_for_a_written_probe() {
        let dev = || {
            [
                attempt(200, "text/html", "a"),
                attempt(200, "text/html", "a"),
            ]
        };
        let found = of(APP, false, dev(), attempt(302, "text/html", "a"));
        assert_eq!(found.expect("a difference").parts, ["status"]);
        assert_eq!(of(APP, true, dev(), attempt(302, "text/html", "a")), None);
    }

    #[test]
    fn another_program_and_a_value_of_production_may_show() {
        let dev = || {
            [
                attempt(200, "text/html", "dev.example"),
                attempt(200, "text/html", "dev.example"),
            ]
        };
        let prod = || attempt(200, "text/html", "shop.example");
        assert!(of(APP, true, dev(), prod()).is_some());
        let variable = "services:
  web:
    image: x
    environment: {URL: dev.example}
    x-envsim: {prod: {environment: {URL: shop.example}}}
";
        assert_eq!(of(variable, true, dev(), prod()), None);
        let command = "services:
  web: {image: x, command: npm run dev, x-envsim: {prod: {command: npm start}}}
";
        assert_eq!(of(command, true, dev(), prod()), None);
    }

    #[test]
    fn error_pages_are_not_compared() {
        let dev = [
            attempt(404, "text/html", "a"),
            attempt(404, "text/html", "a"),
        ];
        assert_eq!(of(APP, true, dev, attempt(404, "text/html", "b")), None);
    }
}

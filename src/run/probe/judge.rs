//! Whether an answer is the expected one. Pure.

use serde_json::Value;

use super::http::{Answer, Failure};
use crate::app::{Expect, ProbeAction};
use crate::evidence::Attempt;
use crate::mask::mask;

/// Characters of a body that are kept to compare the runs.
const KEPT: usize = 16 * 1024;
/// Characters of a body that are shown.
const SHOWN: usize = 160;

/// What a probe does, in a fragment.
pub fn describe(action: &ProbeAction) -> String {
    match action {
        ProbeAction::Http(request, _) => {
            format!(
                "{} {} on port {}",
                request.method, request.path, request.port
            )
        }
        ProbeAction::Tcp { port } => format!("a connection to port {port}"),
        ProbeAction::Command(words) => format!("the command `{}`", words.join(" ")),
    }
}

/// What a proxy says when nobody answers behind it.
const NOBODY_BEHIND: [u16; 3] = [502, 503, 504];

/// Judges an HTTP answer. For an inferred probe nobody said which answer is right, so in one run any
/// passes, and the two runs are compared by their statuses; a proxy that has nobody to ask is not the
/// app's answer.
pub fn answer(answer: &Answer, expect: &Expect, inferred: bool) -> Attempt {
    let mut wrong = Vec::new();
    match expect.status {
        Some(status) if status != answer.status => wrong.push(format!("expected status {status}")),
        None if answer.status >= 400 && !inferred => {
            wrong.push("expected a status below 400".to_owned());
        }
        None if NOBODY_BEHIND.contains(&answer.status) => {
            wrong.push("which a proxy gives when nobody answers behind it".to_owned());
        }
        _ => {}
    }
    if let Some(text) = &expect.body
        && !answer.body.contains(text)
    {
        wrong.push(format!("expected a body with `{text}`"));
    }
    if let Some(part) = &expect.json {
        match serde_json::from_str::<Value>(&answer.body) {
            Err(_) => wrong.push("expected a JSON body".to_owned()),
            Ok(body) => {
                if let Some(path) = differs(part, &body, "") {
                    wrong.push(format!("expected other JSON at `{path}`"));
                }
            }
        }
    }
    let passed = wrong.is_empty();
    let mut text = format!("status {}", answer.status);
    if !passed {
        text = format!("{text}, {}", wrong.join(", "));
    }
    if !passed || answer.status >= 400 && expect.status.is_none() {
        let body = shorten(&answer.body);
        if !body.is_empty() {
            text = format!("{text}; the body was: {body}");
        }
    }
    Attempt {
        passed,
        answer: text,
        status: Some(answer.status),
        headers: answer.headers.clone(),
        body: kept(answer),
    }
}

/// The beginning of a body that is text, without secrets.
fn kept(answer: &Answer) -> Option<String> {
    let binary = answer.body.contains(['\0', '\u{fffd}']);
    let beginning: String = answer.body.chars().take(KEPT).collect();
    (!binary && !beginning.is_empty()).then(|| mask(&beginning).into_owned())
}

/// Judges a request without an answer. A server that speaks something else than HTTP is there all
/// the same, which is all that an inferred probe asks.
pub fn failure(failure: &Failure, inferred: bool) -> Attempt {
    match failure {
        Failure::NotHttp(_) if inferred => Attempt {
            passed: true,
            answer: "it answers, though not in HTTP".to_owned(),
            ..Attempt::default()
        },
        Failure::NotHttp(text) => failed(format!("the answer is not HTTP: {text}")),
        Failure::Connection(text) => failed(format!("no answer: {text}")),
        Failure::Silent(time) => failed(format!("no answer in {} s", time.as_secs())),
    }
}

/// Judges a connection.
pub fn connection(result: Result<(), String>) -> Attempt {
    match result {
        Ok(()) => Attempt {
            passed: true,
            answer: "the connection is accepted".to_owned(),
            ..Attempt::default()
        },
        Err(error) => failed(format!("no connection: {error}")),
    }
}

/// Judges a command.
pub fn command(code: i64, stdout: &str, stderr: &str) -> Attempt {
    let passed = code == 0;
    let mut answer = format!("exit code {code}");
    let output = if stderr.trim().is_empty() {
        stdout
    } else {
        stderr
    };
    if !passed && !output.trim().is_empty() {
        answer = format!("{answer}: {}", shorten(output));
    }
    Attempt {
        passed,
        answer,
        ..Attempt::default()
    }
}

/// An attempt without an answer, and why.
pub fn failed(answer: String) -> Attempt {
    Attempt {
        answer,
        ..Attempt::default()
    }
}

/// The first path at which `body` does not hold what `part` asks for. Mappings may have more keys;
/// lists must be as long and hold the parts in order.
fn differs(part: &Value, body: &Value, path: &str) -> Option<String> {
    let shown = || {
        if path.is_empty() {
            "/".to_owned()
        } else {
            path.to_owned()
        }
    };
    match (part, body) {
        (Value::Object(part), Value::Object(body)) => part.iter().find_map(|(key, value)| {
            let path = format!("{path}/{key}");
            match body.get(key) {
                Some(found) => differs(value, found, &path),
                None => Some(path),
            }
        }),
        (Value::Array(part), Value::Array(body)) if part.len() == body.len() => part
            .iter()
            .zip(body)
            .enumerate()
            .find_map(|(index, (part, body))| differs(part, body, &format!("{path}/{index}"))),
        (Value::Number(part), Value::Number(body)) => (part.as_f64() != body.as_f64()).then(shown),
        (part, body) => (part != body).then(shown),
    }
}

fn shorten(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{} …", &flat[..at]),
        None => flat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(status: u16, body: &str) -> Answer {
        Answer {
            headers: Vec::new(),
            status,
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_status_below_400_passes_when_none_is_expected() {
        assert!(answer(&got(302, ""), &Expect::default(), false).passed);
        assert!(!answer(&got(500, ""), &Expect::default(), false).passed);
    }

    #[test]
    fn an_inferred_probe_takes_any_status_and_keeps_it_for_the_comparison() {
        let attempt = answer(&got(500, "no such table"), &Expect::default(), true);
        assert!(attempt.passed);
        assert_eq!(attempt.status, Some(500));
        assert_eq!(
            attempt.answer, "status 500; the body was: no such table",
            "the body is the proof when the other run answers well"
        );
        let fine = answer(&got(200, "hello"), &Expect::default(), true);
        assert_eq!(
            (fine.answer.as_str(), fine.status),
            ("status 200", Some(200))
        );
    }

    #[test]
    fn a_proxy_with_nobody_behind_it_is_no_answer() {
        for status in [502, 503, 504] {
            let attempt = answer(&got(status, ""), &Expect::default(), true);
            assert!(!attempt.passed);
            assert_eq!(
                attempt.answer,
                format!("status {status}, which a proxy gives when nobody answers behind it")
            );
        }
        let expected = Expect {
            status: Some(503),
            ..Expect::default()
        };
        assert!(answer(&got(503, ""), &expected, false).passed);
    }

    #[test]
    fn json_is_compared_in_part() {
        let expect = |json: Value| Expect {
            json: Some(json),
            ..Expect::default()
        };
        let body = got(200, r#"{"ok":true,"items":[{"id":1,"text":"a"}]}"#);
        let json = serde_json::json!({"ok": true, "items": [{"text": "a"}]});
        assert!(answer(&body, &expect(json), false).passed);
        let json = serde_json::json!({"items": [{"text": "b"}]});
        let attempt = answer(&body, &expect(json), false);
        assert!(
            attempt.answer.contains("`/items/0/text`"),
            "{}",
            attempt.answer
        );
    }

    #[test]
    fn a_failure_shows_what_came_instead() {
        let expect = Expect {
            status: Some(201),
            body: Some("done".to_owned()),
            ..Expect::default()
        };
        let attempt = answer(&got(500, "no\n such  host"), &expect, false);
        assert_eq!(
            attempt.answer,
            "status 500, expected status 201, expected a body with `done`; the body was: no such host"
        );
    }
}

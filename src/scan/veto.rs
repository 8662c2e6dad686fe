//! Contexts in which even `name:80` or `http://name` is no host that anything looks up.

use super::language::Family;
use super::spot::{Spot, pattern};
use super::words::never;

pub(super) fn forbids(spot: &Spot) -> bool {
    is_image(spot)
        || is_label(spot)
        || is_inert_instruction(spot)
        || is_compared(spot)
        || is_message(spot)
}

/// `image: redis:6379`, `docker run redis:6379`.
fn is_image(spot: &Spot) -> bool {
    let before = spot.before();
    pattern!(r#"(?i)\bimages?["']?\s*[:=(]\s*["'\w./:\-]*$|\bdocker\s+(?:pull|push|tag|build|image)\b|\bDockerImageName\b|--from=\S*$"#)
        .is_match(before)
        || (!before.contains("://") && pattern!(r"(?i)\bdocker\s+(?:container\s+)?(?:run|create)\b[^;|&]*$").is_match(before))
}

/// Tags of a trace or a series, and patterns that a script searches for.
fn is_label(spot: &Spot) -> bool {
    match spot.family() {
        Family::Code => spot.code_before().is_some_and(|code| {
            pattern!(r"(?i)(?:set_?(?:tags?|attributes?|labels?)|with_?(?:tag|label|attribute)\w*|add_?(?:tag|label|attribute)|attribute\.string|labels)$")
                .is_match(enclosing_callee(code))
        }),
        Family::Shell => pattern!(r"\b[ef]?grep\s[^;&|]*$").is_match(spot.before()),
        _ => false,
    }
}

/// Instructions of a Dockerfile whose words are names of images, stages and files.
fn is_inert_instruction(spot: &Spot) -> bool {
    spot.family() == Family::Dockerfile
        && matches!(
            instruction(spot).as_str(),
            "FROM"
                | "COPY"
                | "ADD"
                | "LABEL"
                | "EXPOSE"
                | "WORKDIR"
                | "USER"
                | "VOLUME"
                | "MAINTAINER"
                | "SHELL"
                | "STOPSIGNAL"
        )
}

/// The instruction of the Dockerfile that the line belongs to.
pub(super) fn instruction(spot: &Spot) -> String {
    let mut first = spot.line();
    for above in spot.lines_above().take(80) {
        if !above.trim_end().ends_with(['\\', '`']) {
            break;
        }
        first = above;
    }
    first
        .split_whitespace()
        .next()
        .unwrap_or("")
        .to_ascii_uppercase()
}

/// Names that are compared with a request's or a series' and never resolved.
fn is_compared(spot: &Spot) -> bool {
    let before = spot.before();
    let key = pattern!(r#"([\w.\-]+)["'`)\]]*\s*(?:=>|:=|\+=|=|:|,|\()\s*(?:[^;=\s]|,\s)*$"#)
        .captures(before);
    pattern!(r#"(?:\b(?:instance|job)\s*(?:=~?|!=)\s*\\?["']?|\bHost\(`)$"#).is_match(before)
        || key.is_some_and(|key| never(&key[1]))
        || super::key::parent(spot).is_some_and(|key| never(&key))
}

/// What is printed, logged, thrown or explained.
fn is_message(spot: &Spot) -> bool {
    if is_description(spot.before()) {
        return true;
    }
    match spot.family() {
        Family::Code => is_logged(spot),
        Family::Shell | Family::Dockerfile | Family::Data | Family::Value => is_echoed(spot),
        Family::Markup => false,
    }
}

/// `help="the server, like http://web"`: prose under a key that says so.
fn is_description(before: &str) -> bool {
    pattern!(
        r#"(?i)\b(?:help|description|desc|summary|usage|example|examples|message|msg|title|label|text|comment|placeholder|tooltip|note)["'`]?\s*(?:=>|=|:|\()\s*["'`(]*[^"'`=]*\s[^"'`\s]*$"#
    )
    .is_match(before)
}

/// The literal is an argument of a call that logs, or of a statement that prints or throws.
fn is_logged(spot: &Spot) -> bool {
    let Some(code) = spot.code_before() else {
        return false;
    };
    let callee = enclosing_callee(code);
    let logs = pattern!(
        r"(?ix)
        (?:^|[.>:])(?:console|log|logger|logging|\w*_?log(?:ger)?|Log|slog|zap|winston|syslog|Rails\.logger|Console(?:\.(?:Error|Out))?|System\.(?:out|err)|stdout|stderr)
            (?:\(\))?(?:\.|->|::|\?\.)[\w!]+$
        |^(?:.*[.>:])?(?:(?:e|c|pp)?print(?:ln|f)?!?|puts|echo|warn|die|panic!?|perror|error_log|fprintf|NSLog|dbg!|todo!|unreachable!|(?:e?println|debug|info|warn|error|trace|bail|anyhow|ensure)!)$
        |fmt\.(?:Print|Fprint|Errorf)\w*$
        |(?:errors\.New|\w*(?:Exception|Error))$
        |(?:^|[.>:])(?:debug|info|warning|warn|error|fatal|trace|notice|log|Fatalf?|Errorf|Infof|Warnf|Debugf|Logf|Skipf?|describe|it|test|context)$
        "
    );
    logs.is_match(callee)
        || pattern!(r"(?:^|[\s;{}])(?:puts|echo|print|raise|throw|abort|die|warn|p)\s+(?:new\s+[\w.\\]+\s*\(\s*)?[$@fFrRbBuU]*$").is_match(code)
}

/// The call whose argument list is open at the code's end: `a.b(c, ` → `a.b`.
pub(super) fn enclosing_callee(code: &str) -> &str {
    let mut depth = 0_usize;
    for (at, here) in code.char_indices().rev() {
        match here {
            ')' | ']' | '}' => depth += 1,
            '(' if depth == 0 => return callee_before(&code[..at]),
            '[' | '{' if depth == 0 => return "",
            '(' | '[' | '{' => depth -= 1,
            ';' if depth == 0 => return "",
            _ => {}
        }
    }
    ""
}

fn callee_before(code: &str) -> &str {
    pattern!(r"[A-Za-z_$@][\w$.:>\-!?()]*$")
        .find(code.trim_end())
        .map_or("", |found| found.as_str())
}

/// `echo waiting for db:5432`, but not `echo host=db > file`.
fn is_echoed(spot: &Spot) -> bool {
    let echo = pattern!(
        r#"(?:^|[;&|{("'`]|\b(?:then|do|else|RUN|CMD)\b)\s*@?(?:echo|printf|\w*_?log\w*|info|warn|error|die|fail|Write-Host|Write-Output)\s[^;&|>]*$"#
    );
    let written = pattern!(r"(?:^|[^\d&>])>>?\s*[^&>\s]|\|");
    let elsewhere = pattern!(r">\s*/dev/(?:null|stderr|stdout)|>&\d");
    echo.is_match(spot.before()) && !written.is_match(&elsewhere.replace_all(spot.after(), ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn the_open_call_is_the_innermost() {
        assert_eq!(enclosing_callee("console.log('x', fetch("), "fetch");
        assert_eq!(enclosing_callee("logger.info(a(b), "), "logger.info");
        assert_eq!(enclosing_callee("f(x); y = "), "");
    }

    #[test]
    fn messages_are_not_hosts() {
        let cases = [
            ("a.js", "console.error(`no answer from http://web:80`)"),
            ("a.py", "logger.info('waiting for http://web')"),
            ("a.py", "raise ValueError('no http://web')"),
            ("a.go", r#"log.Fatalf("cannot reach http://web:80")"#),
            ("a.rs", r#"println!("see http://web:80");"#),
            ("a.cs", r#"Console.Error.WriteLine("at http://web");"#),
            ("a.py", "p.add_argument('--x', help='such as http://web')"),
            ("a.php", "<?php echo 'at http://web';"),
            ("a.sh", "echo 'waiting for http://web:80' >&2"),
            ("Dockerfile", "LABEL url=http://web"),
            ("a.py", "origins = ['http://a', 'http://web:3000']"),
            ("a.py", "CORS_ORIGINS = [\n    'http://web:3000',\n]"),
            ("a.py", "ALLOWED_HOSTS = ['localhost', 'web']"),
            ("a.yml", "rule: Host(`web`)"),
            ("a.go", "span.SetTag(\"address\", \"web\")"),
            ("a.sh", "curl localhost | grep '\"host\": \"web\"'"),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &["web"]);
        }
    }

    #[test]
    fn what_is_written_to_a_file_is_no_message() {
        assert_eq!(
            finds("a.sh", "echo 'url=http://web' > /etc/x.conf", &["web"]).len(),
            1
        );
        assert_eq!(
            finds(
                "a.js",
                "fetch('http://web').catch(e => console.log(e))",
                &["web"]
            )
            .len(),
            1
        );
        assert_eq!(
            finds(
                "a.go",
                "fmt.Sprintf(\"postgres://x:%s@web:5432/y\", pw)",
                &["web"]
            )
            .len(),
            1
        );
        assert_eq!(
            finds("a.js", "console.log(await fetch('http://web'))", &["web"]).len(),
            1
        );
    }
}

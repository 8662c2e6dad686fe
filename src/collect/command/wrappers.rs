//! Programs that stand in front of a command and run it.

/// How many of `words` belong to a program that runs the words behind them; 0 when it is none, or
/// when nothing follows.
pub fn length(words: &[&str]) -> usize {
    let Some(first) = words.first() else { return 0 };
    let name = first.rsplit('/').next().unwrap_or(first);
    let rest = &words[1..];
    let length = match name {
        "env" => 1 + options(rest, &["-u", "-C", "-S"], true),
        "cross-env" | "cross-env-shell" => 1 + options(rest, &[], true),
        "tini" | "tini-static" | "dumb-init" | "catatonit" | "docker-init" | "my_init" => {
            1 + options(rest, &["-p", "-e", "-r", "--rewrite"], false)
        }
        "gosu" | "su-exec" => 2,
        "setpriv"
        | "nohup"
        | "stdbuf"
        | "chronic"
        | "setsid"
        | "xvfb-run"
        | "exec"
        | "command"
        | "ddtrace-run"
        | "opentelemetry-instrument"
        | "dotenvx"
        | "dotenv"
        | "time" => {
            1 + options(rest, &["-e", "-f", "-c", "-o", "-i"], true)
                + usize::from(
                    // `dotenvx run -- …`, `dotenv run …`
                    rest.first() == Some(&"run"),
                )
        }
        "newrelic-admin" => 2,
        "sudo" => 1 + options(rest, &["-u", "-g", "--user", "--group"], true),
        "nice" | "ionice" | "chrt" => 1 + options(rest, &["-n", "-c"], false),
        "timeout" => 2 + options(rest, &["-s", "-k"], false),
        "poetry" | "pipenv" | "uv" | "pdm" | "rye" | "hatch" | "conda" | "micromamba"
        | "doppler" | "infisical"
            if rest.first() == Some(&"run") =>
        {
            const WITH_VALUE: &[&str] = &[
                "-n",
                "-p",
                "--name",
                "--with",
                "--extra",
                "--group",
                "--package",
                "--project",
                "--directory",
                "--env-file",
                "--env",
            ];
            2 + options(&rest[1..], WITH_VALUE, false)
        }
        "bundle" | "rbenv" | "mise" | "asdf" | "direnv" if rest.first() == Some(&"exec") => 2,
        "chamber" | "aws-vault" if rest.first() == Some(&"exec") => {
            3 + options(rest.get(2..).unwrap_or_default(), &[], false)
        }
        "npx" | "pnpx" | "bunx" => 1 + options(rest, &["-p", "--package", "-c", "--call"], false),
        "npm" | "pnpm" | "yarn" if matches!(rest.first(), Some(&("exec" | "dlx" | "x"))) => {
            2 + options(&rest[1..], &["-p", "--package"], false)
        }
        // `node node_modules/.bin/next start`
        "node" => {
            let at = options(rest, &["-r", "--require", "--import", "--loader"], false);
            let script = rest.get(at).copied().unwrap_or_default();
            let plain = rest[..at]
                .iter()
                .all(|word| !word.starts_with("--inspect") && !word.starts_with("--watch"));
            return match script.contains("node_modules/.bin/") && plain {
                true => 1 + at,
                false => 0,
            };
        }
        "dockerize" => {
            1 + options(
                rest,
                &[
                    "-wait",
                    "-timeout",
                    "-template",
                    "-stdout",
                    "-stderr",
                    "-wait-retry-interval",
                ],
                false,
            )
        }
        _ if name.contains("wait") => rest
            .iter()
            .position(|word| *word == "--")
            .map_or(0, |at| at + 2),
        _ => 0,
    };
    match length < words.len() {
        true => length,
        false => 0,
    }
}

/// How many of the words in front are options, with the values of those in `with_value`, a `--` and,
/// if wanted, assignments.
fn options(words: &[&str], with_value: &[&str], assignments: bool) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        match *word {
            "--" => return at + 1,
            word if with_value.contains(&word) => at += 2,
            word if word.starts_with('-') => at += 1,
            word if assignments && assigns(word) => at += 1,
            _ => break,
        }
    }
    at.min(words.len())
}

fn assigns(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_a_command_is_told_from_the_command() {
        let behind = |text: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            words[length(&words)..].join(" ")
        };
        for (text, command) in [
            ("/usr/bin/tini -s -- node a.js", "node a.js"),
            ("dumb-init --rewrite 15:3 node a.js", "node a.js"),
            ("env -i A=1 B=2 serve -x", "serve -x"),
            ("gosu app serve", "serve"),
            ("poetry run flask run", "flask run"),
            ("bundle exec rails s", "rails s"),
            ("npx -y nodemon a.js", "nodemon a.js"),
            ("pnpm exec next dev", "next dev"),
            ("./wait-for-it.sh db:5432 -t 60 -- npm start", "npm start"),
            ("dockerize -wait tcp://db:5432 -timeout 60s ./app", "./app"),
            ("timeout -k 5 60 serve", "serve"),
            ("node node_modules/.bin/next start", "next start"),
            ("node server.js", "node server.js"),
            ("npm run dev", "npm run dev"),
            ("poetry install", "poetry install"),
            ("env", "env"),
            ("./wait.sh", "./wait.sh"),
        ] {
            let found = behind(text).replace("node_modules/.bin/", "");
            assert_eq!(found, command, "{text}");
        }
    }
}

//! Development servers of PHP, Ruby, Elixir, Java and of site generators.

use super::{Call, Environment, Found, SITE, server, watching};
use crate::evidence::Process;

const PHP: &str = "serve the app with php-fpm behind nginx, with Apache, or with FrankenPHP";
const RAILS: &str = "set RAILS_ENV=production and compile the assets in the Dockerfile";
const PHOENIX: &str = "build a release in the Dockerfile (`mix release`), or set MIX_ENV=prod";
const JAR: &str = "build the jar in the Dockerfile and start it with `java -jar`";

/// The development server of another tool.
pub fn found(call: &Call, process: &Process, environment: &Environment) -> Found {
    let action = call.action();
    let has = |word: &str| call.arguments.contains(&word);
    let php_script = |name: &str| {
        call.program == name
            || call
                .arguments
                .first()
                .is_some_and(|word| word.rsplit('/').next() == Some(name))
    };
    match call.program {
        "php" if call.has(&["-S"]) || call.arguments.iter().any(|word| word.starts_with("-S")) => {
            server("PHP", PHP)
        }
        _ if php_script("artisan") && has("serve") => server("Laravel", PHP),
        _ if php_script("spark") && has("serve") => server("CodeIgniter", PHP),
        _ if php_script("yii") && has("serve") => server("Yii", PHP),
        _ if php_script("console") && (has("server:run") || has("server:start")) => {
            server("Symfony", PHP)
        }
        "symfony" if matches!(action, "serve" | "server:start" | "local:server:start") => {
            server("Symfony", PHP)
        }
        "rails" if matches!(action, "server" | "s") => {
            let production = ["RAILS_ENV", "RACK_ENV"].iter().any(|name| {
                environment
                    .get(process, name)
                    .is_some_and(|(value, _)| value != "development")
            });
            let flagged =
                call.arguments.windows(2).any(|pair| {
                    matches!(pair[0], "-e" | "--environment") && pair[1] != "development"
                }) || call.arguments.iter().any(|word| {
                    word.strip_prefix("--environment=")
                        .is_some_and(|value| value != "development")
                });
            match production || flagged {
                true => None,
                false => Some((
                    "Rails in its development mode (no RAILS_ENV=production)".to_owned(),
                    RAILS,
                )),
            }
        }
        "mix" if action == "phx.server" => {
            let production = environment.is(process, "MIX_ENV", "prod");
            match production {
                true => None,
                false => Some((
                    "Phoenix in its development mode (no MIX_ENV=prod)".to_owned(),
                    PHOENIX,
                )),
            }
        }
        "jekyll" if matches!(action, "serve" | "server" | "s") => server("Jekyll", SITE),
        "middleman" if matches!(action, "server" | "") => server("Middleman", SITE),
        "hugo" if matches!(action, "server" | "serve") => server("Hugo", SITE),
        "trunk" | "dx" if action == "serve" => server(call.program, SITE),
        "mvn" | "mvnw" | "gradle" | "gradlew" => call.arguments.iter().find_map(|word| {
            let goal = word.rsplit(':').next().unwrap_or(word);
            let plugin = word.contains(':');
            match (goal, plugin) {
                ("run", true)
                    if [
                        "spring-boot",
                        "jetty",
                        "tomcat7",
                        "cargo",
                        "wildfly",
                        "liberty",
                    ]
                    .iter()
                    .any(|name| word.contains(name)) =>
                {
                    Some((format!("the build tool's `{word}`"), JAR))
                }
                ("bootRun" | "quarkusDev", _) | ("dev", true) => {
                    Some((format!("the build tool's `{word}`"), JAR))
                }
                _ => None,
            }
        }),
        "lein" if matches!(action, "ring" | "figwheel") => server("Leiningen", JAR),
        "sbt" if call.arguments.iter().any(|word| word.starts_with('~')) => watching("sbt ~", JAR),
        _ => None,
    }
}

//! Manifests that name the client of a server: a hint that the app may need one, never more.

use serde_json::Value;

use super::notes::{Notes, listed};
use super::project::Project;

/// Packages of any language to the server they talk to. A Go module or a Java artifact is matched by its beginning.
const CLIENTS: &[(&str, &[&str])] = &[
    (
        "PostgreSQL",
        &[
            "pg",
            "pg-promise",
            "postgres",
            "psycopg",
            "psycopg2",
            "psycopg2-binary",
            "asyncpg",
            "github.com/lib/pq",
            "github.com/jackc/pgx",
            "tokio-postgres",
            "org.postgresql",
            "postgrex",
            "npgsql",
        ],
    ),
    (
        "MySQL or MariaDB",
        &[
            "mysql",
            "mysql2",
            "mariadb",
            "pymysql",
            "mysqlclient",
            "mysql-connector-python",
            "mysql-connector-j",
            "github.com/go-sql-driver/mysql",
            "mysql_async",
        ],
    ),
    (
        "MongoDB",
        &[
            "mongodb",
            "mongoose",
            "pymongo",
            "motor",
            "mongoengine",
            "mongo",
            "mongoid",
            "mongodb/mongodb",
            "go.mongodb.org/mongo-driver",
            "mongodb-driver-sync",
            "spring-boot-starter-data-mongodb",
            "mongodb.driver",
        ],
    ),
    (
        "Redis",
        &[
            "redis",
            "ioredis",
            "bull",
            "bullmq",
            "sidekiq",
            "predis/predis",
            "rq",
            "github.com/redis/go-redis",
            "github.com/go-redis/redis",
            "spring-boot-starter-data-redis",
            "stackexchange.redis",
        ],
    ),
    (
        "a broker such as Redis or RabbitMQ",
        &["celery", "dramatiq"],
    ),
    (
        "RabbitMQ",
        &[
            "amqplib",
            "pika",
            "bunny",
            "php-amqplib/php-amqplib",
            "github.com/rabbitmq/amqp091-go",
            "lapin",
            "spring-boot-starter-amqp",
            "rabbitmq.client",
        ],
    ),
    (
        "Kafka",
        &[
            "kafkajs",
            "kafka-python",
            "confluent-kafka",
            "aiokafka",
            "github.com/segmentio/kafka-go",
            "github.com/ibm/sarama",
            "rdkafka",
            "spring-kafka",
        ],
    ),
    (
        "Elasticsearch or OpenSearch",
        &[
            "@elastic/elasticsearch",
            "@opensearch-project/opensearch",
            "elasticsearch",
            "opensearch-py",
        ],
    ),
    (
        "Memcached",
        &[
            "memcached",
            "memjs",
            "pymemcache",
            "dalli",
            "github.com/bradfitz/gomemcache",
        ],
    ),
];

/// Notes the clients that the manifests of `directory` name.
pub fn note(project: &Project, directory: &str, notes: &mut Notes) {
    for (name, _) in project.names(directory) {
        let path = crate::build::paths::join(directory, name);
        let Some(text) = project.text(&path) else {
            continue;
        };
        let packages = packages(name, text);
        for (server, clients) in CLIENTS {
            let used: Vec<&String> = packages
                .iter()
                .filter(|package| clients.iter().any(|client| is(client, package)))
                .collect();
            if !used.is_empty() {
                let text = format!(
                    "has {}: if the app needs {server}, add a service for it and pass its address in `environment`",
                    listed(&used)
                );
                notes.field(path.clone(), text);
            }
        }
    }
}

fn is(client: &str, package: &str) -> bool {
    match client.contains('.') && client.contains('/') {
        true => package
            .strip_prefix(client)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        false => package == client,
    }
}

/// Names in lower case of the packages that a manifest lists.
fn packages(file: &str, text: &str) -> Vec<String> {
    let mut found: Vec<String> = match file {
        "package.json" => keys(text, &["dependencies"]),
        "composer.json" => keys(text, &["require"]),
        "go.mod" => first_words(text, "require"),
        "Gemfile" => quoted_after(text, "gem "),
        "pom.xml" => between(text, "<artifactId>", "</artifactId>"),
        "mix.exs" => text
            .split("{:")
            .skip(1)
            .filter_map(|rest| rest.split([',', '}']).next())
            .map(str::to_owned)
            .collect(),
        "Cargo.toml" | "pyproject.toml" | "Pipfile" => toml(text),
        _ if file.ends_with(".csproj") => between(text, "Include=\"", "\""),
        _ if file.starts_with("build.gradle") => gradle(text),
        _ if file.starts_with("requirements") => text.lines().map(requirement).collect(),
        _ => Vec::new(),
    };
    found
        .iter_mut()
        .for_each(|name| *name = name.trim().to_ascii_lowercase());
    found.retain(|name| !name.is_empty());
    found
}

fn keys(text: &str, of: &[&str]) -> Vec<String> {
    let Ok(json) = serde_json::from_str::<Value>(text) else {
        return Vec::new();
    };
    let tables = of.iter().filter_map(|key| json.get(key)?.as_object());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

fn first_words(text: &str, keyword: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches(keyword).trim_start());
    lines
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn quoted_after(text: &str, keyword: &str) -> Vec<String> {
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(keyword));
    lines
        .filter_map(|rest| rest.split(['"', '\'']).nth(1))
        .map(str::to_owned)
        .collect()
}

fn between(text: &str, start: &str, end: &str) -> Vec<String> {
    let parts = text.split(start).skip(1);
    parts
        .filter_map(|rest| rest.split(end).next())
        .map(str::to_owned)
        .collect()
}

/// Group and artifact of each `"group:artifact:version"`.
fn gradle(text: &str) -> Vec<String> {
    let quoted = text.split(['"', '\'']).skip(1).step_by(2);
    quoted
        .flat_map(|name| name.split(':').take(2))
        .map(str::to_owned)
        .collect()
}

/// Keys, and the names at the start of quoted requirements.
fn toml(text: &str) -> Vec<String> {
    let keys = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key.trim().trim_matches('"').to_owned());
    let quoted = text.split('"').skip(1).step_by(2).map(requirement);
    keys.chain(quoted).collect()
}

/// The package of a line such as `psycopg[binary]>=3`.
fn requirement(line: &str) -> String {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_./@".contains(c));
    line[..end.unwrap_or(line.len())].replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_with_the_manifest_that_has_them() {
        let project = Project::of(&[
            (
                "package.json",
                r#"{"dependencies": {"pg": "8", "express": "5"}, "devDependencies": {"redis": "1"}}"#,
            ),
            (
                "requirements.txt",
                "psycopg2_binary==2.9\nCelery[redis]>=5  # tasks\n-r other.txt\n",
            ),
            (
                "go.mod",
                "module x\n\nrequire (\n\tgithub.com/jackc/pgx/v5 v5.0.0\n\tgithub.com/jackc/pgxlisten v0\n)\n",
            ),
            (
                "Gemfile",
                "source 'https://rubygems.org'\ngem \"sidekiq\", '~> 7'\n",
            ),
            (
                "pyproject.toml",
                "[project]\ndependencies = [\"pymongo>=4\"]\n",
            ),
        ]);
        let mut notes = Notes::default();
        note(&project, "", &mut notes);
        let texts: Vec<String> = notes.0.iter().map(|note| note.to_string()).collect();
        let starts: Vec<&str> = texts
            .iter()
            .filter_map(|text| text.split(':').next())
            .collect();
        assert_eq!(
            starts,
            [
                "`Gemfile`",
                "`go.mod`",
                "`package.json`",
                "`pyproject.toml`",
                "`requirements.txt`",
                "`requirements.txt`"
            ]
        );
        assert!(
            texts[2].contains("`pg`: if the app needs PostgreSQL"),
            "{}",
            texts[2]
        );
        assert!(
            texts[1].contains("has `github.com/jackc/pgx/v5`:"),
            "{}",
            texts[1]
        );
    }
}

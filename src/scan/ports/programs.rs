//! Programs that listen by themselves, with their default ports, and programs that never listen.

/// A server program, or a subcommand of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// The program, and the words that must follow it.
    pub words: &'static [&'static str],
    /// The port without a flag.
    pub port: u16,
    /// Whether the variable `PORT` moves it.
    pub by_port: bool,
    /// The port is the first word after these, also as `HOST:PORT`.
    pub positional: bool,
    /// Parts of names of files that set the port too.
    pub files: &'static [&'static str],
}

const fn server(words: &'static [&'static str], port: u16) -> Server {
    Server {
        words,
        port,
        by_port: false,
        positional: false,
        files: &[],
    }
}

const fn by_port(words: &'static [&'static str], port: u16) -> Server {
    Server {
        by_port: true,
        ..server(words, port)
    }
}

const fn positional(words: &'static [&'static str], port: u16) -> Server {
    Server {
        positional: true,
        ..server(words, port)
    }
}

const fn with_files(of: Server, files: &'static [&'static str]) -> Server {
    Server { files, ..of }
}

/// The longer form before the shorter one.
const SERVERS: &[Server] = &[
    // JavaScript
    by_port(&["next", "start"], 3000),
    by_port(&["next", "dev"], 3000),
    by_port(&["next"], 3000),
    by_port(&["nuxt"], 3000),
    by_port(&["nuxi"], 3000),
    by_port(&["react-scripts", "start"], 3000),
    by_port(&["react-app-rewired", "start"], 3000),
    by_port(&["craco", "start"], 3000),
    by_port(&["remix-serve"], 3000),
    by_port(&["strapi"], 1337),
    with_files(server(&["vite", "preview"], 4173), &["vite.config."]),
    with_files(server(&["vite"], 5173), &["vite.config."]),
    with_files(
        by_port(&["vue-cli-service", "serve"], 8080),
        &["vue.config."],
    ),
    with_files(server(&["webpack", "serve"], 8080), &["webpack"]),
    with_files(server(&["webpack-dev-server"], 8080), &["webpack"]),
    with_files(server(&["ng", "serve"], 4200), &["angular.json"]),
    server(&["gatsby", "develop"], 8000),
    server(&["astro", "dev"], 4321),
    by_port(&["parcel"], 1234),
    by_port(&["serve"], 3000),
    server(&["http-server"], 8080),
    server(&["live-server"], 8080),
    server(&["json-server"], 3000),
    server(&["prisma", "studio"], 5555),
    server(&["storybook"], 6006),
    // Python
    positional(&["manage.py", "runserver"], 8000),
    positional(&["manage.py", "runserver_plus"], 8000),
    positional(&["django-admin", "runserver"], 8000),
    positional(&["http.server"], 8000),
    with_files(server(&["gunicorn"], 8000), &["gunicorn"]),
    with_files(server(&["gunicorn_start"], 8000), &["gunicorn"]),
    server(&["uvicorn"], 8000),
    server(&["hypercorn"], 8000),
    server(&["daphne"], 8000),
    server(&["fastapi"], 8000),
    server(&["waitress-serve"], 8080),
    server(&["granian"], 8000),
    server(&["flask", "run"], 5000),
    server(&["streamlit", "run"], 8501),
    server(&["jupyter"], 8888),
    server(&["jupyter-lab"], 8888),
    server(&["mlflow", "server"], 5000),
    server(&["mlflow", "ui"], 5000),
    server(&["airflow", "webserver"], 8080),
    server(&["airflow", "api-server"], 8080),
    server(&["superset", "run"], 8088),
    server(&["dagster-webserver"], 3000),
    server(&["flower"], 5555),
    server(&["celery", "flower"], 5555),
    server(&["mkdocs", "serve"], 8000),
    // Ruby
    with_files(by_port(&["rails", "server"], 3000), &["puma.rb"]),
    with_files(by_port(&["rails", "s"], 3000), &["puma.rb"]),
    with_files(by_port(&["puma"], 9292), &["puma.rb"]),
    server(&["unicorn"], 8080),
    server(&["rackup"], 9292),
    server(&["jekyll", "serve"], 4000),
    // PHP, Elixir, Java, others
    server(&["artisan", "serve"], 8000),
    server(&["artisan", "octane:start"], 8000),
    server(&["symfony", "serve"], 8000),
    server(&["symfony", "server:start"], 8000),
    server(&["php-fpm"], 9000),
    server(&["mix", "phx.server"], 4000),
    server(&["catalina.sh"], 8080),
    server(&["hugo", "server"], 1313),
    // Servers
    with_files(server(&["nginx"], 80), &[".conf", ".template"]),
    server(&["apache2-foreground"], 80),
    server(&["apache2ctl"], 80),
    server(&["apachectl"], 80),
    server(&["httpd-foreground"], 80),
    with_files(server(&["caddy", "run"], 80), &["caddyfile"]),
    server(&["redis-server"], 6379),
    server(&["valkey-server"], 6379),
    server(&["postgres"], 5432),
    server(&["mysqld"], 3306),
    server(&["mariadbd"], 3306),
    server(&["mongod"], 27017),
    server(&["memcached"], 11211),
    server(&["rabbitmq-server"], 5672),
    server(&["nats-server"], 4222),
    server(&["minio", "server"], 9000),
];

/// Programs that do their work and listen on nothing: clients, tools, queues' workers. One word, or a
/// program and its subcommand.
const IDLE: &[&[&str]] = &[
    // Workers
    &["celery"],
    &["rq"],
    &["rqworker"],
    &["rqscheduler"],
    &["dramatiq"],
    &["huey_consumer"],
    &["arq"],
    &["sidekiq"],
    &["resque"],
    &["rake"],
    &["good_job"],
    &["artisan"],
    &["airflow"],
    &["prefect", "worker"],
    &["temporal-worker"],
    // Migrations and their like
    &["manage.py"],
    &["django-admin"],
    &["flask"],
    &["alembic"],
    &["rails"],
    &["prisma"],
    &["knex"],
    &["sequelize"],
    &["typeorm"],
    &["flyway"],
    &["liquibase"],
    &["migrate"],
    &["goose"],
    &["dbmate"],
    // Building and testing
    &["webpack"],
    &["tsc"],
    &["jest"],
    &["vitest"],
    &["mocha"],
    &["cypress"],
    &["playwright"],
    &["pytest"],
    &["eslint"],
    &["vite", "build"],
    &["next", "build"],
    &["ng", "build"],
    &["react-scripts", "build"],
    &["react-scripts", "test"],
    &["vue-cli-service", "build"],
    &["pip"],
    &["npm"],
    &["yarn"],
    &["pnpm"],
    &["composer"],
    &["bundle"],
    &["mvn"],
    &["gradle"],
    &["make"],
    // Clients
    &["psql"],
    &["pg_isready"],
    &["pg_dump"],
    &["createdb"],
    &["mysql"],
    &["mysqladmin"],
    &["mysqldump"],
    &["mariadb"],
    &["mongo"],
    &["mongosh"],
    &["mongoimport"],
    &["mongorestore"],
    &["redis-cli"],
    &["rabbitmqctl"],
    &["rabbitmqadmin"],
    &["kafka-topics"],
    &["kafka-topics.sh"],
    &["mc"],
    &["aws"],
    &["awslocal"],
    &["curl"],
    &["nc"],
    &["netcat"],
    &["nslookup"],
    &["getent"],
    &["wget"],
    &["certbot"],
    &["ngrok"],
    &["cloudflared"],
    &["k6"],
    &["locust", "--headless"],
    &["ab"],
    &["wrk"],
    &["stripe"],
    // The shell's own
    &["sleep"],
    &["tail"],
    &["echo"],
    &["printf"],
    &["cat"],
    &["cd"],
    &["cp"],
    &["mv"],
    &["ln"],
    &["rm"],
    &["mkdir"],
    &["touch"],
    &["chmod"],
    &["chown"],
    &["sed"],
    &["grep"],
    &["awk"],
    &["find"],
    &["envsubst"],
    &["set"],
    &["export"],
    &["source"],
    &["true"],
    &["false"],
    &["test"],
    &["["],
    &["wait"],
    &["trap"],
    &["exit"],
    &["date"],
    &["ls"],
    &["cron"],
    &["crond"],
    &["supercronic"],
    &["apt-get"],
    &["apk"],
];

/// The server that the words start, a program's name first.
pub fn server_of(words: &[String]) -> Option<Server> {
    SERVERS
        .iter()
        .find(|server| starts(words, server.words))
        .copied()
}

/// Whether the words start a program that listens on nothing.
pub fn is_idle(words: &[String]) -> bool {
    IDLE.iter().any(|idle| starts(words, idle))
}

/// Whether the first word is `wanted[0]` and the others of `wanted` come next, flags aside.
fn starts(words: &[String], wanted: &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    let mut others = rest
        .iter()
        .filter(|word| !word.starts_with('-') || wanted.contains(&&***word));
    first == wanted[0]
        && wanted[1..]
            .iter()
            .all(|want| others.next().is_some_and(|word| word == want))
}

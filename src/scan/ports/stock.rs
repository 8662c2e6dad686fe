//! Images that many people use, and the ports that their servers listen on.
//!
//! General knowledge, from the images' own documentation: the port is the server's default, which the
//! image does not change.

/// A server in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockImage {
    /// Last part of the repository's name.
    name: &'static str,
    /// TCP ports that it listens on when nothing says otherwise.
    pub ports: &'static [u16],
    /// Names of the server's programs, which a command names when it starts the server.
    pub programs: &'static [&'static str],
    /// Environment variables whose value is another port, in the place of the first one.
    pub variables: &'static [&'static str],
}

const fn image(
    name: &'static str,
    ports: &'static [u16],
    programs: &'static [&'static str],
    variables: &'static [&'static str],
) -> StockImage {
    StockImage {
        name,
        ports,
        programs,
        variables,
    }
}

/// By the repository's last name. Those of a database's makers and others' builds share the name.
const IMAGES: &[StockImage] = &[
    // Web servers and proxies
    image("nginx", &[80], &["nginx"], &["NGINX_PORT"]),
    image("nginx-unprivileged", &[8080], &["nginx"], &[]),
    image("openresty", &[80], &["openresty", "nginx"], &[]),
    image("nginx-proxy", &[80], &["forego", "nginx"], &["HTTP_PORT"]),
    image("httpd", &[80], &["httpd", "httpd-foreground"], &[]),
    image("caddy", &[80, 443], &["caddy"], &[]),
    image("traefik", &[80], &["traefik"], &[]),
    image("varnish", &[80], &["varnishd"], &["VARNISH_HTTP_PORT"]),
    image("tomcat", &[8080], &["catalina.sh"], &[]),
    image("jetty", &[8080], &["java"], &[]),
    image("swagger-ui", &[8080], &["nginx"], &["PORT"]),
    image("whoami", &[80], &["whoami"], &["WHOAMI_PORT_NUMBER"]),
    // Databases
    image("postgres", &[5432], &["postgres"], &["PGPORT"]),
    image(
        "postgresql",
        &[5432],
        &["postgres", "run.sh"],
        &["POSTGRESQL_PORT_NUMBER", "PGPORT"],
    ),
    image("postgis", &[5432], &["postgres"], &["PGPORT"]),
    image("pgvector", &[5432], &["postgres"], &["PGPORT"]),
    image("timescaledb", &[5432], &["postgres"], &["PGPORT"]),
    image("mysql", &[3306], &["mysqld"], &["MYSQL_TCP_PORT"]),
    image("mysql-server", &[3306], &["mysqld"], &["MYSQL_TCP_PORT"]),
    image(
        "mariadb",
        &[3306],
        &["mariadbd", "mysqld"],
        &["MYSQL_TCP_PORT"],
    ),
    image("percona", &[3306], &["mysqld"], &["MYSQL_TCP_PORT"]),
    image("mongo", &[27017], &["mongod"], &[]),
    image(
        "mongodb",
        &[27017],
        &["mongod", "run.sh"],
        &["MONGODB_PORT_NUMBER"],
    ),
    image(
        "mongo-express",
        &[8081],
        &["mongo-express", "node"],
        &["PORT", "VCAP_APP_PORT"],
    ),
    image("redis", &[6379], &["redis-server"], &["REDIS_PORT_NUMBER"]),
    image("redis-stack", &[6379, 8001], &["redis-stack-server"], &[]),
    image("redis-stack-server", &[6379], &["redis-stack-server"], &[]),
    image("valkey", &[6379], &["valkey-server"], &[]),
    image("keydb", &[6379], &["keydb-server"], &[]),
    image("dragonfly", &[6379], &["dragonfly"], &[]),
    image("memcached", &[11211], &["memcached"], &[]),
    image("cassandra", &[9042], &["cassandra"], &[]),
    image("couchdb", &[5984], &["couchdb"], &[]),
    image("neo4j", &[7474, 7687], &["neo4j"], &[]),
    image("influxdb", &[8086], &["influxd"], &[]),
    image(
        "clickhouse-server",
        &[8123, 9000],
        &["clickhouse-server"],
        &[],
    ),
    image("clickhouse", &[8123, 9000], &["clickhouse-server"], &[]),
    image(
        "cockroach",
        &[26257, 8080],
        &["cockroach", "start", "start-single-node"],
        &[],
    ),
    image("arangodb", &[8529], &["arangod"], &[]),
    image("rethinkdb", &[28015, 8080], &["rethinkdb"], &[]),
    image("dynamodb-local", &[8000], &["java"], &[]),
    // Search
    image(
        "elasticsearch",
        &[9200],
        &["elasticsearch", "eswrapper"],
        &["http.port"],
    ),
    image(
        "opensearch",
        &[9200],
        &["opensearch", "opensearch-docker-entrypoint.sh"],
        &["http.port"],
    ),
    image(
        "opensearch-dashboards",
        &[5601],
        &["opensearch-dashboards"],
        &["SERVER_PORT"],
    ),
    image(
        "kibana",
        &[5601],
        &["kibana", "kibana-docker"],
        &["SERVER_PORT"],
    ),
    image(
        "solr",
        &[8983],
        &["solr", "solr-foreground", "solr-precreate", "solr-create"],
        &["SOLR_PORT"],
    ),
    image("meilisearch", &[7700], &["meilisearch"], &[]),
    image(
        "typesense",
        &[8108],
        &["typesense-server"],
        &["TYPESENSE_API_PORT"],
    ),
    image(
        "qdrant",
        &[6333, 6334],
        &["qdrant"],
        &["QDRANT__SERVICE__HTTP_PORT"],
    ),
    image("weaviate", &[8080], &["weaviate"], &[]),
    image(
        "chroma",
        &[8000],
        &["chroma", "uvicorn"],
        &["CHROMA_SERVER_HTTP_PORT"],
    ),
    // Queues
    image(
        "rabbitmq",
        &[5672],
        &["rabbitmq-server"],
        &["RABBITMQ_NODE_PORT"],
    ),
    image("zookeeper", &[2181], &["zkServer.sh"], &["ZOO_CLIENT_PORT"]),
    image(
        "cp-zookeeper",
        &[2181],
        &["run"],
        &["ZOOKEEPER_CLIENT_PORT"],
    ),
    image("kafka", &[9092], &["run.sh", "start-kafka.sh", "run"], &[]),
    image("cp-kafka", &[9092], &["run"], &[]),
    image("redpanda", &[9092, 8081, 8082, 9644], &["redpanda"], &[]),
    image("cp-schema-registry", &[8081], &["run"], &[]),
    image("kafka-ui", &[8080], &["java"], &["SERVER_PORT"]),
    image("kafdrop", &[9000], &["java"], &["SERVER_PORT"]),
    image("nats", &[4222], &["nats-server"], &[]),
    image("mosquitto", &[1883], &["mosquitto"], &[]),
    image("eclipse-mosquitto", &[1883], &["mosquitto"], &[]),
    image("activemq", &[61616, 8161], &["activemq"], &[]),
    image("emqx", &[1883, 8083, 18083], &["emqx"], &[]),
    // Storage and identity
    image("minio", &[9000], &["minio", "server"], &[]),
    image("azurite", &[10000, 10001, 10002], &["azurite"], &[]),
    image("localstack", &[4566], &["localstack"], &[]),
    image(
        "keycloak",
        &[8080],
        &["kc.sh", "start", "start-dev"],
        &["KC_HTTP_PORT"],
    ),
    image("vault", &[8200], &["vault", "server"], &[]),
    image("consul", &[8500, 8300, 8600], &["consul", "agent"], &[]),
    image("etcd", &[2379, 2380], &["etcd"], &[]),
    image("registry", &[5000], &["registry", "serve"], &[]),
    // Observability
    image("prometheus", &[9090], &["prometheus"], &[]),
    image("alertmanager", &[9093], &["alertmanager"], &[]),
    image("pushgateway", &[9091], &["pushgateway"], &[]),
    image("node-exporter", &[9100], &["node_exporter"], &[]),
    image("cadvisor", &[8080], &["cadvisor"], &[]),
    image(
        "grafana",
        &[3000],
        &["grafana", "grafana-server"],
        &["GF_SERVER_HTTP_PORT"],
    ),
    image(
        "grafana-oss",
        &[3000],
        &["grafana", "grafana-server"],
        &["GF_SERVER_HTTP_PORT"],
    ),
    image("loki", &[3100], &["loki"], &[]),
    image("tempo", &[3200], &["tempo"], &[]),
    image("zipkin", &[9411], &["java"], &["QUERY_PORT"]),
    image("all-in-one", &[16686, 14268], &["all-in-one-linux"], &[]),
    image("logstash", &[9600], &["logstash"], &[]),
    image("graphite-statsd", &[80, 2003], &[], &[]),
    // Tools with a web page
    image("adminer", &[8080], &["php"], &[]),
    image(
        "phpmyadmin",
        &[80],
        &["apache2-foreground"],
        &["APACHE_PORT"],
    ),
    image("pgadmin4", &[80], &["gunicorn"], &["PGADMIN_LISTEN_PORT"]),
    image(
        "redis-commander",
        &[8081],
        &["node", "redis-commander"],
        &["PORT"],
    ),
    image("redisinsight", &[5540], &["node"], &["RI_APP_PORT"]),
    image("mailhog", &[1025, 8025], &["MailHog"], &[]),
    image("mailpit", &[1025, 8025], &["mailpit"], &[]),
    image(
        "maildev",
        &[1080, 1025],
        &["maildev"],
        &["MAILDEV_WEB_PORT"],
    ),
    image("mailcatcher", &[1080, 1025], &["mailcatcher"], &[]),
    image("smtp4dev", &[80, 25], &["dotnet"], &[]),
    image("portainer", &[9000, 9443, 8000], &["portainer"], &[]),
    image("portainer-ce", &[9000, 9443, 8000], &["portainer"], &[]),
    image("jenkins", &[8080, 50000], &["jenkins.sh"], &[]),
    image("sonarqube", &[9000], &["sonar.sh"], &["SONAR_WEB_PORT"]),
    image(
        "metabase",
        &[3000],
        &["java", "run_metabase.sh"],
        &["MB_JETTY_PORT"],
    ),
    image("n8n", &[5678], &["n8n"], &["N8N_PORT"]),
    image(
        "gitea",
        &[3000, 22],
        &["gitea", "s6-svscan"],
        &["GITEA__server__HTTP_PORT"],
    ),
    image("nexus3", &[8081], &["nexus"], &[]),
    image("browserless", &[3000], &[], &["PORT"]),
    image("standalone-chrome", &[4444, 7900], &[], &[]),
    image(
        "hasura",
        &[8080],
        &["graphql-engine"],
        &["HASURA_GRAPHQL_SERVER_PORT"],
    ),
    image(
        "graphql-engine",
        &[8080],
        &["graphql-engine"],
        &["HASURA_GRAPHQL_SERVER_PORT"],
    ),
    image("postgrest", &[3000], &["postgrest"], &["PGRST_SERVER_PORT"]),
    image("directus", &[8055], &[], &["PORT"]),
    image("ollama", &[11434], &["ollama", "serve"], &[]),
    // Applications
    image("wordpress", &[80], &["apache2-foreground"], &[]),
    image("ghost", &[2368], &["node"], &["server__port"]),
    image("drupal", &[80], &["apache2-foreground"], &[]),
    image("joomla", &[80], &["apache2-foreground"], &[]),
    image("nextcloud", &[80], &["apache2-foreground"], &[]),
    image("matomo", &[80], &["apache2-foreground"], &[]),
    image("mediawiki", &[80], &["apache2-foreground"], &[]),
    image("moodle", &[8080, 8443], &[], &[]),
    image("redmine", &[3000], &["rails"], &[]),
    image("odoo", &[8069, 8072], &["odoo"], &[]),
    // Bases that apps are built on, with a server in them
    image("aspnet", &[8080], &["dotnet"], &["ASPNETCORE_HTTP_PORTS"]),
];

/// Their name is that of a language or of another program; the tag says whether a server is in it.
const BY_TAG: &[(&str, &str, StockImage)] = &[
    (
        "php",
        "apache",
        image("php", &[80], &["apache2-foreground"], &[]),
    ),
    ("php", "fpm", image("php", &[9000], &["php-fpm"], &[])),
    (
        "wordpress",
        "fpm",
        image("wordpress", &[9000], &["php-fpm"], &[]),
    ),
    ("wordpress", "cli", image("wordpress", &[], &[], &[])),
    (
        "nextcloud",
        "fpm",
        image("nextcloud", &[9000], &["php-fpm"], &[]),
    ),
    ("drupal", "fpm", image("drupal", &[9000], &["php-fpm"], &[])),
    (
        "phpmyadmin",
        "fpm",
        image("phpmyadmin", &[9000], &["php-fpm"], &[]),
    ),
    (
        "adminer",
        "fastcgi",
        image("adminer", &[9000], &["php-fpm"], &[]),
    ),
    (
        "nats",
        "streaming",
        image("nats", &[4222], &["nats-streaming-server"], &[]),
    ),
    (
        "rabbitmq",
        "management",
        image(
            "rabbitmq",
            &[5672, 15672],
            &["rabbitmq-server"],
            &["RABBITMQ_NODE_PORT"],
        ),
    ),
];

/// First .NET release whose image listens on 8080; those before have 80.
const DOTNET_8080: u32 = 8;

/// What is known of the image `reference`, which may have a registry, a tag and a digest.
pub fn stock(reference: &str) -> Option<StockImage> {
    let reference = reference.split('@').next().unwrap_or_default();
    let (repository, tag) = match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, ""),
    };
    let name = repository
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let tagged = BY_TAG
        .iter()
        .find(|(of, word, _)| *of == name && tag.contains(word));
    if let Some((_, _, image)) = tagged {
        return Some(*image);
    }
    let found = *IMAGES.iter().find(|image| image.name == name)?;
    let major = tag
        .split(['.', '-'])
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if name == "aspnet" && major.is_some_and(|major| major < DOTNET_8080) {
        return Some(StockImage {
            ports: &[80],
            ..found
        });
    }
    Some(found).filter(|image| !image.ports.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(reference: &str) -> Vec<u16> {
        stock(reference)
            .map(|image| image.ports.to_vec())
            .unwrap_or_default()
    }

    #[test]
    fn registry_organisation_tag_and_digest_do_not_matter() {
        assert_eq!(ports("redis"), [6379]);
        assert_eq!(ports("docker.io/library/redis:7-alpine"), [6379]);
        assert_eq!(ports("localhost:5000/bitnami/redis@sha256:00ff"), [6379]);
        assert_eq!(
            ports("docker.elastic.co/elasticsearch/elasticsearch:8.1.0"),
            [9200]
        );
    }

    #[test]
    fn the_tag_says_which_server_is_in_an_image() {
        assert_eq!(ports("php:8.2-fpm-alpine"), [9000]);
        assert_eq!(ports("php:8.2-apache"), [80]);
        assert_eq!(ports("php:8.2-cli"), [0u16; 0]);
        assert_eq!(ports("rabbitmq:3-management"), [5672, 15672]);
        assert_eq!(ports("mcr.microsoft.com/dotnet/aspnet:6.0"), [80]);
        assert_eq!(ports("mcr.microsoft.com/dotnet/aspnet:8.0-alpine"), [8080]);
    }

    #[test]
    fn a_language_has_no_port() {
        for reference in [
            "python:3.12",
            "node:22-slim",
            "debian",
            "alpine:3",
            "my/server:1",
        ] {
            assert_eq!(ports(reference), [0u16; 0], "{reference}");
        }
    }
}

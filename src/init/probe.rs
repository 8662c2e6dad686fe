//! The first probes of a service: what its health check asks, or whether its first port answers.

use std::sync::LazyLock;

use regex::Regex;

use super::compose_file::{Map, Yaml};

/// Ports on which something other than HTTP is spoken: a connection is all that can be asked for.
const NOT_HTTP: &[u16] = &[
    21, 22, 25, 53, 110, 143, 389, 443, 465, 587, 636, 993, 995, 1433, 1521, 1883, 3306, 4317,
    5432, 5671, 5672, 6379, 6432, 6543, 8443, 9042, 9092, 11211, 24224, 27017, 33060, 50051,
];

static OWN_URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"http://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d{1,5}))?(/[^\s"'`|;&)\\$]*)?"#)
        .expect("a constant pattern")
});

/// A port that is asked over HTTP at a path, or only for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub port: u16,
    pub path: Option<String>,
    /// Whether `/` is only a guess.
    pub guessed: bool,
}

/// Port and path of the first URL of the container itself in a health check.
pub fn own_url(health_check: &str) -> Option<(u16, String)> {
    let found = OWN_URL.captures(health_check)?;
    let port = found
        .get(1)
        .map_or(Ok(80), |port| port.as_str().parse())
        .ok()?;
    let path = found.get(2).map_or("/", |path| path.as_str());
    Some((port, path.to_owned()))
}

impl Probe {
    /// The probe of a service whose first TCP port and health check are these.
    pub fn of(port: Option<u16>, health_check: &str) -> Option<Self> {
        if let Some((port, path)) = own_url(health_check) {
            return Some(Self {
                port,
                path: Some(path),
                guessed: false,
            });
        }
        let port = port?;
        let path = (!NOT_HTTP.contains(&port)).then(|| "/".to_owned());
        Some(Self {
            port,
            guessed: path.is_some(),
            path,
        })
    }

    /// The probe as it stands in `x-envsim`.
    pub fn yaml(&self, service: &str, first_port: Option<u16>) -> Yaml {
        let mut map = Map::default();
        map.put("service", Yaml::literal(service));
        match &self.path {
            None => {
                map.put("tcp", i64::from(self.port));
            }
            Some(path) => {
                let entry = map.put("http", Yaml::literal(&format!("GET {path}")));
                if self.guessed {
                    entry.comment("a guess: name a page that must work");
                }
                if first_port != Some(self.port) {
                    map.put("port", i64::from(self.port));
                }
            }
        }
        Yaml::Map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_health_check_is_what_is_asked() {
        let asks = |check: &str| Probe::of(Some(3000), check).map(|probe| (probe.port, probe.path));
        let page = |port, path: &str| Some((port, Some(path.to_owned())));
        assert_eq!(
            asks("curl -f http://localhost:8080/health || exit 1"),
            page(8080, "/health")
        );
        assert_eq!(
            asks("fetch('http://127.0.0.1:3000/up?x=1').then()"),
            page(3000, "/up?x=1")
        );
        assert_eq!(asks("wget -q http://localhost/"), page(80, "/"));
        assert_eq!(asks("pgrep node"), page(3000, "/"));
        assert_eq!(
            Probe::of(Some(5432), ""),
            Some(Probe {
                port: 5432,
                path: None,
                guessed: false
            })
        );
        assert_eq!(Probe::of(None, ""), None);
    }
}

//! Requests to one's own address: what a health check asks tells what the container listens on.

use super::super::spot::pattern;

/// The ports of the container itself that the words of a health check ask, without those of clients
/// that speak to something else.
pub fn own_ports(words: &[String]) -> Vec<u16> {
    let text = words.join(" ");
    let mut ports = Vec::new();
    let urls = pattern!(
        r#"(?x)\b(https?)://(?:[\w.%+-]+:[^@\s/]*@)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(\d{1,5}))?(?:[/\s"'?)]|$)"#
    );
    for found in urls.captures_iter(&text) {
        let default = if &found[1] == "https" { 443 } else { 80 };
        let port = found
            .get(2)
            .map_or(Some(default), |port| port.as_str().parse().ok());
        ports.extend(port);
    }
    let bare = pattern!(
        r"(?x)(?:\b(?:curl|wget|nc|ncat|netcat|grpc_health_probe)\b[^;&|]*?[\s=]) (?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])?[:\s](\d{2,5})\b"
    );
    ports.extend(
        bare.captures_iter(&text)
            .filter_map(|found| found[1].parse::<u16>().ok()),
    );
    let device = pattern!(r"/dev/tcp/(?:localhost|127\.0\.0\.1)/(\d{2,5})");
    ports.extend(
        device
            .captures_iter(&text)
            .filter_map(|found| found[1].parse::<u16>().ok()),
    );
    ports.retain(|port| *port > 0);
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<u16> {
        own_ports(&["CMD-SHELL".to_owned(), text.to_owned()])
    }

    #[test]
    fn a_request_to_localhost_names_the_port() {
        assert_eq!(of("curl -f http://localhost:3000/health || exit 1"), [3000]);
        assert_eq!(of("wget -qO- http://127.0.0.1/"), [80]);
        assert_eq!(of("nc -z localhost 6379"), [6379]);
        assert_eq!(of("curl -fs localhost:8080/ping"), [8080]);
        assert_eq!(of("bash -c ':> /dev/tcp/127.0.0.1/9000'"), [9000]);
    }

    #[test]
    fn a_request_to_another_host_names_none() {
        assert_eq!(of("curl -f http://api:3000/health"), [0u16; 0]);
        assert_eq!(of("pg_isready -U postgres"), [0u16; 0]);
        assert_eq!(of("curl --max-time 30 http://api/"), [0u16; 0]);
        assert_eq!(of("nc -z db 5432"), [0u16; 0]);
    }
}

//! Calls and settings by which a program listens, in source and configuration files.
//!
//! Each language has its own patterns: the frameworks and standard libraries that most web apps use.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::super::spot::pattern;
use super::{PortMention, mention};

/// Ports that the text of the file `path` makes a program listen on.
pub fn ports(path: &str, text: &str) -> Vec<PortMention> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let mut found = Found {
        text,
        comment: comment_sign(extension),
        mentions: Vec::new(),
    };
    match extension {
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" => javascript(&mut found, &name),
        "py" => python(&mut found, &name),
        "go" => go(&mut found),
        "rs" => rust(&mut found),
        "rb" | "ru" => ruby(&mut found, &name),
        "java" | "kt" | "scala" | "groovy" => jvm(&mut found),
        "cs" => found.all(pattern!(r#"https?://[*+\w.\[\]:]*:(\d{2,5})"#), &["UseUrls", "Urls.Add", "ListenAnyIP"]),
        "ex" | "exs" => found.all(pattern!(r#"(?s)http:\s*\[[^\]]*?port:\s*(?:String\.to_integer\(System\.get_env\("(?P<variable>\w+)"\)\s*\|\|\s*"|)(\d{2,5})"#), &[]),
        "properties" => found.all(pattern!(r"(?m)^\s*server\.port\s*[=:]\s*(?:\$\{(?P<variable>\w+):)?(\d{2,5})"), &[]),
        "php" => found.all(pattern!(r#"(?:Server|listen)\(\s*['"](?:0\.0\.0\.0|tcp://0\.0\.0\.0)['"]?\s*[,:]\s*(\d{2,5})"#), &[]),
        _ => {}
    }
    configuration(&mut found, path, &name, extension);
    found
        .mentions
        .sort_by_key(|mention| (mention.line, mention.column));
    found
        .mentions
        .dedup_by_key(|mention| (mention.line, mention.port));
    found.mentions
}

/// Whether [`ports`] can find anything in a file: a number, or the name of a library that listens on a port
/// of its own. The cheap question that spares most files all patterns.
pub fn may_tell(file: &[u8]) -> bool {
    static WORDS: LazyLock<Option<regex::bytes::Regex>> = LazyLock::new(|| {
        regex::bytes::Regex::new(r"(?-u)[0-9][0-9]|Flask\(|gin\.|sinatra|PORT").ok()
    });
    WORDS.as_ref().is_none_or(|words| words.is_match(file))
}

/// Whether a file is the configuration of a server, whatever program the service runs.
pub fn is_configuration(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    pattern!(r"(?:\.conf|\.conf\.template|\.template|\.cfg|^caddyfile.*|^traefik\.\w+|^redis\.conf|\.cnf)$").is_match(&name)
        || (path.contains("nginx") && !name.contains("dockerfile"))
}

fn comment_sign(extension: &str) -> &'static str {
    match extension {
        "py" | "rb" | "ru" | "ex" | "exs" | "properties" | "conf" | "yml" | "yaml" | "toml"
        | "cfg" | "template" | "ini" | "cnf" => "#",
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" | "go" | "rs" | "java"
        | "kt" | "scala" | "groovy" | "cs" | "php" => "//",
        _ => "#",
    }
}

struct Found<'a> {
    text: &'a str,
    comment: &'static str,
    mentions: Vec<PortMention>,
}

impl Found<'_> {
    /// Adds every match whose last numbered group is the port and whose group `variable`, if there is one, the
    /// variable it is the default of. With `near`, one of these words must stand in the file.
    fn all(&mut self, pattern: &Regex, near: &[&str]) {
        if !near.is_empty() && !near.iter().any(|word| self.text.contains(word)) {
            return;
        }
        let text = self.text;
        for found in pattern.captures_iter(text) {
            self.one(&found);
        }
    }

    fn one(&mut self, found: &Captures) {
        let Some(number) = found
            .iter()
            .skip(1)
            .flatten()
            .filter(|group| group.as_str().bytes().all(|b| b.is_ascii_digit()))
            .last()
        else {
            return;
        };
        let variable = found.name("variable").map(|name| name.as_str().to_owned());
        self.push(number.range(), variable);
    }

    fn push(&mut self, range: Range<usize>, variable: Option<String>) {
        let Some(port) = self.text[range.clone()]
            .parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
        else {
            return;
        };
        let start = self.text[..range.start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        if self.text[start..range.start]
            .trim_start()
            .starts_with(self.comment)
        {
            return;
        }
        let mut mention = mention(self.text, range, port);
        mention.variable = variable.filter(|name| is_port_variable(name));
        self.mentions.push(mention);
    }

    /// The number that `name` is set to in this file: `const port = process.env.PORT || 3000`.
    fn named(&mut self, name: &str) {
        let assigned = format!(
            r#"(?m)(?:^|[\s,{{.])(?:const|let|var|static|final|int)?\s*{}\b(?:\s*:\s*\w+)?\s*(?::=|=|:)\s*([^\n;]*)"#,
            regex::escape(name)
        );
        let Ok(assigned) = Regex::new(&assigned) else {
            return;
        };
        let text = self.text;
        for found in assigned.captures_iter(text) {
            let Some(value) = found.get(1) else { continue };
            self.value(value.range());
        }
    }

    /// A number, or the number that stands for a variable without a value, in an expression.
    fn value(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        let shape = pattern!(
            r#"(?x)^\s*(?:[\w.]+\()*\s*
            (?: (?:process\.env|import\.meta\.env|env|os\.environ(?:\.get)?|os\.getenv|System\.getenv|ENV(?:\.fetch)?|os\.Getenv|config|Deno\.env\.get|Bun\.env)
                [\s.(\["']* (?P<variable>\w+) ["')\],\s]* (?:\|\||\?\?|,|or|\?:|\{)? \s* (?:[\w.]+\()* )?
            ["']?:?(\d{2,5})\b"#
        );
        let Some(found) = shape.captures(text) else {
            return;
        };
        let Some(number) = found.get(2) else { return };
        let variable = found.name("variable").map(|name| name.as_str().to_owned());
        self.push(
            range.start + number.start()..range.start + number.end(),
            variable,
        );
    }
}

/// Names of variables that hold the port a program listens on, and not that of another one.
fn is_port_variable(name: &str) -> bool {
    pattern!(r"(?i)^(?:(?:server|http|app|web|listen|node|api|service|backend|frontend|container|fastapi|flask_run|uvicorn)_?)?port$").is_match(name)
}

fn javascript(found: &mut Found, name: &str) {
    found.all(pattern!(r"\.listen\(\s*(\d{2,5})\b"), &[]);
    found.all(
        pattern!(r"\.listen\(\s*\{[^}]*?\bport\s*:\s*(\d{2,5})\b"),
        &[],
    );
    found.all(
        pattern!(r"\.(?:bindAsync|bind)\(\s*[`'\x22](?:0\.0\.0\.0|\[::\]):(\d{2,5})"),
        &[],
    );
    found.all(
        pattern!(r"(?s)\b(?:Bun|Deno)\.serve\(\s*\{[^}]*?\bport\s*:\s*(\d{2,5})\b"),
        &[],
    );
    let listens = found.text.contains(".listen(") || found.text.contains(".serve(");
    let expression = pattern!(
        r#"(?x)\.listen\(\s*(?:\{[^}]*?\bport\s*:\s*)?((?:[\w.]+\(\s*)*(?:process\.env|Bun\.env|Deno\.env)[^\n]*)"#
    );
    values(found, expression);
    let by_name = pattern!(
        r"(?s)\.listen\(\s*(?:\{[^}]*?\bport\s*:\s*|parseInt\(|Number\(|\+)?([A-Za-z_$][\w$]*)\s*[,)}\s]"
    );
    names(found, by_name);
    if listens && found.text.contains("{ port") {
        found.named("port");
    }
    let set = pattern!(r#"(?:\.set\(\s*['"]port['"]\s*,|\bnormalizePort\()\s*([^\n;]*)"#);
    values(found, set);
    // One's own port in a module of settings: listened on elsewhere.
    let settings = pattern!(
        r#"(?x)process\.env(?:\.|\[['"])(?P<variable>(?i:(?:server_|http_|app_|web_|listen_|node_|api_)?port))(?:['"]\])?\s*\)?\s*(?:\|\||\?\?|,)\s*(?:\w+\()?['"]?(\d{2,5})\b"#
    );
    found.all(settings, &[]);
    if is_bundler(name) {
        found.all(
            pattern!(r"(?s)\b(?:server|devServer|dev)\s*:\s*\{[^}]*?\bport\s*:\s*(\d{2,5})\b"),
            &[],
        );
    }
}

fn is_bundler(name: &str) -> bool {
    [
        "vite.config.",
        "vue.config.",
        "webpack",
        "nuxt.config.",
        "rsbuild.config.",
        "astro.config.",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// Adds the values that the first group of `pattern` holds.
fn values(found: &mut Found, pattern: &Regex) {
    let text = found.text;
    for captures in pattern.captures_iter(text) {
        if let Some(value) = captures.get(1) {
            found.value(value.range());
        }
    }
}

/// Adds what the names in the first group of `pattern` are set to.
fn names(found: &mut Found, pattern: &Regex) {
    let text = found.text;
    let mut seen: Vec<&str> = Vec::new();
    for captures in pattern.captures_iter(text) {
        let name = captures.get(1).map_or("", |name| name.as_str());
        if !name.is_empty() && !seen.contains(&name) {
            seen.push(name);
            found.named(name);
        }
    }
}

fn python(found: &mut Found, name: &str) {
    let run = pattern!(
        r#"(?xs)(?:\.run|\.run_app|\brun_app|\brun_simple|\bserve|\.launch|\.start_server|\brun|\bServer|\bConfig)\(
        (?:[^()]|\([^()]*\)|\((?:[^()]|\([^()]*\))*\))*? \b(?:server_)?port\s*=\s* ((?:[^()\n,]|\([^()]*\)|\((?:[^()]|\([^()]*\))*\))+)"#
    );
    values(found, run);
    let by_name = pattern!(
        r"(?s)(?:\.run|run_app|\bserve|\.launch|\.start_server)\([^)]*?\bport\s*=\s*(?:int\()?([A-Za-z_]\w*)\s*\)?[,)\s]"
    );
    names(found, by_name);
    let pair = pattern!(
        r#"(?x)(?:HTTPServer|TCPServer|ThreadingHTTPServer|ThreadingTCPServer|WSGIServer|make_server|\.bind|SimpleXMLRPCServer|websockets\.serve|start_server|create_server)\(
        [^()]*\(?\s*["'][\w.]*["']\s*,\s*(\d{2,5})\b"#
    );
    found.all(pair, &[]);
    let pair_by_name = pattern!(
        r#"(?x)(?:HTTPServer|TCPServer|ThreadingHTTPServer|ThreadingTCPServer|WSGIServer|make_server|\.bind|start_server|create_server)\(
        [^()]*\(?\s*(?:["'][\w.]*["']|[A-Z_]+)\s*,\s*([A-Za-z_]\w*)\b"#
    );
    names(found, pair_by_name);
    found.all(
        pattern!(r#"add_(?:in)?secure_port\(\s*f?["'](?:\[::\]|0\.0\.0\.0):(\d{2,5})"#),
        &[],
    );
    found.all(
        pattern!(r"\b(?:app|application|server|http_server)\.listen\(\s*(\d{2,5})\b"),
        &["tornado"],
    );
    if name.starts_with("gunicorn") {
        found.all(
            pattern!(r#"(?m)^\s*bind\s*=\s*f?\[?["'](?:[\w.:\[\]*]*:)(\d{2,5})"#),
            &[],
        );
    }
    let flask = found.text.contains("Flask(") && found.mentions.is_empty();
    if flask {
        default_call(found, pattern!(r"\bapp(?:lication)?\.run\("), 5000);
    }
}

/// A call without a port, which means the library's default.
fn default_call(found: &mut Found, pattern: &Regex, port: u16) {
    let text = found.text;
    let Some(call) = pattern.find(text) else {
        return;
    };
    let line = text[call.start()..].lines().next().unwrap_or_default();
    let start = text[..call.start()]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    if line.contains("port")
        || text[start..call.start()]
            .trim_start()
            .starts_with(found.comment)
    {
        return;
    }
    found.mentions.push(mention(text, call.range(), port));
}

fn go(found: &mut Found) {
    let address = pattern!(
        r#"(?x)(?:ListenAndServe(?:TLS)?|\.Run|\.RunTLS|\.Start|\.StartTLS|\.Listen|\.ListenTLS|net\.Listen|\bListen)\(\s*(?:"(?:tcp4?|tcp6)"\s*,\s*)?"[\w.\[\]:]*?:(\d{2,5})""#
    );
    found.all(address, &[]);
    found.all(
        pattern!(r#"\bAddr:\s*"[\w.\[\]]*:(\d{2,5})""#),
        &["ListenAndServe"],
    );
    let listens = [
        "ListenAndServe",
        "net.Listen",
        ".Run(",
        ".Listen(",
        ".Start(",
    ]
    .iter()
    .any(|call| found.text.contains(call));
    if listens {
        found.all(pattern!(r#"(?i)\b(?:\w*port|addr|listenAddr|address)\s*(?:string\s*)?(?::=|=)\s*"(?:[\w.]*:)?(\d{2,5})""#), &[]);
        found.all(pattern!(r#"flag\.(?:String|Int)\(\s*"(?:port|addr|listen|http|listen-address)"\s*,\s*"?:?(\d{2,5})"#), &[]);
    }
    if found.mentions.is_empty() && found.text.contains("gin.") {
        default_call(
            found,
            pattern!(r"\b(?:r|router|engine|server|app)\.Run\(\s*\)"),
            8080,
        );
    }
}

fn rust(found: &mut Found) {
    found.all(pattern!(r#"(?:bind|try_bind|bind_ephemeral|serve|TcpListener::bind)\(\s*(?:&)?\(?\s*"(?:0\.0\.0\.0|127\.0\.0\.1|\[::\])(?::|"\s*,\s*)(\d{2,5})"#), &[]);
    found.all(pattern!(r"SocketAddr(?:V4)?::(?:from|new)\(\s*\(?\[\s*\d+\s*,\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\]\s*,\s*(\d{2,5})"), &["bind", "serve"]);
    found.all(
        pattern!(r"\(\s*\[\s*0\s*,\s*0\s*,\s*0\s*,\s*0\s*\]\s*,\s*(\d{2,5})\s*\)"),
        &["bind", "serve", "run"],
    );
    let parsed = pattern!(
        r#""(?:0\.0\.0\.0|127\.0\.0\.1|\[::\]):(\d{2,5})"(?:\.parse|\s*\.to_string|\.into|\s*;|\))"#
    );
    found.all(parsed, &["bind", "serve"]);
}

fn ruby(found: &mut Found, name: &str) {
    found.all(pattern!(r"\bset\s+:port,\s*(\d{2,5})"), &[]);
    if name == "puma.rb" {
        found.all(pattern!(r#"(?m)^\s*port\s*\(?\s*(?:ENV\.fetch\(\s*["'](?P<variable>\w+)["']\s*(?:\)\s*\{\s*|,\s*)|ENV\[["']\w+["']\]\s*\|\|\s*)?["']?(\d{2,5})"#), &[]);
        found.all(
            pattern!(r#"(?m)^\s*bind\s+["']tcp://[\w.\[\]:]*:(\d{2,5})"#),
            &[],
        );
    }
    if found.mentions.is_empty() && found.text.contains("require 'sinatra'") {
        let text = found.text;
        if let Some(at) = text.find("require 'sinatra'") {
            found.mentions.push(mention(text, at..at + 17, 4567));
        }
    }
}

fn jvm(found: &mut Found) {
    found.all(
        pattern!(r"new\s+(?:ServerSocket|InetSocketAddress)\(\s*(\d{2,5})\s*\)"),
        &["ServerSocket(", "HttpServer"],
    );
    found.all(
        pattern!(r"\b(?:port|listen|start)\(\s*(\d{2,5})\s*[,)]"),
        &[
            "Spark",
            "Javalin",
            "createHttpServer",
            "ratpack",
            "embeddedServer",
        ],
    );
    found.all(
        pattern!(r"embeddedServer\([^)]*?\bport\s*=\s*(\d{2,5})"),
        &[],
    );
}

/// Settings of servers and frameworks, by the file's kind.
fn configuration(found: &mut Found, path: &str, name: &str, extension: &str) {
    match extension {
        "conf" | "template" | "nginx" => {
            if found.text.contains("server") && found.text.contains('{') {
                found.all(
                    pattern!(r"(?m)^[^#\n]*?\blisten\s+(?:[\w.*]+:|\[[\w:]*\]:)?(\d{2,5})\b"),
                    &[],
                );
            }
            variables(found);
            found.all(pattern!(r"(?m)^\s*Listen\s+(?:[\w.]+:)?(\d{2,5})\s*$"), &[]);
            if name == "redis.conf" {
                found.all(pattern!(r"(?m)^\s*port\s+(\d{2,5})\s*$"), &[]);
            }
            if name == "postgresql.conf" {
                found.all(pattern!(r"(?m)^\s*port\s*=\s*(\d{2,5})"), &[]);
            }
        }
        "cnf" => found.all(
            pattern!(r"(?ms)^\[mysqld\][^\[]*?^\s*port\s*=\s*(\d{2,5})"),
            &[],
        ),
        "cfg" if found.text.contains("frontend") || found.text.contains("listen") => {
            found.all(
                pattern!(r"(?m)^\s*bind\s+(?:[\w.*]*|\[[\w:]*\]):(\d{2,5})\b"),
                &[],
            );
        }
        "yml" | "yaml" => yaml(found, path, name),
        "toml" => {
            found.all(
                pattern!(r#"(?m)^\s*address\s*=\s*"[\w.]*:(\d{2,5})(?:/\w+)?""#),
                &["entryPoints", "entrypoints"],
            );
            if name == "rocket.toml" {
                found.all(pattern!(r"(?m)^\s*port\s*=\s*(\d{2,5})"), &[]);
            }
        }
        "json" if name.starts_with("appsettings") => {
            found.all(
                pattern!(r#""(?i:url)"\s*:\s*"https?://[\w.*+\[\]:]*:(\d{2,5})"#),
                &["Kestrel"],
            );
        }
        "json" if name == "angular.json" => found.all(
            pattern!(r#"(?s)"serve"\s*:\s*\{.*?"port"\s*:\s*(\d{2,5})"#),
            &[],
        ),
        _ => {}
    }
    if name.starts_with("caddyfile") || extension == "caddyfile" {
        found.all(
            pattern!(r"(?m)^(?:https?://)?[\w.*{}$-]*:(\d{2,5})(?:\s*,[^\n{]*)?\s*\{?\s*$"),
            &[],
        );
        let text = found.text;
        if found.mentions.is_empty() && text.contains('{') {
            found.mentions.push(mention(text, 0..0, 80));
        }
    }
}

/// `listen ${PORT};` of a template that is filled in when the container starts.
fn variables(found: &mut Found) {
    let text = found.text;
    for captures in pattern!(r"(?m)^[^#\n]*?\blisten\s+(?:[\w.*]+:|\[[\w:]*\]:)?\$\{?(\w+)\}?")
        .captures_iter(text)
    {
        if let Some(name) = captures.get(1) {
            let mut mention = mention(text, name.range(), 0);
            mention.variable = Some(name.as_str().to_owned());
            found.mentions.push(mention);
        }
    }
}

fn yaml(found: &mut Found, path: &str, name: &str) {
    if name.starts_with("application") || name.starts_with("bootstrap") {
        found.all(pattern!(r"(?m)^server:\s*\n(?:[ \t]+[^\n]*\n)*?[ \t]+port:\s*(?:\$\{(?P<variable>\w+):)?(\d{2,5})"), &[]);
    }
    if name.starts_with("traefik") || path.contains("traefik") {
        found.all(
            pattern!(r#"(?m)^\s+address:\s*["']?[\w.]*:(\d{2,5})(?:/tcp)?["']?\s*$"#),
            &["entryPoints", "entrypoints"],
        );
    }
    if found.text.contains("listeners:") {
        let own = pattern!(
            r"(?s)address:\s*[\x22']?(?:0\.0\.0\.0|::)[\x22']?\s*,?\s*port_value:\s*(\d{2,5})"
        );
        found.all(own, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<u16> {
        ports(path, text)
            .into_iter()
            .map(|mention| mention.port)
            .collect()
    }

    #[test]
    fn calls_that_listen_are_found_in_javascript() {
        for (text, port) in [
            ("app.listen(3000, () => {})", 3000),
            ("server.listen({ port: 4000, host: '0.0.0.0' })", 4000),
            (
                "const PORT = process.env.PORT || 5000;\napp.listen(PORT)",
                5000,
            ),
            (
                "const port = parseInt(process.env.PORT ?? '5001', 10)\nserver.listen(port, '0.0.0.0')",
                5001,
            ),
            ("app.listen(process.env.PORT || 8081)", 8081),
            (
                "app.set('port', process.env.PORT || 4000);\napp.listen(app.get('port'))",
                4000,
            ),
            ("let port: number = 3100;\napp.listen(port)", 3100),
        ] {
            assert_eq!(of("server.js", text), [port], "{text}");
        }
        assert_eq!(
            of(
                "vite.config.ts",
                "export default { server: { host: true, port: 5180 } }"
            ),
            [5180]
        );
    }

    #[test]
    fn calls_that_listen_are_found_in_python() {
        for (text, port) in [
            ("app.run(host='0.0.0.0', port=8000, debug=True)", 8000),
            (
                "app.run(host=\"0.0.0.0\", port=int(os.environ.get(\"PORT\", 8080)))",
                8080,
            ),
            (
                "uvicorn.run(\"main:app\", host=\"0.0.0.0\", port=8001)",
                8001,
            ),
            (
                "PORT = 8002\nserver = HTTPServer(('', PORT), Handler)",
                8002,
            ),
            (
                "server = ThreadingHTTPServer(('0.0.0.0', 8003), Handler)",
                8003,
            ),
            ("server.add_insecure_port('[::]:50051')", 50051),
            (
                "from flask import Flask\napp = Flask(__name__)\napp.run()",
                5000,
            ),
        ] {
            assert_eq!(of("app.py", text), [port], "{text}");
        }
    }

    #[test]
    fn calls_that_listen_are_found_in_compiled_languages() {
        for (path, text, port) in [
            (
                "main.go",
                "log.Fatal(http.ListenAndServe(\":80\", nil))",
                80,
            ),
            ("main.go", "r := gin.Default()\nr.Run(\":9090\")", 9090),
            (
                "main.go",
                "port := os.Getenv(\"PORT\")\nif port == \"\" {\n port = \"8080\"\n}\nhttp.ListenAndServe(\":\"+port, nil)",
                8080,
            ),
            (
                "main.rs",
                "let addr = SocketAddr::from(([0, 0, 0, 0], 3000));\nServer::bind(&addr).serve(x)",
                3000,
            ),
            (
                "main.rs",
                "HttpServer::new(f).bind(\"0.0.0.0:8080\")?",
                8080,
            ),
            (
                "main.rs",
                "HttpServer::new(f).bind((\"0.0.0.0\", 8081))?",
                8081,
            ),
            (
                "application.properties",
                "spring.x=1\nserver.port=8085\n",
                8085,
            ),
            (
                "application.yml",
                "server:\n  servlet: x\n  port: ${PORT:8086}\n",
                8086,
            ),
        ] {
            assert_eq!(of(path, text), [port], "{text}");
        }
    }

    #[test]
    fn settings_of_servers_are_found() {
        for (path, text, found) in [
            (
                "nginx/default.conf",
                "server {\n  listen 8080;\n  listen [::]:8080;\n  # listen 9090;\n}",
                vec![8080, 8080],
            ),
            ("haproxy.cfg", "frontend http\n  bind *:8404\n", vec![8404]),
            (
                "traefik.yml",
                "entryPoints:\n  web:\n    address: \":8000\"\n",
                vec![8000],
            ),
            ("Caddyfile", ":8088 {\n  respond hello\n}\n", vec![8088]),
            ("redis.conf", "port 6380\n", vec![6380]),
            ("httpd.conf", "Listen 8082\n", vec![8082]),
        ] {
            assert_eq!(of(path, text), found, "{path}");
        }
    }

    #[test]
    fn ports_of_other_programs_are_not_its_own() {
        for (path, text) in [
            (
                "app.js",
                "const client = redis.createClient({ host: 'redis', port: 6379 })",
            ),
            (
                "app.js",
                "mongoose.connect('mongodb://db:27017/x')\nconst dbPort = process.env.DB_PORT || 5432",
            ),
            ("app.py", "redis = Redis(host='redis', port=6379)"),
            ("app.py", "# app.run(port=8000)"),
            ("app.js", "// app.listen(3000)"),
            ("main.go", "db.Open(\"postgres://db:5432\")"),
        ] {
            assert_eq!(of(path, text), [0u16; 0], "{text}");
        }
    }

    #[test]
    fn the_variable_that_replaces_a_port_is_named() {
        let found = ports("a.js", "app.listen(process.env.PORT || 3000)");
        assert_eq!(found[0].variable.as_deref(), Some("PORT"));
    }
}

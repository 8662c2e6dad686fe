//! Which environment variable replaces a value: `process.env.X || 'db'`, `${X:-db}`, `ENV X=db`.

use super::language::Family;
use super::spot::{Spot, pattern};
use super::veto;

/// The variable whose default the name's value is.
pub(super) fn variable(spot: &Spot) -> Option<String> {
    placeholder(spot)
        .or_else(|| template(spot))
        .or_else(|| declared(spot))
        .or_else(|| {
            anchors(spot)
                .into_iter()
                .find_map(|before| argument(before).or_else(|| operator(before)))
        })
        .or_else(|| guarded(spot))
        .or_else(|| annotated(spot))
        .or_else(|| replaced_below(spot))
        .or_else(|| settings_class(spot))
}

/// The code before the whole value, as nearly as it can be told.
fn anchors<'a>(spot: &Spot<'a>) -> Vec<&'a str> {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let mut anchors = Vec::new();
    if let Some((before, _)) = spot.quoted() {
        anchors.push(before);
    }
    anchors.extend(spot.code_before());
    let window = spot.window();
    let head = window.trim_end_matches(|c: char| !QUOTES.contains(&c) && !c.is_whitespace());
    anchors.push(head.strip_suffix(QUOTES).unwrap_or(head));
    anchors
}

/// `${X:-db}` of shells, `${X:db}` of Spring, `{$X:db}` of Caddy, `${env:X:-db}`.
fn placeholder(spot: &Spot) -> Option<String> {
    pattern!(r"(?:\$\{\s*(?:env[:.])?|\{\$)([A-Za-z_][\w.\-]*?)\s*(?::-|:=|:|-|=)[^{}]*$")
        .captures(spot.before())
        .map(|found| relaxed(&found[1]))
}

/// Spring reads the property `db.host` from the variable `DB_HOST`.
fn relaxed(name: &str) -> String {
    if name.contains('.') {
        name.replace('.', "_").replace('-', "").to_uppercase()
    } else {
        name.to_owned()
    }
}

/// `{{ getenv "X" "db" }}`, `{{ default .Env.X "db" }}`, `{{ X | default('db') }}`.
fn template(spot: &Spot) -> Option<String> {
    let patterns = [
        pattern!(
            r#"\{\{-?[^{}]*(?:\.Env\.|(?:getenv|env\.Getenv|env|environ\.get|environ)[ (]+\\?["'])(\w+)[^{}]*$"#
        ),
        pattern!(r"\{\{-?\s*([A-Z][A-Z0-9_]*)\s*\|\s*default[ (][^{}]*$"),
    ];
    patterns
        .iter()
        .find_map(|pattern| pattern.captures(spot.before()))
        .map(|found| found[1].to_owned())
}

/// `ENV X=db` in a Dockerfile, `X=db` in a file of variables.
fn declared(spot: &Spot) -> Option<String> {
    let name = spot.source.name();
    let before = spot.before();
    if spot.family() == Family::Dockerfile && veto::instruction(spot) == "ENV" {
        return pattern!(r#"(?:^|\s)([A-Za-z_]\w*)=["']?[^\s"']*$"#)
            .captures(before)
            .or_else(|| pattern!(r"(?i)^\s*ENV\s+([A-Za-z_]\w*)\s+\S*$").captures(before))
            .map(|found| found[1].to_owned());
    }
    let of_variables = name == ".env" || name.starts_with(".env.") || name.ends_with(".env");
    of_variables
        .then(|| pattern!(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=").captures(before))
        .flatten()
        .map(|found| found[1].to_owned())
}

/// `getenv("X", "db")`, `ENV.fetch("X", "db")`, `config("X", default="db")`.
fn argument(before: &str) -> Option<String> {
    let found = pattern!(
        r#"([A-Za-z_$][\w.$:>\-<\[\]]*)\s*\(\s*(?:[\w.]+\s*,\s*)?["'`]([A-Za-z_][\w.\-]*)["'`]\s*,\s*(?:[a-z_]+\s*=\s*[\w.]+\s*,\s*)*(?:(?:default|fallback|default_value|defaultValue)\s*[=:]\s*)?(?:[\w.:]+\()?[rfbu]?$"#
    )
    .captures(before)?;
    let (callee, name) = (&found[1], &found[2]);
    let writes =
        pattern!(r"(?i)(?:^|[.>:_])(?:set_?env|put_?env|with_?env\w*|define|set|put|add)$")
            .is_match(callee);
    let reads =
        pattern!(r"(?i)env|conf|cfg|setting|propert|fetch|get|lookup|viper").is_match(callee);
    let of_environment = pattern!(r"(?i)env").is_match(callee)
        && !callee.to_ascii_lowercase().ends_with("env.getproperty");
    (!writes && reads && (of_environment || is_variable(name))).then(|| name.to_owned())
}

fn is_variable(name: &str) -> bool {
    name.len() > 1
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A reading of a variable, in any language.
fn reading(text: &str) -> Option<(String, usize)> {
    let reading = pattern!(
        r#"(?x)
        (?:process\.env|import\.meta\.env|\b__ENV|Bun\.env|\bENV|\benv|os\.environ|\$_ENV|\$_SERVER|\$ENV|sys\.env)\s*
            (?: \??\.\s*([A-Za-z_]\w*)\b (?:[^\w(]|$) | [\[{(]\s*["':]?([A-Za-z_]\w*)["']?\s*[\]})] )
        | (?:getenv|get_env|[Gg]etEnv\w*|Getenv|GetEnvironmentVariable|LookupEnv|environ\.get|env::var(?:_os)?|env\.get|ENV\.fetch|env\.str|\benv|config|get(?:<\w+>)?)
            !?\s*\(\s*["'`]([A-Za-z_]\w*)["'`]\s*\)
        "#
    );
    let found = reading.captures_iter(text).last()?;
    let name = found
        .get(1)
        .or_else(|| found.get(2))
        .or_else(|| found.get(3))?;
    Some((name.as_str().to_owned(), name.end()))
}

/// `process.env.X || 'db'`, `os.environ.get("X") or "db"`, `env::var("X").unwrap_or("db")`.
fn operator(before: &str) -> Option<String> {
    let (name, end) = reading(before)?;
    let between = &before[end..];
    let falls_back = pattern!(
        r"\|\||\?\?|\?:|//=?\s*$|\bor\b|or_?[Ee]lse\w*\s*\(|unwrap_or\w*!?\s*\(|getOrElse\s*\(|\belse\b|\?[^?]*:\s*$|[)\]]\s*(?:\{|do)\s*$|\|\s*default|^[)\s]*:\s*$"
    );
    let another_statement = pattern!(r"[,;]|[^=!<>]=[^=>]").is_match(between);
    (falls_back.is_match(between) && !another_statement).then_some(name)
}

/// `host := os.Getenv("X")`, `if host == "" { host = "db" }`.
fn guarded(spot: &Spot) -> Option<String> {
    let anchor = anchors(spot).into_iter().next()?;
    let found = pattern!(r"([A-Za-z_$][\w.$]*)\s*=\s*$").captures(anchor)?;
    let target = &found[1];
    let condition = pattern!(r"\bif\b|\bunless\b|-z\s");
    let above: Vec<&str> = spot.lines_above().take(4).collect();
    let is_guarded = std::iter::once(spot.line())
        .chain(above.iter().copied().take(2))
        .any(|line| condition.is_match(line));
    if !is_guarded {
        return None;
    }
    if pattern!(r"-z\s").is_match(spot.line())
        || above.first().is_some_and(|line| line.contains("-z "))
    {
        return is_variable(target).then(|| target.to_owned());
    }
    std::iter::once(spot.before())
        .chain(above)
        .find(|line| line.contains(target) && line.contains('=') && reading(line).is_some())
        .and_then(reading)
        .map(|(name, _)| name)
}

/// `env:"X" envDefault:"db"`, `Field(default="db", env="X")`, `#[arg(env = "X", default_value = "db")]`.
fn annotated(spot: &Spot) -> Option<String> {
    pattern!(r#"(?i)(?:default\w*\s*[:=]\s*|Field\(\s*)\\?["'`][^"'`]*$"#).find(spot.before())?;
    let named =
        pattern!(r#"\benv(?:config|_var|var|ironment)?\s*[:=]\s*\[?\\?["'`]([A-Za-z_]\w*)"#);
    let below = spot.line_below().unwrap_or("");
    let above = spot.lines_above().next().unwrap_or("");
    [spot.line(), below, above]
        .iter()
        .find_map(|line| named.captures(line))
        .map(|found| found[1].to_owned())
}

/// HOCON: `host = "db"` and then `host = ${?X}`.
fn replaced_below(spot: &Spot) -> Option<String> {
    if spot.family() != Family::Data {
        return None;
    }
    let found = pattern!(r"^\s*([\w.\-]+)\s*[:=]\s*\$\{\?(\w+)\}").captures(spot.line_below()?)?;
    spot.line()
        .trim_start()
        .starts_with(&found[1])
        .then(|| found[2].to_owned())
}

/// A field of a pydantic settings class is read from the variable of its name.
fn settings_class(spot: &Spot) -> Option<String> {
    let source = spot.source;
    if !source.path.ends_with(".py")
        || !source.text.contains("BaseSettings")
        || source.text.contains("env_prefix")
    {
        return None;
    }
    let found = pattern!(
        r#"^\s+([A-Za-z_]\w*)\s*:\s*[\w\[\]. |]+=\s*(?:Field\()?(?:default\s*=\s*)?["'][^"']*$"#
    )
    .captures(spot.before())?;
    Some(found[1].to_uppercase())
}

#[cfg(test)]
mod tests {
    use crate::scan::testing::finds;

    #[test]
    fn the_variable_that_replaces_a_default_is_named() {
        let cases = [
            ("a.js", "host: process.env.DB_HOST || 'db',"),
            ("a.ts", "const host = process.env['DB_HOST'] ?? \"db\";"),
            ("a.js", "const u = process.env.DB_HOST || 'http://db:80/x'"),
            (
                "a.js",
                "const h = process.env.DB_HOST ? process.env.DB_HOST : 'db'",
            ),
            (
                "a.ts",
                "host: this.configService.get<string>('DB_HOST', 'db'),",
            ),
            ("a.py", "host=os.environ.get('DB_HOST', 'db')"),
            ("a.py", "host = os.getenv(\"DB_HOST\") or \"db\""),
            ("a.py", "'HOST': config('DB_HOST', default='db'),"),
            ("a.py", "u = f\"http://{os.getenv('DB_HOST', 'db')}:80\""),
            (
                "a.py",
                "u = env.str('DB_HOST', \"postgres://x:y@db:5432/z\")",
            ),
            ("a.py", "class S(BaseSettings):\n    db_host: str = \"db\""),
            ("a.rb", "host: ENV.fetch('DB_HOST', 'db')"),
            ("a.rb", "url: ENV.fetch('DB_HOST') { 'redis://db:6379' }"),
            ("a.yml", "host: <%= ENV.fetch(\"DB_HOST\", \"db\") %>"),
            ("a.yml", "host: <%= ENV['DB_HOST'] || 'db' %>"),
            ("a.php", "<?php $host = getenv('DB_HOST') ?: 'db';"),
            ("a.php", "<?php return ['host' => env('DB_HOST', 'db')];"),
            ("a.php", "<?php $host = $_ENV['DB_HOST'] ?? 'db';"),
            (
                "a.java",
                r#"String h = Optional.ofNullable(System.getenv("DB_HOST")).orElse("db");"#,
            ),
            ("a.java", r#"@Value("${db.host:db}") String host;"#),
            ("a.kt", r#"val h = System.getenv("DB_HOST") ?: "db""#),
            ("a.scala", r#"val h = sys.env.getOrElse("DB_HOST", "db")"#),
            (
                "a.rs",
                r#"let h = env::var("DB_HOST").unwrap_or_else(|_| "db".to_string());"#,
            ),
            (
                "a.cs",
                r#"var h = Environment.GetEnvironmentVariable("DB_HOST") ?? "db";"#,
            ),
            ("a.ex", r#"hostname: System.get_env("DB_HOST") || "db""#),
            (
                "a.go",
                "host := os.Getenv(\"DB_HOST\")\nif host == \"\" {\n\thost = \"db\"\n}",
            ),
            (
                "a.go",
                "host, ok := os.LookupEnv(\"DB_HOST\")\nif !ok {\n\thost = \"db\"\n}",
            ),
            ("a.go", "h := getEnv(\"DB_HOST\", \"db\")"),
            ("a.go", "Host string `env:\"DB_HOST\" envDefault:\"db\"`"),
            (
                "a.rs",
                r#"#[arg(long, env = "DB_HOST", default_value = "db")]"#,
            ),
            ("a.sh", "nc -z ${DB_HOST:-db} 5432"),
            ("a.sh", ": \"${DB_HOST:=db}\""),
            ("a.properties", "u=jdbc:mysql://${DB_HOST:db}:3306/x"),
            ("a.conf", "host = \"db\"\nhost = ${?DB_HOST}"),
            ("Caddyfile", "reverse_proxy {$DB_HOST:db}:80"),
            ("a.conf.tmpl", "server {{ getenv \"DB_HOST\" \"db\" }}:80;"),
            ("Dockerfile", "ENV A=b DB_HOST=db"),
            ("Dockerfile", "ENV A=b \\\n    DB_HOST=db"),
            ("Dockerfile", "ENV DB_HOST db"),
            (".env", "DB_HOST=db"),
        ];
        for (path, text) in cases {
            let found = finds(path, text, &["db"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
            assert_eq!(
                found[0].variable.as_deref(),
                Some("DB_HOST"),
                "{path}: {text}"
            );
        }
    }

    #[test]
    fn a_value_that_nothing_replaces_has_no_variable() {
        let cases = [
            ("a.js", "const a = process.env.A || 'x'; const host = 'db';"),
            ("a.py", "a = os.getenv('A') or 'x'\nhost = 'db'"),
            ("a.js", "f({ a: process.env.A || 1, host: 'db' })"),
            ("a.sh", "export DB_HOST=db"),
            ("a.sh", "host=${1:-db}"),
        ];
        for (path, text) in cases {
            let found = finds(path, text, &["db"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
            assert_eq!(found[0].variable, None, "{path}: {text}");
        }
    }
}

//! `prod-check --fix` of a host in source code, in each language that it knows besides Python: the repaired
//! program reads the variable and reaches its neighbour in the task.

use crate::fix::{SERVER, read, repairs_all};
use crate::support::Project;

/// Answers each request with what the neighbour says. The host is the whole of a text, and a part of one.
const JAVASCRIPT: &str = r#"import http from 'node:http';

const greet = { host: 'names', port: 8001, path: '/' };
const named = (await import('node:url')).parse("http://names:8001/");

const body = (options) => new Promise((resolve, reject) => {
  http.get(options, (answer) => answer.on('data', resolve)).on('error', reject);
});

http.createServer(async (request, response) => {
  try {
    response.end(`${await body(greet)} ${await body(named)}`);
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
}).listen(8010);
"#;

const TYPESCRIPT: &str = r#"import http from 'node:http';

const url: string = `http://names:${8000 + 1}/`;

http.createServer((request, response): void => {
  http.get(url, (answer) => answer.pipe(response)).on('error', () => response.writeHead(502).end());
}).listen(8011);
"#;

const PHP: &str = "<?php
$url = 'http://names:8001/';
echo file_get_contents($url);
";

const RUBY: &str = r##"require 'net/http'
require 'socket'

server = TCPServer.new('0.0.0.0', 8013)
loop do
  client = server.accept
  while (line = client.gets) && line != "\r\n"; end
  begin
    body = Net::HTTP.get(URI('http://names:8001/')) + Net::HTTP.new('names', 8001).get('/').body
  rescue StandardError => error
    body = error.message
  end
  client.write("HTTP/1.1 200 OK\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}")
  client.close
end
"##;

const GO: &str = r#"package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	url := "http://names:8001/"
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer, err := http.Get(url)
		if err != nil {
			http.Error(w, err.Error(), 502)
			return
		}
		io.Copy(w, answer.Body)
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":8014", nil))
}
"#;

/// Reads the two files as Spring does: `${NAME}` is the environment's.
const SPRING: &str = r#"
import os, re
from urllib.request import urlopen


def value(path, key):
    text = open(path).read()
    found = re.search(rf'{key}[=:] *(.*)', text).group(1)
    return re.sub(r'\$\{(\w+)\}', lambda match: os.environ[match.group(1)], found)


def page():
    urls = value('/app/application.properties', 'names.url'), value('/app/application.yml', 'url')
    return ' '.join(urlopen(url, timeout=2).read().decode() for url in urls)


serve(8015)
"#;

#[test]
fn a_host_in_every_language_is_read_from_the_environment() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let python = |rest: &str| format!("{SERVER}{rest}");
    project
        .file("names/app.py", python("\n\ndef page():\n    return 'Ada'\n\n\nserve(8001)\n"))
        .file("names/Dockerfile", "FROM python:3.12-slim\nCOPY app.py /app.py\nCMD [\"python\", \"/app.py\"]\n")
        .file("js/app.mjs", JAVASCRIPT)
        .file("js/Dockerfile", "FROM node:22-slim\nCOPY app.mjs /app.mjs\nCMD [\"node\", \"/app.mjs\"]\n")
        .file("ts/app.ts", TYPESCRIPT)
        .file("ts/Dockerfile", "FROM node:22-slim\nCOPY app.ts /app.ts\nCMD [\"node\", \"--experimental-strip-types\", \"/app.ts\"]\n")
        .file("php/index.php", PHP)
        .file("php/Dockerfile", "FROM php:8.3-cli\nCOPY index.php /app/index.php\nCMD [\"php\", \"-S\", \"0.0.0.0:8012\", \"/app/index.php\"]\n")
        .file("ruby/app.rb", RUBY)
        .file("ruby/Dockerfile", "FROM ruby:3.3-slim\nCOPY app.rb /app.rb\nCMD [\"ruby\", \"/app.rb\"]\n")
        .file("go/main.go", GO)
        .file("go/go.mod", "module web\n\ngo 1.19\n")
        .file("go/Dockerfile", "FROM golang:1.23 AS build\nENV CGO_ENABLED=0\nWORKDIR /src\nCOPY . .\nRUN go build -o /web .\n\nFROM debian:bookworm-slim\nCOPY --from=build /web /web\nCMD [\"/web\"]\n")
        .file("spring/app.py", python(SPRING))
        .file("spring/application.properties", "names.url=http://names:8001/\n")
        .file("spring/application.yml", "names:\n  url: http://names:8001/\n")
        .file("spring/Dockerfile", "FROM python:3.12-slim\nCOPY app.py application.properties application.yml /app/\nCMD [\"python\", \"/app/app.py\"]\n")
        .compose(
            "services:
  names: {build: names}
  js: {build: js, init: true, ports: ['8010:8010'], depends_on: [names]}
  ts: {build: ts, init: true, ports: ['8011:8011'], depends_on: [names]}
  php:
    build: php
    init: true
    ports: ['8012:8012']
  ruby:
    build: ruby
    init: true
    ports: ['8013:8013']
    environment: [LANG=C.UTF-8]
  go: {build: go, init: true, ports: ['8014:8014']}
  spring: {build: spring, ports: ['8015:8015']}

x-envsim:
  probes:
    - {name: JavaScript, service: js, http: GET /, body: Ada Ada}
    - {name: TypeScript, service: ts, http: GET /, body: Ada}
    - {name: PHP, service: php, http: GET /, body: Ada}
    - {name: Ruby, service: ruby, http: GET /, body: AdaAda}
    - {name: Go, service: go, http: GET /, body: Ada}
    - {name: Spring, service: spring, http: GET /, body: Ada Ada}
",
        );
    repairs_all(&project, &["H001"], &["prod-check", "--static", "--fix"]);
    for (file, line) in [
        (
            "js/app.mjs",
            "const greet = { host: process.env.NAMES_HOST, port: 8001, path: '/' };",
        ),
        (
            "js/app.mjs",
            "const named = (await import('node:url')).parse(`http://${process.env.NAMES_HOST}:8001/`);",
        ),
        (
            "ts/app.ts",
            "const url: string = `http://${process.env.NAMES_HOST}:${8000 + 1}/`;",
        ),
        (
            "php/index.php",
            "$url = 'http://' . getenv('NAMES_HOST') . ':8001/';",
        ),
        (
            "ruby/app.rb",
            "    body = Net::HTTP.get(URI(\"http://#{ENV.fetch('NAMES_HOST')}:8001/\")) + Net::HTTP.new(ENV.fetch('NAMES_HOST'), 8001).get('/').body",
        ),
        (
            "go/main.go",
            "\turl := \"http://\" + os.Getenv(\"NAMES_HOST\") + \":8001/\"",
        ),
        (
            "spring/application.properties",
            "names.url=http://${NAMES_HOST}:8001/",
        ),
        (
            "spring/application.yml",
            "  url: http://${NAMES_HOST}:8001/",
        ),
        (
            "compose.yaml",
            "    environment: [LANG=C.UTF-8, \"NAMES_HOST=names\"]",
        ),
    ] {
        let text = read(&project, file);
        assert!(
            text.lines().any(|own| own == line),
            "{file}: {line}\n{text}"
        );
    }
}

//! The engine folder against a real engine: `cargo test engine::live`.
//!
//! Wants an image with a shell and coreutils, named in `ENVSIM_TEST_IMAGE` (default `debian:bookworm-slim`).
//! Everything it makes is called `eng-*` and is removed again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use super::*;

fn image() -> String {
    std::env::var("ENVSIM_TEST_IMAGE").unwrap_or_else(|_| "debian:bookworm-slim".to_string())
}

/// The engine; without one the test says so and ends, unless `ENVSIM_REQUIRE_ENGINE` is set.
async fn engine() -> Option<Engine> {
    match Engine::connect().await {
        Ok(engine) => Some(engine),
        Err(error) if std::env::var_os("ENVSIM_REQUIRE_ENGINE").is_none() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

fn sh(script: &str) -> Option<Vec<String>> {
    Some(vec!["sh".into(), "-c".into(), script.into()])
}

fn labels(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("envsim.project".to_string(), name.to_string())])
}

/// A fresh name, and nothing left of an earlier run.
async fn fresh(engine: &Engine, name: &str) -> ContainerSpec {
    let _ = engine.remove_container(name, true, true).await;
    ContainerSpec {
        name: name.to_string(),
        image: image(),
        command: sh("sleep 300"),
        labels: labels(name),
        init: Some(true),
        ..Default::default()
    }
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, text.as_bytes())
            .expect("a tar entry");
    }
    tar.into_inner().expect("a tar")
}

async fn built(
    engine: &Engine,
    request: BuildRequest,
    files: &[(&str, &str)],
) -> (Result<BuiltImage, EngineError>, Vec<BuildEvent>) {
    let mut seen = Vec::new();
    let result = engine
        .build(request, archive(files), &mut |e| seen.push(e))
        .await;
    (result, seen)
}

fn ran(events: &[BuildEvent], part: &str) -> bool {
    events
        .iter()
        .any(|e| matches!(e, BuildEvent::Done { name, .. } if name.contains(part)))
}

#[tokio::test]
async fn connects_and_tells_about_itself() {
    let started = Instant::now();
    let Some(engine) = engine().await else { return };
    println!("connect: {:?}", started.elapsed());
    let info = engine.info().await.expect("info");
    println!("{:?}\n{info:#?}", engine.found());
    assert!(!info.version.is_empty() && info.cpus > 0 && info.memory_bytes > 0);
    assert!(info.cgroup_version == 1 || info.cgroup_version == 2);
    let survey = Engine::survey().await;
    assert!(survey.iter().any(|(_, r)| r.is_ok()), "{survey:#?}");
}

#[tokio::test]
async fn a_container_from_creation_to_removal() {
    let Some(engine) = engine().await else { return };
    let mut events = engine
        .events(&[("envsim.project", "eng-life")])
        .await
        .expect("events");
    let mut spec = fresh(&engine, "eng-life").await;
    spec.command = sh("echo out; echo err >&2; exec sleep 300");
    spec.env = words("A=1 B=two");
    spec.publish = vec![Publish {
        container_port: 8080,
        host_ip: Some("127.0.0.1".into()),
        ..Default::default()
    }];
    spec.mounts = vec![MountSpec::Tmpfs {
        target: "/scratch".into(),
        size: Some(1 << 20),
        mode: Some(0o700),
    }];
    spec.healthcheck = Some(Health {
        test: words("CMD true"),
        interval: Duration::from_secs(1),
        ..Default::default()
    });
    spec.log_max_bytes = Some(1 << 20);
    spec.memory = Some(64 << 20);
    spec.nano_cpus = Some(500_000_000);
    let id = engine.create_container(&spec).await.expect("created");
    assert!(matches!(
        engine.create_container(&spec).await,
        Err(EngineError::NameInUse { ref name }) if name == "eng-life"
    ));
    engine.start(&id).await.expect("started");
    let state = engine
        .inspect("eng-life")
        .await
        .expect("state")
        .expect("it exists");
    assert!(state.running && state.pid > 0 && state.started_at.is_some());
    assert_eq!(state.ports.len(), 1);
    assert!(state.ports[0].host > 0 && state.ports[0].container == 8080);
    assert!(state.env.contains(&"B=two".to_string()));
    assert!(
        state
            .mounts
            .iter()
            .any(|m| m.target == "/scratch" && m.kind == "tmpfs")
    );
    assert_eq!(
        (state.memory, state.log_driver.as_str()),
        (64 << 20, "json-file")
    );
    let listed = engine
        .containers(&[("envsim.project", "eng-life")], false)
        .await
        .expect("a list");
    assert_eq!(
        (
            listed.len(),
            listed[0].name.as_str(),
            listed[0].state.as_str()
        ),
        (1, "eng-life", "running")
    );
    assert_eq!(listed[0].ports, state.ports);

    let mut seen = Vec::new();
    let healthy = async {
        while let Some(event) = events.next().await {
            let event = event.expect("an event");
            seen.push(event.action.clone());
            if event.action == "health_status: healthy" {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), healthy)
        .await
        .expect("healthy in time");
    assert_eq!(
        &seen[..2],
        ["create", "start"],
        "nothing before the subscription is lost"
    );
    let health = engine
        .inspect(&id)
        .await
        .expect("state")
        .and_then(|s| s.health)
        .expect("health");
    assert_eq!(
        (health.status.as_str(), health.last_exit_code),
        ("healthy", Some(0))
    );

    let waiting = tokio::spawn({
        let (engine, id) = (engine.clone(), id.clone());
        async move { engine.wait(&id).await }
    });
    engine.stop(&id, 5, Some("SIGINT")).await.expect("stopped");
    assert_eq!(waiting.await.expect("task").expect("code"), 130);
    assert_eq!(engine.wait(&id).await.expect("code, later"), 130);
    engine
        .stop(&id, 5, None)
        .await
        .expect("stopping twice is fine");
    engine
        .stop(&id, 5, Some("SIGINT"))
        .await
        .expect("also with a signal");
    assert!(
        engine
            .kill(&id, "SIGTERM")
            .await
            .is_err_and(|e| e.is_conflict())
    );
    let died = async {
        while let Some(Ok(event)) = events.next().await {
            if event.action == "die" {
                return event;
            }
        }
        panic!("no die event");
    };
    let died = tokio::time::timeout(Duration::from_secs(5), died)
        .await
        .expect("in time");
    assert_eq!(
        (died.exit_code, died.name.as_str()),
        (Some(130), "eng-life")
    );
    assert_eq!(died.labels["envsim.project"], "eng-life");
    assert!(
        engine
            .remove_container(&id, true, true)
            .await
            .expect("removed")
    );
    assert!(
        !engine
            .remove_container(&id, true, true)
            .await
            .expect("gone")
    );
    assert!(engine.inspect(&id).await.expect("inspect").is_none());
    assert!(engine.start(&id).await.is_err_and(|e| e.is_not_found()));
}

#[tokio::test]
async fn a_container_that_ignores_the_signal_is_killed_after_the_timeout() {
    let Some(engine) = engine().await else { return };
    let mut spec = fresh(&engine, "eng-deaf").await;
    spec.command = sh("trap '' TERM INT; while :; do sleep 0.2; done");
    spec.init = None;
    let id = engine.create_container(&spec).await.expect("created");
    engine.start(&id).await.expect("started");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    engine.stop(&id, 1, Some("SIGINT")).await.expect("stopped");
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(engine.wait(&id).await.expect("code"), 137);
    engine.restart(&id, 1).await.expect("restarted");
    assert!(
        engine
            .inspect(&id)
            .await
            .expect("state")
            .is_some_and(|s| s.running)
    );
    engine
        .remove_container(&id, true, true)
        .await
        .expect("removed");
}

#[tokio::test]
async fn a_container_out_of_memory() {
    let Some(engine) = engine().await else { return };
    let mut events = engine
        .events(&[("envsim.project", "eng-oom")])
        .await
        .expect("events");
    let mut spec = fresh(&engine, "eng-oom").await;
    spec.memory = Some(32 << 20);
    spec.memory_swap = spec.memory;
    spec.init = None;
    spec.command = sh("exec tail /dev/zero");
    let id = engine.create_container(&spec).await.expect("created");
    let state = engine.inspect(&id).await.expect("state").expect("exists");
    assert_eq!(state.memory, 32 << 20, "never without a limit");
    engine.start(&id).await.expect("started");
    let code = tokio::time::timeout(Duration::from_secs(30), engine.wait(&id)).await;
    assert_eq!(code.expect("in time").expect("code"), 137);
    let state = engine.inspect(&id).await.expect("state").expect("exists");
    assert!(state.oom_killed, "{state:?}");
    let mut seen = Vec::new();
    while let Ok(Some(Ok(event))) =
        tokio::time::timeout(Duration::from_secs(3), events.next()).await
    {
        seen.push(event.action.clone());
        if event.action == "die" {
            break;
        }
    }
    assert!(seen.contains(&"oom".to_string()), "{seen:?}");
    engine
        .remove_container(&id, true, true)
        .await
        .expect("removed");
}

/// The engine itself sometimes leaves the last line out of a followed log.
#[tokio::test]
async fn a_followed_log_has_its_last_words() {
    let Some(engine) = engine().await else { return };
    for round in 0..15 {
        let mut spec = fresh(&engine, "eng-last").await;
        spec.command = sh("echo one; printf last");
        let id = engine.create_container(&spec).await.expect("created");
        engine.start(&id).await.expect("started");
        let log = engine.logs(
            &id,
            LogOptions {
                follow: true,
                ..Default::default()
            },
        );
        let lines: Vec<LogChunk> = log.map(|c| c.expect("a line")).collect().await;
        let text: Vec<&str> = lines.iter().map(|c| c.line.as_str()).collect();
        assert_eq!(text, ["one", "last"], "round {round}");
        assert!(lines.iter().all(|c| c.time.is_none()));
        engine
            .remove_container(&id, true, true)
            .await
            .expect("removed");
    }
}

#[tokio::test]
async fn logs_in_lines() {
    let Some(engine) = engine().await else { return };
    let mut spec = fresh(&engine, "eng-logs").await;
    spec.command = sh(
        "echo one; echo two >&2; printf 'no end '; head -c 40000 /dev/zero | tr '\\0' x; echo; \
         printf 'bad \\377 byte\\n'; printf last",
    );
    let id = engine.create_container(&spec).await.expect("created");
    // Following from before the start: nothing is lost.
    let following = tokio::spawn({
        let (engine, id) = (engine.clone(), id.clone());
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut all = Vec::new();
            let mut log = engine.logs(
                &id,
                LogOptions {
                    follow: true,
                    timestamps: true,
                    ..Default::default()
                },
            );
            while let Some(chunk) = log.next().await {
                all.push(chunk.expect("a line"));
            }
            all
        }
    });
    engine.start(&id).await.expect("started");
    engine.wait(&id).await.expect("ended");
    let all = tokio::time::timeout(Duration::from_secs(5), following)
        .await
        .expect("log ends")
        .expect("task");
    let stdout: Vec<&LogChunk> = all.iter().filter(|c| c.stream == Stream::Stdout).collect();
    assert_eq!(
        stdout.len(),
        4,
        "{:?}",
        stdout.iter().map(|c| c.line.len()).collect::<Vec<_>>()
    );
    assert_eq!(stdout[1].line.len(), 40_007);
    assert_eq!(stdout[2].line, "bad \u{fffd} byte");
    assert_eq!(stdout[3].line, "last");
    assert!(
        all.iter()
            .all(|c| c.time.as_deref().is_some_and(|t| t.ends_with('Z')))
    );
    assert!(
        all.iter()
            .any(|c| c.stream == Stream::Stderr && c.line == "two")
    );
    let tail: Vec<_> = engine
        .logs(
            &id,
            LogOptions {
                tail: Some(1),
                ..Default::default()
            },
        )
        .collect()
        .await;
    assert_eq!(tail.len(), 1);
    engine
        .remove_container(&id, true, true)
        .await
        .expect("removed");

    let mut spec = fresh(&engine, "eng-logs-tty").await;
    spec.tty = true;
    spec.command = sh("echo one; echo two >&2; printf end");
    let id = engine.create_container(&spec).await.expect("created");
    engine.start(&id).await.expect("started");
    engine.wait(&id).await.expect("ended");
    let log: Vec<_> = engine
        .logs(
            &id,
            LogOptions {
                timestamps: true,
                ..Default::default()
            },
        )
        .collect()
        .await;
    let lines: Vec<String> = log.into_iter().map(|c| c.expect("a line").line).collect();
    assert_eq!(lines, ["one", "two", "end"]);
    engine
        .remove_container(&id, true, true)
        .await
        .expect("removed");
    let mut none = engine.logs("eng-no-such", LogOptions::default());
    assert!(
        none.next()
            .await
            .is_some_and(|r| r.is_err_and(|e| e.is_not_found()))
    );
}

#[tokio::test]
async fn commands_in_a_container() {
    let Some(engine) = engine().await else { return };
    let spec = fresh(&engine, "eng-exec").await;
    let id = engine.create_container(&spec).await.expect("created");
    engine.start(&id).await.expect("started");
    let run = |command: Option<Vec<String>>, stdin: Option<Vec<u8>>| {
        let engine = engine.clone();
        let id = id.clone();
        async move {
            let spec = ExecSpec {
                command: command.unwrap_or_default(),
                env: words("X=from-env"),
                working_dir: Some("/tmp".into()),
                stdin,
                deadline: Some(Duration::from_secs(5)),
                ..Default::default()
            };
            engine.exec(&id, spec).await
        }
    };
    let started = Instant::now();
    let result = run(sh("pwd; echo $X; echo bad >&2; exit 3"), None)
        .await
        .expect("result");
    println!("exec: {:?}", started.elapsed());
    assert_eq!(result.exit_code, 3);
    assert_eq!(result.stdout_text(), "/tmp\nfrom-env\n");
    assert_eq!(result.stderr_text(), "bad\n");
    let big = vec![b'x'; 3_000_000];
    let result = run(sh("wc -c"), Some(big))
        .await
        .expect("stdin reaches its end");
    assert_eq!(result.stdout_text().trim(), "3000000");
    let result = run(sh("head -c 5000000 /dev/zero"), None)
        .await
        .expect("much output");
    assert_eq!(result.stdout.len(), 5_000_000);
    let mut slow = ExecSpec {
        command: words("sleep 30"),
        ..Default::default()
    };
    slow.deadline = Some(Duration::from_millis(300));
    assert!(matches!(
        engine.exec(&id, slow).await,
        Err(EngineError::Timeout { .. })
    ));
    let missing = run(Some(words("/no/such/program --password=secret")), None).await;
    println!("missing program: {missing:?}");
    if let Err(e) = missing {
        assert!(!e.to_string().contains("secret"), "{e}");
    }

    let spec = ExecSpec {
        command: words("cat"),
        ..Default::default()
    };
    let mut open = engine.exec_attached(&id, spec).await.expect("attached");
    let mut times = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        open.input.write_all(b"ping\n").await.expect("written");
        open.input.flush().await.expect("flushed");
        let back = open.output.next().await.expect("an answer").expect("bytes");
        assert_eq!(&back.bytes[..], b"ping\n");
        times.push(started.elapsed());
    }
    times.sort();
    println!("echo through an open exec: median {:?}", times[25]);
    assert_eq!(engine.exec_exit_code(&open.id).await.expect("looked"), None);
    open.input.shutdown().await.expect("closed");
    assert!(open.output.next().await.is_none());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        engine.exec_exit_code(&open.id).await.expect("looked"),
        Some(0)
    );

    let spec = ExecSpec {
        command: words("sh -i"),
        tty: true,
        ..Default::default()
    };
    let mut open = engine.exec_attached(&id, spec).await.expect("a terminal");
    engine
        .exec_resize(&open.id, 101, 33)
        .await
        .expect("resized");
    open.input
        .write_all(b"stty size; exit 7\n")
        .await
        .expect("written");
    let mut text = Vec::new();
    while let Some(piece) = open.output.next().await {
        text.extend_from_slice(&piece.expect("bytes").bytes);
    }
    assert!(
        String::from_utf8_lossy(&text).contains("33 101"),
        "{:?}",
        String::from_utf8_lossy(&text)
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        engine.exec_exit_code(&open.id).await.expect("looked"),
        Some(7)
    );
    engine
        .remove_container(&id, true, true)
        .await
        .expect("removed");
    let late = run(Some(words("true")), None).await;
    assert!(late.is_err_and(|e| e.is_not_found()));
}

#[tokio::test]
async fn files_in_and_out() {
    let Some(engine) = engine().await else { return };
    let spec = fresh(&engine, "eng-copy").await;
    let id = engine.create_container(&spec).await.expect("created");
    engine
        .put_archive(
            &id,
            "/srv",
            archive(&[("a.txt", "hello"), ("d/b.txt", "deep")]),
        )
        .await
        .expect("into a container that never ran");
    let produced = TarSource::produce(|out| {
        let mut tar = tar::Builder::new(out);
        let mut header = tar::Header::new_gnu();
        header.set_size(2_000_000);
        header.set_mode(0o600);
        header.set_cksum();
        tar.append_data(
            &mut header,
            "big",
            std::io::Read::take(std::io::repeat(7), 2_000_000),
        )?;
        tar.finish()
    });
    engine
        .put_archive(&id, "/srv", produced)
        .await
        .expect("a stream");
    engine.start(&id).await.expect("started");
    let mut times = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        engine
            .put_archive(&id, "/srv", archive(&[("a.txt", "again")]))
            .await
            .expect("into a running one");
        times.push(started.elapsed());
    }
    times.sort();
    println!("put_archive: median {:?}", times[5]);
    let out = engine
        .open_archive(&id, "/srv/d")
        .await
        .expect("out again")
        .expect("it is there");
    let names = tokio::task::spawn_blocking(move || {
        let mut archive = tar::Archive::new(out);
        let entries = archive.entries().expect("entries");
        let name = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let entry = entry.expect("an entry");
            entry.path().expect("a path").display().to_string()
        };
        entries.map(name).collect::<Vec<_>>()
    });
    let names = names.await.expect("the archive is read");
    assert!(names.contains(&"d/b.txt".to_string()), "{names:?}");
    let nothing = engine.open_archive(&id, "/no/such").await;
    assert!(nothing.expect("an answer").is_none());
    let e = engine
        .put_archive(&id, "/no/such", archive(&[]))
        .await
        .expect_err("no folder");
    assert!(e.is_not_found(), "{e:?}");
    let failing = TarSource::produce(|out| {
        std::io::Write::write_all(out, &[0; 100])?;
        Err(std::io::Error::other("disk gone"))
    });
    let e = engine
        .put_archive(&id, "/srv", failing)
        .await
        .expect_err("producer failed");
    assert!(e.to_string().contains("disk gone"), "{e}");
    let changes = engine.changes(&id).await.expect("changes");
    assert!(changes.contains(&Change {
        path: "/srv/a.txt".into(),
        kind: ChangeKind::Added
    }));
    engine
        .remove_container(&id, true, true)
        .await
        .expect("removed");
}

#[tokio::test]
async fn networks_and_volumes() {
    let Some(engine) = engine().await else { return };
    for name in ["eng-na", "eng-nb"] {
        let _ = engine.remove_container(name, true, true).await;
        let _ = engine.remove_network(name).await;
    }
    let _ = engine.remove_volume("eng-vol", true).await;
    let spec = NetworkSpec {
        name: "eng-na".into(),
        labels: labels("net"),
        pools: vec![AddressPool {
            subnet: Some("10.213.77.0/24".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    engine.create_network(&spec).await.expect("a network");
    assert!(
        engine
            .create_network(&spec)
            .await
            .is_err_and(|e| e.is_conflict())
    );
    let overlap = NetworkSpec {
        name: "eng-nb".into(),
        ..spec.clone()
    };
    let e = engine.create_network(&overlap).await.expect_err("overlap");
    assert!(matches!(e, EngineError::AddressPoolOverlap { .. }), "{e:?}");
    let other = NetworkSpec {
        name: "eng-nb".into(),
        internal: true,
        labels: labels("net"),
        ..Default::default()
    };
    engine
        .create_network(&other)
        .await
        .expect("a second network");
    let found = engine
        .networks(&[("envsim.project", "net")])
        .await
        .expect("list");
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|n| n.name == "eng-nb" && n.internal));
    assert!(
        engine
            .all_subnets()
            .await
            .expect("subnets")
            .contains(&"10.213.77.0/24".to_string())
    );
    assert!(
        engine.network("eng-n").await.expect("lookup").is_none(),
        "names match whole"
    );

    let volume = engine
        .create_volume("eng-vol", &labels("vol"), None, &BTreeMap::new())
        .await
        .expect("a volume");
    assert!(!volume.mountpoint.is_empty());
    assert_eq!(
        engine
            .volumes(&[("envsim.project", "vol")])
            .await
            .expect("list")
            .len(),
        1
    );
    assert!(
        engine
            .volume("eng-no-such")
            .await
            .expect("lookup")
            .is_none()
    );

    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "from the host").expect("written");
    let mut a = fresh(&engine, "eng-na").await;
    a.network = NetworkMode::Network {
        name: "eng-na".into(),
        endpoint: Endpoint {
            aliases: vec!["db".into()],
            ipv4: Some("10.213.77.9".into()),
            ..Default::default()
        },
    };
    a.extra_networks = vec![ExtraNetwork {
        name: "eng-nb".into(),
        endpoint: Endpoint {
            aliases: vec!["inner".into()],
            ..Default::default()
        },
    }];
    a.mounts = vec![
        MountSpec::Bind {
            source: file.path().display().to_string(),
            target: "/conf/one".into(),
            read_only: true,
            propagation: None,
            recursion: Recursion::Usual,
        },
        MountSpec::Volume {
            name: "eng-vol".into(),
            target: "/data".into(),
            read_only: false,
            no_copy: false,
            subpath: None,
            labels: BTreeMap::new(),
        },
    ];
    let id = engine.create_container(&a).await.expect("created");
    engine.start(&id).await.expect("started");
    let state = engine.inspect(&id).await.expect("state").expect("exists");
    assert_eq!(state.ip_addresses["eng-na"], "10.213.77.9");
    assert!(state.ip_addresses.contains_key("eng-nb"));
    let mut b = fresh(&engine, "eng-nb").await;
    b.network = NetworkMode::Container(id.clone());
    let b = engine.create_container(&b).await.expect("a shared network");
    engine.start(&b).await.expect("started");
    let result = engine
        .exec(
            &id,
            ExecSpec {
                command: sh("cat /conf/one; getent hosts db inner").unwrap_or_default(),
                ..Default::default()
            },
        )
        .await
        .expect("result");
    let text = result.stdout_text();
    assert!(
        text.starts_with("from the host") && text.contains("10.213.77.9"),
        "{text}"
    );
    assert!(
        engine
            .remove_volume("eng-vol", false)
            .await
            .is_err_and(|e| e.is_conflict())
    );
    engine
        .disconnect_network("eng-nb", &id, true)
        .await
        .expect("disconnected");

    let mut missing = fresh(&engine, "eng-missing").await;
    missing.mounts = vec![MountSpec::Bind {
        source: "/no/such/eng".into(),
        target: "/x".into(),
        read_only: false,
        propagation: None,
        recursion: Recursion::Usual,
    }];
    let e = engine
        .create_container(&missing)
        .await
        .expect_err("no source");
    assert!(
        matches!(e, EngineError::MountSourceMissing { ref path } if path == "/no/such/eng"),
        "{e:?}"
    );
    missing.mounts.clear();
    missing.network = NetworkMode::network("eng-no-such-net");
    let e = match engine.create_container(&missing).await {
        Ok(id) => engine.start(&id).await.expect_err("no network"),
        Err(e) => e,
    };
    println!("missing network: {e}");
    assert!(e.is_not_found(), "{e:?}");
    let _ = engine.remove_container("eng-missing", true, true).await;

    for id in [&b, &id] {
        engine
            .remove_container(id, true, true)
            .await
            .expect("removed");
    }
    for name in ["eng-na", "eng-nb"] {
        assert!(engine.remove_network(name).await.expect("removed"));
    }
    assert!(!engine.remove_network("eng-na").await.expect("gone"));
    assert!(
        engine
            .remove_volume("eng-vol", false)
            .await
            .expect("removed")
    );
    assert!(!engine.remove_volume("eng-vol", false).await.expect("gone"));
}

#[tokio::test]
async fn a_port_in_use() {
    let Some(engine) = engine().await else { return };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("address").port();
    let on = async |name: &str, host_port: Option<u16>| {
        let mut spec = fresh(&engine, name).await;
        spec.publish = vec![Publish {
            container_port: 80,
            host_ip: Some("127.0.0.1".into()),
            host_port,
            ..Default::default()
        }];
        let id = engine.create_container(&spec).await.expect("created");
        engine.start(&id).await
    };
    let refused = |started: Result<(), EngineError>, wanted: u16| match started {
        Err(EngineError::PortInUse { address, port }) => {
            assert_eq!((address.as_str(), port), ("127.0.0.1", wanted));
        }
        other => panic!("{other:?}"),
    };
    refused(on("eng-port-a", Some(port)).await, port);
    on("eng-port-b", None).await.expect("a free port");
    let state = engine
        .inspect("eng-port-b")
        .await
        .expect("state")
        .expect("exists");
    let second = state.ports[0].host;
    refused(on("eng-port-c", Some(second)).await, second);
    for name in ["eng-port-a", "eng-port-b", "eng-port-c"] {
        engine
            .remove_container(name, true, true)
            .await
            .expect("removed");
    }
}

#[tokio::test]
async fn images() {
    let Some(engine) = engine().await else { return };
    let mut spec = fresh(&engine, "eng-none").await;
    spec.image = "eng-no-such-image:1".into();
    let e = engine.create_container(&spec).await.expect_err("no image");
    assert!(
        matches!(e, EngineError::ImageNotFound { ref image, .. } if image == "eng-no-such-image:1"),
        "{e:?}"
    );
    assert!(
        engine
            .image("eng-no-such-image:1")
            .await
            .expect("lookup")
            .is_none()
    );
    let found = engine
        .image(&image())
        .await
        .expect("lookup")
        .expect("the test image");
    assert!(found.id.starts_with("sha256:") && found.size > 0 && found.created.is_some());
    engine.tag(&image(), "eng-tagged:1").await.expect("tagged");
    assert!(
        engine
            .image("eng-tagged:1")
            .await
            .expect("lookup")
            .is_some()
    );
    assert!(
        engine
            .remove_image("eng-tagged:1", false)
            .await
            .expect("removed")
    );
    assert!(
        !engine
            .remove_image("eng-tagged:1", false)
            .await
            .expect("gone")
    );
    for name in [
        "eng-registry.invalid/x:1",
        "eng-no-such-image:1",
        "127.0.0.1:1/x",
    ] {
        let started = Instant::now();
        let e = engine
            .pull(name, None, &mut |_| {})
            .await
            .expect_err("no registry");
        println!("pull {name}: {:?} {e}", started.elapsed());
        assert!(matches!(e, EngineError::ImageNotFound { .. }), "{e:?}");
    }
}

#[tokio::test]
async fn an_image_from_an_archive() {
    let Some(engine) = engine().await else { return };
    let layer = archive(&[("hello", "hi")]);
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["A=1"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
    })
    .to_string();
    let manifest = r#"[{"Config":"c.json","RepoTags":["eng-loaded:1"],"Layers":["l.tar"]}]"#;
    let layer = String::from_utf8(layer).expect("a tar of ASCII");
    let saved = archive(&[
        ("c.json", &config),
        ("l.tar", &layer),
        ("manifest.json", manifest),
    ]);
    let loaded = engine.load_image(saved).await.expect("loaded");
    assert_eq!(loaded, ["eng-loaded:1"]);
    let image = engine
        .image("eng-loaded:1")
        .await
        .expect("lookup")
        .expect("it is there");
    assert_eq!(image.config.env, ["A=1"]);
    assert!(
        engine
            .remove_image("eng-loaded:1", true)
            .await
            .expect("removed")
    );
    let e = engine
        .load_image(archive(&[]))
        .await
        .expect_err("nothing in it");
    println!("empty archive: {e}");
}

const DOCKERFILE: &str = r#"
FROM BASE AS common
ARG GREETING=none
WORKDIR /app
COPY file.txt .
RUN --mount=type=cache,target=/cache echo $GREETING > greeting && echo x >> /cache/count && wc -l < /cache/count

FROM common AS dev
ENV MODE=dev

FROM common AS prod
ENV MODE=prod
RUN --mount=type=secret,id=token sha256sum < /run/secrets/token > digest && echo building >&2
EXPOSE 8080/tcp 53/udp
USER 1000
HEALTHCHECK --interval=5s CMD true
CMD ["sleep", "1"]
"#;

#[tokio::test]
async fn builds_with_stages_args_caches_and_secrets() {
    let Some(engine) = engine().await else { return };
    let dockerfile = DOCKERFILE.replace("BASE", &image());
    let files = [("Dockerfile", dockerfile.as_str()), ("file.txt", "hello")];
    let request = BuildRequest {
        tag: Some("eng-built:prod".into()),
        target: Some("prod".into()),
        args: vec![("GREETING".into(), "good day & more".into())],
        labels: labels("built"),
        secrets: vec![BuildSecret {
            id: "token".into(),
            bytes: Bytes::from_static(b"s3cret-\x00value"),
        }],
        extra_hosts: vec!["db:10.0.0.1".into()],
        ..Default::default()
    };
    assert!(!format!("{request:?}").contains("s3cret"));
    let fresh = BuildRequest {
        no_cache: true,
        ..request.clone()
    };
    let (image_built, events) = built(&engine, fresh, &files).await;
    let id = image_built.expect("built").id;
    assert!(ran(&events, "RUN --mount=type=secret"), "{events:#?}");
    assert!(
        events
            .iter()
            .any(|e| matches!(e, BuildEvent::Log { line, .. } if line == "building"))
    );
    assert!(!ran(&events, "ENV MODE=dev"));
    let info = engine
        .image("eng-built:prod")
        .await
        .expect("lookup")
        .expect("it is there");
    assert_eq!(info.id, id);
    assert!(info.config.env.contains(&"MODE=prod".to_string()));
    assert_eq!(
        info.config.exposed_ports,
        [(53, "udp".to_string()), (8080, "tcp".to_string())]
    );
    assert_eq!(info.config.user.as_deref(), Some("1000"));
    assert_eq!(
        info.config.healthcheck.map(|h| h.interval),
        Some(Duration::from_secs(5))
    );
    assert_eq!(info.config.labels["envsim.project"], "built");

    let _ = engine.remove_container("eng-built", true, true).await;
    let spec = ContainerSpec {
        name: "eng-built".into(),
        image: id.clone(),
        command: sh("cat greeting digest; ls /run/secrets 2>&1"),
        ..Default::default()
    };
    let container = engine.create_container(&spec).await.expect("created");
    engine.start(&container).await.expect("started");
    engine.wait(&container).await.expect("ended");
    let lines: Vec<String> = engine
        .logs(&container, LogOptions::default())
        .map(|c| c.expect("a line").line)
        .collect()
        .await;
    assert_eq!(lines[0], "good day & more");
    // sha256 of "s3cret-\0value": the bytes arrived whole.
    assert!(
        lines[1].starts_with(&sha256(b"s3cret-\x00value")),
        "{lines:?}"
    );
    engine
        .remove_container(&container, true, true)
        .await
        .expect("removed");

    let mut times = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        let (again, events) = built(&engine, request.clone(), &files).await;
        times.push(started.elapsed());
        assert_eq!(
            again.expect("built").id,
            id,
            "a build without changes gives the same image"
        );
        assert!(events.iter().any(|e| matches!(e, BuildEvent::Cached { name, .. } if name.contains("RUN --mount=type=cache"))), "{events:#?}");
        assert!(!ran(&events, "RUN"));
    }
    times.sort();
    println!(
        "build without changes: min {:?} median {:?} max {:?}",
        times[0], times[5], times[9]
    );

    let without = BuildRequest {
        secrets: vec![],
        no_cache: true,
        ..request.clone()
    };
    let (missing, _) = built(&engine, without, &files).await;
    println!(
        "without the secret: {}",
        missing.expect_err("the shell cannot read it")
    );

    let dev = BuildRequest {
        tag: None,
        target: Some("dev".into()),
        ..request
    };
    let (dev, _) = built(&engine, dev, &files).await;
    let dev = dev.expect("without a tag").id;
    assert!(engine.image(&dev).await.expect("lookup").is_some());
    let listed = engine
        .images_with_labels(&[("envsim.project", "built")])
        .await
        .expect("list");
    assert!(
        listed.iter().any(|i| i.id == dev && i.dangling),
        "{listed:#?}"
    );
    for image in listed {
        engine.remove_image(&image.id, true).await.expect("removed");
    }
}

#[tokio::test]
async fn failing_builds_say_where_and_why() {
    let Some(engine) = engine().await else { return };
    let base = image();
    let run = |dockerfile: String| {
        let engine = engine.clone();
        async move {
            let request = BuildRequest {
                tag: Some("eng-failed".into()),
                ..Default::default()
            };
            let (result, events) = built(&engine, request, &[("Dockerfile", &dockerfile)]).await;
            match result {
                Err(EngineError::Build(failure)) => {
                    println!("{failure}\n{failure:#?}");
                    (*failure, events)
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let (f, events) = run(format!(
        "FROM {base}\nRUN echo fine\nRUN for i in $(seq 1 50); do echo line $i; done; printf 'the end' >&2; exit 42\n"
    ))
    .await;
    assert_eq!(f.exit_code, Some(42));
    assert!(
        f.step
            .as_deref()
            .is_some_and(|s| s.contains("RUN for i in")),
        "{f:?}"
    );
    assert_eq!(f.log.len(), 30);
    // Stdout and stderr race each other to the engine.
    assert!(
        events
            .iter()
            .any(|e| matches!(e, BuildEvent::Log { line, .. } if line.contains("the end"))),
        "{f:?}"
    );
    assert!(
        events
            .iter()
            .any(|e| matches!(e, BuildEvent::Failed { .. }))
    );
    let (f, _) = run(format!("FROM {base}\n\nRUNN echo x\n")).await;
    assert!(f.message.contains("unknown instruction"), "{f:?}");
    assert_eq!(f.line, Some(3));
    let (f, _) = run(format!("FROM {base}\nCOPY nothing /here\n")).await;
    assert!(f.message.contains("nothing"), "{f:?}");
    let (f, _) = run("FROM eng-registry.invalid/base\nRUN true\n".to_string()).await;
    assert!(f.message.contains("could not be reached"), "{f:?}");
    let (f, _) = run(format!("# syntax=docker/dockerfile:1\nFROM {base}\n")).await;
    assert!(f.message.contains("docker/dockerfile"), "{f:?}");
    let request = BuildRequest {
        tag: Some("eng-failed".into()),
        ..Default::default()
    };
    let failing = TarSource::produce(|out| {
        std::io::Write::write_all(out, &[0; 100])?;
        Err(std::io::Error::other("disk gone"))
    });
    let e = engine
        .build(request, failing, &mut |_| {})
        .await
        .expect_err("no context");
    assert!(e.to_string().contains("disk gone"), "{e}");
}

#[tokio::test]
async fn two_builds_at_once_keep_their_secrets_apart() {
    let Some(engine) = engine().await else { return };
    let one = |secret: &'static str| {
        let engine = engine.clone();
        // The step's text differs: BuildKit runs equal steps of two builds once, whatever their
        // secrets are, because a secret is no part of what it compares.
        let dockerfile = format!(
            "FROM {}\nRUN --mount=type=secret,id=token : {secret}; tr a-z A-Z < /run/secrets/token; sleep 1\n",
            image()
        );
        let files = archive(&[("Dockerfile", &dockerfile)]);
        async move {
            let request = BuildRequest {
                no_cache: true,
                secrets: vec![BuildSecret {
                    id: "token".into(),
                    bytes: secret.into(),
                }],
                labels: labels(secret),
                tag: Some(format!("eng-two-{secret}")),
                ..Default::default()
            };
            let mut seen = Vec::new();
            engine
                .build(request, files, &mut |e| seen.push(e))
                .await
                .expect("built");
            engine
                .remove_image(&format!("eng-two-{secret}"), true)
                .await
                .expect("removed");
            seen.into_iter()
                .any(|e| matches!(e, BuildEvent::Log { line, .. } if line == secret.to_uppercase()))
        }
    };
    let (a, b) = tokio::join!(one("alpha"), one("beta"));
    assert!(a && b, "{a} {b}");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

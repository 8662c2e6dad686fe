use super::*;

fn drafted(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let project = Project::of(files);
    let mut notes = Notes::default();
    let found = find(&project, &mut notes);
    let draft = draft(&project, &found, notes).expect("it can be drafted");
    let notes = draft.notes.0.iter().map(|note| note.to_string()).collect();
    (draft.text, notes)
}

#[test]
fn a_dockerfile_becomes_a_service_with_its_ports_health_and_volumes() {
    let dockerfile = "ARG PORT=8080\nFROM node:22 AS base\nWORKDIR /app\nARG PORT\nARG TOKEN\nENV PORT=$PORT\nEXPOSE ${PORT} 9000-9001/udp\nVOLUME /data\nHEALTHCHECK --interval=5s --retries=2 CMD curl -f http://localhost:8080/up || exit 1\nFROM base\nCOPY package.json .\nCOPY src src\nCMD [\"node\", \"src\"]\n";
    let (text, notes) = drafted(&[
        ("Dockerfile", dockerfile),
        ("package.json", r#"{"dependencies": {"pg": "1"}}"#),
        ("src/a.js", ""),
    ]);
    insta::assert_snapshot!(text, @r#"
    # Made by `envsim init` from Dockerfile. It is yours now: change what you like.

    # Read by envsim; Docker Compose skips every key that starts with "x-".
    x-envsim:
      probes:
        - service: shop
          http: GET /up

    services:
      shop:
        build: .
        ports:
          - "127.0.0.1:8080:8080"
          - "127.0.0.1:9000-9001:9000-9001/udp"
        volumes:
          - shop-data:/data
        develop:
          watch:
            - action: rebuild
              path: ./package.json
            - action: sync+restart
              path: ./src
              target: /app/src
              ignore: [node_modules/]
        # The image's own, written here because ECS looks only at the one of the task definition.
        healthcheck:
          test: [CMD-SHELL, "curl -f http://localhost:8080/up || exit 1"]
          interval: 5s
          retries: 2

    volumes:
      shop-data:
    "#);
    insta::assert_snapshot!(notes.join("\n"), @r"
    `Dockerfile`: `ARG TOKEN` has no default: pass it with `build.args` if the image needs it
    `VOLUME /data` of `shop`: a named volume keeps its data in dev; in an ECS task it is empty at each start
    `package.json`: has `pg`: if the app needs PostgreSQL, add a service for it and pass its address in `environment`
    ");
}

#[test]
fn several_dockerfiles_are_a_service_each() {
    let from = "FROM debian\nEXPOSE 3000\nCMD x\n";
    let (text, notes) = drafted(&[
        ("Dockerfile.web", from),
        ("api/Dockerfile", from),
        ("api/Dockerfile.dev", from),
        (
            "services/mail/Dockerfile",
            "FROM debian\nCOPY services/mail/a.py /a.py\nCMD a\n",
        ),
        ("services/mail/a.py", ""),
    ]);
    insta::assert_snapshot!(text, @r#"
    # Made by `envsim init` from Dockerfile.web, api/Dockerfile and services/mail/Dockerfile. It is yours
    # now: change what you like.

    # Read by envsim; Docker Compose skips every key that starts with "x-".
    x-envsim:
      probes:
        - service: web
          # a guess: name a page that must work
          http: GET /
        - service: api
          # a guess: name a page that must work
          http: GET /

    services:
      web:
        build:
          context: .
          dockerfile: Dockerfile.web
        ports:
          - "127.0.0.1:3000:3000"

      api:
        build: ./api
        ports:
          - "127.0.0.1:3001:3000"

      mail:
        build:
          context: .
          dockerfile: services/mail/Dockerfile
        develop:
          watch:
            - action: rebuild
              path: ./services/mail/a.py
    "#);
    insta::assert_snapshot!(notes.join("\n"), @r#"
    `api/Dockerfile.dev`: left out: it looks like a variant of `api/Dockerfile`; `--from api/Dockerfile.dev` takes it instead
    `ports` of `api`: port 3000 is published as 3001: another service has 3000
    `services/mail/Dockerfile`: has no `EXPOSE`: if it serves a port, add `ports: ["127.0.0.1:PORT:PORT"]`
    "#);
}

#[test]
fn of_variants_alone_the_one_for_production_is_taken() {
    let (text, notes) = drafted(&[
        ("Dockerfile.dev", "FROM a\nCMD x\n"),
        ("Dockerfile.prod", "FROM b\nCMD x\n"),
    ]);
    assert!(
        text.contains("  shop:\n    build:\n      context: .\n      dockerfile: Dockerfile.prod\n"),
        "{text}"
    );
    assert!(notes[0].contains("`Dockerfile.dev`: left out"), "{notes:?}");
}

#[test]
fn a_dockerfile_in_a_folder_for_them_is_built_in_the_project() {
    let (text, _) = drafted(&[("docker/Dockerfile", "FROM a\nCMD x\n")]);
    assert!(
        text.contains(
            "  shop:\n    build:\n      context: .\n      dockerfile: docker/Dockerfile\n"
        ),
        "{text}"
    );
}

#[test]
fn a_base_that_needs_an_argument_is_told_and_the_service_is_written() {
    let (text, notes) = drafted(&[("Dockerfile", "ARG BASE\nFROM $BASE\nEXPOSE 80\n")]);
    assert!(text.contains("build: .\n"), "{text}");
    assert!(
        notes[0].contains("`FROM $BASE` comes to nothing"),
        "{notes:?}"
    );
}

#[test]
fn a_file_that_is_no_dockerfile_is_an_error_with_its_line() {
    let project = Project::of(&[("Dockerfile", "FROM a\nFORM b\n")]);
    let found = find(&project, &mut Notes::default());
    let error = draft(&project, &found, Notes::default()).expect_err("an error");
    assert!(error.message.starts_with("Dockerfile:2:"), "{error:?}");
}

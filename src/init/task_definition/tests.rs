use super::*;

const FULL: &str = include_str!("../../../tests/fixtures/task-definition.json");

fn drafted_in(project: &Project, text: &str) -> (String, String) {
    let draft = draft(project, "task.json", text, Notes::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let notes: Vec<String> = draft.notes.0.iter().map(|note| note.to_string()).collect();
    (draft.text, notes.join("\n"))
}

fn drafted(text: &str) -> (String, String) {
    drafted_in(&Project::of(&[]), text)
}

fn errors(text: &str) -> Vec<String> {
    let problems =
        draft(&Project::of(&[]), "task.json", text, Notes::default()).expect_err("an error");
    problems
        .0
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

/// Every field's own name and every text under `value`, with the path.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| leaves(&format!("{path}.{key}"), value, found)),
        Value::Array(items) => items.iter().for_each(|item| leaves(path, item, found)),
        Value::String(text) if !text.is_empty() => found.push((path.to_owned(), text.clone())),
        _ => {}
    }
}

#[test]
fn of_every_field_of_a_full_definition_something_is_written_or_said() {
    let (text, notes) = drafted(FULL);
    let json: Value = serde_json::from_str(FULL).expect("JSON");
    let mut found = Vec::new();
    leaves("", &json["taskDefinition"], &mut found);
    // Of these the value is turned into another word, or the field as a whole is named.
    let turned = [
        "protocol",
        "condition",
        "networkMode",
        "cpuArchitecture",
        "operatingSystemFamily",
        "permissions",
        "type",
        "family",
        "cpu",
        "memory",
        "requiresAttributes.name",
        "taskDefinitionArn",
        "status",
        "registeredAt",
        "registeredBy",
        "compatibilities",
        "revision",
        "properties.name",
        "properties.value",
        "deviceName",
        "credentialsParameter",
        "domain",
        "iam",
        "transitEncryption",
        "helthCheck.command",
        "containerPortRange",
        "options.awslogs-region",
        "options.awslogs-stream-prefix",
        "options.enable-ecs-log-metadata",
        "ignoredExitCodes",
        "credentialSpecs",
        "environmentFiles.type",
        "scope",
    ];
    for (path, value) in found
        .iter()
        .filter(|(path, _)| !turned.iter().any(|end| path.ends_with(end)))
    {
        let there = text.contains(value.as_str())
            || text.contains(&value.replace('$', "$$").replace('"', "\\\""))
            || notes.contains(value.as_str());
        assert!(
            there,
            "{path}: {value} is neither written nor said\n{text}\n{notes}"
        );
    }
    for field in ["futureField", "helthCheck", "futureVolumeConfiguration"] {
        assert!(notes.contains(field), "{field}");
    }
}

#[test]
fn a_full_definition_is_written_as_it_was_decided() {
    let (text, notes) = drafted(FULL);
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("full", format!("{text}\n---\n{notes}\n"));
    });
}

#[test]
fn localhost_of_a_neighbour_has_a_name_in_dev_and_stays_localhost_in_production() {
    let (text, _) = drafted(
        r#"{"family": "a", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [
          {"name": "web", "image": "w", "environment": [{"name": "API", "value": "http://localhost:9000/v1"}]},
          {"name": "api", "image": "a", "portMappings": [{"containerPort": 9000}]}]}"#,
    );
    assert!(text.contains("      API: http://api:9000/v1\n"), "{text}");
    assert!(text.contains("    x-envsim:\n      prod:\n        environment:\n          API: http://localhost:9000/v1\n"), "{text}");
}

#[test]
fn with_a_bridge_network_localhost_is_the_container_itself() {
    let (text, notes) = drafted(
        r#"{"family": "a", "requiresCompatibilities": ["EC2"], "containerDefinitions": [
          {"name": "web", "image": "w", "links": ["api:backend"], "environment": [{"name": "API", "value": "http://localhost:9000"}]},
          {"name": "api", "image": "a", "portMappings": [{"containerPort": 9000, "hostPort": 80}]}]}"#,
    );
    assert!(text.contains("API: http://localhost:9000\n"), "{text}");
    assert!(text.contains("launch_type: EC2\n"), "{text}");
    assert!(text.contains("links: [\"api:backend\"]"), "{text}");
    assert!(text.contains("127.0.0.1:80:9000"), "{text}");
    assert!(notes.contains("with `bridge` (the default)"), "{notes}");
}

#[test]
fn a_wrapper_a_list_and_a_template_are_all_read() {
    let inner = r#"{"family": "a", "containerDefinitions": [{"name": "web", "image": "w:1"}]}"#;
    let list = r#"[{"name": "web", "image": "w:1"}]"#;
    let template = r#"{"Resources": {"Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {
        "Family": {"Ref": "Name"}, "Cpu": 256, "Memory": 512, "RequiresCompatibilities": ["FARGATE"],
        "ContainerDefinitions": [{"Name": "web", "Image": "w:1", "EntryPoint": ["/x"], "PortMappings": [{"ContainerPort": 80}],
        "Environment": [{"Name": "A", "Value": {"Fn::Sub": "x"}}]}]}}}}"#;
    for text in [
        inner,
        &format!(r#"{{"taskDefinition": {inner}, "tags": []}}"#),
        list,
        template,
    ] {
        let (text, _) = drafted(text);
        assert!(
            text.contains("  web:\n    image: \"w:1\"\n")
                || text.contains("  web:\n    image: w:1\n"),
            "{text}"
        );
    }
    let (text, notes) = drafted(template);
    assert!(
        text.contains("A: \"${A:?set it in .env or in the shell}\""),
        "{text}"
    );
    assert!(text.contains("entrypoint: [/x]"), "{text}");
    assert!(
        notes.contains("only CloudFormation knows its value (`Fn::Sub`)"),
        "{notes}"
    );
    assert!(
        notes.contains("only the resource `Task` is read"),
        "{notes}"
    );
}

#[test]
fn wrong_types_are_all_told_with_their_path() {
    let found = errors(
        r#"{"family": "a", "cpu": "lots", "containerDefinitions": [
          {"name": "web", "image": "w", "essential": "maybe", "memory": "much", "portMappings": {"containerPort": 80},
           "dependsOn": [{"containerName": "db", "condition": "START"}, {"containerName": "web", "condition": "READY"}]}]}"#,
    );
    assert_eq!(
        found,
        [
            "task.json: `cpu`: `lots` is no size: a number, or a number with `vCPU`",
            "task.json: `containerDefinitions[0].portMappings`: expected a list, found the object `{\"containerPort\":80}`",
            "task.json: `containerDefinitions[0].dependsOn[0].containerName`: there is no container `db`",
            "task.json: `containerDefinitions[0].dependsOn[1].condition`: `READY` is none of `START`, `COMPLETE`, `SUCCESS` and `HEALTHY`",
            "task.json: `containerDefinitions[0].essential`: expected `true` or `false`, found the text `\"maybe\"`",
            "task.json: `containerDefinitions[0].memory`: expected a whole number, found the text `\"much\"`",
        ]
    );
}

#[test]
fn what_is_no_json_is_told_with_line_and_column() {
    assert!(
        errors("{\n  \"family\": a\n}")[0]
            .starts_with("task.json:2:13: this is not JSON: expected value")
    );
    assert!(errors("")[0].contains("task.json:1:1: this is not JSON"));
    for text in ["{}", "3", r#"{"Resources": {}}"#, r#"{"a": 1}"#] {
        assert!(errors(text)[0].starts_with("task.json: "), "{text}");
    }
    assert!(errors(r#"{"containerDefinitions": []}"#)[0].contains("at least one container"));
    assert!(
        errors(r#"{"containerDefinitions": [{"image": "a"}]}"#)[0]
            .contains("is not the name of a container")
    );
}

#[test]
fn a_skeleton_with_nothing_in_it_says_nothing_about_empty_fields() {
    let (text, notes) = drafted(
        r#"{"family": "a", "taskRoleArn": "", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "volumes": [], "proxyConfiguration": null, "enableFaultInjection": false,
        "containerDefinitions": [{"name": "web", "image": "w", "cpu": 0, "links": [], "environment": [], "secrets": null,
        "linuxParameters": {}, "dockerLabels": {}, "user": "", "privileged": false}]}"#,
    );
    assert_eq!(notes, "");
    assert!(
        text.ends_with("services:\n  web:\n    image: w\n"),
        "{text}"
    );
}

#[test]
fn a_size_that_fargate_lacks_is_said_and_not_written() {
    let (text, notes) = drafted(
        r#"{"family": "a", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": ".25 vCPU", "memory": "4 GB",
        "containerDefinitions": [{"name": "web", "image": "w"}]}"#,
    );
    assert!(!text.contains("cpu"), "{text}");
    assert!(
        notes.contains("no task of 256 CPU units and 4096 MiB"),
        "{notes}"
    );
}

#[test]
fn a_container_that_the_projects_dockerfile_builds_is_built() {
    let project = Project::of(&[
        (
            "Dockerfile",
            "FROM node:22\nWORKDIR /app\nCOPY src src\nCMD [\"node\", \"src\"]\n",
        ),
        ("src/a.js", ""),
        ("package.json", "{}"),
    ]);
    let (text, notes) = drafted_in(
        &project,
        r#"{"family": "a", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "web", "image": "1.dkr.ecr.eu-west-1.amazonaws.com/web:1"}, {"name": "cache", "image": "redis:7"}]}"#,
    );
    assert!(text.contains("# the task definition has the image 1.dkr.ecr.eu-west-1.amazonaws.com/web:1\n    build: .\n"), "{text}");
    assert!(text.contains("target: /app/src"), "{text}");
    assert!(
        notes.contains("`image` of `web`: built from `Dockerfile` here"),
        "{notes}"
    );
}

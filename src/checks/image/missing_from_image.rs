//! E001 `missing-from-image`.

use super::merge::merge;
use crate::checks::rule;
use crate::evidence::{Cause, Evidence, MissingFile, MountSeen, Via};
use crate::finding::{Finding, Severity};

rule! {
    /// A path that dev has through a mount and the image lacks.
    ///
    /// A bind mount lays the project's files over the image, so a file that no `COPY` brings is there all
    /// the same. The rule compares what dev mounts with what the image has in that place, and says why the
    /// image lacks it: no `COPY` or `ADD` takes it, a line of the ignore file keeps it out of the build
    /// context, it was copied only into another stage, it lies outside of the build context, or a later step
    /// of the build removes it. Where git ignores the file as well, its line is named: a clean checkout, such
    /// as the one that a pipeline builds from, does not have the file at all.
    ///
    /// A path that is mounted by itself is an error. One inside of a mounted directory is an error when a file
    /// of the image names it or the task's log misses it, else a warning; the warnings of one mount are told
    /// together. Left out is what no running app needs (version control, documentation, tests, caches),
    /// what git or a line of the ignore file keeps out on purpose and nothing names, and what a run
    /// writes (databases, logs, uploads).
    ///
    /// A Compose secret that is a file is found too, and so is a mount that holds keys or passwords. These do not belong
    /// into an image: everybody who can pull it can read them.
    ///
    /// ## Why it breaks on ECS
    ///
    /// ECS has no bind mount of a developer's machine, and Fargate refuses `host.sourcePath`. Compose's
    /// `configs` and `secrets` as files have no counterpart either. The container starts from the image alone: the file is not
    /// there, and the app ends at start, or answers with an error as soon as it needs the file.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     volumes:
    ///       - ./config:/app/config:ro
    /// ```
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY src ./src
    /// CMD ["node", "src/server.js"]
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY src ./src
    /// COPY config ./config
    /// CMD ["node", "src/server.js"]
    /// ```
    ///
    /// And a line `!config` in a `.dockerignore` that ignores everything else. What git ignores is made by the build
    /// (`RUN npm run build`), not copied. A secret comes as an environment variable, which the task
    /// definition takes from Secrets Manager:
    ///
    /// ```yaml
    /// services:
    ///   db:
    ///     environment:
    ///       DB_PASSWORD: ${DB_PASSWORD}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When production does not need the file: tools, test data, settings of the development server. Better than an
    /// ignored finding is a mount that does not bring them, or a compose.override.yaml, which only dev reads.
    "E001", "missing-from-image", Error, since "0.1.0",
    needs [Files],
    "a path that dev has only through a mount and the image lacks",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    merge(evidence.mounts.iter().flat_map(of_mount).collect())
}

fn of_mount(mount: &MountSeen) -> Vec<Finding> {
    let Some(first) = mount.missing.first() else {
        return Vec::new();
    };
    if mount.via == Via::Secret {
        return vec![secret(mount)];
    }
    if mount.credentials {
        return vec![keys(mount)];
    }
    if mount.without_build {
        return vec![whole(mount, first)];
    }
    let matters = mount.missing.iter().filter(|file| matters(mount, file));
    let (alone, together): (Vec<&MissingFile>, Vec<&MissingFile>) =
        matters.partition(|file| is_sure(mount, file));
    let mut findings: Vec<Finding> = alone.iter().map(|file| one(mount, file)).collect();
    match together.as_slice() {
        [] => {}
        [file] => findings.push(one(mount, file)),
        files => findings.push(several(mount, files)),
    }
    findings
}

/// Whether somebody asked for the file: a line of the app, or the running task.
fn is_wanted(file: &MissingFile) -> bool {
    file.named_in.is_some() || file.logged.is_some()
}

/// Whether a path is worth a word. Inside of a mounted directory, what git or the ignore file leaves out is left out on
/// purpose unless somebody wants it; what is in a stage that was compiled is mostly in the result.
fn matters(mount: &MountSeen, file: &MissingFile) -> bool {
    if is_wanted(file) {
        return true;
    }
    let on_purpose =
        file.ignored_by_git.is_some() || file.credentials || file.cause == Cause::Ignored;
    match file.target == mount.target || file.nothing_else {
        true => file.cause != Cause::StageOfBuild,
        false => !on_purpose,
    }
}

fn is_sure(mount: &MountSeen, file: &MissingFile) -> bool {
    file.target == mount.target || file.nothing_else || is_wanted(file)
}

/// A stock image: the mount is all there is of it.
fn whole(mount: &MountSeen, file: &MissingFile) -> Finding {
    let MountSeen {
        service,
        source,
        target,
        image,
        ..
    } = mount;
    let message = format!(
        "`{target}` of `{service}` exists only through the {} of `{source}`: the image `{image}` does not have it, and ECS has no such mount",
        mount_word(mount)
    );
    let help = format!(
        "build an image from `{image}` that copies `{source}` to `{target}`; `envsim dockerfile {service}` writes the Dockerfile that this run used{}",
        match file.ignored_by_git {
            Some(_) => ", and as git ignores the path, make it in that build",
            None => "",
        }
    );
    Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &**source)
        .data("target", &**target)
        .data("files", mount.files)
        .proof(format!(
            "not in the image `{image}`: {target} ({}{})",
            file.reason,
            by_git(file)
        ))
}

/// A secret of Compose: a file that nothing brings into a task.
fn secret(mount: &MountSeen) -> Finding {
    let MountSeen {
        service,
        source,
        target,
        ..
    } = mount;
    let message = format!(
        "the secret `{target}` of `{service}` is the file `{source}` in dev, and no task has that file: ECS hands over secrets as environment variables"
    );
    let help = format!(
        "keep the value in AWS Secrets Manager and let `{service}` read it from an environment variable (`secrets` of the task definition); do not copy `{source}` into the image, where everybody who can pull it could read it"
    );
    Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &**source)
        .data("target", &**target)
        .data("files", mount.files)
        .data("secret", true)
        .proof(format!(
            "Compose mounts `{source}` at `{target}`; the image does not have it"
        ))
}

/// A mount of keys or passwords.
fn keys(mount: &MountSeen) -> Finding {
    let MountSeen {
        service,
        source,
        target,
        ..
    } = mount;
    let message = format!(
        "`{target}` of `{service}` has keys or passwords in dev through the {} of `{source}`, and no task has them",
        mount_word(mount)
    );
    let of_aws = source.split('/').any(|part| part == ".aws");
    let of_environment = source
        .rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with(".env"));
    let help = if of_aws {
        format!(
            "give the task an IAM role (`taskRoleArn`): the AWS SDKs find its credentials by themselves, and `{source}` stays where it is"
        )
    } else if of_environment {
        format!(
            "set the variables of `{source}` in the task definition, those that are secret from AWS Secrets Manager; do not copy the file into the image"
        )
    } else {
        format!(
            "keep it in AWS Secrets Manager and hand it to `{service}` as an environment variable, or end TLS at the load balancer; do not copy `{source}` into the image, where everybody who can pull it could read it"
        )
    };
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &**source)
        .data("target", &**target)
        .data("files", mount.files)
        .data("secret", true)
        .proof(format!(
            "`{source}` is on this machine alone, and no image may hold it"
        ));
    // A developer's own keys are often there for convenience.
    if (source.starts_with('/') || source.starts_with("../")) && !of_environment {
        finding.severity = Severity::Warning;
    }
    finding
}

fn one(mount: &MountSeen, file: &MissingFile) -> Finding {
    let MountSeen { service, image, .. } = mount;
    let message = format!(
        "`{}` is there in dev through the {} and missing from the image of `{service}`",
        file.target,
        mount_word(mount)
    );
    let seen = match mount.looked_into {
        true => format!("the image `{image}` has nothing of it at `{}`", file.target),
        false => format!("the Dockerfile brings nothing to `{}`", file.target),
    };
    let mut finding = Finding::new(&INFO, message, advice(file))
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &*file.path)
        .data("target", &*file.target)
        .proof(format!("{seen}: {}{}", file.reason, by_git(file)));
    if !is_sure(mount, file) || (file.credentials && file.logged.is_none()) {
        finding.severity = Severity::Warning;
    }
    if file.credentials {
        finding = finding.data("secret", true);
    }
    if let Some(line) = &file.ignored_by_git {
        finding = finding.data("ignored_by_git", &**line);
    }
    if let Some((place, text)) = &file.named_in {
        finding = finding.at(place, text).proof(format!("{place} names it"));
    }
    if let Some(line) = &file.logged {
        finding = finding.proof(format!("in the task, `{service}` logged: {line}"));
    }
    finding
}

/// What nobody is seen to ask for: one warning for all of a mount.
fn several(mount: &MountSeen, files: &[&MissingFile]) -> Finding {
    /// Paths named in the message and in the proof.
    const NAMED: usize = 4;
    const PROVED: usize = 8;
    let MountSeen {
        service,
        source,
        target,
        ..
    } = mount;
    let count = files.len() + mount.missing_count.saturating_sub(mount.missing.len());
    let mut names: Vec<String> = files
        .iter()
        .take(NAMED)
        .map(|file| format!("`{}`", file.path))
        .collect();
    if count > NAMED {
        names.push(format!("{} more", count - NAMED));
    }
    let message = format!(
        "{count} paths are there in dev through the {} of `{source}` and missing from the image of `{service}`: {}",
        mount_word(mount),
        names.join(", ")
    );
    let help = "copy in the Dockerfile what the app needs of them, and keep the rest out with a line in `.dockerignore`";
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &**source)
        .data("target", &**target)
        .data(
            "paths",
            files
                .iter()
                .map(|file| file.path.clone())
                .collect::<Vec<_>>(),
        );
    finding.severity = Severity::Warning;
    files.iter().take(PROVED).fold(finding, |finding, file| {
        finding.proof(format!(
            "`{}`: {}{}",
            file.target,
            file.reason,
            by_git(file)
        ))
    })
}

fn mount_word(mount: &MountSeen) -> &'static str {
    match mount.via {
        Via::Bind => "bind mount",
        Via::Config => "config",
        Via::Secret => "secret",
    }
}

fn by_git(file: &MissingFile) -> String {
    match &file.ignored_by_git {
        Some(line) => {
            format!("; git ignores it too ({line}), so a clean checkout does not have it")
        }
        None => String::new(),
    }
}

fn advice(file: &MissingFile) -> String {
    let MissingFile { path, target, .. } = file;
    if file.credentials {
        return format!(
            "set what `{path}` holds in the task definition, secrets from AWS Secrets Manager; do not copy it into the image"
        );
    }
    if file.ignored_by_git.is_some() {
        return format!(
            "let the Dockerfile make `{target}` (a RUN of what makes `{path}` here), as no clean checkout can copy it, or stop needing it in production"
        );
    }
    match file.cause {
        Cause::Ignored | Cause::IgnoredWithAll => format!(
            "copy `{path}` to `{target}` in the Dockerfile and take it out of the ignore file, or stop needing it in production"
        ),
        Cause::OutsideContext => format!(
            "move `{path}` into the build context, or name its directory under `build.additional_contexts`, and copy it to `{target}`; or stop needing it in production"
        ),
        Cause::OtherStage | Cause::StageOfBuild => format!(
            "copy `{path}` to `{target}` in the stage that becomes the image, or build the stage that has it (`build.target`)"
        ),
        Cause::Removed => format!("keep `{target}`: let no step after the COPY remove or move it"),
        Cause::Replaced | Cause::NotCopied | Cause::NoBuild => format!(
            "copy `{path}` to `{target}` in the Dockerfile, or stop needing it in production"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::image::testing::{mount, with};

    fn missing(path: &str, cause: Cause) -> MissingFile {
        MissingFile {
            path: path.to_owned(),
            target: format!("/app/{path}"),
            reason: "not copied by any `COPY` or `ADD` (Dockerfile)".to_owned(),
            cause,
            ..MissingFile::default()
        }
    }

    fn found(files: Vec<MissingFile>) -> Vec<Finding> {
        let mut seen = mount(".", "/app");
        seen.missing_count = files.len();
        seen.missing = files;
        check(&with(seen))
    }

    #[test]
    fn a_path_that_is_mounted_by_itself_is_an_error() {
        let mut seen = mount("config", "/app/config");
        seen.missing = vec![missing("config", Cause::Ignored)];
        let findings = check(&with(seen));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Error);
        assert_eq!(findings[0].data["path"], "config");
        assert_eq!(findings[0].data["target"], "/app/config");
        assert!(
            findings[0].help.contains("out of the ignore file"),
            "{}",
            findings[0].help
        );
    }

    #[test]
    fn inside_of_a_directory_a_path_that_is_named_is_an_error_and_the_others_are_one_warning() {
        let place = crate::app::Place::start_of("src/a.js");
        let named = MissingFile {
            named_in: Some((place, "read('settings.json')".to_owned())),
            ..missing("settings.json", Cause::Ignored)
        };
        let findings = found(vec![
            named,
            missing("scripts", Cause::NotCopied),
            missing("alembic.ini", Cause::NotCopied),
        ]);
        let told: Vec<_> = findings
            .iter()
            .map(|finding| (finding.severity, finding.data["path"].as_str().unwrap()))
            .collect();
        assert_eq!(
            told,
            [(Severity::Error, "settings.json"), (Severity::Warning, ".")]
        );
        assert!(
            findings[1].message.starts_with("2 paths"),
            "{}",
            findings[1].message
        );
    }

    #[test]
    fn what_is_left_out_on_purpose_is_no_finding() {
        let by_git = MissingFile {
            ignored_by_git: Some("`dist` in .gitignore line 1".to_owned()),
            ..missing("dist", Cause::NotCopied)
        };
        let env = MissingFile {
            credentials: true,
            ..missing(".env", Cause::NotCopied)
        };
        assert!(found(vec![by_git, env, missing("notes", Cause::Ignored)]).is_empty());
    }

    #[test]
    fn what_git_ignores_is_to_be_made_and_not_copied() {
        let mut seen = mount("dist", "/app/dist");
        seen.missing = vec![MissingFile {
            ignored_by_git: Some("`dist` in .gitignore line 3".to_owned()),
            ..missing("dist", Cause::NotCopied)
        }];
        let findings = check(&with(seen));
        assert!(
            findings[0].evidence[0].contains(".gitignore line 3"),
            "{:?}",
            findings[0].evidence
        );
        assert!(
            findings[0].help.starts_with("let the Dockerfile make"),
            "{}",
            findings[0].help
        );
    }

    #[test]
    fn secrets_and_keys_are_found_and_nobody_is_told_to_copy_them() {
        let mut secret = mount("db/password.txt", "/run/secrets/password");
        secret.via = Via::Secret;
        secret.credentials = true;
        secret.missing = vec![missing("db/password.txt", Cause::NotCopied)];
        let mut aws = mount("/home/me/.aws", "/root/.aws");
        aws.credentials = true;
        aws.missing = secret.missing.clone();
        let mut env = mount(".env", "/app/.env");
        env.credentials = true;
        env.missing = secret.missing.clone();
        for (seen, severity, advice) in [
            (secret, Severity::Error, "Secrets Manager"),
            (aws, Severity::Warning, "taskRoleArn"),
            (env, Severity::Error, "task definition"),
        ] {
            let path = seen.source.clone();
            let findings = check(&with(seen));
            assert_eq!(findings.len(), 1, "{path}");
            assert_eq!(findings[0].severity, severity, "{path}");
            assert!(findings[0].help.contains(advice), "{}", findings[0].help);
            assert!(!findings[0].help.contains("COPY"), "{}", findings[0].help);
            assert_eq!(findings[0].data["path"], path);
        }
    }

    #[test]
    fn settings_of_a_stage_that_was_compiled_are_found_only_when_somebody_asks_for_them() {
        let mut seen = mount("config.yml", "/app/config.yml");
        let other = MissingFile {
            reason: "copied into stage `build` only (line 3), and not from there into the image (Dockerfile)".to_owned(),
            ..missing("config.yml", Cause::StageOfBuild)
        };
        seen.missing = vec![other.clone()];
        assert!(check(&with(seen.clone())).is_empty());
        seen.missing = vec![MissingFile {
            logged: Some("open /app/config.yml: no such file or directory".to_owned()),
            ..other
        }];
        assert_eq!(check(&with(seen)).len(), 1);
    }

    #[test]
    fn a_mount_of_what_the_image_has_is_no_finding() {
        assert!(check(&with(mount("src", "/app/src"))).is_empty());
    }
}

//! E001 `missing-from-image`.

use crate::checks::rule;
use crate::evidence::{Evidence, MissingFile, MountSeen};
use crate::finding::{Finding, Severity};

rule! {
    /// A path that dev has through a bind mount and the image lacks.
    ///
    /// In dev the mount lays the project's files over the image, so a file that no COPY brings in is
    /// there all the same. ECS refuses bind mounts of a developer's machine: in production the file is
    /// missing.
    ///
    /// Fix: COPY it in the Dockerfile (and take it out of `.dockerignore`), or do without it.
    "E001", "missing-from-image", Error, since "0.1.0",
    needs [Files],
    "a path that dev has only through a bind mount and the image lacks",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mount in &evidence.mounts {
        if mount.without_build {
            findings.extend((!mount.missing.is_empty()).then(|| whole(mount)));
            continue;
        }
        findings.extend(mount.missing.iter().map(|file| one(mount, file)));
    }
    findings
}

/// A stock image: the mount is all there is of the code.
fn whole(mount: &MountSeen) -> Finding {
    let MountSeen {
        service,
        source,
        target,
        image,
        ..
    } = mount;
    let message = format!(
        "`{target}` of `{service}` exists only through the bind mount of `{source}`: the image `{image}` does not have it, and ECS refuses the mount"
    );
    let help = format!(
        "build an image that copies `{source}`; `envsim dockerfile {service}` writes the Dockerfile that this run used"
    );
    let finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &**source)
        .data("target", &**target)
        .data("files", mount.files)
        .proof(format!(
            "`{service}` has no `build`, and its image was not made from these files"
        ));
    mount.missing.iter().take(3).fold(finding, |finding, file| {
        finding.proof(format!(
            "not in the image: {} ({})",
            file.target, file.reason
        ))
    })
}

fn one(mount: &MountSeen, file: &MissingFile) -> Finding {
    let MountSeen { service, image, .. } = mount;
    let message = format!(
        "`{}` is there in dev through the bind mount and missing from the image of `{service}`",
        file.target
    );
    let help = format!(
        "copy `{}` to `{}` in the Dockerfile{}, or stop needing it in production",
        file.path,
        file.target,
        if file.reason.contains("ignore") {
            " and take it out of the ignore file"
        } else {
            ""
        }
    );
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &*file.path)
        .data("target", &*file.target)
        .proof(format!(
            "the image `{image}` has nothing at `{}`: {}",
            file.target, file.reason
        ));
    // What is mounted by itself is meant to be there; of a whole directory some files may not be.
    if file.target != mount.target {
        finding.severity = Severity::Warning;
    }
    if let Some((place, text)) = &file.named_in {
        finding.severity = Severity::Error;
        finding = finding.at(place, text).proof(format!("{place} names it"));
    }
    if let Some(line) = &file.logged {
        finding.severity = Severity::Error;
        finding = finding.proof(format!("in the task, `{service}` logged: {line}"));
    }
    finding
}

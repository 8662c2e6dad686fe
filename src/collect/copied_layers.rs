//! Images whose own layers are files of the build context and nothing else. What they hold is known from
//! the disk, so the image, which the engine would have to write out with all of its base, is not read.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::{Found, KEPT, one_per_repository, shown};
use crate::build::copied::{Copied, Copies, FileKind};
use crate::build::dockerfile::{Copy, Kind};
use crate::build::paths;
use crate::build::stages::{Base, Resolved, ResolvedStage};
use crate::mask::mask;
use crate::run::image::BuildInput;
use crate::secrets::{Verdict, is_never_one_below};

/// Links that base images have in the place of directories: what is copied there has another path in the
/// layer.
const LINKED: &[&str] = &["/var/run", "/var/lock"];

/// The copies that make up the image's own layers, as indices into [`Copies::files`]; none when anything
/// else can be in these layers that may be a secret.
pub fn known(input: &BuildInput) -> Option<BTreeSet<usize>> {
    if input.has_extras() {
        return None;
    }
    let copies = input.copies().ok()?;
    let files = input.listing.files();
    let links: BTreeSet<&str> = files
        .iter()
        .filter(|file| matches!(file.kind, FileKind::Symlink(_)))
        .map(|file| &*file.path)
        .collect();
    known_copies(&input.resolved, copies, &links)
}

/// `links` are the symbolic links of the context.
fn known_copies(
    resolved: &Resolved,
    copies: &Copies,
    links: &BTreeSet<&str>,
) -> Option<BTreeSet<usize>> {
    let lineage = resolved.lineage();
    if !copies.missing_sources.is_empty() {
        return None;
    }
    for stage in lineage.iter().map(|&stage| &resolved.stages[stage]) {
        stage_is_known(stage).then_some(())?;
    }
    let on_image = !matches!(resolved.stages[lineage[0]].base, Base::Scratch);
    let harmless = |copied: &Copied| is_never_one_below(above(&copied.target));
    let all = copies.files.iter().enumerate();
    let own = all.filter(|(_, copied)| lineage.contains(&copied.stage) && !harmless(copied));
    own.map(|(at, copied)| {
        let linked = LINKED
            .iter()
            .any(|link| paths::within(&copied.target, link).is_some());
        let is_other = copied.from_stage.is_some()
            || copied.unpacked
            || linked
            || links.contains(&*copied.source)
            || (on_image && is_unclear(resolved, copied));
        (!is_other).then_some(at)
    })
    .collect()
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// Whether the instructions of a stage put nothing into it but files of the context, and what is never
/// taken for a secret where it is put.
fn stage_is_known(stage: &ResolvedStage) -> bool {
    stage.steps.iter().all(|step| match &step.kind {
        Kind::Run(_) => false,
        Kind::Copy(copy) | Kind::Add(copy) => {
            let relative = !copy.dest.starts_with('/');
            if relative && step.workdir_assumed {
                return false;
            }
            let dest = paths::absolute(&step.workdir, &copy.dest);
            match copy.from {
                Some(_) => is_never_one_below(&dest),
                None => copy.heredocs == 0 && !is_remote(copy),
            }
        }
        _ => true,
    })
}

fn is_remote(copy: &Copy) -> bool {
    let remote = |source: &String| source.contains("://") || source.starts_with("git@");
    copy.sources.iter().any(remote)
}

/// Whether a file gets another name at a path that may be a directory of the base image: then it would go
/// into that, and have another path than the one that is written.
fn is_unclear(resolved: &Resolved, copied: &Copied) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    if name(&copied.source) == name(&copied.target) {
        return false;
    }
    let steps = resolved.stages[copied.stage].steps.iter();
    let mut of_line = steps.filter(|step| step.line == copied.instruction_line);
    of_line.any(|step| match &step.kind {
        Kind::Copy(copy) | Kind::Add(copy) => {
            !copy.dest.ends_with('/')
                && paths::clean(&paths::absolute(&step.workdir, &copy.dest)) == copied.target
        }
        _ => false,
    })
}

/// What a walk of the layers would find. `verdicts` say which copies are secrets; `history` is what made
/// the layers above the base image, the first step first. None when the two do not tell the same story.
pub fn found(
    input: &BuildInput,
    verdicts: &BTreeMap<usize, Verdict>,
    history: &[String],
) -> Option<Vec<Found>> {
    let own = known(input)?;
    let copies = input.copies().ok()?;
    let instructions = copying(&input.resolved, history)?;
    let mut found: Vec<Found> = Vec::new();
    for ((stage, line), instruction) in instructions {
        // What an instruction copies twice to one place is there once.
        let mut layer: BTreeMap<&str, Option<Verdict>> = BTreeMap::new();
        for &at in &own {
            let copied = &copies.files[at];
            if (copied.stage, copied.instruction_line) == (stage, line) {
                layer.insert(&copied.target, verdicts.get(&at).copied());
            }
        }
        let secrets = layer
            .into_iter()
            .filter_map(|(path, verdict)| Some((path, verdict?)));
        for (path, verdict) in secrets.take(KEPT) {
            found.retain(|earlier| earlier.path != path);
            found.push(Found {
                path: path.to_owned(),
                verdict,
                instruction: mask(&instruction).into_owned(),
                removed: false,
            });
        }
    }
    Some(one_per_repository(found))
}

/// The COPY and ADD of the image by stage and line, each with what the history says of it.
fn copying(resolved: &Resolved, history: &[String]) -> Option<Vec<((usize, usize), String)>> {
    let mut steps = Vec::new();
    for stage in resolved
        .lineage()
        .into_iter()
        .map(|at| &resolved.stages[at])
    {
        let copies = stage.steps.iter();
        let copies = copies.filter(|step| matches!(step.kind, Kind::Copy(_) | Kind::Add(_)));
        steps.extend(copies.map(|step| (stage.index, step.line)));
    }
    let mut made = Vec::new();
    for instruction in history.iter().map(|created_by| shown(created_by)) {
        match instruction.split_whitespace().next() {
            Some("COPY" | "ADD") => made.push(instruction),
            // A trigger of the base image, or another image than the Dockerfile makes.
            Some("RUN") => return None,
            _ => {}
        }
    }
    (steps.len() == made.len()).then(|| steps.into_iter().zip(made).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::copied::{ContextFile, copied};
    use crate::build::dockerfile::read;
    use crate::build::stages::Inputs;

    const CONTEXT: &[&str] = &[".env", "app.conf", "src/a.js", "archive.tar"];

    /// Which files of the context make up the layers of the image, by their paths in it.
    fn told(dockerfile: &str) -> Option<Vec<String>> {
        let files: Vec<ContextFile> = CONTEXT
            .iter()
            .map(|path| ContextFile {
                path: (*path).to_owned(),
                kind: FileKind::File,
            })
            .collect();
        let read = read(dockerfile, "Dockerfile").expect("a Dockerfile");
        let resolved = read.resolve(&Inputs::default()).expect("stages");
        let copies = copied(&resolved, &files).expect("copies");
        let own = known_copies(&resolved, &copies, &BTreeSet::from(["app.conf"]))?;
        Some(
            own.iter()
                .map(|at| copies.files[*at].target.clone())
                .collect(),
        )
    }

    #[test]
    fn layers_of_copied_files_are_known_with_what_a_later_copy_replaces() {
        let packages = "FROM node:22 AS packages\nWORKDIR /app\nRUN npm ci\n";
        let image = "FROM node:22\nWORKDIR /app\nCOPY --from=packages /app/node_modules ./node_modules\nCOPY src .env ./\n";
        let own = told(&format!("{packages}{image}")).expect("known");
        assert_eq!(own, ["/app/a.js", "/app/.env"]);
        let below = "FROM scratch AS below\nCOPY .env /a/\nFROM below\nCOPY src/a.js /a/.env\n";
        assert_eq!(told(below).expect("known"), ["/a/.env", "/a/.env"]);
    }

    #[test]
    fn layers_that_something_else_may_write_are_not_known() {
        for instructions in [
            "COPY .env /app/\nRUN rm /app/.env",
            "COPY --from=busybox /etc /etc",
            "COPY . /app/",
            "ADD archive.tar /app/",
            "ADD https://example.com/key /app/",
            "COPY <<EOF /app/.env\nA=1\nEOF",
            "COPY .env /app",
            "COPY .env /var/run/",
        ] {
            assert_eq!(
                told(&format!("FROM node:22\n{instructions}\n")),
                None,
                "{instructions}"
            );
        }
        assert!(told("FROM node:22 AS a\nRUN make\nFROM a\nCOPY .env /app/\n").is_none());
    }

    #[test]
    fn a_history_of_other_instructions_is_not_that_of_the_image() {
        let read = read("FROM node:22\nCOPY .env /a/\nADD src /a/\n", "Dockerfile").expect("read");
        let resolved = read.resolve(&Inputs::default()).expect("stages");
        let told = |steps: &[&str]| {
            let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
            copying(&resolved, &steps)
        };
        let whole = told(&[
            "COPY .env /a/ # buildkit",
            "/bin/sh -c #(nop) ADD dir:1 in /a/ ",
        ]);
        assert_eq!(
            whole.expect("the same"),
            [
                ((0, 2), "COPY .env /a/".to_owned()),
                ((0, 3), "ADD dir:1 in /a/".to_owned())
            ]
        );
        assert_eq!(told(&["COPY .env /a/"]), None);
        assert_eq!(
            told(&["COPY .env /a/", "ADD src /a/", "/bin/sh -c make"]),
            None
        );
    }
}

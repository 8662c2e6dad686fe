//! The production image of a service that has none: in development it runs a stock image and sees its code through bind
//! mounts only.
//!
//! Pure: the caller says what each mounted source is on disk, and [`super::context`] puts the build context together.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use serde::Serialize;

use super::paths;

/// A bind mount of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BindMount {
    /// Absolute path on the host.
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    pub kind: SourceKind,
    pub read_only: bool,
    /// Line of the mount in the compose file.
    pub line: Option<usize>,
}

/// What the source of a mount is on disk, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    File,
    Dir,
    Socket,
    /// A device, or a named pipe.
    Device,
    Missing,
}

/// What to make an image of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    pub service: &'a str,
    /// Reference of the image the service runs in development.
    pub image: &'a str,
    /// Name of the compose file, for comments.
    pub compose_file: &'a str,
    /// Absolute path of the directory the compose file is in.
    pub project_dir: &'a str,
    pub mounts: &'a [BindMount],
    /// Container paths of the service's other volumes. One inside a mounted directory hides what the directory has
    /// there, so that is not copied.
    pub volumes: &'a [String],
}

/// A Dockerfile and what its context is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Generated {
    pub dockerfile: String,
    pub layout: Layout,
    /// What the context consists of, in the order of the `COPY` instructions.
    pub context: Vec<Root>,
    /// Mounts the image does not carry.
    pub skipped: Vec<Skipped>,
    /// Lines to add to the project's `.dockerignore` when `docker build` is run without envsim, which leaves these paths
    /// out by itself.
    pub dockerignore_notes: Vec<String>,
}

/// What the sources of the `COPY` instructions are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The project directory: it can be used as build context as it is.
    Project,
    /// A context put together under made-up names, as some source lies outside of the project directory.
    Staged,
}

/// A mounted source in the build context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Absolute path on the host.
    pub source: String,
    /// Path in the context; empty when the source is the whole context.
    pub name: String,
    /// Absolute path in the image.
    pub target: String,
    pub is_file: bool,
    /// Paths below the source that other volumes hide in development.
    pub hidden: Vec<String>,
}

/// A mount the image does not carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub source: String,
    pub target: String,
    pub line: Option<usize>,
    pub reason: SkipReason,
}

/// Why a mount is not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    Missing,
    Socket,
    Device,
    /// Part of the host's operating system.
    System,
    /// A place where keys and passwords are kept. Whoever can pull an image can read everything in it.
    Credentials,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it does not exist",
            Self::Socket => "a socket only lives on this machine",
            Self::Device => "a device or pipe only lives on this machine",
            Self::System => "it belongs to this machine's operating system",
            Self::Credentials => "it holds credentials, which must not be part of an image",
        })
    }
}

/// Directories of the operating system. The project itself may lie in one of them.
const SYSTEM_DIRS: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/docker",
    "/var/log",
    "/var/run",
];

/// Path components under which tools keep credentials.
const CREDENTIAL_NAMES: &[&str] = &[
    ".aws", ".azure", ".docker", ".gnupg", ".kube", ".netrc", ".npmrc", ".pypirc", ".ssh",
];

/// Writes the Dockerfile. The same request always gives the same text.
pub fn generate(request: &Request<'_>) -> Generated {
    let project = paths::clean(request.project_dir);
    let mut mounts: Vec<&BindMount> = request.mounts.iter().collect();
    // A mount inside another comes after it, so that its files win.
    mounts.sort_by(|a, b| (&a.target, &a.source).cmp(&(&b.target, &b.source)));
    let (skipped, mounts): (Vec<_>, Vec<_>) = mounts
        .into_iter()
        .map(|mount| (skip_reason(mount, &project), mount))
        .partition(|(reason, _)| reason.is_some());
    let mounts: Vec<&BindMount> = mounts.into_iter().map(|(_, mount)| mount).collect();
    let in_project =
        |mount: &&BindMount| paths::within(&paths::clean(&mount.source), &project).is_some();
    let layout = if mounts.iter().all(in_project) {
        Layout::Project
    } else {
        Layout::Staged
    };
    let mut taken = BTreeSet::from(["Dockerfile".to_owned()]);
    let context: Vec<Root> = mounts
        .iter()
        .map(|mount| {
            let source = paths::clean(&mount.source);
            let target = paths::clean(&mount.target);
            let name = match layout {
                Layout::Project => paths::within(&source, &project)
                    .unwrap_or_default()
                    .to_owned(),
                Layout::Staged => staged_name(&source, &mut taken),
            };
            let volumes = request.volumes.iter().map(|volume| paths::clean(volume));
            let hidden =
                volumes.filter_map(|volume| Some(paths::within(&volume, &target)?.to_owned()));
            let hidden = hidden
                .filter(|below| !below.is_empty())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            Root {
                source,
                name,
                target,
                is_file: mount.kind == SourceKind::File,
                hidden,
            }
        })
        .collect();
    let skipped: Vec<Skipped> = skipped
        .into_iter()
        .filter_map(|(reason, mount)| {
            let (source, target) = (mount.source.clone(), mount.target.clone());
            Some(Skipped {
                source,
                target,
                line: mount.line,
                reason: reason?,
            })
        })
        .collect();
    let dockerignore_notes = match layout {
        Layout::Project => context
            .iter()
            .flat_map(ignore_lines)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        Layout::Staged => Vec::new(),
    };
    let lines: Vec<Option<usize>> = mounts.iter().map(|mount| mount.line).collect();
    let mut generated = Generated {
        dockerfile: String::new(),
        layout,
        context,
        skipped,
        dockerignore_notes,
    };
    generated.dockerfile = text(request, &project, &generated, &lines);
    generated
}

/// Why a mount is nothing that an image could carry. `project` is the cleaned project directory.
pub fn skip_reason(mount: &BindMount, project: &str) -> Option<SkipReason> {
    let source = paths::clean(&mount.source);
    match mount.kind {
        SourceKind::Socket => return Some(SkipReason::Socket),
        SourceKind::Device => return Some(SkipReason::Device),
        SourceKind::File | SourceKind::Dir | SourceKind::Missing => {}
    }
    // The engine's socket may not exist here, as with a remote engine; it is no code all the same.
    if source.ends_with(".sock") && mount.kind == SourceKind::Missing {
        return Some(SkipReason::Socket);
    }
    if paths::within(&source, project).is_none() {
        if source == "/"
            || SYSTEM_DIRS
                .iter()
                .any(|dir| paths::within(&source, dir).is_some())
        {
            return Some(SkipReason::System);
        }
        let mut parts = source.split('/');
        if source.contains("/.config/gcloud") || parts.any(|part| CREDENTIAL_NAMES.contains(&part))
        {
            return Some(SkipReason::Credentials);
        }
    }
    (mount.kind == SourceKind::Missing).then_some(SkipReason::Missing)
}

/// The source's own name made safe, with a number when it is taken.
fn staged_name(source: &str, taken: &mut BTreeSet<String>) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = paths::base(source)
        .chars()
        .map(|c| if safe(c) { c } else { '-' })
        .collect();
    let name = name.trim_start_matches(['-', '.']).to_owned();
    let name = if name.is_empty() {
        "files".to_owned()
    } else {
        name
    };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .unwrap_or(name);
    taken.insert(free.clone());
    free
}

fn ignore_lines(root: &Root) -> Vec<String> {
    root.hidden
        .iter()
        .map(|below| paths::join(&root.name, below))
        .collect()
}

fn text(
    request: &Request<'_>,
    project: &str,
    generated: &Generated,
    lines: &[Option<usize>],
) -> String {
    let Request {
        service,
        image,
        compose_file,
        ..
    } = request;
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&format!(
        "# Production image of the service `{service}`, generated by envsim from {compose_file}."
    ));
    line("#");
    line(&format!(
        "# In development `{service}` runs the image {image} unchanged and sees its code only through bind"
    ));
    line(&format!(
        "# mounts. The machine that runs it in production has none of your folders: what {compose_file} mounts is"
    ));
    line(
        "# simply not there. So the image has to carry the files itself. Each COPY below stands for one mount.",
    );
    line("#");
    line(
        "# A mount shows every change at once and hides what the image had at that place. A COPY is a snapshot, taken",
    );
    line("# when the image is built, and adds to what the image has.");
    line("#");
    match generated.layout {
        Layout::Project => {
            line("# Build it with the project directory as context (FILE is this file):");
            line("#   docker build -f FILE .");
        }
        Layout::Staged => {
            line(
                "# Some of the sources lie outside of the project directory, where a build cannot reach them. envsim puts",
            );
            line(
                "# them into the build context under these names; to build without it, copy them there first:",
            );
            for root in &generated.context {
                line(&format!(
                    "#   {}  <-  {}",
                    root.name,
                    shown(&root.source, project)
                ));
            }
        }
    }
    if !generated.dockerignore_notes.is_empty() {
        line("#");
        line(
            "# Other volumes cover these paths in development, so they do not belong in the image. Add them to",
        );
        line("# .dockerignore:");
        for note in &generated.dockerignore_notes {
            line(&format!("#   {note}"));
        }
    }
    line("");
    line(&format!("FROM {image}"));
    for (root, mount_line) in generated.context.iter().zip(lines) {
        line("");
        let place = place(compose_file, *mount_line);
        line(&format!(
            "# {place}: {} -> {}",
            shown(&root.source, project),
            root.target
        ));
        line(&copy_instruction(root));
    }
    if !generated.skipped.is_empty() {
        line("");
        line("# Mounts that are not copied:");
        for skipped in &generated.skipped {
            let place = place(compose_file, skipped.line);
            let source = shown(&skipped.source, project);
            line(&format!(
                "#   {place}: {source} -> {}: {}",
                skipped.target, skipped.reason
            ));
        }
    }
    out
}

fn place(compose_file: &str, line: Option<usize>) -> String {
    line.map_or_else(
        || compose_file.to_owned(),
        |line| format!("{compose_file} line {line}"),
    )
}

/// A host path as the compose file would write it. Line breaks would end the comment it stands in.
fn shown(source: &str, project: &str) -> String {
    let path = match paths::within(source, project) {
        Some("") => ".".to_owned(),
        Some(below) => format!("./{below}"),
        None => source.to_owned(),
    };
    path.replace(['\n', '\r'], "?")
}

fn copy_instruction(root: &Root) -> String {
    let source = match (root.name.as_str(), root.is_file) {
        ("", _) => ".".to_owned(),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name}/"),
    };
    let target = match (root.target.as_str(), root.is_file) {
        ("/", _) => "/".to_owned(),
        (target, true) => target.to_owned(),
        (target, false) => format!("{target}/"),
    };
    let plain = |word: &str| {
        let safe = |c: char| c.is_ascii_alphanumeric() || "._/@%+=:,-".contains(c);
        word.chars().all(safe) && !word.starts_with('-')
    };
    if plain(&source) && plain(&target) {
        return format!("COPY {source} {target}");
    }
    // The JSON form takes any character; wildcards are matched and variables expanded in it all the same.
    let source = if source.starts_with('-') {
        format!("./{source}")
    } else {
        source
    };
    let source: String = source
        .chars()
        .map(|c| match c {
            '*' | '?' | '[' => format!("[{c}]"),
            '\\' => "[\\\\]".to_owned(),
            c => c.to_string(),
        })
        .collect();
    format!("COPY [{}, {}]", json_word(&source), json_word(&target))
}

/// A JSON string that the builder's expansion turns back into `word`.
fn json_word(word: &str) -> String {
    let mut escaped = String::new();
    for c in word.chars() {
        if matches!(c, '\\' | '$' | '\'' | '"') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    let mut out = String::from("\"");
    for c in escaped.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::super::copied::{ContextFile, FileKind, copied};
    use super::super::dockerfile::read;
    use super::super::stages::Inputs;
    use super::*;

    fn mount(source: &str, target: &str, kind: SourceKind, line: usize) -> BindMount {
        BindMount {
            source: source.into(),
            target: target.into(),
            kind,
            read_only: false,
            line: Some(line),
        }
    }

    fn make(mounts: &[BindMount], volumes: &[&str]) -> Generated {
        let volumes: Vec<String> = volumes.iter().map(|&volume| volume.to_owned()).collect();
        generate(&Request {
            service: "api",
            image: "node:22",
            compose_file: "compose.yaml",
            project_dir: "/home/me/shop",
            mounts,
            volumes: &volumes,
        })
    }

    /// The instructions without comments.
    fn instructions(generated: &Generated) -> Vec<&str> {
        generated
            .dockerfile
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect()
    }

    #[test]
    fn sources_in_the_project_are_copied_from_where_they_are() {
        let generated = make(
            &[
                mount(
                    "/home/me/shop/conf/app.json",
                    "/app/app.json",
                    SourceKind::File,
                    9,
                ),
                mount("/home/me/shop/api", "/app", SourceKind::Dir, 8),
                mount(
                    "/var/run/docker.sock",
                    "/var/run/docker.sock",
                    SourceKind::Socket,
                    10,
                ),
            ],
            &["/app/node_modules", "/data"],
        );
        assert_eq!(generated.layout, Layout::Project);
        assert_eq!(generated.dockerignore_notes, ["api/node_modules"]);
        insta::assert_snapshot!(generated.dockerfile, @r"
        # Production image of the service `api`, generated by envsim from compose.yaml.
        #
        # In development `api` runs the image node:22 unchanged and sees its code only through bind
        # mounts. The machine that runs it in production has none of your folders: what compose.yaml mounts is
        # simply not there. So the image has to carry the files itself. Each COPY below stands for one mount.
        #
        # A mount shows every change at once and hides what the image had at that place. A COPY is a snapshot, taken
        # when the image is built, and adds to what the image has.
        #
        # Build it with the project directory as context (FILE is this file):
        #   docker build -f FILE .
        #
        # Other volumes cover these paths in development, so they do not belong in the image. Add them to
        # .dockerignore:
        #   api/node_modules

        FROM node:22

        # compose.yaml line 8: ./api -> /app
        COPY api/ /app/

        # compose.yaml line 9: ./conf/app.json -> /app/app.json
        COPY conf/app.json /app/app.json

        # Mounts that are not copied:
        #   compose.yaml line 10: /var/run/docker.sock -> /var/run/docker.sock: a socket only lives on this machine
        ");
    }

    #[test]
    fn one_source_outside_of_the_project_makes_the_context_a_staged_one() {
        let generated = make(
            &[
                mount("/home/me/shop/app", "/app", SourceKind::Dir, 1),
                mount("/home/me/lib/app", "/lib/app", SourceKind::Dir, 2),
                mount("/home/me/Dockerfile", "/D", SourceKind::File, 3),
            ],
            &[],
        );
        assert_eq!(generated.layout, Layout::Staged);
        assert_eq!(
            instructions(&generated),
            [
                "FROM node:22",
                "COPY Dockerfile-2 /D",
                "COPY app/ /app/",
                "COPY app-2/ /lib/app/"
            ]
        );
        assert!(
            generated
                .dockerfile
                .contains("#   app-2  <-  /home/me/lib/app\n")
        );
    }

    #[test]
    fn the_whole_project_is_copied_as_a_dot() {
        let generated = make(
            &[mount("/home/me/shop/", "/usr/src/app/", SourceKind::Dir, 1)],
            &[],
        );
        assert_eq!(
            instructions(&generated),
            ["FROM node:22", "COPY . /usr/src/app/"]
        );
        assert_eq!(generated.context[0].name, "");
    }

    #[test]
    fn what_only_this_machine_has_is_skipped_with_its_reason() {
        let generated = make(
            &[
                mount("/etc/localtime", "/1", SourceKind::File, 1),
                mount("/proc", "/2", SourceKind::Dir, 2),
                mount("/dev/null", "/3", SourceKind::Device, 3),
                mount("/home/me/shop/gone", "/4", SourceKind::Missing, 4),
                mount("/home/me/.aws", "/5", SourceKind::Dir, 5),
                mount("/var/run/docker.sock", "/6", SourceKind::Missing, 6),
                mount("/", "/7", SourceKind::Dir, 7),
            ],
            &[],
        );
        let reasons: Vec<_> = generated
            .skipped
            .iter()
            .map(|skipped| skipped.reason)
            .collect();
        use SkipReason::*;
        assert_eq!(
            reasons,
            [System, System, Device, Missing, Credentials, Socket, System]
        );
        assert_eq!(instructions(&generated), ["FROM node:22"]);
        assert_eq!(generated.layout, Layout::Project);
    }

    #[test]
    fn a_project_below_a_system_directory_is_copied() {
        let mounts = [mount("/usr/src/shop/api", "/app", SourceKind::Dir, 1)];
        let request = Request {
            service: "api",
            image: "a",
            compose_file: "compose.yaml",
            project_dir: "/usr/src/shop",
            mounts: &mounts,
            volumes: &[],
        };
        assert_eq!(generate(&request).skipped, []);
    }

    #[test]
    fn odd_names_reach_the_image_unchanged() {
        let names = [
            "my dir",
            "a$b",
            "star*",
            "what?",
            "[x]",
            "it's",
            "say \"hi\"",
            "back\\slash",
            "--flag",
            "ü",
        ];
        for name in names {
            let source = format!("/home/me/shop/{name}");
            let generated = make(
                &[mount(&source, &format!("/app/{name}"), SourceKind::File, 1)],
                &[],
            );
            let file = read(&generated.dockerfile, "Dockerfile")
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let resolved = file.resolve(&Inputs::default()).unwrap();
            let context = [ContextFile {
                path: name.to_owned(),
                kind: FileKind::File,
            }];
            let copies = copied(&resolved, &context).unwrap();
            let placed = copies.at(&format!("/app/{name}"));
            assert!(
                placed.is_some_and(|placed| placed.source == name),
                "{name}: {}",
                generated.dockerfile
            );
        }
    }

    #[test]
    fn the_order_of_the_mounts_makes_no_difference() {
        let mut mounts = vec![
            mount("/home/me/shop/a", "/app", SourceKind::Dir, 1),
            mount("/home/me/shop/b", "/app/b", SourceKind::Dir, 2),
            mount("/home/me/x", "/x", SourceKind::Dir, 3),
        ];
        let first = make(&mounts, &[]);
        mounts.reverse();
        assert_eq!(make(&mounts, &[]), first);
    }
}

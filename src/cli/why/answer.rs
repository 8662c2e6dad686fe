//! What is known of one path, as plain values, and how it is told. Pure.

use std::fmt::Write;

use serde::Serialize;

use crate::dev::watch::rule::Reason;

/// The answer to `envsim why PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The path, relative to the project directory when inside.
    pub path: String,
    /// What is there.
    pub there: There,
    /// The services that have to do with it.
    pub services: Vec<ServiceAnswer>,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum There {
    File,
    Directory,
    Link,
    /// A socket, pipe or device: those are never copied.
    Other,
    Nothing,
}

/// What one service has to do with the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceAnswer {
    pub service: String,
    /// Bind mounts that show it, at once.
    pub mounts: Vec<MountAnswer>,
    /// Watch rules whose path it is or is below.
    pub rules: Vec<RuleAnswer>,
    /// Whether the image of production has it.
    pub image: ImageAnswer,
    /// What the running container tells of its last sync; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<LastSync>,
}

/// A bind mount that shows the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MountAnswer {
    /// Absolute path in the container.
    pub target: String,
    pub read_only: bool,
    /// `compose.yaml:7`.
    pub place: String,
}

/// A watch rule above the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleAnswer {
    /// As the Compose file has it: `sync+restart`.
    pub action: &'static str,
    /// `compose.yaml:7`; of a rule that nobody wrote, where the service is.
    pub place: String,
    /// Why there is this rule, of one that nobody wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_default: Option<String>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What a rule does with the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// A change of it is acted on.
    Watched {
        /// Absolute path in the container it is copied to.
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// A change of it is not.
    Ignored {
        /// In words.
        reason: String,
        /// `FILE:LINE` of what decided.
        #[serde(skip_serializing_if = "Option::is_none")]
        decided_at: Option<String>,
        /// The pattern that decided.
        #[serde(skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
    },
}

/// Whether an image has the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ImageAnswer {
    /// A `COPY` or `ADD` brings it.
    Copied {
        /// Absolute paths in the image.
        at: Vec<String>,
        /// `Dockerfile:5`.
        place: String,
    },
    /// The Dockerfile that envsim writes copies the mount.
    Generated {
        /// Absolute path in the image.
        at: String,
    },
    /// The image does not have it.
    Absent {
        /// In words.
        reason: String,
    },
    /// That cannot be told.
    Unknown {
        /// In words.
        reason: String,
    },
}

/// When the path was last brought into the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastSync {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Microseconds from the change on the host to the file in the container.
    pub took_us: u64,
}

impl Outcome {
    /// For what a rule left out; `context_file` is the ignore file of the context as shown.
    pub fn ignored(reason: Reason, context_file: &str) -> Self {
        let (reason, decided_at, pattern) = match reason {
            Reason::Private { directory } => (
                format!("what is in `{directory}` is never watched"),
                None,
                None,
            ),
            Reason::Editor { owner } => (format!("it is a file of {owner}"), None, None),
            Reason::Rule { pattern, place } => (
                format!("`{pattern}` of the rule's `ignore` leaves it out"),
                Some(short(&place)),
                Some(pattern),
            ),
            Reason::NotIncluded { place } => (
                "no pattern of the rule's `include` matches it".to_owned(),
                Some(short(&place)),
                None,
            ),
            Reason::ContextFile { line, pattern, .. } => (
                format!(
                    "`{pattern}` in {context_file} line {line} leaves it out of the image, so it is not synced"
                ),
                Some(format!("{context_file}:{line}")),
                Some(pattern),
            ),
        };
        Self::Ignored {
            reason,
            decided_at,
            pattern,
        }
    }
}

/// A place without its column.
pub fn short(place: &crate::app::Place) -> String {
    format!("{}:{}", place.path, place.line)
}

impl Answer {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let path = &self.path;
        let what = match self.there {
            There::File => "a file",
            There::Directory => "a directory",
            There::Link => "a symbolic link; what it points to is not followed",
            There::Other => "a socket, pipe or device; those are never copied",
            There::Nothing => "nothing is there now",
        };
        let _ = writeln!(text, "{path}: {what}");
        if self.services.is_empty() {
            text += "  no service watches, mounts or copies it\n";
        }
        for service in &self.services {
            let _ = writeln!(text, "\n{}", service.service);
            service.write(&mut text);
        }
        text
    }
}

impl ServiceAnswer {
    fn write(&self, text: &mut String) {
        for mount in &self.mounts {
            let read_only = if mount.read_only { ", read-only" } else { "" };
            let _ = writeln!(
                text,
                "  mounted   {} ({}{read_only}): a change is visible at once",
                mount.target, mount.place
            );
        }
        for rule in &self.rules {
            let whose = match &rule.by_default {
                None => rule.place.clone(),
                Some(reason) => format!("by default, since {reason}"),
            };
            let line = match &rule.outcome {
                Outcome::Watched { target: None } => {
                    format!("  watched   {} ({whose})", rule.action)
                }
                Outcome::Watched {
                    target: Some(target),
                } => format!("  watched   {} to {target} ({whose})", rule.action),
                Outcome::Ignored { reason, .. } => {
                    format!("  ignored   by {} ({whose}): {reason}", rule.action)
                }
            };
            let _ = writeln!(text, "{line}");
        }
        if self.rules.is_empty() {
            text.push_str("  watched   by no rule\n");
        }
        let _ = match &self.image {
            ImageAnswer::Copied { at, place } => {
                writeln!(text, "  image     {} ({place})", at.join(", "))
            }
            ImageAnswer::Generated { at } => writeln!(
                text,
                "  image     {at} (the Dockerfile of `envsim dockerfile {}`)",
                self.service
            ),
            ImageAnswer::Absent { reason } => {
                writeln!(text, "  image     not in production's: {reason}")
            }
            ImageAnswer::Unknown { reason } => writeln!(text, "  image     not known: {reason}"),
        };
        if let Some(last) = &self.last_sync {
            let _ = writeln!(
                text,
                "  synced    in {:.1} ms, the last time",
                last.took_us as f64 / 1000.0
            );
        }
    }

    /// Whether it says more than that the service has nothing to do with the path.
    pub fn concerns(&self) -> bool {
        !self.mounts.is_empty()
            || !self.rules.is_empty()
            || matches!(
                self.image,
                ImageAnswer::Copied { .. } | ImageAnswer::Generated { .. }
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_reads_like_this() {
        let answer = Answer {
            path: "src/a.js".to_owned(),
            there: There::File,
            services: vec![ServiceAnswer {
                service: "web".to_owned(),
                mounts: vec![MountAnswer {
                    target: "/srv/a.js".to_owned(),
                    read_only: true,
                    place: "compose.yaml:5".to_owned(),
                }],
                rules: vec![
                    RuleAnswer {
                        action: "sync",
                        place: "compose.yaml:9".to_owned(),
                        by_default: None,
                        outcome: Outcome::Watched {
                            target: Some("/app/a.js".to_owned()),
                        },
                    },
                    RuleAnswer {
                        action: "rebuild",
                        place: "compose.yaml:12".to_owned(),
                        by_default: None,
                        outcome: Outcome::ignored(
                            Reason::ContextFile {
                                file: ".dockerignore".to_owned(),
                                line: 3,
                                pattern: "src".to_owned(),
                            },
                            "web/.dockerignore",
                        ),
                    },
                ],
                image: ImageAnswer::Absent {
                    reason: "no instruction copies it".to_owned(),
                },
                last_sync: Some(LastSync {
                    at_ms: 1,
                    took_us: 2_340,
                }),
            }],
        };
        insta::assert_snapshot!(answer.text(), @r"
        src/a.js: a file

        web
          mounted   /srv/a.js (compose.yaml:5, read-only): a change is visible at once
          watched   sync to /app/a.js (compose.yaml:9)
          ignored   by rebuild (compose.yaml:12): `src` in web/.dockerignore line 3 leaves it out of the image, so it is not synced
          image     not in production's: no instruction copies it
          synced    in 2.3 ms, the last time
        ");
    }
}

//! `develop.watch`: a change of a file acts on the running app.

use crate::support::{Outcome, Project, Running, until};

/// A foreground run of one service with one rule; its image holds `src/` at `/src`.
struct Watched {
    running: Running,
    project: Project,
}

/// Says that it started, then what is in the file.
const COMMAND: &str = "echo started with $$(cat /src/page); trap exit TERM; sleep infinity & wait";

impl Watched {
    fn start(rule: &str) -> Option<Self> {
        Self::start_with(rule, &["dev"])
    }

    fn start_with(rule: &str, command: &[&str]) -> Option<Self> {
        let project = Project::with_engine()?;
        project
            .file("Dockerfile", "FROM debian:bookworm-slim\nCOPY src /src\n")
            .file("src/page", "before")
            .file("src/old", "to be deleted")
            .compose(&format!(
                "services:
  web:
    build: .
    command: [bash, -c, '{COMMAND}']
    develop:
      watch:
        - {rule}
"
            ));
        let mut running = project.spawn(command);
        running.wait_for("started with before");
        running.wait_for("watching the files of web");
        Some(Self { running, project })
    }

    /// Content of a file in the container that runs now.
    fn content(&self, path: &str) -> Option<String> {
        let state = self
            .project
            .eye()
            .service(self.project.name(), "dev", "web")?;
        if !state.running {
            return None;
        }
        let outcome = self.project.exec("web", &["cat", path]);
        (outcome.code == Some(0)).then_some(outcome.stdout)
    }

    fn container(&self) -> String {
        let state = self
            .project
            .eye()
            .service(self.project.name(), "dev", "web");
        state.expect("the container is there").id
    }

    fn started_at(&self) -> Option<String> {
        let state = self
            .project
            .eye()
            .service(self.project.name(), "dev", "web");
        state.expect("the container is there").started_at
    }

    #[track_caller]
    fn ends_well(self) -> Outcome {
        self.running.interrupt();
        let outcome = self.running.finish();
        outcome.exits(0);
        let left = self.project.eye().running_parts(self.project.name());
        assert!(left.is_empty(), "{left:?}\n{outcome}");
        outcome
    }
}

#[test]
fn sync_copies_a_changed_file_into_the_same_container() {
    let Some(watched) = Watched::start("{action: sync, path: ./src, target: /src}") else {
        return;
    };
    let container = watched.container();
    watched.project.file("src/page", "after");
    until("the new content", || {
        watched
            .content("/src/page")
            .filter(|content| content == "after")
    });
    assert_eq!(watched.container(), container);
    assert_eq!(
        watched.running.output().matches("started with").count(),
        1,
        "{}",
        watched.running.output()
    );
    watched.ends_well();
}

#[test]
fn sync_copies_a_new_file_in_a_new_directory() {
    let Some(watched) = Watched::start("{action: sync, path: ./src, target: /src}") else {
        return;
    };
    watched.project.file("src/deep/down/new", "fresh");
    until("the new file", || {
        watched
            .content("/src/deep/down/new")
            .filter(|content| content == "fresh")
    });
    watched.ends_well();
}

#[test]
fn sync_deletes_a_deleted_file() {
    let Some(watched) = Watched::start("{action: sync, path: ./src, target: /src}") else {
        return;
    };
    assert_eq!(
        watched.content("/src/old").as_deref(),
        Some("to be deleted")
    );
    std::fs::remove_file(watched.project.path("src/old")).expect("the file is there");
    until("the deletion", || {
        watched.content("/src/old").is_none().then_some(())
    });
    assert_eq!(watched.content("/src/page").as_deref(), Some("before"));
    watched.ends_well();
}

#[test]
fn sync_leaves_ignored_files_alone() {
    let rule = "{action: sync, path: ./src, target: /src, ignore: ['*.tmp']}";
    let Some(watched) = Watched::start(rule) else {
        return;
    };
    watched.project.file("src/a.tmp", "ignored");
    watched.project.file("src/page", "after");
    until("the new content", || {
        watched
            .content("/src/page")
            .filter(|content| content == "after")
    });
    assert_eq!(watched.content("/src/a.tmp"), None);
    watched.ends_well();
}

#[test]
fn restart_restarts_the_process_in_the_same_container() {
    let Some(watched) = Watched::start("{action: restart, path: ./src}") else {
        return;
    };
    let (container, started_at) = (watched.container(), watched.started_at());
    watched.project.file("src/page", "after");
    until("a second start", || {
        (watched.running.output().matches("started with").count() == 2).then_some(())
    });
    assert_eq!(watched.container(), container);
    assert_eq!(watched.started_at(), started_at);
    watched.ends_well();
}

#[test]
fn without_the_agent_the_container_is_restarted_and_files_go_through_the_engine() {
    let rule = "{action: sync+restart, path: ./src, target: /src}";
    let Some(watched) = Watched::start_with(rule, &["dev", "--no-agent"]) else {
        return;
    };
    let (container, started_at) = (watched.container(), watched.started_at());
    watched.project.file("src/page", "after");
    until("a second start", || {
        (watched
            .running
            .output()
            .matches("started with after")
            .count()
            == 1)
            .then_some(())
    });
    assert_eq!(watched.container(), container);
    assert_ne!(watched.started_at(), started_at);
    watched.ends_well();
}

#[test]
fn a_line_of_the_log_is_shown_once_although_the_container_was_restarted() {
    let Some(mut watched) = Watched::start("{action: restart, path: ./src}") else {
        return;
    };
    watched.project.file("src/page", "after");
    watched.running.wait_for("restarted for src/page");
    watched
        .running
        .wait_until("the line of the second start", |output| {
            output.matches("started with").count() >= 2
        });
    let outcome = watched.ends_well();
    let lines = outcome.stdout.matches("started with").count();
    assert_eq!(lines, 2, "{outcome}");
}

#[test]
fn sync_and_restart_starts_again_with_the_changed_file() {
    let Some(mut watched) = Watched::start("{action: sync+restart, path: ./src, target: /src}")
    else {
        return;
    };
    let container = watched.container();
    watched.project.file("src/page", "after");
    watched.running.wait_for("started with after");
    assert_eq!(watched.container(), container);
    watched.ends_well();
}

#[test]
fn rebuild_replaces_the_container_by_one_of_the_new_image() {
    let Some(mut watched) = Watched::start("{action: rebuild, path: ./src}") else {
        return;
    };
    let container = watched.container();
    watched.project.file("src/page", "after");
    watched.running.wait_for("started with after");
    assert_ne!(watched.container(), container);
    watched.ends_well();
}

#[test]
fn a_rebuild_that_fails_leaves_the_old_container_running() {
    let Some(mut watched) = Watched::start("{action: rebuild, path: ./Dockerfile}") else {
        return;
    };
    let container = watched.container();
    watched
        .project
        .file("Dockerfile", "FROM debian:bookworm-slim\nRUN exit 7\n");
    watched.running.wait_for("the build failed");
    assert_eq!(watched.container(), container);
    assert_eq!(watched.content("/src/page").as_deref(), Some("before"));
    watched.ends_well();
}

#[test]
fn a_rebuild_works_after_one_that_failed() {
    let Some(mut watched) = Watched::start("{action: rebuild, path: ./Dockerfile}") else {
        return;
    };
    watched
        .project
        .file("Dockerfile", "FROM debian:bookworm-slim\nRUN exit 7\n");
    watched.running.wait_for("the build failed");
    watched.project.file(
        "Dockerfile",
        "FROM debian:bookworm-slim\nCOPY src /src\nRUN echo mended > /src/page\n",
    );
    watched.running.wait_for("started with mended");
    watched.ends_well();
}

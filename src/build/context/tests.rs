use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use super::super::generate::{BindMount, Generated, Layout, Request, generate};
use super::archive::{Content, Extra, Written, place_dockerfile, write};
use super::*;

/// A directory with these files; the content of each is its path. A trailing slash makes a directory.
fn project(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        if file.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
    }
    dir
}

fn paths_of(listing: &Listing) -> Vec<&str> {
    listing
        .entries
        .iter()
        .map(|entry| entry.path.as_str())
        .collect()
}

fn ignore(text: &str) -> Ignore {
    Ignore::parse(text, ".dockerignore").unwrap()
}

/// The archive's entries: path to (type, mode, content or link target).
fn archived(listing: &Listing, extras: &[Extra]) -> BTreeMap<String, (u8, u32, String)> {
    let mut bytes = Vec::new();
    write(listing, extras, &mut bytes).unwrap();
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!(
            (entry.header().uid().unwrap(), entry.header().gid().unwrap()),
            (0, 0)
        );
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let (kind, mode) = (
            entry.header().entry_type().as_byte(),
            entry.header().mode().unwrap(),
        );
        let mut content = String::new();
        match entry.link_name().unwrap() {
            Some(target) => content = target.to_string_lossy().into_owned(),
            None => drop(entry.read_to_string(&mut content).unwrap()),
        }
        assert!(
            found.insert(path.clone(), (kind, mode, content)).is_none(),
            "{path} is there twice"
        );
    }
    found
}

#[test]
fn entries_are_sorted_and_ignored_directories_are_not_entered() {
    let dir = project(&["b", "a/x", "a.b", "node_modules/m/i.js", "empty/"]);
    // Entering it would be an error for an ordinary user.
    fs::set_permissions(
        dir.path().join("node_modules"),
        fs::Permissions::from_mode(0o000),
    )
    .unwrap();
    let listing = walk(dir.path(), &ignore("node_modules\n")).unwrap();
    assert_eq!(paths_of(&listing), ["a", "a.b", "a/x", "b", "empty"]);
    let ignored: Vec<_> = listing
        .ignored
        .iter()
        .map(|path| (path.path.as_str(), path.rule.line))
        .collect();
    assert_eq!(ignored, [("node_modules", 1)]);
}

#[test]
fn the_directories_above_an_exception_are_kept_and_others_are_not() {
    let dir = project(&["src/a/keep", "src/a/drop", "src/b/drop", "x"]);
    let listing = walk(dir.path(), &ignore("*\n!src/a/keep\n")).unwrap();
    assert_eq!(paths_of(&listing), ["src", "src/a", "src/a/keep"]);
}

#[test]
fn links_are_kept_as_links_and_not_followed() {
    let dir = project(&["real/x"]);
    symlink("real", dir.path().join("link")).unwrap();
    symlink("/nowhere", dir.path().join("broken")).unwrap();
    symlink(".", dir.path().join("loop")).unwrap();
    let listing = walk(dir.path(), &Ignore::default()).unwrap();
    assert_eq!(
        paths_of(&listing),
        ["broken", "link", "loop", "real", "real/x"]
    );
    assert_eq!(
        archived(&listing, &[])["link"],
        (b'2', 0o777, "real".to_owned())
    );
}

#[test]
fn pipes_and_sockets_are_skipped_with_a_note() {
    let dir = project(&["a"]);
    let pipe = dir.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let _socket = UnixListener::bind(dir.path().join("app.sock")).unwrap();
    let listing = walk(dir.path(), &Ignore::default()).unwrap();
    assert_eq!(paths_of(&listing), ["a"]);
    let skipped: Vec<_> = listing
        .skipped
        .iter()
        .map(|path| (path.path.as_str(), path.what))
        .collect();
    assert_eq!(
        skipped,
        [("app.sock", "a socket"), ("pipe", "a named pipe")]
    );
    assert_eq!(look(&pipe), SourceKind::Device);
    assert_eq!(look(&dir.path().join("app.sock")), SourceKind::Socket);
}

#[test]
fn the_ignore_file_beside_the_dockerfile_replaces_the_general_one() {
    let dir = project(&["docker/"]);
    let dockerfile = dir.path().join("docker/api.Dockerfile");
    assert!(
        find_ignore(dir.path(), Some(&dockerfile))
            .unwrap()
            .is_empty()
    );
    fs::write(dir.path().join(".dockerignore"), "a\n").unwrap();
    assert_eq!(
        find_ignore(dir.path(), Some(&dockerfile)).unwrap().file(),
        ".dockerignore"
    );
    fs::write(dir.path().join("docker/api.Dockerfile.dockerignore"), "b\n").unwrap();
    let found = find_ignore(dir.path(), Some(&dockerfile)).unwrap();
    assert_eq!(found.file(), "docker/api.Dockerfile.dockerignore");
    assert!(found.decide("b").unwrap().excluded && !found.decide("a").unwrap().excluded);
}

#[test]
fn the_archive_keeps_permissions_times_and_long_paths() {
    let long = format!("{}/file", ["a-rather-long-directory-name"; 10].join("/"));
    let dir = project(&["run.sh", &long]);
    let script = dir.path().join("run.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o4755)).unwrap();
    let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options()
        .write(true)
        .open(&script)
        .unwrap()
        .set_modified(when)
        .unwrap();
    let target = "t/".repeat(80);
    symlink(&target, dir.path().join("far")).unwrap();
    let listing = walk(dir.path(), &Ignore::default()).unwrap();
    let found = archived(&listing, &[]);
    assert_eq!(found["run.sh"], (b'0', 0o4755, "run.sh".to_owned()));
    assert_eq!(found[&long].2, long);
    assert_eq!(found["far"].2, target);
    assert_eq!(listing.entries.last().unwrap().mtime, 1_000_000_000);
}

#[test]
fn the_dockerfile_is_always_in_the_archive() {
    let dir = project(&["Dockerfile", "docker/Dockerfile", "a"]);
    let outside = project(&["Dockerfile"]);
    let kept = walk(dir.path(), &ignore("docker\n")).unwrap();
    let place = |path: &Path| place_dockerfile(dir.path(), path, &kept);
    assert_eq!(
        place(&dir.path().join("Dockerfile")),
        ("Dockerfile".to_owned(), None)
    );
    for path in [
        dir.path().join("docker/Dockerfile"),
        outside.path().join("Dockerfile"),
    ] {
        let (name, extra) = place(&path);
        let found = archived(&kept, &[extra.unwrap()]);
        assert_eq!(
            found[&name].2,
            if path.starts_with(dir.path()) {
                "docker/Dockerfile"
            } else {
                "Dockerfile"
            }
        );
        assert!(found.contains_key("a"));
    }
}

#[test]
fn an_extra_file_takes_the_place_of_one_in_the_context() {
    let dir = project(&["Dockerfile"]);
    let listing = walk(dir.path(), &Ignore::default()).unwrap();
    let extra = Extra {
        name: "Dockerfile".to_owned(),
        content: Content::Text("FROM a\n".to_owned()),
    };
    assert_eq!(archived(&listing, &[extra])["Dockerfile"].2, "FROM a\n");
}

#[test]
fn a_file_that_grows_or_vanishes_after_the_listing_leaves_a_sound_archive() {
    let dir = project(&["a", "b", "c"]);
    let listing = walk(dir.path(), &Ignore::default()).unwrap();
    fs::write(dir.path().join("a"), "x".repeat(10_000)).unwrap();
    fs::remove_file(dir.path().join("b")).unwrap();
    let found = archived(&listing, &[]);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn a_file_replaced_by_a_pipe_is_an_error_and_not_opened() {
    let dir = project(&["a"]);
    let listing = walk(dir.path(), &Ignore::default()).unwrap();
    let path = dir.path().join("a");
    fs::remove_file(&path).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let error = write(&listing, &[], io::sink()).unwrap_err();
    assert!(matches!(&error, ContextError::Changed(at) if *at == path));
}

#[test]
fn errors_name_the_path() {
    let dir = project(&["a"]);
    let missing = walk(&dir.path().join("nope"), &Ignore::default())
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("nope`") && missing.contains("check the path"),
        "{missing}"
    );
    assert!(matches!(
        walk(&dir.path().join("a"), &Ignore::default()),
        Err(ContextError::NotADirectory(_))
    ));
}

#[test]
fn an_output_that_fails_is_told_apart_from_a_file_that_fails() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = project(&["a"]);
    let listing = walk(dir.path(), &Ignore::default()).unwrap();
    assert!(matches!(
        write(&listing, &[], Full),
        Err(ContextError::Send(_))
    ));
    assert_eq!(
        write(&listing, &[], io::sink()).unwrap(),
        Written { files: 1, bytes: 1 }
    );
}

fn generated(dir: &Path, mounts: &[(&str, &str)], volumes: &[&str]) -> Generated {
    let mounts: Vec<_> = mounts
        .iter()
        .map(|(source, target)| {
            let source = dir.join(source);
            let kind = look(&source);
            let source = source.to_string_lossy().into_owned();
            BindMount {
                source,
                target: (*target).to_owned(),
                kind,
                read_only: false,
                line: None,
            }
        })
        .collect();
    let volumes: Vec<_> = volumes.iter().map(|&volume| volume.to_owned()).collect();
    let project_dir = dir.to_string_lossy();
    let (mounts, volumes) = (&mounts, &volumes);
    let request = Request {
        service: "api",
        image: "a",
        compose_file: "compose.yaml",
        project_dir: &project_dir,
        mounts,
        volumes,
    };
    generate(&request)
}

#[test]
fn mounted_sources_obey_the_projects_ignore_file_and_their_own() {
    let dir = project(&[
        "api/a.js",
        "api/secret",
        "api/tmp/x",
        "api/node_modules/m",
        "web/w",
        "nginx.conf",
        "other/o",
    ]);
    fs::write(dir.path().join(".dockerignore"), "**/secret\nweb\n").unwrap();
    fs::write(dir.path().join("api/.dockerignore"), "tmp\n").unwrap();
    let generated = generated(
        dir.path(),
        &[("api", "/app"), ("web", "/web"), ("nginx.conf", "/n")],
        &["/app/node_modules"],
    );
    let listing = walk_mounts(dir.path(), &generated).unwrap();
    assert_eq!(
        paths_of(&listing),
        ["api", "api/.dockerignore", "api/a.js", "nginx.conf"]
    );
    let ignored: Vec<_> = listing
        .ignored
        .iter()
        .map(|path| (path.path.as_str(), path.file.as_str()))
        .collect();
    assert_eq!(
        ignored,
        [
            ("api/secret", ".dockerignore"),
            ("api/tmp", "api/.dockerignore"),
            ("web", ".dockerignore")
        ]
    );
}

#[test]
fn a_mount_of_the_whole_project_is_listed_without_a_name() {
    let dir = project(&["a", "b/c", "node_modules/m"]);
    let generated = generated(dir.path(), &[(".", "/app")], &["/app/node_modules"]);
    let listing = walk_mounts(dir.path(), &generated).unwrap();
    assert_eq!(paths_of(&listing), ["a", "b", "b/c"]);
}

#[test]
fn sources_from_outside_are_listed_under_their_staged_names() {
    let dir = project(&[
        "shop/api/a.js",
        "shop/api/x.md",
        "shared/lib.js",
        "shared/x.md",
    ]);
    fs::write(dir.path().join("shop/.dockerignore"), "**/*.md\n").unwrap();
    let project = dir.path().join("shop");
    let generated = generated(&project, &[("api", "/app"), ("../shared", "/shared")], &[]);
    assert_eq!(generated.layout, Layout::Staged);
    let listing = walk_mounts(&project, &generated).unwrap();
    assert_eq!(
        paths_of(&listing),
        ["api", "api/a.js", "shared", "shared/lib.js", "shared/x.md"]
    );
    assert_eq!(archived(&listing, &[])["shared/lib.js"].2, "shared/lib.js");
}

#[test]
fn an_exception_brings_back_a_part_of_an_ignored_mount() {
    let dir = project(&["data/seed.sql", "data/big.bin"]);
    fs::write(dir.path().join(".dockerignore"), "data\n!data/seed.sql\n").unwrap();
    let listing = walk_mounts(
        dir.path(),
        &generated(dir.path(), &[("data", "/data")], &[]),
    )
    .unwrap();
    assert_eq!(paths_of(&listing), ["data", "data/seed.sql"]);
}

#[test]
fn an_unreadable_path_is_named_with_what_to_do_about_it() {
    let error = io_error("open", Path::new("/srv/key.pem"))(io::ErrorKind::PermissionDenied.into());
    let message = error.to_string();
    assert!(message.starts_with("cannot open `/srv/key.pem`: permission denied"));
    assert!(message.ends_with("make it readable, or keep it out with a line in `.dockerignore`"));
}

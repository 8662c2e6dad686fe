use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use super::*;
use crate::app::{Place, WatchAction, WatchRule};
use crate::dev::watch::batch::Batch;
use crate::dev::watch::mirror::{Mirror, What};

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(20);

fn matcher(path: &Path, ignore: &[&str]) -> Matcher {
    let rule = WatchRule {
        path: path.to_owned(),
        action: WatchAction::Sync,
        target: Some("/app".to_owned()),
        ignore: ignore.iter().map(|text| (*text).to_owned()).collect(),
        include: Vec::new(),
        initial_sync: false,
        place: Place::start_of("compose.yaml"),
    };
    Matcher::new(&rule, None).expect("valid patterns")
}

fn tree() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    // As events name it.
    let root = directory.path().canonicalize().expect("it is there");
    (directory, root)
}

/// The next change that is `wanted`, with those before it.
async fn until(source: &mut Source, wanted: impl Fn(&Change) -> bool) -> Vec<Change> {
    let mut seen = Vec::new();
    let found = async {
        while let Some(change) = source.next().await {
            seen.push(change.clone());
            if wanted(&change) {
                return true;
            }
        }
        false
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    assert_eq!(found, Ok(true), "only these came: {seen:#?}");
    seen
}

fn names(changes: &[Change]) -> BTreeSet<String> {
    let paths = changes.iter().filter_map(|change| match change {
        Change::Closed(path) | Change::Touched(path) => path.file_name(),
        Change::Lost | Change::Note(_) => None,
    });
    paths
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

#[tokio::test]
async fn a_file_that_was_written_or_moved_in_is_complete() {
    let (_kept, root) = tree();
    let mut source = Source::new(vec![matcher(&root, &["**/*.log"])]);
    fs::write(root.join("noise.log"), "1").unwrap();
    fs::write(root.join("a"), "1").unwrap();
    let closed = Change::Closed(root.join("a"));
    let seen = until(&mut source, |change| *change == closed).await;
    assert_eq!(names(&seen), BTreeSet::from(["a".to_owned()]));
    fs::write(root.join("a.log"), "2").unwrap();
    fs::rename(root.join("a.log"), root.join("b")).unwrap();
    let moved = Change::Closed(root.join("b"));
    until(&mut source, |change| *change == moved).await;
    fs::remove_file(root.join("a")).unwrap();
    let removed = Change::Touched(root.join("a"));
    until(&mut source, |change| *change == removed).await;
}

#[tokio::test]
async fn only_directories_that_are_not_ignored_are_watched_and_each_once() {
    let (_kept, root) = tree();
    for number in 0..20 {
        fs::create_dir_all(root.join(format!("node_modules/m{number}/lib"))).unwrap();
    }
    fs::create_dir_all(root.join("src/api")).unwrap();
    fs::create_dir_all(root.join(".git/objects/00")).unwrap();
    let rules = vec![
        matcher(&root, &["node_modules"]),
        matcher(&root.join("src"), &[]),
        matcher(&root.join("src/api"), &[]),
    ];
    let source = Source::new(rules);
    assert_eq!(source.counts(), (3, 0));
}

#[tokio::test]
async fn what_is_in_a_new_directory_is_told_however_fast_it_came() {
    let (_kept, root) = tree();
    let mut source = Source::new(vec![matcher(&root, &["skip"])]);
    for number in 0..50 {
        let directory = root.join(format!("d{number}/e/f"));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("file{number}")), "1").unwrap();
    }
    fs::create_dir_all(root.join("skip/deep")).unwrap();
    let mut missing: BTreeSet<String> = (0..50).map(|number| format!("file{number}")).collect();
    while !missing.is_empty() {
        for name in names(&until(&mut source, |_| true).await) {
            missing.remove(&name);
        }
    }
    fs::write(root.join("d7/e/f/later"), "1").unwrap();
    let later = Change::Closed(root.join("d7/e/f/later"));
    until(&mut source, |change| *change == later).await;
    assert_eq!(source.counts(), (151, 0));
}

#[tokio::test]
async fn a_directory_that_moves_or_goes_leaves_no_watch_behind() {
    let (_kept, root) = tree();
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::create_dir_all(root.join("out")).unwrap();
    let mut source = Source::new(vec![matcher(&root, &["out"])]);
    assert_eq!(source.counts(), (4, 0));
    fs::rename(root.join("a"), root.join("d")).unwrap();
    let there = Change::Touched(root.join("d"));
    let seen = until(&mut source, |change| *change == there).await;
    assert!(seen.contains(&Change::Touched(root.join("a"))), "{seen:?}");
    assert_eq!(source.counts(), (4, 0));
    fs::write(root.join("d/b/c/f"), "1").unwrap();
    let file = Change::Closed(root.join("d/b/c/f"));
    until(&mut source, |change| *change == file).await;
    // Out of what is watched.
    fs::rename(root.join("d"), root.join("out/d")).unwrap();
    let left = Change::Touched(root.join("d"));
    until(&mut source, |change| *change == left).await;
    assert_eq!(source.counts(), (1, 0));
    fs::rename(root.join("out/d"), root.join("e")).unwrap();
    fs::remove_dir_all(root.join("e")).unwrap();
    let left = Change::Touched(root.join("e"));
    until(&mut source, |change| *change == left).await;
    fs::write(root.join("last"), "1").unwrap();
    let last = Change::Closed(root.join("last"));
    until(&mut source, |change| *change == last).await;
    assert_eq!(source.counts(), (1, 0));
}

#[tokio::test]
async fn a_path_that_is_not_there_yet_is_watched_once_it_appears_and_again_after_it_went() {
    let (_kept, root) = tree();
    let path = root.join("x/src");
    let mut source = Source::new(vec![
        matcher(&path, &[]),
        matcher(&root.join("one.json"), &[]),
    ]);
    for _ in 0..3 {
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("f"), "1").unwrap();
        let file = path.join("f");
        until(&mut source, |change| {
            matches!(change, Change::Closed(path) | Change::Touched(path) if *path == file)
        })
        .await;
        fs::remove_dir_all(root.join("x")).unwrap();
        let gone = Change::Touched(path.clone());
        until(&mut source, |change| *change == gone).await;
    }
    fs::write(root.join("one.json"), "1").unwrap();
    let file = Change::Closed(root.join("one.json"));
    until(&mut source, |change| *change == file).await;
}

#[tokio::test]
async fn without_watches_left_the_rest_is_looked_at_and_told_once() {
    let (_kept, root) = tree();
    for number in 0..5 {
        fs::create_dir_all(root.join(format!("d{number}/e"))).unwrap();
        fs::write(root.join(format!("d{number}/e/f")), "1").unwrap();
    }
    let mut source = Source::with_at_most(vec![matcher(&root, &[])], 4);
    assert_eq!(source.counts(), (4, 7));
    let note = until(&mut source, |_| true).await;
    let Change::Note(note) = &note[0] else {
        panic!("no note: {note:?}");
    };
    assert!(note.starts_with("7 directories are looked at"), "{note}");
    assert!(note.contains("fs.inotify.max_user_watches"), "{note}");
    for number in 0..5 {
        let file = root.join(format!("d{number}/e/f"));
        fs::write(&file, "2").unwrap();
        until(&mut source, |change| {
            matches!(change, Change::Closed(path) | Change::Touched(path) if *path == file)
        })
        .await;
    }
    // A new directory where nothing is watched, and one that goes there.
    fs::create_dir_all(root.join("d0/e/new/deep")).unwrap();
    fs::write(root.join("d0/e/new/deep/f"), "1").unwrap();
    let file = Change::Touched(root.join("d0/e/new/deep/f"));
    until(&mut source, |change| *change == file).await;
    fs::write(root.join("d0/e/new/deep/f"), "2").unwrap();
    until(&mut source, |change| *change == file).await;
    let before = source.counts();
    fs::remove_dir_all(root.join("d0/e/new")).unwrap();
    let gone = Change::Touched(root.join("d0/e/new"));
    until(&mut source, |change| *change == gone).await;
    assert_eq!(source.counts(), (before.0, before.1 - 2));
}

#[tokio::test]
async fn when_events_are_lost_new_directories_are_watched_all_the_same() {
    let (_kept, root) = tree();
    fs::create_dir(root.join("old")).unwrap();
    let mut source = Source::new(vec![matcher(&root, &[])]);
    fs::remove_dir(root.join("old")).unwrap();
    fs::create_dir_all(root.join("new/deep")).unwrap();
    // What the queue of the kernel, or ours, does when it is full.
    while source.events.try_recv().is_ok() {}
    source.backlog.lost.store(true, Ordering::Relaxed);
    let seen = until(&mut source, |_| true).await;
    assert_eq!(seen, [Change::Lost]);
    assert_eq!(source.counts(), (3, 0));
    fs::write(root.join("new/deep/f"), "1").unwrap();
    let file = Change::Closed(root.join("new/deep/f"));
    until(&mut source, |change| *change == file).await;
}

/// Files by name with their content, directories and links.
fn contents(root: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            let below = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
            let content = if metadata.is_dir() {
                open.push(path.clone());
                b"directory".to_vec()
            } else if metadata.is_symlink() {
                b"link".to_vec()
            } else {
                fs::read(&path).unwrap_or_default()
            };
            all.insert(below.to_vec(), content);
        }
    }
    all
}

/// A generator of numbers that needs no crate: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// One act of a developer in a hurry.
fn act(root: &Path, random: &mut Random) {
    let name = |random: &mut Random| {
        let depth = 1 + random.below(3);
        let parts = (0..depth).map(|_| format!("n{}", random.below(4)));
        root.join(parts.collect::<Vec<_>>().join("/"))
    };
    let path = name(random);
    // What cannot be done, since something else is there, is left.
    match random.below(9) {
        0..3 => drop(fs::write(&path, random.below(1 << 40).to_string())),
        3 | 4 => drop(fs::create_dir_all(&path)),
        5 | 6 => drop(fs::rename(&path, name(random))),
        7 if path.is_dir() && !path.is_symlink() => drop(fs::remove_dir_all(&path)),
        7 => drop(fs::remove_file(&path)),
        _ if !path.exists() => drop(symlink("/nowhere", &path)),
        _ if !path.is_symlink() => drop(fs::set_permissions(
            &path,
            fs::Permissions::from_mode(0o700 + 0o11 * (random.below(6) as u32)),
        )),
        _ => {}
    }
}

/// Watches while somebody works in `root`, and returns what a container would have once it is quiet.
async fn follow(source: &mut Source, root: &Path, seed: u64) {
    let mut mirror = Mirror::new(matcher(root, &[]));
    let mut container: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let steps = mirror.scan();
    send(&mut mirror, &mut container, steps);
    let place = root.to_owned();
    let worker = std::thread::spawn(move || {
        let mut random = Random(seed);
        for _ in 0..600 {
            act(&place, &mut random);
            if random.below(20) == 0 {
                std::thread::yield_now();
            }
        }
    });
    let mut batch = Batch::default();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let due = batch.due();
        let quiet = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = quiet => {
                let now = Instant::now();
                if let Some(changes) = batch.take(now) {
                    let steps = match changes.rescan {
                        true => mirror.scan(),
                        false => mirror.changed(changes.paths.keys(), true),
                    };
                    send(&mut mirror, &mut container, steps);
                }
            }
            change = source.next() => match change.expect("it goes on") {
                Change::Closed(path) => batch.closed(path, Instant::now()),
                Change::Touched(path) => batch.touched(path, Instant::now()),
                Change::Lost => batch.lost(Instant::now()),
                Change::Note(_) => {}
            },
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        if worker.is_finished() && container == contents(root) {
            break;
        }
        if Instant::now() > deadline {
            assert_eq!(container, contents(root), "seed {seed}");
        }
    }
    worker.join().expect("it did not panic");
}

fn send(
    mirror: &mut Mirror,
    container: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    steps: Vec<crate::dev::watch::mirror::Step>,
) {
    for step in steps {
        let content = match step.what {
            What::Gone { .. } => {
                container.remove(&step.below);
                continue;
            }
            What::Directory { .. } => b"directory".to_vec(),
            What::Link { .. } => b"link".to_vec(),
            // It may be another one by now, or gone: then another change comes.
            What::File { .. } => match fs::read(&step.source) {
                Ok(bytes) => bytes,
                Err(_) => {
                    mirror.forget(&step.below);
                    continue;
                }
            },
        };
        container.insert(step.below, content);
    }
}

#[tokio::test]
async fn whatever_happens_the_container_ends_up_with_what_the_disk_has() {
    for seed in 1_u64..=8 {
        let (_kept, root) = tree();
        let mut source = Source::new(vec![matcher(&root, &[])]);
        follow(&mut source, &root, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).await;
    }
}

#[tokio::test]
async fn the_same_holds_where_most_is_only_looked_at() {
    let (_kept, root) = tree();
    let mut source = Source::with_at_most(vec![matcher(&root, &[])], 3);
    follow(&mut source, &root, 0xDEAD_BEEF).await;
}

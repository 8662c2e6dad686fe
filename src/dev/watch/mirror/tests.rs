use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use super::*;
use crate::app::{Place, WatchAction, WatchRule};

fn mirror(root: &Path, ignore: &[&str], include: &[&str]) -> Mirror {
    let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let rule = WatchRule {
        path: root.to_owned(),
        action: WatchAction::Sync,
        target: Some("/app".to_owned()),
        ignore: own(ignore),
        include: own(include),
        initial_sync: false,
        place: Place::start_of("compose.yaml"),
    };
    Mirror::new(Matcher::new(&rule, None).expect("valid patterns"))
}

/// Steps in a form that is easy to compare: `+file`, `/directory`, `>link`, `-gone`.
fn told(steps: &[Step]) -> Vec<String> {
    let told = steps.iter().map(|step| {
        let sign = match &step.what {
            What::File { .. } => '+',
            What::Directory { .. } => '/',
            What::Link { .. } => '>',
            What::Gone { .. } => '-',
        };
        format!("{sign}{}", String::from_utf8_lossy(&step.below))
    });
    told.collect()
}

/// Makes the index believe that it looked long after the files changed.
fn age(mirror: &mut Mirror) {
    for known in mirror.known.values_mut() {
        known.looked += 3_600_000_000_000;
    }
}

fn tree() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root");
    fs::create_dir(&root).expect("a directory");
    (directory, root)
}

#[test]
fn a_scan_tells_all_and_the_next_nothing() {
    let (_kept, root) = tree();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/f"), "1").unwrap();
    fs::write(root.join("g"), "1").unwrap();
    symlink("/nowhere", root.join("l")).unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    assert_eq!(told(&mirror.scan()), ["/a", "+g", ">l", "/a/b", "+a/b/f"]);
    age(&mut mirror);
    assert_eq!(told(&mirror.scan()), [""; 0]);
    fs::set_permissions(root.join("g"), fs::Permissions::from_mode(0o755)).unwrap();
    let steps = mirror.scan();
    assert_eq!(told(&steps), ["+g"]);
    assert!(matches!(steps[0].what, What::File { mode: 0o755, .. }));
}

#[test]
fn a_file_that_changed_just_before_it_was_read_is_sent_again_when_events_were_lost() {
    let (_kept, root) = tree();
    fs::write(root.join("f"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    assert_eq!(told(&mirror.scan()), ["+f"]);
    age(&mut mirror);
    assert_eq!(told(&mirror.scan()), [""; 0]);
}

#[test]
fn an_event_of_a_file_sends_it_whatever_its_attributes_say() {
    let (_kept, root) = tree();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/f"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    age(&mut mirror);
    assert_eq!(told(&mirror.changed([root.join("a")], true)), [""; 0]);
    // The directory is compared first and finds nothing; the file is sent once all the same.
    let dirty = [root.join("a/f"), root.join("a")];
    assert_eq!(told(&mirror.changed(&dirty, true)), ["+a/f"]);
}

#[test]
fn a_directory_that_moves_goes_deepest_first_and_comes_with_all_that_it_has() {
    let (_kept, root) = tree();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/f"), "1").unwrap();
    fs::write(root.join("a.txt"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    age(&mut mirror);
    fs::rename(root.join("a"), root.join("c")).unwrap();
    let steps = mirror.changed([root.join("a"), root.join("c")], true);
    assert_eq!(
        told(&steps),
        ["-a/b/f", "-a/b", "-a", "/c", "/c/b", "+c/b/f"]
    );
}

#[test]
fn what_takes_another_kinds_place_comes_after_it_went_and_links_are_not_followed() {
    let (kept, root) = tree();
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(root.join("a/f"), "1").unwrap();
    fs::create_dir(kept.path().join("outside")).unwrap();
    fs::write(kept.path().join("outside/f"), "secret").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    fs::remove_dir_all(root.join("a")).unwrap();
    symlink("../outside", root.join("a")).unwrap();
    // A late event of the file that was there names the one behind the link now.
    let steps = mirror.changed([root.join("a/f")], true);
    assert_eq!(told(&steps), ["-a/f", "-a", ">a"]);
}

#[test]
fn sockets_and_pipes_are_left_out_and_take_a_files_place() {
    let (_kept, root) = tree();
    fs::write(root.join("f"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    fs::remove_file(root.join("f")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("f")).unwrap();
    assert_eq!(told(&mirror.changed([root.join("f")], true)), ["-f"]);
}

#[test]
fn what_failed_is_sent_again_or_removed() {
    let (_kept, root) = tree();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/f"), "1").unwrap();
    fs::write(root.join("g"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    age(&mut mirror);
    mirror.forget(b"a");
    mirror.forget(b"g");
    fs::remove_file(root.join("g")).unwrap();
    assert_eq!(told(&mirror.scan()), ["-g", "/a", "+a/f"]);
    // A removal that failed is known to the index no more: it is made again.
    mirror.forget(b"gone/x");
    assert_eq!(told(&mirror.scan())[..2], ["-gone/x", "-gone"]);
}

#[test]
fn a_file_in_whose_place_something_failed_is_sent_again_after_that_went() {
    let (_kept, root) = tree();
    fs::write(root.join("a"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    age(&mut mirror);
    // It was a directory a moment ago, and the end of what was in it did not arrive.
    mirror.forget(b"a/x");
    assert_eq!(told(&mirror.scan()), ["-a/x", "-a", "+a"]);
}

#[test]
fn a_rule_about_one_file_sends_that_file() {
    let (_kept, root) = tree();
    let path = root.join("config.json");
    fs::write(&path, "1").unwrap();
    fs::write(root.join("other"), "1").unwrap();
    let mut mirror = mirror(&path, &[], &[]);
    assert_eq!(told(&mirror.scan()), ["+"]);
    fs::remove_file(&path).unwrap();
    let dirty = [path.clone(), root.join("other")];
    assert_eq!(told(&mirror.changed(&dirty, true)), ["-"]);
    fs::write(&path, "2").unwrap();
    assert_eq!(told(&mirror.changed(&dirty, true)), ["+"]);
}

#[test]
fn with_include_only_the_directories_are_made_that_a_file_needs() {
    let (_kept, root) = tree();
    for directory in ["a/b", "c"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("a/b/f.py"), "1").unwrap();
    fs::write(root.join("c/f.js"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &["**/*.py"]);
    assert_eq!(told(&mirror.scan()), ["/a", "/a/b", "+a/b/f.py"]);
    fs::rename(root.join("a"), root.join("d")).unwrap();
    let steps = mirror.changed([root.join("a"), root.join("d")], true);
    assert_eq!(told(&steps)[3..], ["/d", "/d/b", "+d/b/f.py"]);
}

#[test]
fn a_directory_that_cannot_be_read_is_told_once_and_stays_as_it_is() {
    let (_kept, root) = tree();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/f"), "1").unwrap();
    let mut mirror = mirror(&root, &[], &[]);
    mirror.scan();
    fs::set_permissions(root.join("a"), fs::Permissions::from_mode(0o000)).unwrap();
    // To the superuser every directory is open.
    let open = fs::read_dir(root.join("a")).is_ok();
    let steps = [mirror.scan(), mirror.scan()].concat();
    assert!(!told(&steps).contains(&"-a/f".to_owned()), "{steps:?}");
    assert_eq!(mirror.take_notes().len(), usize::from(!open));
    fs::set_permissions(root.join("a"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// What a container has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    File(Vec<u8>, u32),
    Directory(u32),
    Link(Vec<u8>),
}

type Tree = BTreeMap<Vec<u8>, Node>;

fn has_below(tree: &Tree, below: &[u8]) -> bool {
    let prefix = [below, b"/"].concat();
    tree.keys().any(|path| path.starts_with(&prefix))
}

/// Does what the agent does with a step: a directory that is not empty is never replaced, parents have to be there.
fn carry_out(tree: &mut Tree, step: &Step) -> Result<(), String> {
    let full = || has_below(tree, &step.below);
    let parent = step.below.iter().rposition(|byte| *byte == b'/');
    if let Some(at) = parent
        && !matches!(tree.get(&step.below[..at]), Some(Node::Directory(_)))
    {
        return match step.what {
            What::Gone { .. } => Ok(()),
            _ => Err("the parent is no directory".to_owned()),
        };
    }
    let node = match &step.what {
        What::Gone { .. } if full() => return Err("the directory is not empty".to_owned()),
        What::Gone { .. } => {
            tree.remove(&step.below);
            return Ok(());
        }
        What::Directory { mode } => Node::Directory(*mode),
        What::File { .. } | What::Link { .. } if full() => {
            return Err("it would replace a directory with something in it".to_owned());
        }
        What::File { mode, size, .. } => {
            let bytes = fs::read(&step.source).map_err(|error| error.to_string())?;
            assert_eq!(bytes.len() as u64, *size, "{step:?}");
            Node::File(bytes, *mode)
        }
        What::Link { to } => Node::Link(to.clone()),
    };
    tree.insert(step.below.clone(), node);
    Ok(())
}

/// What the disk has, without what the rule leaves out.
fn on_disk(root: &Path, skipped: &dyn Fn(&[u8]) -> bool) -> Tree {
    let mut tree = Tree::new();
    let mut open = vec![Vec::new()];
    while let Some(below) = open.pop() {
        let path = root.join(OsStr::from_bytes(&below));
        for entry in fs::read_dir(path).expect("a directory").flatten() {
            let below = join(&below, entry.file_name().as_bytes());
            let metadata = entry.metadata().expect("nobody else is here");
            let mode = metadata.permissions().mode() & 0o7777;
            if skipped(&below) {
                continue;
            }
            let node = if metadata.is_dir() {
                open.push(below.clone());
                Node::Directory(mode)
            } else if metadata.is_symlink() {
                let to = fs::read_link(entry.path()).expect("a link");
                Node::Link(to.into_os_string().into_vec())
            } else if metadata.is_file() {
                Node::File(fs::read(entry.path()).expect("a file"), mode)
            } else {
                continue;
            };
            tree.insert(below, node);
        }
    }
    tree
}

/// Something a developer does, or something that happens to the events of it.
#[derive(Clone, Debug)]
enum Act {
    Write(Vec<u8>, u8),
    MakeDirectories(Vec<u8>),
    Rename(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Link(Vec<u8>, Vec<u8>),
    Socket(Vec<u8>),
    Chmod(Vec<u8>, bool),
    /// The events so far arrive, together.
    Deliver,
    /// The events so far are lost, and everything is scanned.
    Lose,
    /// The next steps cannot be carried out, for lack of a connection.
    Fail(u8),
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    let names: &[&[u8]] = &[b"a", b"b", b"c", b"a-b", b"\xff\xfe", b"skip", b"x.log"];
    let name = prop::sample::select(names);
    prop::collection::vec(name, 1..4).prop_map(|parts| parts.join(&b'/'))
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (path(), any::<u8>()).prop_map(|(path, byte)| Act::Write(path, byte)),
        4 => path().prop_map(Act::MakeDirectories),
        4 => (path(), path()).prop_map(|(from, to)| Act::Rename(from, to)),
        3 => path().prop_map(Act::Remove),
        2 => (path(), path()).prop_map(|(path, to)| Act::Link(path, to)),
        1 => path().prop_map(Act::Socket),
        2 => (path(), any::<bool>()).prop_map(|(path, on)| Act::Chmod(path, on)),
        4 => Just(Act::Deliver),
        1 => Just(Act::Lose),
        1 => (1_u8..4).prop_map(Act::Fail),
    ]
}

/// Does it, and returns the paths that events name. What the system refuses has no event.
fn perform(root: &Path, act: &Act) -> Vec<PathBuf> {
    let at = |below: &[u8]| root.join(OsStr::from_bytes(below));
    // Nothing is done through a link: that is another place's event.
    let is_plain = |path: &Path| {
        let above = path.ancestors().skip(1).take_while(|above| *above != root);
        above.into_iter().all(|above| {
            above
                .symlink_metadata()
                .is_ok_and(|metadata| metadata.is_dir())
        })
    };
    let done = |path: PathBuf, act: &dyn Fn(&Path) -> std::io::Result<()>| {
        let done = is_plain(&path) && act(&path).is_ok();
        if done { vec![path] } else { Vec::new() }
    };
    match act {
        Act::Write(below, byte) => done(at(below), &|path| match path.is_symlink() {
            true => Err(ErrorKind::AlreadyExists.into()),
            false => fs::write(path, [*byte]),
        }),
        Act::MakeDirectories(below) => {
            // The watch of the directory above tells the first one that is made.
            let new = ancestors(below).chain([&below[..]]).map(at);
            let new = new
                .into_iter()
                .find(|path| !path.exists() && !path.is_symlink());
            let made = is_plain_up_to(root, &at(below)) && fs::create_dir_all(at(below)).is_ok();
            new.filter(|_| made).into_iter().collect()
        }
        Act::Rename(from, to) => {
            let (from, to) = (at(from), at(to));
            let done =
                is_plain(&from) && is_plain(&to) && from != to && fs::rename(&from, &to).is_ok();
            if done { vec![from, to] } else { Vec::new() }
        }
        Act::Remove(below) => done(
            at(below),
            &|path| match path.is_dir() && !path.is_symlink() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            },
        ),
        Act::Link(below, to) => done(at(below), &|path| symlink(OsStr::from_bytes(to), path)),
        Act::Socket(below) => done(at(below), &|path| {
            std::os::unix::net::UnixListener::bind(path).map(drop)
        }),
        Act::Chmod(below, on) => done(at(below), &|path| {
            let mode = if *on { 0o755 } else { 0o700 };
            match path.is_symlink() {
                true => Err(ErrorKind::Unsupported.into()),
                false => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
            }
        }),
        Act::Deliver | Act::Lose | Act::Fail(_) => Vec::new(),
    }
}

/// Whether what exists of the way to a path is all directories.
fn is_plain_up_to(root: &Path, path: &Path) -> bool {
    let mut above = path.ancestors().take_while(|above| *above != root);
    above.all(|above| {
        above
            .symlink_metadata()
            .map_or(true, |metadata| metadata.is_dir())
    })
}

/// Carries out steps, of which the first `failing` fail; returns those that did not work for another reason.
fn send(mirror: &mut Mirror, tree: &mut Tree, steps: &[Step], failing: &mut u8) -> Vec<String> {
    let mut wrong = Vec::new();
    for step in steps {
        if *failing > 0 {
            *failing -= 1;
            mirror.forget(&step.below);
        } else if let Err(error) = carry_out(tree, step) {
            mirror.forget(&step.below);
            wrong.push(format!("{step:?}: {error}"));
        }
    }
    wrong
}

fn run(
    acts: &[Act],
    ignore: &[&str],
    include: &[&str],
    skipped: &dyn Fn(&[u8]) -> bool,
) -> (Tree, Tree) {
    let (_kept, root) = tree();
    let mut mirror = mirror(&root, ignore, include);
    let mut container = Tree::new();
    let mut events: Vec<PathBuf> = Vec::new();
    let mut failing = 0;
    let mut has_failed = false;
    for act in acts {
        events.extend(perform(&root, act));
        let steps = match act {
            Act::Deliver => mirror.changed(std::mem::take(&mut events), true),
            Act::Lose => {
                events.clear();
                mirror.scan()
            }
            Act::Fail(times) => {
                failing = *times;
                has_failed = true;
                continue;
            }
            _ => continue,
        };
        let wrong = send(&mut mirror, &mut container, &steps, &mut failing);
        // Without a failure before, every step can be carried out when its turn comes.
        assert!(has_failed || wrong.is_empty(), "{wrong:?}");
        let ignored = container.keys().find(|path| skipped(path));
        assert_eq!(ignored, None);
    }
    // The connection is back.
    let mut steps = mirror.changed(std::mem::take(&mut events), true);
    if has_failed {
        send(&mut mirror, &mut container, &steps, &mut 0);
        steps = mirror.scan();
    }
    let wrong = send(&mut mirror, &mut container, &steps, &mut 0);
    assert!(wrong.is_empty(), "{wrong:?}");
    let kept: Vec<&Vec<u8>> = mirror
        .known
        .keys()
        .filter(|path| !path.is_empty())
        .collect();
    assert_eq!(
        kept,
        container.keys().collect::<Vec<_>>(),
        "the index is what was sent"
    );
    (container, on_disk(&root, skipped))
}

fn parts(below: &[u8]) -> impl Iterator<Item = &[u8]> {
    below.split(|byte| *byte == b'/')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_container_has_what_the_disk_has(acts in prop::collection::vec(act(), 1..40)) {
        let (container, disk) = run(&acts, &[], &[], &|_| false);
        prop_assert_eq!(container, disk);
    }

    #[test]
    fn what_is_ignored_never_appears(acts in prop::collection::vec(act(), 1..40)) {
        let skipped = |below: &[u8]| parts(below).any(|part| part == b"skip" || part.ends_with(b".log"));
        let (container, disk) = run(&acts, &["**/skip", "**/*.log"], &[], &skipped);
        prop_assert_eq!(container, disk);
    }

    #[test]
    fn what_is_included_alone_appears(acts in prop::collection::vec(act(), 1..40)) {
        let included = |below: &[u8]| parts(below).any(|part| part == b"a");
        let (container, disk) = run(&acts, &[], &["**/a"], &|_| false);
        let files = |tree: &Tree| -> Tree {
            let files = tree.iter().filter(|(path, node)| {
                included(path) && !matches!(node, Node::Directory(_))
            });
            files.map(|(path, node)| (path.clone(), node.clone())).collect()
        };
        prop_assert_eq!(files(&container), files(&disk));
        // A directory is there because a file needs it, or needed it.
        for (path, node) in &container {
            prop_assert!(included(path) || matches!(node, Node::Directory(_)));
            prop_assert_eq!(Some(node), disk.get(path));
        }
    }
}

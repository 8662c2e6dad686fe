//! The built program, spoken to as envsim does it.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::scratch::Scratch;
use crate::wire::frame::{At, BUILD, Decoder, Encoder, Entry, EntryKind, File, Reply, Request};
use crate::wire::hash;

const AGENT: &str = concat!(env!("OUT_DIR"), "/agent");

/// A link to a folder of the test's own, `root` in the scratch folder, as root number 0.
struct Link {
    scratch: Scratch,
    agent: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    encoder: Encoder,
    decoder: Decoder,
}

impl Link {
    /// Before any frame.
    fn silent() -> Self {
        let scratch = Scratch::new("link");
        let control = scratch.path.clone();
        Self::with(scratch, &control)
    }

    /// Another in the same container, with the same root.
    fn beside(other: &Self) -> Self {
        Self::with(Scratch::new("link-beside"), &other.scratch.path).greeted(&other.scratch.path)
    }

    fn with(scratch: Scratch, control: &Path) -> Self {
        let mut agent = Command::new(AGENT)
            .args(["link", "--control"])
            .arg(control)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            scratch,
            input: agent.stdin.take(),
            output: agent.stdout.take().unwrap(),
            agent,
            encoder: Encoder::default(),
            decoder: Decoder::default(),
        }
    }

    fn new() -> Self {
        let link = Self::silent();
        let folder = link.scratch.path.clone();
        link.greeted(&folder)
    }

    fn greeted(mut self, folder: &Path) -> Self {
        let answers = self.ask(&Request::Hello {
            build: BUILD.to_owned(),
        });
        assert!(matches!(&answers[..], [Reply::Hello { build, service: 0, .. }] if build == BUILD));
        let declared = self.ask(&Request::Root {
            number: 0,
            path: folder.join("root").to_str().unwrap().into(),
            owner: None,
        });
        assert_eq!(declared, []);
        self
    }

    fn send(&mut self, request: &Request) -> u64 {
        let mut bytes = Vec::new();
        let number = self.encoder.encode(request, &mut bytes);
        self.write(&bytes);
        number
    }

    fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next reply; none at the end of the output.
    fn reply(&mut self) -> Option<Reply> {
        let mut bytes = [0; 65536];
        loop {
            if let Some((_, reply)) = self.decoder.decode().unwrap() {
                return Some(reply);
            }
            match self.output.read(&mut bytes).unwrap() {
                0 => return None,
                count => self.decoder.push(&bytes[..count]),
            }
        }
    }

    /// Replies before the one that says that this request is done.
    fn until_done(&mut self, request: u64) -> Vec<Reply> {
        let mut replies = Vec::new();
        loop {
            match self.reply().expect("the link ended") {
                Reply::Done { through } if through >= request => return replies,
                Reply::Done { .. } => {}
                reply => replies.push(reply),
            }
        }
    }

    fn ask(&mut self, request: &Request) -> Vec<Reply> {
        let number = self.send(request);
        self.until_done(number)
    }

    /// Asks for something that is to fail, and gives the number of the error with the sentence.
    fn refused(&mut self, request: &Request) -> (i32, String) {
        match &self.ask(request)[..] {
            [Reply::Failed { errno, what, .. }] => (*errno, what.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, path: &str, text: &str) -> Vec<Reply> {
        self.ask(&Request::Put {
            file: file(path),
            bytes: text.into(),
        })
    }

    fn tree(&mut self, path: &str, skip: &[&str], hash: bool) -> Vec<Entry> {
        let replies = self.ask(&Request::Tree {
            at: at(path),
            skip: skip.iter().map(|path| path.as_bytes().to_vec()).collect(),
            hash,
        });
        let mut entries: Vec<Entry> = replies
            .into_iter()
            .map(|reply| match reply {
                Reply::Entry { entry, .. } => entry,
                other => panic!("{other:?}"),
            })
            .collect();
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        entries
    }

    /// The exit code after the input has ended.
    fn end(&mut self) -> Option<i32> {
        self.input = None;
        while self.reply().is_some() {}
        self.agent.wait().unwrap().code()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

fn at(path: &str) -> At {
    At {
        root: 0,
        path: path.into(),
    }
}

fn file(path: &str) -> File {
    File {
        at: at(path),
        mode: 0o640,
        modified: 1_700_000_000_123_456_789,
        seen: 0,
    }
}

fn remove(path: &str) -> Request {
    Request::Remove {
        at: at(path),
        seen: 0,
    }
}

fn directory(path: &str, mode: u32) -> Request {
    Request::Directory {
        at: at(path),
        mode,
        seen: 0,
    }
}

fn link(path: &str, to: &str) -> Request {
    Request::Link {
        at: at(path),
        to: to.into(),
        seen: 0,
    }
}

fn is_root() -> bool {
    crate::control::own_user() == 0
}

#[test]
fn a_file_arrives_with_its_content_mode_time_and_missing_directories() {
    let mut link = Link::new();
    assert_eq!(link.put("a/b/c.js", "one"), []);
    assert_eq!(link.scratch.text("root/a/b/c.js"), "one");
    let found = fs::metadata(link.scratch.path.join("root/a/b/c.js")).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o640);
    assert_eq!(found.mtime(), 1_700_000_000);
    assert_eq!(found.mtime_nsec(), 123_456_789);
    let above = fs::metadata(link.scratch.path.join("root/a/b")).unwrap();
    assert_eq!(above.mode() & 0o7777, 0o755);
    assert_eq!(link.put("a/b/c.js", "two"), []);
    assert_eq!(link.scratch.text("root/a/b/c.js"), "two");
    let mut early = file("early");
    early.modified = -1;
    let bytes = Vec::new();
    assert_eq!(link.ask(&Request::Put { file: early, bytes }), []);
    let found = fs::metadata(link.scratch.path.join("root/early")).unwrap();
    assert_eq!((found.mtime(), found.mtime_nsec()), (-1, 999_999_999));
    assert_eq!(
        link.tree("", &[], false).len(),
        4,
        "nothing else is left there"
    );
}

#[test]
fn what_is_made_belongs_to_the_owner_of_its_root() {
    if !is_root() {
        return; // Only root can give files away.
    }
    let mut link = Link::new();
    let path = link.scratch.path.join("deep/er");
    let declared = link.ask(&Request::Root {
        number: 1,
        path: path.to_str().unwrap().into(),
        owner: Some((1234, 2345)),
    });
    assert_eq!(declared, []);
    let here = |path: &str| At {
        root: 1,
        path: path.into(),
    };
    let mut sent = file("");
    sent.at = here("x/file");
    sent.mode = 0o4755;
    for request in [
        Request::Put {
            file: sent,
            bytes: b"1".to_vec(),
        },
        Request::Directory {
            at: here("y"),
            mode: 0o2775,
            seen: 0,
        },
        Request::Link {
            at: here("x/link"),
            to: b"/etc/passwd".to_vec(),
            seen: 0,
        },
    ] {
        assert_eq!(link.ask(&request), []);
    }
    for (name, mode) in [
        ("deep", 0o755),
        ("deep/er", 0o755),
        ("deep/er/x", 0o755),
        ("deep/er/x/file", 0o4755),
        ("deep/er/y", 0o2775),
        ("deep/er/x/link", 0o777),
    ] {
        let found = fs::symlink_metadata(link.scratch.path.join(name)).unwrap();
        assert_eq!((found.uid(), found.gid()), (1234, 2345), "{name}");
        assert_eq!(found.mode() & 0o7777, mode, "{name}");
    }
    let passwd = fs::metadata("/etc/passwd").unwrap();
    assert_eq!(passwd.uid(), 0);
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one_and_never_a_part() {
    let mut link = Link::new();
    let texts = ["a".repeat(200_000), "b".repeat(150_000)];
    link.put("file", &texts[0]);
    let path = link.scratch.path.join("root/file");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = [0, 0];
            while !over.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&path).unwrap();
                let which = texts.iter().position(|whole| *whole == text);
                seen[which.expect("a part of a file")] += 1;
            }
            seen
        });
        for round in 0..200 {
            assert_eq!(link.put("file", &texts[round % 2]), []);
        }
        over.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap();
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
}

#[test]
fn no_link_on_the_way_leads_out_of_the_root() {
    let mut link = Link::new();
    link.scratch.file("elsewhere/secret", "s");
    link.scratch.link("root/folder", "../elsewhere");
    let requests = [
        Request::Put {
            file: file("folder/new"),
            bytes: b"x".to_vec(),
        },
        Request::Begin {
            file: file("folder/new"),
            size: 1,
        },
        directory("folder/new", 0o755),
        directory("folder/new/er", 0o755),
        self::link("folder/new", "x"),
        Request::Read {
            at: at("folder/secret"),
            most: 10,
        },
        Request::Tree {
            at: at("folder/secret"),
            skip: Vec::new(),
            hash: true,
        },
    ];
    for request in requests {
        let (errno, what) = link.refused(&request);
        assert_eq!(errno, crate::at::ELOOP, "{request:?}: {what}");
        assert!(what.contains("symbolic link"), "{what}");
    }
    // Below a link nothing is the root's: it counts as gone, and what is there stays.
    assert_eq!(link.ask(&remove("folder/secret")), []);
    assert_eq!(link.scratch.text("elsewhere/secret"), "s");
    assert_eq!(
        fs::read_dir(link.scratch.path.join("elsewhere"))
            .unwrap()
            .count(),
        1
    );
    // A tree tells of the link and does not go through it.
    let all = link.tree("", &[], true);
    assert_eq!(all.len(), 1);
    assert_eq!(
        all[0].kind,
        EntryKind::Link {
            to: b"../elsewhere".to_vec()
        }
    );
    assert_eq!(link.tree("folder", &[], true), all);
}

#[test]
fn a_link_at_the_place_of_a_file_is_replaced_and_not_written_through() {
    let mut link = Link::new();
    link.scratch.file("elsewhere", "old");
    for name in ["file", "read", "gone", "folder"] {
        link.scratch.link(&format!("root/{name}"), "../elsewhere");
    }
    assert_eq!(link.put("file", "new"), []);
    assert_eq!(link.ask(&directory("folder", 0o700)), []);
    assert_eq!(link.ask(&remove("gone")), []);
    let read = Request::Read {
        at: at("read"),
        most: 10,
    };
    assert_eq!(link.refused(&read).0, crate::at::ELOOP);
    assert_eq!(link.scratch.text("elsewhere"), "old");
    assert_eq!(link.scratch.text("root/file"), "new");
    assert!(
        link.scratch
            .path
            .join("root/file")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
    assert!(
        link.scratch
            .path
            .join("root/folder")
            .symlink_metadata()
            .unwrap()
            .is_dir()
    );
    assert!(!link.scratch.has("root/gone"));
}

#[test]
fn a_directory_that_is_swapped_for_a_link_all_the_time_never_leads_outside() {
    let mut link = Link::new();
    link.scratch.folder("root/swap");
    link.scratch.folder("elsewhere");
    let (real, aside) = (
        link.scratch.path.join("root/swap"),
        link.scratch.path.join("root/aside"),
    );
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut swapped = 0;
            while !over.load(Ordering::Relaxed) {
                // It may be there twice, since what a file needs is made: then one of them goes.
                if fs::rename(&real, &aside).is_err() {
                    let _ = fs::remove_dir_all(&aside);
                } else if symlink("../elsewhere", &real).is_ok() {
                    swapped += 1;
                    let _ = fs::remove_file(&real);
                    let _ = fs::rename(&aside, &real);
                }
            }
            swapped
        });
        for _ in 0..500 {
            link.send(&Request::Put {
                file: file("swap/file"),
                bytes: b"x".to_vec(),
            });
            link.send(&remove("swap/file"));
        }
        link.ask(&remove("none"));
        over.store(true, Ordering::Relaxed);
        assert!(swapper.join().unwrap() > 0);
    });
    assert_eq!(
        fs::read_dir(link.scratch.path.join("elsewhere"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn an_empty_directory_gives_way_to_a_file_and_one_that_holds_something_stays() {
    let mut link = Link::new();
    link.scratch.folder("root/empty");
    link.scratch.file("root/full/file", "f");
    assert_eq!(link.put("empty", "now a file"), []);
    assert_eq!(link.scratch.text("root/empty"), "now a file");
    for request in [
        Request::Put {
            file: file("full"),
            bytes: Vec::new(),
        },
        self::link("full", "x"),
    ] {
        let (errno, what) = link.refused(&request);
        assert_eq!(errno, crate::at::ENOTEMPTY);
        assert!(what.contains("holds something"), "{what}");
    }
    assert_eq!(link.scratch.text("root/full/file"), "f");
    // And the other way round: a file gives way to a directory, but not to one that a path needs.
    let (errno, _) = link.refused(&directory("empty/below", 0o755));
    assert_eq!(errno, crate::at::ENOTDIR);
    assert_eq!(link.ask(&directory("empty", 0o711)), []);
    assert_eq!(link.ask(&directory("full", 0o711)), []);
    let modes: Vec<u32> = link
        .tree("", &[], false)
        .iter()
        .map(|entry| entry.mode)
        .collect();
    assert_eq!(modes, [0o711, 0o711, 0o644]);
}

#[test]
fn links_are_made_replaced_and_told_apart() {
    let mut link = Link::new();
    link.scratch.file("root/file", "f");
    for to in ["file", "/no/where", "/no/where"] {
        assert_eq!(link.ask(&self::link("link", to)), []);
        assert_eq!(link.ask(&self::link("file", to)), []);
        for name in ["link", "file"] {
            let found = fs::read_link(link.scratch.path.join("root").join(name)).unwrap();
            assert_eq!(found.to_str(), Some(to));
        }
    }
}

#[test]
fn removing_takes_files_and_empty_directories_and_keeps_the_rest() {
    let mut link = Link::new();
    link.scratch.file("root/a/b/file", "f");
    link.scratch.folder("root/empty");
    let kept = link.send(&remove("a/b"));
    assert_eq!(link.until_done(kept), [Reply::Kept { request: kept }]);
    for path in [
        "a/b/file",
        "a/b",
        "a",
        "a",
        "a/b/file",
        "empty",
        "never/was",
    ] {
        assert_eq!(link.ask(&remove(path)), [], "{path}");
    }
    assert_eq!(link.tree("", &[], false), []);
    link.scratch.file("root/file", "f");
    assert_eq!(
        link.ask(&remove("file/below")),
        [],
        "a file has nothing below it"
    );
    assert_eq!(link.refused(&remove("")).0, crate::at::EBUSY);
    assert_eq!(link.scratch.text("root/file"), "f");
}

#[test]
fn large_files_come_in_pieces_several_at_once_and_must_be_whole() {
    let mut link = Link::new();
    let begin = |path: &str, size| Request::Begin {
        file: file(path),
        size,
    };
    let piece = |of, byte: u8, count| Request::Piece {
        of,
        bytes: vec![byte; count],
    };
    let (one, two) = (
        link.send(&begin("one", 300_000)),
        link.send(&begin("two", 3)),
    );
    link.send(&piece(one, b'1', 200_000));
    link.send(&piece(two, b'2', 3));
    link.send(&piece(one, b'1', 100_000));
    assert!(!link.scratch.has("root/one"));
    link.send(&Request::Commit { of: two });
    assert_eq!(link.ask(&Request::Commit { of: one }), []);
    assert_eq!(link.scratch.text("root/one"), "1".repeat(300_000));
    assert_eq!(link.scratch.text("root/two"), "222");

    let short = link.send(&begin("short", 4));
    link.send(&piece(short, b'3', 3));
    let (_, what) = link.refused(&Request::Commit { of: short });
    assert_eq!(what, "1 bytes of `short` did not come");
    let long = link.send(&begin("long", 2));
    let (_, what) = link.refused(&piece(long, b'3', 3));
    assert!(what.contains("more bytes came"), "{what}");
    assert_eq!(link.ask(&piece(long, b'3', 3)), [], "it was told");
    assert_eq!(
        link.refused(&Request::Commit { of: long }).0,
        crate::at::EBADF
    );
    let left = link.send(&begin("left", 2));
    assert_eq!(link.ask(&Request::Abandon { of: left }), []);
    let names: Vec<_> = fs::read_dir(link.scratch.path.join("root"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");

    for _ in 0..64 {
        link.send(&begin("many", 1));
    }
    assert_eq!(link.refused(&begin("many", 1)).0, crate::at::EMFILE);
    assert_eq!(link.end(), Some(0));
    assert_eq!(
        fs::read_dir(link.scratch.path.join("root"))
            .unwrap()
            .count(),
        2
    );
}

#[test]
fn a_tree_has_everything_but_what_is_skipped_and_hashes_on_request() {
    let mut link = Link::new();
    link.scratch.file("root/a/file", "content");
    link.scratch.file("root/node_modules/x/y", "y");
    link.scratch.link("root/a/link", "file");
    let path = link.scratch.path.join("root/a/file");
    fs::set_permissions(path, Permissions::from_mode(0o4750)).unwrap();
    let fifo = link.scratch.path.join("root/fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let entries = link.tree("", &["node_modules"], true);
    let shown: Vec<(&str, &EntryKind)> = entries
        .iter()
        .map(|entry| (std::str::from_utf8(&entry.path).unwrap(), &entry.kind))
        .collect();
    let file = |hash| EntryKind::File { size: 7, hash };
    assert_eq!(
        shown,
        [
            ("a", &EntryKind::Directory),
            ("a/file", &file(Some(hash::of(b"content")))),
            (
                "a/link",
                &EntryKind::Link {
                    to: b"file".to_vec()
                }
            ),
            ("fifo", &EntryKind::Other),
            ("node_modules", &EntryKind::Directory),
        ]
    );
    assert_eq!(entries[1].mode, 0o4750);
    let below = link.tree("a", &[], false);
    assert_eq!(below.len(), 2);
    assert_eq!(below[0].kind, file(None));
    assert_eq!(link.tree("a/file", &[], false), below[..1]);
    let missing = Request::Tree {
        at: at("missing"),
        skip: Vec::new(),
        hash: false,
    };
    assert_eq!(link.refused(&missing).0, crate::at::ENOENT);
}

#[test]
fn a_large_tree_comes_through_and_a_deep_one_is_no_danger() {
    let mut link = Link::new();
    for folder in 0..20 {
        for number in 0..150 {
            link.scratch
                .file(&format!("root/f{folder}/{}-{number}", "n".repeat(100)), "");
        }
    }
    assert_eq!(link.tree("", &[], true).len(), 20 * 151);
    link.scratch.folder(&format!("root/{}", "d/".repeat(400)));
    let number = link.send(&Request::Tree {
        at: at("d"),
        skip: Vec::new(),
        hash: false,
    });
    let replies = link.until_done(number);
    assert!(matches!(
        replies.last(),
        Some(Reply::Failed {
            errno: crate::at::ENAMETOOLONG,
            ..
        })
    ));
    assert_eq!(replies.len(), 257);
    assert_eq!(link.put("still", "here"), []);
}

#[test]
fn a_file_is_read_up_to_the_size_that_was_asked_for() {
    let mut link = Link::new();
    let text = "x".repeat(600_000);
    link.scratch.file("root/file", &text);
    let mut read = |most| {
        let mut all = Vec::new();
        for reply in link.ask(&Request::Read {
            at: at("file"),
            most,
        }) {
            match reply {
                Reply::Content { bytes, .. } => all.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
        all
    };
    assert_eq!(read(u64::MAX), text.as_bytes());
    assert_eq!(read(5), b"xxxxx");
    assert_eq!(read(0), b"");
    let request = |path| Request::Read {
        at: at(path),
        most: 9,
    };
    assert_eq!(link.refused(&request("missing")).0, crate::at::ENOENT);
    link.scratch.folder("root/folder");
    assert_eq!(link.refused(&request("folder")).0, crate::at::EISDIR);
    let fifo = link.scratch.path.join("root/fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    assert_eq!(link.refused(&request("fifo")).0, crate::at::EINVAL);
}

#[test]
fn what_a_killed_link_left_behind_is_cleared() {
    let mut killed = Link::new();
    let begin = |path: &str| Request::Begin {
        file: file(path),
        size: 1,
    };
    killed.ask(&begin("top"));
    killed.ask(&begin("deep/er"));
    killed.agent.kill().unwrap();
    killed.agent.wait().unwrap();
    let root = killed.scratch.path.join("root");
    let count = |path: &str| fs::read_dir(root.join(path)).unwrap().count();
    assert_eq!((count(""), count("deep")), (2, 1));
    let mut link = Link::beside(&killed);
    assert_eq!((count(""), count("deep")), (1, 1));
    let open = link.send(&begin("deep/open"));
    assert_eq!(link.tree("", &[], false).len(), 1);
    assert_eq!((count(""), count("deep")), (1, 1), "its own stays");
    link.send(&Request::Piece {
        of: open,
        bytes: vec![b'x'],
    });
    assert_eq!(link.ask(&Request::Commit { of: open }), []);
    assert_eq!(fs::read_to_string(root.join("deep/open")).unwrap(), "x");
}

#[test]
fn another_build_and_a_missing_greeting_are_refused() {
    let mut link = Link::silent();
    link.send(&Request::Hello {
        build: "0.0.0 link 0".into(),
    });
    assert!(matches!(link.reply(), Some(Reply::Hello { build, .. }) if build == BUILD));
    assert!(
        matches!(link.reply(), Some(Reply::Failed { request: 0, what, .. }) if what.contains("0.0.0 link 0"))
    );
    assert_eq!(link.reply(), None);
    assert_eq!(link.end(), Some(1));
    let mut link = Link::silent();
    link.send(&Request::Signal { signal: 1 });
    assert!(matches!(
        link.reply(),
        Some(Reply::Failed { request: 0, .. })
    ));
    assert_eq!(link.reply(), None);
    assert_eq!(link.end(), Some(1));
}

#[test]
fn a_damaged_stream_is_told_once_and_ends_the_link() {
    type Damage = fn(&mut Vec<u8>);
    let damaged: [(&str, Damage); 4] = [
        ("sequence", |bytes| bytes[5] = 9),
        ("kind", |bytes| bytes[4] = 200),
        ("length", |bytes| bytes[..4].fill(0xff)),
        ("path", |bytes| *bytes.last_mut().unwrap() = b'/'),
    ];
    for (what, damage) in damaged {
        let mut link = Link::new();
        let mut bytes = Vec::new();
        let number = link
            .encoder
            .encode(&Request::LastSync { at: at("x") }, &mut bytes);
        damage(&mut bytes);
        link.write(&bytes);
        let reply = link.reply();
        assert!(
            matches!(reply, Some(Reply::Failed { request, .. }) if request == number),
            "{what}: {reply:?}"
        );
        assert_eq!(link.reply(), None, "{what}");
        assert_eq!(link.end(), Some(1), "{what}");
    }
    let mut link = Link::new();
    assert_eq!(link.end(), Some(0));
}

#[test]
fn many_small_requests_get_few_writes() {
    let mut link = Link::new();
    let mut bytes = Vec::new();
    let mut last = 0;
    for number in 0..500 {
        let request = Request::Put {
            file: file(&format!("f{number}")),
            bytes: b"x".to_vec(),
        };
        last = link.encoder.encode(&request, &mut bytes);
    }
    link.write(&bytes);
    let mut done = 0;
    loop {
        match link.reply() {
            Some(Reply::Done { through }) => {
                done += 1;
                if through == last {
                    break;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(done < 100, "{done}");
    assert_eq!(link.tree("", &[], false).len(), 500);
}

#[test]
fn the_last_sync_is_known_to_other_links_too() {
    let mut link = Link::new();
    let last = |path: &str| Request::LastSync { at: at(path) };
    assert_eq!(link.ask(&last("a/b")), []);
    let seen = 1_700_000_000_000_000;
    let mut sent = file("a/b");
    sent.seen = seen;
    link.send(&Request::Put {
        file: sent,
        bytes: Vec::new(),
    });
    link.send(&Request::Remove {
        at: at("gone"),
        seen,
    });
    link.put("unseen", "");
    // Nobody has asked the first link to end or to write anything down.
    let mut other = Link::beside(&link);
    for path in ["a/b", "gone"] {
        let replies = other.ask(&last(path));
        let [Reply::Synced { at, took, .. }] = replies[..] else {
            panic!("{replies:?}");
        };
        assert_eq!(at - took, seen);
    }
    assert_eq!(other.ask(&last("unseen")), []);
    assert_eq!(other.ask(&last("a")), []);
}

#[test]
fn changes_in_the_container_are_told_and_the_link_s_own_are_not() {
    let mut link = Link::new();
    link.scratch.folder("root/sub/deep");
    link.put("sub/old", "x");
    assert_eq!(link.ask(&Request::Watch { root: 0 }), []);
    link.send(&Request::Put {
        file: file("own"),
        bytes: Vec::new(),
    });
    link.send(&Request::Put {
        file: file("made/by/us"),
        bytes: Vec::new(),
    });
    link.send(&directory("sub/dir", 0o755));
    link.send(&self::link("sub/link", "x"));
    link.send(&remove("sub/dir"));
    assert_eq!(link.ask(&remove("sub/old")), []);
    assert_eq!(link.ask(&remove("none")), []);
    let told = |link: &mut Link, wanted: &str| {
        let end = Instant::now() + Duration::from_secs(10);
        let mut all = Vec::new();
        while Instant::now() < end {
            match link.reply() {
                Some(Reply::Changed { at }) => {
                    let path = String::from_utf8(at.path).unwrap();
                    let found = path == wanted;
                    all.push(path);
                    if found {
                        return all;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("{wanted} was not told: {all:?}");
    };
    link.scratch.file("root/sub/deep/new", "1");
    assert_eq!(told(&mut link, "sub/deep/new"), ["sub/deep/new"]);
    link.scratch.file("root/made/by/other", "1");
    assert_eq!(told(&mut link, "made/by/other"), ["made/by/other"]);
    link.scratch.file("root/fresh/a/b", "1");
    told(&mut link, "fresh/a/b");
    fs::rename(
        link.scratch.path.join("root/fresh"),
        link.scratch.path.join("root/moved"),
    )
    .unwrap();
    told(&mut link, "moved/a/b");
    link.scratch.file("root/moved/a/c", "1");
    assert!(!told(&mut link, "moved/a/c").contains(&"fresh/a/c".to_owned()));
}

#[test]
fn without_an_init_process_restarts_and_signals_fail_with_a_sentence() {
    let mut link = Link::new();
    for request in [
        Request::Restart {
            signal: 15,
            grace: 1,
        },
        Request::Signal { signal: 1 },
    ] {
        let (errno, what) = link.refused(&request);
        assert_eq!(errno, crate::at::ENOENT);
        assert!(what.contains("its first process does not answer"), "{what}");
    }
}

#[test]
fn a_root_that_was_not_declared_and_the_root_itself_are_failures() {
    let mut link = Link::new();
    let nowhere = At {
        root: 7,
        path: b"x".to_vec(),
    };
    let (errno, what) = link.refused(&Request::Remove {
        at: nowhere,
        seen: 0,
    });
    assert_eq!(errno, crate::at::EBADF);
    assert_eq!(what, "the root 7 was not declared");
    assert_eq!(
        link.refused(&Request::Put {
            file: file(""),
            bytes: Vec::new()
        })
        .0,
        crate::at::EISDIR
    );
    assert_eq!(
        link.refused(&Request::Watch { root: 7 }).0,
        crate::at::EBADF
    );
    let long = "n".repeat(300);
    assert_eq!(
        link.refused(&Request::Put {
            file: file(&long),
            bytes: Vec::new()
        })
        .0,
        crate::at::ENAMETOOLONG
    );
    link.scratch.file("file", "x");
    let under = link.scratch.path.join("file/root");
    let root = Request::Root {
        number: 1,
        path: under.to_str().unwrap().into(),
        owner: None,
    };
    assert_eq!(link.refused(&root).0, crate::at::ENOTDIR);
}

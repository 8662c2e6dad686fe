//! Watches a large tree of which most is ignored, next to a recursive watch of the library below, and prints what each
//! costs: time until it is ready, resident memory, watches in the kernel.
//!
//! Usage: `watch [DIRECTORIES FILES]`, 10000 and 100000 by default; nine tenths of both are in `node_modules`.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use envsim::app::{Place, WatchAction, WatchRule};
use envsim::dev::watch::mirror::Mirror;
use envsim::dev::watch::rule::Matcher;
use envsim::dev::watch::source::Source;
use notify::{RecursiveMode, Watcher};

/// Times that each is measured; the median counts.
const TIMES: usize = 5;

fn main() {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["ours", root] => ours(Path::new(root)),
        ["yardstick", root] => yardstick(Path::new(root)),
        [] => compare(10_000, 100_000),
        [directories, files] => compare(number(directories), number(files)),
        _ => {
            eprintln!("usage: watch [DIRECTORIES FILES]");
            std::process::exit(2);
        }
    }
}

fn number(word: &str) -> usize {
    word.parse()
        .unwrap_or_else(|_| panic!("`{word}` is no number"))
}

/// What one process measured.
#[derive(Clone, Copy, Debug)]
struct Cost {
    ready_ms: f64,
    scanned_ms: f64,
    resident_kib: u64,
    watches: usize,
}

fn compare(directories: usize, files: usize) {
    let kept = tempfile::tempdir().expect("a directory");
    let root = kept.path().canonicalize().expect("it is there");
    fill(&root, directories, files);
    let ours = measure("ours", &root);
    let yardstick = measure("yardstick", &root);
    println!("tree: {directories} directories, {files} files, nine tenths of them ignored");
    show("envsim", &ours);
    println!(
        "envsim with the index of {} files: ready in {:.1} ms",
        files / 10,
        ours.scanned_ms
    );
    show("recursive notify", &yardstick);
    println!(
        "ratio: time {:.3}, memory {:.3}, watches {:.3}",
        ours.ready_ms / yardstick.ready_ms,
        ours.resident_kib as f64 / yardstick.resident_kib as f64,
        ours.watches as f64 / yardstick.watches as f64
    );
}

fn show(name: &str, cost: &Cost) {
    println!(
        "{name}: ready in {:.1} ms, {:.1} MiB resident, {} watches",
        cost.ready_ms,
        cost.resident_kib as f64 / 1024.0,
        cost.watches
    );
}

/// Makes the tree: directories of ten each below a top, the files spread evenly.
fn fill(root: &Path, directories: usize, files: usize) {
    let each = files.div_ceil(directories.max(1));
    for number in 0..directories {
        let top = if number % 10 == 0 {
            "src"
        } else {
            "node_modules"
        };
        let directory = root
            .join(top)
            .join(format!("d{}", number / 1000))
            .join(format!("d{}", number / 100 % 10))
            .join(format!("d{number}"));
        std::fs::create_dir_all(&directory).expect("room on the disk");
        for file in 0..each {
            std::fs::write(directory.join(format!("file{file}.js")), "x").expect("room");
        }
    }
}

/// The median by time of several processes of our own: memory is measured in one that does nothing else.
fn measure(what: &str, root: &Path) -> Cost {
    let own = std::env::current_exe().expect("its own path");
    let mut costs: Vec<Cost> = (0..TIMES)
        .map(|_| {
            let output = Command::new(&own).arg(what).arg(root).output();
            let output = output.expect("it runs");
            let text = String::from_utf8_lossy(&output.stdout);
            let error = String::from_utf8_lossy(&output.stderr);
            read(&text).unwrap_or_else(|| panic!("{what} failed: {text}{error}"))
        })
        .collect();
    costs.sort_by(|one, other| one.ready_ms.total_cmp(&other.ready_ms));
    costs[TIMES / 2]
}

fn read(text: &str) -> Option<Cost> {
    let mut words = text.split_whitespace();
    let mut next = || words.next();
    Some(Cost {
        ready_ms: next()?.parse().ok()?,
        scanned_ms: next()?.parse().ok()?,
        resident_kib: next()?.parse().ok()?,
        watches: next()?.parse().ok()?,
    })
}

fn tell(ready_ms: f64, scanned_ms: f64) {
    println!("{ready_ms} {scanned_ms} {} {}", resident(), watches());
}

fn ours(root: &Path) {
    let rule = WatchRule {
        path: root.to_owned(),
        action: WatchAction::Sync,
        target: Some("/app".to_owned()),
        ignore: vec!["**/node_modules".to_owned()],
        include: Vec::new(),
        initial_sync: false,
        place: Place::start_of("compose.yaml"),
    };
    let began = Instant::now();
    let matcher = Matcher::new(&rule, None).expect("a valid pattern");
    let _source = Source::new(vec![matcher.clone()]);
    let ready = began.elapsed();
    let mut mirror = Mirror::new(matcher);
    drop(mirror.scan());
    tell(millis(ready), millis(began.elapsed()));
}

fn yardstick(root: &Path) {
    let began = Instant::now();
    let mut watcher = notify::recommended_watcher(|_| {}).expect("a watcher");
    watcher
        .watch(root, RecursiveMode::Recursive)
        .expect("watches enough");
    let ready = began.elapsed();
    tell(millis(ready), millis(ready));
}

fn millis(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Resident memory of this process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

/// Inotify watches of this process, as the kernel counts them.
fn watches() -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fdinfo").into_iter().flatten();
    let texts = descriptors
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    texts
        .map(|text| {
            text.lines()
                .filter(|line| line.starts_with("inotify "))
                .count()
        })
        .sum()
}

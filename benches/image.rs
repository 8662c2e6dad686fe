//! Compares one path of an image with a directory, as `envsim prod-check` does for each mount, and prints what it found.
//! `scripts/bench image` measures it.
//!
//! Usage: `image CONTAINER PATH DIRECTORY`; the container need not run.

use std::collections::HashSet;

use envsim::app::Place;
use envsim::collect::confirm;
use envsim::collect::mounts::Shown;
use envsim::engine::Engine;
use envsim::evidence::Via;

fn main() {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let [container, target, source] = arguments.as_slice() else {
        eprintln!("usage: image CONTAINER PATH DIRECTORY");
        std::process::exit(2);
    };
    let shown = Shown {
        source: source.into(),
        target: target.clone(),
        read_only: false,
        via: Via::Bind,
        place: Place::start_of("compose.yaml"),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let found = runtime.block_on(async {
        let engine = Engine::connect().await.expect("an engine");
        confirm::files(&engine, container, &shown, &HashSet::new()).await
    });
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => panic!("nothing is at {target} of {container}"),
        Err(error) => panic!("{error}"),
    };
    let sum = |count: fn(&envsim::collect::image_files::Own) -> usize| -> usize {
        found.own.values().map(count).sum()
    };
    println!(
        "files {} lacking {} differing {}",
        found.present.len(),
        sum(|own| own.lacking),
        sum(|own| own.differing)
    );
}

//! Reads a text as each of the formats of env files.

#![no_main]

use envsim::compose::{ecs_env_file, env_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lookup = |name: &str| (name == "A").then(|| "value".to_owned());
    let _ = env_file::parse_after(text, &lookup, &|_| None);
    let _ = env_file::parse_raw(text, &lookup);
    let _ = ecs_env_file::parse(text);
});

//! Expands the variables of a text. The first line is the value of `A`; `B` is empty, and other
//! names have no value.

#![no_main]

use envsim::compose::interpolate::expand;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (value, text) = input.split_once('\n').unwrap_or(("", input));
    let lookup = |name: &str| match name {
        "A" => Some(value.to_owned()),
        "B" => Some(String::new()),
        _ => None,
    };
    if let Err(fault) = expand(text, &lookup, &mut Vec::new()) {
        let _ = (fault.to_string(), fault.help(), fault.discreet());
    }
});

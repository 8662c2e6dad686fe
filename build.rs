//! Compiles the agent, the small static Linux program that envsim puts into containers, so that the
//! main crate can embed it.
//!
//! It calls `rustc` directly, without Cargo: the agent needs nothing but `std`, and one compiler call
//! behaves the same under `cargo build`, `test`, `clippy` and `install`. It refuses to download or to
//! install anything: where no Linux target can be linked, the error names the line to type.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const SOURCE: &str = "src/agent/main.rs";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/agent");
    println!("cargo::rerun-if-changed=src/wire");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The directive is one line long, so each line of the message is its own error.
            for line in message.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let machine = Machine::from_cargo()?;
    let rustc = PathBuf::from(variable("RUSTC")?);
    let output = Path::new(&variable("OUT_DIR")?).join("agent");

    let target = choose(&machine, has_std(&rustc, &machine.musl()))?;
    compile(&rustc, &machine, &target, &output)?;

    let bytes =
        fs::read(&output).map_err(|e| format!("the agent was compiled but cannot be read: {e}"))?;
    println!("cargo::rustc-env=ENVSIM_AGENT_HASH={:016x}", fnv1a(&bytes));
    println!("cargo::rustc-env=ENVSIM_AGENT_ARCH={}", machine.docker_arch);
    Ok(())
}

/// What the agent is built for, and on what.
struct Machine {
    /// As in target names: `x86_64`.
    arch: String,
    /// As the engine says it: `amd64`.
    docker_arch: &'static str,
    /// envsim itself is being built for Linux with glibc.
    linux_gnu: bool,
    /// The linker of the build host cannot make programs for this machine.
    foreign: bool,
}

impl Machine {
    /// The architecture follows envsim's own: an engine is most often on the machine that envsim runs
    /// on, or in a virtual machine of the same kind.
    fn from_cargo() -> Result<Self, String> {
        let arch = variable("CARGO_CFG_TARGET_ARCH")?;
        let docker_arch = match arch.as_str() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => {
                return Err(format!(
                    "envsim's agent is built for x86_64 and aarch64 only, not for `{other}`"
                ));
            }
        };
        let os = variable("CARGO_CFG_TARGET_OS")?;
        let libc = env::var("CARGO_CFG_TARGET_ENV").unwrap_or_default();
        let host = variable("HOST")?;
        Ok(Self {
            linux_gnu: os == "linux" && libc == "gnu",
            foreign: !(host.contains("linux") && host.starts_with(&format!("{arch}-"))),
            arch,
            docker_arch,
        })
    }

    fn musl(&self) -> String {
        format!("{}-unknown-linux-musl", self.arch)
    }

    fn gnu(&self) -> String {
        format!("{}-unknown-linux-gnu", self.arch)
    }

    fn remedy(&self) -> String {
        format!("run `rustup target add {}` and build again", self.musl())
    }
}

/// musl first: it links statically everywhere. glibc otherwise, because that target is always there
/// on a Linux host and its static half is usually installed with the C compiler.
fn choose(machine: &Machine, musl_installed: bool) -> Result<String, String> {
    if musl_installed {
        Ok(machine.musl())
    } else if machine.linux_gnu {
        Ok(machine.gnu())
    } else {
        Err(format!(
            "envsim puts a small Linux program into containers, and no Rust target for it is installed\n{}",
            machine.remedy()
        ))
    }
}

fn has_std(rustc: &Path, target: &str) -> bool {
    let Ok(found) = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output()
    else {
        return false;
    };
    // rustc names the folder whether or not the target is installed; the library itself decides.
    let folder = String::from_utf8_lossy(&found.stdout);
    fs::read_dir(folder.trim()).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    })
}

fn compile(rustc: &Path, machine: &Machine, target: &str, output: &Path) -> Result<(), String> {
    let mut command = Command::new(rustc);
    command.args([
        "--edition",
        "2024",
        "--crate-name",
        "agent",
        "--crate-type",
        "bin",
        "--target",
        target,
    ]);
    for option in [
        "opt-level=z",
        "lto",
        "panic=abort",
        "strip=symbols",
        "codegen-units=1",
    ] {
        command.args(["-C", option]);
    }
    command.args(["-C", "target-feature=+crt-static"]);
    for option in linker_options(machine, target) {
        command.args(["-C", &option]);
    }
    // The place of the checkout must not end up in the program: it would change the hash.
    if let Ok(here) = env::var("CARGO_MANIFEST_DIR") {
        command.arg(format!("--remap-path-prefix={here}=."));
    }
    command.arg("-o").arg(output).arg(SOURCE);

    let done = command
        .output()
        .map_err(|e| format!("cannot start `{}`: {e}", rustc.display()))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() {
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            println!("cargo::warning=agent: {line}");
        }
        return Ok(());
    }
    Err(format!(
        "compiling the agent for `{target}` failed{}\n{said}",
        advice(machine, target, &said)
    ))
}

fn linker_options(machine: &Machine, target: &str) -> Vec<String> {
    if target == machine.musl() && machine.foreign {
        // A Mac's `cc` cannot link Linux programs; the linker that comes with Rust can.
        return vec!["linker=rust-lld".into(), "link-self-contained=yes".into()];
    }
    match env::var("RUSTC_LINKER") {
        Ok(linker) if env::var("TARGET").as_deref() == Ok(target) => {
            vec![format!("linker={linker}")]
        }
        _ => Vec::new(),
    }
}

/// Only a linking failure is about the machine; anything else is a mistake in the agent's source.
fn advice(machine: &Machine, target: &str, said: &str) -> String {
    if !said.contains("linking with") && !said.contains("linker") {
        String::new()
    } else if target == machine.gnu() {
        format!(
            ": the static C library is probably missing\n{}, or install it (`glibc-static` on Fedora)",
            machine.remedy()
        )
    } else {
        format!(": {} could not be linked", machine.musl())
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("Cargo did not set `{name}`"))
}

/// FNV-1a. The hash only tells builds apart in an image tag; nobody is kept out by it.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

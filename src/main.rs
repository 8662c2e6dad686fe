//! Starts the command and returns its exit code.

fn main() -> std::process::ExitCode {
    envsim::cli::run().into()
}

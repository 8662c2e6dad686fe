# Shows the recipes.
list:
    @just --list --unsorted

# --- see it work ---

# Checks the examples, broken and repaired, the way ECS would run them.
demo:
    ./scripts/demo

# --- develop ---

# Runs every check and all tests; arguments go to cargo test.
test *arguments:
    ./scripts/test {{arguments}}

# Format and lints only: fast, and needs no container engine.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# --- measure and read ---

# Compares envsim with a script of plain docker commands.
bench *arguments:
    ./scripts/bench {{arguments}}

# Builds the documentation of the source code.
docs:
    cargo doc --no-deps --document-private-items

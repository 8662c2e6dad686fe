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

# Feeds a reader with mutated input: config, interpolate, env_file, frame or dns. Needs cargo-fuzz.
fuzz target='config' seconds='300':
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}} -- -max_total_time={{seconds}} -rss_limit_mb=512 -timeout=5 -max_len=16384

# Writes the pages of the rules, docs/rules, from the rules.
rules:
    ENVSIM_WRITE_DOCS=1 cargo test --test docs the_pages_of_the_rules

# --- measure and read ---

# Compares envsim with Docker Compose and with a script of plain docker commands.
bench *arguments:
    ./scripts/bench {{arguments}}

# Scores the rules on a corpus of labelled apps laid out in DIR; more arguments go to the scorer.
corpus dir *arguments:
    ./scripts/corpus {{dir}} {{arguments}}

# Builds the documentation of the source code.
docs:
    cargo doc --no-deps --document-private-items

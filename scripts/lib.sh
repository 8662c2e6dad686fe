# shellcheck shell=bash
# What the scripts share: messages, places, and the programs they need. Sourced, never run.

# shellcheck disable=SC2034  # for the scripts that source this file
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# Logs and the pid of an engine we started live outside the repository, one folder per user.
STATE_DIR="${XDG_STATE_HOME:-${HOME:-/tmp}/.local/state}/envsim"
if ! mkdir -p "$STATE_DIR" 2>/dev/null; then
  STATE_DIR="${TMPDIR:-/tmp}/envsim-$(id -u)"
  mkdir -p "$STATE_DIR"
fi

if [ -t 2 ]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' PLAIN=''
fi

# Messages go to stderr, so that the output of a program under test stays alone on stdout.
heading() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN" >&2; }
say() { printf '%s\n' "$*" >&2; }
note() { printf '%s   %s%s\n' "$DIM" "$*" "$PLAIN" >&2; }

# die WHAT [WHAT TO DO]...
die() {
  printf '%serror:%s %s\n' "$RED" "$PLAIN" "$1" >&2
  shift
  local line
  for line in "$@"; do printf '  help: %s\n' "$line" >&2; done
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The last lines of a log, indented, for the end of an error message.
log_tail() { tail -n "${2:-20}" "$1" 2>/dev/null | sed 's/^/  | /' >&2 || true; }

# until_true SECONDS COMMAND...: polls, so that nothing waits longer than it must.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}

# as_root COMMAND...: fails when we neither are root nor can become it without a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
can_be_root() { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
can_apt() { have apt-get && can_be_root; }

APT_UPDATED=''
# apt_update LOG: once per script.
apt_update() {
  [ -z "$APT_UPDATED" ] || return 0
  # A broken third-party source must not stop the install: the packages below are the distribution's own.
  as_root apt-get update -q >"$1" 2>&1 || true
  APT_UPDATED=yes
}

# apt_install PACKAGE...: Debian and Ubuntu only; the whole output goes to a log.
apt_install() {
  local log="$STATE_DIR/apt.log"
  note "installing $* with apt-get (log: $log)"
  apt_update "$log"
  if ! as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1; then
    say "apt-get install $* failed. The end of its log:"
    log_tail "$log"
    return 1
  fi
}

# Building envsim takes cargo and a C linker.
ensure_rust() {
  if ! have cargo && [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  fi
  have cargo || die "cargo, Rust's build tool, is not on the PATH." \
    "install Rust from https://rustup.rs and run this script again"
  if ! have cc && ! have gcc && ! have clang; then
    can_apt || die "there is no C compiler (cc), which Rust needs to link programs." \
      "install one, for example: sudo apt-get install gcc libc6-dev"
    apt_install gcc libc6-dev || die "the C compiler could not be installed." "see the log above"
  fi
}

# The folder cargo builds in. Only cargo knows it for certain: the environment and its own settings can move it.
target_directory() {
  (cd "$ROOT" && cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
}

# Builds envsim and leaves the program's path in $envsim.
build_envsim() {
  (cd "$ROOT" && cargo build --release)
  # shellcheck disable=SC2034  # for the scripts that source this file
  envsim="$(target_directory)/release/envsim"
}

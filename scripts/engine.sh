# shellcheck shell=bash
# Finds a container engine, and starts one where there is none. Sourced after lib.sh.
#
# An engine that already runs belongs to the user: it is used as it is, and nothing in it is changed except
# images, containers and networks that carry labels starting with "envsim.".

DOCKERD_LOG="$STATE_DIR/dockerd.log"

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Looks where the docker command looks by itself (DOCKER_HOST, its current context, /var/run/docker.sock) and
# then at the sockets of rootless and desktop engines. Exports DOCKER_HOST only when that was needed.
find_engine() {
  have docker || return 1
  engine_answers && return 0
  # Whoever set DOCKER_HOST means that engine and no other.
  [ -z "${DOCKER_HOST:-}" ] || return 1
  local socket
  for socket in \
    "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock" \
    "${HOME:-/nonexistent}/.docker/run/docker.sock" \
    "${HOME:-/nonexistent}/.colima/default/docker.sock" \
    "${HOME:-/nonexistent}/.orbstack/run/docker.sock" \
    /var/run/docker.sock \
    "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/podman/podman.sock" \
    /run/podman/podman.sock; do
    [ -S "$socket" ] || continue
    if DOCKER_HOST="unix://$socket" engine_answers; then
      export DOCKER_HOST="unix://$socket"
      return 0
    fi
  done
  return 1
}

# pid_of FILE NAME: the pid in FILE, if that process still lives and really is NAME. After a crash or a
# restart of the machine the number in the file can belong to some other program.
pid_of() {
  local pid
  pid="$(as_root cat "$1" 2>/dev/null)" || return 1
  [[ "$pid" =~ ^[0-9]+$ ]] || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] || return 1
  printf '%s\n' "$pid"
}

# A killed dockerd leaves files behind that stop the next one from starting.
remove_stale_engine_files() {
  local pid
  if [ -e /var/run/docker.pid ] && ! pid_of /var/run/docker.pid dockerd >/dev/null; then
    note "removing /var/run/docker.pid: no dockerd runs under the number in it"
    as_root rm -f /var/run/docker.pid
  fi
  local containerd=/var/run/docker/containerd
  if [ -e "$containerd/containerd.pid" ]; then
    if ! pid_of "$containerd/containerd.pid" containerd >/dev/null; then
      note "removing the pid file and sockets of a containerd that is gone"
      as_root rm -f "$containerd/containerd.pid" "$containerd"/containerd.sock*
    elif [ "${1:-}" = and-containerd ]; then
      pid="$(pid_of "$containerd/containerd.pid" containerd)"
      note "stopping containerd (pid $pid), which outlived its dockerd"
      as_root kill "$pid" 2>/dev/null || true
      until_true 10 eval "! kill -0 $pid 2>/dev/null" || as_root kill -KILL "$pid" 2>/dev/null || true
      as_root rm -f "$containerd/containerd.pid" "$containerd"/containerd.sock*
    fi
  fi
  # Docker makes a folder of a missing bind-mount source, also of the socket's own path.
  if [ -d /var/run/docker.sock ]; then as_root rmdir /var/run/docker.sock || true; fi
}

# Starts dockerd by hand: works without systemd, in containers and small virtual machines.
start_dockerd() {
  local group=() attempt pid
  # The user who started the engine may use its socket.
  [ "$(id -u)" = 0 ] || group=(--group "$(id -gn)")
  for attempt in 1 2; do
    if [ "$attempt" = 1 ]; then remove_stale_engine_files; else remove_stale_engine_files and-containerd; fi
    if pid="$(pid_of /var/run/docker.pid dockerd)"; then
      note "dockerd (pid $pid) is already there; waiting for it to answer"
    else
      note "starting dockerd (log: $DOCKERD_LOG)"
      as_root env PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH" \
        setsid nohup dockerd "${group[@]}" >"$DOCKERD_LOG" 2>&1 </dev/null &
      pid=$!
    fi
    local deadline=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$deadline" ]; do
      engine_answers && return 0
      kill -0 "$pid" 2>/dev/null || [ -d "/proc/$pid" ] || break
      sleep 0.2
    done
    [ "$attempt" = 2 ] || note "dockerd did not come up; clearing what an earlier one may have left and trying once more"
  done
  return 1
}

# Says which engine is used: once, also when one script calls another.
name_engine() {
  [ -z "${ENVSIM_ENGINE_NAMED:-}" ] || return 0
  export ENVSIM_ENGINE_NAMED=yes
  note "container engine: $(docker version --format '{{.Server.Version}}, {{.Server.Os}}/{{.Server.Arch}}')${DOCKER_HOST:+ at $DOCKER_HOST}"
}

# Leaves a working engine behind, or stops the script with a message.
ensure_engine() {
  if find_engine; then
    name_engine
    return 0
  fi
  if [ -n "${DOCKER_HOST:-}" ] && have docker; then
    docker version 2>&1 | tail -n 3 | sed 's/^/  | /' >&2 || true
    die "no container engine answers at DOCKER_HOST=$DOCKER_HOST." "start that engine, or unset DOCKER_HOST"
  fi
  [ "$(uname -s)" = Linux ] || die "no container engine answers, or the docker command is missing." \
    "start Docker Desktop (or Colima, OrbStack) and run this script again"
  # Debian's package brings the command and a second engine in one: not where an engine runs already.
  if ! have docker && [ -S /var/run/docker.sock ] && have curl &&
    curl -s -m 5 --unix-socket /var/run/docker.sock http://docker/_ping >/dev/null; then
    die "a container engine answers at /var/run/docker.sock, but there is no docker command to talk to it." \
      "install Docker's command line: https://docs.docker.com/engine/install/"
  fi
  can_be_root || die "no container engine answers, and starting one needs root." \
    "start Docker (sudo systemctl start docker), or join the group that may use it (sudo usermod -aG docker \$USER)"
  if ! have docker || ! have dockerd; then
    have apt-get || die "no container engine is installed, and this script can install one only on Debian and Ubuntu." \
      "install Docker Engine (https://docs.docker.com/engine/install/) and run this script again"
    heading "Installing a container engine"
    apt_install docker.io iptables || die "the container engine could not be installed." "see the log above"
    # From Debian 13 on the command is a package of its own.
    have docker || apt_install docker-cli || die "the docker command could not be installed." "see the log above"
    hash -r
    # The package's own scripts may have started it.
    if find_engine; then
      name_engine
      return 0
    fi
  fi
  heading "Starting the container engine"
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker || {
      as_root journalctl -u docker -n 20 --no-pager 2>/dev/null | sed 's/^/  | /' >&2
      die "systemd could not start Docker." "read the lines above; sudo systemctl status docker tells more"
    }
    until_true 60 engine_answers || die "Docker was started but does not answer to $(id -un)." \
      "join the group that may use it: sudo usermod -aG docker $(id -un), then log in again"
  else
    start_dockerd || {
      # Most lines of the log only tell of its progress.
      grep -v 'level=info' "$DOCKERD_LOG" | tail -n 20 | sed 's/^/  | /' >&2 || true
      die "dockerd did not start." "the lines above are the end of $DOCKERD_LOG"
    }
  fi
  name_engine
}

//! Which envsim made a resource, and whether it is still alive.

/// `HOST:PID` of this process, for the label.
pub fn this() -> String {
    format!("{}:{}", host(), std::process::id())
}

/// The pid in `owner` when that process is another one, of this host, and alive.
///
/// A dead owner, or one of another host, does not keep its resources: they are leftovers.
pub fn alive(owner: &str) -> Option<u32> {
    let (owner_host, pid) = owner.rsplit_once(':')?;
    let pid: u32 = pid.parse().ok()?;
    let own = pid == std::process::id() || owner_host != host();
    (!own && is_envsim(pid)).then_some(pid)
}

/// A pid can be used again by another program: its name must be ours.
fn is_envsim(pid: u32) -> bool {
    if cfg!(target_os = "linux") {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim().starts_with("envsim"))
    } else {
        let shown = std::process::Command::new("ps")
            .args(["-o", "comm=", "-p", &pid.to_string()])
            .output();
        shown.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("envsim"))
    }
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map_or_else(|| "localhost".to_owned(), |name| name.trim().to_owned())
}

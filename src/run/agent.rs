//! The agent's image: embedded in envsim, loaded into the engine once per version. Nothing is pulled.

use std::collections::BTreeMap;
use std::io::Write;

use sha2::{Digest, Sha256};

use super::{RunError, Session};
use crate::engine::{ContainerSpec, EngineError, MountSpec, TarSource};
use crate::labels;

static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agent"));
/// Architecture the agent was compiled for, as image platforms are written.
pub const ARCH: &str = env!("ENVSIM_AGENT_ARCH");
/// The image's name; the tag changes with the program.
pub const IMAGE: &str = concat!("envsim/agent:", env!("ENVSIM_AGENT_HASH"));

/// Makes sure that the engine has the image.
///
/// # Errors
/// When the engine is of another architecture than the agent, or refuses the image.
pub async fn ensure(session: &Session) -> Result<(), RunError> {
    if session.engine.image(IMAGE).await?.is_some() {
        return Ok(());
    }
    let engine_arch = session.engine.info().await?.arch;
    if engine_arch != ARCH {
        return Err(RunError::Service {
            message: format!(
                "this envsim holds the agent for {ARCH} and the engine runs {engine_arch} containers"
            ),
            help: format!(
                "build envsim on a {engine_arch} machine, or use an engine of this machine's kind"
            ),
        });
    }
    let archive = archive().map_err(|error| EngineError::Other {
        doing: "packing the agent's image".to_owned(),
        status: None,
        message: error.to_string(),
    })?;
    session
        .engine
        .load_image(TarSource::Bytes(archive.into()))
        .await?;
    Ok(())
}

/// Makes the volume `name` with the agent's program `agent` in it, to be mounted into containers of any image.
///
/// # Errors
/// As [`ensure`], or when the engine refuses.
pub async fn make_volume(session: &Session, name: &str) -> Result<(), RunError> {
    ensure(session).await?;
    let engine = &session.engine;
    let labels = session.labels.of("agent", None);
    engine
        .create_volume(name, &labels, None, &BTreeMap::new())
        .await?;
    let target = "/agent-volume".to_owned();
    let spec = ContainerSpec {
        name: session.labels.name("agent"),
        image: IMAGE.to_owned(),
        labels,
        mounts: vec![MountSpec::Volume {
            name: name.to_owned(),
            target: target.clone(),
            read_only: false,
            no_copy: true,
            subpath: None,
            labels: session.labels.of("agent", None),
        }],
        ..ContainerSpec::default()
    };
    // Never started: the engine mounts the volume to unpack the archive.
    let id = engine.create_container(&spec).await?;
    let archive = tar_of(&[("agent", PROGRAM, 0o755)]).map_err(|error| EngineError::Other {
        doing: "packing the agent".to_owned(),
        status: None,
        message: error.to_string(),
    })?;
    let source = TarSource::Bytes(archive.into());
    let filled = engine.put_archive(&id, &target, source).await;
    let removed = engine.remove_container(&id, true, false).await;
    filled?;
    removed?;
    Ok(())
}

/// The image as `docker save` would write it: one layer with one file.
fn archive() -> std::io::Result<Vec<u8>> {
    let layer = tar_of(&[("agent", PROGRAM, 0o755)])?;
    let labels = BTreeMap::from([
        (labels::ROLE, "agent"),
        (labels::VERSION, env!("CARGO_PKG_VERSION")),
    ]);
    let config = serde_json::json!({
        "architecture": ARCH,
        "os": "linux",
        "config": {"Entrypoint": ["/agent"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(&layer))]},
    });
    let config = config.to_string().into_bytes();
    let config_name = format!("{}.json", hex(&config));
    let manifest = serde_json::json!([{
        "Config": config_name,
        "RepoTags": [IMAGE],
        "Layers": ["layer.tar"],
    }]);
    let manifest = manifest.to_string().into_bytes();
    tar_of(&[
        (&config_name, &config, 0o644),
        ("layer.tar", &layer, 0o644),
        ("manifest.json", &manifest, 0o644),
    ])
}

fn tar_of(files: &[(&str, &[u8], u32)]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(0);
        tar.append_data(&mut header, name, *bytes)?;
    }
    let mut bytes = tar.into_inner()?;
    bytes.flush()?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

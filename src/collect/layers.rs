//! Walks the layers of an image as `docker save` writes them, without unpacking anything to disk.
//!
//! Two layouts are there: `ID/layer.tar` (before Docker Engine 25) and `blobs/sha256/…` of the OCI Image
//! Layout. In both `manifest.json` lists configuration and layers, and comes after them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, BufReader, Read};

use flate2::bufread::GzDecoder;
use serde::Deserialize;

use crate::mask::mask;
use crate::secrets::{self, LOOKED_INTO, Verdict};

/// JSON files larger than this are no manifests.
const LARGEST_JSON: u64 = 8 << 20;
/// Files of a layer that are kept; an image with more secrets has a finding for each of these.
pub(super) const KEPT: usize = 50;
/// Bytes that tell what a file of the archive is.
const HEAD: usize = 512;

/// A file of a layer that is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Absolute path in the image.
    pub path: String,
    /// What it is.
    pub verdict: Verdict,
    /// The instruction that made the layer; empty when the image does not say.
    pub instruction: String,
    /// A later layer removes or hides it.
    pub removed: bool,
}

/// What one layer has.
#[derive(Debug, Default)]
struct Layer {
    found: Vec<(String, Verdict)>,
    /// Paths that it removes.
    whiteouts: BTreeSet<String>,
    /// Directories whose earlier content it hides.
    opaque: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
    layers: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    history: Vec<Step>,
    #[serde(default)]
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    empty_layer: bool,
}

/// The secrets in the layers of the saved image, those of `base` (digests of unpacked layers) left out.
///
/// # Errors
/// An archive that breaks off, or that has no manifest; layers compressed in a way that is not known.
pub fn secrets(archive: impl Read, base: &[String]) -> io::Result<Vec<Found>> {
    let mut layers: HashMap<String, Layer> = HashMap::new();
    let mut texts: HashMap<String, Vec<u8>> = HashMap::new();
    let mut links: HashMap<String, String> = HashMap::new();
    let mut outer = tar::Archive::new(archive);
    for entry in outer.entries()? {
        let entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        if entry.header().entry_type().is_symlink() {
            // A layer that the image has twice is written once.
            if let Some(target) = entry.link_name()? {
                links.insert(
                    path,
                    target
                        .to_string_lossy()
                        .trim_start_matches("../")
                        .to_owned(),
                );
            }
            continue;
        }
        let known = path.strip_prefix("blobs/sha256/").is_some_and(|digest| {
            base.iter()
                .any(|layer| layer.strip_prefix("sha256:") == Some(digest))
        });
        if known || !entry.header().entry_type().is_file() {
            continue;
        }
        let size = entry.size();
        let mut reader = BufReader::new(entry);
        let head = peek(&mut reader)?;
        match &*head {
            [b'{' | b'[', ..] if size <= LARGEST_JSON => {
                let mut text = Vec::new();
                reader.read_to_end(&mut text)?;
                texts.insert(path, text);
            }
            [0x1f, 0x8b, ..] => drop(layers.insert(path, layer(GzDecoder::new(reader))?)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                return Err(io::Error::other("its layers are compressed with zstd"));
            }
            head if path.ends_with("layer.tar") || is_tar(head) => {
                layers.insert(path, layer(reader)?);
            }
            _ => {}
        }
    }
    together(&layers, &texts, &links, base)
}

fn peek(reader: &mut BufReader<impl Read>) -> io::Result<Vec<u8>> {
    use io::BufRead;
    let buffer = reader.fill_buf()?;
    Ok(buffer[..buffer.len().min(HEAD)].to_vec())
}

fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// Reads one layer.
fn layer(reader: impl Read) -> io::Result<Layer> {
    let mut layer = Layer::default();
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let path = path
            .trim_start_matches("./")
            .trim_start_matches('/')
            .to_owned();
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            layer.opaque.insert(directory.to_owned());
        } else if let Some(gone) = name.strip_prefix(".wh.") {
            layer.whiteouts.insert(match directory {
                "" => gone.to_owned(),
                directory => format!("{directory}/{gone}"),
            });
        } else if entry.header().entry_type().is_file()
            && layer.found.len() < KEPT
            && secrets::worth_reading(&path, entry.size())
        {
            let mut content = Vec::new();
            entry
                .by_ref()
                .take(LOOKED_INTO as u64)
                .read_to_end(&mut content)?;
            layer
                .found
                .extend(secrets::judge(&path, &content).map(|verdict| (path, verdict)));
        }
    }
    Ok(layer)
}

/// Puts the layers into their order and tells what later ones remove.
fn together(
    layers: &HashMap<String, Layer>,
    texts: &HashMap<String, Vec<u8>>,
    links: &HashMap<String, String>,
    base: &[String],
) -> io::Result<Vec<Found>> {
    let manifest = texts.get("manifest.json");
    let manifests: Vec<Manifest> = manifest
        .and_then(|text| serde_json::from_slice(text).ok())
        .unwrap_or_default();
    let Some(manifest) = manifests.into_iter().next() else {
        return Err(io::Error::other("the saved image has no manifest"));
    };
    let config: Config = texts
        .get(&manifest.config)
        .and_then(|text| serde_json::from_slice(text).ok())
        .unwrap_or_default();
    let mut steps = config.history.iter().filter(|step| !step.empty_layer);
    let mut found: Vec<Found> = Vec::new();
    for (index, name) in manifest.layers.iter().enumerate() {
        let instruction = steps.next().map_or("", |step| &*step.created_by);
        let digest = config.rootfs.diff_ids.get(index);
        let name = links.get(name).unwrap_or(name);
        let Some(layer) = layers.get(name) else {
            continue;
        };
        for earlier in &mut found {
            let path = earlier.path.trim_start_matches('/');
            let hidden = ancestors(path).any(|one| layer.whiteouts.contains(one))
                || ancestors(path)
                    .skip(1)
                    .any(|one| layer.opaque.contains(one));
            earlier.removed |= hidden;
        }
        if digest.is_some_and(|digest| base.contains(digest)) {
            continue;
        }
        for (path, verdict) in &layer.found {
            let path = format!("/{path}");
            found.retain(|earlier| earlier.path != path || earlier.removed);
            found.push(Found {
                path,
                verdict: *verdict,
                instruction: mask(&shown(instruction)).into_owned(),
                removed: false,
            });
        }
    }
    Ok(one_per_repository(found))
}

/// The path and the directories above it.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(above, _)| above)
    })
}

/// An instruction as it stands in a Dockerfile.
pub(super) fn shown(created_by: &str) -> String {
    let text = created_by
        .trim_start_matches("/bin/sh -c #(nop)")
        .trim_end_matches("# buildkit")
        .trim();
    let text = match text.strip_prefix("/bin/sh -c ") {
        Some(command) => format!("RUN {command}"),
        None => text.to_owned(),
    };
    text.chars().take(200).collect()
}

/// `.git/HEAD` and `.git/config` are one repository.
pub(super) fn one_per_repository(found: Vec<Found>) -> Vec<Found> {
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    let mut kept = Vec::new();
    for mut one in found {
        if let Some(at) = one.path.find("/.git/") {
            one.path.truncate(at + "/.git".len());
            if seen
                .insert(format!("{} {:?}", one.path, one.verdict.kind), ())
                .is_some()
            {
                continue;
            }
        }
        kept.push(one);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretKind;

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, path, *content)
                .expect("an entry");
        }
        builder.into_inner().expect("an archive")
    }

    fn saved(layers: &[Vec<u8>], names: &[&str]) -> Vec<u8> {
        let ids: Vec<String> = (0..layers.len())
            .map(|n| format!("\"sha256:{n}\""))
            .collect();
        let history: Vec<String> = (0..layers.len())
            .map(|n| format!("{{\"created_by\": \"COPY {n} # buildkit\"}}"))
            .collect();
        let config = format!(
            "{{\"history\": [{{\"created_by\": \"ENV\", \"empty_layer\": true}}, {}], \"rootfs\": {{\"diff_ids\": [{}]}}}}",
            history.join(","),
            ids.join(",")
        );
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let manifest = format!(
            "[{{\"Config\": \"c.json\", \"Layers\": [{}]}}]",
            quoted.join(",")
        );
        let mut files: Vec<(&str, &[u8])> = names
            .iter()
            .zip(layers)
            .map(|(name, layer)| (*name, &**layer))
            .collect();
        files.push(("c.json", config.as_bytes()));
        files.push(("manifest.json", manifest.as_bytes()));
        tar_of(&files)
    }

    const ENV: (&str, &[u8]) = ("app/.env", b"DB_PASSWORD=k9f8Hq27sLx\n");

    #[test]
    fn a_file_that_a_later_layer_removes_is_still_found() {
        let layers = [
            tar_of(&[ENV, ("app/x", b"1")]),
            tar_of(&[("app/.wh..env", b"")]),
            tar_of(&[("app/b/.git/HEAD", b"ref: x"), ("app/b/.git/config", b"")]),
        ];
        let archive = saved(&layers, &["a/layer.tar", "b/layer.tar", "c/layer.tar"]);
        let found = secrets(&archive[..], &[]).expect("secrets");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (&*found[0].path, found[0].removed, &*found[0].instruction),
            ("/app/.env", true, "COPY 0")
        );
        assert_eq!((&*found[1].path, found[1].removed), ("/app/b/.git", false));
        assert_eq!(found[1].verdict.kind, SecretKind::Repository);
    }

    #[test]
    fn layers_of_the_base_image_are_left_out_and_compressed_ones_read() {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&tar_of(&[ENV])).expect("written");
        let layers = [
            tar_of(&[("base/.env", ENV.1)]),
            packed.finish().expect("packed"),
        ];
        let archive = saved(&layers, &["blobs/sha256/0", "blobs/sha256/1"]);
        let found = secrets(&archive[..], &["sha256:0".to_owned()]).expect("secrets");
        let paths: Vec<&str> = found.iter().map(|one| &*one.path).collect();
        assert_eq!(paths, ["/app/.env"]);
    }

    #[test]
    fn what_is_no_saved_image_is_an_error() {
        assert!(secrets(&b"not a tar"[..], &[]).is_err());
        assert!(secrets(&tar_of(&[("x", b"y")])[..], &[]).is_err());
        let archive = saved(&[tar_of(&[ENV])], &["a/layer.tar"]);
        assert!(secrets(&archive[..archive.len() / 2], &[]).is_err());
    }
}

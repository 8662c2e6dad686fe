//! `build` of a service: how its image is made.

use indexmap::IndexMap;

use super::keys::Keys;
use super::network::extra_hosts;
use super::service::ulimits;
use super::{Context, Node};
use crate::app::{At, Build, BuildSecret};
use crate::compose::host_path::{fold, is_remote};
use crate::compose::pairs;

/// Reads `build`; `secrets` are the project's.
pub fn build(
    node: &Node,
    secrets: &IndexMap<String, BuildSecret>,
    cx: &mut Context,
) -> Option<Build> {
    let context = node.get("context")?;
    let directory = context.text()?;
    if is_remote(directory) {
        cx.error(&context.place, "a remote build context is not supported")
            .help = Some("clone the repository and name its directory".to_owned());
        return None;
    }
    let mut keys = Keys::of(node, cx);
    let dockerfile = keys.text("dockerfile");
    let dockerfile = dockerfile.as_deref().unwrap_or("Dockerfile");
    let directory = std::path::PathBuf::from(directory);
    Some(Build {
        dockerfile: fold(&directory.join(dockerfile)),
        context: directory,
        dockerfile_inline: keys.text("dockerfile_inline"),
        target: keys.read("target", |target, cx| cx.string_at(target, "`target`")),
        args: args(node),
        labels: keys.pairs("labels"),
        secrets: keys.read("secrets", |list, _| used_secrets(list, secrets)),
        ssh: plain_pairs(node.get("ssh")),
        additional_contexts: plain_pairs(node.get("additional_contexts"))
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect(),
        cache_from: keys.texts("cache_from"),
        cache_to: keys.texts("cache_to"),
        entitlements: keys.texts("entitlements"),
        no_cache_filter: keys.texts("no_cache_filter"),
        platforms: keys.texts("platforms"),
        tags: keys.texts("tags"),
        extra_hosts: keys.read("extra_hosts", |hosts, _| {
            let hosts = extra_hosts(hosts).into_iter();
            hosts.map(|host| host.value).collect()
        }),
        network: keys.text("network"),
        isolation: keys.text("isolation"),
        provenance: keys.text("provenance"),
        sbom: keys.text("sbom"),
        no_cache: keys.is_set("no_cache"),
        privileged: keys.is_set("privileged"),
        pull: keys.is_set("pull"),
        shm_size: keys.read("shm_size", |size, cx| cx.bytes(size, "`shm_size`")),
        ulimits: keys.read("ulimits", ulimits),
        place: context.place.clone(),
    })
}

/// `args` with their places; null stands for one without a value.
fn args(node: &Node) -> IndexMap<String, At<Option<String>>> {
    let args = pairs(node.get("args")).into_iter().map(|(name, value)| {
        let place = value.place.clone();
        let value = (!value.is_null()).then(|| value.text().unwrap_or_default().to_owned());
        (name, At { value, place })
    });
    args.collect()
}

fn plain_pairs(node: Option<&Node>) -> IndexMap<String, Option<String>> {
    let text =
        |value: Node| (!value.is_null()).then(|| value.text().unwrap_or_default().to_owned());
    pairs(node)
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect()
}

fn used_secrets(node: &Node, known: &IndexMap<String, BuildSecret>) -> Vec<BuildSecret> {
    let items = node.as_sequence().unwrap_or(&[]);
    let used = |item: &Node| {
        let source = item.get("source").and_then(Node::text)?;
        let target = item.get("target").and_then(Node::text);
        Some(BuildSecret {
            id: target.unwrap_or(source).to_owned(),
            place: item.place.clone(),
            ..known.get(source)?.clone()
        })
    };
    items.iter().filter_map(used).collect()
}

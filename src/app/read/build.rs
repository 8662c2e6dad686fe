//! `build` of a service: how its image is made.

use indexmap::IndexMap;

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
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let is_set = |key: &str| node.get(key).and_then(Node::text) == Some("true");
    let context = node.get("context")?;
    let directory = context.text()?;
    if is_remote(directory) {
        cx.error(&context.place, "a remote build context is not supported")
            .help = Some("clone the repository and name its directory".to_owned());
        return None;
    }
    let dockerfile = text("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let directory = std::path::PathBuf::from(directory);
    let mut strings = |key: &str| {
        let list = node.get(key);
        list.map(|list| cx.plain_strings(list, "a text"))
            .unwrap_or_default()
    };
    let lists = BuildLists {
        cache_from: strings("cache_from"),
        cache_to: strings("cache_to"),
        entitlements: strings("entitlements"),
        no_cache_filter: strings("no_cache_filter"),
        platforms: strings("platforms"),
        tags: strings("tags"),
    };
    let args = pairs(node.get("args")).into_iter().map(|(name, value)| {
        let place = value.place.clone();
        let value = (!value.is_null()).then(|| value.text().unwrap_or_default().to_owned());
        (name, At { value, place })
    });
    Some(Build {
        dockerfile: fold(&directory.join(&dockerfile)),
        context: directory,
        dockerfile_inline: text("dockerfile_inline"),
        target: node
            .get("target")
            .and_then(|target| cx.string_at(target, "`target`")),
        args: args.collect(),
        labels: node
            .get("labels")
            .map(|labels| cx.text_pairs(labels, "`labels`"))
            .unwrap_or_default(),
        secrets: node
            .get("secrets")
            .map(|list| used_secrets(list, secrets))
            .unwrap_or_default(),
        ssh: plain_pairs(node.get("ssh")),
        additional_contexts: plain_pairs(node.get("additional_contexts"))
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect(),
        cache_from: lists.cache_from,
        cache_to: lists.cache_to,
        entitlements: lists.entitlements,
        no_cache_filter: lists.no_cache_filter,
        platforms: lists.platforms,
        tags: lists.tags,
        extra_hosts: node
            .get("extra_hosts")
            .map(|hosts| {
                extra_hosts(hosts)
                    .into_iter()
                    .map(|host| host.value)
                    .collect()
            })
            .unwrap_or_default(),
        network: text("network"),
        isolation: text("isolation"),
        provenance: text("provenance"),
        sbom: text("sbom"),
        no_cache: is_set("no_cache"),
        privileged: is_set("privileged"),
        pull: is_set("pull"),
        shm_size: node
            .get("shm_size")
            .and_then(|size| cx.bytes(size, "`shm_size`")),
        ulimits: node
            .get("ulimits")
            .map(|limits| ulimits(limits, cx))
            .unwrap_or_default(),
        place: context.place.clone(),
    })
}

struct BuildLists {
    cache_from: Vec<String>,
    cache_to: Vec<String>,
    entitlements: Vec<String>,
    no_cache_filter: Vec<String>,
    platforms: Vec<String>,
    tags: Vec<String>,
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

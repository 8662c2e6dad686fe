//! `build` of a service: how its image is made.

use indexmap::IndexMap;

use super::network::extra_hosts;
use super::short::{self, host_path};
use super::{Context, Node, Resolve, Value};
use crate::app::{Build, BuildSecret};

/// Reads `build`, short or long.
pub fn build(
    node: &Node,
    secrets: &IndexMap<String, BuildSecret>,
    resolve: &Resolve,
    cx: &mut Context,
) -> Option<Build> {
    let mut build = Build {
        context: resolve.directory.to_owned(),
        dockerfile: "Dockerfile".into(),
        dockerfile_inline: None,
        target: None,
        args: IndexMap::new(),
        labels: IndexMap::new(),
        secrets: Vec::new(),
        cache_from: Vec::new(),
        extra_hosts: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
        shm_size: None,
        tags: Vec::new(),
        place: node.place.clone(),
    };
    let path = |text: &str| host_path(text, resolve.directory, resolve.home);
    let remote = |text: &str| text.contains("://") || text.starts_with("git@");
    if let Value::Scalar(text, _) = &node.value {
        if remote(text) {
            cx.error(&node.place, "a remote build context is not supported")
                .help = Some("clone the repository and name its directory".to_owned());
            return None;
        }
        build.context = path(text);
        build.dockerfile = build.context.join("Dockerfile");
        return Some(build);
    }
    for (key, place, value) in cx.entries(node, "`build`") {
        match key {
            "context" => {
                let context = cx.string(value, "`context`")?;
                if remote(&context) {
                    cx.error(&value.place, "a remote build context is not supported")
                        .help = Some("clone the repository and name its directory".to_owned());
                    return None;
                }
                build.context = path(&context);
                build.place = value.place.clone();
            }
            "dockerfile" => build.dockerfile = cx.string(value, "`dockerfile`")?.into(),
            "dockerfile_inline" => {
                build.dockerfile_inline = cx.string(value, "`dockerfile_inline`");
            }
            "target" => build.target = cx.string_at(value, "`target`"),
            "args" => {
                build.args = cx.pairs(value, "`args`");
                for (name, arg) in &mut build.args {
                    if arg.value.is_none() {
                        arg.value = (resolve.variable)(name);
                    }
                }
            }
            "labels" => build.labels = cx.text_pairs(value, "`labels`"),
            "secrets" => build.secrets = used_secrets(value, secrets, cx),
            "cache_from" => build.cache_from = cx.plain_strings(value, "`cache_from`"),
            "extra_hosts" => {
                let hosts = extra_hosts(value, cx).into_iter();
                build.extra_hosts = hosts.map(|host| host.value).collect();
            }
            "network" => build.network = cx.string(value, "`network`"),
            "no_cache" => build.no_cache = cx.boolean(value, "`no_cache`").unwrap_or_default(),
            "pull" => build.pull = cx.boolean(value, "`pull`").unwrap_or_default(),
            "shm_size" => build.shm_size = cx.bytes(value, "`shm_size`"),
            "tags" => build.tags = cx.plain_strings(value, "`tags`"),
            "additional_contexts"
            | "cache_to"
            | "entitlements"
            | "isolation"
            | "platforms"
            | "privileged"
            | "provenance"
            | "sbom"
            | "ssh"
            | "ulimits" => {
                cx.warn(place, format!("envsim does not use `{key}` of a build yet"));
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "`build`",
                &[
                    "context",
                    "dockerfile",
                    "dockerfile_inline",
                    "target",
                    "args",
                    "labels",
                    "secrets",
                    "cache_from",
                    "extra_hosts",
                    "network",
                    "no_cache",
                    "pull",
                    "shm_size",
                    "tags",
                    "additional_contexts",
                    "platforms",
                    "ssh",
                ],
            ),
        }
    }
    build.dockerfile = short::fold(&build.context.join(&build.dockerfile));
    Some(build)
}

fn used_secrets(
    node: &Node,
    known: &IndexMap<String, BuildSecret>,
    cx: &mut Context,
) -> Vec<BuildSecret> {
    let mut used = Vec::new();
    for item in cx.items(node, "`secrets`") {
        let (source, id) = match &item.value {
            Value::Mapping(_) => {
                let source = item.get("source").and_then(Node::text).map(str::to_owned);
                let target = item.get("target").and_then(Node::text).map(str::to_owned);
                (source.clone(), target.or(source))
            }
            _ => {
                let name = cx.string(item, "a secret");
                (name.clone(), name)
            }
        };
        let (Some(source), Some(id)) = (source, id) else {
            cx.error(&item.place, "a secret of a build needs a `source`");
            continue;
        };
        match known.get(&source) {
            Some(secret) => used.push(BuildSecret {
                id,
                place: item.place.clone(),
                ..secret.clone()
            }),
            None => {
                cx.error(&item.place, format!("the secret `{source}` is not defined"))
                    .help = Some(format!("add `{source}:` to the top-level `secrets`"));
            }
        }
    }
    used
}

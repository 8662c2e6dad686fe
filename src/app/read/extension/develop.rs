//! `x-envsim.dev`.

use crate::app::read::{Context, Node};
use crate::app::{At, DevSettings, nearest, signal};

const KEYS: &[&str] = &["agent", "signal", "owner"];

/// The settings of a service's dev run.
pub fn read(node: &Node, cx: &mut Context) -> DevSettings {
    let mut dev = DevSettings::default();
    for (key, place, value) in cx.entries(node, "`x-envsim.dev`") {
        match key {
            "agent" => {
                let at = value.place.clone();
                let wanted = cx.boolean(value, "`agent`");
                dev.agent = wanted.map(|value| At { value, place: at });
            }
            "signal" => dev.signal = signal_name(value, cx),
            "owner" => dev.owner = owner(value, cx),
            _ => cx.unknown_key(place, key, "`x-envsim.dev`", KEYS),
        }
    }
    dev
}

fn signal_name(node: &Node, cx: &mut Context) -> Option<At<String>> {
    let name = cx.string_at(node, "`signal`")?;
    if signal::number(&name.value).is_some() {
        return Some(name);
    }
    let upper = name.value.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let help = match nearest(short, signal::names()) {
        Some(near) => format!("did you mean `SIG{near}`?"),
        None => "for example `SIGHUP`, `SIGUSR2`".to_owned(),
    };
    let message = format!("`{}` is not a signal", name.value);
    cx.error(&name.place, message).help = Some(help);
    None
}

/// `1000` or `1000:1000`: names of users are only known inside the image.
fn owner(node: &Node, cx: &mut Context) -> Option<At<(u32, u32)>> {
    let text = node.text().filter(|_| !node.is_null());
    let ids = text.and_then(|text| {
        let (user, group) = text.split_once(':').unwrap_or((text, text));
        Some((user.parse().ok()?, group.parse().ok()?))
    });
    let Some(ids) = ids else {
        cx.wrong(
            node,
            "`owner`",
            "the id of a user, or of a user and a group (`1000:1000`)",
        );
        return None;
    };
    Some(At {
        value: ids,
        place: node.place.clone(),
    })
}

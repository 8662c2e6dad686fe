//! Evidence for the tests of this family.

use crate::app::Place;
use crate::checks::words::tests::evidence;
use crate::evidence::{Evidence, MountSeen};

/// A bind mount of the service `web`, which has a build, at line 4 of the Compose file.
pub fn mount(source: &str, target: &str) -> MountSeen {
    let place = Place {
        line: 4,
        ..Place::start_of("compose.yaml")
    };
    MountSeen {
        image: "web".to_owned(),
        files: 1,
        ..MountSeen::new("web", source, target, &place)
    }
}

/// An app whose one mount is `seen`.
pub fn with(seen: MountSeen) -> Evidence {
    with_service("build: .", seen)
}

/// The same, with what stands under `web` in the Compose file, in flow style.
pub fn with_service(keys: &str, seen: MountSeen) -> Evidence {
    let mut evidence = evidence(&format!("services:\n  web: {{{keys}}}\n"));
    evidence.mounts.push(seen);
    evidence
}

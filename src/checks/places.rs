//! Places of findings as a reader of the report can follow them: relative to the project.

use std::path::{Component, Path, PathBuf};

use crate::app::Place;
use crate::finding::Judgement;

/// Makes absolute paths relative to `directory`, with `..` for what lies beside it. What has nothing
/// but the root in common with it, such as a system file, stays absolute.
pub fn make_relative(judgement: &mut Judgement, directory: &Path) {
    for finding in &mut judgement.findings {
        for location in &mut finding.locations {
            relative(&mut location.place, directory);
        }
    }
}

fn relative(place: &mut Place, directory: &Path) {
    let path = Path::new(&*place.path);
    if let Some(short) = from(path, directory) {
        place.path = short.to_string_lossy().as_ref().into();
    }
}

/// The way from `directory` to `path`, both absolute.
fn from(path: &Path, directory: &Path) -> Option<PathBuf> {
    if !path.is_absolute() || !directory.is_absolute() {
        return None;
    }
    let shared = path
        .components()
        .zip(directory.components())
        .take_while(|(a, b)| a == b)
        .count();
    if shared < 2 {
        return None;
    }
    let up = directory.components().skip(shared);
    let up = up.map(|_| Component::ParentDir);
    Some(up.chain(path.components().skip(shared)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_the_project_is_named_from_it() {
        let named = |path: &str| from(Path::new(path), Path::new("/home/me/shop/app"));
        let text = |path: &str| named(path).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(text("/home/me/shop/app/a.js").as_deref(), Some("a.js"));
        assert_eq!(
            text("/home/me/shop/common/c.yaml").as_deref(),
            Some("../common/c.yaml")
        );
        assert_eq!(text("/etc/hosts"), None);
        assert_eq!(text("src/a.js"), None);
    }
}

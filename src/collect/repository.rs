//! Where the project lies in its repository: reports for code scanning name files from its top.

use std::path::Path;

/// The way from the top of the repository down to `directory`, with a slash at the end: `apps/shop/`.
/// Empty at the top, and outside of any repository.
pub fn folder(directory: &Path) -> String {
    // A work tree of Git has a file `.git` instead of the directory.
    let top = directory
        .ancestors()
        .find(|above| above.join(".git").exists());
    let below = top.and_then(|top| directory.strip_prefix(top).ok());
    match below.map(|below| below.to_string_lossy().into_owned()) {
        Some(below) if !below.is_empty() => below + "/",
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_in_a_folder_of_the_repository_knows_its_way() {
        let top = tempfile::tempdir().expect("a directory");
        let shop = top.path().join("apps/shop");
        std::fs::create_dir_all(&shop).expect("a directory");
        assert_eq!(folder(&shop), "");
        std::fs::create_dir(top.path().join(".git")).expect("a directory");
        assert_eq!(folder(&shop), "apps/shop/");
        assert_eq!(folder(top.path()), "");
    }
}

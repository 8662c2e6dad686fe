//! Names of files that editors and tools keep for themselves beside the files that are edited. Pure.
//!
//! The list is that of Docker Compose (`pkg/watch/ephemeral.go`), with the files that desktops leave behind.

/// Directories that nobody means to watch: of version control, and of an editor.
const DIRECTORIES: &[&str] = &[".git", ".hg", ".svn", ".jj", ".idea"];

/// Whether a directory of this name is left out with all below it.
pub fn is_private_directory(name: &str) -> bool {
    DIRECTORIES.contains(&name)
}

/// Whose file this is, when it is one that is never meant to reach a container.
pub fn owner(name: &str) -> Option<&'static str> {
    let hidden = name.starts_with('.');
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    Some(match name {
        // Vim makes it to see whether it can write, and removes it.
        "4913" => "Vim",
        ".DS_Store" | ".localized" => "the Finder of macOS",
        "Thumbs.db" | "desktop.ini" => "the Explorer of Windows",
        // Beyond these Vim goes on with .swm and so on; `.swf` and `.swi` are other things.
        _ if hidden && ends(&[".swp", ".swx", ".swo", ".swn"]) => "Vim",
        _ if hidden && ends(&[".kate-swp"]) => "Kate",
        _ if name.starts_with(".goutputstream-") => "gedit",
        _ if ends(&["___jb_tmp___", "___jb_old___"]) => "a JetBrains editor",
        _ if name.starts_with(".#") => "Emacs",
        _ if name.len() > 2 && name.starts_with('#') && name.ends_with('#') => "Emacs",
        _ if name.len() > 1 && name.ends_with('~') => "an editor (a backup)",
        _ if ends(&["-go-tmp-umask"]) => "the Go command",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_editors_are_told_from_those_of_the_project() {
        for name in [
            "4913",
            ".app.py.swp",
            ".app.py.swx",
            "app.py~",
            ".#app.py",
            "#app.py#",
            "app.py___jb_tmp___",
            "app.py___jb_old___",
            ".DS_Store",
        ] {
            assert!(owner(name).is_some(), "{name}");
        }
        for name in [
            "app.py",
            "movie.swf",
            "notes.swp",
            "4913.py",
            "~",
            "#",
            "c#",
            ".env",
        ] {
            assert_eq!(owner(name), None, "{name}");
        }
    }
}

//! Copies changed files into a running container through the engine.

use std::path::{Path, PathBuf};

use crate::engine::{EngineError, ExecSpec, TarSource};
use crate::run::Session;

/// One path to bring up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// On the host; it need not exist any more.
    pub source: PathBuf,
    /// Absolute path in the container.
    pub target: String,
}

/// Copies what exists, owned by `owner` (user and group id), and removes what does not.
///
/// # Errors
/// The engine refused, or the image has no `rm` to remove a file with.
pub async fn sync(
    session: &Session,
    container: &str,
    items: &[Item],
    owner: (u32, u32),
) -> Result<(), EngineError> {
    let (there, gone): (Vec<Item>, Vec<Item>) = items
        .iter()
        .cloned()
        .partition(|item| item.source.symlink_metadata().is_ok());
    if !gone.is_empty() {
        remove(session, container, &gone).await?;
    }
    if there.is_empty() {
        return Ok(());
    }
    let source = TarSource::produce(move |out| write(&there, owner, out));
    session.engine.put_archive(container, "/", source).await
}

/// Copies files and whole directories into a container, which may not have started yet.
///
/// # Errors
/// The engine refused, or a file cannot be read.
pub async fn put_trees(
    session: &Session,
    container: &str,
    items: Vec<Item>,
    owner: (u32, u32),
) -> Result<(), EngineError> {
    let source = TarSource::produce(move |out| {
        let mut all = Vec::new();
        for item in items {
            tree(item, &mut all);
        }
        write(&all, owner, out)
    });
    session.engine.put_archive(container, "/", source).await
}

/// The item and all below it. What cannot be listed is left out, as a mount would show it without its content.
fn tree(item: Item, all: &mut Vec<Item>) {
    let inner = match item.source.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => std::fs::read_dir(&item.source).ok(),
        _ => None,
    };
    let target = item.target.clone();
    all.push(item);
    for entry in inner.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let inner = Item {
            source: entry.path(),
            target: format!(
                "{}/{}",
                target.trim_end_matches('/'),
                name.to_string_lossy()
            ),
        };
        tree(inner, all);
    }
}

async fn remove(session: &Session, container: &str, gone: &[Item]) -> Result<(), EngineError> {
    let mut command = vec!["rm".to_owned(), "-rf".to_owned(), "--".to_owned()];
    command.extend(gone.iter().map(|item| item.target.clone()));
    let spec = ExecSpec {
        command,
        user: Some("0".to_owned()),
        ..ExecSpec::default()
    };
    let result = session.engine.exec(container, spec).await?;
    if result.exit_code == 0 {
        return Ok(());
    }
    Err(EngineError::Other {
        doing: "removing files that were deleted on the host".to_owned(),
        status: None,
        message: result.stderr_text().trim().to_owned(),
    })
}

fn write(items: &[Item], owner: (u32, u32), out: &mut dyn std::io::Write) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(out);
    archive.follow_symlinks(false);
    for item in items {
        append(
            &mut archive,
            &item.source,
            item.target.trim_start_matches('/'),
            owner,
        )?;
    }
    archive.finish()
}

/// Files and links with their modes. A file that vanishes in
/// between is left out: its removal is another change.
fn append(
    archive: &mut tar::Builder<&mut dyn std::io::Write>,
    source: &Path,
    target: &str,
    (user, group): (u32, u32),
) -> std::io::Result<()> {
    let Ok(metadata) = source.symlink_metadata() else {
        return Ok(());
    };
    let mut header = tar::Header::new_gnu();
    header.set_metadata_in_mode(&metadata, tar::HeaderMode::Complete);
    header.set_uid(user.into());
    header.set_gid(group.into());
    if metadata.is_dir() {
        header.set_size(0);
        archive.append_data(&mut header, format!("{target}/"), std::io::empty())
    } else if metadata.is_symlink() {
        header.set_size(0);
        archive.append_link(&mut header, target, std::fs::read_link(source)?)
    } else if metadata.is_file() {
        // Read whole first: a file that grows while it is sent would break the archive.
        let Ok(bytes) = std::fs::read(source) else {
            return Ok(());
        };
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, target, bytes.as_slice())
    } else {
        Ok(())
    }
}

//! What is done for each frame.

use std::collections::{BTreeMap, HashMap};
use std::fs::Permissions;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::{Failure, shown};
use super::new::{self, New};
use super::outbox::Outbox;
use super::roots::{MODE_BITS, Owner, Root, make_directory};
use super::synced::Synced;
use super::tree;
use super::watch::Watch;
use crate::at::{EBADF, EBUSY, EEXIST, EISDIR, ELOOP, EMFILE, ENOENT, ENOTDIR, ENOTEMPTY, errno};
use crate::control::{self, Answer};
use crate::wire::frame::{At, BUILD, Reply, Request};

/// "Protocol error".
pub const EPROTO: i32 = 71;
/// Files that may be in the making at the same time.
const MOST_OPEN: usize = 64;

pub struct Server {
    /// Where the init process listens.
    control: PathBuf,
    greeted: bool,
    /// Whom the service runs as; root when nobody tells.
    service: Owner,
    roots: HashMap<u16, Root>,
    /// By the number of the frame that began them.
    open: BTreeMap<u64, New>,
    synced: Synced,
    watch: Option<Watch>,
}

/// How serving a frame went: the reason of an end, where the stream is of no use any more.
type Served = Result<(), String>;

impl Server {
    pub fn new(control: &Path) -> Self {
        Self {
            control: control.to_owned(),
            greeted: false,
            service: (0, 0),
            roots: HashMap::new(),
            open: BTreeMap::new(),
            synced: Synced::new(control),
            watch: None,
        }
    }

    /// Serves a frame. The outer error is that of the output.
    pub fn serve(&mut self, number: u64, request: Request, out: &mut Outbox) -> io::Result<Served> {
        if let Request::Hello { build } = &request {
            let answer = self.greet();
            out.send(&answer)?;
            if build != BUILD {
                let what = format!("the agent is of the build `{BUILD}` and envsim of `{build}`");
                out.fail(number, EPROTO, what.clone())?;
                return Ok(Err(what));
            }
        } else if !self.greeted {
            let what = "the first frame must be a greeting".to_owned();
            out.fail(number, EPROTO, what.clone())?;
            return Ok(Err(what));
        } else if let Err(failure) = self.act(number, request, out)? {
            out.fail(number, failure.errno, failure.what)?;
        }
        Ok(Ok(()))
    }

    /// Puts what was remembered of this batch where other links find it.
    pub fn flush(&mut self) {
        self.synced.flush();
    }

    /// The descriptor of the watch, if there is one.
    pub fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(Watch::as_fd)
    }

    /// How long until a change is to be told.
    pub fn patience(&self) -> Option<Duration> {
        self.watch.as_ref().and_then(Watch::patience)
    }

    pub fn tell_changes(&mut self, out: &mut Outbox) -> io::Result<()> {
        if let Some(watch) = &mut self.watch {
            for at in watch.changes() {
                out.send(&Reply::Changed { at })?;
            }
        }
        Ok(())
    }

    fn greet(&mut self) -> Reply {
        self.greeted = true;
        let answer = control::ask(&self.control, control::Request::Who);
        let service = match answer {
            Ok((Answer::Service(process), peer)) => {
                // By the kernel's word: whoever listens there could say anything.
                self.service = (peer.user, peer.group);
                process
            }
            _ => 0,
        };
        Reply::Hello {
            build: BUILD.to_owned(),
            user: self.service.0,
            group: self.service.1,
            service,
        }
    }

    fn act(
        &mut self,
        number: u64,
        request: Request,
        out: &mut Outbox,
    ) -> io::Result<Result<(), Failure>> {
        Ok(match request {
            Request::Hello { .. } => Ok(()),
            Request::Root {
                number,
                path,
                owner,
            } => self.declare(number, &path, owner),
            Request::Put { file, bytes } => self.put(file, &bytes),
            Request::Begin { file, size } => self.begin(number, file, size),
            Request::Piece { of, bytes } => self.piece(of, &bytes),
            Request::Commit { of } => self.commit(of),
            Request::Abandon { of } => {
                self.open.remove(&of);
                Ok(())
            }
            Request::Directory { at, mode, seen } => {
                let done = self
                    .root(at.root)
                    .and_then(|root| directory(root, &at.path, mode));
                done.map(|()| self.applied(&at, seen))
            }
            Request::Link { at, to, seen } => {
                let done = self
                    .root(at.root)
                    .and_then(|root| new::link(root, &at.path, &to));
                done.map(|()| self.applied(&at, seen))
            }
            Request::Remove { at, seen } => {
                match self.root(at.root).and_then(|root| remove(root, &at.path)) {
                    Ok(true) => {
                        self.applied(&at, seen);
                        Ok(())
                    }
                    Ok(false) => return out.send(&Reply::Kept { request: number }).map(Ok),
                    Err(failure) => Err(failure),
                }
            }
            Request::Restart { signal, grace } => {
                let request = control::Request::Restart { signal, grace };
                match self.ask(request, "restart the service") {
                    Ok(Answer::Restarted(restarted)) => {
                        return out
                            .send(&Reply::Restarted {
                                request: number,
                                service: restarted.service,
                                stopped: restarted.stopped,
                                started: restarted.started,
                                killed: restarted.killed,
                            })
                            .map(Ok);
                    }
                    other => other.map(|_| ()),
                }
            }
            Request::Signal { signal } => {
                let request = control::Request::Signal(signal);
                self.ask(request, "send the service a signal").map(|_| ())
            }
            Request::Tree { at, skip, hash } => match self.root(at.root) {
                Ok(root) => return tree::list(root, number, &at.path, skip, hash, out),
                Err(failure) => Err(failure),
            },
            Request::Read { at, most } => match self.root(at.root) {
                Ok(root) => return tree::read(root, number, &at.path, most, out),
                Err(failure) => Err(failure),
            },
            Request::Watch { root } => self.watch(root),
            Request::LastSync { at } => match self.last_sync(&at) {
                Ok(Some((at, took))) => {
                    let reply = Reply::Synced {
                        request: number,
                        at,
                        took,
                    };
                    return out.send(&reply).map(Ok);
                }
                Ok(None) => Ok(()),
                Err(failure) => Err(failure),
            },
        })
    }

    fn root(&self, number: u16) -> Result<&Root, Failure> {
        let unknown = || Failure::new(EBADF, format!("the root {number} was not declared"));
        self.roots.get(&number).ok_or_else(unknown)
    }

    fn declare(&mut self, number: u16, path: &[u8], owner: Option<Owner>) -> Result<(), Failure> {
        let root = Root::open(path, owner.unwrap_or(self.service))?;
        // What is deeper down is cleared when the tree is listed.
        for name in root.dir().list().into_iter().flatten().flatten() {
            new::clear_left_over(root.dir(), &name);
        }
        self.roots.insert(number, root);
        if let Some(watch) = &mut self.watch {
            watch.forget(number);
        }
        Ok(())
    }

    fn put(&mut self, file: crate::wire::frame::File, bytes: &[u8]) -> Result<(), Failure> {
        let mut new = New::begin(self.root(file.at.root)?, file, bytes.len() as u64)?;
        new.write(bytes)?;
        let file = new.commit()?;
        self.applied(&file.at, file.seen);
        Ok(())
    }

    fn begin(
        &mut self,
        number: u64,
        file: crate::wire::frame::File,
        size: u64,
    ) -> Result<(), Failure> {
        if self.open.len() >= MOST_OPEN {
            let what = format!("{MOST_OPEN} files are being sent already");
            return Err(Failure::new(EMFILE, what));
        }
        let new = New::begin(self.root(file.at.root)?, file, size)?;
        self.open.insert(number, new);
        Ok(())
    }

    /// Pieces of a file that has failed already are dropped: they were on their way, and it was told.
    fn piece(&mut self, of: u64, bytes: &[u8]) -> Result<(), Failure> {
        let Some(new) = self.open.get_mut(&of) else {
            return Ok(());
        };
        let written = new.write(bytes);
        if written.is_err() {
            self.open.remove(&of);
        }
        written
    }

    fn commit(&mut self, of: u64) -> Result<(), Failure> {
        let unknown = || {
            Failure::new(
                EBADF,
                format!("no file is being sent that frame {of} began"),
            )
        };
        let file = self.open.remove(&of).ok_or_else(unknown)?.commit()?;
        self.applied(&file.at, file.seen);
        Ok(())
    }

    /// Remembers a change that is in place, and keeps the watch from telling of it.
    fn applied(&mut self, at: &At, seen: u64) {
        if let Some(root) = self.roots.get(&at.root)
            && seen > 0
        {
            self.synced.note(&root.path, &at.path, seen);
        }
        if let Some(watch) = &mut self.watch {
            watch.own(at);
        }
    }

    fn ask(&self, request: control::Request, doing: &str) -> Result<Answer, Failure> {
        match control::ask(&self.control, request) {
            Ok((Answer::Failed { errno, what }, _)) => Err(Failure::new(errno, what)),
            Ok((answer, _)) => Ok(answer),
            Err(error) => Err(Failure::new(
                errno(&error),
                format!("cannot {doing}: its first process does not answer: {error}"),
            )),
        }
    }

    fn watch(&mut self, number: u16) -> Result<(), Failure> {
        if self.watch.is_none() {
            self.watch = Some(Watch::new()?);
        }
        let Some(root) = self.roots.get(&number) else {
            return self.root(number).map(|_| ());
        };
        match &mut self.watch {
            Some(watch) => watch.begin(number, root),
            None => Ok(()),
        }
    }

    fn last_sync(&mut self, at: &At) -> Result<Option<(u64, u64)>, Failure> {
        let root = self.root(at.root)?.path.clone();
        let found = self.synced.last(&root, &at.path);
        found.map_err(|e| Failure::of("read what is known of", &at.path, &e))
    }
}

/// A directory with this mode; anything else at its place gives way.
fn directory(root: &Root, path: &[u8], mode: u32) -> Result<(), Failure> {
    let fail = |error: io::Error| Failure::of("make the directory", path, &error);
    let set_mode = |dir: &crate::at::Dir| {
        let handle = dir.readable()?;
        match handle.metadata()?.mode() & MODE_BITS == mode & MODE_BITS {
            true => Ok(()),
            false => handle.set_permissions(Permissions::from_mode(mode & MODE_BITS)),
        }
    };
    if path.is_empty() {
        return set_mode(root.dir()).map_err(fail);
    }
    let (parent, name) = root.parent(path, true)?;
    match parent.dir(name) {
        Ok(there) => return set_mode(&there).map_err(fail),
        Err(error) if errno(&error) == ENOTDIR => parent.unlink(name).map_err(fail)?,
        Err(error) if errno(&error) == ENOENT => {}
        Err(error) => return Err(fail(error)),
    }
    let made = make_directory(&parent, name, mode, root.owner);
    made.map(|_| ()).map_err(fail)
}

/// Whether nothing is there any more; not, when it is a directory that holds something.
fn remove(root: &Root, path: &[u8]) -> Result<bool, Failure> {
    if path.is_empty() {
        return Err(Failure::new(EBUSY, "the root of a sync is not removed"));
    }
    let (parent, name) = match root.parent(path, false) {
        Ok(place) => place,
        // A directory above it is gone, or is a file or a link by now.
        Err(failure) if matches!(failure.errno, ENOENT | ENOTDIR | ELOOP) => return Ok(true),
        Err(failure) => return Err(failure),
    };
    let mut removed = parent.unlink(name);
    if let Err(error) = &removed
        && errno(error) == EISDIR
    {
        removed = parent.remove_dir(name);
    }
    match removed {
        Ok(()) => Ok(true),
        Err(error) => match errno(&error) {
            ENOENT => Ok(true),
            ENOTEMPTY | EEXIST => Ok(false),
            _ => Err(Failure::of("remove", shown(path).as_bytes(), &error)),
        },
    }
}

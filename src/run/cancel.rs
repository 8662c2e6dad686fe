//! Ctrl-C: once stops gently, twice at once.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells every part of a run how urgently the user wants it to stop.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Receiver<u8>);

/// The other end: counts the signals.
#[derive(Debug)]
pub struct CancelSource(watch::Sender<u8>);

impl CancelSource {
    /// A source and its token.
    pub fn new() -> (Self, Cancel) {
        let (sender, receiver) = watch::channel(0);
        (Self(sender), Cancel(receiver))
    }

    /// One more request to stop.
    pub fn request(&self) {
        self.0.send_modify(|level| *level = level.saturating_add(1));
    }

    /// A source that counts SIGINT and SIGTERM from now on.
    pub fn from_signals() -> std::io::Result<Cancel> {
        Self::with_signals().map(|(_, cancel)| cancel)
    }

    /// The same with the source itself, for whoever can ask for a stop in another way.
    pub fn with_signals() -> std::io::Result<(Arc<Self>, Cancel)> {
        use tokio::signal::unix::{SignalKind, signal};
        let (source, cancel) = Self::new();
        let source = Arc::new(source);
        let counts = source.clone();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => counts.request(),
                    _ = terminate.recv() => counts.request(),
                }
            }
        });
        Ok((source, cancel))
    }
}

impl Cancel {
    /// True after the first request.
    pub fn requested(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// True after the second request.
    pub fn at_once(&self) -> bool {
        *self.0.borrow() > 1
    }

    /// Returns at the first request.
    pub async fn wait(&self) {
        self.wait_for(1).await;
    }

    /// Returns at the second request.
    pub async fn wait_at_once(&self) {
        self.wait_for(2).await;
    }

    async fn wait_for(&self, level: u8) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|now| *now >= level).await.is_err() {
            // The source is gone: nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }
}

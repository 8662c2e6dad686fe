//! What happens to containers and networks, as the engine tells it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::EventsOptions;
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::from_bollard;
use super::{Engine, EngineError, clock, label_filter};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    Container,
    Network,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineEvent {
    pub kind: EventKind,
    /// `create`, `start`, `die`, `oom`, `stop`, `destroy`, `health_status: healthy`, `connect`, …
    pub action: String,
    pub id: String,
    pub name: String,
    /// A container's labels; for a network, the engine's attributes (`container`, `type`).
    pub labels: BTreeMap<String, String>,
    /// With `die`.
    pub exit_code: Option<i64>,
    /// With `kill`: the signal's number.
    pub signal: Option<String>,
    /// Since 1970, by the engine's clock.
    pub time_ns: i64,
}

/// Events from the moment of the call that made it. Dropping it ends the subscription.
pub struct EventStream {
    receiver: mpsc::UnboundedReceiver<Result<EngineEvent, EngineError>>,
    pump: JoinHandle<()>,
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl EventStream {
    /// The next event; `None` when the engine has closed the stream.
    pub async fn next(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        self.receiver.recv().await
    }
}

impl Stream for EventStream {
    type Item = Result<EngineEvent, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx)
    }
}

impl Engine {
    /// Subscribes. Nothing that happens after this returns is lost.
    ///
    /// With labels, only containers that carry them are heard: the engine tells no labels with
    /// its network events. Without, all containers and networks are. The start of commands in a
    /// container (`exec_create`, `exec_start`) is left out: health checks make many.
    pub async fn events(&self, labels: &[(&str, &str)]) -> Result<EventStream, EngineError> {
        // The subscription itself comes a little later; asking for everything since now, by the
        // engine's own clock, makes up for that.
        let info = self
            .call("asking the engine for its time", self.docker.info())
            .await?;
        let since = info
            .system_time
            .as_deref()
            .and_then(clock::parse)
            .map(|(s, ns)| format!("{s}.{ns:09}"));
        let mut filters = label_filter(labels);
        let kinds: &[&str] = if labels.is_empty() {
            &["container", "network"]
        } else {
            &["container"]
        };
        filters.insert(
            "type".to_string(),
            kinds.iter().map(|k| k.to_string()).collect(),
        );
        let mut events = Box::pin(self.docker.events(Some(EventsOptions {
            since,
            until: None,
            filters: Some(filters),
        })));
        let (sender, receiver) = mpsc::unbounded_channel();
        let pump = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let event = match event {
                    Ok(message) => read_event(message).map(Ok),
                    Err(e) => Some(Err(from_bollard("listening to the engine's events", e))),
                };
                if let Some(event) = event
                    && sender.send(event).is_err()
                {
                    break;
                }
            }
        });
        Ok(EventStream { receiver, pump })
    }
}

fn read_event(message: EventMessage) -> Option<EngineEvent> {
    let kind = match message.typ? {
        EventMessageTypeEnum::CONTAINER => EventKind::Container,
        EventMessageTypeEnum::NETWORK => EventKind::Network,
        _ => return None,
    };
    let action = message.action?;
    if action.starts_with("exec_create") || action.starts_with("exec_start") {
        return None;
    }
    let actor = message.actor.unwrap_or_default();
    let mut labels: BTreeMap<String, String> =
        actor.attributes.unwrap_or_default().into_iter().collect();
    let mut own = |name: &str| labels.remove(name);
    let name = own("name").unwrap_or_default();
    let exit_code = own("exitCode").and_then(|c| c.parse().ok());
    let signal = own("signal");
    if kind == EventKind::Container {
        own("image");
        own("execDuration");
    }
    Some(EngineEvent {
        kind,
        action,
        id: actor.id.unwrap_or_default(),
        name,
        labels,
        exit_code,
        signal,
        time_ns: message
            .time_nano
            .or(message.time.map(|s| s.saturating_mul(1_000_000_000)))
            .unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<EngineEvent> {
        read_event(serde_json::from_str(text).unwrap_or_default())
    }

    #[test]
    fn a_death() {
        let e = read(
            r#"{"status":"die","id":"ab","from":"img","Type":"container","Action":"die","Actor":{"ID":"ab","Attributes":{"exitCode":"137","image":"img","name":"eng-a","my.label":"x"}},"scope":"local","time":1700000000,"timeNano":1700000000000000001}"#,
        );
        let e = e.expect("an event");
        assert_eq!(
            (e.action.as_str(), e.name.as_str(), e.exit_code),
            ("die", "eng-a", Some(137))
        );
        assert_eq!(e.labels.len(), 1);
        assert_eq!(e.time_ns, 1_700_000_000_000_000_001);
    }

    #[test]
    fn the_rest_is_left_out() {
        assert!(read(r#"{"Type":"container","Action":"exec_create: sh -c true"}"#).is_none());
        assert!(read(r#"{"Type":"image","Action":"pull"}"#).is_none());
        assert!(read("{}").is_none());
    }
}

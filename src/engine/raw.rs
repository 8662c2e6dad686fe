//! Ways around what bollard does not offer.
//!
//! - One connection of our own to the engine, upgraded to a plain byte stream,
//!   for the build session. Sockets and plain TCP only: over TLS there is none.
//! - A call with a path and query of our own, over bollard's connection, where
//!   bollard lacks a parameter or its types refuse an answer that is fine.

use std::io;
use std::path::PathBuf;

use bollard::Docker;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::connect::adapt;
use super::{Engine, EngineError};

/// Where to open the connection.
#[derive(Debug, Clone)]
pub(super) enum Dial {
    Unix(PathBuf),
    /// `host:port`
    Tcp(String),
}

impl Dial {
    /// Sends the request and hands over the connection once the engine has switched protocols.
    pub(super) async fn upgrade(&self, request: Request<Full<Bytes>>) -> io::Result<Upgraded> {
        match self {
            Dial::Unix(path) => upgrade(UnixStream::connect(path).await?, request).await,
            Dial::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                upgrade(stream, request).await
            }
        }
    }
}

async fn upgrade<S>(stream: S, request: Request<Full<Bytes>>) -> io::Result<Upgraded>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Ends by itself when the upgraded stream or the connection is dropped.
    tokio::spawn(connection.with_upgrades());
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    if response.status() != hyper::StatusCode::SWITCHING_PROTOCOLS {
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map(|b| String::from_utf8_lossy(&b.to_bytes()).trim().to_string())
            .unwrap_or_default();
        return Err(io::Error::other(format!("status {status} {body}")));
    }
    hyper::upgrade::on(response).await.map_err(io::Error::other)
}

impl Engine {
    /// Bollard, with every call to a path that ends in `instead_of` sent to `target` instead.
    pub(super) fn redirected(&self, target: String, instead_of: &'static str) -> Docker {
        let api = self.shared.api;
        self.docker.clone().with_request_modifier(move |mut sent| {
            if sent.uri().path().ends_with(instead_of) {
                let mut parts = sent.uri().clone().into_parts();
                parts.path_and_query = target.parse().ok();
                if let Ok(uri) = hyper::Uri::from_parts(parts) {
                    *sent.uri_mut() = uri;
                }
            }
            adapt(sent, api)
        })
    }

    /// Bollard, with `json` as the body of every call to a path that ends in `of`.
    pub(super) fn rewritten(&self, json: String, of: &'static str) -> Docker {
        let api = self.shared.api;
        self.docker.clone().with_request_modifier(move |mut sent| {
            if sent.uri().path().ends_with(of) {
                sent.headers_mut()
                    .insert(hyper::header::CONTENT_LENGTH, json.len().into());
                *sent.body_mut() = bollard::body_full(Bytes::from(json.clone()));
            }
            adapt(sent, api)
        })
    }

    /// `GET`s a path and reads the answer with types of our own.
    pub(super) async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        doing: &str,
        path: &str,
    ) -> Result<T, EngineError> {
        // Exporting an image is bollard's one plain `GET` that hands over the bytes.
        let docker = self.redirected(path.to_string(), "/images/-/get");
        let body =
            docker
                .export_image("-")
                .try_fold(BytesMut::new(), |mut all, piece| async move {
                    all.extend_from_slice(&piece);
                    Ok(all)
                });
        let body = self.call(doing, body).await?;
        serde_json::from_slice(&body).map_err(|e| {
            EngineError::other(doing, format!("the engine's answer could not be read: {e}"))
        })
    }
}

pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

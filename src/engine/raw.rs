//! One connection of our own to the engine, upgraded to a plain byte stream.
//!
//! Bollard keeps its upgraded connections to itself; the build session needs
//! one. Sockets and plain TCP only: over TLS there is no session of ours.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

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
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
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

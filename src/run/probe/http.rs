//! One HTTP request over TCP.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::app::Request;

/// Bytes of a body that are read; what an expectation looks at stands before.
const MAX_BODY: usize = 1 << 20;

/// Fields of the header that say what an answer is.
const COMPARED: [&str; 2] = ["content-type", "location"];

/// Time for a connection to a port of this machine.
const CONNECT: Duration = Duration::from_secs(5);

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Fields of the header that are compared, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, as text.
    pub body: String,
}

/// Why there was none.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The connection was refused or broke off.
    Connection(String),
    /// The server speaks, and not HTTP.
    NotHttp(String),
    /// Nothing came in time.
    Silent(Duration),
}

/// Sends `request` to `address` and reads the answer.
pub async fn ask(request: &Request, address: &(String, u16)) -> Result<Answer, Failure> {
    let broken = |error: &dyn std::fmt::Display| Failure::Connection(error.to_string());
    let stream = TcpStream::connect((address.0.as_str(), address.1))
        .await
        .map_err(|error| broken(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let connection = tokio::spawn(connection);
    let mut message = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(&request.path)
        .header("host", format!("localhost:{}", request.port))
        .header("user-agent", "envsim");
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    let body = Full::new(Bytes::from(request.body.clone().unwrap_or_default()));
    let message = message.body(body).map_err(|error| broken(&error))?;
    let result = async {
        let response = sender.send_request(message).await.map_err(|error| {
            if error.is_parse() {
                Failure::NotHttp(error.to_string())
            } else if error.is_closed() || error.is_canceled() || error.is_incomplete_message() {
                Failure::Connection("the connection was closed before an answer came".to_owned())
            } else {
                Failure::Connection(cause(&error))
            }
        })?;
        let status = response.status().as_u16();
        let headers = COMPARED.iter().filter_map(|name| {
            let value = response.headers().get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        });
        let headers = headers.collect();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        Ok(Answer {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
    .await;
    connection.abort();
    result
}

/// Whether something accepts connections there. The engine's own proxy accepts for a port that
/// nobody listens on, and closes at once: a connection counts when it stays open for a moment.
pub async fn connects(address: &(String, u16)) -> Result<(), String> {
    let connecting = TcpStream::connect((address.0.as_str(), address.1));
    let stream = tokio::time::timeout(CONNECT, connecting)
        .await
        .map_err(|_| format!("no answer in {} s", CONNECT.as_secs()))?
        .map_err(|error| error.to_string())?;
    let mut byte = [0u8; 1];
    let waited = tokio::time::timeout(Duration::from_millis(200), stream.peek(&mut byte)).await;
    match waited {
        Ok(Ok(0)) => Err("the connection was closed at once".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// The innermost reason: hyper's own words say "connection error" only.
fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => cause(source),
        None => error.to_string(),
    }
}

//! The build session: what BuildKit asks its client for while it builds.
//!
//! The engine turns one of our connections around and speaks HTTP/2 to us on
//! it. Two questions are answered, from memory and only when asked: the value
//! of a build secret, and the credentials of a registry. Bollard 0.21 offers
//! secrets only on a path without progress, hence this file; a bollard that
//! offers both makes it unnecessary.
//!
//! gRPC is framed by hand: four unary methods with one or two string fields do
//! not justify a second code generator.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinHandle;

use super::ApiVersion;
use super::build::BuildSecret;
use super::credentials;
use super::raw::Dial;

const GET_SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// An open session; dropping it closes the connection.
pub(super) struct Session {
    serving: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Session {
    pub(super) async fn open(
        dial: &Dial,
        api: ApiVersion,
        id: &str,
        secrets: Vec<BuildSecret>,
    ) -> io::Result<Session> {
        let request = Request::post(format!("/v{api}/session"))
            .header("Host", "docker")
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c")
            .header("X-Docker-Expose-Session-Uuid", id)
            .header("X-Docker-Expose-Session-Name", "envsim")
            .header("X-Docker-Expose-Session-Sharedkey", "")
            .header("X-Docker-Expose-Session-Grpc-Method", HEALTH)
            .header("X-Docker-Expose-Session-Grpc-Method", GET_SECRET)
            .header("X-Docker-Expose-Session-Grpc-Method", CREDENTIALS)
            .body(Full::new(Bytes::new()))
            .map_err(io::Error::other)?;
        let stream = dial.upgrade(request).await?;
        let secrets: Arc<[BuildSecret]> = secrets.into();
        let serving = tokio::spawn(async move {
            let answering = service_fn(move |request| {
                let secrets = secrets.clone();
                async move { Ok::<_, Infallible>(respond(request, &secrets).await) }
            });
            // The engine closes it when the build ends; that is not a failure.
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, answering)
                .await;
        });
        Ok(Session { serving })
    }
}

type Answer = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn respond(request: Request<Incoming>, secrets: &[BuildSecret]) -> Response<Answer> {
    let path = request.uri().path().to_string();
    let outcome = match request.into_body().collect().await {
        Ok(body) => answer(&path, message(&body.to_bytes()), secrets).await,
        Err(_) => Err(Refusal::internal("the question could not be read")),
    };
    let mut trailers = HeaderMap::new();
    let mut frames = Vec::with_capacity(2);
    match outcome {
        Ok(reply) => {
            let mut framed = BytesMut::with_capacity(reply.len() + 5);
            framed.put_u8(0);
            framed.put_u32(reply.len() as u32);
            framed.put_slice(&reply);
            frames.push(Ok(Frame::data(framed.freeze())));
            set(&mut trailers, "grpc-status", "0");
        }
        Err(refusal) => {
            set(&mut trailers, "grpc-status", refusal.code);
            set(&mut trailers, "grpc-message", &refusal.message);
        }
    }
    frames.push(Ok(Frame::trailers(trailers)));
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    set(response.headers_mut(), "content-type", "application/grpc");
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}

struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    fn internal(message: &str) -> Refusal {
        Refusal {
            code: "13",
            message: message.to_string(),
        }
    }
}

async fn answer(path: &str, question: &[u8], secrets: &[BuildSecret]) -> Result<Vec<u8>, Refusal> {
    match path {
        // status = SERVING
        HEALTH => Ok(vec![0x08, 1]),
        GET_SECRET => {
            let id = field(question, 1).unwrap_or_default();
            let secret = secrets.iter().find(|s| s.id.as_bytes() == id);
            // BuildKit turns "not found" into its own sentence, and into nothing at all for a
            // secret that is not `required`.
            secret
                .map(|s| encode(&[(1, &s.bytes)]))
                .ok_or_else(|| Refusal {
                    code: "5",
                    message: format!("secret {} not found", printable(id)),
                })
        }
        CREDENTIALS => {
            let host = String::from_utf8_lossy(field(question, 1).unwrap_or_default()).into_owned();
            let found = credentials::for_registry(&host).await.unwrap_or_default();
            // No credentials means an empty answer: the engine then asks anonymously.
            let (user, secret) = match found {
                Some(c) if !c.identity_token.is_empty() => (String::new(), c.identity_token),
                Some(c) => (c.username, c.password),
                None => Default::default(),
            };
            Ok(encode(&[(1, user.as_bytes()), (2, secret.as_bytes())]))
        }
        _ => Err(Refusal {
            code: "12",
            message: "not offered".to_string(),
        }),
    }
}

fn printable(id: &[u8]) -> String {
    id.iter()
        .filter(|b| b.is_ascii_graphic() && **b != b'%')
        .map(|b| char::from(*b))
        .collect()
}

/// The message inside a gRPC frame: one byte of flags and four of length come first.
fn message(frame: &[u8]) -> &[u8] {
    frame.get(5..).unwrap_or_default()
}

/// The first length-delimited protobuf field with this number.
fn field(mut bytes: &[u8], number: u64) -> Option<&[u8]> {
    loop {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let value = bytes.get(..length)?;
                if key >> 3 == number {
                    return Some(value);
                }
                bytes = &bytes[length..];
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn encode(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in fields {
        if value.is_empty() {
            continue;
        }
        out.push(number << 3 | 2);
        let mut length = value.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let long = vec![b'x'; 70_000];
        let bytes = encode(&[(1, b"npm"), (2, &long)]);
        assert_eq!(field(&bytes, 1), Some(&b"npm"[..]));
        assert_eq!(field(&bytes, 2), Some(&long[..]));
        assert_eq!(field(&bytes, 3), None);
        assert_eq!(field(&[0x0a, 200], 1), None);
        assert_eq!(field(&[0xff; 20], 1), None);
    }

    #[tokio::test]
    async fn secrets_are_given_by_id_only() {
        let secrets = [BuildSecret {
            id: "token".into(),
            bytes: b"s3cret".to_vec().into(),
        }];
        let given = answer(GET_SECRET, &encode(&[(1, b"token")]), &secrets).await;
        assert_eq!(
            field(&given.ok().unwrap_or_default(), 1),
            Some(&b"s3cret"[..])
        );
        let refused = answer(GET_SECRET, &encode(&[(1, b"other")]), &secrets).await;
        assert!(refused.is_err_and(|r| r.code == "5"));
    }
}

//! Serving HTTP until shutdown.
//!
//! Invariant: so many connections at once and no more, each of which has its head said and its answers taken in time or
//! is closed: who says nothing, or does not listen, costs little, and not for long. Bodies are the handlers' to bound.
//!
//! `/livez` and `/readyz` wait for a connection like everybody. Keeping some for them would help nobody: what is asked
//! for is known only once a connection is accepted and its head is read, so that a flood takes the kept ones too. Who
//! restarts a process that does not answer should be patient (several misses in a row), or ask gRPC health, which has
//! a port of its own.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    http::{Method, Uri},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;

use crate::{Code, Problem, Shutdown, Tasks};

/// Bytes of a request's head, and of what is read of a body at once.
const MAX_BUFFER: usize = 64 * 1024;
/// Until the next connection is accepted after the system had none to give: too many files are open.
const NO_MORE: Duration = Duration::from_millis(500);

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// At once; the next one waits until one is closed.
    pub connections: usize,
    /// Until a request's head has been said, from when the connection was opened or answered last.
    pub head: Duration,
    /// Until some more of an answer has been taken.
    pub answer: Duration,
    /// For requests under way at shutdown; then they are broken off.
    pub drain: Duration,
}

impl Default for Limits {
    /// An idle connection lives longer than a load balancer keeps its own (60 s).
    fn default() -> Self {
        let (head, answer, drain) =
            (Duration::from_secs(75), Duration::from_secs(30), Duration::from_secs(5));
        Self { connections: 4_096, head, answer, drain }
    }
}

/// Serves `router` until shutdown; requests under way are finished. Returns the address bound.
pub fn serve(listener: TcpListener, router: Router, tasks: &Tasks) -> anyhow::Result<SocketAddr> {
    serve_within(Limits::default(), listener, router, tasks)
}

/// As [`serve`], within other limits.
pub fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    tasks: &Tasks,
) -> anyhow::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let router = router.method_not_allowed_fallback(not_allowed);
    let serving = serve_until(tasks.shutdown(), limits, listener, router);
    tasks.spawn(format!("http {address}"), async move {
        serving.await;
        Ok(())
    });
    Ok(address)
}

async fn serve_until(shutdown: Shutdown, limits: Limits, listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_BUFFER);
    let mut stop = pin!(shutdown.wait());
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.join_next() => note(ended),
            (stream, place) = next(&listener, &room) => {
                let service = TowerToHyperService::new(router.clone());
                let io = TokioIo::new(listened_to(stream, limits.answer));
                let connection = graceful.watch(server.serve_connection(io, service));
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection broke off: {error}");
                    }
                    drop(place);
                });
            }
        }
    }
    drop(listener);
    if timeout(limits.drain, graceful.shutdown()).await.is_err() {
        while let Some(ended) = connections.try_join_next() {
            note(ended);
        }
        tracing::warn!("{} connections were broken off at shutdown", connections.len());
    }
}

/// A connection that breaks off when what is written to it is not taken in time.
fn listened_to(stream: TcpStream, within: Duration) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(within));
    Box::pin(stream)
}

/// The next connection, once there is room for it.
async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = room.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) if gone(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection: {error}");
                sleep(NO_MORE).await;
            }
        }
    }
}

/// Whether it was the client who went away.
fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A handler that panicked costs its own connection.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a request's handler panicked: {error}");
    }
}

async fn not_allowed(method: Method, uri: Uri) -> Problem {
    let message = format!("{} is not asked for by {method}", uri.path());
    Problem::new(Code::MethodNotAllowed, "METHOD_NOT_ALLOWED", message)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::mpsc,
    };

    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    async fn serving(limits: Limits, router: Router) -> (SocketAddr, Tasks) {
        let (listener, tasks) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Tasks::new());
        (serve_within(limits, listener, router, &tasks).unwrap(), tasks)
    }

    fn hello() -> Router {
        Router::new().route("/", get(async || "hello"))
    }

    /// Everything the server says until it closes the connection.
    async fn heard(mut stream: TcpStream) -> String {
        let mut text = String::new();
        // One that is reset has said all it will.
        drop(timeout(SOON, stream.read_to_string(&mut text)).await.expect("it is never closed"));
        text
    }

    async fn ask(address: SocketAddr, request: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn who_does_not_say_its_head_in_time_is_closed_and_makes_room() {
        let limits = Limits { connections: 2, head: Duration::from_millis(200), ..Limits::default() };
        let (address, tasks) = serving(limits, hello()).await;
        let (silent, slow) = (ask(address, b"").await, ask(address, b"GET / HTTP/1.1\r\nhost").await);
        let honest = ask(address, ASK).await;
        assert!(heard(honest).await.ends_with("hello"));
        assert_eq!(heard(silent).await, "");
        assert!(!heard(slow).await.contains("hello"));
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
    }

    #[tokio::test]
    async fn beyond_so_many_connections_the_next_waits_for_one_to_close() {
        let limits = Limits { connections: 1, ..Limits::default() };
        let (address, tasks) = serving(limits, hello()).await;
        let first = ask(address, b"").await;
        let mut second = ask(address, ASK).await;
        let mut byte = [0];
        assert!(
            timeout(Duration::from_millis(100), second.read(&mut byte)).await.is_err(),
            "served too early"
        );
        drop(first);
        assert!(heard(second).await.ends_with("hello"));
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
    }

    /// Its answer is larger than what the system takes in its place.
    #[tokio::test]
    async fn who_does_not_take_its_answer_in_time_is_closed_and_makes_room() {
        let router = hello().route("/large", get(async || vec![b' '; 64 << 20]));
        let limits = Limits { connections: 1, answer: Duration::from_millis(200), ..Limits::default() };
        let (address, tasks) = serving(limits, router).await;
        let deaf = ask(address, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(heard(ask(address, ASK).await).await.ends_with("hello"));
        drop(deaf);
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
    }

    /// Nothing waits for them: there is more time than the test has.
    #[tokio::test]
    async fn at_shutdown_idle_connections_are_closed_at_once() {
        let limits = Limits { drain: 10 * SOON, ..Limits::default() };
        let (address, tasks) = serving(limits, hello()).await;
        let silent = ask(address, b"").await;
        let mut answered = ask(address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        answered.read_exact(&mut [0; 8]).await.unwrap();
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
        assert_eq!(heard(silent).await, "");
        assert!(heard(answered).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn at_shutdown_endless_requests_are_broken_off_in_the_end() {
        let (began, mut begun) = mpsc::unbounded_channel();
        let endless = get(async move || {
            began.send(()).unwrap();
            std::future::pending::<&str>().await
        });
        let limits = Limits { drain: Duration::from_millis(100), ..Limits::default() };
        let (address, tasks) = serving(limits, hello().route("/endless", endless)).await;
        let endless = ask(address, b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
        timeout(SOON, begun.recv()).await.expect("it is under way");
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
        assert_eq!(heard(endless).await, "");
    }

    #[tokio::test]
    async fn a_handler_that_panics_costs_its_own_connection() {
        let router = hello().route("/loud", get(async || -> &'static str { panic!("on purpose") }));
        let (address, tasks) = serving(Limits::default(), router).await;
        assert_eq!(heard(ask(address, b"GET /loud HTTP/1.1\r\nhost: x\r\n\r\n").await).await, "");
        assert!(heard(ask(address, ASK).await).await.ends_with("hello"));
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
    }

    #[tokio::test]
    async fn a_wrong_method_is_answered_with_code_and_message() {
        let (address, tasks) = serving(Limits::default(), hello()).await;
        let answer =
            heard(ask(address, b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
        assert!(answer.contains("allow: GET"), "{answer}");
        assert!(answer.contains(r#""code":"METHOD_NOT_ALLOWED""#), "{answer}");
        assert!(answer.contains(r#""message":"/ is not asked for by POST""#), "{answer}");
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
    }
}

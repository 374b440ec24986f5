//! Accepting connections. Our own loop instead of `axum::serve`, for the limits: a time for the
//! headers, a size for buffers, a number of connections, and an end.

use crate::abuse::Abuse;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Bounds of a listener.
#[derive(Clone)]
pub struct ServeLimits {
    /// Connections that speak HTTP at once; more wait in the kernel's queue. A connection that
    /// became a WebSocket no longer counts here.
    pub connections: usize,
    /// From the first wait for a request to the end of its headers: bounds half-open requests and
    /// idle connections alike.
    pub header_read: Duration,
    /// Bytes buffered per connection, and so the largest head of a request. hyper's own 400 KiB
    /// would be most of a server's memory at ten thousand connections.
    pub buffer: usize,
    /// From the shutdown to cutting requests that are still running.
    pub drain: Duration,
    /// Who has how many connections, and the policy's time for the headers; `None` where everybody is trusted.
    pub abuse: Option<Abuse>,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_read: Duration::from_secs(10),
            buffer: 16 * 1024,
            drain: Duration::from_secs(10),
            abuse: None,
        }
    }
}

/// Connections that wait to be accepted. With fewer, a part of those who come back at once after a restart would wait a
/// second until their system tries again; the system may allow less (`net.core.somaxconn`).
const BACKLOG: u32 = 4_096;

/// A listener with room for many who come at once.
///
/// # Errors
/// The address is taken, or not one of this machine.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Not kept from its port by connections of a server that has just ended.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown`, then lets running requests end. Sockets that were upgraded are not
/// waited for: who upgraded them ends them.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken, limits: ServeLimits) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let mut limits = limits.clone();
                let mut of_address = None;
                if let Some(abuse) = &limits.abuse {
                    of_address = abuse.connect(peer.ip());
                    if of_address.is_none() {
                        // Closed without a word, which costs least.
                        metrics::counter!("http_connections_refused_total").increment(1);
                        continue;
                    }
                    limits.header_read = abuse.policy().frames.head;
                }
                let connection = connection_loop(stream, peer, router.clone(), shutdown.clone(), limits);
                connections.spawn(async move {
                    connection.await;
                    drop((place, of_address));
                });
            }
            Err(error) => {
                // Out of file descriptors, mostly: pause, or this loop would take a whole core.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "requests were still running at the end of the drain");
    }
}

async fn connection_loop(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
    limits: ServeLimits,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read)
            .max_buf_size(limits.buffer)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.drain, connection).await {
                Ok(ended) => ended,
                Err(_) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        // The other side went away, or sent what is not HTTP: nothing to do about it.
        tracing::debug!(%error, "a connection ended early");
    }
}
